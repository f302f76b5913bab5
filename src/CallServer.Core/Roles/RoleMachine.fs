namespace CallServer.Roles

open System
open CallServer.Model

/// The state of one server of a pair.
type RoleState =
    {
        Settings: RoleSettings
        Role: Role
        /// The epoch that it acts under; of a standby, the highest that it has met.
        Epoch: int
        /// What it was before its restart: only while joining.
        WouldAct: bool
        /// Where the other one can be asked; empty where nobody is known.
        Peer: string
        /// Ticks in a row in which what it waits for was not heard: of a standby, a server that acts; of any other, the other one.
        Misses: int
        /// Since the last tick: a server that acts was heard.
        HeardActing: bool
        /// Since the last tick: the other one was heard, and what it said.
        Met: Greeting voption
        /// When the other one was last heard at all.
        LastMet: Instant voption
        /// When a server that acts was last heard.
        LastActing: Instant voption
        /// It hands over until then.
        HandsOverUntil: Instant voption
        /// The next tick.
        Due: Instant
        /// The last tick came more than a heartbeat late.
        WasLate: bool
        /// It has said that another server has its name.
        SaidSameName: bool
    }

/// Primary and backup, as one server of the two sees it. Nothing is replicated: what is exchanged is who acts, under which epoch.
///
/// | role    | hears                              | does                                          |
/// |---------|------------------------------------|-----------------------------------------------|
/// | joining | a higher epoch, or one that acts   | standby                                       |
/// | joining | nothing, or one that does not act  | what it was before                            |
/// | acting  | a higher epoch                     | standby, at once                              |
/// | acting  | its own epoch from one that acts   | standby, if the other's name comes first      |
/// | standby | one that acts                      | waits                                         |
/// | standby | one that hands over                | takes over                                    |
/// | standby | nothing, or only what does not act | takes over after so many misses               |
/// | any     | that it was stopped itself         | counts misses anew, and asks at once          |
module RoleMachine =
    /// A standby that never heard the other one gives it this many times the usual patience: both may have been switched on together.
    let private firstPatience = 10

    /// Where neither acts, the one with the lesser claim leaves the other this many times the usual patience.
    let private lesserPatience = 3

    /// A server that acts looks for one that it does not hear from this much less often.
    let private seldom = 4

    /// For a planned switch, in heartbeats; at least two seconds.
    let private handoverPatience (settings: RoleSettings) =
        max (TimeSpan.FromSeconds 2.0) (settings.Patience.Heartbeat * float (2 * settings.Patience.Misses))

    let greeting (s: RoleState) : Greeting =
        { Server = s.Settings.Name
          Epoch = s.Epoch
          Role = s.Role
          HandsOver = s.HandsOverUntil.IsSome
          Url = s.Settings.Url
          Patience = (if s.Settings.IsBackup then ValueSome s.Settings.Patience else ValueNone) }

    let duty (s: RoleState) : Duty =
        match s.Role, s.Settings.Readiness with
        | (Primary | Active), _ -> { Pace = AtFullPace; WritesCdrs = true }
        | Standby, Warm -> { Pace = Slowly; WritesCdrs = false }
        | Standby, Cold
        | Joining, _ -> { Pace = NotAtAll; WritesCdrs = false }

    /// The other one's claim is the greater: a higher epoch; of two that act under one epoch, the name that comes first.
    let private yields (g: Greeting) (s: RoleState) =
        g.Epoch > s.Epoch
        || (g.Epoch = s.Epoch && g.Role.Acts && String.CompareOrdinal(g.Server, s.Settings.Name) < 0)

    let private keep (s: RoleState) = Keep(s.Epoch, s.Role.Acts || (s.Role = Joining && s.WouldAct), s.Peer)

    let private turn role (s: RoleState) : RoleState * RoleCommand list =
        let next =
            { s with
                Role = role
                Misses = 0
                HandsOverUntil = ValueNone
                HeardActing = false
                Met = ValueNone }

        next, [ keep next; Assume(duty next) ]

    let private become role why (s: RoleState) : RoleState * RoleCommand list =
        let next, commands = turn role s
        next, commands @ [ Say $"{role}, epoch {next.Epoch}: {why}" ]

    let private takeOver (at: Instant) cause (s: RoleState) : RoleState * RoleCommand list =
        let why =
            match cause with
            | PeerSilent misses -> $"the other server missed {misses} heartbeats"
            | NobodyActed -> "the other server answers, and does not act"
            | HandedOver -> "the other server hands over"
            | OperatorSaid -> "an operator said so"

        let next, commands = become Active why { s with Epoch = s.Epoch + 1 }

        let takeover = { Epoch = next.Epoch; Cause = cause; At = at; LastHeard = s.LastActing }

        let announce = if next.Peer = "" then [] else [ AskPeer next.Peer ]
        next, commands @ (Recover takeover :: announce)

    /// Takes an epoch that it has met, where the other one can be asked, and a backup's patience.
    let private learn (g: Greeting) (s: RoleState) : RoleState * RoleCommand list =
        let settings =
            match g.Patience with
            | ValueSome patience when not s.Settings.IsBackup -> { s.Settings with Patience = patience }
            | ValueSome _
            | ValueNone -> s.Settings

        let next =
            { s with
                Settings = settings
                Epoch = max s.Epoch g.Epoch
                Peer = (if g.Url = "" then s.Peer else g.Url) }

        next, (if next.Epoch <> s.Epoch || next.Peer <> s.Peer then [ keep next ] else [])

    /// Has heard one with the greater claim, or one that acts where this one does not.
    let private yieldTo (at: Instant) (g: Greeting) why (s: RoleState) : RoleState * RoleCommand list =
        let next, _ = learn g s
        let next, commands = become Standby why next

        if g.Role.Acts then
            { next with HeardActing = true; LastActing = ValueSome at }, commands
        else
            next, commands

    let private hear (at: Instant) (g: Greeting) (s: RoleState) : RoleState * RoleCommand list =
        let s = { s with Met = ValueSome g; LastMet = ValueSome at }

        match s.Role with
        | Primary
        | Active when yields g s ->
            yieldTo at g $"{g.Server} has epoch {g.Epoch}, this server had {s.Epoch}" s
        | Primary
        | Active -> learn { g with Epoch = s.Epoch } s
        | Joining when yields g s || (g.Role.Acts && not s.WouldAct) ->
            yieldTo at g $"{g.Server} is {g.Role} with epoch {g.Epoch}" s
        | Joining ->
            let next, _ = learn g s

            let role =
                if not s.WouldAct then Standby
                elif s.Settings.IsBackup then Active
                else Primary

            become role $"{g.Server} is {g.Role} with epoch {g.Epoch}" next
        | Standby ->
            // One that still acts under an epoch that is over will step down when it hears of ours.
            let acts = g.Role.Acts && g.Epoch >= s.Epoch
            let next, commands = learn g s

            if not acts then
                next, commands
            else
                let next = { next with HeardActing = true; Misses = 0; LastActing = ValueSome at }

                if g.HandsOver then
                    let next, taken = takeOver at HandedOver next
                    next, commands @ taken
                else
                    next, commands

    /// How many ticks without a server that acts it waits; and why it takes over then.
    let private patience (s: RoleState) : struct (int * TakeoverCause) =
        match s.Met with
        | ValueSome g ->
            let lesser =
                g.Epoch > s.Epoch
                || (g.Epoch = s.Epoch && String.CompareOrdinal(g.Server, s.Settings.Name) < 0)

            struct (s.Settings.Patience.Misses * (if lesser then lesserPatience else 1), NobodyActed)
        | ValueNone ->
            let times = if s.LastMet.IsNone then firstPatience else 1
            struct (s.Settings.Patience.Misses * times, PeerSilent s.Settings.Patience.Misses)

    let private ask (s: RoleState) = if s.Peer = "" then [] else [ AskPeer s.Peer ]

    let private watch (at: Instant) (stopped: bool) (s: RoleState) : RoleState * RoleCommand list =
        let missed = { s with Misses = (if s.HeardActing || stopped then 0 else s.Misses + 1) }
        let struct (patience, cause) = patience missed

        // Nobody to watch: only an operator makes it act.
        if missed.Peer <> "" && missed.Misses >= patience then
            takeOver at cause missed
        else
            // Halfway: what the gateways say of who controls them is for the log, and nothing waits for it.
            let looks = missed.Misses = max 1 (patience / 2)

            { missed with HeardActing = false; Met = ValueNone },
            (if looks then [ LookAround ] else []) @ ask missed

    let private join (stopped: bool) (s: RoleState) : RoleState * RoleCommand list =
        let missed = { s with Misses = (if stopped then 0 else s.Misses + 1) }

        if missed.Misses < s.Settings.Patience.Misses then
            missed, ask missed
        elif not s.WouldAct then
            let next, commands =
                become Standby "as it was before; the other server does not answer yet" missed

            next, commands @ ask next
        else
            let role = if s.Settings.IsBackup then Active else Primary
            become role "as it was before; the other server does not answer" missed

    let private act (at: Instant) (stopped: bool) (s: RoleState) : RoleState * RoleCommand list =
        let s, said =
            match s.HandsOverUntil with
            | ValueSome until when at >= until ->
                { s with HandsOverUntil = ValueNone }, [ Say "nobody took over in time: this server goes on" ]
            | _ -> s, []

        let due =
            match s.LastMet with
            | ValueSome met -> at - met >= s.Settings.Patience.Heartbeat * float seldom
            | ValueNone -> true

        if stopped || (due && s.Misses % seldom = 0) then
            // Another may have taken over while it was stopped.
            { s with Misses = (if stopped then 1 else s.Misses + 1) }, said @ ask s
        else
            { s with Misses = (if due then s.Misses + 1 else 0) }, said

    let private tick (at: Instant) (s: RoleState) : RoleState * RoleCommand list =
        if at < s.Due then
            // Timers come early, too: the tick is still to come.
            s, [ WakeAt s.Due ]
        else
            let late = at - s.Due > s.Settings.Patience.Heartbeat
            // It heard nothing because it did not listen itself. One whose every tick is late is slow, and may still be the only one.
            let stopped = late && not s.WasLate

            let next, commands =
                match s.Role with
                | Standby -> watch at stopped s
                | Joining -> join stopped s
                | Primary
                | Active -> act at stopped s

            let next = { next with Due = at + s.Settings.Patience.Heartbeat; WasLate = late }
            next, commands @ [ WakeAt next.Due ]

    let private order (at: Instant) what (s: RoleState) : RoleState * RoleCommand list =
        let heardLately =
            match s.LastMet with
            | ValueSome met ->
                at - met <= s.Settings.Patience.Heartbeat * float (2 * s.Settings.Patience.Misses)
            | ValueNone -> false

        match what, s.Role with
        | TakeOver, (Primary | Active) -> s, [ Answer(ValueSome $"this server is {s.Role} already") ]
        | TakeOver, (Standby | Joining) ->
            let next, commands = takeOver at OperatorSaid s
            next, Answer ValueNone :: commands
        | StepDown, (Standby | Joining) -> s, [ Answer(ValueSome "this server does not act") ]
        | StepDown, (Primary | Active) when not heardLately ->
            s, [ Answer(ValueSome "no standby has been heard lately: there is nobody to hand over to") ]
        | StepDown, (Primary | Active) ->
            { s with HandsOverUntil = ValueSome(at + handoverPatience s.Settings) },
            [ Answer ValueNone; Say "hands over: an operator said so" ]

    /// The first state. A server that knows a peer asks it before it acts; one that knows nobody has nobody to ask.
    let start
        (at: Instant)
        (kept: Remembered)
        (peer: string)
        (settings: RoleSettings)
        : RoleState * RoleCommand list =
        let acted = kept.Acted |> ValueOption.defaultValue (not settings.IsBackup)

        let state =
            { Settings = settings
              Role = Joining
              Epoch = max 1 kept.Epoch
              WouldAct = acted
              Peer = peer
              Misses = 0
              HeardActing = false
              Met = ValueNone
              LastMet = ValueNone
              LastActing = ValueNone
              HandsOverUntil = ValueNone
              Due = at + settings.Patience.Heartbeat
              WasLate = false
              SaidSameName = false }

        let next, commands =
            if peer <> "" then
                state, [ keep state; Assume(duty state); AskPeer peer ]
            elif not acted then
                become Standby "as it was before, and it knows no other server" state
            elif settings.IsBackup then
                become Active "as it was before, and it knows no other server" state
            else
                // What every server without a backup is: nothing to tell.
                turn Primary state

        next, commands @ [ WakeAt next.Due ]

    let advance (event: RoleEvent) (s: RoleState) : RoleState * RoleCommand list =
        match event with
        | Heard(_, g) when g.Server = s.Settings.Name ->
            if s.SaidSameName then
                s, []
            else
                { s with SaidSameName = true },
                [ Say
                      $"another server is called {g.Server} as well, or this one watches itself: it is not listened to" ]
        | Heard(at, g) -> hear at g s
        | Woke at -> tick at s
        | Ordered(at, what) -> order at what s
