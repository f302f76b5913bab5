/// What is known of a gateway apart from its audits: that it answers from elsewhere, or that it never lists
/// everything.
module CallServer.Tests.Audit.CaveatsTests

open System
open System.Collections.Generic
open System.Text
open CallServer.Model
open CallServer.Ledger
open CallServer.Exchange
open CallServer.Protocols.Snmp
open CallServer.Protocols.Mgcp
open CallServer.Protocols.Ng
open CallServer.Protocols.Sip
open CallServer.Surface
open CallServer.Tests
open CallServer.Tests.Wire
open CallServer.Tests.Audit

/// Records the commands of an exchange.
type private Heard() =
    member val Sent = List<byte[]>()
    member val Replied = List<byte[]>()
    member val Result: AuditResult = null with get, set

    interface IExchangeSink<AuditResult> with
        member this.Send message = this.Sent.Add message
        member this.Reply message = this.Replied.Add message
        member _.Connect() = ()
        member _.Write _ = ()
        member _.WakeAt _ = ()
        member this.Told result = this.Result <- result
        member this.Finished result = this.Result <- result

let private at (seconds: float) = Moment.at (Bench.start + TimeSpan.FromSeconds seconds)

let private timeout = TimeSpan.FromSeconds 1.0

let private mgcp () = Asked.by "gw" "mgcp://gw.example.net?endpoints=aaln/1" timeout 1

let private begin' (target: AuditTarget) (asked: Heard) : GatewayExchange<AuditResult> =
    let audit = target.Start(null, at 0.0, 7UL, "192.0.2.1:5060", null)
    audit.Dispatch asked
    audit

let private idOf (command: byte[]) = (Encoding.Latin1.GetString command).Split(' ')[1]

let private answer (command: byte[]) (lines: string) =
    Encoding.Latin1.GetBytes $"200 {idOf command} OK\r\n{lines}"

let private ended (asked: Heard) (audit: GatewayExchange<AuditResult>) : AuditResult =
    let audit = audit.Tick(at 60.0)
    audit.Dispatch asked
    asked.Result

let private source = "192.0.2.9:2427"

let ``an answer from elsewhere is told, with what would take it, and changes nothing else`` =
    example (fun () ->
        let asked = Heard()
        let audit = begin' (mgcp ()) asked
        let audit = audit.Overhear(at 0.1, source, "replies=192.0.2.9", answer asked.Sent[0] "I: \r\n")
        let result = ended asked audit
        result.Silent |> Check.isTrue
        asked.Sent.Count |> Check.equal 1

        result.Reasons[1]
        |> Check.equal
            $"elsewhere: a reply came from {source}, not from the address asked; replies=192.0.2.9 takes it")

let ``noise from elsewhere is not told`` =
    example (fun () ->
        for noise in [ "200 1 OK\r\n"; "RSIP 5 *@gw MGCP 1.0\r\nRM: restart\r\n"; ""; "\000\001" ] do
            let asked = Heard()
            let audit = begin' (mgcp ()) asked
            let audit = audit.Overhear(at 0.1, source, "replies=any-port", Encoding.Latin1.GetBytes noise)
            (ended asked audit).Reasons.Count |> Check.equal 1)

let ``what is declared never to be complete is not, whatever was proven`` =
    example (fun () ->
        let whole (target: AuditTarget) =
            let asked = Heard()
            let audit = begin' target asked
            let audit = audit.Receive(at 0.1, answer asked.Sent[0] "")
            audit.Dispatch asked
            let audit = audit.Receive(at 0.2, answer asked.Sent[1] "I: \r\n")
            audit.Dispatch asked
            asked.Result

        (whole (mgcp ())).Complete |> Check.isTrue
        let declared = whole (mgcp().NeverComplete())
        declared.Complete |> Check.isFalse
        declared.Silent |> Check.equal false

        declared.Reasons
        |> Seq.toList
        |> Check.equal [ "declared: configured as never complete, so that nothing is closed by its absence" ])

let ``a notification is answered to where it came from`` =
    example (fun () ->
        let asked = Heard()

        let target = Asked.by "gw" "sip:all@192.0.2.8;transport=udp" timeout 4

        let audit = begin' target asked
        let subscribe = Encoding.Latin1.GetString(Seq.exactlyOne asked.Sent)

        let header (name: string) =
            subscribe.Split("\r\n")
            |> Array.find _.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase)
            |> fun line -> line.Substring(name.Length + 1).Trim()

        let notify =
            String.Join(
                "\r\n",
                [ "NOTIFY sip:callserver@192.0.2.1 SIP/2.0"
                  "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1"
                  "From: " + header "To" + ";tag=n"
                  "To: " + header "From"
                  "Call-ID: " + header "Call-ID"
                  "CSeq: 1 NOTIFY"
                  "Event: dialog"
                  "Subscription-State: terminated;reason=timeout"
                  "Content-Length: 0"
                  ""
                  "" ]
            )

        let audit = audit.Receive(at 0.1, Encoding.Latin1.GetBytes notify)
        audit.Dispatch asked
        Encoding.Latin1.GetString(Seq.exactlyOne asked.Replied) |> Check.startsWith "SIP/2.0 200"
        asked.Sent.Count |> Check.equal 1)
