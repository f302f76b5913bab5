namespace CallServer.Roles

open System
open CallServer.Model
open CallServer.Polling

/// The state of one server of a pair.
type RoleState =
    {
        Settings: RoleSettings
        Role: Role
        /// The epoch under which it acts; for a standby, the highest that it has met.
        Epoch: int
        /// What it did before its restart; used only while joining.
        WouldAct: bool
        /// Where this server's configuration says that the other one can be asked; empty if nowhere.
        Peer: string
        /// Ticks in a row without what it waits for: a standby waits for a server that acts, any other for
        /// the other server.
        Misses: int
        /// A server that acts was heard since the last tick.
        HeardActing: bool
        /// The other server's greeting, if it was heard since the last tick.
        Met: Greeting voption
        /// When the other server was last heard at all.
        LastMet: Instant voption
        /// When a server that acts was last heard.
        LastActing: Instant voption
        /// It is handing over until then.
        HandsOverUntil: Instant voption
        /// The next tick.
        Due: Instant
        /// The last tick came more than a heartbeat late.
        WasLate: bool
        /// It has logged that another server has its name.
        SaidSameName: bool
        /// It has logged that the other server's epoch is too far above its own; reset by a greeting with one
        /// that is not.
        SaidTooFar: bool
        /// An operator gave it its epoch, and the other server has not agreed yet.
        Anew: bool
    }

/// How a tick came.
[<Struct>]
type private Coming =
    /// In time, or as late as the one before: the server is slow, but may be the only one.
    | Usual
    /// Late: nothing could be heard meanwhile, and that counts as nothing.
    | AfterPause
    /// So late that what was counted before is worth nothing any more.
    | AfterStop

/// Primary and backup, seen by one server of the two. Nothing is replicated: the two only tell each other who
/// acts, and under which epoch.
///
/// | role    | hears                              | does                                          |
/// |---------|------------------------------------|-----------------------------------------------|
/// | joining | a higher epoch, or one that acts   | stands by                                     |
/// | joining | nothing, or one that does not act  | becomes what it was before                    |
/// | acting  | a higher epoch                     | stands by, at once                            |
/// | acting  | its own epoch from one that acts   | stands by, if the other's name comes first    |
/// | standby | one that acts                      | waits                                         |
/// | standby | one that hands over                | takes over                                    |
/// | standby | nothing, or only what does not act | takes over after so many misses               |
/// | any     | that it was stopped itself         | counts no miss, or anew, and asks at once     |
/// | any     | one with an operator's new epoch   | takes that epoch, and stands by               |
///
/// A higher epoch counts only if it is believed: at most `longestJump` above one's own. If it is further away, the
/// server moves that far with each greeting. So two servers that stand far apart meet, and one that lies for a
/// moment moves little.
module RoleMachine =
    /// No server passes this epoch, and one that states a higher one is ignored.
    let highestEpoch = 1_000_000_000

    /// A server believes an epoch at most this far above its own: it cannot have missed more takeovers.
    let longestJump = 10_000

    /// The least that heartbeat times misses may be in the patience that the other server sends.
    let private shortestWait = TimeSpan.FromMilliseconds 250.0

    /// A standby that never heard the other server waits this many times the usual patience: both may have
    /// just been switched on.
    let private firstPatience = 10

    /// If neither acts, the one with the lesser claim waits this many times the usual patience.
    let private lesserPatience = 3

    /// A server that acts asks for one that it does not hear this many times less often.
    let private seldom = 4

    /// How long a planned switch may take: two patiences, and at least two seconds.
    let private handoverPatience (settings: RoleSettings) =
        max (TimeSpan.FromSeconds 2.0) (settings.Patience.Heartbeat * float (2 * settings.Patience.Misses))

    /// What this server tells the other one now.
    let greeting (s: RoleState) : Greeting =
        { Server = s.Settings.Name
          Epoch = s.Epoch
          Role = s.Role
          HandsOver = s.HandsOverUntil.IsSome
          Anew = s.Anew
          Patience = (if s.Settings.IsBackup then ValueSome s.Settings.Patience else ValueNone) }

    /// What the server's role makes it do.
    let duty (s: RoleState) : Duty =
        match s.Role, s.Settings.Readiness with
        | (Primary | Active), _ -> { Rate = Full; WritesCdrs = true }
        | Standby, Warm -> { Rate = Slow; WritesCdrs = false }
        | Standby, Cold
        | Joining, _ -> { Rate = Known; WritesCdrs = false }

    let private isTooFar (g: Greeting) (s: RoleState) = g.Epoch - s.Epoch > longestJump

    /// Whether the other server's claim is greater: a higher epoch that is believed; of two that act under
    /// one epoch, the name that comes first.
    let private yields (g: Greeting) (s: RoleState) =
        (g.Epoch > s.Epoch && not (isTooFar g s))
        || (g.Epoch = s.Epoch && g.Role.Acts && String.CompareOrdinal(g.Server, s.Settings.Name) < 0)

    let private keep (s: RoleState) = Keep(s.Epoch, s.Role.Acts || (s.Role = Joining && s.WouldAct))

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

    let private takeOverUnder epoch (at: Instant) cause (s: RoleState) : RoleState * RoleCommand list =
        let why =
            match cause with
            | PeerSilent misses -> $"the other server missed {misses} heartbeats"
            | NobodyActed -> "the other server answers, and does not act"
            | HandedOver -> "the other server hands over"
            | OperatorSaid -> "an operator said so"

        let next, commands = become Active why { s with Epoch = epoch }

        let takeover = { Epoch = next.Epoch; Cause = cause; At = at; LastHeard = s.LastActing }

        let announce = if next.Peer = "" then [] else [ AskPeer next.Peer ]
        next, commands @ (Recover takeover :: announce)

    /// Above the highest epoch there is none: then the names decide, until an operator makes both agree on a
    /// lower one.
    let private takeOver at cause (s: RoleState) : RoleState * RoleCommand list =
        takeOverUnder (min highestEpoch (s.Epoch + 1)) at cause s

    /// The patience that the other server sends, limited by this server's own configuration.
    let private believed (longest: TimeSpan) (told: Patience) : Patience =
        let wait = told.Heartbeat * float told.Misses

        if wait < shortestWait then
            { told with Heartbeat = shortestWait / float told.Misses }
        elif wait > longest then
            { told with Heartbeat = longest / float told.Misses }
        else
            told

    /// Adopts an epoch as far as it is believed, and a backup's patience. A shorter patience brings the next
    /// tick forward.
    let private learn (at: Instant) (g: Greeting) (s: RoleState) : RoleState * RoleCommand list =
        let patience =
            match g.Patience with
            | ValueSome told when not s.Settings.IsBackup -> believed s.Settings.LongestWait told
            | ValueSome _
            | ValueNone -> s.Settings.Patience

        let next =
            { s with
                Settings = { s.Settings with Patience = patience }
                Epoch = max s.Epoch (min g.Epoch (s.Epoch + longestJump))
                Due =
                    (if patience = s.Settings.Patience then
                         s.Due
                     else
                         Instant.min s.Due (at + patience.Heartbeat)) }

        next,
        (if next.Epoch <> s.Epoch then [ keep next ] else [])
        @ (if next.Due <> s.Due then [ WakeAt next.Due ] else [])

    let private isHeard (at: Instant) (g: Greeting) (s: RoleState) =
        if g.Role.Acts then
            { s with HeardActing = true; LastActing = ValueSome at }
        else
            s

    /// Stands by for a server with the greater claim, or for one that acts where this one does not.
    let private yieldTo (at: Instant) (g: Greeting) why (s: RoleState) : RoleState * RoleCommand list =
        let next, learned = learn at g s
        let next, commands = become Standby why next
        isHeard at g next, commands @ (learned |> List.filter _.IsWakeAt)

    /// Adopts the epoch that an operator gave the other server for both.
    let private agree (at: Instant) (g: Greeting) (s: RoleState) : RoleState * RoleCommand list =
        let why = $"an operator gave {g.Server} this epoch, this server had {s.Epoch}"
        yieldTo at g why { s with Epoch = g.Epoch; Anew = false; LastMet = ValueSome at }

    let private hear (at: Instant) (g: Greeting) (s: RoleState) : RoleState * RoleCommand list =
        let s =
            { s with
                Met = ValueSome g
                LastMet = ValueSome at
                // It repeats its epoch until the other server stands by under it.
                Anew = s.Anew && (g.Role.Acts || g.Epoch > s.Epoch) }

        match s.Role with
        | Primary
        | Active when yields g s ->
            yieldTo at g $"{g.Server} has epoch {g.Epoch}, this server had {s.Epoch}" s
        | Primary
        | Active -> learn at g s
        | Joining when yields g s || (g.Role.Acts && not s.WouldAct) ->
            yieldTo at g $"{g.Server} is {g.Role} with epoch {g.Epoch}" s
        | Joining ->
            let next, learned = learn at g s

            let role =
                if not s.WouldAct then Standby
                elif s.Settings.IsBackup then Active
                else Primary

            let next, commands = become role $"{g.Server} is {g.Role} with epoch {g.Epoch}" next
            next, commands @ (learned |> List.filter _.IsWakeAt)
        | Standby ->
            // One that still acts under an older epoch will step down when it hears ours.
            let acts = g.Role.Acts && g.Epoch >= s.Epoch
            let next, commands = learn at g s

            if not acts then
                next, commands
            else
                let next = { next with HeardActing = true; Misses = 0; LastActing = ValueSome at }

                if g.HandsOver then
                    let next, taken = takeOver at HandedOver next
                    next, commands @ taken
                else
                    next, commands

    /// How many ticks it waits without a server that acts, and why it then takes over.
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

    let private missesAt (coming: Coming) (s: RoleState) : int =
        match coming with
        | Usual -> s.Misses + 1
        | AfterPause -> s.Misses
        | AfterStop -> 0

    let private watch (at: Instant) (coming: Coming) (s: RoleState) : RoleState * RoleCommand list =
        let missed = { s with Misses = (if s.HeardActing then 0 else missesAt coming s) }
        let struct (patience, cause) = patience missed

        // Without a peer there is nobody to watch: only an operator makes it act.
        if missed.Peer <> "" && missed.Misses >= patience then
            takeOver at cause missed
        else
            // Halfway: what the gateways say about who controls them is only logged, and nothing waits for
            // it.
            let looks = missed.Misses = max 1 (patience / 2)

            { missed with HeardActing = false; Met = ValueNone },
            (if looks then [ LookAround ] else []) @ ask missed

    let private join (coming: Coming) (s: RoleState) : RoleState * RoleCommand list =
        let missed = { s with Misses = missesAt coming s }

        if missed.Misses < s.Settings.Patience.Misses then
            missed, ask missed
        elif not s.WouldAct then
            let next, commands =
                become Standby "as it was before; the other server does not answer yet" missed

            next, commands @ ask next
        else
            let role = if s.Settings.IsBackup then Active else Primary
            become role "as it was before; the other server does not answer" missed

    let private act (at: Instant) (coming: Coming) (s: RoleState) : RoleState * RoleCommand list =
        let stopped = coming <> Usual

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
            // Another server may have taken over while this one was stopped.
            { s with Misses = (if stopped then 1 else s.Misses + 1) }, said @ ask s
        else
            { s with Misses = (if due then s.Misses + 1 else 0) }, said

    let private tick (at: Instant) (s: RoleState) : RoleState * RoleCommand list =
        if at < s.Due then
            // Timers may also come early: the tick is still ahead.
            s, [ WakeAt s.Due ]
        else
            let heartbeat = s.Settings.Patience.Heartbeat
            let late = at - s.Due > heartbeat

            let coming =
                if not late || s.WasLate then Usual
                elif at - s.Due > heartbeat * float s.Settings.Patience.Misses then AfterStop
                else AfterPause

            let next, commands =
                match s.Role with
                | Standby -> watch at coming s
                | Joining -> join coming s
                | Primary
                | Active -> act at coming s

            let next = { next with Due = at + heartbeat; WasLate = late }
            next, commands @ [ WakeAt next.Due ]

    let private order (at: Instant) what (s: RoleState) : RoleState * RoleCommand list =
        let heardLately =
            match s.LastMet with
            | ValueSome met ->
                at - met <= s.Settings.Patience.Heartbeat * float (2 * s.Settings.Patience.Misses)
            | ValueNone -> false

        match what, s.Role with
        | TakeOver, (Primary | Active) ->
            s,
            [ Answer(
                  ValueSome
                      $"this server is {s.Role} already, with epoch {s.Epoch}; where both act and do not agree, takeover with an epoch of your choice (--epoch N) settles it"
              ) ]
        | ActUnder epoch, _ when epoch < 1 || epoch > highestEpoch ->
            s, [ Answer(ValueSome $"an epoch is a number from 1 to {highestEpoch}") ]
        | ActUnder epoch, (Primary | Active) ->
            let next, commands =
                become
                    s.Role
                    $"an operator gave this epoch, this server had {s.Epoch}"
                    { s with Epoch = epoch; Anew = s.Peer <> "" }

            next, Answer ValueNone :: commands @ ask next
        | ActUnder epoch, (Standby | Joining) ->
            let next, commands = takeOverUnder epoch at OperatorSaid { s with Anew = s.Peer <> "" }
            next, Answer ValueNone :: commands
        | TakeOver, (Standby | Joining) ->
            let next, commands = takeOver at OperatorSaid s
            next, Answer ValueNone :: commands
        | StepDown, (Standby | Joining) -> s, [ Answer(ValueSome "this server does not act") ]
        | StepDown, (Primary | Active) when not heardLately ->
            s, [ Answer(ValueSome "no standby has been heard lately: there is nobody to hand over to") ]
        | StepDown, (Primary | Active) ->
            { s with HandsOverUntil = ValueSome(at + handoverPatience s.Settings) },
            [ Answer ValueNone; Say "hands over: an operator said so" ]

    /// Puts the commands of one event in order: a role is kept, announced and answered for before it is assumed.
    /// A recovery, which audits every gateway, comes last.
    let private inOrder (next: RoleState, commands: RoleCommand list) : RoleState * RoleCommand list =
        let turn command =
            match command with
            | Assume _ -> 1
            | Recover _ -> 2
            | AskPeer _
            | WakeAt _
            | Keep _
            | LookAround
            | Say _
            | Answer _ -> 0

        next, List.sortBy turn commands

    /// The first state. A server with a peer asks it before it acts; one without a peer has nobody to ask.
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
              Epoch = kept.Epoch |> max 1 |> min highestEpoch
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
              SaidSameName = false
              SaidTooFar = false
              Anew = false }

        let next, commands =
            if peer <> "" then
                state, [ keep state; Assume(duty state); AskPeer peer ]
            elif not acted then
                become Standby "as it was before, and it knows no other server" state
            elif settings.IsBackup then
                become Active "as it was before, and it knows no other server" state
            else
                // What every server without a backup is, so nothing is logged.
                turn Primary state

        inOrder (next, commands @ [ WakeAt next.Due ])

    let private tooFar (g: Greeting) (s: RoleState) : RoleState * RoleCommand list =
        if s.SaidTooFar then
            s, []
        else
            { s with SaidTooFar = true },
            [ Say
                  $"{g.Server} tells epoch {g.Epoch}, more than {longestJump} above this server's: not believed at once. Where it does not end, callserver takeover --epoch N on the server that is to act has both agree on N" ]

    /// Whether the other server has an operator's epoch for both that this one has not adopted.
    let private isAgreed (g: Greeting) (s: RoleState) =
        g.Anew
        && g.Role.Acts
        && not (isTooFar g s)
        && (s.Role <> Standby || g.Epoch <> s.Epoch)
        // Of two operators' orders the higher epoch counts, as always.
        && (not s.Anew || yields g s)

    let private react (event: RoleEvent) (s: RoleState) : RoleState * RoleCommand list =
        match event with
        | Heard(_, g) when g.Server = s.Settings.Name ->
            if s.SaidSameName then
                s, []
            else
                { s with SaidSameName = true },
                [ Say
                      $"another server is called {g.Server} as well, or this one watches itself: it is not listened to" ]
        | Heard(_, g) when g.Epoch > highestEpoch -> tooFar g s
        | Heard(at, g) when s.Anew && not g.Anew && (g.Epoch > s.Epoch || (g.Epoch = s.Epoch && g.Role.Acts)) ->
            // The other server has not yet heard what the operator ordered.
            { s with Met = ValueSome g; LastMet = ValueSome at }, []
        | Heard(at, g) when isAgreed g s -> agree at g s
        | Heard(at, g) when isTooFar g s ->
            let next, commands = hear at g s
            let next, said = tooFar g next
            next, commands @ said
        | Heard(at, g) ->
            let next, commands = hear at g s
            { next with SaidTooFar = false }, commands
        | Woke at -> tick at s
        | Ordered(at, what) -> order at what s

    /// The state after an event, and the commands to carry out in this order before the next event.
    let advance (event: RoleEvent) (s: RoleState) : RoleState * RoleCommand list = react event s |> inOrder
