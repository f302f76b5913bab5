/// Rule 7 where ids are tied to the boot: which connection of the earlier run a row continues, and which it does not.
module CallServer.Tests.Ledger.RenameTests

open CallServer.Model
open CallServer.Ledger
open CallServer.Tests
open CallServer.Tests.Ledger.Build

let private tied = withTraits { Traits.plain with IdsTiedToBoot = true }

/// Connections of run 1, and what an audit after a restart of the agent makes of them.
let private overRestart (was: Observation list) (now: Snapshot) =
    replay [ complete 0.0 1.0 was |> tied |> withBoot (boot "1" -1000.0 1.0); now |> tied ]

let private restarted asked rows = complete asked (asked + 1.0) rows |> withBoot (boot "2" 15.0 (asked + 1.0))

/// A leg that began ten seconds before the first audit, as both runs tell it.
let private leg (id: string) heard = observation id heard |> started -10.0 -9.9

let private facts (edit: Facts -> Facts) (o: Observation) = { o with Facts = edit o.Facts }
let private from text = facts (fun facts -> { facts with Originator = ValueSome text })
let private toward text = facts (fun facts -> { facts with Remote = ValueSome text })
let private port text = facts (fun facts -> { facts with Endpoint = ValueSome text })

let private moves (changes: Change[]) =
    changes
    |> Array.choose (fun change ->
        match change with
        | Renamed(before, after) -> Some(string before, string after.Id)
        | _ -> None)

let ``7 the same device continues, unless another port or another party contradicts it`` =
    examples
        [ from "100", true
          from "100" >> port "1/0", true
          from "100" >> port "2/0", false
          from "100" >> toward "200", true
          from "100" >> toward "300", false ]
        (fun (later, isSame) ->
            let was = leg "5.1" 0.5 |> from "100" |> port "1/0" |> toward "200"
            let _, changes = overRestart [ was ] (restarted 20.0 [ leg "7.1" 20.5 |> later ])

            if isSame then
                moves changes |> Check.equal [| "5.1", "7.1" |]
            else
                moves changes |> Check.isEmpty
                closings changes |> Array.map fst |> Check.equal [| "5.1" |])

let ``7 one of which nothing is known but its start continues as the row that started then`` =
    example (fun () ->
        let _, changes = overRestart [ leg "5.1" 0.5 ] (restarted 20.0 [ leg "7.1" 20.5 ])
        moves changes |> Check.equal [| "5.1", "7.1" |])

let ``7 one whose setup agrees and whose start does not is another`` =
    example (fun () ->
        let call start heard id =
            { (observation id heard |> started start (start + 0.1) |> called "x") with
                Setup = ValueSome(Timing.reported (between -20.0 -19.9)) }

        let _, changes = overRestart [ call -10.0 0.5 "5.1" ] (restarted 20.0 [ call -3.0 20.5 "7.1" ])
        moves changes |> Check.isEmpty
        closings changes |> Array.map fst |> Check.equal [| "5.1" |])

let ``7 two legs of one call that started together both continue`` =
    example (fun () ->
        let call id heard = leg id heard |> called "x"

        let ledger, changes =
            overRestart
                [ call "5.1" 0.5; call "5.2" 0.5 ]
                (restarted 20.0 [ call "7.1" 20.5; call "7.2" 20.5 ])

        closings changes |> Check.isEmpty
        (moves changes).Length |> Check.equal 2
        names ledger |> Check.equal [| "7.1"; "7.2" |])

let ``7 a row that this run has on record already continues no other connection`` =
    example (fun () ->
        let rings = restarted 20.0 [ observation "7.1" 20.5 ]
        let answered = restarted 30.0 [ leg "7.1" 30.5 |> called "x" ]

        let partly (snapshot: Snapshot) =
            { snapshot with Completeness = Partial [ CutShort "test" ] } |> tied

        let before, _ = overRestart [ leg "5.1" 0.5 |> called "x" ] (partly rings)
        let after, changes = apply (partly answered) before
        moves changes |> Check.isEmpty
        names after |> Check.equal [| "5.1"; "7.1" |])

let private ended (o: Observation) : Ended =
    { Observation = o
      End = Timing.reported (between 5.0 5.01)
      Cause = ValueNone
      Counters = ValueNone
      IsRenamed = false
      Row = ValueNone }

let private withHistory rows (snapshot: Snapshot) =
    { snapshot with
        Ended = Array.ofList rows
        History = ValueSome { Until = ValueSome snapshot.Asked; Cursor = ValueNone } }

let ``7 that two began at one time does not end one by the other's row`` =
    example (fun () ->
        let _, changes =
            overRestart [ leg "5.1" 0.5 ] (restarted 20.0 [] |> withHistory [ ended (leg "7.9" 20.5) ])

        let _, ending = Array.exactlyOne (closings changes)
        ending.Evidence |> Check.equal GatewayRestart)

let ``7 the row of the history ends the leg that is gone, not the one that continues`` =
    example (fun () ->
        let call id heard = leg id heard |> called "x"

        let ledger, changes =
            overRestart
                [ call "5.1" 0.5; call "5.2" 0.5 ]
                (restarted 20.0 [ call "7.1" 20.5 ] |> withHistory [ ended (call "7.2" 20.5) ])

        names ledger |> Check.equal [| "7.1" |]
        let id, ending = Array.exactlyOne (closings changes)
        id |> Check.equal "5.2"
        ending.Evidence |> Check.equal GatewayHistory
        ending.Within |> Check.equal (between 5.0 5.01))
