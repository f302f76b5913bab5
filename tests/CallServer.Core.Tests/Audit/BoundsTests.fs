/// How much is accepted from one gateway, and what happens to the rest.
module CallServer.Tests.Audit.BoundsTests

open System
open System.Text
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange
open CallServer.Protocols.Snmp
open CallServer.Protocols.Ng
open CallServer.Protocols.Sip
open CallServer.Surface
open CallServer.Tests
open CallServer.Tests.Ledger
open CallServer.Tests.Wire
open CallServer.Tests.Audit

/// Records the commands of an exchange.
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

/// An exchange over a stream that is open.
let private streaming (target: AuditTarget) (asked: Heard) : GatewayExchange<AuditResult> =
    let audit = target.Start(null, at 0.0, 7UL, "", null) |> step asked
    audit.Connected(at 0.1, "192.0.2.1:5000") |> step asked

let private ng () = Asked.by "gw" "ng+tcp://192.0.2.9" second 4

let private sip () = Asked.by "gw" "sip:all@192.0.2.9;transport=tcp?watch=true" second 4

let private cookie (asked: Heard) = (Encoding.ASCII.GetString asked.Sent[asked.Sent.Count - 1]).Split(' ')[0]

let private reasons (asked: Heard) = List.ofSeq asked.Result.Reasons

/// Feeds the same octets again and again until the exchange has had enough; returns how many times it took them.
let rec private pour
    (octets: byte[])
    (asked: Heard)
    (times: int)
    (audit: GatewayExchange<AuditResult>)
    : int =
    let audit = audit.Arrived(at 0.2, octets) |> step asked

    if isNull asked.Result && times < 10_000 then
        pour octets asked (times + 1) audit
    else
        times

let ``a reply without end is partial, names the limit, and is not silence`` =
    example (fun () ->
        let asked = Heard()
        let audit = streaming (ng().Bounded(1_000_000L, 100_000_000L, 100)) asked
        let audit = audit.Arrived(at 0.2, ascii $"{cookie asked} d6:result2:ok5:callsl")
        let times = pour (ascii (String.replicate 1000 "4:call")) asked 0 audit
        times |> Check.near 1 (1_000_000 / 6000)
        asked.Result.Silent |> Check.equal false
        reasons asked |> Check.equal [ "limit: polling.replyOctets: a reply of more than 1 MB" ])

let ``a message that is announced too long is not awaited, by a watch neither`` =
    example (fun () ->
        let target = sip().Bounded(1_000_000L, 100_000_000L, 100)

        let head =
            "NOTIFY sip:a@192.0.2.1 SIP/2.0\r\nCall-ID: x\r\nCSeq: 1 NOTIFY\r\nContent-Length: 1000001\r\n\r\n"

        for begin' in
            [ fun () -> target.Start(null, at 0.0, 7UL, "", null)
              fun () -> target.Watch(null, second, at 0.0, 7UL, "") ] do
            let asked = Heard()
            let audit = begin' () |> step asked
            let audit = audit.Connected(at 0.1, "192.0.2.1:5000") |> step asked
            audit.Arrived(at 0.2, ascii head) |> step asked |> ignore
            reasons asked |> Check.equal [ "limit: polling.replyOctets: a reply of more than 1 MB" ])

let ``the dialogs that a watch knows weigh something`` =
    example (fun () ->
        let asked = Heard()
        let audit = sip().Watch(null, second, at 0.0, 7UL, "") |> step asked
        let audit = audit.Connected(at 0.1, "192.0.2.1:5000") |> step asked
        let subscribe = (Encoding.ASCII.GetString asked.Sent[0]).Split "\r\n"

        let header (name: string) =
            let line = subscribe |> Array.find _.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase)
            line.Substring(name.Length + 1).Trim()

        let dialogs =
            String.Concat
                [ for n in 1..200 ->
                      $"<dialog id=\"d{n}\" call-id=\"c{n}\" local-tag=\"l{n}\" remote-tag=\"r{n}\">"
                      + "<state>confirmed</state></dialog>" ]

        let document =
            "<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"0\" state=\"full\" entity=\"sip:all\">"
            + dialogs
            + "</dialog-info>"

        let message lines = String.Join("\r\n", List.append lines [ ""; "" ])

        let accepted =
            message
                [ "SIP/2.0 200 OK"
                  "Via: " + header "Via"
                  "From: " + header "From"
                  "To: " + header "To" + ";tag=n"
                  "Call-ID: " + header "Call-ID"
                  "CSeq: " + header "CSeq"
                  "Contact: <sip:gw@192.0.2.9;transport=tcp>"
                  "Expires: 300"
                  "Content-Length: 0" ]

        let notify =
            message
                [ "NOTIFY sip:callserver@192.0.2.1 SIP/2.0"
                  "Via: SIP/2.0/TCP 192.0.2.9;branch=z9hG4bK1"
                  "From: " + header "To" + ";tag=n"
                  "To: " + header "From"
                  "Call-ID: " + header "Call-ID"
                  "CSeq: 1 NOTIFY"
                  "Contact: <sip:gw@192.0.2.9;transport=tcp>"
                  "Event: dialog"
                  "Subscription-State: active;expires=300"
                  "Content-Type: application/dialog-info+xml"
                  $"Content-Length: {document.Length}" ]

        let audit = audit.Arrived(at 0.2, ascii (accepted + notify + document)) |> step asked
        asked.Result.Count |> Check.equal 200
        audit.Held |> Check.above (200L * 1000L))

let ``the reply to a release has an end too`` =
    example (fun () ->
        let outcome: ReleaseResult ref = ref null
        let asked = Heard()

        let sink =
            { new IExchangeSink<ReleaseResult> with
                member _.Send message = asked.Sent.Add message
                member _.Reply message = asked.Sent.Add message
                member _.Connect() = ()
                member _.Write octets = asked.Sent.Add octets
                member _.WakeAt _ = ()
                member _.Told _ = ()
                member _.Finished result = outcome.Value <- result }

        let target = ng().Bounded(1_000_000L, 100_000_000L, 100)
        let audit = target.Release("call;tag", at 0.0, 7UL, "", null)
        let audit = audit.Connected(at 0.1, "192.0.2.1:5000")
        audit.Dispatch sink
        let mutable audit = audit.Arrived(at 0.2, ascii $"{cookie asked} d6:result2:ok5:callsl")
        let more = ascii (String.replicate 1000 "4:call")
        let mutable times = 0

        while isNull outcome.Value && times < 1_000 do
            audit <- audit.Arrived(at 0.2, more)
            audit.Dispatch sink
            times <- times + 1

        times |> Check.near 1 (1_000_000 / 6000))

let ``answers to nothing end an audit too`` =
    example (fun () ->
        let asked = Heard()
        let audit = streaming (ng().Bounded(1_000_000L, 100_000_000L, 100)) asked
        pour (ascii (String.replicate 1000 "x d1:a1:be ")) asked 0 audit |> ignore

        reasons asked |> Check.equal [ "limit: polling.replyOctets: more than 1 MB that answers nothing" ])

/// Audits an rtpengine with this many calls, each with two parties with this label and fifty kilobytes of padding.
/// Returns the commands, the most that the audit held, what it held at its end, and how many octets arrived.
let private ofCalls (count: int) (label: string) (held: int64) : struct (Heard * int64 * int64 * int64) =
    let calls = [ for n in 1..count -> $"call-{n:D3}" ]
    let statistics = $"10:statisticsd17:currentstatisticsd13:sessionstotali{count}eee"
    let list = calls |> List.map (fun call -> $"{call.Length}:{call}") |> String.concat ""
    let padding = String('x', 50_000)

    let tags =
        $"4:tagsd1:ad5:label{String.length label}:{label}7:createdi1790000000ee1:bd7:createdi1790000000eee"

    let reply (request: string) =
        if request.Contains "10:statistics" then $"d6:result2:ok{statistics}e"
        elif request.Contains "4:list" then $"d6:result2:ok5:callsl{list}ee"
        else $"d6:result2:ok7:createdi1790000000e4:junk50000:{padding}{tags}e"

    let asked = Heard()
    let mutable audit = streaming (ng().Bounded(1_000_000L, held, 1000)) asked
    let mutable next = 0
    let mutable most = 0L
    let mutable came = 0L

    while isNull asked.Result && next < asked.Sent.Count do
        let request = Encoding.ASCII.GetString asked.Sent[next]
        next <- next + 1
        let answer = $"{request.Split(' ')[0]} {reply request}"
        came <- came + int64 answer.Length
        audit <- audit.Arrived(at 0.2, ascii answer) |> step asked
        most <- max most audit.Held

    struct (asked, most, audit.Held, came)

let ``what an audit holds is bounded by what it keeps, not by what came`` =
    example (fun () ->
        // Ten megabytes arrive, and only a fraction of that is kept.
        let struct (asked, most, last, _) = ofCalls 200 "a" 100_000_000L
        most |> Check.below 500_000L
        most |> Check.because "four hundred parties take room" (Check.above 200_000L)
        last |> Check.because "what is over holds nothing" (Check.equal 0L)
        asked.Result.Count |> Check.equal 400
        let struct (asked, _, _, _) = ofCalls 200 "a" 100_000L

        reasons asked
        |> List.head
        |> Check.equal "limit: polling.auditOctets: more than 100 kB in one audit"
        // What may arrive at all is bounded too, however little of it is kept.
        let struct (asked, most, _, _) = ofCalls 200 "a" 5_000_000L
        most |> Check.below 500_000L

        reasons asked |> List.head |> Check.equal "limit: polling.auditOctets: more than 5 MB in one audit"
        // A different label for each party is kept, but only as much of it as a record needs.
        let struct (_, long, _, _) = ofCalls 200 (String('l', 40_000)) 100_000_000L
        long |> Check.below 1_000_000L)

let ``an audit that its last reply ends is not ended once more for its size`` =
    example (fun () ->
        let struct (unbound, _, _, came) = ofCalls 1 "a" 100_000_000L
        // With the last reply, which ends the audit, more has arrived than allowed.
        let struct (asked, _, _, _) = ofCalls 1 "a" (came - 1L)
        asked.Result |> Check.isNotNull
        reasons asked |> Check.equal (reasons unbound))

let ``what an audit keeps of a stream weighs twice, and a list by its names`` =
    example (fun () ->
        let asked = Heard()
        let audit = streaming (ng ()) asked
        let cookie = cookie asked

        let audit =
            audit.Arrived(at 0.2, ascii $"{cookie} d4:junk500000:{String('x', 400_000)}") |> step asked

        audit.Held |> Check.above 800_000L

        let statistics = "10:statisticsd17:currentstatisticsd13:sessionstotali20000eee"

        let audit =
            audit.Arrived(at 0.3, ascii $"{String('x', 100_000)}6:result2:ok{statistics}e") |> step asked

        audit.Held |> Check.below 10_000L
        let request = Encoding.ASCII.GetString asked.Sent[asked.Sent.Count - 1]
        request |> Check.says "4:list"
        let list = String.Concat [ for n in 1..20_000 -> $"10:call-{n:D5}" ]

        let audit =
            audit.Arrived(at 0.4, ascii $"{request.Split(' ')[0]} d6:result2:ok5:callsl{list}ee")
            |> step asked

        isNull asked.Result |> Check.isTrue
        audit.Held |> Check.above 400_000L)

let ``a reply, what answers nothing, what is held and what came at all have limits of their own`` =
    example (fun () ->
        let bounds: Bounds = { Reply = 100L; Held = 1000L; Connections = 1 }
        let load unread kept : Load = { Unread = unread; Kept = ValueSome kept }
        let datagrams = Load.ofDatagrams
        let held = ValueSome(Limit.Held 1000L)

        for taken, unasked, load, expected in
            [ 1000L, 100L, load 100L 900L, ValueNone
              100L, 0L, load 101L 0L, ValueSome(Limit.Reply 100L)
              101L, 101L, load 0L 0L, ValueSome(Limit.Unasked 100L)
              1001L, 0L, load 0L 0L, held
              100L, 0L, load 0L 1001L, held
              100L, 0L, load 100L 901L, held
              // Datagrams are held completely, and count sixteen times their size.
              62L, 0L, datagrams, ValueNone
              63L, 0L, datagrams, held ] do
            Bounds.passed bounds taken unasked load |> Check.equal expected)

let ``what is read of a call does not keep its message`` =
    example (fun () ->
        let label = String('l', 5_000)

        let message =
            ascii $"c d7:createdi1790000000e4:tagsd1:ad5:label5000:{label}3:tag1:ae1:bd3:tag3:xyzeee"

        match Ng.decode message |> Result.bind (fun message -> NgReplies.readCall message.Body) with
        | Ok call ->
            call.Tags.Length |> Check.equal 2

            for tag in call.Tags do
                for slice in [ tag.Key; tag.Tag; yield! ValueOption.toList tag.Label ] do
                    slice.Source |> Check.notSame message
                    slice.Source.Length |> Check.atMost 1025
        | Error error -> failtest (string error))

let ``a datagram that is too long is not read`` =
    example (fun () ->
        let asked = Heard()
        let target = (Asked.by "gw" "ng+http://192.0.2.9" second 4).Bounded(100L, 100_000L, 100)
        let audit = target.Start(null, at 0.0, 7UL, "", null) |> step asked
        audit.Receive(at 0.2, Array.zeroCreate 101) |> step asked |> ignore
        reasons asked |> Check.equal [ "limit: polling.replyOctets: a reply of more than 0 kB" ])

let ``who holds most when there is too little in all is told so`` =
    example (fun () ->
        let asked = Heard()
        let audit = streaming (ng ()) asked
        audit.PassMemory(at 0.2, 1_000_000_000L) |> step asked |> ignore

        reasons asked |> Check.equal [ "limit: polling.memory: all gateways together take more than 1 GB" ]
        // The limit is reported once.
        asked.Result <- null
        audit.PassMemory(at 0.3, 1_000_000_000L).PassHeld(at 0.4).Dispatch asked
        asked.Result |> Check.isNull)

let private named (ids: int list) =
    ids |> List.distinct |> List.map (fun id -> Build.observation $"c{id:D3}" 10.0)

let private knownOf (ids: int list) : Connection[] =
    let ledger, _ = Build.replay [ Build.complete 1.0 2.0 (named ids) ]
    ledger.Connections

let private limit = Limit.Connections 5

/// Whatever a snapshot lists and the record holds: with the record at its limit, no known connection is left out, and
/// any that is left out makes the snapshot partial.
let ``a record takes no more connections than it may have`` =
    law (fun (seen: byte list) (known: byte list) (whole: bool) ->
        let ids bytes = bytes |> List.map (fun (b: byte) -> int b % 12)
        let known = knownOf (ids known)
        let isKnown id = known |> Array.exists (fun connection -> connection.Id = id)
        let made = if whole then Build.complete else Build.partial
        let before = made 9.0 11.0 (named (ids seen))
        let after = Bounds.forRecord limit 5 known before
        let next, _ = Build.apply after { GatewayLedger.empty Build.gateway with Connections = known }
        let lacking = before.Observations |> Array.except after.Observations

        lacking |> Array.forall (fun seen -> not (isKnown seen.Id)) |> Check.isTrue
        next.Connections.Length |> Check.atMost (max 5 known.Length)
        (lacking.Length = 0 || not (Snapshot.isComplete after)) |> Check.isTrue

        // Whatever there is room for is taken unchanged; connections missing from a complete snapshot make room.
        let kept =
            if whole then
                before.Observations |> Array.map _.Id
            else
                Array.append (known |> Array.map _.Id) (before.Observations |> Array.map _.Id)

        if kept |> Array.distinct |> Array.length <= 5 then
            after |> Check.equal before)

let ``a snapshot that brings too many connections is cut, and ends none`` =
    example (fun () ->
        let bounds = { Bounds.usual with Connections = 3 }
        let told count = Build.complete 9.0 11.0 (named [ 1..count ])
        Bounds.snapshot bounds (told 3) |> Check.equal (told 3)
        let cut = Bounds.snapshot bounds (told 4)
        cut.Observations.Length |> Check.equal 3

        match cut.Completeness with
        | Partial [ PastLimit limit ] -> limit |> Check.equal (Limit.Connections 3)
        | other -> failtest (string other))

/// Characters that are invisible, or change a line's direction.
let private unseen = "\u202a\u202e\u2066\u2069\u2028\u2029"

/// Facts in which each text in turn is this one.
let private factsOf (text: string) : Facts list =
    let text = ValueSome text

    [ { Facts.none with Endpoint = text }
      { Facts.none with Originator = text }
      { Facts.none with Remote = text }
      { Facts.none with Mode = text }
      { Facts.none with State = text } ]

let private bounded (facts: Facts) : Facts =
    let seen = { Build.observation "c" 10.0 with Facts = facts }
    (Bounds.snapshot Bounds.usual (Build.complete 9.0 11.0 [ seen ])).Observations[0].Facts

let private textsOf (facts: Facts) : string list =
    [ facts.Endpoint; facts.Originator; facts.Remote; facts.Mode; facts.State ]
    |> List.collect ValueOption.toList

let ``whatever a gateway tells becomes a line that reads as it stands`` =
    law (fun (draws: (byte * uint16) list) ->
        let piece (kind: byte, length: uint16) =
            match int kind % 3 with
            | 0 -> String(unseen[int kind % unseen.Length], 1 + int length % 200)
            | 1 -> String('x', int length % 600)
            | _ -> "Müller 東京"

        let text = draws |> List.map piece |> String.concat ""

        for facts in factsOf text do
            let after = bounded facts
            let line = List.exactlyOne (textsOf after)
            line.Length |> Check.atMost Bounds.MaxText
            line.IndexOfAny(unseen.ToCharArray()) |> Check.equal (-1)
            bounded after |> Check.equal after

            if text.Length <= Bounds.MaxText && text.IndexOfAny(unseen.ToCharArray()) < 0 then
                after |> Check.equal facts)

let ``texts of any length become lines`` =
    example (fun () ->
        let facts =
            bounded
                { Facts.none with
                    Originator = ValueSome(String('x', 100_000))
                    State = ValueSome "active" }

        facts.Originator |> Check.equal (ValueSome(String('x', Bounds.MaxText - 1) + "…"))
        facts.State |> Check.equal (ValueSome "active"))

let ``what turns a line is seen`` =
    example (fun () ->
        let facts =
            bounded
                { Facts.none with
                    Originator = ValueSome "a\u202eb\u2066\u2028"
                    Remote = ValueSome "Müller 東京" }

        facts.Originator |> Check.equal (ValueSome "a\\u202eb\\u2066\\u2028")
        facts.Remote |> Check.equal (ValueSome "Müller 東京"))
