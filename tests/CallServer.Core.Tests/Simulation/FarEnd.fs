namespace CallServer.Tests.Simulation

open System
open CallServer.Gateway
open CallServer.Model

/// What a simulated gateway puts on the wire, and when it wants to be woken.
type Sent =
    | ToPeer of peer: string * after: TimeSpan * datagram: byte[]
    | ToStream of stream: int * after: TimeSpan * octets: byte[]
    | CutsStream of stream: int
    | WakesAt of Instant

/// What becomes of a gateway in a story.
[<NoComparison; NoEquality>]
type Mishap =
    | Reboots of downFor: TimeSpan
    /// The management agent alone (SNMP).
    | AgentRestarts of downFor: TimeSpan
    /// The agent reads its configuration again (SNMP).
    | Reloads
    /// It takes on vices, each of the others of its kind drawn by that number.
    | TurnsBad of draw: int
    | Recovers
    | PathBreaks
    | PathHeals

/// A simulated gateway with one protocol as the fleet drives it.
[<AbstractClass>]
type FarEnd() =
    /// The SNMP profile, or the protocol.
    abstract Kind: string
    abstract Table: Table
    /// What audits call a connection, once for each time that they list it.
    abstract Identify: SimConnection -> Identity list
    /// Something comes in. Tells what truly happened until then.
    abstract Take: now: Instant * event: ResponderEvent -> TruthEvent list * Sent list
    /// Lets time pass.
    abstract Advance: now: Instant -> TruthEvent list * Sent list
    /// True where the ids of its connections are others from now on.
    abstract Befall: now: Instant * mishap: Mishap -> TruthEvent list * Sent list * bool

/// An SNMP agent.
type SnmpEnd(agent: AgentState) =
    inherit FarEnd()
    let mutable agent = agent

    let vices draw =
        match draw % 9 with
        | 0 -> Vices.mute
        | 1 -> Vices.dyingAfter (draw / 9 % 12)
        | 2 -> { Vices.none with MaxVarBinds = ValueSome(1 + draw / 9 % 60) }
        | 3 -> { Vices.none with CutsRows = true; OddNumbers = true }
        | 4 -> { Vices.none with MissingCells = ValueSome(2 + draw / 9 % 9) }
        | 5 -> { Vices.none with Looping = ValueSome(Repeats(draw / 9 % 20)) }
        | 6 -> { Vices.none with Looping = ValueSome(GoesBack(1 + draw / 9 % 20)) }
        | 7 -> Vices.slow (TimeSpan.FromMilliseconds(float (draw / 9 % 900))) TimeSpan.Zero
        | _ -> { Vices.none with SilentAbove = ValueSome(484 + draw / 9 % 3000) }

    /// A restart in the very second in which the up-time would have wrapped looks like the wrap (Boot.judge): nobody could tell.
    let looksLikeWrap (back: Instant) =
        let ticks = AgentClock.ticks back agent.Clock
        ticks < 300u || ticks > UInt32.MaxValue - 300u

    override _.Kind = agent.Options.Mib.Profile
    override _.Table = agent.Table
    override _.Identify connection = [ AgentState.identify connection agent ]

    override _.Take(now, event) =
        let struct (advanced, events) = AgentState.advance now agent
        agent <- advanced

        match event with
        | Datagram(peer, octets) ->
            let struct (next, replies) = SnmpAgent.respond now octets agent
            agent <- next
            events, [ for reply in replies -> ToPeer(peer, reply.After, reply.Datagram) ]
        | Octets _
        | StreamClosed _
        | Tick
        | Happened _
        | Restarted -> events, []

    override _.Advance now =
        let struct (advanced, events) = AgentState.advance now agent
        agent <- advanced
        events, []

    override this.Befall(now, mishap) =
        let before, _ = this.Advance now

        let events, renamed =
            match mishap with
            | Reboots down
            | AgentRestarts down when looksLikeWrap (now + down) -> [], false
            | Reboots down ->
                let struct (rebooted, events) = AgentState.reboot down now agent
                agent <- rebooted
                events, false
            | AgentRestarts down ->
                agent <- AgentState.restartAgent down now agent
                [], true
            | Reloads ->
                agent <- AgentState.reload agent
                [], false
            | TurnsBad draw ->
                agent <- AgentState.withVices (vices draw) agent
                [], false
            | Recovers ->
                agent <- AgentState.withVices Vices.none agent
                [], false
            | PathBreaks
            | PathHeals -> [], false

        before @ events, [], renamed

/// Any other protocol: a responder over a table. `make` gives it anew, up since that instant, with the vice of that number where
/// one is drawn.
type ResponderEnd
    (kind: string, table: Table, up: TimeSpan, make: Table -> Instant -> int voption -> Responder) =
    inherit FarEnd()
    let mutable table = table
    let mutable booted = table.Now - up
    let mutable silentUntil = Instant.distantPast
    let mutable honest = make table booted ValueNone
    let mutable bad: Responder voption = ValueNone

    let rec pass (now: Instant) (events: ResponderEvent list) : TruthEvent list * Sent list =
        match events with
        | [] -> [], []
        | event :: rest ->
            let responder = bad |> ValueOption.defaultValue honest
            let struct (next, commands) = responder.Advance now table event

            if bad.IsSome then bad <- ValueSome next else honest <- next

            let ended =
                [ for command in commands do
                      match command with
                      | EndConnection serial ->
                          let struct (after, events) = Table.closeOne serial now table
                          table <- after
                          yield! events
                      | SendTo _
                      | WriteTo _
                      | HangUp _
                      | TickAt _ -> () ]

            let sent =
                [ for command in commands do
                      match command with
                      | SendTo(peer, after, datagram) -> ToPeer(peer, after, datagram)
                      | WriteTo(stream, after, octets) -> ToStream(stream, after, octets)
                      | HangUp stream -> CutsStream stream
                      | TickAt instant -> WakesAt instant
                      | EndConnection _ -> () ]

            let told = if ended.IsEmpty then rest else Happened ended :: rest
            let more, later = pass now told
            ended @ more, sent @ later

    let advance now =
        let struct (after, events) = Table.advance now table
        table <- after

        if events.IsEmpty then
            [], []
        else
            let more, sent = pass now [ Happened events ]
            events @ more, sent

    override _.Kind = kind
    override _.Table = table
    override _.Identify connection = honest.Identify connection

    override _.Take(now, event) =
        let before, first = advance now

        if now < silentUntil then
            before, first
        else
            let events, sent = pass now [ event ]
            before @ events, first @ sent

    override _.Advance now = advance now

    override _.Befall(now, mishap) =
        let before, first = advance now

        match mishap with
        | Reboots down ->
            let back = now + down
            let struct (closed, events) = Table.closeAll now table
            table <- Table.rest back closed
            silentUntil <- back
            booted <- back
            honest <- make table back ValueNone
            bad <- ValueNone
            before @ events, first, false
        | TurnsBad draw ->
            bad <- ValueSome(make table booted (ValueSome draw))
            before, first, false
        | Recovers ->
            bad <- ValueNone
            before, first, false
        | AgentRestarts _
        | Reloads
        | PathBreaks
        | PathHeals -> before, first, false
