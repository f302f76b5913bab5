namespace CallServer.Surface

open System
open CallServer.Model
open CallServer.Wire
open CallServer.Audit

/// How to begin audits over SIP's dialog event package (RFC 4235). Throws ArgumentException at what the caller has
/// not checked.
[<AbstractClass; Sealed>]
type SipTarget private () =
    /// A header has no line breaks, and a URI no blanks or brackets around it.
    static let plain (name: string) (text: string) =
        if text |> Seq.exists (fun c -> c <= ' ' || c = '<' || c = '>' || c = '"' || c = '\127') then
            invalidArg name $"not part of a SIP URI: {text}"

        Sip.octetsOf text

    static let bracketed (host: string) = if host.Contains ':' && host[0] <> '[' then $"[{host}]" else host

    /// Between `sip:` and `@`, without a password.
    static let userOf (uri: string) : string =
        let afterScheme = uri.Substring(uri.IndexOf ':' + 1)
        let at = afterScheme.IndexOf '@'

        if at < 0 then
            ""
        else
            Uri.UnescapeDataString((afterScheme.Substring(0, at).Split ':')[0])

    /// A response goes back to where its request came from (RFC 3261 §18.2.2), which need not be the address asked.
    static let isResponse (message: byte[]) : bool = message.AsSpan().StartsWith("SIP/2.0 "B)

    /// `user`, `host` and `port` (1 to 65535) are those of the URI asked. `transport` is udp, tcp, or null: UDP, and
    /// TCP where a notification does not come. `from` is the URI that asks (null: anonymous); its user authenticates
    /// with `password` (null: none). `watch` keeps a standing subscription besides.
    static member Create
        (
            gateway: string,
            user: string,
            host: string,
            port: int,
            transport: string,
            from: string,
            password: byte[],
            watch: bool,
            timeout: TimeSpan,
            attempts: int
        ) : AuditTarget =
        AuditTarget.Check(timeout, attempts)

        if String.IsNullOrEmpty host || port < 1 || port > 65535 then
            invalidArg (nameof host) "a host, and a port from 1 to 65535"

        let transport =
            match transport with
            | null -> UdpThenTcp
            | "udp" -> OverUdp
            | "tcp" -> OverTcp
            | other -> invalidArg (nameof transport) $"no such transport: {other}"

        let user = if String.IsNullOrEmpty user then "" else plain (nameof user) user + "@"
        // 5060 is what a URI without a port means, and notifiers compare them as text.
        let port = if port = 5060 then "" else $":{port}"

        let from =
            match from with
            | null -> "sip:anonymous@anonymous.invalid"
            | uri when uri.StartsWith("sip:", StringComparison.OrdinalIgnoreCase) -> plain (nameof from) uri
            | other -> invalidArg (nameof from) $"not a sip URI: {other}"

        let target: SipGateway =
            { Gateway = GatewayId.create gateway
              Uri = $"sip:{user}{bracketed (plain (nameof host) host)}{port}"
              Transport = transport
              From = from
              Login =
                (match password with
                 | null -> ValueNone
                 | password -> ValueSome(struct (userOf from, Secret.ofBytes password)))
              Timeout = timeout
              Attempts = attempts }

        let audit =
            Machine.audits
                SipMemory.none
                (SipAudit.start target)
                SipAudit.advance
                SipAudit.memory
                SipAudit.strays
                SipAudit.load

        let standing =
            Machine.watches
                SipMemory.none
                (SipWatch.start target)
                SipWatch.advance
                SipWatch.memory
                SipWatch.strays
                SipWatch.load

        AuditTarget(audit, (if watch then Some standing else None), None).Replying isResponse
