/// Interim records: whatever the audits do, their numbers have no gaps and no repeats, and the CDR comes last.
module CallServer.Tests.Ledger.InterimTests

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Tests
open CallServer.Tests.Ledger.Build

let private minute = TimeSpan.FromSeconds 60.0

/// What happens next: after how many seconds, which connections the audit lists, and how it ends.
type private Step = { After: byte; Listed: byte list; IsComplete: bool; ServerRestarts: bool }

/// Every record that the steps cause, in order: its connection, its number, and whether it is the CDR.
let private told interval (steps: Step list) =
    let folder (now: float, ledger, told: ResizeArray<_>) (step: Step) =
        let now = now + 1.0 + float step.After

        let heard =
            [ for id in step.Listed |> List.map (fun id -> id % 4uy) |> List.distinct ->
                  observation $"c{id}" now ]

        let snapshot =
            if step.IsComplete then
                complete (now - 0.5) now heard
            else
                partial (now - 0.5) now heard

        let restored = if step.ServerRestarts then GatewayLedger.restore ledger else ledger
        let next, changes = apply snapshot restored

        for struct (c, number) in Interim.fallen interval restored changes next do
            told.Add((c.Id, c.FirstHeard), number, false)

        for change in changes do
            match change with
            | Closed(c, _) -> told.Add((c.Id, c.FirstHeard), Interim.finalNumber interval c, true)
            | _ -> ()

        now, next, told

    let _, ledger, told = ((0.0, GatewayLedger.empty gateway, ResizeArray()), steps) ||> List.fold folder

    ledger, List.ofSeq told

let private step (after, listed, isComplete, serverRestarts) =
    { After = after
      Listed = listed
      IsComplete = isComplete
      ServerRestarts = serverRestarts }

let ``Numbers of one connection run from 1 without gaps, and its CDR has the last`` =
    law (fun (steps: (byte * byte list * bool * bool) list) ->
        let ledger, told = told minute (steps |> List.map step)

        let ofEach = told |> List.groupBy (fun (whose, _, _) -> whose)

        let runs =
            ofEach
            |> List.forall (fun (_, records) ->
                let numbers = records |> List.map (fun (_, number, _) -> number)
                let finals = records |> List.map (fun (_, _, isFinal) -> isFinal)

                numbers = [ 1 .. numbers.Length ]
                && finals |> List.truncate (finals.Length - 1) |> List.forall not)

        // And each active connection has had every record that its age requires.
        let counted =
            ledger.Connections
            |> Array.forall (fun c ->
                let records =
                    told |> List.filter (fun (whose, _, _) -> whose = (c.Id, c.FirstHeard)) |> List.length

                records = int (floor ((c.LastHeard - c.FirstHeard).TotalSeconds / 60.0 |> max 0.0)))

        runs && counted)

let ``Without an interval there are none, and the CDR is number 1`` =
    law (fun (steps: (byte * byte list * bool * bool) list) ->
        let _, told = told TimeSpan.Zero (steps |> List.map step)
        told |> List.forall (fun (_, number, isFinal) -> isFinal && number = 1))

let ``Several that fall due in one snapshot are all told`` =
    example (fun () ->
        let hear at = complete (at - 0.5) at [ observation "a" at ]
        let before, _ = replay [ hear 1.0 ]
        let after, changes = apply (hear 200.0) before

        Interim.fallen minute before changes after
        |> Array.map (fun struct (_, number) -> number)
        |> Check.equal [| 1; 2; 3 |])

let ``A connection that lives on under another id goes on with its numbers`` =
    example (fun () ->
        let before, _ =
            replay
                [ complete 0.5 1.0 [ observation "a" 1.0 ]; complete 99.5 100.0 [ observation "a" 100.0 ] ]

        let a = only before
        let renamed = { a with Id = ConnectionId.create "b"; LastHeard = at 130.0 }
        let after = { before with Connections = [| renamed |] }

        Interim.fallen minute before [| Renamed(a.Id, renamed) |] after
        |> Array.map (fun struct (c, number) -> string c.Id, number)
        |> Check.equal [| "b", 2 |])
