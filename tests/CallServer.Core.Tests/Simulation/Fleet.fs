namespace CallServer.Tests.Simulation

open System
open System.Collections.Generic
open CallServer.Gateway
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Surface

/// Something that happens at a moment of virtual time.
[<NoComparison; NoEquality>]
type private Happening =
    | PollDue of gateway: int
    | WatchDue of gateway: int
    | ToGateway of gateway: int * peer: string * datagram: byte[]
    | ToServer of gateway: int * process': int * datagram: byte[]
    | StreamReaches of stream: int
    | StreamOpens of stream: int
    | StreamToGateway of stream: int * octets: byte[]
    | StreamToServer of stream: int * octets: byte[]
    | StreamBreaks of stream: int * reason: string
    | WakeUp of gateway: int * standing: bool * number: int
    | GivesUp of gateway: int * standing: bool * number: int
    | GatewayWakes of gateway: int
    | Befalls of gateway: int * Mishap
    | ServerDies
    | ServerStarts
    | WallClockSteps of TimeSpan

/// The server's exchange with one gateway: an audit, or a standing watch.
[<NoComparison; NoEquality>]
type private Exchange =
    {
        mutable Machine: GatewayExchange<AuditResult>
        /// Distinguishes it from earlier exchanges.
        mutable Number: int
        mutable Stream: int voption
    }

[<NoComparison; NoEquality>]
type private Polled =
    {
        Name: string
        Target: AuditTarget
        Far: FarEnd
        Record: KeptRecord
        mutable Path: BadNetwork
        mutable Broken: bool
        /// If its datagrams come from another port than the one asked, whether its configuration allows that.
        AnswersElsewhere: bool voption
        /// Its configuration says that its list is never complete.
        NeverComplete: bool
        /// Since when nothing has been wrong with it or its path while no snapshot was complete.
        mutable CalmSince: Instant
        /// Snapshots since then.
        mutable CalmSnapshots: int
        /// When the gateway is next told the time.
        mutable WakesAt: Instant
        mutable Memory: AuditMemory
        Audit: Exchange
        Watch: Exchange
    }

[<NoComparison; NoEquality>]
type private Stream =
    {
        Gateway: int
        Standing: bool
        Process: int
        /// Octets on their way arrive in order.
        mutable Out: Instant
        mutable In: Instant
        mutable Dead: bool
    }

/// A fleet of simulated gateways and a server that audits them, in virtual time: one thread, no real clock,
/// everything from a seed. After every snapshot the record is compared with the truth; `Failures` says where it was
/// wrong. With `tellsChanges` its story includes everything that each snapshot changed, for the replay of one seed.
type Fleet(plan: Plan, tellsChanges: bool) =
    let dice = Dice plan.Seed
    let start = Instant.ofMicros 1_760_000_000_000_000L
    let finish = start + plan.Length
    let queue = PriorityQueue<Happening, struct (int64 * int64)>()
    let streams = Dictionary<int, Stream>()
    let mutable sequence = 0L
    let mutable now = start
    let mutable process' = 1
    let mutable isUp = true

    // Every eighth server is told not to read the gateways' own histories.
    let readsHistory = plan.Seed % 8UL <> 0UL
    // How far the wall clock is from true time, now and when the server anchored its timeline to it.
    let mutable wallOffset = TimeSpan.Zero
    let mutable anchor = TimeSpan.Zero
    let mutable storedCorrection = TimeSpan.Zero
    let mutable audits = 0
    let mutable completeAudits = 0
    let failures = ResizeArray<string>()
    let story = ResizeArray<string>()
    let elapsed () = (now - start).TotalSeconds
    let tell gateway text = story.Add $"{elapsed ():F3} s, gw{gateway + 1}: {text}"
    let fail gateway text = failures.Add $"{elapsed ():F6} s, gw{gateway + 1}: {text}"

    let at (time: Instant) happening =
        sequence <- sequence + 1L
        queue.Enqueue(happening, struct (time.Micros, sequence))

    /// True time as the server's clocks show it.
    let moment () : Moment = { Steady = now + anchor; Wall = now + wallOffset }
    let correction () = wallOffset - anchor
    let local () = $"192.0.2.1:{40000 + process'}"
    let idle () : Exchange = { Machine = null; Number = 0; Stream = ValueNone }

    let makeGateway place =
        let name = $"gw{place + 1}"
        let kind = plan.Kinds[dice.Below plan.Kinds.Length]
        let far, target = Cast.gateway plan dice place name kind start
        let answersElsewhere = if dice.Chance 12 then ValueSome(dice.Chance 60) else ValueNone
        let neverComplete = dice.Chance 6
        let target = if neverComplete then target.NeverComplete() else target

        { Name = name
          Target = target
          Far = far
          Record = KeptRecord(GatewayId.create name, far, fail place)
          Path =
            BadNetwork.both (
                if dice.Chance 30 || far.LosesNothing then
                    PathQuality.lan
                else
                    PathQuality.bad (plan.Loss * dice.Fraction())
            )
          Broken = false
          AnswersElsewhere = answersElsewhere
          NeverComplete = neverComplete
          CalmSince = start
          CalmSnapshots = 0
          WakesAt = Instant.distantFuture
          Memory = null
          Audit = idle ()
          Watch = idle () }

    let gateways = Array.init plan.Gateways makeGateway

    // The join takes as long as everything else together, so only every third fleet has it.
    let joins = plan.Seed % 3UL = 0UL

    let calls =
        KeptCalls(
            gateways |> Array.map _.Record,
            fun text -> failures.Add $"{elapsed ():F6} s, calls: {text}"
        )

    let brief (change: Change) =
        match change with
        | Change.Opened c
        | Confirmed c
        | Unconfirmed c
        | Updated(_, c)
        | Conflicted(c, _) -> $"{c.Id} stamp {c.Stamp} run {c.Run}, started {c.Start.Within}"
        | Change.Closed(c, ending) -> $"{c.Id} stamp {c.Stamp} run {c.Run}, {ending.Evidence} {ending.Within}"
        | Renamed(was, c) -> $"{was} is {c.Id} stamp {c.Stamp}"
        | GatewayRestarted at -> $"within {at}"

    let exchange place standing = if standing then gateways[place].Watch else gateways[place].Audit

    let send path happening =
        let struct (arrivals, rest) = BadNetwork.deliver now path dice.Rng
        dice.Rng <- rest

        for arrival in arrivals do
            at arrival happening

    /// When octets of a stream sent now arrive: never before earlier ones, and later if a segment was lost.
    let along (path: PathQuality) (last: Instant) : Instant =
        let lost =
            if dice.Fraction() < path.Loss then
                TimeSpan.FromMilliseconds 220.0
            else
                TimeSpan.Zero

        Instant.max last (now + path.Delay + path.Jitter * dice.Fraction() + lost)

    /// Cuts a stream's octets anywhere.
    let rec pieces (octets: byte[]) =
        if octets.Length < 2 || dice.Chance 40 then
            [ octets ]
        else
            let cut = 1 + dice.Below(octets.Length - 1)
            octets[.. cut - 1] :: pieces octets[cut..]

    let kill (number: int) (stream: Stream) reason =
        if not stream.Dead then
            stream.Dead <- true
            stream.In <- along gateways[stream.Gateway].Path.ToAuditor stream.In
            at stream.In (StreamBreaks(number, reason))

    /// Handles what a gateway did: the truth goes into the book, everything else on its way.
    let emit place (events: TruthEvent list, commands: GatewayCommand list) =
        let g = gateways[place]
        g.Record.Learn events

        for command in commands do
            match command with
            | SendDatagram(_, peer, after, datagram) ->
                let moment = now
                now <- now + after

                if not g.Broken && peer = local () then
                    send g.Path.ToAuditor (ToServer(place, process', datagram))

                now <- moment
            | WriteStream(number, after, octets) ->
                match streams.TryGetValue number with
                | true, stream when not stream.Dead && not g.Broken ->
                    for piece in pieces octets do
                        stream.In <- along g.Path.ToAuditor stream.In + after
                        at stream.In (StreamToServer(number, piece))
                | _ -> ()
            | CloseStream number ->
                match streams.TryGetValue number with
                | true, stream -> kill number stream "closed by the gateway"
                | _ -> ()

        if g.Far.NextTick <> g.WakesAt && g.Far.NextTick < finish then
            g.WakesAt <- g.Far.NextTick
            at (Instant.max now g.WakesAt) (GatewayWakes place)

    let protocolOf place = gateways[place].Far.Protocol
    let passTime place = emit place (gateways[place].Far.Take(now, TimePassed))

    /// Checks that datagrams which must not be accepted were not, and were reported only if they were answers.
    let judge place (snapshot: Snapshot) =
        let g = gateways[place]
        let goesByDatagramsAlone = List.contains g.Far.Protocol [ "snmp"; "mgcp"; "h248" ]

        let toldElsewhere =
            match snapshot.Completeness with
            | Partial reasons -> reasons |> List.exists _.IsAnsweredElsewhere
            | Complete _ -> false

        match g.AnswersElsewhere with
        | ValueSome false when goesByDatagramsAlone && not (Completeness.isSilent snapshot.Completeness) ->
            fail place $"took answers from elsewhere: {snapshot.Completeness}"
        | ValueNone
        | ValueSome true when toldElsewhere ->
            fail place $"takes noise for an answer: {snapshot.Completeness}"
        | _ -> ()

        if g.NeverComplete && Snapshot.isComplete snapshot then
            fail place "is complete, and was declared never to be"

    /// Something is wrong with it, or will be, until then.
    let disturb place (until: Instant) =
        let g = gateways[place]
        g.CalmSince <- Instant.max g.CalmSince until
        g.CalmSnapshots <- 0

    /// An honest gateway on a good path must not stay partial for ever, whatever its habits: even though connections
    /// open and close, and some ring, a snapshot must be complete before long.
    let judgeLiveness place (snapshot: Snapshot) =
        let g = gateways[place]

        if Snapshot.isComplete snapshot then
            disturb place now
        else
            g.CalmSnapshots <- g.CalmSnapshots + 1
            let mayBeComplete = not g.NeverComplete && g.AnswersElsewhere <> ValueSome false
            let isCalm = g.Path.ToAuditor.Loss = 0.0 && not g.Broken && not g.Record.IsBad

            if
                mayBeComplete
                && isCalm
                && snapshot.Traits.AbsencesToClose = 1
                && g.CalmSnapshots >= 5
                && now - g.CalmSince > TimeSpan.FromSeconds 60.0
            then
                fail place $"is not complete for a minute, and nothing is wrong: {snapshot.Completeness}"

    let reconcile place (result: AuditResult) =
        let g = gateways[place]
        let snapshot = result.Snapshot
        audits <- audits + 1

        if Snapshot.isComplete snapshot then
            completeAudits <- completeAudits + 1

        judge place snapshot
        judgeLiveness place snapshot
        passTime place
        let changes = g.Record.Take(snapshot, now, anchor)

        if joins then
            calls.Take(g.Record, snapshot, changes)

        tell
            place
            $"{snapshot.Completeness}, {snapshot.Observations.Length} rows, {snapshot.Boot.Token} began {snapshot.Boot.Began}, run {g.Record.Ledger.Run}"

        if tellsChanges then
            for change in changes do
                tell place $"  {change.Kind}: {brief change}"

            for e in snapshot.Ended do
                tell
                    place
                    $"  history: {e.Observation.Id} stamp {e.Observation.Stamp} ended {e.End.Within}, set up {e.Observation.Setup |> ValueOption.map _.Within}"

    let hangUp (exchange: Exchange) =
        match exchange.Stream with
        | ValueSome number ->
            let stream = streams[number]
            exchange.Stream <- ValueNone

            if not stream.Dead then
                stream.Dead <- true
                emit stream.Gateway (gateways[stream.Gateway].Far.Take(now, StreamEnded number))
        | ValueNone -> ()

    let connect place standing =
        let g = gateways[place]
        let running = exchange place standing
        hangUp running
        let number = streams.Count + 1

        let stream =
            { Gateway = place
              Standing = standing
              Process = process'
              Out = now
              In = now
              Dead = false }

        streams[number] <- stream
        running.Stream <- ValueSome number

        if g.Broken then
            stream.Dead <- true
            at (now + TimeSpan.FromSeconds 3.0) (StreamBreaks(number, "timed out"))
        else
            stream.Out <- along g.Path.ToGateway now
            stream.In <- along g.Path.ToAuditor stream.Out
            at stream.Out (StreamReaches number)
            at stream.In (StreamOpens number)

    let write place standing (octets: byte[]) =
        let g = gateways[place]

        match (exchange place standing).Stream with
        | ValueSome number when not streams[number].Dead ->
            let stream = streams[number]

            if g.Broken then
                stream.Dead <- true
                at (now + TimeSpan.FromSeconds 15.0) (StreamBreaks(number, "timed out"))
            else
                for piece in pieces octets do
                    stream.Out <- along g.Path.ToGateway stream.Out
                    at stream.Out (StreamToGateway(number, piece))
        | _ -> ()

    let sink place standing : IExchangeSink<AuditResult> =
        let g = gateways[place]
        let running = exchange place standing

        { new IExchangeSink<AuditResult> with
            member _.Send message =
                if not g.Broken then
                    send g.Path.ToGateway (ToGateway(place, local (), message))

            member this.Reply message = this.Send message
            member _.Connect() = connect place standing
            member _.Write octets = write place standing octets

            member _.WakeAt instant =
                at (Instant.max now (instant - anchor)) (WakeUp(place, standing, running.Number))

            member _.Told result =
                g.Memory <- running.Machine.Memory
                reconcile place result

            member _.Finished result =
                hangUp running
                g.Memory <- running.Machine.Memory
                running.Machine <- null

                if not standing then
                    reconcile place result

                    if g.Target.Watches then
                        at now (WatchDue place)

                at (now + plan.Interval) (PollDue place) }

    let step place standing (next: GatewayExchange<AuditResult>) =
        (exchange place standing).Machine <- next
        next.Dispatch(sink place standing)

    let begin' place standing (first: GatewayExchange<AuditResult>) =
        let running = exchange place standing
        running.Number <- running.Number + 1

        if not standing then
            at (now + TimeSpan.FromSeconds 60.0) (GivesUp(place, standing, running.Number))

        step place standing first

    let poll place =
        let g = gateways[place]

        // A gateway that reports by itself is asked only when it no longer does.
        if isUp && isNull g.Audit.Machine && isNull g.Watch.Machine then
            passTime place
            let history = if readsHistory then g.Record.Ledger.History else ValueNone
            let known = KnownConnections(g.Record.Ledger.Connections, history)
            begin' place false (g.Target.Start(g.Memory, moment (), dice.Next(), local (), known))

    let watch place =
        let g = gateways[place]

        if isUp && isNull g.Audit.Machine && isNull g.Watch.Machine then
            begin' place true (g.Target.Watch(g.Memory, plan.Interval, moment (), dice.Next(), local ()))

    /// Passes an event to the gateway's audit or watch, if it still exists.
    let pass place standing (event: GatewayExchange<AuditResult> -> GatewayExchange<AuditResult>) =
        let machine = (exchange place standing).Machine

        if isUp && not (isNull machine) then
            step place standing (event machine)

    /// A datagram from an unknown address.
    let overhear place standing (datagram: byte[]) =
        let running = exchange place standing

        if isUp && not (isNull running.Machine) then
            running.Machine <-
                running.Machine.Overhear(moment (), "192.0.2.77:40000", "replies=192.0.2.77", datagram)

    let isCurrent number (stream: Stream) =
        isUp
        && stream.Process = process'
        && (exchange stream.Gateway stream.Standing).Stream = ValueSome number

    let befall place mishap =
        let g = gateways[place]
        tell place $"%A{mishap}"
        disturb place (now + TimeSpan.FromSeconds 30.0)

        match mishap with
        | PathBreaks -> g.Broken <- true
        | PathHeals -> g.Broken <- false
        | Reboots _
        | AgentRestarts _
        | Reloads
        | TurnsBad _
        | Recovers ->
            let events, sent, renamed = g.Far.Befall(now, mishap)
            emit place (events, sent)

            match mishap with
            | Reboots down
            | AgentRestarts down ->
                g.Record.Befell(now + down + TimeSpan.FromSeconds 3.0)
                g.Record.Restarts(now + down)
            | _ -> g.Record.Befell now

            match mishap with
            | TurnsBad _ -> g.Record.TurnedBad true
            | Recovers -> g.Record.TurnedBad false
            | _ -> ()

            if renamed then
                g.Record.Renamed now

    let die () =
        isUp <- false
        storedCorrection <- correction ()

        for place in 0 .. gateways.Length - 1 do
            disturb place (now + TimeSpan.FromSeconds 30.0)

        for g in gateways do
            hangUp g.Audit
            hangUp g.Watch
            g.Audit.Machine <- null
            g.Watch.Machine <- null
            g.Memory <- null

        process' <- process' + 1
        at (now + dice.Seconds(0.5, 20.0)) ServerStarts

    let restart () =
        isUp <- true
        // The timeline continues where the stored one was: wall clock minus the stored correction.
        anchor <- wallOffset - storedCorrection

        for place in 0 .. gateways.Length - 1 do
            gateways[place].Record.Restore()
            at now (PollDue place)

        calls.Restore(now + anchor)

    let happen happening =
        match happening with
        | PollDue place -> poll place
        | WatchDue place -> watch place
        | ToGateway(place, peer, datagram) ->
            emit place (gateways[place].Far.Take(now, DatagramCame(protocolOf place, peer, datagram)))
        | ToServer(place, receiver, datagram) ->
            if receiver = process' then
                // A datagram from an unknown address is shown to all running exchanges.
                let isStranger = gateways[place].AnswersElsewhere = ValueSome false

                for other in 0 .. gateways.Length - 1 do
                    if isStranger || (other <> place && dice.Chance 3) then
                        overhear other false datagram
                        overhear other true datagram

                if not isStranger then
                    pass place false (fun machine -> machine.Receive(moment (), datagram))
                    pass place true (fun machine -> machine.Receive(moment (), datagram))
        | StreamReaches number ->
            let stream = streams[number]

            if not stream.Dead then
                let opened = StreamOpened(protocolOf stream.Gateway, number)
                emit stream.Gateway (gateways[stream.Gateway].Far.Take(now, opened))
        | StreamOpens number ->
            let stream = streams[number]

            if isCurrent number stream && not stream.Dead then
                pass stream.Gateway stream.Standing (fun machine -> machine.Connected(moment (), local ()))
        | StreamToGateway(number, octets) ->
            let stream = streams[number]

            if not stream.Dead then
                emit stream.Gateway (gateways[stream.Gateway].Far.Take(now, OctetsCame(number, octets)))
        | StreamToServer(number, octets) ->
            let stream = streams[number]

            if isCurrent number stream then
                pass stream.Gateway stream.Standing (fun machine -> machine.Arrived(moment (), octets))
        | StreamBreaks(number, reason) ->
            let stream = streams[number]

            if isCurrent number stream then
                (exchange stream.Gateway stream.Standing).Stream <- ValueNone
                pass stream.Gateway stream.Standing (fun machine -> machine.Broken(moment (), reason))
        | WakeUp(place, standing, number) ->
            if number = (exchange place standing).Number then
                pass place standing (fun machine -> machine.Tick(moment ()))
        | GivesUp(place, standing, number) ->
            if number = (exchange place standing).Number then
                pass place standing (fun machine -> machine.Stop(moment ()))
        | GatewayWakes place -> passTime place
        | Befalls(place, mishap) -> befall place mishap
        | ServerDies ->
            if isUp then
                die ()
        | ServerStarts -> restart ()
        | WallClockSteps by ->
            if isUp then
                wallOffset <- wallOffset + by

    let someTime () = start + plan.Length * dice.Fraction()

    do
        for place in 0 .. plan.Gateways - 1 do
            at (start + plan.Interval * dice.Fraction()) (PollDue place)

            for _ in 1 .. dice.Below 3 do
                at (someTime ()) (Befalls(place, Reboots(dice.Seconds(1.0, 20.0))))

            if dice.Chance 50 then
                at (someTime ()) (Befalls(place, AgentRestarts(dice.Seconds(0.5, 3.0))))

            if dice.Chance 30 then
                at (someTime ()) (Befalls(place, Reloads))

            for _ in 1 .. dice.Below 4 do
                let bad = someTime ()
                at bad (Befalls(place, TurnsBad(dice.Below 1_000_000)))
                at (bad + dice.Seconds(5.0, 40.0)) (Befalls(place, Recovers))

            if dice.Chance 40 then
                let broken = someTime ()
                at broken (Befalls(place, PathBreaks))
                at (broken + dice.Seconds(1.0, 40.0)) (Befalls(place, PathHeals))

        for _ in 1 .. dice.Below 4 do
            at (someTime ()) ServerDies

        for _ in 1 .. dice.Below 3 do
            at (someTime ()) (WallClockSteps(TimeSpan.FromSeconds(float (dice.Below 20000 - 10000))))

    /// Runs to the end, or to the first failure.
    member _.Run() =
        let mutable happening = Unchecked.defaultof<Happening>
        let mutable time = Unchecked.defaultof<struct (int64 * int64)>

        while failures.Count = 0 && queue.TryDequeue(&happening, &time) && now < finish do
            let struct (micros, _) = time
            now <- Instant.max now (Instant.ofMicros micros)
            happen happening

        if failures.Count = 0 then
            calls.Judge()

            if plan.Seed % 30UL = 0UL then
                calls.Recount()

    /// Each gateway's SNMP profile or protocol.
    member _.Kinds = gateways |> Array.map _.Far.Kind

    /// The fleet in one line, for a failure's message.
    member _.Describe() =
        gateways
        |> Array.map (fun g -> $"{g.Name} {g.Far.Kind} {g.Far.Table.Count} connections")
        |> String.concat ", "

    /// The last events before it ended; all of them with `tellsChanges`.
    member _.Story =
        if tellsChanges then
            Seq.readonly story
        else
            story |> Seq.skip (max 0 (story.Count - 25))

    member _.Failures = failures

    member _.FromHistory =
        let told = gateways |> Array.map (fun g -> g.Record.FromHistory)

        struct (told |> Array.sumBy (fun struct (unseen, _) -> unseen),
                told |> Array.sumBy (fun struct (_, exact) -> exact))

    member _.Declared = gateways |> Array.sumBy _.Record.Declared
    member _.JoinedCalls = calls.Joined
    member _.Audits = audits
    member _.CompleteAudits = completeAudits
