/// A gateway's URI, and the first message that follows from it.
module CallServer.Tests.Protocols.ProtocolsTests

open System
open System.Text
open CallServer.Model
open CallServer.Ledger
open CallServer.Surface
open CallServer.Wire
open CallServer.Tests
open CallServer.Tests.Ledger.Build
open CallServer.Tests.Wire
open CallServer.Toy

let private second = TimeSpan.FromSeconds 1.0
let private moment (seconds: float) = Moment.at (at seconds)

let private begin' (target: AuditTarget) : Sent * GatewayExchange<AuditResult> =
    let sent = Sent()
    let exchange = target.Start(null, moment 0.0, 7UL, "192.0.2.1:5060", null)
    exchange.Dispatch sent
    sent, exchange

let private first secrets (uri: string) : Sent = Asked.withSecrets secrets "gw" uri second 4 |> begin' |> fst

let private texts (sent: Sent) = sent.Messages |> Seq.map Encoding.ASCII.GetString |> String.concat ""
let private plain = first GatewaySecrets.None

let private octets (text: string) = Encoding.UTF8.GetBytes text

let ``MGCP asks for the endpoints of its URI in its version`` =
    examples
        [ "mgcp://gw.example.net", "AUEP % *@gw.example.net MGCP 1.0"
          "mgcp://192.0.2.2", "AUEP % *@[192.0.2.2] MGCP 1.0"
          "mgcp://h?endpoints=aaln/*", "AUEP % aaln/*@h MGCP 1.0"
          "mgcp://h?endpoints=*@%5B192.0.2.1%5D", "AUEP % *@[192.0.2.1] MGCP 1.0"
          "mgcp://h?endpoints=ds/ds1-1/*@gw1.example.net", "AUEP % ds/ds1-1/*@gw1.example.net MGCP 1.0"
          "mgcp://h?version=ncs", "AUEP % *@h MGCP 1.0 NCS 1.0"
          "mgcp://h?version=tgcp", "AUEP % *@h MGCP 1.0 TGCP 1.0"
          "mgcp://h?version=0.1", "AUEP % *@h MGCP 0.1" ]
        (fun (uri: string, expected: string) ->
            let line = Array.head ((texts (plain uri)).Split '\n')
            let words = line.TrimEnd('\r').Split ' '
            words[1] <- "%"
            String.concat " " words |> Check.equal expected)

let ``MGCP asks for the ranges of its URI, one pattern after the other`` =
    example (fun () ->
        let target = Asked.by "gw" "mgcp://h?endpoints=aaln/[1-4,7],ds/ds1-1/[1-31]@gw" second 4
        let sent, exchange = begin' target
        texts sent |> Check.says " aaln/[1-4,7]@h MGCP"

        let number = (texts sent).Split(' ')[1]
        exchange.Receive(moment 0.5, octets $"200 {number} OK\r\nZ: aaln/1@h\r\n").Dispatch sent
        texts sent |> Check.says " ds/ds1-1/[1-31]@gw MGCP")

let ``H.248 asks for the contexts, as the controller of its URI and in its version`` =
    examples
        [ "h248://h", "MEGACO/1 [192.0.2.1]:5060"
          "h248://h?version=3", "MEGACO/3 [192.0.2.1]:5060"
          "h248://h?mid=mgc.example.net", "MEGACO/1 <mgc.example.net>"
          "h248://h?mid=mgc.example.net:2945", "MEGACO/1 <mgc.example.net>:2945"
          "h248://h?mid=192.0.2.7:2944&version=2", "MEGACO/2 [192.0.2.7]:2944" ]
        (fun (uri: string, head: string) ->
            let asked = texts (plain uri)
            asked |> Check.startsWith (head + "\nTransaction=")
            asked |> Check.endsWith "{Context=*{AuditValue=Root{Audit{}}}}")

let ``SIP subscribes to the resource of its URI`` =
    example (fun () ->
        let asked = texts (plain "sip:gw1@h;transport=udp")
        asked |> Check.startsWith "SUBSCRIBE sip:gw1@h SIP/2.0"
        asked |> Check.says "sip:anonymous@anonymous.invalid"

        let asked =
            texts (
                first
                    (GatewaySecrets(null, octets "secret", null))
                    "sip:all%20calls@h:5070;transport=udp?from=sip:alice@a.example.net:5062"
            )

        asked |> Check.startsWith "SUBSCRIBE sip:all%20calls@h:5070 SIP/2.0"
        asked |> Check.says "<sip:alice@a.example.net:5062>")

let ``a stream is opened where the URI says so`` =
    examples
        [ "sip:u@h", 0, 1
          "sip:u@h;transport=udp", 0, 1
          "sip:u@h;transport=tcp", 1, 0
          "ng://h", 0, 1
          "ng+http://h", 0, 1
          "ng+tcp://h", 1, 0
          "jsonrpc://h", 0, 1
          "jsonrpc+http://h", 0, 1
          "ari://h", 0, 1
          "mi://h", 0, 1
          "h248://h", 0, 1
          "restconf://h", 0, 1 ]
        (fun (uri: string, connects: int, atLeast: int) ->
            let sent = plain uri
            sent.Connects |> Check.equal connects
            sent.Messages.Count |> Check.atLeast atLeast)

let ``a gateway is watched where the URI says so`` =
    examples
        [ "sip:u@h", false; "sip:u@h?watch=false", false; "sip:u@h?watch=true", true; "ng://h", false ]
        (fun (uri: string, watches: bool) -> (Asked.by "gw" uri second 4).Watches |> Check.equal watches)

let ``what a protocol can do besides`` =
    examples
        [ "mgcp://h", true, true
          "ng://h", true, false
          "snmp://h", false, false
          "sip:u@h", false, false
          "jsonrpc://h", true, false
          "ari://h", false, false
          "mi://h", false, false
          "h248://h", false, false
          "restconf://h", false, false ]
        (fun (uri: string, releases: bool, controller: bool) ->
            let target = Asked.by "gw" uri second 4
            (target.Releases, target.TellsController) |> Check.equal (releases, controller))

let ``a certificate is believed for a reason, and no password goes in clear`` =
    let pin = String.replicate 32 "ab"

    examples
        [ "restconf://h", ""
          $"restconf://h?pin={pin}", ""
          "restconf://h?pin=" + String.replicate 31 "AB:" + "AB", ""
          "restconf://h?ca=/etc/callserver/ca.pem", ""
          "restconf://h?idle=absent", ""
          "restconf+http://127.0.0.1:8080", ""
          "restconf+http://[::1]", ""
          "restconf+http://localhost", ""
          "restconf://h?pin=none", "no SHA-256"
          $"restconf://h?pin={pin}&ca=f", "exclude each other"
          "restconf://h?idle=true", "known are absent"
          "restconf+http://192.0.2.7", "could read the password"
          $"restconf+http://127.0.0.1?pin={pin}", "for TLS"
          "restconf://a:b@h", "secret must not stand in a URI" ]
        (fun (text: string, mistake: string) ->
            match GatewayProtocols.BuiltIn.TryParse text with
            | true, uri, _ ->
                mistake |> Check.equal ""
                uri.OverTls |> Check.equal (uri.Scheme = "restconf")
                isNull uri.TlsPin |> Check.equal (not (text.Contains "pin="))
                isNull uri.TlsAuthority |> Check.equal (not (text.Contains "ca="))

                if not (isNull uri.TlsPin) then
                    uri.TlsPin |> Check.equal (pin.ToUpperInvariant())
            | false, _, mistakes ->
                mistake |> Check.notEqual ""
                String.concat "; " mistakes |> Check.says mistake)

let ``an event socket needs its password, and one line holds it`` =
    examples
        [ null, "is missing"; "two\nlines", "control character"; "ClueCon", "" ]
        (fun (password: string, mistake: string) ->
            match GatewayProtocols.BuiltIn.TryParse "esl://h" with
            | true, uri, _ ->
                let given = if isNull password then null else octets password

                uri.Check(GatewaySecrets(null, given, null))
                |> Seq.map _.Mistake
                |> String.concat "; "
                |> Check.says mistake
            | false, _, mistakes -> failwith (String.concat "; " mistakes))

let ``SNMP asks with its community`` =
    examples [ null, "public"; "hidden", "hidden" ] (fun (given: string, expected: string) ->
        let community = if isNull given then null else octets given
        let sent = first (GatewaySecrets(community, null, null)) "snmp://h?profile=cisco-voice"

        match Snmp.decode sent.Messages[0] with
        | Ok(V2c(community, _)) -> community |> Check.equal (octets expected)
        | other -> failtest $"%A{other}")

let ``SNMP version 3 is spoken where the URI names a user`` =
    example (fun () ->
        let secrets = GatewaySecrets(null, octets "authenticate", octets "encrypted")
        let uri = "snmp://nms%40hq@h?auth=sha256&priv=aes128&context=vrf%201&profile=cisco-voice"

        match Snmp.decode (first secrets uri).Messages[0] with
        | Ok(V3 _) -> ()
        | other -> failtest $"%A{other}")

// A user's own protocol

let private toy (reply: string) : AuditResult =
    match Toy.protocols.TryParse "toy://192.0.2.9" with
    | true, uri, _ ->
        let target = Toy.protocols.Target("toy1", uri, GatewaySecrets.None, second, 1)
        let sent, exchange = begin' target
        texts sent |> Check.equal "LIST"
        exchange.Receive(moment 0.5, octets reply).Dispatch sent
        sent.Result
    | false, _, mistakes -> failwith (String.concat "; " mistakes)

let ``a protocol that is registered is read, named and advised like all others`` =
    example (fun () ->
        Toy.protocols.Names |> Check.contains "toy"
        Toy.protocols.Forms |> Check.contains "toy://HOST[:7777]"

        let mistake (uri: string) =
            match Toy.protocols.TryParse uri with
            | true, _, _ -> ""
            | false, _, mistakes -> String.concat "; " mistakes

        mistake "toi://h" |> Check.says "did you mean toy?"
        mistake "h323://h" |> Check.says "restconf+http, toy"
        mistake "toy://h?color=red" |> Check.says "did you mean colour?"
        mistake "toy://h?password=red" |> Check.all [ Check.says "secret"; Check.saysNot "red" ]

        match Toy.protocols.TryParse "toy://h" with
        | true, uri, _ ->
            uri.Port |> Check.equal 7777
            (uri.Advice(toy "BUSY")) |> Check.equal "try later"

            for wrong in uri.Check(GatewaySecrets(octets "public", null, null)) do
                wrong.Mistake |> Check.equal "toy gateways take no secret"
        | false, _, mistakes -> failtest (String.concat "; " mistakes))

/// The record of calls after this audit of a gateway that only it has.
let private after (result: AuditResult) (calls: CallRecord) : CallRecord =
    let stamp = { Server = "server"; Epoch = 1; Correction = TimeSpan.Zero; Steps = [||] }
    let step = GatewayRecord.Empty(result.Gateway).Apply(result, stamp)
    let next, _ = calls.Apply(step, stamp)
    next

let ``what a registered protocol tells is joined with what others tell, and judged`` =
    example (fun () ->
        let result = toy "c1 call-4711@a.example.net\nc2 call-4712@a.example.net\n."
        result.Complete |> Check.isTrue
        (result.Protocol, result.Count) |> Check.equal ("toy", 2)

        let traits = result.Snapshot.Traits
        traits.Source |> Check.equal (ValueSome { Kind = ValueSome Media; CallIds = CallIdReach.World })

        let calls = CallRecord.Of Toy.protocols |> after result

        let signalling =
            complete 0.0 0.5 [ observation "d1" 0.5 |> called "call-4711@a.example.net" ]
            |> withTraits { Traits.plain with Source = Asked.source "sip" }

        let calls = calls |> after (AuditResult { signalling with Gateway = GatewayId.create "sip1" })

        let views = [ for entry in calls.After(null, null, null, false) -> entry.View TimeSpan.Zero ]

        [ for view in views -> view.Call, view.Sources.Count ]
        |> Check.equal [ "call-4711@a.example.net", 2; "call-4712@a.example.net", 1 ])
