namespace CallServer.Surface

open System
open CallServer.Model
open CallServer.Audit

/// How to begin audits of rtpengine over its ng protocol. Throws ArgumentException at what the caller has not
/// checked.
[<AbstractClass; Sealed>]
type NgTarget private () =
    /// `transport` is udp, tcp (a stream) or http (each message is the body of a request, and its answer counts as a
    /// datagram). `mediaAnswers` lets packets that both parties sent bound the start from above (evidence
    /// `inferred`).
    static member Create
        (gateway: string, transport: string, mediaAnswers: bool, timeout: TimeSpan, attempts: int)
        : AuditTarget =
        AuditTarget.Check(timeout, attempts)

        let target: NgGateway =
            { Gateway = GatewayId.create gateway
              Transport =
                (match transport with
                 | "udp" -> NgTransport.Udp
                 | "tcp" -> NgTransport.Tcp
                 | "http" -> NgTransport.Http
                 | other -> invalidArg (nameof transport) $"no such transport of ng: {other}")
              MediaAnswers = mediaAnswers
              Timeout = timeout
              Attempts = attempts }

        let audit =
            Machine.audits
                NgAudit.Memory.none
                (NgAudit.start target)
                NgAudit.advance
                NgAudit.memory
                NgAudit.strays
                NgAudit.load

        let release (connection: ConnectionId) (given: AuditStart) =
            NgRelease.start target connection given
            |> Machine.ofRelease NgRelease.advance NgRelease.strays NgRelease.load connection

        AuditTarget(audit, None, Some release)
