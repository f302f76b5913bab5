/// The ten rules of the record, one by one. The world of WorldTests tries them all together.
module CallServer.Tests.Ledger.RulesTests

open System
open FsCheck
open NUnit.Framework
open CallServer.Model
open CallServer.Ledger
open CallServer.Tests
open CallServer.Tests.Ledger.Build

let private some (ids: byte list) heard = ids |> List.map (fun id -> observation $"c{id}" heard)

let private same (actual: 'T) (expected: 'T) = actual = expected

// Rule 1

[<Law>]
let ``1 a partial or silent audit closes nothing, whatever it lists``
    (known: byte list)
    (listed: byte list)
    (quiet: bool)
    =
    let second = if quiet then silent 10.0 11.0 else partial 10.0 11.0 (some listed 10.5)
    let before, _ = replay [ complete 0.0 1.0 (some known 0.5) ]
    let after, changes = apply second before
    let lost = Set.ofArray (names before) - Set.ofArray (names after)

    closings changes = [||]
    && Set.isEmpty lost
    && after.Connections
       |> Array.forall (fun c ->
           let heardNow = second.Observations |> Array.exists (fun o -> o.Id = c.Id)
           (c.Status = Status.Confirmed) = heardNow)

// Rule 2

[<Law>]
let ``2 a complete audit closes exactly what it does not list`` (known: byte list) (listed: byte list) =
    let before, _ = replay [ complete 0.0 1.0 (some known 0.5) ]
    let after, changes = apply (complete 10.0 11.0 (some listed 10.5)) before
    let gone = Set.ofArray (names before) - set (listed |> List.map (fun id -> $"c{id}"))

    same (closings changes |> Array.map fst |> set) gone
    && same (set (names after)) (listed |> List.map (fun id -> $"c{id}") |> set)

[<Law>]
let ``2 where the index shifts, one absence closes nothing and the second in a row does``
    (between: bool list)
    =
    let shifting = { Traits.plain with AbsencesToClose = 2 }
    let heard = complete 0.0 1.0 [ observation "a" 0.5 ]
    let seen = between |> List.truncate 20

    // true: listed, false: absent; each from a complete audit.
    let audits =
        seen
        |> List.mapi (fun i isListed ->
            let t = 10.0 * float (i + 1)
            complete t (t + 1.0) (if isListed then [ observation "a" (t + 0.5) ] else []))

    let closes =
        ((GatewayLedger.empty gateway, 0), heard :: audits |> List.map (withTraits shifting))
        ||> List.fold (fun (ledger, closed) snapshot ->
            let next, changes = apply snapshot ledger
            next, closed + (closings changes).Length)
        |> snd

    // Listed again after a close is a new connection: count by hand.
    let expected =
        ((true, 0, 0), seen)
        ||> List.fold (fun (active, absences, closed) isListed ->
            if isListed then true, 0, closed
            elif not active then false, 0, closed
            elif absences = 1 then false, 0, closed + 1
            else true, 1, closed)
        |> fun (_, _, closed) -> closed

    closes = expected

[<Test>]
let ``2 partial audits between two absences neither count nor reset`` () =
    let shifting = withTraits { Traits.plain with AbsencesToClose = 2 }

    let _, changes =
        replay
            [ complete 0.0 1.0 [ observation "a" 0.5 ] |> shifting
              complete 10.0 11.0 [] |> shifting
              partial 20.0 21.0 [] |> shifting
              complete 30.0 31.0 [] |> shifting ]

    Assert.That(closings changes |> Array.map fst, Is.EqualTo<string[]> [| "a" |])

[<Test>]
let ``2 the gateway's history closes even on a partial audit, with the end that it states`` () =
    let before, _ = replay [ complete 0.0 1.0 [ observation "a" 0.5; observation "b" 0.5 ] ]

    let over: Ended =
        { Observation = observation "a" 10.5
          End = Timing.reported (between 5.0 5.01)
          Cause = ValueSome "NORMAL_CLEARING"
          Counters = ValueNone
          IsRenamed = false
          Row = ValueNone }

    let after, changes = apply { partial 10.0 11.0 [] with Ended = [| over |] } before
    let id, ending = Array.exactlyOne (closings changes)
    Assert.That(id, Is.EqualTo "a")
    Assert.That(ending.Within, Is.EqualTo(between 5.0 5.01))
    Assert.That(ending.Evidence, Is.EqualTo GatewayHistory)
    Assert.That(names after, Is.EqualTo<string[]> [| "b" |])

[<Law>]
let ``2 what the gateway says it does not have is closed, by a partial audit too``
    (known: byte list)
    (denied: byte list)
    =
    let before, _ = replay [ complete 0.0 1.0 (some known 0.5) ]

    let denies =
        { partial 10.0 11.0 [] with
            Denied = some denied 0.0 |> List.map _.Id |> List.distinct |> List.sort |> Array.ofList }

    let after, changes = apply denies before
    let gone = Set.intersect (set (names before)) (denied |> List.map (fun id -> $"c{id}") |> set)

    same (closings changes |> Array.map fst |> set) gone
    && closings changes
       |> Array.forall (fun (_, ending) -> ending.Evidence = Absent && ending.Within = between 0.49 11.0)
    && same (set (names after)) (set (names before) - gone)

// Rule 4

[<Law>]
let ``4 an unreported start lies between the last complete audit without it and the first with it``
    (gap: PositiveInt)
    =
    let t = 1.0 + float (gap.Get % 1000)

    let ledger, _ =
        replay [ complete 0.0 0.5 []; partial 0.6 0.7 []; complete t (t + 1.0) [ observation "a" (t + 0.5) ] ]

    let start = (only ledger).Start
    start.Within = between 0.0 (t + 0.5) && start.Evidence = Bounded

[<Test>]
let ``4 without a complete audit before it a start has no lower bound`` () =
    let ledger, _ = replay [ partial 0.0 1.0 []; complete 10.0 11.0 [ observation "a" 10.5 ] ]
    Assert.That((only ledger).Start.Within, Is.EqualTo(Interval.upTo (at 10.5)))

[<Test>]
let ``4 counters bound the age from below`` () =
    let o = { observation "a" 100.0 with MinimumAge = TimeSpan.FromSeconds 60.0 }
    let ledger, _ = replay [ complete 0.0 1.0 []; complete 99.0 101.0 [ o ] ]
    Assert.That((only ledger).Start.Within, Is.EqualTo(between 0.0 40.0))
    Assert.That((only ledger).Start.Evidence, Is.EqualTo Inferred)

[<Test>]
let ``4 an end lies between the last time it was heard and the first proof that it is gone`` () =
    let _, changes = replay [ complete 0.0 1.0 [ observation "a" 0.5 ]; complete 10.0 11.0 [] ]
    let _, ending = Array.exactlyOne (closings changes)
    Assert.That(ending.Within, Is.EqualTo(between 0.49 11.0))

[<Test>]
let ``4 a leg that rings is recorded, and its start follows when it is answered`` () =
    let ringing t =
        { observation "a" t with
            Start = ValueSome(Timing.reported (Interval.from (at (t - 0.01)))) }

    let ledger, _ = replay [ complete 0.0 1.0 [ ringing 0.5 ]; complete 10.0 11.0 [ ringing 10.5 ] ]
    Assert.That((only ledger).Start.Within, Is.EqualTo(Interval.from (at 10.49)))
    Assert.That((only ledger).Conflicts, Is.EqualTo 0)
    let ledger, changes = apply (complete 20.0 21.0 [ observation "a" 20.5 |> started 14.0 14.02 ]) ledger
    Assert.That((only ledger).Start.Within, Is.EqualTo(between 14.0 14.02))
    Assert.That(closings changes, Is.Empty)

[<Test>]
let ``4 a leg that never was answered is billed nothing`` () =
    let ringing t =
        { observation "a" t with
            Start = ValueSome(Timing.reported (Interval.from (at (t - 0.01)))) }

    let ledger, changes = replay [ complete 0.0 1.0 [ ringing 0.5 ]; complete 10.0 11.0 [] ]

    match changes with
    | [| Closed(c, ending) |] ->
        let cdr = Cdr.create ledger.Gateway ledger.Traits c ending
        Assert.That(Cdr.billedSeconds cdr, Is.EqualTo 0L)
        Assert.That(Cdr.billedSecondsMax cdr, Is.EqualTo(ValueSome 11L))
    | other -> Assert.Fail $"{other}"

/// Times that a gateway may tell: anything near the audits, far from them, or open.
let private someTime (draw: int) : Timing voption =
    let start = float (draw / 7 % 500) - 250.0
    let far = if draw % 3 = 0 then 90000.0 else 0.0
    let width = float (draw % 100) / 20.0

    match draw % 7 with
    | 0 -> ValueNone
    | 1 -> ValueSome(Timing.reported (Interval.from (at start)))
    | 2 -> ValueSome(Timing.bounded Interval.unbounded)
    | 3 -> ValueSome(Timing.bounded (Interval.from (at start)))
    | 4 -> ValueSome(Timing.reported (between (start - far) (start - far + width)))
    | 5 -> ValueSome(Timing.reported (between (start + far) (start + far + width)))
    | _ -> ValueSome(Timing.reported (between start (start + width)))

/// What a gateway says, whatever it means: rows, rows of its history and releases, by audits that follow each other.
let private story (draws: uint16 list) : Snapshot list =
    draws
    |> List.map int
    |> List.chunkBySize 6
    |> List.filter (fun chunk -> chunk.Length = 6)
    |> List.mapi (fun i chunk ->
        let t = 10.0 * float (i + 1)

        let seen (id: string) setup start =
            { observation id (t + 0.5) with
                Stamp = (if chunk[2] % 2 = 0 then ValueNone else ValueSome "stamp")
                MinimumAge = TimeSpan.FromSeconds(float (max 0 (chunk[2] % 90 - 60)))
                Setup = someTime setup
                Start = someTime start }

        let rows =
            [ if chunk[0] % 4 > 0 then
                  seen "a" chunk[0] chunk[1]
              if chunk[1] % 4 = 0 then
                  seen "b" chunk[4] chunk[5] ]

        let over id : Ended =
            { Observation = seen id chunk[3] chunk[4]
              End = someTime (7 * (chunk[5] / 7) + 4 + chunk[5] % 3) |> ValueOption.get
              Cause = ValueNone
              Counters = ValueNone
              IsRenamed = false
              Row = ValueNone }

        let snapshot = if chunk[3] % 5 = 0 then partial t (t + 1.0) rows else complete t (t + 1.0) rows

        { snapshot with
            Traits = { Traits.plain with DriftPpm = (if chunk[2] % 3 = 0 then 1000.0 else 0.0) }
            Ended =
                [| if chunk[4] % 3 = 0 then
                       over "a"
                   if chunk[5] % 3 = 0 then
                       over "c" |]
            History = ValueSome { Until = ValueSome snapshot.Asked; Cursor = ValueNone } })

[<Law>]
let ``4 setup <= start <= heard <= end and billsec <= duration, whatever a gateway says``
    (draws: uint16 list)
    =
    let check (ledger: GatewayLedger) (changes: Change[]) =
        [ for c in ledger.Connections do
              yield! TimeLaw.brokenBy ledger.LastAnswered c
          for change in changes do
              match change with
              | Closed(c, ending) -> yield! TimeLaw.brokenByEnd ledger.Traits c ending
              | _ -> () ]

    let step (ledger, broken) (snapshot: Snapshot) =
        let next, changes = apply snapshot ledger
        let broken = broken @ check next changes

        match snapshot.Ended with
        | [| released |] ->
            let order = { By = "op"; Reason = "test" }

            match Reconcile.released released order (snapshot.Answered + TimeSpan.FromSeconds 1.0) next with
            | ValueSome(struct (next, change)) -> next, broken @ check next [| change |]
            | ValueNone -> next, broken
        | _ -> next, broken

    let _, broken = ((GatewayLedger.empty gateway, []), story draws) ||> List.fold step
    if broken.IsEmpty then true else failwith $"%A{List.distinct broken}"

[<Test>]
let ``4 a start before the setup is a conflict, and the start lies between the setup and when it was heard``
    ()
    =
    let garbage t =
        { observation "a" t with Setup = ValueSome(Timing.reported (between -100.0 -99.98)) }
        |> started -86400.0 -86399.98

    let ledger, changes = replay [ complete 0.0 1.0 [ garbage 0.5 ]; complete 10.0 11.0 [ garbage 10.5 ] ]
    Assert.That((only ledger).Start.Within, Is.EqualTo(between -100.0 0.5))
    Assert.That((only ledger).Start.Evidence, Is.EqualTo Bounded)
    Assert.That((only ledger).Conflicts, Is.EqualTo 2)
    Assert.That((only ledger).LastConflict.Value.Reported, Is.EqualTo(between -86400.0 -86399.98))
    Assert.That(changes, Is.Empty, "the same conflict is told once")

    match apply (complete 20.0 21.0 []) ledger with
    | _, [| Closed(c, ending) |] ->
        let cdr = Cdr.create gateway Traits.plain c ending
        Assert.That((Cdr.billedSeconds cdr, Cdr.duration cdr), Is.EqualTo((9L, 110L)))
    | other -> Assert.Fail $"%A{other}"

[<Test>]
let ``4 a start that may be truncated to before the setup is no conflict`` () =
    let o =
        { observation "a" 0.5 with Setup = ValueSome(Timing.reported (between -10.4 -10.38)) }
        |> started -11.0 -10.0

    let ledger, _ = replay [ complete 0.0 1.0 [ o ] ]
    Assert.That((only ledger).Conflicts, Is.EqualTo 0)
    Assert.That((only ledger).Start.Within, Is.EqualTo(between -10.4 -10.0))
    Assert.That((only ledger).Setup.Value.Within, Is.EqualTo(between -10.4 -10.38))

[<Test>]
let ``4 a stamp of the future dates nothing, and makes no other connection of it`` () =
    let ahead t = observation "a" t |> started (t + 3.0) (t + 3.02)

    let ledger, changes =
        replay [ complete 0.0 1.0 []; complete 10.0 11.0 [ ahead 10.5 ]; complete 20.0 21.0 [ ahead 20.5 ] ]

    Assert.That(closings changes, Is.Empty)
    Assert.That((only ledger).Start.Within, Is.EqualTo(between 0.0 10.5))
    Assert.That((only ledger).Conflicts, Is.EqualTo 2)

[<Test>]
let ``4 a start told to be before the complete audit that did not list it is a conflict`` () =
    let ledger, _ =
        replay [ complete 0.0 1.0 []; complete 10.0 11.0 [ observation "a" 10.5 |> started -60.0 -59.0 ] ]

    Assert.That((only ledger).Start.Within, Is.EqualTo(between 0.0 10.5))
    Assert.That((only ledger).Conflicts, Is.EqualTo 1)

[<Test>]
let ``4 an answer that only audits date is bounded, though one of them was told that it rang`` () =
    let ringing = { observation "a" 0.5 with Start = ValueSome(Timing.reported (Interval.from (at 0.49))) }

    let ledger, _ = replay [ complete 0.0 1.0 [ ringing ]; complete 10.0 11.0 [ observation "a" 10.5 ] ]
    Assert.That((only ledger).Start.Within, Is.EqualTo(between 0.49 10.5))
    Assert.That((only ledger).Start.Evidence, Is.EqualTo Bounded)

// Rule 5

[<Law>]
let ``5 bounds only narrow, and what contradicts them is kept and counted`` (reports: (int16 * byte) list) =
    let audits =
        reports
        |> List.truncate 30
        |> List.mapi (fun i (early, width) ->
            let t = 10.0 * float (i + 1)
            let low = float early / 100.0 - 400.0
            complete t (t + 1.0) [ observation "a" (t + 0.5) |> started low (low + float width / 10.0) ])

    let step (ledger: GatewayLedger, isFine) snapshot =
        let next, changes = apply snapshot ledger

        match ledger.Connections, next.Connections with
        | [| before |], [| after |] when closings changes = [||] ->
            let report = snapshot.Observations[0].Start.Value.Within

            let narrower =
                Interval.intersect before.Start.Within after.Start.Within = ValueSome after.Start.Within

            let counted =
                match Interval.intersect before.Start.Within report with
                | ValueSome both -> after.Start.Within = both && after.Conflicts = before.Conflicts
                | ValueNone ->
                    after.Start.Within = before.Start.Within
                    && after.Conflicts = before.Conflicts + 1
                    && after.LastConflict |> ValueOption.exists (fun conflict -> conflict.Reported = report)

            next, isFine && narrower && counted
        | _ -> next, isFine

    ((GatewayLedger.empty gateway, true), audits) ||> List.fold step |> snd

[<Test>]
let ``5 what a drifting clock explains is no conflict, and nothing is learnt from it`` () =
    let drifting = withTraits { Traits.plain with DriftPpm = 100.0 }
    let first = complete 0.0 1.0 [ observation "a" 0.5 |> started -7200.0 -7199.98 ] |> drifting
    let later = complete 600.0 601.0 [ observation "a" 600.5 |> started -7199.9 -7199.88 ] |> drifting
    let wrong = complete 700.0 701.0 [ observation "a" 700.5 |> started -7190.0 -7189.0 ] |> drifting
    let ledger, _ = replay [ first; later ]
    Assert.That((only ledger).Start.Within, Is.EqualTo(between -7200.0 -7199.98))
    Assert.That((only ledger).Conflicts, Is.EqualTo 0)
    let ledger, _ = apply wrong ledger
    Assert.That((only ledger).Conflicts, Is.EqualTo 1)

// Rule 6

[<Test>]
let ``6 the same id with a later start is a new connection`` () =
    let ledger, changes =
        replay
            [ complete 0.0 1.0 [ observation "a" 0.5 |> started -10.0 -9.9 ]
              partial 20.0 21.0 [ observation "a" 20.5 |> started 7.0 7.1 ] ]

    let id, ending = Array.exactlyOne (closings changes)
    Assert.That(id, Is.EqualTo "a")
    Assert.That(ending.Within, Is.EqualTo(between 0.49 7.1))
    Assert.That((only ledger).Start.Within, Is.EqualTo(between 7.0 7.1))
    Assert.That((only ledger).ConfirmedCount, Is.EqualTo 1)

[<Test>]
let ``6 another stamp under the same id is a new connection, the same stamp is not`` () =
    let stamped stamp t = { observation "a" t with Stamp = ValueSome stamp }
    let _, same = replay [ complete 0.0 1.0 [ stamped "1" 0.5 ]; complete 10.0 11.0 [ stamped "1" 10.5 ] ]
    let _, other = replay [ complete 0.0 1.0 [ stamped "1" 0.5 ]; complete 10.0 11.0 [ stamped "2" 10.5 ] ]
    Assert.That(closings same, Is.Empty)
    Assert.That(closings other |> Array.map fst, Is.EqualTo<string[]> [| "a" |])

[<Test>]
let ``6 a stamp that a restart of the agent changed is no new connection`` () =
    let stamped stamp t = { observation "a" t with Stamp = ValueSome stamp } |> started -10.0 -9.9

    let ledger, changes =
        replay
            [ complete 0.0 1.0 [ stamped "5000" 0.5 ] |> withBoot (boot "1" -60.0 1.0)
              complete 20.0 21.0 [ stamped "4294964296" 20.5 ] |> withBoot (boot "2" 15.0 21.0) ]

    Assert.That(closings changes, Is.Empty)
    Assert.That((only ledger).Stamp, Is.EqualTo(ValueSome "4294964296"))

// Rule 7

[<Test>]
let ``7 after a restart the first complete audit closes what it does not show, no later than the boot`` () =
    let ledger, changes =
        replay
            [ complete 0.0 1.0 [ observation "a" 0.5; observation "b" 0.5 ] |> withBoot (boot "1" -1000.0 1.0)
              partial 20.0 21.0 [] |> withBoot (boot "2" 15.0 21.0) ]

    Assert.That(closings changes, Is.Empty, "a restart is a cause, not a proof")

    let ledger, changes =
        apply (complete 30.0 31.0 [ observation "c" 30.5 ] |> withBoot (boot "2" 15.0 31.0)) ledger

    let endings = closings changes
    Assert.That(endings |> Array.map fst, Is.EquivalentTo [| "a"; "b" |])

    for _, ending in endings do
        Assert.That(ending.Evidence, Is.EqualTo GatewayRestart)
        Assert.That(ending.Within, Is.EqualTo(between 0.49 15.01))

    Assert.That(names ledger, Is.EqualTo<string[]> [| "c" |])

[<Test>]
let ``7 what was first heard after the boot by an audit that could not tell the run ended with no restart``
    ()
    =
    let _, changes =
        replay
            [ complete 0.0 1.0 [] |> withBoot (boot "1" -1000.0 1.0)
              partial 20.0 21.0 [ observation "a" 20.5 ]
              complete 30.0 31.0 []
              |> withBoot { boot "2" 19.5 31.0 with Began = ValueSome(between 19.0 20.9) } ]

    let _, ending = Array.exactlyOne (closings changes)
    Assert.That(ending.Evidence, Is.EqualTo Absent)
    Assert.That(ending.Within, Is.EqualTo(between 20.49 31.0))

[<Test>]
let ``7 where one lives on, only the agent restarted, and what is gone ended with no restart`` () =
    let living t = observation "b" t |> started -10.0 -9.9

    let _, changes =
        replay
            [ complete 0.0 1.0 [ observation "a" 0.5; living 0.5 ] |> withBoot (boot "1" -1000.0 1.0)
              complete 20.0 21.0 [ living 20.5 ] |> withBoot (boot "2" 15.0 21.0) ]

    let id, ending = Array.exactlyOne (closings changes)
    Assert.That(id, Is.EqualTo "a")
    Assert.That(ending.Evidence, Is.EqualTo Absent)
    Assert.That(ending.Within, Is.EqualTo(between 0.49 21.0))

[<Test>]
let ``7 what was heard after the boot, before anybody knew of it, did not end by it`` () =
    let _, changes =
        replay
            [ complete 0.0 1.0 [ observation "a" 0.5 ] |> withBoot (boot "1" -1000.0 1.0)
              partial 20.0 21.0 [ observation "a" 20.5 ]
              complete 30.0 31.0 [] |> withBoot (boot "2" 15.0 31.0) ]

    let _, ending = Array.exactlyOne (closings changes)
    Assert.That(ending.Evidence, Is.EqualTo Absent)
    Assert.That(ending.Within, Is.EqualTo(between 20.49 31.0))

[<Test>]
let ``7 a connection that outlives a restart of the agent lives on under its new id`` () =
    let tied = withTraits { Traits.plain with IdsTiedToBoot = true }

    let ledger, changes =
        replay
            [ complete 0.0 1.0 [ observation "100.1" 0.5 |> started -10.0 -9.9 |> called "x" ]
              |> tied
              |> withBoot (boot "1" -1000.0 1.0)
              complete 20.0 21.0 [ observation "7.1" 20.5 |> started -9.95 -9.8 |> called "x" ]
              |> tied
              |> withBoot (boot "2" 15.0 21.0) ]

    Assert.That(closings changes, Is.Empty)
    Assert.That(names ledger, Is.EqualTo<string[]> [| "7.1" |])
    Assert.That((only ledger).Start.Within, Is.EqualTo(between -9.95 -9.9))
    Assert.That((only ledger).ConfirmedCount, Is.EqualTo 2)
    Assert.That(changes |> Array.exists _.IsRenamed, Is.True)

[<Test>]
let ``7 an old id in a new run is not taken for the same connection`` () =
    let tied = withTraits { Traits.plain with IdsTiedToBoot = true }
    let old = complete 0.0 1.0 [ observation "5.1" 0.5 |> started -10.0 -9.9 |> called "x" ]
    let now = observation "5.1" 20.5 |> started 16.0 16.1 |> called "y"
    let ledger, _ = replay [ old |> tied |> withBoot (boot "1" -1000.0 1.0) ]
    let waiting, changes = apply (partial 20.0 21.0 [ now ] |> tied |> withBoot (boot "2" 15.0 21.0)) ledger
    Assert.That(closings changes, Is.Empty, "a partial audit closes nothing")
    Assert.That((only waiting).Facts.Call, Is.EqualTo(ValueSome(CallId.create "x")))

    let settled, changes =
        apply (complete 30.0 31.0 [ now ] |> tied |> withBoot (boot "2" 15.0 31.0)) waiting

    Assert.That(closings changes |> Array.map fst, Is.EqualTo<string[]> [| "5.1" |])
    Assert.That((only settled).Facts.Call, Is.EqualTo(ValueSome(CallId.create "y")))

[<Test>]
let ``7 a complete audit of an earlier run does not bound the start under an id of this run`` () =
    let tied = withTraits { Traits.plain with IdsTiedToBoot = true }
    let old = complete 0.0 1.0 [ observation "100.1" 0.5 ] |> tied |> withBoot (boot "1" -1000.0 1.0)
    let now = complete 20.0 21.0 [ observation "7.1" 20.5 ] |> tied |> withBoot (boot "2" 15.0 21.0)
    let ledger, _ = replay [ old; now ]
    Assert.That((only ledger).Start.Within, Is.EqualTo(Interval.upTo (at 20.5)))

[<Test>]
let ``7 rows of an audit that a restart ran through say nothing of either run`` () =
    let stamped stamp t = { observation "a" t with Stamp = ValueSome stamp } |> started -10.0 -9.9

    let ledger, changes =
        replay
            [ complete 0.0 1.0 [ stamped "5000" 0.5 ] |> withBoot (boot "1" -60.0 1.0)
              snapshot 20.0 21.0 (Partial [ RestartedMeanwhile ]) [ stamped "5000" 20.1 ]
              |> withBoot (boot "2" 20.5 21.0)
              complete 30.0 31.0 [ stamped "4294963000" 30.5 ] |> withBoot (boot "2" 20.5 31.0) ]

    Assert.That(closings changes, Is.Empty)
    Assert.That((only ledger).ConfirmedCount, Is.EqualTo 2)

// Rule 8

[<Law>]
let ``8 the same snapshot twice and an older one change nothing``
    (known: byte list)
    (listed: byte list)
    (isPartial: bool)
    =
    let make = if isPartial then partial else complete
    let older = complete 5.0 6.0 (some known 5.5)
    let newer = make 10.0 11.0 (some listed 10.5)
    let ledger, _ = replay [ complete 0.0 1.0 []; older; newer ]
    let again, repeated = apply newer ledger
    let back, late = apply older ledger

    obj.ReferenceEquals(again, ledger)
    && repeated = [||]
    && obj.ReferenceEquals(back, ledger)
    && late = [||]

[<Test>]
let ``8 a snapshot of another gateway does not belong here`` () =
    let other = { complete 0.0 1.0 [] with Gateway = GatewayId.create "gw2" }

    Assert.Throws<ArgumentException>(fun () -> apply other (GatewayLedger.empty gateway) |> ignore)
    |> ignore

// Rule 9

[<Law>]
let ``9 the id of a CDR does not depend on bounds, counts or servers``
    (early: byte)
    (width: byte)
    (count: byte)
    =
    let make low high confirmed =
        let ledger, _ =
            replay
                [ complete 0.0 1.0 [ observation "a" 0.5 |> started low high ] |> withBoot (boot "1" -9.0 1.0) ]

        { only ledger with ConfirmedCount = confirmed }

    let one = make -20.0 -10.0 1
    let two = make (-20.0 + float early / 100.0) (-15.0 + float width / 100.0) (int count)
    Cdr.id gateway one = Cdr.id gateway two

[<Law>]
let ``9 another gateway, connection, stamp or boot has another id`` (a: byte) (b: byte) =
    let make (gateway: string) (id: string) stamp token =
        let o = { observation id 0.5 with Stamp = ValueSome stamp }
        let ledger, _ = replay [ complete 0.0 1.0 [ o ] |> withBoot (boot token -9.0 1.0) ]
        Cdr.id (GatewayId.create gateway) (only ledger)

    let texts = [ $"{a}"; $"{b}"; $"{a}{b}"; $"{a};{b}" ] |> List.distinct

    let ids =
        [ for gateway in texts do
              for id in texts do
                  for stamp in texts do
                      for token in texts -> make gateway id stamp token ]

    List.length (List.distinct ids) = List.length ids && ids |> List.forall (fun id -> id.Version = 5)

[<Test>]
let ``9 billed seconds are the lower bound, and the upper stands beside them`` () =
    let ledger, changes =
        replay [ complete 0.0 1.0 [ observation "a" 0.5 |> started -60.0 -59.5 ]; complete 10.0 11.0 [] ]

    match changes with
    | [| Closed(c, ending) |] ->
        let cdr = Cdr.create ledger.Gateway ledger.Traits c ending
        // Start in [-60, -59.5], end in [0.49, 11].
        Assert.That(Cdr.billedSeconds cdr, Is.EqualTo 59L)
        Assert.That(Cdr.billedSecondsMax cdr, Is.EqualTo(ValueSome 71L))
    | other -> Assert.Fail $"{other}"

[<Test>]
let ``9 a reused id without a stamp is marked so`` () =
    let reusing = { Traits.plain with ReusesIds = true }
    let ledger, _ = replay [ complete 0.0 1.0 [ observation "a" 0.5 ] ]
    let c = only ledger

    let ending =
        { Within = between 1.0 2.0
          Evidence = Absent
          Cause = ValueNone
          Counters = ValueNone
          Order = ValueNone }

    Assert.That((Cdr.create gateway reusing c ending).IdReused, Is.True)
    Assert.That((Cdr.create gateway reusing { c with Stamp = ValueSome "s" } ending).IdReused, Is.False)
    Assert.That((Cdr.create gateway Traits.plain c ending).IdReused, Is.False)

// Rule 10

[<Law>]
let ``10 a restart of the server changes nothing but that all is unconfirmed``
    (known: byte list)
    (listed: byte list)
    (quiet: bool)
    =
    let before, _ = replay [ complete 0.0 1.0 (some known 0.5) ]
    let restored = GatewayLedger.restore before
    // The first audit may learn nothing: what was restored is no less recovered when it is heard at last.
    let waiting, _ = if quiet then apply (partial 5.0 6.0 []) restored else restored, [||]
    let after, changes = apply (complete 10.0 11.0 (some listed 10.5)) waiting
    let without, plain = apply (complete 10.0 11.0 (some listed 10.5)) before

    restored.Connections |> Array.forall (fun c -> string c.Status = "unconfirmed")
    && same (names restored) (names before)
    && same (names after) (names without)
    && same (closings changes) (closings plain |> Array.map id)
    && after.Connections
       |> Array.forall (fun c ->
           c.Recovered = (before.Connections |> Array.exists (fun old -> old.Id = c.Id)))
