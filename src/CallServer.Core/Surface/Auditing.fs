namespace CallServer.Surface

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger
open CallServer.Audit

/// What an audit asks of the host, one method a command, so that a new command breaks the host's build.
type IAuditSink =
    /// Send this message to the gateway.
    abstract Send: message: byte[] -> unit
    /// Call Tick at this instant of the steady clock; replaces an earlier one.
    abstract WakeAt: instant: Instant -> unit
    /// The audit is over. The memory goes into the next audit of the same gateway.
    abstract Finished: result: AuditResult * memory: AuditMemory -> unit

/// What one audit of a gateway leaves to the next: its engine, budget, and where its rows lie. Lost without harm.
and [<Sealed; AllowNullLiteral>] AuditMemory internal (value: obj) =
    member internal _.Value = value

/// One running audit as a machine without clock or socket; each call gives the next machine. Not thread-safe by need: one
/// event in, all commands out, then the next event.
[<Sealed; AllowNullLiteral>]
type GatewayAudit
    internal (advance: Event -> Machine, commands: Command list, memory: unit -> obj, strays: int) =
    /// Messages so far that belonged to nothing that was asked: dropped and counted.
    member _.Strays = strays
    member _.Receive(now: Moment, message: byte[]) = GatewayAudit.Of(advance (Received(now, message)))
    member _.Tick(now: Moment) = GatewayAudit.Of(advance (Woke now))
    /// Gives up: what was learnt becomes a partial snapshot.
    member _.Stop(now: Moment) = GatewayAudit.Of(advance (Stopped now))

    /// Calls the sink once per command of the last event, in order.
    member _.Dispatch(sink: IAuditSink) =
        for command in commands do
            match command with
            | Send message -> sink.Send message
            | WakeAt instant -> sink.WakeAt instant
            | Finished snapshot -> sink.Finished(AuditResult snapshot, AuditMemory(memory ()))

    static member internal Of(machine: Machine) =
        GatewayAudit(machine.Advance, machine.Commands, machine.Memory, machine.Strays)

/// A protocol's audit with its state closed over.
and [<NoEquality; NoComparison>] internal Machine =
    { Advance: Event -> Machine; Commands: Command list; Memory: unit -> obj; Strays: int }

/// How to ask one gateway: made once from its configuration, and the start of every audit of it.
[<Sealed; AllowNullLiteral>]
type AuditTarget internal (start: obj -> Moment -> uint64 -> Machine) =
    /// Begins an audit. The seed is fresh randomness (request ids, salts); memory is null the first time.
    member _.Start(memory: AuditMemory, now: Moment, seed: uint64) : GatewayAudit =
        let value = if isNull memory then null else memory.Value
        GatewayAudit.Of(start value now seed)
