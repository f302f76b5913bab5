namespace CallServer.Tests.Simulation

open System
open System.Collections.Generic
open CallServer.Gateway
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Audit
open CallServer.Surface

/// What a run is made of; all of it follows from the seed.
type Plan =
    { Seed: uint64
      Gateways: int
      Connections: int
      Churn: float
      Loss: float
      Interval: TimeSpan
      Length: TimeSpan
      Profiles: string list }

[<NoComparison; NoEquality>]
type private Mishap =
    | Reboots
    | AgentRestarts
    | Reloads
    | TurnsBad of Vices
    | Recovers
    | PathBreaks
    | PathHeals

[<NoComparison; NoEquality>]
type private Happening =
    | PollDue of gateway: int
    | ToGateway of gateway: int * process': int * datagram: byte[]
    | ToServer of gateway: int * process': int * datagram: byte[]
    | WakeUp of gateway: int * process': int * audit: int
    | Befalls of gateway: int * Mishap
    | ServerDies
    | ServerStarts
    | WallClockSteps of TimeSpan

/// The server's side of one gateway: gone when the server dies, but for what it stored.
[<NoComparison; NoEquality>]
type private Polled =
    { Target: SnmpTarget
      Book: TruthBook
      Profile: string
      mutable Agent: AgentState
      mutable Path: BadNetwork
      mutable Broken: bool
      mutable Memory: SnmpAudit.Memory
      mutable Audit: SnmpAudit.State voption
      mutable AuditNumber: int
      mutable Ledger: GatewayLedger
      mutable StoredGateway: GatewayRow voption
      mutable StoredRows: ConnectionRow[]
      Opened: HashSet<int64>
      Records: Dictionary<int64, int>
      CdrIds: HashSet<Guid>
      mutable AgentOnlyRestarts: int }

/// A fleet of simulated gateways and a server that audits them, in virtual time: one thread, no clock, everything from a seed.
/// After every snapshot the record is held against the truth; `Failures` says where it was wrong.
type Fleet(plan: Plan) =
    let mutable rng = Rng.create plan.Seed
    let start = Instant.ofMicros 1_760_000_000_000_000L
    let finish = start + plan.Length
    let queue = PriorityQueue<Happening, struct (int64 * int64)>()
    let mutable sequence = 0L
    let mutable now = start
    let mutable process' = 1
    let mutable isUp = true
    // How far the wall clock is from true time, now and when the server anchored its timeline to it.
    let mutable wallOffset = TimeSpan.Zero
    let mutable anchor = TimeSpan.Zero
    let mutable storedCorrection = TimeSpan.Zero
    let mutable audits = 0
    let mutable completeAudits = 0
    let failures = ResizeArray<string>()
    let story = ResizeArray<string>()

    let next () =
        let struct (bits, rest) = Rng.next rng
        rng <- rest
        bits

    let below limit =
        let struct (value, rest) = Rng.below limit rng
        rng <- rest
        value

    let fraction () =
        let struct (value, rest) = Rng.fraction rng
        rng <- rest
        value

    let chance percent = below 100 < percent
    let elapsed () = (now - start).TotalSeconds
    let tell gateway text = story.Add $"{elapsed ():F3} s, gw{gateway + 1}: {text}"
    let fail gateway text = failures.Add $"{elapsed ():F6} s, gw{gateway + 1}: {text}"

    let at (time: Instant) happening =
        sequence <- sequence + 1L
        queue.Enqueue(happening, struct (time.Micros, sequence))

    /// True time as the server's clocks show it.
    let moment () : Moment = { Steady = now + anchor; Wall = now + wallOffset }

    /// The server's timeline in true time.
    let trueInterval (interval: Interval) = Interval.shift (anchor.Negate()) interval
    let correction () = wallOffset - anchor

    let makeGateway place =
        let profile = plan.Profiles[below plan.Profiles.Length]

        let uptime =
            match below 6 with
            | 0 -> Boot.timeTicksPeriod - TimeSpan.FromSeconds(float (below 120))
            | 1 -> TimeSpan.FromSeconds(2147483648.0 / 100.0 - float (below 120))
            | _ -> TimeSpan.FromSeconds(float (100 + below 30_000_000))

        let mib = Gateways.mibs |> List.find (fun mib -> mib.Profile = profile)

        let table =
            { TableOptions.standard with
                Connections = below (plan.Connections + 1)
                Churn = plan.Churn * fraction ()
                Ages = struct (TimeSpan.FromSeconds 1.0, TimeSpan.FromHours 2.0)
                Ringing = struct (TimeSpan.FromSeconds 0.5, TimeSpan.FromSeconds 8.0)
                ShowRinging = chance 50 }

        let options = { AgentOptions.ofMib mib $"gw{place + 1}" with Uptime = uptime }
        let agent = Gateways.create (next ()) table options start
        let gateway = GatewayId.create $"gw{place + 1}"
        let book = TruthBook()
        book.Record((fun connection -> AgentState.identify connection agent), Truth.present agent.Table)

        { Target =
            { Gateway = gateway
              Credentials = Community "public"B
              Profile = Profiles.tryFind profile
              Timeout = TimeSpan.FromSeconds 1.0
              Attempts = 4 }
          Book = book
          Profile = profile
          Agent = agent
          Path =
            BadNetwork.both (if chance 30 then PathQuality.lan else PathQuality.bad (plan.Loss * fraction ()))
          Broken = false
          Memory = SnmpAudit.Memory.none
          Audit = ValueNone
          AuditNumber = 0
          Ledger = GatewayLedger.empty gateway
          StoredGateway = ValueNone
          StoredRows = [||]
          Opened = HashSet()
          Records = Dictionary()
          CdrIds = HashSet()
          AgentOnlyRestarts = 0 }

    let gateways = Array.init plan.Gateways makeGateway

    let identify (g: Polled) connection = AgentState.identify connection g.Agent

    let advance (g: Polled) =
        let struct (agent, events) = AgentState.advance now g.Agent
        g.Agent <- agent
        g.Book.Record(identify g, events)

    let mayMissRows (snapshot: Snapshot) = snapshot.Traits.AbsencesToClose > 1

    /// Which connection the record means. An id is heard between a request and its reply, and a reply may be late.
    let fateOf (g: Polled) (id: ConnectionId) (heard: Interval) =
        g.Book.TryFind(string id, trueInterval heard)

    let heardBy (c: Connection) (snapshot: Snapshot) =
        Interval.create c.LastHeard (Instant.max c.LastHeard snapshot.Answered)

    let checkClosed place (g: Polled) (c: Connection) (ending: Ending) (fate: Fate) =
        g.Records[fate.Serial] <- 1 + g.Records.GetValueOrDefault fate.Serial

        if not (g.CdrIds.Add(Cdr.id g.Target.Gateway c)) then
            fail place $"two CDRs have the id of {c.Id}"

        match fate.End with
        | ValueNone ->
            fail
                place
                $"{c.Id} was closed ({ending.Evidence}) and lives: setup {c.Setup}, start {c.Start}, %A{c.Facts}"
        | ValueSome ended ->
            // After a restart of the agent alone that nothing outlived, the record must think that the gateway restarted (ADR 3).
            let ambiguous = ending.Evidence = GatewayRestart && g.AgentOnlyRestarts > 0

            if not (ambiguous || Interval.contains ended (trueInterval ending.Within)) then
                fail place $"{c.Id} ended at {ended}, said {trueInterval ending.Within} {ending.Evidence}"

    let checkKept place (g: Polled) (snapshot: Snapshot) =
        for c in g.Ledger.Connections do
            if c.Status = Status.Confirmed then
                let heard = Interval.create (snapshot.Asked - snapshot.Traits.Staleness) snapshot.Answered

                match fateOf g c.Id heard with
                | ValueNone -> fail place $"{c.Id} is in the record and never was"
                | ValueSome fate ->
                    let within = trueInterval c.Start.Within

                    if not (Interval.contains fate.Start within) then
                        fail place $"{c.Id} started at {fate.Start}, said {within} {c.Start.Evidence}"

                    match c.Setup with
                    | ValueSome setup when not (Interval.contains fate.Setup (trueInterval setup.Within)) ->
                        fail place $"{c.Id} was set up at {fate.Setup}, said {trueInterval setup.Within}"
                    | _ -> ()

            if Snapshot.isComplete snapshot && not (mayMissRows snapshot) then
                match fateOf g c.Id (heardBy c snapshot) with
                | ValueSome { End = ValueSome ended } when
                    ended + anchor + snapshot.Traits.Staleness < snapshot.Asked
                    ->
                    fail
                        place
                        $"{c.Id} ended at {ended} and outlived the complete audit asked at {snapshot.Asked - anchor}"
                | _ -> ()

    /// Complete means complete: whatever was listed throughout the window stands in the snapshot.
    let checkComplete place (g: Polled) (snapshot: Snapshot) =
        if Snapshot.isComplete snapshot && not (mayMissRows snapshot) then
            let listed = HashSet(snapshot.Observations |> Seq.map (fun o -> string o.Id))

            let window =
                trueInterval (Interval.create (snapshot.Asked - snapshot.Traits.Staleness) snapshot.Answered)

            for connection in g.Agent.Table.Connections do
                if
                    connection.Start < window.Earliest
                    && g.Book.NamedSince connection.Serial < window.Earliest
                    && not (listed.Contains (identify g connection).Id)
                then
                    fail
                        place
                        $"{(identify g connection).Id} was there throughout and a complete snapshot lacks it"

    let checkRecords place (g: Polled) =
        let active =
            g.Ledger.Connections
            |> Seq.map (fun c -> fateOf g c.Id (Interval.create c.LastHeard (now + anchor)))
            |> Seq.choose (fun fate -> fate |> ValueOption.map _.Serial |> ValueOption.toOption)
            |> HashSet

        for serial in g.Opened do
            let written = g.Records.GetValueOrDefault serial

            if written > 1 then
                fail place $"connection {serial} has {written} CDRs"
            elif written = 0 && not (active.Contains serial) then
                fail place $"connection {serial} is neither active nor has a CDR"

    let reconcile place (g: Polled) (snapshot: Snapshot) =
        audits <- audits + 1

        if Snapshot.isComplete snapshot then
            completeAudits <- completeAudits + 1

        let struct (ledger, changes) = Reconcile.apply snapshot g.Ledger

        tell
            place
            $"{snapshot.Completeness}, {snapshot.Observations.Length} rows, {snapshot.Boot.Token} began {snapshot.Boot.Began}, run {ledger.Run}"

        g.Ledger <- ledger
        g.StoredGateway <- ValueSome(Rows.ofGateway ledger)
        g.StoredRows <- ledger.Connections |> Array.map (Rows.ofConnection ledger.Gateway)

        for change in changes do
            match change with
            | Opened c ->
                (match fateOf g c.Id (heardBy c snapshot) with
                 | ValueSome fate ->
                     if not (g.Opened.Add fate.Serial) then
                         fail place $"{c.Id} was opened twice: setup {c.Setup}, start {c.Start}, %A{c.Facts}"
                 | ValueNone -> fail place $"{c.Id} was opened and never was")
            | Closed(c, ending) ->
                (match
                    fateOf
                        g
                        c.Id
                        (Interval.create c.LastHeard c.LastHeard
                         |> Interval.widen TimeSpan.Zero (TimeSpan.FromSeconds 8.0))
                 with
                 | ValueSome fate -> checkClosed place g c ending fate
                 | ValueNone -> fail place $"{c.Id} was closed and never was")
            | Conflicted(c, conflict) ->
                fail place $"{c.Id}: a conflict where none lies: {c.Start.Within} against {conflict.Reported}"
            | Updated _
            | Confirmed _
            | Unconfirmed _
            | Renamed _
            | GatewayRestarted _ -> ()

        checkKept place g snapshot
        checkComplete place g snapshot
        checkRecords place g
        let struct (again, repeated) = Reconcile.apply snapshot ledger

        if repeated.Length > 0 || not (obj.ReferenceEquals(again, ledger)) then
            fail place "the same snapshot changed the record twice"

    let send path happening =
        let struct (arrivals, rest) = BadNetwork.deliver now path rng
        rng <- rest

        for arrival in arrivals do
            at arrival happening

    let carryOut place (commands: Command list) =
        let g = gateways[place]

        for command in commands do
            match command with
            | Send datagram ->
                if not g.Broken then
                    send g.Path.ToGateway (ToGateway(place, process', datagram))
            | WakeAt instant ->
                at (Instant.max now (instant - anchor)) (WakeUp(place, process', g.AuditNumber))
            | Connect
            | Write _
            | Told _ -> fail place "SNMP asks for datagrams alone"
            | Finished snapshot ->
                g.Memory <- SnmpAudit.memory g.Audit.Value
                g.Audit <- ValueNone
                advance g
                reconcile place g snapshot
                at (now + plan.Interval) (PollDue place)

    let poll place =
        let g = gateways[place]

        if isUp && g.Audit.IsNone then
            advance g
            g.AuditNumber <- g.AuditNumber + 1
            let state, commands = SnmpAudit.start g.Target g.Memory (moment ()) (Rng.create (next ()))
            g.Audit <- ValueSome state
            carryOut place commands

    let pass place event =
        let g = gateways[place]

        match g.Audit with
        | ValueSome state ->
            let state, commands = SnmpAudit.advance event state
            g.Audit <- ValueSome state
            carryOut place commands
        | ValueNone -> ()

    let befall place mishap =
        let g = gateways[place]
        advance g
        tell place $"%A{mishap}"

        let rename () = g.Book.Rename(now, identify g, g.Agent.Table.Connections)

        match mishap with
        | Reboots ->
            let down = TimeSpan.FromSeconds(1.0 + float (below 20))
            let struct (agent, events) = AgentState.reboot down now g.Agent
            g.Agent <- agent
            g.Book.Record(identify g, events)
        | AgentRestarts ->
            g.Agent <- AgentState.restartAgent (TimeSpan.FromSeconds(0.5 + float (below 3))) now g.Agent
            g.AgentOnlyRestarts <- g.AgentOnlyRestarts + 1
            rename ()
        | Reloads -> g.Agent <- AgentState.reload g.Agent
        | TurnsBad vices -> g.Agent <- AgentState.withVices vices g.Agent
        | Recovers -> g.Agent <- AgentState.withVices Vices.none g.Agent
        | PathBreaks -> g.Broken <- true
        | PathHeals -> g.Broken <- false

    let die () =
        isUp <- false
        process' <- process' + 1
        storedCorrection <- correction ()

        for g in gateways do
            g.Audit <- ValueNone
            g.Memory <- SnmpAudit.Memory.none

        at (now + TimeSpan.FromSeconds(0.5 + float (below 20))) ServerStarts

    let restart () =
        isUp <- true
        // The timeline goes on where the stored one was: wall clock less the stored correction.
        anchor <- wallOffset - storedCorrection

        for place in 0 .. gateways.Length - 1 do
            let g = gateways[place]

            g.Ledger <-
                match g.StoredGateway with
                | ValueSome row ->
                    { Rows.toGateway row with Connections = Array.map Rows.toConnection g.StoredRows }
                    |> GatewayLedger.restore
                | ValueNone -> GatewayLedger.empty g.Target.Gateway

            at now (PollDue place)

    let happen happening =
        match happening with
        | PollDue place -> poll place
        | ToGateway(place, sender, datagram) ->
            let g = gateways[place]
            advance g
            let struct (agent, replies) = SnmpAgent.respond now datagram g.Agent
            g.Agent <- agent

            for reply in replies do
                let sent = now
                now <- now + reply.After

                if not g.Broken then
                    send g.Path.ToAuditor (ToServer(place, sender, reply.Datagram))

                now <- sent
        | ToServer(place, receiver, datagram) ->
            if receiver = process' then
                pass place (Received(moment (), datagram))
        | WakeUp(place, sleeper, audit) ->
            if sleeper = process' && audit = gateways[place].AuditNumber then
                pass place (Woke(moment ()))
        | Befalls(place, mishap) -> befall place mishap
        | ServerDies ->
            if isUp then
                die ()
        | ServerStarts -> restart ()
        | WallClockSteps by ->
            if isUp then
                wallOffset <- wallOffset + by

    let someVices () =
        match below 9 with
        | 0 -> Vices.mute
        | 1 -> Vices.dyingAfter (below 12)
        | 2 -> { Vices.none with MaxVarBinds = ValueSome(1 + below 60) }
        | 3 -> { Vices.none with CutsRows = true; OddNumbers = true }
        | 4 -> { Vices.none with MissingCells = ValueSome(2 + below 20) }
        | 5 -> { Vices.none with Looping = ValueSome(Repeats(below 20)) }
        | 6 -> { Vices.none with Looping = ValueSome(GoesBack(1 + below 20)) }
        | 7 -> Vices.slow (TimeSpan.FromMilliseconds(float (below 900))) TimeSpan.Zero
        | _ -> { Vices.none with SilentAbove = ValueSome(484 + below 3000) }

    let someTime () = start + plan.Length * fraction ()

    do
        for place in 0 .. plan.Gateways - 1 do
            at (start + plan.Interval * fraction ()) (PollDue place)

            for _ in 1 .. below 3 do
                at (someTime ()) (Befalls(place, Reboots))

            if chance 50 then
                at (someTime ()) (Befalls(place, AgentRestarts))

            if chance 30 then
                at (someTime ()) (Befalls(place, Reloads))

            for _ in 1 .. below 4 do
                let bad = someTime ()
                at bad (Befalls(place, TurnsBad(someVices ())))
                at (bad + TimeSpan.FromSeconds(float (5 + below 40))) (Befalls(place, Recovers))

            if chance 40 then
                let broken = someTime ()
                at broken (Befalls(place, PathBreaks))
                at (broken + TimeSpan.FromSeconds(float (1 + below 40))) (Befalls(place, PathHeals))

        for _ in 1 .. below 4 do
            at (someTime ()) ServerDies

        for _ in 1 .. below 3 do
            at (someTime ()) (WallClockSteps(TimeSpan.FromSeconds(float (below 20000 - 10000))))

    /// Runs to the end, or to the first thing that is wrong.
    member _.Run() =
        let mutable happening = Unchecked.defaultof<Happening>
        let mutable time = Unchecked.defaultof<struct (int64 * int64)>

        while failures.Count = 0 && queue.TryDequeue(&happening, &time) && now < finish do
            let struct (micros, _) = time
            now <- Instant.max now (Instant.ofMicros micros)
            happen happening

    /// The fleet in one line, for a failure's message.
    member _.Describe() =
        gateways
        |> Array.map (fun g -> $"{g.Target.Gateway} {g.Profile} {g.Agent.Table.Count} connections")
        |> String.concat ", "

    /// The last things that happened before it ended.
    member _.Story = story |> Seq.skip (max 0 (story.Count - 25))

    member _.Failures = failures
    member _.Audits = audits
    member _.CompleteAudits = completeAudits
