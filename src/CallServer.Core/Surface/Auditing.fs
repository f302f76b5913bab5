namespace CallServer.Surface

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Audit

/// What an audit asks of the host, one method a command, so that a new command breaks the host's build.
type IAuditSink =
    /// Send this datagram to the gateway.
    abstract Send: message: byte[] -> unit
    /// Open a stream to the gateway, in place of one that is open; Connected or Broken is to be called then.
    abstract Connect: unit -> unit
    /// Write this into the open stream.
    abstract Write: octets: byte[] -> unit
    /// Call Tick at this instant of the steady clock; replaces an earlier one.
    abstract WakeAt: instant: Instant -> unit
    /// A standing exchange has learnt this, and goes on.
    abstract Told: result: AuditResult -> unit
    /// The audit is over. The memory goes into the next audit of the same gateway.
    abstract Finished: result: AuditResult * memory: AuditMemory -> unit
    /// The release is over.
    abstract Released: result: ReleaseResult -> unit
    /// What the gateway says of who controls it.
    abstract Controlled: result: ControllerResult -> unit

/// What one audit of a gateway leaves to the next: its engine, budget, and where its rows lie. Lost without harm.
and [<Sealed; AllowNullLiteral>] AuditMemory internal (value: obj) =
    member internal _.Value = value

/// One running exchange with a gateway (an audit, a standing watch, a release) as a machine without clock or socket; each call
/// gives the next machine. Not thread-safe by need: one event in, all commands out, then the next event.
[<Sealed; AllowNullLiteral>]
type GatewayAudit internal (machine: Machine) =
    /// Messages so far that belonged to nothing that was asked: dropped and counted.
    member _.Strays = machine.Strays
    member _.Receive(now: Moment, message: byte[]) = GatewayAudit(machine.Advance(Received(now, message)))

    /// The stream is open; local is our end of it, HOST:PORT.
    member _.Connected(now: Moment, local: string) =
        GatewayAudit(machine.Advance(Event.Connected(now, local)))

    /// Octets of the stream, in order, cut anywhere.
    member _.Arrived(now: Moment, octets: byte[]) = GatewayAudit(machine.Advance(Event.Arrived(now, octets)))

    /// The stream could not be opened, or is closed.
    member _.Broken(now: Moment, reason: string) = GatewayAudit(machine.Advance(Event.Broken(now, reason)))
    member _.Tick(now: Moment) = GatewayAudit(machine.Advance(Woke now))
    /// Gives up: what was learnt becomes a partial snapshot.
    member _.Stop(now: Moment) = GatewayAudit(machine.Advance(Stopped now))
    /// Calls the sink once per command of the last event, in order.
    member _.Dispatch(sink: IAuditSink) = machine.Dispatch sink

/// A protocol's machine with its state closed over.
and [<NoEquality; NoComparison>] internal Machine =
    { Advance: Event -> Machine; Dispatch: IAuditSink -> unit; Strays: int }

module internal Machine =
    let private carry (outcome: 'Outcome -> unit) (told: 'Outcome -> unit) (sink: IAuditSink) command =
        match command with
        | Send message -> sink.Send message
        | Connect -> sink.Connect()
        | Write octets -> sink.Write octets
        | WakeAt instant -> sink.WakeAt instant
        | Told result -> told result
        | Finished result -> outcome result

    /// An audit or a watch.
    let rec ofAudit
        (advance: Event -> 'State -> 'State * Command list)
        (memory: 'State -> obj)
        (strays: 'State -> int)
        (state: 'State, commands: Command list)
        : Machine =
        { Advance = fun event -> ofAudit advance memory strays (advance event state)
          Dispatch =
            fun sink ->
                let finished snapshot = sink.Finished(AuditResult snapshot, AuditMemory(memory state))

                let told snapshot = sink.Told(AuditResult snapshot)
                commands |> List.iter (carry finished told sink)
          Strays = strays state }

    /// The start of every audit of a protocol: with what the last one left, or with nothing.
    let audits
        (none: 'Memory)
        (start: 'Memory -> AuditStart -> 'State * Command list)
        (advance: Event -> 'State -> 'State * Command list)
        (memory: 'State -> 'Memory)
        (strays: 'State -> int)
        (left: obj)
        (given: AuditStart)
        : Machine =
        let held =
            match left with
            | :? 'Memory as known -> known
            | _ -> none

        start held given |> ofAudit advance (memory >> box) strays

    /// The question who controls a gateway.
    let rec ofController
        (advance: Event -> 'State -> 'State * Command<Controller> list)
        (strays: 'State -> int)
        (state: 'State, commands: Command<Controller> list)
        : Machine =
        { Advance = fun event -> ofController advance strays (advance event state)
          Dispatch =
            fun sink ->
                let told outcome = sink.Controlled(ControllerResult outcome)
                commands |> List.iter (carry told told sink)
          Strays = strays state }

    /// The release of one connection.
    let rec ofRelease
        (advance: Event -> 'State -> 'State * Command<Release> list)
        (strays: 'State -> int)
        (connection: ConnectionId)
        (state: 'State, commands: Command<Release> list)
        : Machine =
        { Advance = fun event -> ofRelease advance strays connection (advance event state)
          Dispatch =
            fun sink ->
                let released outcome = sink.Released(ReleaseResult(connection, outcome))
                commands |> List.iter (carry released released sink)
          Strays = strays state }

/// How to ask one gateway: made once from its configuration, and the start of every audit of it.
[<Sealed; AllowNullLiteral>]
type AuditTarget
    internal
    (
        start: obj -> AuditStart -> Machine,
        watch: (AuditStart -> Machine) option,
        release: (ConnectionId -> AuditStart -> Machine) option,
        ?controller: AuditStart -> Machine
    ) =
    static let given (now: Moment) (seed: uint64) (local: string) (known: KnownConnections) : AuditStart =
        { At = now
          Rng = Rng.create seed
          Local = (if isNull local then "" else local)
          Known = (if isNull known then [||] else known.Connections)
          History = (if isNull known then ValueNone else known.History) }

    /// What every protocol asks of its requests; anything else throws ArgumentException.
    static member internal Check(timeout: TimeSpan, attempts: int) =
        if attempts < 1 || timeout <= TimeSpan.Zero then
            invalidArg (nameof attempts) "at least one attempt, and a timeout above zero"

    /// Begins an audit. The seed is fresh randomness (request ids, salts); memory is null the first time; local is our end of the
    /// way to the gateway, HOST:PORT; known may be null.
    member _.Start
        (memory: AuditMemory, now: Moment, seed: uint64, local: string, known: KnownConnections)
        : GatewayAudit =
        let value = if isNull memory then null else memory.Value
        GatewayAudit(start value (given now seed local known))

    /// The gateway can be asked to tell of every change by itself, and is to be.
    member _.Watches = watch.IsSome

    /// Begins a standing watch, which tells a snapshot whenever it learns one and ends only when it fails or is stopped; only
    /// where it watches.
    member _.Watch(now: Moment, seed: uint64, local: string) : GatewayAudit =
        match watch with
        | Some watch -> GatewayAudit(watch (given now seed local null))
        | None -> invalidOp "this gateway is not watched"

    /// The protocol has a message that ends one connection.
    member _.Releases = release.IsSome

    /// Begins to release one connection, which known must hold; only where it releases.
    member _.Release
        (connection: string, now: Moment, seed: uint64, local: string, known: KnownConnections)
        : GatewayAudit =
        match release with
        | Some release -> GatewayAudit(release (ConnectionId.create connection) (given now seed local known))
        | None -> invalidOp "this protocol ends no connections"

    /// The protocol tells which server controls the gateway.
    member _.TellsController = controller.IsSome

    /// Begins to ask which server controls it; only where it tells. Known may be null.
    member _.AskController(now: Moment, seed: uint64, local: string, known: KnownConnections) : GatewayAudit =
        match controller with
        | Some controller -> GatewayAudit(controller (given now seed local known))
        | None -> invalidOp "this protocol does not tell who controls a gateway"
