namespace CallServer.Surface

open System
open CallServer.Model
open CallServer.Audit

/// How audits of rtpengine over ng are begun. What the caller has not checked throws ArgumentException.
[<AbstractClass; Sealed>]
type NgTarget private () =
    /// Transport is udp, tcp (a stream) or http (each message the body of a request, whose answer is handed over as a datagram).
    /// `mediaAnswers`: packets that both parties sent bound the start from above (evidence `inferred`).
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
