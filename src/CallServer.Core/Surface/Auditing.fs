namespace CallServer.Surface

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Audit

/// What an exchange asks of the host: one method for each command, so that a new command breaks the host's build.
type IAuditSink =
    /// Send this datagram to the gateway.
    abstract Send: message: byte[] -> unit
    /// Send this datagram to where the last one received came from.
    abstract Reply: message: byte[] -> unit
    /// Open a stream to the gateway, in place of one that is open. Then call Connected or Broken.
    abstract Connect: unit -> unit
    /// Write this into the open stream.
    abstract Write: octets: byte[] -> unit
    /// Call Tick at this instant of the steady clock. It replaces an earlier one.
    abstract WakeAt: instant: Instant -> unit
    /// A standing exchange has learnt this, and goes on. Hand the memory to the next audit or watch of the same gateway.
    abstract Told: result: AuditResult * memory: AuditMemory -> unit
    /// The audit or watch is over. Hand the memory to the next one of the same gateway.
    abstract Finished: result: AuditResult * memory: AuditMemory -> unit
    /// The release is over.
    abstract Released: result: ReleaseResult -> unit
    /// What the gateway says of who controls it.
    abstract Controlled: result: ControllerResult -> unit

/// What one audit of a gateway leaves to the next: its SNMP engine, its budget, and where its rows lie. Losing it does no harm.
and [<Sealed; AllowNullLiteral>] AuditMemory internal (value: obj) =
    member internal _.Value = value

/// One running exchange with a gateway (an audit, a standing watch, a release) as a machine without clock or socket. Each call
/// gives the next machine. Feed it one event, carry out all commands, then feed the next event.
and [<Sealed; AllowNullLiteral>] GatewayAudit
    internal
    (
        machine: Machine,
        caveats: Caveats,
        bounds: Bounds,
        taken: struct (int64 * int64),
        isReply: byte[] -> bool
    ) =
    let after machine caveats taken = GatewayAudit(machine, caveats, bounds, taken, isReply)
    let next machine = after machine caveats taken

    /// Ends the exchange because it passed a limit. The machine is the one before that, or after it.
    let past (limit: Limit) (now: Moment) (machine: Machine) =
        after (machine.Advance(Stopped now)) { caveats with PastLimit = ValueSome limit } taken

    /// Takes in octets, unless they are more than this gateway may send.
    let take (octets: int) (now: Moment) (event: Event) =
        let moved = machine.Advance event
        let struct (all, unasked) = taken
        let octets = int64 octets
        let all = all + octets
        let unasked = if moved.Strays > machine.Strays then unasked + octets else unasked

        match Bounds.passed bounds all unasked moved.Load with
        | ValueSome limit when not moved.IsOver -> past limit now moved
        | _ -> after moved caveats (struct (all, unasked))

    /// Messages so far that answered nothing that was asked: dropped and counted.
    member _.Strays = machine.Strays

    /// Octets of memory that it holds, roughly; 0 once it is over.
    member _.Held: int64 =
        let struct (all, _) = taken
        if machine.IsOver then 0L else Load.octets all machine.Load

    /// A datagram came from the gateway. One that is larger than a reply may be ends the exchange.
    member _.Receive(now: Moment, message: byte[]) =
        if int64 message.Length > bounds.Reply then
            past (Limit.Reply bounds.Reply) now machine
        else
            take message.Length now (Received(now, message))

    /// A reply is larger than this server takes, and was not read.
    member _.PassReply(now: Moment) = past (Limit.Reply bounds.Reply) now machine

    /// What it holds would be more than one audit may.
    member _.PassHeld(now: Moment) = past (Limit.Held bounds.Held) now machine

    /// All gateways together would take more than `most` octets, and this one takes most of them.
    member _.PassMemory(now: Moment, most: int64) = past (Limit.Memory most) now machine

    /// A datagram came from another address than the one asked, and is not taken. If it would have answered what is
    /// in flight, the outcome says so, with the option of the URI that would take it. The machine that this gives has
    /// no commands: dispatch those of the machine before.
    member this.Overhear(now: Moment, source: string, option: string, message: byte[]) : GatewayAudit =
        if caveats.Elsewhere.IsSome || machine.Advance(Received(now, message)).Strays > machine.Strays then
            this
        else
            after machine { caveats with Elsewhere = ValueSome(struct (source, option)) } taken

    /// The stream is open. `local` is our end of it, HOST:PORT.
    member _.Connected(now: Moment, local: string) = next (machine.Advance(Event.Connected(now, local)))

    /// Octets of the stream, in order, cut anywhere.
    member _.Arrived(now: Moment, octets: byte[]) = take octets.Length now (Event.Arrived(now, octets))

    /// The stream could not be opened, or is closed.
    member _.Broken(now: Moment, reason: string) = next (machine.Advance(Event.Broken(now, reason)))
    /// The asked wake-up time has passed. One that comes too early or twice changes nothing.
    member _.Tick(now: Moment) = next (machine.Advance(Woke now))
    /// Gives up: what was learnt becomes a partial snapshot.
    member _.Stop(now: Moment) = next (machine.Advance(Stopped now))

    /// Calls the sink once for each command of the last event, in order.
    member _.Dispatch(sink: IAuditSink) : unit =
        machine.Dispatch
            { new IAuditSink with
                member _.Send message = if isReply message then sink.Reply message else sink.Send message

                member _.Reply message = sink.Reply message
                member _.Connect() = sink.Connect()
                member _.Write octets = sink.Write octets
                member _.WakeAt instant = sink.WakeAt instant
                member _.Told(result, memory) = sink.Told(result.With(caveats, bounds), memory)
                member _.Finished(result, memory) = sink.Finished(result.With(caveats, bounds), memory)
                member _.Released result = sink.Released(result.With caveats)
                member _.Controlled result = sink.Controlled(result.With caveats) }

/// What a watch begins with: what the last exchange left, and how often the gateway is to tell everything.
and [<NoEquality; NoComparison>] internal WatchStart = { Left: obj; Every: TimeSpan; Given: AuditStart }

/// A protocol's machine, which holds its own state.
and [<NoEquality; NoComparison>] internal Machine =
    { Advance: Event -> Machine
      Dispatch: IAuditSink -> unit
      Strays: int
      Load: Load
      IsOver: bool }

module internal Machine =
    let private carry (outcome: 'Outcome -> unit) (told: 'Outcome -> unit) (sink: IAuditSink) command =
        match command with
        | Send message -> sink.Send message
        | Connect -> sink.Connect()
        | Write octets -> sink.Write octets
        | WakeAt instant -> sink.WakeAt instant
        | Told result -> told result
        | Finished result -> outcome result

    let private isOver (commands: Command<'Outcome> list) =
        commands
        |> List.exists (fun command ->
            match command with
            | Finished _ -> true
            | Send _
            | Connect
            | Write _
            | WakeAt _
            | Told _ -> false)

    /// An audit or a watch.
    let rec ofAudit
        (advance: Event -> 'State -> 'State * Command list)
        (memory: 'State -> obj)
        (strays: 'State -> int)
        (load: 'State -> Load)
        (state: 'State, commands: Command list)
        : Machine =
        { Advance = fun event -> ofAudit advance memory strays load (advance event state)
          Dispatch =
            fun sink ->
                let finished snapshot = sink.Finished(AuditResult snapshot, AuditMemory(memory state))

                let told snapshot = sink.Told(AuditResult snapshot, AuditMemory(memory state))
                commands |> List.iter (carry finished told sink)
          Strays = strays state
          Load = load state
          IsOver = isOver commands }

    let private held (none: 'Memory) (left: obj) : 'Memory =
        match left with
        | :? 'Memory as known -> known
        | _ -> none

    /// The start of every audit of a protocol: with what the last one left, or with nothing.
    let audits
        (none: 'Memory)
        (start: 'Memory -> AuditStart -> 'State * Command list)
        (advance: Event -> 'State -> 'State * Command list)
        (memory: 'State -> 'Memory)
        (strays: 'State -> int)
        (load: 'State -> Load)
        (left: obj)
        (given: AuditStart)
        : Machine =
        start (held none left) given |> ofAudit advance (memory >> box) strays load

    /// The start of every watch of a protocol, which tells its whole state at that interval besides.
    let watches
        (none: 'Memory)
        (start: 'Memory -> TimeSpan -> AuditStart -> 'State * Command list)
        (advance: Event -> 'State -> 'State * Command list)
        (memory: 'State -> 'Memory)
        (strays: 'State -> int)
        (load: 'State -> Load)
        (given: WatchStart)
        : Machine =
        start (held none given.Left) given.Every given.Given |> ofAudit advance (memory >> box) strays load

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
          Strays = strays state
          Load = Load.ofDatagrams
          IsOver = isOver commands }

    /// The release of one connection.
    let rec ofRelease
        (advance: Event -> 'State -> 'State * Command<Release> list)
        (strays: 'State -> int)
        (load: 'State -> Load)
        (connection: ConnectionId)
        (state: 'State, commands: Command<Release> list)
        : Machine =
        { Advance = fun event -> ofRelease advance strays load connection (advance event state)
          Dispatch =
            fun sink ->
                let released outcome = sink.Released(ReleaseResult(connection, outcome))
                commands |> List.iter (carry released released sink)
          Strays = strays state
          Load = load state
          IsOver = isOver commands }

/// How to ask one gateway. It is made once from the gateway's configuration, and every audit of the gateway begins
/// with it.
[<Sealed; AllowNullLiteral>]
type AuditTarget
    internal
    (
        start: obj -> AuditStart -> Machine,
        watch: (WatchStart -> Machine) option,
        release: (ConnectionId -> AuditStart -> Machine) option,
        controller: (AuditStart -> Machine) option,
        caveats: Caveats,
        bounds: Bounds,
        isReply: byte[] -> bool
    ) =
    let running machine = GatewayAudit(machine, caveats, bounds, struct (0L, 0L), isReply)

    static let given (now: Moment) (seed: uint64) (local: string) (known: KnownConnections) : AuditStart =
        { At = now
          Rng = Rng.create seed
          Local = (if isNull local then "" else local)
          Known = (if isNull known then [||] else known.Connections)
          History = (if isNull known then ValueNone else known.History) }

    internal new(start, watch, release, ?controller) =
        AuditTarget(start, watch, release, controller, Caveats.none, Bounds.usual, (fun _ -> false))

    /// The same target for a protocol in which some of our messages are replies: each goes back to where the message that it answers came from.
    member internal _.Replying(isReply: byte[] -> bool) : AuditTarget =
        AuditTarget(start, watch, release, controller, caveats, bounds, isReply)

    /// Checks what every protocol needs: at least one attempt, and a timeout above zero. Throws ArgumentException otherwise.
    static member internal Check(timeout: TimeSpan, attempts: int) =
        if attempts < 1 || timeout <= TimeSpan.Zero then
            invalidArg (nameof attempts) "at least one attempt, and a timeout above zero"

    /// The same gateway, declared never to list all that it has: no snapshot of it counts as complete.
    member _.NeverComplete() : AuditTarget =
        AuditTarget(start, watch, release, controller, { caveats with NeverComplete = true }, bounds, isReply)

    /// The same gateway, of which the server takes no more than this: octets of one reply, octets that one audit
    /// holds, and connections. Throws ArgumentException unless all three are above zero.
    member _.Bounded(reply: int64, held: int64, connections: int) : AuditTarget =
        if reply < 1L || held < 1L || connections < 1 then
            invalidArg (nameof reply) "limits are above zero"

        let bounds: Bounds = { Reply = reply; Held = held; Connections = connections }
        AuditTarget(start, watch, release, controller, caveats, bounds, isReply)

    /// The most octets of one reply.
    member _.LargestReply = bounds.Reply
    /// The most octets that one audit holds.
    member _.MostHeld = bounds.Held
    /// The most connections that the record has of the gateway.
    member _.MostConnections = bounds.Connections

    /// Begins an audit. `seed` is fresh randomness for request ids and salts. `memory` is null the first time.
    /// `local` is our end of the way to the gateway, HOST:PORT. `known` may be null.
    member _.Start
        (memory: AuditMemory, now: Moment, seed: uint64, local: string, known: KnownConnections)
        : GatewayAudit =
        let value = if isNull memory then null else memory.Value
        running (start value (given now seed local known))

    /// The gateway can tell of every change by itself, and is to be asked for that.
    member _.Watches = watch.IsSome

    /// Begins a standing watch. It tells a snapshot whenever it learns one, has the gateway tell everything at the interval `every`,
    /// and ends only when it fails or is stopped. `memory` is null the first time. Throws InvalidOperationException where Watches is
    /// false.
    member _.Watch
        (memory: AuditMemory, every: TimeSpan, now: Moment, seed: uint64, local: string)
        : GatewayAudit =
        match watch with
        | Some watch ->
            let value = if isNull memory then null else memory.Value
            running (watch { Left = value; Every = every; Given = given now seed local null })
        | None -> invalidOp "this gateway is not watched"

    /// The protocol has a message that ends one connection.
    member _.Releases = release.IsSome

    /// Begins to release one connection, which `known` must hold. Throws InvalidOperationException where Releases is false.
    member _.Release
        (connection: string, now: Moment, seed: uint64, local: string, known: KnownConnections)
        : GatewayAudit =
        match release with
        | Some release -> running (release (ConnectionId.create connection) (given now seed local known))
        | None -> invalidOp "this protocol ends no connections"

    /// The protocol tells which server controls the gateway.
    member _.TellsController = controller.IsSome

    /// Begins to ask which server controls it. `known` may be null. Throws InvalidOperationException where TellsController is false.
    member _.AskController(now: Moment, seed: uint64, local: string, known: KnownConnections) : GatewayAudit =
        match controller with
        | Some controller -> running (controller (given now seed local known))
        | None -> invalidOp "this protocol does not tell who controls a gateway"
