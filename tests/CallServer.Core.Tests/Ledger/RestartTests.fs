/// Rule 7 when the gateway itself announces its restart, as MGCP's RSIP does.
module CallServer.Tests.Ledger.RestartTests

open CallServer.Model
open CallServer.Ledger
open CallServer.Tests
open CallServer.Tests.Ledger.Build

let private some (ids: byte list) heard = ids |> List.map (fun id -> observation $"c{id}" heard)

let private restarted by (ledger: GatewayLedger) =
    let struct (next, changes) = Reconcile.restarted (Interval.upTo (at by)) ledger
    next, changes

let ``7 a gateway that says that it restarted closes nothing by that alone`` =
    law (fun (known: byte list) ->
        let before, _ = replay [ complete 0.0 1.0 (some known 0.5) ]
        let after, changes = restarted 5.0 before

        closings changes = [||]
        && names after = names before
        && after.Connections |> Array.forall (fun c -> c.Status = Status.Unconfirmed)
        && Array.head changes = GatewayRestarted(Interval.upTo (at 5.0))
        && changes.Length = 1 + before.Connections.Length)

let ``7 after its word the first complete audit closes what it does not show, no later than the word`` =
    law (fun (known: byte list) (listed: byte list) ->
        let before, _ = replay [ complete 0.0 1.0 (some known 0.5) ]
        let noted, _ = restarted 5.0 before
        let kept, none = apply (partial 6.0 7.0 []) noted
        let after, changes = apply (complete 10.0 11.0 (some listed 10.5)) kept
        let gone = Set.ofArray (names before) - set (listed |> List.map (fun id -> $"c{id}"))

        closings none = [||]
        && (closings changes |> Array.map fst |> set) = gone
        && closings changes
           |> Array.forall (fun (_, ending) ->
               ending.Evidence = GatewayRestart && ending.Within = between 0.49 5.0)
        && after.Connections |> Array.forall (fun c -> c.Run = 2))

let ``7 an audit that was asked before the gateway's word tells of both runs, and of none`` =
    example (fun () ->
        let before, _ = replay [ complete 0.0 1.0 [ observation "a" 0.5 ] ]
        let noted, _ = restarted 5.0 before
        let after, changes = apply (complete 4.9 5.2 [ observation "a" 4.95 ]) noted
        changes |> Check.isEmpty
        obj.ReferenceEquals(after, noted) |> Check.isTrue
        let after, changes = apply (complete 5.0 5.2 []) after
        closings changes |> Array.map fst |> Check.equal [| "a" |]
        names after |> Check.isEmpty)

let ``7 a watch that was asked before the gateway's word tells of both runs, and of none`` =
    example (fun () ->
        let watched (snapshot: Snapshot) = { snapshot with Standing = ValueSome(at 0.0) }
        let before, _ = replay [ complete 0.0 1.0 [ observation "a" 0.5 ] |> watched ]
        let noted, _ = restarted 5.0 before
        let after, changes = apply (complete 4.9 6.0 [] |> watched) noted
        changes |> Check.isEmpty
        names after |> Check.equal [| "a" |])

let ``7 the gateway's word twice, or older than the record, changes nothing`` =
    example (fun () ->
        let before, _ = replay [ complete 0.0 1.0 [ observation "a" 0.5 ] ]
        let once, _ = restarted 5.0 before
        let twice, changes = restarted 5.0 once
        changes |> Check.isEmpty
        obj.ReferenceEquals(twice, once) |> Check.isTrue
        let newer, _ = replay [ complete 6.0 7.0 [ observation "a" 6.5 ] ]
        let late, changes = restarted 5.0 newer
        changes |> Check.isEmpty
        obj.ReferenceEquals(late, newer) |> Check.isTrue)

let ``7 what is heard after the gateway's word is of the new run, and its end is not bounded by it`` =
    example (fun () ->
        let before, _ = replay [ complete 0.0 1.0 [ observation "a" 0.5 ] ]
        let noted, _ = restarted 5.0 before
        let heard, changes = apply (complete 6.0 7.0 [ observation "a" 6.5; observation "b" 6.5 ]) noted
        closings changes |> Check.isEmpty
        let _, changes = apply (complete 10.0 11.0 []) heard

        for _, ending in closings changes do
            ending.Evidence |> Check.equal Absent
            ending.Within |> Check.equal (between 6.49 11.0)

        (closings changes).Length |> Check.equal 2)
