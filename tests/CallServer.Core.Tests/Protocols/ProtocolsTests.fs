/// A gateway's URI, and what is sent first because of it.
module CallServer.Tests.Protocols.ProtocolsTests

open System
open System.Text
open NUnit.Framework
open CallServer.Model
open CallServer.Ledger
open CallServer.Surface
open CallServer.Wire
open CallServer.Tests
open CallServer.Tests.Ledger.Build
open CallServer.Tests.Wire
open CallServer.Toy

type private Sent() =
    member val Messages = ResizeArray<byte[]>()
    member val Connects = 0 with get, set
    member val Result: AuditResult = null with get, set

    interface IExchangeSink<AuditResult> with
        member this.Send message = this.Messages.Add message
        member this.Reply message = this.Messages.Add message
        member this.Connect() = this.Connects <- this.Connects + 1
        member this.Write octets = this.Messages.Add octets
        member _.WakeAt _ = ()
        member this.Told result = this.Result <- result
        member this.Finished result = this.Result <- result

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

[<TestCase("mgcp://gw.example.net", "AUEP % *@gw.example.net MGCP 1.0")>]
[<TestCase("mgcp://192.0.2.2", "AUEP % *@[192.0.2.2] MGCP 1.0")>]
[<TestCase("mgcp://h?endpoints=aaln/*", "AUEP % aaln/*@h MGCP 1.0")>]
[<TestCase("mgcp://h?endpoints=*@%5B192.0.2.1%5D", "AUEP % *@[192.0.2.1] MGCP 1.0")>]
[<TestCase("mgcp://h?endpoints=ds/ds1-1/*@gw1.example.net", "AUEP % ds/ds1-1/*@gw1.example.net MGCP 1.0")>]
[<TestCase("mgcp://h?version=ncs", "AUEP % *@h MGCP 1.0 NCS 1.0")>]
[<TestCase("mgcp://h?version=tgcp", "AUEP % *@h MGCP 1.0 TGCP 1.0")>]
[<TestCase("mgcp://h?version=0.1", "AUEP % *@h MGCP 0.1")>]
let ``MGCP asks for the endpoints of its URI in its version`` (uri: string) (expected: string) =
    let line = Array.head ((texts (plain uri)).Split '\n')
    let words = line.TrimEnd('\r').Split ' '
    words[1] <- "%"
    Assert.That(String.concat " " words, Is.EqualTo expected)

[<Test>]
let ``MGCP asks for the ranges of its URI, one pattern after the other`` () =
    let target = Asked.by "gw" "mgcp://h?endpoints=aaln/[1-4,7],ds/ds1-1/[1-31]@gw" second 4
    let sent, exchange = begin' target
    Assert.That(texts sent, Does.Contain " aaln/[1-4,7]@h MGCP")

    let number = (texts sent).Split(' ')[1]
    exchange.Receive(moment 0.5, octets $"200 {number} OK\r\nZ: aaln/1@h\r\n").Dispatch sent
    Assert.That(texts sent, Does.Contain " ds/ds1-1/[1-31]@gw MGCP")

[<Test>]
let ``SIP subscribes to the resource of its URI`` () =
    let asked = texts (plain "sip:gw1@h;transport=udp")
    Assert.That(asked, Does.StartWith "SUBSCRIBE sip:gw1@h SIP/2.0")
    Assert.That(asked, Does.Contain "sip:anonymous@anonymous.invalid")

    let asked =
        texts (
            first
                (GatewaySecrets(null, octets "secret", null))
                "sip:all%20calls@h:5070;transport=udp?from=sip:alice@a.example.net:5062"
        )

    Assert.That(asked, Does.StartWith "SUBSCRIBE sip:all%20calls@h:5070 SIP/2.0")
    Assert.That(asked, Does.Contain "<sip:alice@a.example.net:5062>")

[<TestCase("sip:u@h", 0, 1)>]
[<TestCase("sip:u@h;transport=udp", 0, 1)>]
[<TestCase("sip:u@h;transport=tcp", 1, 0)>]
[<TestCase("ng://h", 0, 1)>]
[<TestCase("ng+http://h", 0, 1)>]
[<TestCase("ng+tcp://h", 1, 0)>]
let ``a stream is opened where the URI says so`` (uri: string) (connects: int) (atLeast: int) =
    let sent = plain uri
    Assert.That(sent.Connects, Is.EqualTo connects)
    Assert.That(sent.Messages.Count, Is.GreaterThanOrEqualTo atLeast)

[<TestCase("sip:u@h", false)>]
[<TestCase("sip:u@h?watch=false", false)>]
[<TestCase("sip:u@h?watch=true", true)>]
[<TestCase("ng://h", false)>]
let ``a gateway is watched where the URI says so`` (uri: string) (watches: bool) =
    Assert.That((Asked.by "gw" uri second 4).Watches, Is.EqualTo watches)

[<TestCase("mgcp://h", true, true)>]
[<TestCase("ng://h", true, false)>]
[<TestCase("snmp://h", false, false)>]
[<TestCase("sip:u@h", false, false)>]
let ``what a protocol can do besides`` (uri: string) (releases: bool) (controller: bool) =
    let target = Asked.by "gw" uri second 4
    Assert.That((target.Releases, target.TellsController), Is.EqualTo((releases, controller)))

[<TestCase(null, "public")>]
[<TestCase("hidden", "hidden")>]
let ``SNMP asks with its community`` (given: string) (expected: string) =
    let community = if isNull given then null else octets given
    let sent = first (GatewaySecrets(community, null, null)) "snmp://h?profile=cisco-voice"

    match Snmp.decode sent.Messages[0] with
    | Ok(V2c(community, _)) -> Assert.That(community, Is.EqualTo<byte[]>(octets expected))
    | other -> Assert.Fail $"%A{other}"

[<Test>]
let ``SNMP version 3 is spoken where the URI names a user`` () =
    let secrets = GatewaySecrets(null, octets "authenticate", octets "encrypted")
    let uri = "snmp://nms%40hq@h?auth=sha256&priv=aes128&context=vrf%201&profile=cisco-voice"

    match Snmp.decode (first secrets uri).Messages[0] with
    | Ok(V3 _) -> ()
    | other -> Assert.Fail $"%A{other}"

// A protocol of one's own

let private toy (reply: string) : AuditResult =
    match Toy.protocols.TryParse "toy://192.0.2.9" with
    | true, uri, _ ->
        let target = Toy.protocols.Target("toy1", uri, GatewaySecrets.None, second, 1)
        let sent, exchange = begin' target
        Assert.That(texts sent, Is.EqualTo "LIST")
        exchange.Receive(moment 0.5, octets reply).Dispatch sent
        sent.Result
    | false, _, mistakes -> failwith (String.concat "; " mistakes)

[<Test>]
let ``a protocol that is registered is read, named and advised like all others`` () =
    Assert.That(Toy.protocols.Names, Does.Contain "toy")
    Assert.That(Toy.protocols.Forms, Does.Contain "toy://HOST[:7777]")

    let mistake (uri: string) =
        match Toy.protocols.TryParse uri with
        | true, _, _ -> ""
        | false, _, mistakes -> String.concat "; " mistakes

    Assert.That(mistake "toi://h", Does.Contain "did you mean toy?")
    Assert.That(mistake "h323://h", Does.Contain "ng+http, toy")
    Assert.That(mistake "toy://h?color=red", Does.Contain "did you mean colour?")
    Assert.That(mistake "toy://h?password=red", Does.Contain("secret").And.Not.Contain "red")

    match Toy.protocols.TryParse "toy://h" with
    | true, uri, _ ->
        Assert.That(uri.Port, Is.EqualTo 7777)
        Assert.That((uri.Advice(toy "BUSY")), Is.EqualTo "try later")

        for wrong in uri.Check(GatewaySecrets(octets "public", null, null)) do
            Assert.That(wrong.Mistake, Is.EqualTo "toy gateways take no secret")
    | false, _, mistakes -> Assert.Fail(String.concat "; " mistakes)

/// The record of calls after this audit of a gateway of its own.
let private after (result: AuditResult) (calls: CallRecord) : CallRecord =
    let stamp = { Server = "server"; Epoch = 1; Correction = TimeSpan.Zero; Steps = [||] }
    let step = GatewayRecord.Empty(result.Gateway).Apply(result, stamp)
    let next, _ = calls.Apply(step, stamp)
    next

[<Test>]
let ``what a registered protocol tells is joined with what others tell, and judged`` () =
    let result = toy "c1 call-4711@a.example.net\nc2 call-4712@a.example.net\n."
    Assert.That(result.Complete, Is.True)
    Assert.That((result.Protocol, result.Count), Is.EqualTo(("toy", 2)))

    let traits = result.Snapshot.Traits
    Assert.That(traits.Source, Is.EqualTo(ValueSome { Kind = ValueSome Media; CallIds = CallIdReach.World }))

    let calls = CallRecord.Of Toy.protocols |> after result

    let signalling =
        complete 0.0 0.5 [ observation "d1" 0.5 |> called "call-4711@a.example.net" ]
        |> withTraits { Traits.plain with Source = Asked.source "sip" }

    let calls = calls |> after (AuditResult { signalling with Gateway = GatewayId.create "sip1" })

    let views = [ for entry in calls.After(null, null, null, false) -> entry.View TimeSpan.Zero ]

    Assert.That(
        [ for view in views -> view.Call, view.Sources.Count ],
        Is.EqualTo<(string * int) list> [ "call-4711@a.example.net", 2; "call-4712@a.example.net", 1 ]
    )
