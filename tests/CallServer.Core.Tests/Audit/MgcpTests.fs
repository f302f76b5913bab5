/// Audits over MGCP, in virtual time.
module CallServer.Tests.Audit.MgcpTests

open System
open System.Text
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange
open CallServer.Protocols.Mgcp
open CallServer.Tests
open CallServer.Tests.Wire
open CallServer.Tests.Audit
open CallServer.Tests.Audit.SmallMgcpCalls

let private steady = Network.steady (TimeSpan.FromMilliseconds 2.0)

let private audit (gateway: SmallMgcp) =
    let server = SmallMgcp.Server gateway
    struct ((MgcpBench.run 1UL steady server.Serve MgcpBench.everything).Outcome, server)

let private asks (server: SmallMgcp.Server) (verb: string) =
    server.Asked |> Seq.filter (fun command -> command.Verb = verb) |> Seq.length

let private reasons (snapshot: Snapshot) =
    match snapshot.Completeness with
    | Partial reasons -> reasons
    | Complete _ -> []

let ``every connection of every endpoint, with all that AUCX tells`` =
    example (fun () ->
        let struct (snapshot, server) = audit (SmallMgcp.create lines two)
        snapshot.Completeness |> Check.equal (Complete [ EndOfTable ])
        ids snapshot |> Check.equal twoIds
        asks server MgcpVerb.AuditConnection |> Check.equal 3
        server.Unread.Count |> Check.equal 0
        let first = snapshot.Observations[0]

        first.Facts
        |> Check.equal
            { Call = ValueSome(CallId.create "CA1")
              Endpoint = ValueSome "aaln/2@gw.example.net"
              Originator = ValueSome "aaln/2@gw.example.net"
              Remote = ValueNone
              Direction = ValueNone
              Codec = ValueSome { Name = "G729"; ClockRate = ValueSome 8000 }
              Qos = { Dscp = ValueSome 46; Service = ValueSome Guaranteed; Reported = ValueSome "b8" }
              Mode = ValueSome "sendrecv"
              State = ValueSome "active"
              LocalMedia = ValueSome { Host = "192.0.2.1"; Port = 16384 }
              RemoteMedia = ValueSome { Host = "192.0.2.9"; Port = 20000 }
              OtherMedia = ValueNone }

        first.Stamp |> Check.equal (ValueSome "CA1")

        first.Start
        |> Check.equal (ValueSome(Timing.inferred (Interval.upTo (first.Heard.Latest - first.MinimumAge))))

        // 501 packets of 20 ms, the first at age zero; the gateway's clock may be fast.
        first.MinimumAge |> Check.equal (TimeSpan.FromMilliseconds(10_000.0 * (1.0 - 200e-6))))

let ``a gateway without connections is complete and empty`` =
    example (fun () ->
        let struct (snapshot, _) = audit (SmallMgcp.create lines [])
        snapshot.Completeness |> Check.equal (Complete [ EndOfTable ])
        snapshot.Observations.Length |> Check.equal 0)

let ``the bulk audit finds the endpoints in use, page by page, and its counts agree`` =
    example (fun () ->
        let struct (snapshot, server) = audit { SmallMgcp.create lines two with Bulk = ValueSome 3 }
        snapshot.Completeness |> Check.equal (Complete [ EndOfTable; CountAgrees ])
        ids snapshot |> Check.equal twoIds
        // The list, the packages, three pages, two endpoints in use, and some of the six others.
        asks server MgcpVerb.AuditEndpoint |> Check.between 8 13
        snapshot.Profile |> Check.equal "bulk-audit")

let ``where the list does not fit, the bulk audit is the list`` =
    example (fun () ->
        let struct (snapshot, _) =
            audit { SmallMgcp.create lines two with Bulk = ValueSome 3; MostListed = 2 }

        snapshot.Completeness |> Check.equal (Complete [ EndOfTable; CountAgrees ])
        ids snapshot |> Check.equal twoIds)

let ``a gateway that counts endpoint after endpoint is taken up to a bound`` =
    example (fun () ->
        // Three pages of 40,000 endpoints each: the third passes 100,000.
        let page number (command: MgcpCommand) =
            Mgcp.response
                200
                command.Transaction
                "OK"
                [ MgcpParameter.create "BA/EL" $"p{number}/[1-40000]"
                  MgcpParameter.create "BA/C" (String.replicate 40000 "0")
                  if number < 3 then
                      MgcpParameter.create "BA/NE" $"p{number + 1}/1" ]

        let answer (command: MgcpCommand) =
            match
                MgcpParameter.tryFind "BA/F" command.Parameters,
                MgcpParameter.tryFind "BA/SE" command.Parameters
            with
            | ValueSome _, ValueNone -> page 1 command
            | ValueSome _, ValueSome from -> page (int from[1] - int '0') command
            | ValueNone, _ when (MgcpParameter.tryFind "F" command.Parameters).IsSome ->
                Mgcp.response 200 command.Transaction "OK" [ MgcpParameter.create "PL" "L:1, BA:0" ]
            | ValueNone, _ -> Mgcp.response 533 command.Transaction "too long" []

        let serve _ (octets: byte[]) =
            [ for message in Mgcp.decode octets do
                  match message with
                  | Ok(MgcpMessage.Command command) -> Mgcp.encode (MgcpMessage.Response(answer command))
                  | _ -> () ]

        let snapshot = (MgcpBench.run 1UL steady serve MgcpBench.everything).Outcome

        reasons snapshot
        |> List.exists (fun reason -> reason = Shortfall.TooLarge "more than 100000 endpoints")
        |> Check.isTrue)

let ``where the list does not fit and there is no bulk audit, the parts that can be named are asked`` =
    example (fun () ->
        let endpoints = lines @ [ "ds/ds1-1/1"; "ds/ds1-1/2"; "ds/ds1-2/1" ]
        let all = connection "ds/ds1-2/1" "B" :: two
        let struct (snapshot, _) = audit { SmallMgcp.create endpoints all with MostListed = 8 }

        match reasons snapshot with
        | [ Shortfall.TooLarge _ ] -> ()
        | other -> failtest $"%A{other}"

        ids snapshot |> Check.equal (twoIds @ [ "ds/ds1-2/1@gw.example.net/B" ])
        // If the operator names the endpoints, the list is proven to be everything that was asked for.
        let server = SmallMgcp.Server { SmallMgcp.create endpoints all with MostListed = 8 }

        let target =
            MgcpBench.target [ "aaln/*@gw.example.net"; "ds/*@gw.example.net"; "cnf/*@gw.example.net" ]

        let snapshot = (MgcpBench.run 1UL steady server.Serve target).Outcome
        snapshot.Completeness |> Check.equal (Complete [ EndOfTable ])
        snapshot.Observations.Length |> Check.equal 4)

let ``a gateway that names no endpoints does not list connections`` =
    example (fun () ->
        let struct (snapshot, _) =
            audit { SmallMgcp.create lines two with Lists = false; Audits = false; MuteAboutUnknown = true }

        reasons snapshot |> Check.equal [ DoesNotList ]
        Completeness.isSilent snapshot.Completeness |> Check.equal false)

let ``known connections are verified by a modification where that is allowed`` =
    example (fun () ->
        let gateway =
            { SmallMgcp.create lines two with Lists = false; Audits = false; MuteAboutUnknown = true }

        let held =
            [| connection "aaln/1" "A9" // its endpoint is idle: 400
               two[0]
               { two[1] with Call = "another" } // 516
               connection "aaln/7" "A5" |] // 515
            |> Array.map known

        let verify allowed =
            let server = SmallMgcp.Server gateway

            let run =
                MgcpBench.runAt
                    Bench.start
                    1UL
                    steady
                    server.Serve
                    { MgcpBench.everything with Verify = allowed }
                    MgcpAudit.Memory.none
                    held

            struct (run.Outcome, server)

        let struct (snapshot, server) = verify true
        reasons snapshot |> Check.equal [ DoesNotList ]
        ids snapshot |> Check.equal [ twoIds[0] ]

        snapshot.Observations[0].Facts.LocalMedia
        |> Check.equal (ValueSome { Host = "192.0.2.1"; Port = 16384 })

        snapshot.Denied
        |> Array.map string
        |> Check.equal
            [| "aaln/1@gw.example.net/A9"; "aaln/2@gw.example.net/A2"; "aaln/7@gw.example.net/A5" |]

        asks server MgcpVerb.ModifyConnection |> Check.above 0
        let struct (snapshot, server) = verify false
        reasons snapshot |> List.contains DoesNotList |> Check.equal true
        snapshot.Denied |> Check.equal [||]
        asks server MgcpVerb.ModifyConnection |> Check.equal 0)

let ``one endpoint that does not tell leaves the rest told, and what the record holds there is asked for by its id`` =
    example (fun () ->
        let gateway =
            { SmallMgcp.create lines two with
                Instead = Map [ "aaln/2", Mgcp.response 501 0 "out of service" [] ] }

        let server = SmallMgcp.Server gateway
        let held = [| two[0]; connection "aaln/2" "A8"; connection "aaln/5" "A6" |] |> Array.map known

        let run =
            MgcpBench.runAt
                Bench.start
                1UL
                steady
                server.Serve
                MgcpBench.everything
                MgcpAudit.Memory.none
                held

        let snapshot = run.Outcome

        match reasons snapshot with
        | [ CutShort reason ] -> reason |> Check.all [ Check.says "aaln/2"; Check.says "501" ]
        | other -> failtest $"%A{other}"

        ids snapshot |> Check.equal [ twoIds[0]; twoIds[2] ]

        snapshot.Denied
        |> Array.map string
        |> Check.equal [| "aaln/2@gw.example.net/A8"; "aaln/5@gw.example.net/A6" |])

let ``a connection that ends between AUEP and AUCX is no fault`` =
    example (fun () ->
        // All connections are gone after the first AUCX was answered.
        let asked = ref 0
        let gateway = SmallMgcp.create lines two

        let server =
            SmallMgcp.Server(fun _ -> if asked.Value = 0 then gateway else { gateway with Connections = [] })

        let serve now (octets: byte[]) =
            let answers = server.Serve now octets

            if Encoding.Latin1.GetString(octets).StartsWith MgcpVerb.AuditConnection then
                asked.Value <- asked.Value + 1

            answers

        let snapshot = (MgcpBench.run 1UL steady serve MgcpBench.everything).Outcome
        Snapshot.isComplete snapshot |> Check.because (string snapshot.Completeness) Check.isTrue
        snapshot.Observations.Length |> Check.below 3)

let ``without AUCX the connections are told by name alone, and the snapshot is partial`` =
    examples [ false; true ] (fun (mute: bool) ->
        let struct (snapshot, _) =
            audit { SmallMgcp.create lines two with Audits = false; MuteAboutUnknown = mute }

        ids snapshot |> Check.equal twoIds
        Snapshot.isComplete snapshot |> Check.equal false

        reasons snapshot
        |> List.exists (fun reason ->
            match reason with
            | NotServed what -> what.StartsWith "AuditConnection"
            | _ -> false)
        |> Check.equal true)

let ``a gateway that goes by another name is told so`` =
    example (fun () ->
        let server = SmallMgcp.Server(SmallMgcp.create [] [])
        let snapshot = (MgcpBench.run 1UL steady server.Serve MgcpBench.everything).Outcome

        match reasons snapshot with
        | [ Refused(_, reason) ] -> reason |> Check.says "endpoints=*@NAME"
        | other -> failtest $"%A{other}"

        Completeness.isSilent snapshot.Completeness |> Check.equal true)

let ``a silent gateway is silent after the last attempt`` =
    example (fun () ->
        let run = MgcpBench.run 1UL steady (fun _ _ -> []) MgcpBench.everything

        match reasons run.Outcome with
        | [ Silent _ ] -> ()
        | other -> failtest $"%A{other}"

        run.Outcome.Requests |> Check.equal 4
        // 1, 2, 4 and 4 seconds, each a little longer.
        run.Took.TotalSeconds |> Check.between 11.0 12.2
        run.Sent |> List.distinct |> List.length |> Check.equal 1)

let ``a gateway that dies in the middle leaves a partial snapshot`` =
    example (fun () ->
        let server = SmallMgcp.Server(SmallMgcp.create lines two)

        for answers in 1..9 do
            let given = ref 0

            let serve now octets =
                given.Value <- given.Value + 1
                if given.Value > answers then [] else server.Serve now octets

            let snapshot = (MgcpBench.run (uint64 answers) steady serve MgcpBench.everything).Outcome

            match reasons snapshot with
            | [] -> failtest $"complete after {answers} answers"
            | reasons ->
                Completeness.isSilent (Partial reasons) |> Check.because $"%A{reasons}" Check.isFalse)

let ``a provisional answer is waited for and its final one acknowledged`` =
    example (fun () ->
        let struct (snapshot, server) = audit { SmallMgcp.create lines two with ProvisionalEvery = 3 }
        snapshot.Completeness |> Check.equal (Complete [ EndOfTable ])
        server.Acknowledged.Count |> Check.above 2)

let ``a final answer that comes again because its acknowledgement was lost is acknowledged again`` =
    example (fun () ->
        let state, commands =
            MgcpAudit.start
                MgcpBench.everything
                MgcpAudit.Memory.none
                (MgcpBench.startOf Bench.start 1UL [||])

        let asked =
            match
                commands
                |> List.choose (fun command ->
                    match command with
                    | Send octets -> Some octets
                    | _ -> None)
            with
            | [ octets ] ->
                match Mgcp.decode octets with
                | [| Ok(MgcpMessage.Command command) |] -> command
                | other -> failwith $"%A{other}"
            | other -> failwith $"%A{other}"

        let final =
            [ MgcpParameter.create "K" ""; MgcpParameter.create "Z" "aaln/1@gw.example.net" ]
            |> Mgcp.response 200 asked.Transaction "OK"
            |> MgcpMessage.Response
            |> Mgcp.encode

        let acknowledgements commands =
            [ for command in commands do
                  match command with
                  | Send octets ->
                      match Mgcp.decode octets with
                      | [| Ok(MgcpMessage.Response response) |] ->
                          struct (response.Code, response.Transaction)
                      | _ -> ()
                  | _ -> () ]

        let hear state =
            MgcpAudit.advance (Received(Moment.at (Bench.start + TimeSpan.FromSeconds 1.0), final)) state

        let state, first = hear state
        acknowledgements first |> Check.equal [ struct (0, asked.Transaction) ]
        let state, again = hear state
        acknowledgements again |> Check.equal [ struct (0, asked.Transaction) ]
        MgcpAudit.strays state |> Check.equal 1)

let ``commands acknowledge the answers before them`` =
    example (fun () ->
        let struct (_, server) = audit (SmallMgcp.create lines two)

        let acknowledged =
            server.Asked
            |> Seq.collect (fun command -> MgcpParameter.all "K" command.Parameters)
            |> Seq.collect MgcpLists.acknowledged
            |> Seq.collect (fun (struct (low, high)) -> seq { low..high })
            |> set

        let asked = server.Asked |> Seq.map _.Transaction |> set
        Set.isSubset acknowledged asked |> Check.isTrue
        acknowledged.Count |> Check.above (asked.Count / 2))

let ``a gateway that refuses acknowledgements gets none, then and later`` =
    example (fun () ->
        let server = SmallMgcp.Server(SmallMgcp.create lines two)
        let refused = ref 0

        let serve now octets =
            match Mgcp.decode octets with
            | [| Ok(MgcpMessage.Command command) |] when
                (MgcpParameter.tryFind "K" command.Parameters).IsSome
                ->
                refused.Value <- refused.Value + 1
                [ Mgcp.encode (MgcpMessage.Response(Mgcp.response 539 command.Transaction "what is K?" [])) ]
            | _ -> server.Serve now octets

        let run = MgcpBench.run 1UL steady serve MgcpBench.everything
        run.Outcome.Completeness |> Check.equal (Complete [ EndOfTable ])
        ids run.Outcome |> Check.equal twoIds
        let before = refused.Value
        before |> Check.above 0

        let later =
            MgcpBench.runAt
                Bench.start
                2UL
                steady
                serve
                MgcpBench.everything
                (MgcpAudit.memory run.State)
                [||]

        later.Outcome.Completeness |> Check.equal (Complete [ EndOfTable ])
        refused.Value |> Check.equal before)

let ``a command that a gateway refuses in a dialect that it understood is not written in another`` =
    example (fun () ->
        let server = SmallMgcp.Server(SmallMgcp.create lines two)
        let written = Collections.Generic.List<string>()

        let serve now octets =
            match Mgcp.decode octets with
            | [| Ok(MgcpMessage.Command command) |] ->
                written.Add command.Version

                if command.Verb = MgcpVerb.AuditConnection && command.Endpoint.Local = "aaln/7" then
                    [ Mgcp.encode (MgcpMessage.Response(Mgcp.response 510 command.Transaction "no" [])) ]
                else
                    server.Serve now octets
            | _ -> server.Serve now octets

        let run = MgcpBench.run 1UL steady serve MgcpBench.everything
        Snapshot.isComplete run.Outcome |> Check.isFalse
        written |> Seq.distinct |> List.ofSeq |> Check.equal [ Mgcp.Version ])

let ``a busy gateway is asked again`` =
    example (fun () ->
        let refused = ref 0
        let server = SmallMgcp.Server(SmallMgcp.create lines two)

        let serve now octets =
            match Mgcp.decode octets with
            | [| Ok(MgcpMessage.Command command) |] when
                command.Endpoint.Local = "aaln/2"
                && command.Verb = MgcpVerb.AuditEndpoint
                && refused.Value < 2
                ->
                refused.Value <- refused.Value + 1
                [ Mgcp.encode (MgcpMessage.Response(Mgcp.response 409 command.Transaction "busy" [])) ]
            | _ -> server.Serve now octets

        let snapshot = (MgcpBench.run 1UL steady serve MgcpBench.everything).Outcome
        snapshot.Completeness |> Check.equal (Complete [ EndOfTable ])
        ids snapshot |> Check.equal twoIds)

let ``counts that never agree with the list are told`` =
    example (fun () ->
        let lying =
            { SmallMgcp.create lines two with
                Bulk = ValueSome 100
                Instead = Map [ "aaln/2", Mgcp.response 200 0 "OK" [ MgcpParameter.create "I" "A1" ] ] }

        let struct (snapshot, _) = audit lying
        reasons snapshot |> Check.equal [ CountDisagrees(2, 1) ])

let ``transaction ids go on from one audit to the next, and round the end`` =
    example (fun () ->
        let server = SmallMgcp.Server(SmallMgcp.create lines two)
        let memory = { MgcpAudit.Memory.none with NextTransaction = Mgcp.MaxTransaction - 5 }
        let run = MgcpBench.runAt Bench.start 1UL steady server.Serve MgcpBench.everything memory [||]
        Snapshot.isComplete run.Outcome |> Check.isTrue
        let used = server.Asked |> Seq.map _.Transaction |> Seq.toList

        used
        |> List.take 7
        |> Check.equal [ for id in -5 .. 1 -> if id <= 0 then Mgcp.MaxTransaction + id else id ]

        let later = MgcpAudit.memory run.State
        later.NextTransaction |> Check.equal (List.last used + 1))

let ``an audit that is stopped says what it had`` =
    example (fun () ->
        let state, _ =
            MgcpAudit.start
                MgcpBench.everything
                MgcpAudit.Memory.none
                (MgcpBench.startOf Bench.start 1UL [||])

        let state, commands =
            MgcpAudit.advance (Stopped(Moment.at (Bench.start + TimeSpan.FromSeconds 1.0))) state

        match commands with
        | [ Finished { Completeness = Partial reasons } ] ->
            reasons |> List.contains Cancelled |> Check.equal true
            Completeness.isSilent (Partial reasons) |> Check.equal true
        | other -> failtest $"%A{other}"

        let _, more = MgcpAudit.advance (Woke(Moment.at (Bench.start + TimeSpan.FromSeconds 9.0))) state
        more |> Check.equal [])

/// Connections that come and go on 40 endpoints around the start of an audit.
let private churning (seed: uint64) : SmallConnection list =
    let random = Random(int (seed &&& 0x7FFFFFFFUL))

    [ for number in 1..60 do
          let from = Bench.start + TimeSpan.FromSeconds(random.NextDouble() * 4.0 - 2.0)
          let lasts = TimeSpan.FromSeconds(random.NextDouble() * 6.0)

          { connection $"aaln/{random.Next(1, 41)}" $"A{number}" with
              From = (if number % 3 = 0 then Instant.distantPast else from)
              Until = (if number % 5 = 0 then Instant.distantFuture else from + lasts) } ]

let private fortyLines = [ for number in 1..40 -> $"aaln/{number}" ]

/// Whatever the network does: a complete audit lists what lived through it, and everything listed was alive.
let private isTrue (connections: SmallConnection list) (snapshot: Snapshot) =
    let listed = set (ids snapshot)
    let name (connection: SmallConnection) = $"{connection.Endpoint}@gw.example.net/{connection.Id}"

    let throughout (connection: SmallConnection) =
        connection.From <= snapshot.Asked && connection.Until > snapshot.Answered

    let atAll (connection: SmallConnection) =
        connection.From <= snapshot.Answered && connection.Until >= snapshot.Asked

    for connection in connections do
        if throughout connection && Snapshot.isComplete snapshot then
            listed.Contains(name connection) |> Check.because (name connection) Check.isTrue

        if listed.Contains(name connection) then
            atAll connection |> Check.because (name connection) Check.isTrue

    for observation in snapshot.Observations do
        let truth = connections |> List.find (fun connection -> name connection = string observation.Id)
        // The connection was alive at some moment of the exchange that reported it.
        (truth.From <= observation.Heard.Latest && truth.Until >= observation.Heard.Earliest)
        |> Check.isTrue

let ``no live connection is missing from a complete snapshot`` =
    lawBy (Laws.plain |> Laws.times 60) (fun (seed: uint64) (bulk: bool) (provisional: bool) ->
        let connections = churning seed

        let gateway =
            { SmallMgcp.create fortyLines connections with
                Bulk = (if bulk then ValueSome 7 else ValueNone)
                ProvisionalEvery = (if provisional then 5 else 0) }

        let server = SmallMgcp.Server gateway
        let network = Network.rough 0.1 (TimeSpan.FromMilliseconds 400.0)
        let snapshot = (MgcpBench.run seed network server.Serve MgcpBench.everything).Outcome
        isTrue connections snapshot)

let ``noise and damage among the answers change no truth and stop nothing`` =
    lawBy (Laws.plain |> Laws.times 100) (fun (seed: uint64) ->
        let connections = churning seed
        let server = SmallMgcp.Server(SmallMgcp.create fortyLines connections)
        let count = ref 0UL

        let serve now octets =
            [ for answer in server.Serve now octets do
                  count.Value <- count.Value + 1UL

                  if (seed + count.Value) % 3UL = 0UL then
                      // Truncated before the transaction id, or not our transaction.
                      answer[.. int (count.Value % 5UL)]
                      Encoding.Latin1.GetBytes "RSIP 5 *@gw.example.net MGCP 1.0\r\nRM: restart\r\n"

                  answer ]

        let run = MgcpBench.run seed steady serve MgcpBench.everything
        isTrue connections run.Outcome
        MgcpAudit.strays run.State |> Check.above 0)
