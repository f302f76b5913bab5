/// What lists of connections show, and what changes tell of facts.
module CallServer.Tests.Ledger.ConnectionQueryTests

open System
open System.Text.RegularExpressions
open CallServer.Model
open CallServer.Ledger
open CallServer.Surface
open CallServer.Tests
open CallServer.Tests.Ledger

let ``a pattern fits what the same regular expression fits`` =
    lawBy (Laws.plain |> Laws.times 2000) (fun (pattern: byte list) (text: byte list) ->
        let word (letters: string) (from: byte list) =
            from |> List.map (fun letter -> letters[int letter % letters.Length]) |> String.Concat

        let pattern, text = word "ab*." pattern, word "aAb." text
        let expression = "^" + Regex.Escape(pattern).Replace(@"\*", ".*") + "$"
        Glob.matches pattern text = Regex.IsMatch(text, expression, RegexOptions.IgnoreCase))

let private stamp: ServerStamp =
    { Server = "test"; Epoch = 1; Correction = TimeSpan.Zero; Steps = [||] }

let private told (facts: Facts) (o: Observation) = { o with Facts = facts }

/// What the steps of these snapshots report.
let private changes (snapshots: Snapshot list) : ChangeView list =
    ((GatewayRecord.Empty "gw1", []), snapshots)
    ||> List.fold (fun (record, told) snapshot ->
        let step = record.Apply(AuditResult snapshot, stamp)
        record.After step, told @ List.ofSeq step.Changes)
    |> snd

let ``a change says which facts differ, and the bounds that hold after it`` =
    example (fun () ->
        let pcmu = { Facts.none with Codec = ValueSome(Codec.ofName "PCMU"); Mode = ValueSome "sendrecv" }
        let g729 = { pcmu with Codec = ValueSome(Codec.ofName "G729") }

        let told =
            changes
                [ Build.complete 0.0 1.0 [ Build.observation "a" 0.5 |> told pcmu ]
                  Build.complete 2.0 3.0 [ Build.observation "a" 2.5 |> told g729 ]
                  Build.complete 4.0 5.0 [] ]

        told |> List.map _.Kind |> Check.equal [ "opened"; "updated"; "closed" ]

        told[1].Facts
        |> Seq.map (fun fact -> fact.Fact, fact.Before, fact.After)
        |> List.ofSeq
        |> Check.equal [ "codec", "PCMU", "G729" ]

        told[0].Start.Latest |> Check.equal (string (Build.at 0.5))
        told[2].Start.Latest |> Check.equal told[0].Start.Latest
        told[2].End.Evidence |> Check.equal "absent"
        told[2].End.Latest |> Check.equal (string (Build.at 5.0))
        told[2].Cdr |> Check.isNotNull
        told[0].Cdr |> Check.isNull)

let ``without limits a list has every connection once, in every order`` =
    example (fun () ->
        let record =
            let seen = [ for id in [ "a"; "b"; "c" ] -> Build.observation id 0.5 ]
            let first = GatewayRecord.Empty "gw1"
            first.After(first.Apply(AuditResult(Build.complete 0.0 1.0 seen), stamp))

        for sort in Enum.GetValues<ConnectionSort>() do
            for descending in [ false; true ] do
                let query = ConnectionQuery(ConnectionFilter.Everything, sort, descending)

                let rec pages (after: ConnectionPlace) =
                    let page = query.Page([ record ], after, 1, Build.at 2.0, TimeSpan.Zero)
                    let ids = page.Items |> Seq.map _.Id |> List.ofSeq
                    if isNull page.Next then ids else ids @ pages page.Next

                pages null |> Check.because $"{sort} {descending}" (Check.equal [ "a"; "b"; "c" ]))
