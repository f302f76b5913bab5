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

/// What a server, whose timeline is behind the common one by so many seconds, has of a gateway.
let private held (behind: float) (gateway: string) (connections: (string * float) list) : GatewayRecord =
    let record = GatewayRecord.Empty gateway
    let codec id = Codec.ofName (if String.length id % 2 = 0 then "PCMU" else "G729")

    let seen =
        [ for id, start in connections ->
              { Build.observation id (20.0 - behind) with
                  Setup = ValueSome(Timing.reported (Build.between (start - behind) (start - behind)))
                  Facts = { Facts.none with Codec = ValueSome(codec id) } } ]

    let snapshot =
        { Build.complete (19.0 - behind) (21.0 - behind) seen with
            Gateway = GatewayId.create gateway }

    record.After(record.Apply(AuditResult snapshot, stamp))

let ``a list of several servers is the one of a server that has everything`` =
    lawBy (Laws.plain |> Laws.times 200) (fun (shares: (byte * byte) list) (size: byte) ->
        let connections =
            shares
            |> List.mapi (fun number (gateway, start) ->
                $"gw{gateway % 4uy}", ($"{String('c', 1 + number % 3)}{number}", float (start % 16uy)))

        let gateways =
            connections |> List.groupBy fst |> List.map (fun (id, all) -> id, List.map snd all) |> List.sort

        let limit = 1 + int size % 7

        // The second server's timeline is another one, and one gateway has just moved: both have it.
        let behind = [| 0.0; 7.0 |]

        let servers =
            [| for server in 0..1 ->
                   [ for number, (id, all) in List.indexed gateways do
                         if number % 2 = server || number = 0 then
                             held behind[server] id all ] |]

        let whole = [ for id, all in gateways -> held 0.0 id all ]

        for sort in Enum.GetValues<ConnectionSort>() do
            for descending in [ false; true ] do
                let query server =
                    ConnectionQuery(
                        ConnectionFilter.Everything,
                        sort,
                        descending,
                        TimeSpan.FromSeconds behind[server]
                    )

                let rec together (after: ConnectionPlace) =
                    let found =
                        [ for server in 0..1 do
                              let page =
                                  (query server)
                                      .Page(
                                          servers[server],
                                          after,
                                          limit + 1,
                                          Build.at (22.0 - behind[server]),
                                          TimeSpan.FromSeconds behind[server]
                                      )

                              for place, view in Seq.zip page.Places page.Items do
                                  struct (place, view) ]

                    let page = (query 0).Merge(found, limit)
                    let ids = [ for view in page.Items -> view.Gateway, view.Id, view.Start.Latest ]
                    if isNull page.Next then ids else ids @ together page.Next

                let alone =
                    (query 0).Page(whole, null, Int32.MaxValue - 1, Build.at 22.0, TimeSpan.Zero).Items
                    |> Seq.map (fun view -> view.Gateway, view.Id, view.Start.Latest)
                    |> List.ofSeq

                together null |> Check.because $"{sort} {descending}" (Check.equal alone))
