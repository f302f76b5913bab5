/// What the record takes from a gateway's own history: rules 2, 4, 5, 8 and 9.
module CallServer.Tests.Ledger.HistoryTests

open CallServer.Model
open CallServer.Ledger
open CallServer.Surface
open CallServer.Tests.Ledger.Build
open CallServer.Tests

let private counted: Counters voption =
    ValueSome { Counters.none with PacketsReceived = ValueSome 3000L }

/// The history row of a connection, heard at that second, that ended between two others.
let private row (id: string) heard earliest latest : Ended =
    { Observation =
        { observation id heard with
            Stamp = ValueSome $"stamp of {id}"
            Start = ValueSome(Timing.reported (between (earliest - 60.0) (earliest - 59.9))) }
      End = Timing.reported (between earliest latest)
      Cause = ValueSome "NORMAL_CLEARING"
      Counters = counted
      IsRenamed = false
      Row = ValueNone }

let private seen (id: string) heard = { observation id heard with Stamp = ValueSome $"stamp of {id}" }

/// Adds a history that was read to its end to a complete audit.
let private withHistory (rows: Ended list) (snapshot: Snapshot) =
    { snapshot with
        Ended = rows |> List.sortBy _.Observation.Id |> Array.ofList
        History = ValueSome { Until = ValueSome snapshot.Asked; Cursor = ValueNone } }

let private ids (changes: Change[]) = closings changes |> Array.map fst |> List.ofArray

let private watching observations = complete 0.0 1.0 observations |> withHistory []

let ``2 the row of a known connection ends it exactly, with its cause and counters`` =
    example (fun () ->
        let after, changes =
            replay
                [ watching [ seen "a" 0.5 ]; complete 10.0 11.0 [] |> withHistory [ row "a" 10.9 7.0 7.02 ] ]

        match changes with
        | [| Closed(c, ending) |] ->
            (ending.Within = between 7.0 7.02) |> Check.isTrue
            ending.Evidence |> Check.equal GatewayHistory
            (ending.Counters = counted) |> Check.isTrue

            (c.Start.Within.Latest = at -52.9)
            |> Check.because "its start is narrowed by the row" Check.isTrue

            let cdr = Cdr.create gateway Traits.plain c ending
            Cdr.hangupCause cdr |> Check.equal "NORMAL_CLEARING"
            Cdr.billedSeconds cdr |> Check.equal 59L
        | other -> failtest $"%A{other}"

        names after |> Check.isEmpty)

let ``2 what was listed and ended before the history was read is closed at once`` =
    example (fun () ->
        let after, changes =
            replay
                [ watching []
                  complete 10.0 11.0 [ seen "a" 10.5 ] |> withHistory [ row "a" 10.9 10.7 10.72 ] ]

        ids changes |> Check.equal [ "a" ]
        names after |> Check.isEmpty
        (after.OpenedTotal, after.ClosedTotal) |> Check.equal (1L, 1L))

let ``2 a row that may be of two connections with one id ends one of them`` =
    example (fun () ->
        let started start heard =
            { observation "a" heard with
                Start = ValueSome(Timing.reported (between start (start + 0.1))) }

        let told = row "a" 10.9 10.7 10.72
        let undated = { told with Observation = observation "a" 10.9 }

        let _, changes =
            replay
                [ watching [ started -50.0 0.5 ]
                  complete 10.0 11.0 [ started 5.0 10.5 ] |> withHistory [ undated ] ]

        closings changes
        |> Array.filter (fun (_, ending) -> ending.Evidence = GatewayHistory)
        |> Array.length
        |> Check.equal 1)

let ``9 the row that ends a known connection is no other that nobody saw, though it lacks the stamp`` =
    example (fun () ->
        let told = row "a" 10.9 7.0 7.02
        let stampless = { told with Observation = { told.Observation with Stamp = ValueNone } }

        let after, changes =
            replay [ watching [ seen "a" 0.5 ]; complete 10.0 11.0 [] |> withHistory [ stampless ] ]

        ids changes |> Check.equal [ "a" ]
        after.ClosedTotal |> Check.equal 1L)

let ``9 a connection that nobody saw has one CDR, however often its row is told`` =
    example (fun () ->
        let told asked = complete asked (asked + 1.0) [] |> withHistory [ row "a" (asked + 0.9) 7.0 7.02 ]
        let after, changes = replay [ watching []; told 10.0 ]
        ids changes |> Check.equal [ "a" ]
        (after.OpenedTotal, after.ClosedTotal) |> Check.equal (1L, 1L)

        let stored =
            GatewayLedger.restore (StoredRows.toGateway (StoredRows.ofGateway after Keeping.nothing))

        for asked in [ 20.0; 30.0; 39.0; 300.0 ] do
            for ledger in [ after; stored ] do
                let later, changes = apply (told asked) ledger
                ids changes |> Check.because $"asked at {asked}" Check.isEmpty
                later.ClosedTotal |> Check.equal 1L)

let ``4 an end before the setup is a conflict, and the end lies between the setup and when the row was heard`` =
    example (fun () ->
        let told = row "a" 10.9 -5.0 -4.98

        let told =
            { told with
                Observation = { told.Observation with Setup = ValueSome(Timing.reported (between 3.0 3.01)) } }

        match replay [ watching []; complete 10.0 11.0 [] |> withHistory [ told ] ] |> snd with
        | [| Conflicted(_, conflict); Closed(_, ending) |] ->
            (conflict.Reported = between -5.0 -4.98) |> Check.isTrue
            (ending.Within = between 3.0 10.9) |> Check.because $"{ending.Within}" Check.isTrue
        | other -> failtest $"%A{other}")

let ``9 a row whose end is not believed is news only where it began since the last reading`` =
    example (fun () ->
        let told (setup: float) asked =
            let late = row "a" (asked + 0.9) -99.0 -98.9
            let setup = ValueSome(Timing.reported (between setup (setup + 0.01)))

            complete asked (asked + 1.0) []
            |> withHistory [ { late with Observation = { late.Observation with Setup = setup } } ]

        let closedBy snapshots = replay snapshots |> snd |> ids
        closedBy [ watching []; told -20.0 10.0 ] |> Check.isEmpty
        closedBy [ watching []; told 3.0 10.0 ] |> Check.equal [ "a" ]
        closedBy [ watching []; complete 100.0 101.0 [] |> withHistory []; told 3.0 110.0 ] |> Check.isEmpty

        // An agent that changes its mind about a connection that already has its CDR.
        let right = complete 10.0 11.0 [] |> withHistory [ row "a" 10.9 7.0 7.02 ]
        let later = [ for asked in [ 100.0; 200.0 ] -> complete asked (asked + 1.0) [] |> withHistory [] ]
        let ledger, _ = replay ([ watching []; right ] @ later)
        apply (told 3.0 210.0) ledger |> snd |> ids |> Check.isEmpty)

let ``9 two servers write one id for a connection, whoever of them saw it`` =
    example (fun () ->
        let idOf (changes: Change[]) =
            match changes with
            | [| Closed(c, _) |] -> Cdr.id gateway c
            | other -> failwith $"%A{other}"

        let told = complete 10.0 11.0 [] |> withHistory [ row "a" 10.9 7.0 7.02 ]
        let _, saw = replay [ watching [ seen "a" 0.5 ]; told ]
        let _, sawNot = replay [ watching []; told ]
        let _, absent = replay [ watching [ seen "a" 0.5 ]; complete 10.0 11.0 [] ]
        idOf sawNot |> Check.equal (idOf saw)
        idOf sawNot |> Check.equal (idOf absent))

let ``9 a row that comes late writes no second CDR`` =
    example (fun () ->
        let absent, changes = replay [ watching [ seen "a" 0.5 ]; complete 10.0 11.0 [] |> withHistory [] ]

        ids changes |> Check.equal [ "a" ]
        let _, changes = apply (complete 20.0 21.0 [] |> withHistory [ row "a" 20.9 7.0 7.02 ]) absent
        ids changes |> Check.isEmpty

        let renamed = { row "b" 20.9 7.0 7.02 with IsRenamed = true }
        let call (o: Observation) = called "call" { o with Stamp = ValueSome "one" }
        let absent, _ = replay [ watching [ call (seen "a" 0.5) ]; complete 10.0 11.0 [] |> withHistory [] ]
        let late = { renamed with Observation = call renamed.Observation }
        let _, changes = apply (complete 20.0 21.0 [] |> withHistory [ late ]) absent
        ids changes |> Check.because "its row does not tell its id, but its call and stamp" Check.isEmpty

        let atOnce = complete 10.0 11.0 [] |> withHistory [ late ]
        let _, changes = replay [ watching [ call (seen "a" 0.5) ]; atOnce ]
        ids changes |> Check.because "nor where both come at once" (Check.equal [ "a" ]))

let ``9 a row without its id is no news while its connection is in the record`` =
    example (fun () ->
        let call id = called "call" { seen id 0.5 with Stamp = ValueSome "one" }
        let nameless = { row "row/7" 10.9 10.7 10.72 with IsRenamed = true }

        let nameless =
            { nameless with
                Observation = { called "call" nameless.Observation with Stamp = ValueSome "one" } }
        // The table was read before the connection ended, and the history afterwards.
        let both =
            complete 10.0 11.0 [ { call "a" with Heard = between 10.5 10.6 } ] |> withHistory [ nameless ]

        let ledger, changes = replay [ watching [ call "a" ]; both ]
        ids changes |> Check.isEmpty
        (names ledger = [| "a" |]) |> Check.isTrue
        let _, changes = apply (complete 20.0 21.0 [] |> withHistory [ nameless ]) ledger
        ids changes |> Check.equal [ "a" ]

        // With another call id it is another connection.
        let other = { nameless with Observation = called "other" nameless.Observation }
        let _, changes = replay [ watching [ call "a" ]; { both with Ended = [| other |] } ]
        ids changes |> Check.equal [ "row/7" ])

let ``9 a row that may be of the connection that lives under its id is no news`` =
    example (fun () ->
        let told = row "a" 10.9 7.0 7.02

        let stampless =
            { told with Observation = { told.Observation with Stamp = ValueNone; Start = ValueNone } }

        let _, changes =
            replay
                [ watching [ observation "a" 0.5 ]
                  complete 10.0 11.0 [ observation "a" 10.5 ] |> withHistory [ stampless ] ]

        ids changes |> Check.isEmpty)

let ``9 a row without its id and its call is known by who takes part`` =
    example (fun () ->
        let by device (o: Observation) =
            { o with Stamp = ValueSome "one"; Facts = { o.Facts with Originator = ValueSome device } }

        let nameless device =
            let told = row "row/7" 10.9 10.7 10.72
            { told with IsRenamed = true; Observation = by device told.Observation }

        let after rows =
            let _, changes =
                replay
                    [ watching [ by "100" (seen "a" 0.5) ]
                      complete 10.0 11.0 [ by "100" (seen "a" 10.5) ] |> withHistory rows ]

            ids changes

        after [ nameless "100" ] |> Check.isEmpty
        after [ nameless "200" ] |> Check.equal [ "row/7" ])

let ``what ended before the first audit is not this record's, unless it is told so`` =
    example (fun () ->
        let old = [ row "a" 10.9 -100.0 -99.9; row "b" 10.9 -10.0 -9.9 ]
        let told = complete 10.0 11.0 [] |> withHistory old
        let first, changes = replay [ complete 0.0 1.0 [] |> withHistory old ]
        ids changes |> Check.isEmpty
        let _, changes = apply told first
        ids changes |> Check.isEmpty

        let taken = { GatewayLedger.empty gateway with History = ValueSome(HistoryMark.since (at -50.0)) }
        let _, changes = apply told taken

        ids changes
        |> Check.because "a takeover wants what ended since the primary was heard" (Check.equal [ "b" ]))

let ``what was read in part is told again, and a failed audit moves nothing`` =
    example (fun () ->
        let cut =
            { (complete 10.0 11.0 [] |> withHistory []) with
                History = ValueSome { Until = ValueNone; Cursor = ValueNone } }

        let after, _ = replay [ watching []; cut; partial 200.0 201.0 [] ]
        let _, changes = apply (complete 300.0 301.0 [] |> withHistory [ row "a" 300.9 7.0 7.02 ]) after
        ids changes |> Check.equal [ "a" ])

let ``5 an end before it was last heard is a conflict, kept and counted`` =
    example (fun () ->
        let after, changes =
            replay
                [ watching [ seen "a" 0.9 ]
                  complete 10.0 11.0 [] |> withHistory [ row "a" 10.9 -5.0 -4.98 ] ]

        match changes with
        | [| Conflicted(_, conflict); Closed(c, ending) |] ->
            (conflict.Reported = between -5.0 -4.98) |> Check.isTrue

            (ending.Within = between 0.89 10.9)
            |> Check.because "after it was heard, before the row was told" Check.isTrue

            c.Conflicts |> Check.equal 1
        | other -> failtest $"%A{other}"

        after.ConflictsTotal |> Check.equal 1L)

let ``6 the row of an earlier connection under the same id ends that one and not the new one`` =
    example (fun () ->
        let old =
            { row "a" 10.9 7.0 7.02 with
                Observation = { (row "a" 10.9 7.0 7.02).Observation with Stamp = ValueSome "old" } }

        let before = { seen "a" 0.5 with Stamp = ValueSome "old" }
        let now = { seen "a" 10.5 with Stamp = ValueSome "new" }

        let after, changes =
            replay [ watching [ before ]; complete 10.0 11.0 [ now ] |> withHistory [ old ] ]

        closings changes |> Array.map (fun (_, e) -> e.Evidence) |> Check.equal [| GatewayHistory |]

        (only after).Stamp |> Check.equal (ValueSome "new"))

let ``7 of rows whose connections began before the present run only known ones count where ids are tied to it`` =
    example (fun () ->
        let tied = { Traits.plain with IdsTiedToBoot = true }
        let first = watching [] |> withBoot (boot "one" -100.0 1.0) |> withTraits tied

        let ofThisRun =
            let told = row "c" 10.9 7.0 7.02

            { told with
                Observation = { told.Observation with Start = ValueSome(Timing.reported (between 6.0 6.02)) } }

        let second =
            complete 10.0 11.0 []
            |> withHistory [ row "a" 10.9 4.0 4.02; row "b" 10.9 7.0 7.02; ofThisRun ]
            |> withBoot (boot "two" 5.0 11.0)
            |> withTraits tied

        let after, changes = replay [ first; second ]
        ids changes |> Check.equal [ "c" ]
        after.History.Value.Cursor.IsNone |> Check.isTrue)

let ``9 the row of a connection that was never told whole writes no second CDR, and one after it does`` =
    example (fun () ->
        let nameless = observation "a" 0.5
        let absent, changes = replay [ watching [ nameless ]; complete 10.0 11.0 [] |> withHistory [] ]
        ids changes |> Check.equal [ "a" ]
        let told e = complete 20.0 21.0 [] |> withHistory [ e ]
        ids (snd (apply (told (row "a" 20.9 7.0 7.02)) absent)) |> Check.isEmpty
        ids (snd (apply (told (row "a" 20.9 15.0 15.02)) absent)) |> Check.equal [ "a" ])

let ``9 the row that ends a connection that was never told whole tells its stamp`` =
    example (fun () ->
        let _, changes =
            replay
                [ watching [ observation "a" 0.5 ]
                  complete 10.0 11.0 [] |> withHistory [ row "a" 10.9 7.0 7.02 ] ]

        match changes with
        | [| Closed(c, _) |] -> c.Stamp |> Check.equal (ValueSome "stamp of a")
        | other -> failtest $"%A{other}")

let ``9 a row that is told by its own index first and by its connection's id later writes one CDR`` =
    example (fun () ->
        let told asked id isRenamed =
            complete asked (asked + 1.0) []
            |> withHistory
                [ { row "a" (asked + 0.9) 7.0 7.02 with
                      Observation =
                          { (row "a" (asked + 0.9) 7.0 7.02).Observation with Id = ConnectionId.create id }
                      IsRenamed = isRenamed
                      Row = ValueSome "11" } ]

        let after, changes = replay [ watching []; told 10.0 "a/11" true ]
        ids changes |> Check.equal [ "a/11" ]

        let stored =
            GatewayLedger.restore (StoredRows.toGateway (StoredRows.ofGateway after Keeping.nothing))

        ids (snd (apply (told 20.0 "a" false) stored)) |> Check.isEmpty)

let ``5 a row that says never of a connection that was heard to be active contradicts nothing`` =
    example (fun () ->
        let told = row "a" 10.9 7.0 7.02

        let never =
            { told with
                Observation =
                    { told.Observation with Start = ValueSome(Timing.reported (Interval.from (at 7.02))) } }

        let after, changes =
            replay [ watching [ seen "a" 0.9 ]; complete 10.0 11.0 [] |> withHistory [ never ] ]

        ids changes |> Check.equal [ "a" ]
        after.ConflictsTotal |> Check.equal 0L)

let ``7 a row that ends a connection gives its id to nobody before a complete audit`` =
    example (fun () ->
        let tied = withTraits { Traits.plain with IdsTiedToBoot = true }
        let leg id heard start call = observation id heard |> started start (start + 0.1) |> called call

        let ended: Ended =
            { Observation = leg "0.2" 20.9 -10.0 "a"
              End = Timing.reported (between 5.0 5.1)
              Cause = ValueNone
              Counters = ValueNone
              IsRenamed = false
              Row = ValueNone }

        let before, _ =
            replay
                [ complete 0.0 1.0 [ leg "0.1" 0.5 -10.0 "a"; leg "1.3" 0.5 -50.0 "b" ]
                  |> tied
                  |> withBoot (boot "1" -1000.0 1.0) ]

        // The agent restarted: what was 1.3 is now 0.1, and what was 0.1 has ended, under an id of this run.
        let meanwhile, changes =
            apply
                ({ partial 20.0 21.0 [ leg "0.1" 20.5 -50.0 "b" ] with Ended = [| ended |] }
                 |> tied
                 |> withBoot (boot "2" 15.0 21.0))
                before

        closings changes |> Array.map fst |> Check.equal [| "0.1" |]
        names meanwhile |> Check.equal [| "1.3" |]

        let after, changes =
            apply
                (complete 30.0 31.0 [ leg "0.1" 30.5 -50.0 "b" ] |> tied |> withBoot (boot "2" 15.0 31.0))
                meanwhile

        closings changes |> Check.isEmpty
        names after |> Check.equal [| "0.1" |])

let ``4 a call that rang when it was last heard did not end before its row says that it was answered`` =
    example (fun () ->
        let ringing = { seen "a" 0.5 with Start = ValueSome(Timing.reported (Interval.from (at 0.49))) }

        let told = row "a" 20.9 14.0 16.0

        let answered = { told with Observation = told.Observation |> started 15.0 15.02 }

        let _, changes = replay [ watching [ ringing ]; complete 20.0 21.0 [] |> withHistory [ answered ] ]

        let _, ending = Array.exactlyOne (closings changes)
        ending.Within |> Check.equal (between 15.0 16.0))

let ``6 the row of an earlier connection under the same id does not end the one that lives`` =
    example (fun () ->
        let other = row "a" 10.9 10.6 10.62

        let earlier =
            { other with
                Observation = { other.Observation with Stamp = ValueSome "of another"; Start = ValueNone } }

        let after, _ =
            replay
                [ watching [ seen "a" 0.5 ]
                  complete 10.0 11.0 [ seen "a" 10.5 ] |> withHistory [ earlier ] ]

        names after |> Check.equal [| "a" |])

let ``2 what only the row tells of a call stands in its CDR beside what the audits heard`` =
    example (fun () ->
        let from originator (o: Observation) =
            { o with Facts = { o.Facts with Originator = ValueSome originator } }

        let told = row "a" 10.9 7.0 7.02

        let _, changes =
            replay
                [ watching [ seen "a" 0.5 |> from "100" ]
                  complete 10.0 11.0 []
                  |> withHistory [ { told with Observation = called "of the row" told.Observation } ] ]

        match changes with
        | [| Closed(c, _) |] ->
            c.Facts.Originator |> Check.equal (ValueSome "100")
            c.Facts.Call |> ValueOption.map string |> Check.equal (ValueSome "of the row")
        | other -> failtest $"%A{other}")

/// A history that was read as far as that second; ValueNone: the reading was cut short.
let private readTo (until: float voption) (snapshot: Snapshot) =
    { snapshot with
        History = ValueSome { Until = ValueOption.map at until; Cursor = ValueNone } }

let ``9 a row of after the last whole reading is wanted, however long that was ago`` =
    let bills until =
        let _, changes =
            replay
                [ watching []
                  complete 100.0 101.0 [] |> readTo until
                  complete 200.0 201.0 [] |> withHistory [ row "a" 200.9 60.0 60.02 ] ]

        ids changes

    example (fun () ->
        bills ValueNone |> Check.equal [ "a" ]
        bills (ValueSome 100.0) |> Check.equal [])

let ``9 a reading that led less far than one before takes nothing back`` =
    example (fun () ->
        let _, changes =
            replay
                [ watching []
                  complete 100.0 101.0 [] |> readTo (ValueSome 100.0)
                  complete 200.0 201.0 [] |> readTo (ValueSome 20.0)
                  complete 300.0 301.0 [] |> withHistory [ row "a" 300.9 60.0 60.02 ] ]

        ids changes |> Check.isEmpty)

let ``9 what ended before the first audit was answered is not wanted`` =
    example (fun () ->
        let bills ended =
            let _, changes =
                replay
                    [ watching []
                      complete 10.0 11.0 [] |> withHistory [ row "a" 10.9 ended (ended + 0.02) ] ]

            ids changes

        bills 0.5 |> Check.isEmpty
        bills 1.5 |> Check.equal [ "a" ])
