namespace CallServer.Tests.Simulation

open System
open CallServer.Gateway
open CallServer.Model

/// What may happen to a gateway in a story.
[<NoComparison; NoEquality>]
type Mishap =
    | Reboots of downFor: TimeSpan
    /// Only the management agent restarts (SNMP).
    | AgentRestarts of downFor: TimeSpan
    /// The agent reloads its configuration (SNMP).
    | Reloads
    /// It takes on the vice of that draw, one of those of its kind.
    | TurnsBad of draw: int
    | Recovers
    | PathBreaks
    | PathHeals

/// Since when a gateway has been up, and how many of its calls had ended by then.
[<Struct>]
type Booted = { Since: Instant; Ended: int64 }

/// A simulated gateway with one protocol, as the fleet drives it. `turn` gives it the vice of a draw, or none; a
/// gateway that speaks anew is told since when it has been up.
type FarEnd
    (
        kind: string,
        protocol: string,
        gateway: MultiGateway,
        up: TimeSpan,
        turn: Booted -> int voption -> MultiGateway -> MultiGateway,
        ?losesNothing: bool,
        ?remembers: TimeSpan,
        ?factsEvery: int
    ) =
    let mutable gateway = gateway
    let mutable booted = { Since = gateway.Table.Now - up; Ended = 0L }

    let step (struct (next: MultiGateway, commands: GatewayCommand list, events: TruthEvent list)) =
        gateway <- next
        events, commands

    /// A restart in the very second in which the up-time would have wrapped looks like the wrap (Boot.judge): nobody
    /// could tell them apart.
    let looksLikeWrap (back: Instant) =
        match gateway.Agent with
        | ValueSome agent ->
            let ticks = AgentClock.ticks back agent.Clock
            ticks < 300u || ticks > UInt32.MaxValue - 300u
        | ValueNone -> false

    /// The SNMP profile, or the protocol.
    member _.Kind = kind
    member _.Protocol = protocol

    /// Whether its path must lose nothing: nobody can know of a notifier that was never heard.
    member _.LosesNothing = defaultArg losesNothing false

    /// How long after its end it still tells of a connection.
    member _.Remembers = defaultArg remembers TimeSpan.MaxValue

    /// Every so many audits read all that its rows tell.
    member _.FactsEvery = defaultArg factsEvery 1

    member private _.Vices =
        match gateway.Agent with
        | ValueSome agent -> agent.Options.Vices
        | ValueNone -> Vices.none

    /// The connection as it is at this instant: its codec may have changed.
    member this.AsAt(at: Instant, connection: SimConnection) : SimConnection =
        match this.Vices.Renegotiates with
        | ValueSome after -> SimConnection.renegotiated after at connection
        | ValueNone -> connection

    /// How long after its setup a row tells everything.
    member this.Late =
        match this.Vices.Late with
        | ValueSome(struct (_, late)) -> late
        | ValueNone -> TimeSpan.Zero

    member _.Table = gateway.Table

    /// The ids that audits give a connection, one for each time that they list it.
    member _.Identify(connection: SimConnection) : Identity list =
        [ for struct (_, named) in MultiGateway.identities gateway connection do
              yield! named ]

    /// Whether its agent's time stamp for that instant is 0, which reads as none (SNMP).
    member _.StampsZero(at: Instant) : bool =
        match gateway.Agent with
        | ValueSome agent -> AgentClock.stamp at agent.Clock = 0u
        | ValueNone -> false

    /// When it next wants to be told the time.
    member _.NextTick = gateway.NextTick

    /// Takes an event, or the passing of time. Returns what truly happened until then, and the gateway's commands.
    member _.Take(now: Instant, event: GatewayEvent) = step (MultiGateway.advance now event gateway)

    /// Lets a mishap happen. The last part of the result is true if its connections have other ids from now on.
    member this.Befall(now: Instant, mishap: Mishap) : TruthEvent list * GatewayCommand list * bool =
        let before, first = this.Take(now, TimePassed)
        let change next = gateway <- next

        match mishap with
        | Reboots down
        | AgentRestarts down when looksLikeWrap (now + down) -> before, first, false
        | Reboots down ->
            let events, commands = step (MultiGateway.reboot down now gateway)
            booted <- { Since = now + down; Ended = gateway.Table.EndedTotal }
            before @ events, first @ commands, false
        | AgentRestarts down ->
            change (MultiGateway.mapAgent (AgentState.restartAgent down now) gateway)
            before, first, gateway.Agent.IsSome
        | Reloads ->
            change (MultiGateway.mapAgent AgentState.reload gateway)
            before, first, false
        | TurnsBad draw ->
            change (turn booted (ValueSome draw) gateway)
            before, first, false
        | Recovers ->
            change (turn booted ValueNone gateway)
            before, first, false
        | PathBreaks
        | PathHeals -> before, first, false
