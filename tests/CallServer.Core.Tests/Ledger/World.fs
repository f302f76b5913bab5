namespace CallServer.Tests.Ledger

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger

/// A gateway as it truly is, an auditor that sees it through windows, and the record kept of it; everything follows
/// from a seed. After every step the record is compared with the truth. The auditor is difficult too: windows
/// overlap, audits arrive late, run through a restart, and contradict what was reported before.
type World(kind: Kind, seed: uint64) =
    let gateway = GatewayId.create "gw1"
    let chances = Chances seed
    let mutable now = Instant.ofMicros 1_700_000_000_000_000L
    let far = TrueGateway(kind, chances, now)
    let mutable ledger = GatewayLedger.empty gateway
    let store = StoredLedger gateway
    let mutable agentOnlyRestarts = 0
    let mutable gatewayBegan = Instant.distantPast
    let opened = HashSet<int>()
    let records = Dictionary<int, int>()
    let ids = HashSet<Guid>()
    let mutable missedLast = HashSet<int>()
    /// Connections for which the last snapshot reported an impossible start.
    let slandered = HashSet<int>()
    /// Connections that the server had on record when it died.
    let restored = HashSet<int>()
    let mutable late: Snapshot list = []
    let failures = ResizeArray<string>()
    let story = ResizeArray<string>()
    let fail text = failures.Add $"seed {seed}, {kind}: {text}"
    let later micros = now <- now + chances.Micros micros + TimeSpan.FromMicroseconds 1.0

    let traits =
        { Traits.plain with
            AbsencesToClose = (if kind = Shifting then 2 else 1)
            IdsTiedToBoot = (kind = BootTied)
            ReusesIds = (kind = Reused) }

    let become isSnapshot (next: GatewayLedger) =
        store.Write(isSnapshot, ledger, next) |> ignore
        ledger <- next

        if GatewayLedger.restore store.Ledger <> GatewayLedger.restore (store.Expected ledger) then
            fail "the store does not hold the record"

    let keyOf (facts: Facts) = int facts.Mode.Value

    let checkClosed (c: Connection) (ending: Ending) =
        let truth = far.Truths[keyOf c.Facts]
        records[truth.Key] <- 1 + records.GetValueOrDefault truth.Key

        if not (ids.Add(Cdr.id gateway c)) && kind <> Reused then
            fail $"two CDRs have the id of {c.Id}"

        if c.ConfirmedCount = 0 && not (opened.Add truth.Key) then
            fail $"{c.Id} (key {truth.Key}) has a CDR of the history, and was known"

        for broken in TimeLaw.brokenByEnd ledger.Traits c ending do
            fail $"{c.Id}: not {broken}"

        match truth.End with
        | ValueNone -> fail $"{c.Id} (key {truth.Key}) was closed and lives"
        | ValueSome ended ->
            // If nothing outlives a restart of the agent alone, it looks like a restart of the gateway.
            let ambiguous = ending.Evidence = GatewayRestart && agentOnlyRestarts > 0

            if not (ambiguous || Interval.contains ended ending.Within) then
                fail $"{c.Id} ended at {ended}, said {ending.Within} {ending.Evidence}"

            if ending.Evidence = GatewayRestart && agentOnlyRestarts = 0 && ended > gatewayBegan then
                fail $"{c.Id} ended at {ended}, which is said of the restart at {gatewayBegan}"

    let checkChange (change: Change) =
        match change with
        | Opened c ->
            if not (opened.Add(keyOf c.Facts)) then
                fail $"{c.Id} was opened twice"
        | Closed(c, ending) -> checkClosed c ending
        | Updated(before, after) ->
            if keyOf before.Facts <> keyOf after.Facts then
                fail $"{after.Id}: one connection was taken for another"
        | Conflicted(c, conflict) ->
            if not (slandered.Contains(keyOf c.Facts)) then
                fail $"{c.Id}: a conflict where nothing lies: {c.Start.Within} {conflict.Reported}"
        | Confirmed _
        | Unconfirmed _
        | Renamed _
        | GatewayRestarted _ -> ()

    let checkKept (snapshot: Snapshot) (c: Connection) =
        for broken in TimeLaw.brokenBy ledger.LastAnswered c do
            fail $"{c.Id}: not {broken}"

        let truth = far.Truths[keyOf c.Facts]

        if c.Status = Status.Confirmed && restored.Contains truth.Key && not c.Recovered then
            fail $"{c.Id} was heard before and after a restart of the server, and is not recovered"

        if not (Interval.contains truth.Start c.Start.Within) then
            fail $"{c.Id} started at {truth.Start}, said {c.Start.Within}"

        match truth.End with
        | ValueSome ended when
            Snapshot.isComplete snapshot && traits.AbsencesToClose = 1 && ended < snapshot.Asked
            ->
            fail $"{c.Id} ended at {ended} and is kept after a complete audit asked at {snapshot.Asked}"
        | ValueSome ended when ended < c.LastHeard ->
            fail $"{c.Id} ended at {ended} and was heard at {c.LastHeard}"
        | _ -> ()

    /// Every connection that ended within the time the history covers, and is in the history, must have its CDR.
    let checkHistory (snapshot: Snapshot) =
        match snapshot.History, ledger.History with
        | ValueSome _, ValueSome mark when Snapshot.isComplete snapshot ->
            for truth in far.Truths.Values do
                match truth.End with
                | ValueSome ended when
                    truth.Told <= snapshot.Asked
                    && ended > mark.Since + TimeSpan.FromSeconds 1.0
                    && truth.Setup > far.BootedAt + TimeSpan.FromSeconds 2.0
                    && not (records.ContainsKey truth.Key)
                    ->
                    fail $"key {truth.Key} ended at {ended}, stands in the history, and has no CDR"
                | _ -> ()
        | _ -> ()

    let checkRecords () =
        let active = ledger.Connections |> Seq.map (fun c -> keyOf c.Facts) |> HashSet

        for key in opened do
            let written = records.GetValueOrDefault key

            if active.Contains key && written <> 0 then
                fail $"key {key} is active and has a CDR"

            if not (active.Contains key) && written <> 1 then
                fail $"key {key} is gone and has {written} CDRs"

        if ledger.Connections |> Array.pairwise |> Array.exists (fun (a, b) -> a.Id >= b.Id) then
            fail "the ledger is not sorted"

        if ledger.OpenedTotal - ledger.ClosedTotal <> int64 ledger.Connections.Length then
            fail
                $"{ledger.OpenedTotal} opened, {ledger.ClosedTotal} closed, {ledger.Connections.Length} active"

    let take (snapshot: Snapshot) =
        let before = ledger

        // Rows that nobody can give to a run say nothing, and so lie about nothing.
        if kind = BootTied && snapshot.Boot.Token.IsNone then
            slandered.Clear()

        let struct (next, changes) = Reconcile.apply snapshot ledger
        become true next

        story.Add
            $"{snapshot.Asked} to {snapshot.Answered}: {snapshot.Completeness}, {snapshot.Boot.Token}, run {next.Run}"

        for o in snapshot.Observations do
            story.Add
                $"  {o.Id} key {keyOf o.Facts} {o.Setup |> ValueOption.map _.Within} {o.Start |> ValueOption.map _.Within}"

        for change in changes do
            match change with
            | Opened c
            | Closed(c, _)
            | Renamed(_, c)
            | Conflicted(c, _) ->
                story.Add $"  {change.Kind} {c.Id} key {keyOf c.Facts}, run {c.Run}, {c.Start.Within}"
            | Confirmed _
            | Unconfirmed _
            | Updated _
            | GatewayRestarted _ -> ()

        changes |> Array.iter checkChange

        if not (obj.ReferenceEquals(next, before)) then
            next.Connections |> Array.iter (checkKept snapshot)

            // Names of the earlier run hide equal ones of this run until the next audit reports the row again.
            if next.Run = before.Run then
                checkHistory snapshot

            for c in next.Connections do
                if slandered.Contains(keyOf c.Facts) then
                    match GatewayLedger.tryFind c.Id before with
                    | ValueSome known when known.Conflicts >= c.Conflicts ->
                        fail $"{c.Id}: what cannot be was told, and is no conflict"
                    | _ -> ()

        checkRecords ()
        let struct (again, repeated) = Reconcile.apply snapshot ledger

        if repeated.Length > 0 || not (obj.ReferenceEquals(again, ledger)) then
            fail "the same snapshot changed the record twice"

        slandered.Clear()

    let snapshotOf asked answered completeness (listed: Observation[]) : Snapshot =
        let isSilent = Completeness.isSilent completeness
        let keepsHistory = kind = BootTied && not isSilent

        let tellsBoot =
            match completeness with
            | Complete _ -> true
            | Partial shortfalls when List.contains RestartedMeanwhile shortfalls -> true
            | Partial _ -> not isSilent && (ledger.Boot.IsNone || chances.Percent 80)

        { Gateway = gateway
          Protocol = "test"
          Profile = string kind
          Traits = traits
          Asked = asked
          Answered = answered
          Boot = (if tellsBoot then far.Boot answered else Boot.untold answered)
          Completeness = completeness
          Observations = listed
          Ended = (if keepsHistory then far.Ended answered else [||])
          History =
            (if keepsHistory then
                 ValueSome { Until = ValueSome asked; Cursor = ValueNone }
             else
                 ValueNone)
          Denied = [||]
          Total = ValueNone
          Standing = ValueNone
          Remarks = []
          Requests = 1 }

    /// Falsifies some starts: long before the true one, or a little later than it is known to be. Neither is
    /// possible.
    let slander (listed: Observation[]) : Observation[] =
        // After a restart it would not even be recognised as the same connection.
        let isSameRun = ledger.Boot |> ValueOption.exists (fun boot -> boot.Token = ValueSome far.Token)

        let canBe (o: Observation) =
            match GatewayLedger.tryFind o.Id ledger, o.Start with
            | ValueSome c, ValueSome told when
                keyOf c.Facts = keyOf o.Facts
                && c.Status = Status.Confirmed
                && c.Start.Within.Earliest > Instant.distantPast
                && c.Start.Within.Latest < Instant.distantFuture
                && told.Within.Latest < Instant.distantFuture
                && o.MinimumAge = TimeSpan.Zero
                ->
                ValueSome c
            | _ -> ValueNone

        listed
        |> Array.map (fun o ->
            match canBe o with
            | ValueSome c when isSameRun && chances.Percent 5 ->
                let known = c.Start.Within
                let room = c.LastHeard - known.Latest

                let false' =
                    if room > TimeSpan.FromSeconds 2.0 && chances.Percent 50 then
                        Interval.point (known.Latest + room * 0.5)
                    else
                        Interval.point (known.Earliest - TimeSpan.FromSeconds 100.0)

                slandered.Add(keyOf o.Facts) |> ignore
                { o with Start = ValueSome(Timing.reported false') }
            | _ -> o)

    let outcomeOf (seen: Observation[]) : Completeness * Observation[] =
        match chances.Below 10 with
        | n when n < 6 ->
            let missed =
                if kind = Shifting && seen.Length > 0 && chances.Percent 30 then
                    let candidate = seen[chances.Below seen.Length]

                    if missedLast.Contains(keyOf candidate.Facts) then
                        ValueNone
                    else
                        ValueSome candidate
                else
                    ValueNone

            missedLast <- HashSet(missed |> ValueOption.toList |> Seq.map (fun o -> keyOf o.Facts))
            Complete [ EndOfTable; SameBoot ], seen |> Array.filter (fun o -> ValueSome o <> missed)
        | n when n < 9 -> Partial [ CutShort "half way" ], seen |> Array.filter (fun _ -> chances.Percent 60)
        | _ -> Partial [ Silent "no answer" ], [||]

    let audit () =
        let asked = now
        let answered = asked + chances.Micros 200_000 + TimeSpan.FromMicroseconds 1.0

        // What happens while the audit runs.
        if chances.Percent 40 then
            later 1_000_000
            far.Open now

        if chances.Percent 40 then
            later 1_000_000
            far.Close now

        now <- Instant.max (now + TimeSpan.FromMicroseconds 1.0) answered
        let completeness, listed = outcomeOf (far.Listed(asked, now))

        if kind <> Shifting && chances.Percent 10 then
            // This snapshot is taken in late; others may overtake it.
            late <- snapshotOf asked now completeness listed :: late
        else
            take (snapshotOf asked now completeness (if far.IsReported then slander listed else listed))

        // Another audit ran meanwhile, and sees the same gateway through another window.
        if kind <> Shifting && chances.Percent 20 then
            let between = asked + (now - asked) * 0.5
            later 100_000
            take (snapshotOf between now (Complete [ EndOfTable; SameBoot ]) (far.Listed(between, now)))

    let takeLate () =
        for snapshot in List.rev late do
            take snapshot

        late <- []

    /// A restart in the middle of the audit: its rows come from before and after.
    let through (restart: unit -> unit) =
        let asked = now
        later 500_000
        let before = far.Listed(asked, now)
        restart ()
        let from = now
        later 500_000
        let after = far.Listed(from, now)

        if chances.Percent 50 then
            let rows =
                Array.append before after
                |> Array.filter (fun _ -> chances.Percent 50)
                |> Array.distinctBy _.Id
                |> Array.sortBy _.Id

            take (snapshotOf asked now (Partial [ RestartedMeanwhile ]) rows)

    let reboot () =
        later 1_000_000
        let back = now + TimeSpan.FromSeconds 5.0
        far.Reboot(now, back)
        gatewayBegan <- back
        now <- back + TimeSpan.FromMilliseconds 30.0

        if chances.Percent 50 then
            // The gateway announces it by itself, after a while.
            later 2_000_000
            let struct (next, changes) = Reconcile.restarted (Interval.upTo now) ledger
            become false next

            if changes |> Array.exists _.IsClosed then
                fail "a word of the gateway alone closed a connection"

    let restartAgent () =
        later 1_000_000
        agentOnlyRestarts <- agentOnlyRestarts + 1
        far.RestartAgent now
        later 100_000

    /// Somebody releases a connection, and the gateway confirms it.
    let release () =
        let live =
            ledger.Connections
            |> Array.filter (fun c ->
                let truth = far.Truths[keyOf c.Facts]
                truth.End.IsNone && truth.Id = string c.Id && truth.Setup < now)

        if live.Length > 0 then
            let c = live[chances.Below live.Length]
            let truth = far.Truths[keyOf c.Facts]
            later 100_000
            truth.End <- ValueSome now
            truth.Told <- now + chances.Micros 3_000_000

            let ended: Ended =
                { Observation = Build.observation truth.Id 0.0
                  End = Timing.reported (Interval.create (now - TimeSpan.FromMilliseconds 10.0) now)
                  Cause = ValueNone
                  Counters = ValueNone
                  IsRenamed = false
                  Row = ValueNone }

            later 100_000

            match Reconcile.released ended { By = "operator"; Reason = "test" } now ledger with
            | ValueSome(struct (next, change)) ->
                become false next
                checkChange change
                checkRecords ()
            | ValueNone -> fail $"{c.Id} could not be released"

    member _.Step() =
        later 3_000_000

        match chances.Below 100 with
        | n when n < 25 -> far.Open now
        | n when n < 45 -> far.Close now
        | n when n < 48 -> release ()
        | n when n < 86 -> audit ()
        | n when n < 90 -> takeLate ()
        | n when n < 93 -> if chances.Percent 50 then through reboot else reboot ()
        | n when n < 97 -> if chances.Percent 50 then through restartAgent else restartAgent ()
        | _ ->
            ledger <- store.Load()
            restored.UnionWith(ledger.Connections |> Seq.map (fun c -> keyOf c.Facts))

    member _.Failures = failures
    /// What the last snapshots reported and changed, for a failure's message.
    member _.Story = story |> Seq.skip (max 0 (story.Count - 80))
    member _.Ledger = ledger
