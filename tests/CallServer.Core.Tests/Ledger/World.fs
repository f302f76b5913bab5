namespace CallServer.Tests.Ledger

open System
open System.Collections.Generic
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger

/// A gateway as it truly is, an auditor that sees it through windows, and the record kept of it; everything follows from a seed.
/// After every step the record is checked against the truth.
type Kind =
    /// Ids for ever unique, starts reported: FreeSWITCH, rtpengine.
    | Unique
    /// Ids made of the up-time: Cisco.
    | BootTied
    /// Ids used again, starts reported.
    | Reused
    /// Nothing is reported but presence: MGCP.
    | Unreported
    /// A table whose rows shift, so that a complete audit may miss one: Asterisk.
    | Shifting

type Truth =
    { Key: int
      mutable Id: string
      Stamp: string
      Start: Instant
      mutable End: Instant voption }

type World(kind: Kind, seed: uint64) =
    let gateway = GatewayId.create "gw1"
    let mutable rng = Rng.create seed
    let mutable now = Instant.ofMicros 1_700_000_000_000_000L
    let mutable bootedAt = now - TimeSpan.FromHours 3.0
    let mutable boots = 1
    let mutable agentOnlyRestarts = 0
    let truths = Dictionary<int, Truth>()
    let mutable ledger = GatewayLedger.empty gateway
    let opened = HashSet<int>()
    let records = Dictionary<int, int>()
    let ids = HashSet<Guid>()
    let mutable missedLast = HashSet<int>()
    let failures = ResizeArray<string>()

    let below limit =
        let struct (value, next) = Rng.below limit rng
        rng <- next
        value

    let chance percent = below 100 < percent
    let micros limit = TimeSpan.FromMicroseconds(float (below limit))
    let fail text = failures.Add $"seed {seed}, {kind}: {text}"

    let traits =
        { Traits.plain with
            AbsencesToClose = (if kind = Shifting then 2 else 1)
            IdsTiedToBoot = (kind = BootTied)
            ReusesIds = (kind = Reused) }

    let alive () = truths.Values |> Seq.filter (fun t -> t.End.IsNone) |> Array.ofSeq

    let newId key =
        match kind with
        | BootTied -> $"{(now - bootedAt).Ticks / 100000L}.{key}"
        | Reused ->
            let used = alive () |> Seq.map (fun t -> t.Id) |> HashSet
            Seq.initInfinite (fun i -> $"ch{i}") |> Seq.find (fun id -> not (used.Contains id))
        | Unique
        | Unreported
        | Shifting -> $"id-{key}"

    let openOne () =
        let key = truths.Count + 1
        now <- now + micros 1_000_000 + TimeSpan.FromMicroseconds 1.0
        truths[key] <- { Key = key; Id = newId key; Stamp = $"s{key}"; Start = now; End = ValueNone }

    let closeOne () =
        let candidates = alive ()

        if candidates.Length > 0 then
            now <- now + micros 1_000_000 + TimeSpan.FromMicroseconds 1.0
            candidates[below candidates.Length].End <- ValueSome now

    let keyOf (facts: Facts) = int facts.Mode.Value

    let check (changes: Change[]) (snapshot: Snapshot) =
        for change in changes do
            match change with
            | Opened c ->
                if not (opened.Add(keyOf c.Facts)) then
                    fail $"{c.Id} was opened twice"
            | Closed(c, ending) ->
                let truth = truths[keyOf c.Facts]
                records[truth.Key] <- 1 + records.GetValueOrDefault truth.Key

                if not (ids.Add(Cdr.id gateway c)) && kind <> Reused then
                    fail $"two CDRs have the id of {c.Id}"

                match truth.End with
                | ValueNone -> fail $"{c.Id} (key {truth.Key}) was closed and lives"
                | ValueSome ended ->
                    // A restart of the agent alone after which nothing earlier lives on looks like one of the gateway.
                    let ambiguous = ending.Evidence = GatewayRestart && agentOnlyRestarts > 0

                    if not (ambiguous || Interval.contains ended ending.Within) then
                        fail $"{c.Id} ended at {ended}, said {ending.Within} {ending.Evidence}"
            | Updated(before, after) ->
                if keyOf before.Facts <> keyOf after.Facts then
                    fail $"{after.Id}: one connection was taken for another"
            | Conflicted(c, conflict) ->
                fail $"{c.Id}: a conflict where nothing lies: {c.Start.Within} {conflict.Reported}"
            | Confirmed _
            | Unconfirmed _
            | Renamed _
            | GatewayRestarted _ -> ()

        for c in ledger.Connections do
            let truth = truths[keyOf c.Facts]

            if not (Interval.contains truth.Start c.Start.Within) then
                fail $"{c.Id} started at {truth.Start}, said {c.Start.Within}"

            match truth.End with
            | ValueSome ended when
                Snapshot.isComplete snapshot && traits.AbsencesToClose = 1 && ended < snapshot.Asked
                ->
                fail $"{c.Id} ended at {ended} and is kept after a complete audit asked at {snapshot.Asked}"
            | _ -> ()

        let active = ledger.Connections |> Seq.map (fun c -> keyOf c.Facts) |> HashSet

        for key in opened do
            let written = records.GetValueOrDefault key

            if active.Contains key && written <> 0 then
                fail $"key {key} is active and has a CDR"

            if not (active.Contains key) && written <> 1 then
                fail $"key {key} is gone and has {written} CDRs"

        if ledger.Connections |> Array.pairwise |> Array.exists (fun (a, b) -> a.Id >= b.Id) then
            fail "the ledger is not sorted"

    let observe (asked: Instant) (answered: Instant) (truth: Truth) : Observation voption =
        let span = int (answered.Micros - asked.Micros)
        let moment = asked + micros (span + 1)
        let isThere = truth.Start <= moment && (truth.End.IsNone || truth.End.Value > moment)

        if not isThere then
            ValueNone
        else
            let heard =
                Interval.create
                    (Instant.max asked (moment - micros 20_000))
                    (Instant.min answered (moment + micros 20_000))

            let start =
                if kind = Unreported || kind = Shifting then
                    ValueNone
                else
                    let latest = Instant.min heard.Latest (truth.Start + micros 30_000)
                    ValueSome(Timing.reported (Interval.create (truth.Start - micros 30_000) latest))

            ValueSome
                { Id = ConnectionId.create truth.Id
                  Stamp = (if kind = BootTied then ValueSome truth.Id else ValueNone)
                  Heard = heard
                  Setup = ValueNone
                  Start = start
                  MinimumAge =
                    (if chance 50 then
                         (heard.Earliest - truth.Start) * 0.9 |> max TimeSpan.Zero
                     else
                         TimeSpan.Zero)
                  Facts =
                    { Facts.none with
                        Call = ValueSome(CallId.create $"call-{truth.Key / 2}")
                        Mode = ValueSome(string truth.Key) } }

    let boot answered : Boot =
        { Token = ValueSome(BootToken.create $"boot-{boots}")
          Scope = OfAgent
          Began = ValueSome(Interval.create (bootedAt - micros 20_000) (bootedAt + micros 20_000))
          Period = ValueSome Boot.timeTicksPeriod
          ReadAt = answered }

    let audit () =
        let asked = now
        let answered = asked + micros 200_000 + TimeSpan.FromMicroseconds 1.0
        // What happens while the audit runs.
        if chance 40 then
            openOne ()

        if chance 40 then
            closeOne ()

        now <- Instant.max (now + TimeSpan.FromMicroseconds 1.0) answered
        let answered = now
        let outcome = below 10

        let seen =
            truths.Values
            |> Seq.map (observe asked answered)
            |> Seq.filter _.IsSome
            |> Seq.map _.Value
            |> Array.ofSeq
            |> Array.sortBy (fun o -> o.Id)
            // One id in one audit: of two users of an id within the window, the later row is read.
            |> Array.groupBy (fun o -> o.Id)
            |> Array.map (fun (_, same) -> Array.last same)

        let completeness, listed =
            if outcome < 6 then
                let missed =
                    if kind = Shifting && seen.Length > 0 && chance 30 then
                        let candidate = seen[below seen.Length]

                        if missedLast.Contains(keyOf candidate.Facts) then
                            ValueNone
                        else
                            ValueSome candidate
                    else
                        ValueNone

                missedLast <- HashSet(missed |> ValueOption.toList |> Seq.map (fun o -> keyOf o.Facts))
                Complete [ EndOfTable; SameBoot ], seen |> Array.filter (fun o -> ValueSome o <> missed)
            elif outcome < 9 then
                Partial [ CutShort "half way" ], seen |> Array.filter (fun _ -> chance 60)
            else
                Partial [ Silent "no answer" ], [||]

        let isSilent = Completeness.isSilent completeness

        let snapshot: Snapshot =
            { Gateway = gateway
              Protocol = "test"
              Profile = string kind
              Traits = traits
              Asked = asked
              Answered = answered
              Boot = (if isSilent then Boot.untold answered else boot answered)
              Completeness = completeness
              Observations = listed
              Ended = [||]
              History = ValueNone
              Denied = [||]
              Standing = ValueNone
              Requests = 1 }

        let struct (next, changes) = Reconcile.apply snapshot ledger
        ledger <- next
        check changes snapshot
        let struct (again, repeated) = Reconcile.apply snapshot ledger

        if repeated.Length > 0 || not (obj.ReferenceEquals(again, ledger)) then
            fail "the same snapshot changed the record twice"

    let reboot () =
        now <- now + TimeSpan.FromSeconds 1.0

        for truth in alive () do
            truth.End <- ValueSome now

        now <- now + TimeSpan.FromSeconds 5.0
        bootedAt <- now
        boots <- boots + 1

        if chance 50 then
            // It says so by itself, after a while.
            now <- now + micros 2_000_000
            let struct (next, changes) = Reconcile.restarted (Interval.upTo now) ledger
            ledger <- next

            if changes |> Array.exists _.IsClosed then
                fail "a word of the gateway alone closed a connection"

    let restartAgent () =
        now <- now + TimeSpan.FromSeconds 1.0
        bootedAt <- now
        boots <- boots + 1
        agentOnlyRestarts <- agentOnlyRestarts + 1

        if kind = BootTied then
            // Setup stamps are counted from the new boot: every row has a new id.
            for truth in alive () do
                truth.Id <- $"r{boots}.{truth.Key}"

    member _.Step() =
        now <- now + micros 3_000_000 + TimeSpan.FromMicroseconds 1.0

        match below 100 with
        | n when n < 30 -> openOne ()
        | n when n < 50 -> closeOne ()
        | n when n < 93 -> audit ()
        | n when n < 95 -> reboot ()
        | n when n < 97 -> restartAgent ()
        | _ -> ledger <- GatewayLedger.restore ledger

    member _.Failures = failures
    member _.Ledger = ledger
