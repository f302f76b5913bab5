namespace CallServer.Surface

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Exchange
open CallServer.Protocols

/// What an exchange asks its host to do: one method per command, so that a new command breaks the host's
/// build.
type IExchangeSink<'Result> =
    /// Send this datagram to the gateway.
    abstract Send: message: byte[] -> unit
    /// Send this datagram to where the last one received came from.
    abstract Reply: message: byte[] -> unit
    /// Open a stream to the gateway, replacing one that is open. Then call Connected or Broken.
    abstract Connect: unit -> unit
    /// Write this into the open stream.
    abstract Write: octets: byte[] -> unit
    /// Call Tick at this instant of the steady clock. It replaces an earlier instant.
    abstract WakeAt: instant: Instant -> unit
    /// A standing exchange has learnt this, and goes on.
    abstract Told: result: 'Result -> unit
    /// The exchange is over. This comes once, and nothing after it.
    abstract Finished: result: 'Result -> unit

/// What one exchange with a gateway leaves to the next: its SNMP engine, its budget, and where its rows are.
/// Losing it does no harm.
[<Sealed; AllowNullLiteral>]
type AuditMemory internal (value: obj) =
    member internal _.Value = value

/// What surrounds an exchange and is not part of the machine.
[<NoComparison; NoEquality>]
type internal Circumstances<'Result> =
    {
        Caveats: Caveats
        Bounds: Bounds
        IsReply: byte[] -> bool
        /// Applies the caveats and bounds to a result.
        Judge: Caveats -> Bounds -> 'Result -> 'Result
        /// Octets received, and how many of them answered nothing.
        Taken: struct (int64 * int64)
    }

/// One running exchange with a gateway (an audit, a standing watch, a release, a question) as a machine
/// without clock or socket. Each call gives the next machine. Feed it one event, carry out all commands, then
/// feed the next event.
[<Sealed; AllowNullLiteral>]
type GatewayExchange<'Result> internal (machine: Machine<'Result>, around: Circumstances<'Result>) =
    let next machine = GatewayExchange(machine, around)

    /// Ends the exchange because it passed a limit. The machine may be the one before that event, or after
    /// it.
    let past (limit: Limit) (now: Moment) (machine: Machine<'Result>) =
        GatewayExchange(
            machine.Advance(Stopped now),
            { around with Caveats = { around.Caveats with PastLimit = ValueSome limit } }
        )

    /// Takes in octets, unless they are more than this gateway may send.
    let take (octets: int) (now: Moment) (event: Event) =
        let moved = machine.Advance event
        let struct (all, unasked) = around.Taken
        let all = all + int64 octets
        let unasked = if moved.Strays > machine.Strays then unasked + int64 octets else unasked

        match Bounds.passed around.Bounds all unasked moved.Load with
        | ValueSome limit when not moved.IsOver -> past limit now moved
        | _ -> GatewayExchange(moved, { around with Taken = struct (all, unasked) })

    let judge result = around.Judge around.Caveats around.Bounds result

    /// How many messages so far answered no request. They are dropped and counted.
    member _.Strays = machine.Strays

    /// Octets of memory that it holds, roughly.
    member _.Held: int64 =
        let struct (all, _) = around.Taken
        if machine.IsOver then 0L else Load.octets all machine.Load

    /// Connections that an audit was told so far; 0 where they come all at once.
    member _.Told = machine.Progress().Told

    /// How many it will be told, as far as the gateway has said; null where it has not.
    member _.Expected = machine.Progress().Of |> ValueOption.toNullable

    /// What the next audit or watch of the same gateway begins with.
    member _.Memory = AuditMemory(machine.Memory())

    /// A datagram came from the gateway, or the body of an answer over HTTP.
    member _.Receive(now: Moment, message: byte[]) =
        if int64 message.Length > around.Bounds.Reply then
            past (Limit.Reply around.Bounds.Reply) now machine
        else
            take message.Length now (Received(now, message))

    /// A reply is larger than we accept, and was not read.
    member _.PassReply(now: Moment) = past (Limit.Reply around.Bounds.Reply) now machine

    /// It would hold more than one audit may.
    member _.PassHeld(now: Moment) = past (Limit.Held around.Bounds.Held) now machine

    /// All gateways together would take more than this many octets, and this one takes most.
    member _.PassMemory(now: Moment, most: int64) = past (Limit.Memory most) now machine

    /// A datagram came from another address than the one asked, and is not taken. If it would have answered a
    /// request in flight, the outcome says so, with the option of the URI that would accept it. It issues no
    /// commands: call Dispatch on the exchange before.
    member this.Overhear
        (now: Moment, source: string, option: string, message: byte[])
        : GatewayExchange<'Result> =
        if
            around.Caveats.Elsewhere.IsSome || machine.Advance(Received(now, message)).Strays > machine.Strays
        then
            this
        else
            GatewayExchange(
                machine,
                { around with
                    Caveats = { around.Caveats with Elsewhere = ValueSome(struct (source, option)) } }
            )

    /// The stream is open. `local` is our end of it, HOST:PORT.
    member _.Connected(now: Moment, local: string) = next (machine.Advance(Event.Connected(now, local)))

    /// Octets of the stream came, in order, cut anywhere.
    member _.Arrived(now: Moment, octets: byte[]) = take octets.Length now (Event.Arrived(now, octets))

    /// The stream could not be opened, or is closed.
    member _.Broken(now: Moment, reason: string) = next (machine.Advance(Event.Broken(now, reason)))

    /// The instant that WakeAt named has come.
    member _.Tick(now: Moment) = next (machine.Advance(Woke now))

    /// Gives up. What was learnt becomes a partial snapshot.
    member _.Stop(now: Moment) = next (machine.Advance(Stopped now))

    /// Calls the sink once for each command of the last event, in order.
    member _.Dispatch(sink: IExchangeSink<'Result>) : unit =
        for command in machine.Commands do
            match command with
            | Send message when around.IsReply message -> sink.Reply message
            | Send message -> sink.Send message
            | Connect -> sink.Connect()
            | Write octets -> sink.Write octets
            | WakeAt instant -> sink.WakeAt instant
            | Told result -> sink.Told(judge result)
            | Finished result -> sink.Finished(judge result)

/// The exchanges of one gateway, with outcomes in the form that the host carries.
[<NoComparison; NoEquality>]
type internal GatewayExchanges =
    { Audit: obj -> AuditStart -> Machine<AuditResult>
      Watch: (WatchStart -> Machine<AuditResult>) voption
      Release: (ConnectionId -> AuditStart -> Machine<ReleaseResult>) voption
      Controller: (AuditStart -> Machine<ControllerResult>) voption
      IsReply: byte[] -> bool }

module internal GatewayExchanges =
    /// The exchanges of a gateway, adding to every snapshot how its source joins.
    let create (source: SourceTraits) (exchanges: Exchanges) : GatewayExchanges =
        let result (snapshot: Snapshot) =
            AuditResult { snapshot with Traits = { snapshot.Traits with Source = ValueSome source } }

        { Audit = fun left given -> exchanges.Audit left given |> Machine.map result
          Watch = exchanges.Watch |> ValueOption.map (fun watch -> watch >> Machine.map result)
          Release =
            exchanges.Release
            |> ValueOption.map (fun release connection given ->
                release connection given |> Machine.map (fun outcome -> ReleaseResult(connection, outcome)))
          Controller =
            exchanges.Controller
            |> ValueOption.map (fun controller -> controller >> Machine.map ControllerResult)
          IsReply = exchanges.IsReply }

/// How to ask one gateway: made once from its configuration; every exchange with it starts here. Immutable.
[<Sealed; AllowNullLiteral>]
type AuditTarget internal (exchanges: GatewayExchanges, caveats: Caveats, bounds: Bounds) =
    let around judge : Circumstances<'Result> =
        { Caveats = caveats
          Bounds = bounds
          IsReply = exchanges.IsReply
          Judge = judge
          Taken = struct (0L, 0L) }

    let audit machine =
        GatewayExchange(
            machine,
            around (fun caveats bounds (result: AuditResult) -> result.With(caveats, bounds))
        )

    static let left (memory: AuditMemory) = if isNull memory then null else memory.Value

    static let given (now: Moment) (seed: uint64) (local: string) (known: KnownConnections) : AuditStart =
        { At = now
          Rng = Rng.create seed
          Local = (if isNull local then "" else local)
          Known = (if isNull known then [||] else known.Connections)
          History = (if isNull known then ValueNone else known.History)
          Afresh = isNull known || known.IsAfresh }

    internal new(exchanges) = AuditTarget(exchanges, Caveats.none, Bounds.usual)

    /// The same gateway, declared never to list everything. No snapshot of it is complete.
    member _.NeverComplete() : AuditTarget =
        AuditTarget(exchanges, { caveats with NeverComplete = true }, bounds)

    /// The same gateway with these limits: octets of one reply, octets that one audit holds, connections.
    /// Throws ArgumentException if one is below 1.
    member _.Bounded(reply: int64, held: int64, connections: int) : AuditTarget =
        if reply < 1L || held < 1L || connections < 1 then
            invalidArg (nameof reply) "limits are above zero"

        AuditTarget(exchanges, caveats, { Reply = reply; Held = held; Connections = connections })

    /// The most octets of one reply.
    member _.LargestReply = bounds.Reply
    /// The most octets that one audit holds.
    member _.MostHeld = bounds.Held
    /// The most connections.
    member _.MostConnections = bounds.Connections

    /// Begins an audit. `seed` is fresh randomness (request ids, salts). `memory` is null the first time.
    /// `local` is our end of the path to the gateway, HOST:PORT. `known` may be null.
    member _.Start
        (memory: AuditMemory, now: Moment, seed: uint64, local: string, known: KnownConnections)
        : GatewayExchange<AuditResult> =
        audit (exchanges.Audit (left memory) (given now seed local known))

    /// Whether the gateway reports every change by itself if asked, and is configured to be asked.
    member _.Watches = exchanges.Watch.IsSome

    /// Begins a standing watch. It gives a snapshot whenever it learns something, asks the gateway for
    /// everything at that interval, and ends only if it fails or is stopped. `memory` is null the first time.
    /// Throws InvalidOperationException if Watches is false.
    member _.Watch
        (memory: AuditMemory, every: TimeSpan, now: Moment, seed: uint64, local: string)
        : GatewayExchange<AuditResult> =
        match exchanges.Watch with
        | ValueSome watch ->
            audit (watch { Left = left memory; Every = every; Given = given now seed local null })
        | ValueNone -> invalidOp "this gateway is not watched"

    /// Whether the protocol has a message that ends one connection.
    member _.Releases = exchanges.Release.IsSome

    /// Begins to release one connection, which `known` must hold. Throws InvalidOperationException if
    /// Releases is false.
    member _.Release
        (connection: string, now: Moment, seed: uint64, local: string, known: KnownConnections)
        : GatewayExchange<ReleaseResult> =
        match exchanges.Release with
        | ValueSome release ->
            GatewayExchange(
                release (ConnectionId.create connection) (given now seed local known),
                around (fun caveats _ (result: ReleaseResult) -> result.With caveats)
            )
        | ValueNone -> invalidOp "this protocol ends no connections"

    /// Whether the protocol can say which server controls the gateway.
    member _.TellsController = exchanges.Controller.IsSome

    /// Begins to ask which server controls the gateway. `known` may be null. Throws InvalidOperationException
    /// if TellsController is false.
    member _.AskController
        (now: Moment, seed: uint64, local: string, known: KnownConnections)
        : GatewayExchange<ControllerResult> =
        match exchanges.Controller with
        | ValueSome controller ->
            GatewayExchange(
                controller (given now seed local known),
                around (fun caveats _ (result: ControllerResult) -> result.With caveats)
            )
        | ValueNone -> invalidOp "this protocol does not tell who controls a gateway"
