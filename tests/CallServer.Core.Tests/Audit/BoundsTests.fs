/// What of one gateway is taken at most, and what becomes of the rest.
module CallServer.Tests.Audit.BoundsTests

open System
open System.Text
open NUnit.Framework
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Audit
open CallServer.Surface
open CallServer.Tests
open CallServer.Tests.Ledger
open CallServer.Tests.Wire
open CallServer.Tests.Audit

/// What an exchange asked for.
type private Heard() =
    member val Sent = ResizeArray<byte[]>()
    member val Result: AuditResult = null with get, set

    interface IExchangeSink<AuditResult> with
        member this.Send message = this.Sent.Add message
        member this.Reply message = this.Sent.Add message
        member _.Connect() = ()
        member this.Write octets = this.Sent.Add octets
        member _.WakeAt _ = ()
        member this.Told result = this.Result <- result
        member this.Finished result = this.Result <- result

let private at (seconds: float) = Moment.at (Bench.start + TimeSpan.FromSeconds seconds)
let private second = TimeSpan.FromSeconds 1.0
let private ascii (text: string) = Encoding.ASCII.GetBytes text

let private step (asked: Heard) (audit: GatewayExchange<AuditResult>) : GatewayExchange<AuditResult> =
    audit.Dispatch asked
    audit

/// Over a stream that is open.
let private streaming (target: AuditTarget) (asked: Heard) : GatewayExchange<AuditResult> =
    let audit = target.Start(null, at 0.0, 7UL, "", null) |> step asked
    audit.Connected(at 0.1, "192.0.2.1:5000") |> step asked

let private ng () = Asked.by "gw" "ng+tcp://192.0.2.9" second 4

let private sip () = Asked.by "gw" "sip:all@192.0.2.9;transport=tcp" second 4

let private cookie (asked: Heard) = (Encoding.ASCII.GetString asked.Sent[asked.Sent.Count - 1]).Split(' ')[0]

let private reasons (asked: Heard) = List.ofSeq asked.Result.Reasons

/// The same octets again and again, until it has had enough; so many times it took.
let rec private pour (octets: byte[]) (asked: Heard) (times: int) (audit: GatewayExchange<AuditResult>) : int =
    let audit = audit.Arrived(at 0.2, octets) |> step asked

    if isNull asked.Result && times < 10_000 then
        pour octets asked (times + 1) audit
    else
        times

[<Test>]
let ``a reply without end is partial, names the limit, and is not silence`` () =
    let asked = Heard()
    let audit = streaming (ng().Bounded(1_000_000L, 100_000_000L, 100)) asked
    let audit = audit.Arrived(at 0.2, ascii $"{cookie asked} d6:result2:ok5:callsl")
    let times = pour (ascii (String.replicate 1000 "4:call")) asked 0 audit
    Assert.That(times, Is.EqualTo(1_000_000 / 6000).Within(1))
    asked.Result.Silent |> Check.equal false
    reasons asked |> Check.equal [ "limit: polling.replyOctets: a reply of more than 1 MB" ]

[<Test>]
let ``a message that is announced too long is not awaited`` () =
    let asked = Heard()
    let audit = streaming (sip().Bounded(1_000_000L, 100_000_000L, 100)) asked

    let head =
        "NOTIFY sip:a@192.0.2.1 SIP/2.0\r\nCall-ID: x\r\nCSeq: 1 NOTIFY\r\nContent-Length: 1000001\r\n\r\n"

    audit.Arrived(at 0.2, ascii head) |> step asked |> ignore
    reasons asked |> Check.equal [ "limit: polling.replyOctets: a reply of more than 1 MB" ]

[<Test>]
let ``answers to nothing end an audit too`` () =
    let asked = Heard()
    let audit = streaming (ng().Bounded(1_000_000L, 100_000_000L, 100)) asked
    pour (ascii (String.replicate 1000 "x d1:a1:be ")) asked 0 audit |> ignore

    reasons asked |> Check.equal [ "limit: polling.replyOctets: more than 1 MB that answers nothing" ]

[<Test>]
let ``what an audit holds is bounded by what it keeps, not by what came`` () =
    let calls = [ for n in 0..199 -> $"call-{n}" ]
    let statistics = "10:statisticsd17:currentstatisticsd13:sessionstotali200eee"
    let list = calls |> List.map (fun call -> $"{call.Length}:{call}") |> String.concat ""
    let padding = String('x', 50_000)

    let tags label =
        $"4:tagsd1:ad5:label{String.length label}:{label}7:createdi1790000000ee1:bd7:createdi1790000000eee"

    let reply label (request: string) =
        if request.Contains "10:statistics" then $"d6:result2:ok{statistics}e"
        elif request.Contains "4:list" then $"d6:result2:ok5:callsl{list}ee"
        else $"d6:result2:ok7:createdi1790000000e4:junk50000:{padding}{tags label}e"

    let run held label =
        let asked = Heard()
        let mutable audit = streaming (ng().Bounded(1_000_000L, held, 1000)) asked
        let mutable next = 0
        let mutable most = 0L

        while isNull asked.Result && next < asked.Sent.Count do
            let request = Encoding.ASCII.GetString asked.Sent[next]
            next <- next + 1
            let answer = $"{request.Split(' ')[0]} {reply label request}"
            audit <- audit.Arrived(at 0.2, ascii answer) |> step asked
            most <- max most audit.Held

        struct (asked, most)

    // Ten megabytes come, and a fraction of that is kept.
    let struct (asked, most) = run 100_000_000L "a"
    Assert.That(most, Is.LessThan 500_000L)
    asked.Result.Count |> Check.equal 400
    let struct (asked, _) = run 100_000L "a"

    reasons asked
    |> List.head
    |> Check.equal "limit: polling.auditOctets: more than 100 kB in one audit"
    // What comes at all is bounded too, however little of it is kept.
    let struct (asked, most) = run 5_000_000L "a"
    Assert.That(most, Is.LessThan 500_000L)

    reasons asked |> List.head |> Check.equal "limit: polling.auditOctets: more than 5 MB in one audit"
    // A label of its own is kept as far as a record has use for it.
    let struct (_, long) = run 100_000_000L (String('l', 40_000))
    Assert.That(long, Is.LessThan 1_000_000L)

[<Test>]
let ``what is read of a call does not keep its message`` () =
    let label = String('l', 5_000)

    let message = ascii $"c d7:createdi1790000000e4:tagsd1:ad5:label5000:{label}3:tag1:aee1:bd3:tag3:xyzee"

    match Ng.decode message |> Result.bind (fun message -> NgReplies.readCall message.Body) with
    | Ok call ->
        for tag in call.Tags do
            for slice in [ tag.Key; tag.Tag; yield! ValueOption.toList tag.Label ] do
                Assert.That(slice.Source, Is.Not.SameAs message)
                Assert.That(slice.Source.Length, Is.LessThanOrEqualTo 1025)
    | Error error -> Assert.Fail(string error)

[<Test>]
let ``a datagram that is too long is not read`` () =
    let asked = Heard()
    let target = (Asked.by "gw" "ng+http://192.0.2.9" second 4).Bounded(100L, 100_000L, 100)
    let audit = target.Start(null, at 0.0, 7UL, "", null) |> step asked
    audit.Receive(at 0.2, Array.zeroCreate 101) |> step asked |> ignore
    reasons asked |> Check.equal [ "limit: polling.replyOctets: a reply of more than 0 kB" ]

[<Test>]
let ``who holds most when there is too little in all is told so`` () =
    let asked = Heard()
    let audit = streaming (ng ()) asked
    audit.PassMemory(at 0.2, 1_000_000_000L) |> step asked |> ignore

    reasons asked |> Check.equal [ "limit: polling.memory: all gateways together take more than 1 GB" ]
    // Once is enough.
    asked.Result <- null
    audit.PassMemory(at 0.3, 1_000_000_000L).PassHeld(at 0.4).Dispatch asked
    Assert.That(asked.Result, Is.Null)

let private named (ids: int list) =
    ids |> List.distinct |> List.map (fun id -> Build.observation $"c{id:D3}" 10.0)

let private knownOf (ids: int list) : Connection[] =
    let ledger, _ = Build.replay [ Build.complete 1.0 2.0 (named ids) ]
    ledger.Connections

let private limit = Limit.Connections 5

/// Whatever a snapshot tells and the record holds: with so many as there may be, nothing that is known is left out, and what
/// is left out makes it partial.
[<Law>]
let ``a record takes no more connections than it may have``
    (seen: byte list)
    (known: byte list)
    (whole: bool)
    =
    let ids bytes = bytes |> List.map (fun (b: byte) -> int b % 12)
    let known = knownOf (ids known)
    let isKnown id = known |> Array.exists (fun connection -> connection.Id = id)
    let made = if whole then Build.complete else Build.partial
    let before = made 9.0 11.0 (named (ids seen))
    let after = Bounds.forRecord limit 5 known before
    let next, _ = Build.apply after { GatewayLedger.empty Build.gateway with Connections = known }
    let lacking = before.Observations |> Array.except after.Observations

    Assert.That(lacking |> Array.forall (fun seen -> not (isKnown seen.Id)))
    Assert.That(next.Connections.Length, Is.LessThanOrEqualTo(max 5 known.Length))
    Assert.That(lacking.Length = 0 || not (Snapshot.isComplete after))

    if before.Observations.Length + known.Length <= 5 then
        Assert.That(after, Is.EqualTo before)

[<Test>]
let ``texts of any length become lines`` () =
    let long = String('x', 100_000)

    let seen =
        { Build.observation "c" 10.0 with
            Facts = { Facts.none with Originator = ValueSome long; State = ValueSome "active" } }

    let after = Bounds.snapshot Bounds.usual (Build.complete 9.0 11.0 [ seen ])
    let facts = after.Observations[0].Facts
    facts.Originator.Value.Length |> Check.equal Bounds.MaxText
    facts.State |> Check.equal (ValueSome "active")

[<Test>]
let ``what turns a line is seen`` () =
    let seen =
        { Build.observation "c" 10.0 with
            Facts =
                { Facts.none with
                    Originator = ValueSome "a\u202eb\u2066\u2028"
                    Remote = ValueSome "Müller 東京" } }

    let after = Bounds.snapshot Bounds.usual (Build.complete 9.0 11.0 [ seen ])
    let facts = after.Observations[0].Facts
    facts.Originator |> Check.equal (ValueSome "a\\u202eb\\u2066\\u2028")
    facts.Remote |> Check.equal (ValueSome "Müller 東京")
