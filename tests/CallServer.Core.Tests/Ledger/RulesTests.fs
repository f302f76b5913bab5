/// The ten rules of the record, one by one. The world of WorldTests tries them all together.
module CallServer.Tests.Ledger.RulesTests

open System
open FsCheck
open CallServer.Model
open CallServer.Ledger
open CallServer.Tests
open CallServer.Tests.Ledger.Build

let private some (ids: byte list) heard = ids |> List.map (fun id -> observation $"c{id}" heard)

let private same (actual: 'T) (expected: 'T) = actual = expected

// Rule 1

let ``1 a partial or silent audit closes nothing, whatever it lists`` =
    law (fun (known: byte list) (listed: byte list) (quiet: bool) ->
        let second = if quiet then silent 10.0 11.0 else partial 10.0 11.0 (some listed 10.5)
        let before, _ = replay [ complete 0.0 1.0 (some known 0.5) ]
        let after, changes = apply second before
        let lost = Set.ofArray (names before) - Set.ofArray (names after)

        closings changes = [||]
        && Set.isEmpty lost
        && after.Connections
           |> Array.forall (fun c ->
               let heardNow = second.Observations |> Array.exists (fun o -> o.Id = c.Id)
               (c.Status = Status.Confirmed) = heardNow))

// Rule 2

let ``2 a complete audit closes exactly what it does not list`` =
    law (fun (known: byte list) (listed: byte list) ->
        let before, _ = replay [ complete 0.0 1.0 (some known 0.5) ]
        let after, changes = apply (complete 10.0 11.0 (some listed 10.5)) before
        let gone = Set.ofArray (names before) - set (listed |> List.map (fun id -> $"c{id}"))

        same (closings changes |> Array.map fst |> set) gone
        && same (set (names after)) (listed |> List.map (fun id -> $"c{id}") |> set))

let ``2 where the index shifts, one absence closes nothing and the second in a row does`` =
    law (fun (between: bool list) ->
        let shifting = { Traits.plain with AbsencesToClose = 2 }
        let heard = complete 0.0 1.0 [ observation "a" 0.5 ]
        let seen = between |> List.truncate 20

        // true: listed, false: absent; each in a complete audit.
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

        // A connection listed again after its end is a new one: counted by hand.
        let expected =
            ((true, 0, 0), seen)
            ||> List.fold (fun (active, absences, closed) isListed ->
                if isListed then true, 0, closed
                elif not active then false, 0, closed
                elif absences = 1 then false, 0, closed + 1
                else true, 1, closed)
            |> fun (_, _, closed) -> closed

        closes = expected)

let ``2 partial audits between two absences neither count nor reset`` =
    example (fun () ->
        let shifting = withTraits { Traits.plain with AbsencesToClose = 2 }

        let _, changes =
            replay
                [ complete 0.0 1.0 [ observation "a" 0.5 ] |> shifting
                  complete 10.0 11.0 [] |> shifting
                  partial 20.0 21.0 [] |> shifting
                  complete 30.0 31.0 [] |> shifting ]

        closings changes |> Array.map fst |> Check.equal [| "a" |])

let ``2 the gateway's history closes even on a partial audit, with the end that it states`` =
    example (fun () ->
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
        id |> Check.equal "a"
        ending.Within |> Check.equal (between 5.0 5.01)
        ending.Evidence |> Check.equal GatewayHistory
        names after |> Check.equal [| "b" |])

let ``2 what the gateway says it does not have is closed, by a partial audit too`` =
    law (fun (known: byte list) (denied: byte list) ->
        let before, _ = replay [ complete 0.0 1.0 (some known 0.5) ]

        let denies =
            { partial 10.0 11.0 [] with
                Denied = some denied 0.0 |> List.map _.Id |> List.distinct |> List.sort |> Array.ofList }

        let after, changes = apply denies before
        let gone = Set.intersect (set (names before)) (denied |> List.map (fun id -> $"c{id}") |> set)

        same (closings changes |> Array.map fst |> set) gone
        && closings changes
           |> Array.forall (fun (_, ending) -> ending.Evidence = Absent && ending.Within = between 0.49 11.0)
        && same (set (names after)) (set (names before) - gone))

// Rule 4

let ``4 an unreported start lies between the last complete audit without it and the first with it`` =
    law (fun (gap: PositiveInt) ->
        let t = 1.0 + float (gap.Get % 1000)

        let ledger, _ =
            replay
                [ complete 0.0 0.5 []
                  partial 0.6 0.7 []
                  complete t (t + 1.0) [ observation "a" (t + 0.5) ] ]

        let start = (only ledger).Start
        start.Within = between 0.0 (t + 0.5) && start.Evidence = Bounded)

let ``4 a table that may be some seconds old bounds a start by what it may have shown`` =
    example (fun () ->
        let cached = withTraits { Traits.plain with Staleness = TimeSpan.FromSeconds 5.0 }

        let ledger, _ =
            replay [ complete 10.0 11.0 [] |> cached; complete 20.0 21.0 [ observation "a" 20.5 ] |> cached ]

        (only ledger).Start.Within |> Check.equal (between 5.0 20.5))

let ``4 without a complete audit before it a start has no lower bound`` =
    example (fun () ->
        let ledger, _ = replay [ partial 0.0 1.0 []; complete 10.0 11.0 [ observation "a" 10.5 ] ]
        (only ledger).Start.Within |> Check.equal (Interval.upTo (at 10.5)))

let ``4 counters bound the age from below`` =
    example (fun () ->
        let o = { observation "a" 100.0 with MinimumAge = TimeSpan.FromSeconds 60.0 }
        let ledger, _ = replay [ complete 0.0 1.0 []; complete 99.0 101.0 [ o ] ]
        (only ledger).Start.Within |> Check.equal (between 0.0 40.0)
        (only ledger).Start.Evidence |> Check.equal Inferred)

let ``4 an end lies between the last time it was heard and the first proof that it is gone`` =
    example (fun () ->
        let _, changes = replay [ complete 0.0 1.0 [ observation "a" 0.5 ]; complete 10.0 11.0 [] ]
        let _, ending = Array.exactlyOne (closings changes)
        ending.Within |> Check.equal (between 0.49 11.0))

let ``4 a connection that a stale table no longer lists may have ended before it was heard`` =
    example (fun () ->
        let cached = withTraits { Traits.plain with Staleness = TimeSpan.FromSeconds 5.0 }

        let _, changes =
            replay [ complete 10.0 11.0 [ observation "a" 10.5 ] |> cached; complete 20.0 21.0 [] |> cached ]

        let _, ending = Array.exactlyOne (closings changes)
        ending.Within |> Check.equal (between 5.49 21.0))

let ``4 a staler answer does not take back when it was last heard`` =
    example (fun () ->
        let stale = withTraits { Traits.plain with Staleness = TimeSpan.FromSeconds 5.0 }

        let ledger, _ =
            replay
                [ complete 10.0 11.0 [ observation "a" 10.5 ]
                  complete 12.0 13.0 [ observation "a" 12.5 ] |> stale ]

        (only ledger).LastHeard |> Check.equal (at 10.49))

let ``5 a row that tells less than an earlier one takes nothing from the record`` =
    example (fun () ->
        let ledger, _ =
            replay
                [ complete 0.0 1.0 [ observation "a" 0.5 |> called "of the first row" ]
                  complete 10.0 11.0 [ observation "a" 10.5 ] ]

        (only ledger).Facts.Call |> ValueOption.map string |> Check.equal (ValueSome "of the first row"))

let ``5 a row that tells something else takes nothing from the record`` =
    example (fun () ->
        let other =
            let o = observation "a" 10.5
            { o with Facts = { o.Facts with Mode = ValueSome "sendonly" } }

        let ledger, _ =
            replay
                [ complete 0.0 1.0 [ observation "a" 0.5 |> called "of the first row" ]
                  complete 10.0 11.0 [ other ] ]

        let facts = (only ledger).Facts
        facts.Call |> ValueOption.map string |> Check.equal (ValueSome "of the first row")
        facts.Mode |> Check.equal (ValueSome "sendonly"))

let ``6 a row that lacks the stamp takes it from no connection`` =
    example (fun () ->
        let stamped stamp t = { observation "a" t with Stamp = stamp }

        let _, changes =
            replay
                [ complete 0.0 1.0 [ stamped (ValueSome "first") 0.5 ]
                  complete 10.0 11.0 [ stamped ValueNone 10.5 ]
                  complete 20.0 21.0 [ stamped (ValueSome "second") 20.5 ] ]

        closings changes |> Array.map fst |> Check.equal [| "a" |])

let ``5 a setup that only drift puts after the start is not taken, and no conflict`` =
    example (fun () ->
        let drifting = withTraits { Traits.plain with DriftPpm = 1000.0 }

        let answered t setup start = { observation "a" t with Setup = setup } |> started start (start + 0.02)

        let setup = ValueSome(Timing.reported (between -59.95 -59.94))

        let ledger, _ =
            replay
                [ complete 0.0 1.0 [ answered 0.5 ValueNone -60.0 ] |> drifting
                  complete 10.0 11.0 [ answered 10.5 setup -59.95 ] |> drifting ]

        (only ledger).Start.Within |> Check.equal (between -60.0 -59.98)
        (only ledger).Setup |> Check.equal ValueNone
        (only ledger).Conflicts |> Check.equal 0)

let ``4 an end that somebody states lies after what was heard, and the start no later`` =
    example (fun () ->
        let heard = { observation "a" 20.0 with Heard = between 10.0 20.0 }
        let ledger, _ = replay [ complete 0.0 0.5 []; complete 9.0 21.0 [ heard ] ]

        let closed earliest latest =
            let ending =
                { Within = between earliest latest
                  Evidence = Absent
                  Cause = ValueNone
                  Counters = ValueNone
                  Order = ValueNone }

            match Reconcile.close (ConnectionId.create "a") ending ledger with
            | ValueSome(struct (_, Closed(c, ending))) -> c.Start.Within, ending.Within
            | other -> failtest $"%A{other}"

        closed 12.0 13.0 |> Check.equal (between 0.0 13.0, between 12.0 13.0)
        closed 3.0 8.0 |> Check.equal (between 0.0 10.0, between 10.0 10.0))

let ``4 a leg that rings is recorded, and its start follows when it is answered`` =
    example (fun () ->
        let ringing t =
            { observation "a" t with
                Start = ValueSome(Timing.reported (Interval.from (at (t - 0.01)))) }

        let ledger, _ = replay [ complete 0.0 1.0 [ ringing 0.5 ]; complete 10.0 11.0 [ ringing 10.5 ] ]
        (only ledger).Start.Within |> Check.equal (Interval.from (at 10.49))
        (only ledger).Conflicts |> Check.equal 0

        let ledger, changes =
            apply (complete 20.0 21.0 [ observation "a" 20.5 |> started 14.0 14.02 ]) ledger

        (only ledger).Start.Within |> Check.equal (between 14.0 14.02)
        closings changes |> Check.isEmpty)

let ``4 a leg that never was answered is billed nothing`` =
    example (fun () ->
        let ringing t =
            { observation "a" t with
                Start = ValueSome(Timing.reported (Interval.from (at (t - 0.01)))) }

        let ledger, changes = replay [ complete 0.0 1.0 [ ringing 0.5 ]; complete 10.0 11.0 [] ]

        match changes with
        | [| Closed(c, ending) |] ->
            let cdr = Cdr.create ledger.Gateway ledger.Traits c ending
            Cdr.billedSeconds cdr |> Check.equal 0L
            Cdr.billedSecondsMax cdr |> Check.equal (ValueSome 11L)
        | other -> failtest $"{other}")

/// Times that a gateway may report: near the audits, far from them, or open.
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

/// What a gateway says, sensible or not: rows, history rows and releases, in audits that follow each other.
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

let ``4 setup <= start <= heard <= end and billsec <= duration, whatever a gateway says`` =
    law (fun (draws: uint16 list) ->
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

                match
                    Reconcile.released released order (snapshot.Answered + TimeSpan.FromSeconds 1.0) next
                with
                | ValueSome(struct (next, change)) -> next, broken @ check next [| change |]
                | ValueNone -> next, broken
            | _ -> next, broken

        let _, broken = ((GatewayLedger.empty gateway, []), story draws) ||> List.fold step
        if broken.IsEmpty then true else failwith $"%A{List.distinct broken}")

let ``4 a start before the setup is a conflict, and the start lies between the setup and when it was heard`` =
    example (fun () ->
        let garbage t =
            { observation "a" t with Setup = ValueSome(Timing.reported (between -100.0 -99.98)) }
            |> started -86400.0 -86399.98

        let ledger, changes =
            replay [ complete 0.0 1.0 [ garbage 0.5 ]; complete 10.0 11.0 [ garbage 10.5 ] ]

        (only ledger).Start.Within |> Check.equal (between -100.0 0.5)
        (only ledger).Start.Evidence |> Check.equal Bounded
        (only ledger).Conflicts |> Check.equal 2
        (only ledger).LastConflict.Value.Reported |> Check.equal (between -86400.0 -86399.98)
        changes |> Check.because "the same conflict is told once" Check.isEmpty

        match apply (complete 20.0 21.0 []) ledger with
        | _, [| Closed(c, ending) |] ->
            let cdr = Cdr.create gateway Traits.plain c ending
            (Cdr.billedSeconds cdr, Cdr.duration cdr) |> Check.equal (9L, 110L)
        | other -> failtest $"%A{other}")

let ``4 a start that may be truncated to before the setup is no conflict`` =
    example (fun () ->
        let o =
            { observation "a" 0.5 with Setup = ValueSome(Timing.reported (between -10.4 -10.38)) }
            |> started -11.0 -10.0

        let ledger, _ = replay [ complete 0.0 1.0 [ o ] ]
        (only ledger).Conflicts |> Check.equal 0
        (only ledger).Start.Within |> Check.equal (between -10.4 -10.0)
        (only ledger).Setup.Value.Within |> Check.equal (between -10.4 -10.38))

let ``4 a stamp of the future dates nothing, and makes no other connection of it`` =
    example (fun () ->
        let ahead t = observation "a" t |> started (t + 3.0) (t + 3.02)

        let ledger, changes =
            replay
                [ complete 0.0 1.0 []; complete 10.0 11.0 [ ahead 10.5 ]; complete 20.0 21.0 [ ahead 20.5 ] ]

        closings changes |> Check.isEmpty
        (only ledger).Start.Within |> Check.equal (between 0.0 10.5)
        (only ledger).Conflicts |> Check.equal 2)

let ``4 a start told to be before the complete audit that did not list it is a conflict`` =
    example (fun () ->
        let ledger, _ =
            replay
                [ complete 0.0 1.0 []; complete 10.0 11.0 [ observation "a" 10.5 |> started -60.0 -59.0 ] ]

        (only ledger).Start.Within |> Check.equal (between 0.0 10.5)
        (only ledger).Conflicts |> Check.equal 1)

let ``4 an answer that only audits date is bounded, though one of them was told that it rang`` =
    example (fun () ->
        let ringing =
            { observation "a" 0.5 with Start = ValueSome(Timing.reported (Interval.from (at 0.49))) }

        let ledger, _ = replay [ complete 0.0 1.0 [ ringing ]; complete 10.0 11.0 [ observation "a" 10.5 ] ]
        (only ledger).Start.Within |> Check.equal (between 0.49 10.5)
        (only ledger).Start.Evidence |> Check.equal Bounded)

// Rule 5

let ``5 bounds only narrow, and what contradicts them is kept and counted`` =
    law (fun (reports: (int16 * byte) list) ->
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
                        && after.LastConflict
                           |> ValueOption.exists (fun conflict -> conflict.Reported = report)

                next, isFine && narrower && counted
            | _ -> next, isFine

        ((GatewayLedger.empty gateway, true), audits) ||> List.fold step |> snd)

let ``5 what is held by a report stays a report, whatever only bounds it later`` =
    example (fun () ->
        let wider (o: Observation) = { o with Start = ValueSome(Timing.bounded (between -20.0 -9.0)) }

        let ledger, _ =
            replay
                [ complete 0.0 1.0 [ observation "a" 0.5 |> started -10.0 -9.9 ]
                  complete 10.0 11.0 [ observation "a" 10.5 |> wider ] ]

        (only ledger).Start |> Check.equal (Timing.reported (between -10.0 -9.9)))

let ``5 what a drifting clock explains is no conflict, and nothing is learnt from it`` =
    example (fun () ->
        let drifting = withTraits { Traits.plain with DriftPpm = 100.0 }
        let first = complete 0.0 1.0 [ observation "a" 0.5 |> started -7200.0 -7199.98 ] |> drifting
        let later = complete 600.0 601.0 [ observation "a" 600.5 |> started -7199.9 -7199.88 ] |> drifting
        let wrong = complete 700.0 701.0 [ observation "a" 700.5 |> started -7190.0 -7189.0 ] |> drifting
        let ledger, _ = replay [ first; later ]
        (only ledger).Start.Within |> Check.equal (between -7200.0 -7199.98)
        (only ledger).Conflicts |> Check.equal 0
        let ledger, _ = apply wrong ledger
        (only ledger).Conflicts |> Check.equal 1)

// Rule 6

let ``6 the same id with a later start is a new connection`` =
    example (fun () ->
        let ledger, changes =
            replay
                [ complete 0.0 1.0 [ observation "a" 0.5 |> started -10.0 -9.9 ]
                  partial 20.0 21.0 [ observation "a" 20.5 |> started 7.0 7.1 ] ]

        let id, ending = Array.exactlyOne (closings changes)
        id |> Check.equal "a"
        ending.Within |> Check.equal (between 0.49 7.1)
        (only ledger).Start.Within |> Check.equal (between 7.0 7.1)
        (only ledger).ConfirmedCount |> Check.equal 1)

let ``6 another stamp under the same id is a new connection, the same stamp is not`` =
    example (fun () ->
        let stamped stamp t = { observation "a" t with Stamp = ValueSome stamp }

        let _, same =
            replay [ complete 0.0 1.0 [ stamped "1" 0.5 ]; complete 10.0 11.0 [ stamped "1" 10.5 ] ]

        let _, other =
            replay [ complete 0.0 1.0 [ stamped "1" 0.5 ]; complete 10.0 11.0 [ stamped "2" 10.5 ] ]

        closings same |> Check.isEmpty
        closings other |> Array.map fst |> Check.equal [| "a" |])

let ``6 a stamp that outlives a restart tells the uses of an id apart over it`` =
    example (fun () ->
        let reused = withTraits { Traits.plain with ReusesIds = true }
        let stamped stamp t = { observation "a" t with Stamp = ValueSome stamp }

        let _, changes =
            replay
                [ complete 0.0 1.0 [ stamped "1" 0.5 ] |> reused |> withBoot (boot "1" -1000.0 1.0)
                  complete 20.0 21.0 [ stamped "2" 20.5 ] |> reused |> withBoot (boot "2" 15.0 21.0) ]

        let _, ending = Array.exactlyOne (closings changes)
        ending.Evidence |> Check.equal GatewayRestart
        ending.Within |> Check.equal (between 0.49 15.01))

let ``6 one that was replaced over a restart of the agent alone did not end by it`` =
    example (fun () ->
        let living t = observation "b" t |> started -10.0 -9.9
        let leg began t = observation "a" t |> started began (began + 0.1)

        let _, changes =
            replay
                [ complete 0.0 1.0 [ leg -20.0 0.5; living 0.5 ] |> withBoot (boot "1" -1000.0 1.0)
                  complete 20.0 21.0 [ leg 16.0 20.5; living 20.5 ] |> withBoot (boot "2" 15.0 21.0) ]

        let _, ending = Array.exactlyOne (closings changes)
        ending.Evidence |> Check.equal Absent
        ending.Within |> Check.equal (between 0.49 16.1))

let ``6 a stamp that a restart of the agent changed is no new connection`` =
    example (fun () ->
        let stamped stamp t = { observation "a" t with Stamp = ValueSome stamp } |> started -10.0 -9.9

        let ledger, changes =
            replay
                [ complete 0.0 1.0 [ stamped "5000" 0.5 ] |> withBoot (boot "1" -60.0 1.0)
                  complete 20.0 21.0 [ stamped "4294964296" 20.5 ] |> withBoot (boot "2" 15.0 21.0) ]

        closings changes |> Check.isEmpty
        (only ledger).Stamp |> Check.equal (ValueSome "4294964296"))

// Rule 7

let ``7 after a restart the first complete audit closes what it does not show, no later than the boot`` =
    example (fun () ->
        let ledger, changes =
            replay
                [ complete 0.0 1.0 [ observation "a" 0.5; observation "b" 0.5 ]
                  |> withBoot (boot "1" -1000.0 1.0)
                  partial 20.0 21.0 [] |> withBoot (boot "2" 15.0 21.0) ]

        closings changes |> Check.because "a restart is a cause, not a proof" Check.isEmpty

        let ledger, changes =
            apply (complete 30.0 31.0 [ observation "c" 30.5 ] |> withBoot (boot "2" 15.0 31.0)) ledger

        let endings = closings changes
        endings |> Array.map fst |> Check.sameItems [| "a"; "b" |]

        for _, ending in endings do
            ending.Evidence |> Check.equal GatewayRestart
            ending.Within |> Check.equal (between 0.49 15.01)

        names ledger |> Check.equal [| "c" |])

let ``7 what was first heard after the boot by an audit that could not tell the run ended with no restart`` =
    example (fun () ->
        let _, changes =
            replay
                [ complete 0.0 1.0 [] |> withBoot (boot "1" -1000.0 1.0)
                  partial 20.0 21.0 [ observation "a" 20.5 ]
                  complete 30.0 31.0 []
                  |> withBoot { boot "2" 19.5 31.0 with Began = ValueSome(between 19.0 20.9) } ]

        let _, ending = Array.exactlyOne (closings changes)
        ending.Evidence |> Check.equal Absent
        ending.Within |> Check.equal (between 20.49 31.0))

let ``7 where one lives on, only the agent restarted, and what is gone ended with no restart`` =
    example (fun () ->
        let living t = observation "b" t |> started -10.0 -9.9

        let _, changes =
            replay
                [ complete 0.0 1.0 [ observation "a" 0.5; living 0.5 ] |> withBoot (boot "1" -1000.0 1.0)
                  complete 20.0 21.0 [ living 20.5 ] |> withBoot (boot "2" 15.0 21.0) ]

        let id, ending = Array.exactlyOne (closings changes)
        id |> Check.equal "a"
        ending.Evidence |> Check.equal Absent
        ending.Within |> Check.equal (between 0.49 21.0))

let ``7 one that was set up before the boot and is still listed shows that only the agent restarted`` =
    example (fun () ->
        let ringing t = { observation "b" t with Setup = ValueSome(Timing.reported (between -10.0 -9.9)) }

        let _, changes =
            replay
                [ complete 0.0 1.0 [ observation "a" 0.5; ringing 0.5 ] |> withBoot (boot "1" -1000.0 1.0)
                  complete 20.0 21.0 [ ringing 20.5 ] |> withBoot (boot "2" 15.0 21.0) ]

        let id, ending = Array.exactlyOne (closings changes)
        id |> Check.equal "a"
        ending.Evidence |> Check.equal Absent
        ending.Within |> Check.equal (between 0.49 21.0))

let ``7 what was heard after the boot, before anybody knew of it, did not end by it`` =
    example (fun () ->
        let _, changes =
            replay
                [ complete 0.0 1.0 [ observation "a" 0.5 ] |> withBoot (boot "1" -1000.0 1.0)
                  partial 20.0 21.0 [ observation "a" 20.5 ]
                  complete 30.0 31.0 [] |> withBoot (boot "2" 15.0 31.0) ]

        let _, ending = Array.exactlyOne (closings changes)
        ending.Evidence |> Check.equal Absent
        ending.Within |> Check.equal (between 20.49 31.0))

let ``7 a connection that outlives a restart of the agent lives on under its new id`` =
    example (fun () ->
        let tied = withTraits { Traits.plain with IdsTiedToBoot = true }

        let ledger, changes =
            replay
                [ complete 0.0 1.0 [ observation "100.1" 0.5 |> started -10.0 -9.9 |> called "x" ]
                  |> tied
                  |> withBoot (boot "1" -1000.0 1.0)
                  complete 20.0 21.0 [ observation "7.1" 20.5 |> started -9.95 -9.8 |> called "x" ]
                  |> tied
                  |> withBoot (boot "2" 15.0 21.0) ]

        closings changes |> Check.isEmpty
        names ledger |> Check.equal [| "7.1" |]
        (only ledger).Start.Within |> Check.equal (between -9.95 -9.9)
        (only ledger).ConfirmedCount |> Check.equal 2
        changes |> Array.exists _.IsRenamed |> Check.isTrue)

let ``7 an old id in a new run is not taken for the same connection`` =
    example (fun () ->
        let tied = withTraits { Traits.plain with IdsTiedToBoot = true }
        let old = complete 0.0 1.0 [ observation "5.1" 0.5 |> started -10.0 -9.9 |> called "x" ]
        let now = observation "5.1" 20.5 |> started 16.0 16.1 |> called "y"
        let ledger, _ = replay [ old |> tied |> withBoot (boot "1" -1000.0 1.0) ]

        let waiting, changes =
            apply (partial 20.0 21.0 [ now ] |> tied |> withBoot (boot "2" 15.0 21.0)) ledger

        closings changes |> Check.because "a partial audit closes nothing" Check.isEmpty
        (only waiting).Facts.Call |> Check.equal (ValueSome(CallId.create "x"))

        let settled, changes =
            apply (complete 30.0 31.0 [ now ] |> tied |> withBoot (boot "2" 15.0 31.0)) waiting

        closings changes |> Array.map fst |> Check.equal [| "5.1" |]
        (only settled).Facts.Call |> Check.equal (ValueSome(CallId.create "y")))

let ``7 rows of a partial audit that could not read the boot, to which ids are tied, say nothing`` =
    example (fun () ->
        let tied = withTraits { Traits.plain with IdsTiedToBoot = true }
        let young t = observation "7.1" t |> started 18.0 18.1 |> called "x"
        let known = complete 0.0 1.0 [ observation "7.1" 0.5 |> called "w" ]
        let before, _ = replay [ known |> tied |> withBoot (boot "1" -1000.0 1.0) ]
        let blind, changes = apply (partial 20.0 21.0 [ young 20.5 ] |> tied) before
        changes |> Array.map _.Kind |> Check.equal [| "unconfirmed" |]
        (only blind).Facts.Call |> Check.equal (ValueSome(CallId.create "w"))

        let after, changes =
            apply (complete 30.0 31.0 [ young 30.5 ] |> tied |> withBoot (boot "2" 15.0 31.0)) blind

        let _, ending = Array.exactlyOne (closings changes)
        ending.Within |> Check.equal (between 0.49 15.01)
        (only after).Facts.Call |> Check.equal (ValueSome(CallId.create "x")))

let ``7 one that began after the boot, and whose id another took before the boot was read, did not end by it`` =
    example (fun () ->
        let leg call t = observation "1" t |> called call

        let _, changes =
            replay
                [ complete 0.0 1.0 [] |> withBoot (boot "1" -1000.0 1.0)
                  partial 20.0 21.0 [ leg "x" 20.5 |> started 18.0 18.1 ]
                  complete 30.0 31.0 [ leg "y" 30.5 |> started 25.0 25.1 ] |> withBoot (boot "2" 15.0 31.0) ]

        let _, ending = Array.exactlyOne (closings changes)
        ending.Evidence |> Check.equal Absent
        ending.Within |> Check.equal (between 20.49 25.1))

let ``7 a complete audit of an earlier run does not bound the start under an id of this run`` =
    example (fun () ->
        let tied = withTraits { Traits.plain with IdsTiedToBoot = true }
        let old = complete 0.0 1.0 [ observation "100.1" 0.5 ] |> tied |> withBoot (boot "1" -1000.0 1.0)
        let now = complete 20.0 21.0 [ observation "7.1" 20.5 ] |> tied |> withBoot (boot "2" 15.0 21.0)
        let ledger, _ = replay [ old; now ]
        (only ledger).Start.Within |> Check.equal (Interval.upTo (at 20.5)))

let ``7 rows of an audit that a restart ran through say nothing of either run`` =
    example (fun () ->
        let stamped stamp t = { observation "a" t with Stamp = ValueSome stamp } |> started -10.0 -9.9

        let ledger, changes =
            replay
                [ complete 0.0 1.0 [ stamped "5000" 0.5 ] |> withBoot (boot "1" -60.0 1.0)
                  snapshot 20.0 21.0 (Partial [ RestartedMeanwhile ]) [ stamped "5000" 20.1 ]
                  |> withBoot (boot "2" 20.5 21.0)
                  complete 30.0 31.0 [ stamped "4294963000" 30.5 ] |> withBoot (boot "2" 20.5 31.0) ]

        closings changes |> Check.isEmpty
        (only ledger).ConfirmedCount |> Check.equal 2)

let ``7 history and denials of an audit that a restart ran through close nothing`` =
    example (fun () ->
        let before, _ =
            replay
                [ complete 0.0 1.0 [ observation "a" 0.5; observation "b" 0.5 ]
                  |> withBoot (boot "1" -60.0 1.0) ]

        let mixed = snapshot 20.0 21.0 (Partial [ RestartedMeanwhile ]) [] |> withBoot (boot "2" 20.5 21.0)

        let over: Ended =
            { Observation = observation "a" 20.2
              End = Timing.reported (between 5.0 5.01)
              Cause = ValueNone
              Counters = ValueNone
              IsRenamed = false
              Row = ValueNone }

        for told in
            [ { mixed with Ended = [| over |] }; { mixed with Denied = [| ConnectionId.create "b" |] } ] do
            let after, changes = apply told before
            closings changes |> Check.isEmpty
            names after |> Check.equal [| "a"; "b" |])

// Rule 8

let ``8 the same snapshot twice and an older one change nothing`` =
    law (fun (known: byte list) (listed: byte list) (isPartial: bool) ->
        let make = if isPartial then partial else complete
        let older = complete 5.0 6.0 (some known 5.5)
        let newer = make 10.0 11.0 (some listed 10.5)
        let ledger, _ = replay [ complete 0.0 1.0 []; older; newer ]
        let again, repeated = apply newer ledger
        let back, late = apply older ledger

        obj.ReferenceEquals(again, ledger)
        && repeated = [||]
        && obj.ReferenceEquals(back, ledger)
        && late = [||])

let ``8 of one watch, what it told before what the record holds changes nothing`` =
    law (fun (known: byte list) (listed: byte list) ->
        let watch snapshot = { snapshot with Standing = ValueSome(at 1.0) }
        let earlier = complete 1.0 5.0 (some known 4.5) |> watch
        let later = complete 1.0 10.0 (some listed 9.5) |> watch
        let ledger, _ = replay [ complete 0.0 1.0 []; later ]
        let back, late = apply earlier ledger
        obj.ReferenceEquals(back, ledger) && late = [||])

let private watched since (snapshot: Snapshot) = { snapshot with Standing = ValueSome(at since) }

let ``8 of two watches whose times overlap, nobody knows which is newer`` =
    law (fun (known: byte list) (listed: byte list) ->
        let ledger, _ = replay [ complete 1.0 10.0 (some known 9.5) |> watched 1.0 ]
        let same, none = apply (complete 5.0 12.0 (some listed 11.5) |> watched 5.0) ledger
        let after, _ = apply (complete 5.0 12.0 (some listed 11.5) |> watched 1.0) ledger

        obj.ReferenceEquals(same, ledger)
        && none = [||]
        && names after = names (fst (replay [ complete 5.0 12.0 (some listed 11.5) ])))

let ``8 an audit that learnt nothing does not change what the gateway's kind is`` =
    example (fun () ->
        let shifting = { Traits.plain with AbsencesToClose = 2 }
        let known = complete 0.0 1.0 [ observation "a" 0.5 ] |> withTraits shifting

        let traitsAfter snapshot = (fst (replay [ known; snapshot |> withTraits Traits.plain ])).Traits

        traitsAfter (silent 10.0 11.0) |> Check.equal shifting
        traitsAfter (partial 10.0 11.0 []) |> Check.equal shifting
        traitsAfter (partial 10.0 11.0 [ observation "a" 10.5 ]) |> Check.equal Traits.plain
        traitsAfter (complete 10.0 11.0 []) |> Check.equal Traits.plain)

let ``8 a snapshot of another gateway does not belong here`` =
    example (fun () ->
        let other = { complete 0.0 1.0 [] with Gateway = GatewayId.create "gw2" }

        Check.throws<ArgumentException> (fun () -> apply other (GatewayLedger.empty gateway) |> ignore))

// Rule 9

let ``9 the id of a CDR does not depend on bounds, counts or servers`` =
    law (fun (early: byte) (width: byte) (count: byte) ->
        let make low high confirmed =
            let ledger, _ =
                replay
                    [ complete 0.0 1.0 [ observation "a" 0.5 |> started low high ]
                      |> withBoot (boot "1" -9.0 1.0) ]

            { only ledger with ConfirmedCount = confirmed }

        let one = make -20.0 -10.0 1
        let two = make (-20.0 + float early / 100.0) (-15.0 + float width / 100.0) (int count)
        Cdr.id gateway one = Cdr.id gateway two)

let ``9 another gateway, connection, stamp or boot has another id`` =
    law (fun (a: byte) (b: byte) ->
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

        List.length (List.distinct ids) = List.length ids && ids |> List.forall (fun id -> id.Version = 5))

let ``9 billed seconds are the lower bound, and the upper stands beside them`` =
    example (fun () ->
        let ledger, changes =
            replay [ complete 0.0 1.0 [ observation "a" 0.5 |> started -60.0 -59.5 ]; complete 10.0 11.0 [] ]

        match changes with
        | [| Closed(c, ending) |] ->
            let cdr = Cdr.create ledger.Gateway ledger.Traits c ending
            // Start in [-60, -59.5], end in [0.49, 11].
            Cdr.billedSeconds cdr |> Check.equal 59L
            Cdr.billedSecondsMax cdr |> Check.equal (ValueSome 71L)
        | other -> failtest $"{other}")

let ``9 a reused id without a stamp is marked so`` =
    example (fun () ->
        let reusing = { Traits.plain with ReusesIds = true }
        let ledger, _ = replay [ complete 0.0 1.0 [ observation "a" 0.5 ] ]
        let c = only ledger

        let ending =
            { Within = between 1.0 2.0
              Evidence = Absent
              Cause = ValueNone
              Counters = ValueNone
              Order = ValueNone }

        (Cdr.create gateway reusing c ending).IdReused |> Check.isTrue
        (Cdr.create gateway reusing { c with Stamp = ValueSome "s" } ending).IdReused |> Check.isFalse
        (Cdr.create gateway Traits.plain c ending).IdReused |> Check.isFalse)

// Rule 10

let ``10 a restart of the server changes nothing but that all is unconfirmed`` =
    law (fun (known: byte list) (listed: byte list) (quiet: bool) ->
        let before, _ = replay [ complete 0.0 1.0 (some known 0.5) ]
        let restored = GatewayLedger.restore before
        // The first audit may learn nothing: a restored connection still counts as recovered when it is finally
        // heard.
        let waiting, _ = if quiet then apply (partial 5.0 6.0 []) restored else restored, [||]
        let after, changes = apply (complete 10.0 11.0 (some listed 10.5)) waiting
        let without, plain = apply (complete 10.0 11.0 (some listed 10.5)) before

        restored.Connections |> Array.forall (fun c -> string c.Status = "unconfirmed")
        && same (names restored) (names before)
        && same (names after) (names without)
        && same (closings changes) (closings plain |> Array.map id)
        && after.Connections
           |> Array.forall (fun c ->
               c.Recovered = (before.Connections |> Array.exists (fun old -> old.Id = c.Id))))
