/// Releases and notices over MGCP, in virtual time.
module CallServer.Tests.Audit.MgcpNoticesTests

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

let private releaseOf (gateway: SmallMgcp) network (connection: SmallConnection) =
    let server = SmallMgcp.Server gateway
    let held = known connection

    struct ((MgcpBench.release 1UL network server.Serve MgcpBench.everything held.Id [| held |]).Outcome,
            server)

let ``a release brings the final counters`` =
    example (fun () ->
        match releaseOf (SmallMgcp.create lines two) steady two[1] with
        | struct (Release.Ended ended, server) ->
            string ended.Observation.Id |> Check.equal twoIds[1]
            ended.Counters.Value.PacketsSent |> Check.equal (ValueSome 501L)
            ended.End.Evidence |> Check.equal Reported

            let command = Seq.exactlyOne server.Asked
            command.Verb |> Check.equal MgcpVerb.DeleteConnection

            command.Parameters
            |> Check.equal [| MgcpParameter.create "C" "CA2"; MgcpParameter.create "I" "A2" |]
        | other -> failtest $"%A{other}")

let ``a release whose answer is lost is answered the same again`` =
    example (fun () ->
        for seed in 1UL .. 50UL do
            // Deletes for good, as a gateway does.
            let gone = ref false
            let gateway = SmallMgcp.create lines two

            let server =
                SmallMgcp.Server(fun _ -> if gone.Value then { gateway with Connections = [] } else gateway)

            let serve now octets =
                let answers = server.Serve now octets
                gone.Value <- true
                answers

            let held = known two[0]

            let run =
                MgcpBench.release
                    seed
                    (Network.rough 0.3 (TimeSpan.FromMilliseconds 300.0))
                    serve
                    MgcpBench.everything
                    held.Id
                    [| held |]

            match run.Outcome with
            | Release.Ended _ -> ()
            | Release.NotReleased(Silent _) -> ()
            | Release.NotReleased other -> failtest (string other))

let ``what the gateway does not have is not released, and silence is not knowing`` =
    example (fun () ->
        match releaseOf (SmallMgcp.create lines two) steady (connection "aaln/3" "A1") with
        | struct (Release.NotReleased(Refused(_, reason)), _) -> reason |> Check.says "515"
        | other -> failtest $"%A{other}"

        let held = known two[0]

        match
            (MgcpBench.release 1UL steady (fun _ _ -> []) MgcpBench.everything held.Id [| held |]).Outcome
        with
        | Release.NotReleased(Silent _) -> ()
        | other -> failtest $"%A{other}")

let private hear (at: float) (source: string) (lines: string list) state =
    MgcpListening.receive
        (Bench.start + TimeSpan.FromSeconds at)
        source
        (Encoding.Latin1.GetBytes(String.Join("\r\n", lines) + "\r\n"))
        state

let private code (reply: byte[]) =
    match Mgcp.decode reply with
    | [| Ok(MgcpMessage.Response response) |] -> struct (response.Code, response.Transaction)
    | other -> failwith $"%A{other}"

let private rsip (id: int) (words: string list) = $"RSIP {id} *@rgw.example.net MGCP 1.0" :: words

let ``a restart is answered and told once, however often it is said within half a minute`` =
    example (fun () ->
        let message = rsip 1204 [ "RM: Restart"; "RD: 0" ]
        let struct (state, replies, notices) = hear 0.0 "192.0.2.1:2427" message MgcpListening.empty
        replies |> List.map code |> Check.equal [ struct (200, 1204) ]

        notices
        |> Check.equal
            [ { Kind = RestartKind.Restart
                Endpoints = EndpointName.parse "*@rgw.example.net"
                Delay = TimeSpan.Zero
                Source = "192.0.2.1:2427" } ]

        let struct (state, again, none) = hear 29.0 "192.0.2.1:2427" message state
        again |> Check.equal replies
        none |> Check.equal []
        // Another gateway may use the same number.
        let struct (state, _, other) = hear 29.5 "192.0.2.2:2427" message state
        other.Length |> Check.equal 1
        let struct (_, _, later) = hear 31.0 "192.0.2.1:2427" message state
        later.Length |> Check.equal 1)

let ``each restart method is told as what it is`` =
    examples
        [ "graceful", "300", 300.0
          "cancel-graceful", "", 0.0
          "forced", "0", 0.0
          "disconnected", "x", 0.0 ]
        (fun (word: string, delay: string, seconds: float) ->
            let struct (_, _, notices) =
                hear 0.0 "192.0.2.1:2427" (rsip 7 [ $"RM: {word}"; $"RD: {delay}" ]) MgcpListening.empty

            string (List.exactlyOne notices).Kind |> Check.equal word
            (List.exactlyOne notices).Delay |> Check.equal (TimeSpan.FromSeconds seconds))

let ``a restart is heard in whatever version of MGCP`` =
    examples [ "MGCP 0.1"; "MGCP 1.0 NCS 1.0"; "mgcp 2.0" ] (fun (version: string) ->
        let struct (_, replies, notices) =
            hear
                0.0
                "192.0.2.1:2427"
                [ $"RSIP 7 *@rgw.example.net {version}"; "RM: restart" ]
                MgcpListening.empty

        (List.exactlyOne notices).Kind |> Check.equal RestartKind.Restart
        replies |> List.map code |> Check.equal [ struct (200, 7) ])

let ``other commands are answered and tell nothing; what is no command gets no answer`` =
    example (fun () ->
        let answers lines =
            let struct (_, replies, notices) = hear 0.0 "192.0.2.1:2427" lines MgcpListening.empty
            notices |> Check.equal []
            replies |> List.map code

        answers (rsip 5 [ "RM: sideways" ]) |> Check.equal [ struct (536, 5) ]
        answers (rsip 5 []) |> Check.equal [ struct (510, 5) ]

        answers [ "NTFY 6 aaln/1@rgw.example.net MGCP 1.0"; "X: 1"; "O: L/hu" ]
        |> Check.equal [ struct (200, 6) ]

        answers [ "CRCX 7 aaln/1@rgw.example.net MGCP 1.0"; "C: 1" ] |> Check.equal [ struct (504, 7) ]
        answers [ "RSIP 8 rgw MGCP 1.0" ] |> Check.equal [ struct (510, 8) ]
        answers [ "200 9 OK" ] |> Check.equal []
        answers [ "GET / HTTP/1.1" ] |> Check.equal [])

let ``two messages in one datagram are two`` =
    example (fun () ->
        let lines = rsip 1 [ "RM: restart" ] @ [ "." ] @ rsip 2 [ "RM: disconnected" ]
        let struct (_, replies, notices) = hear 0.0 "192.0.2.1:2427" lines MgcpListening.empty
        replies |> List.map code |> Check.equal [ struct (200, 1); struct (200, 2) ]
        notices |> List.map _.Kind |> Check.equal [ RestartKind.Restart; RestartKind.Disconnected ])

let ``whatever comes to the listener, it answers or not, and remembers within bounds`` =
    law (fun (octets: byte[]) (seconds: uint16) ->
        let at = Bench.start + TimeSpan.FromSeconds(float seconds)
        let octets = if isNull octets then [||] else octets
        let struct (_, replies, _) = MgcpListening.receive at "192.0.2.1:1" octets MgcpListening.empty
        replies.Length <= 64)
