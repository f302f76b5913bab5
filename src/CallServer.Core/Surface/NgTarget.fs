namespace CallServer.Surface

open System

/// How audits of rtpengine over ng are begun. What the caller has not checked throws ArgumentException.
[<AbstractClass; Sealed>]
type NgTarget private () =
    /// Transport is udp, tcp (a stream) or http (each message the body of a request, whose answer is handed over as a datagram).
    static member Create(gateway: string, transport: string, timeout: TimeSpan, attempts: int) : AuditTarget =
        raise (
            NotSupportedException $"ng over {transport} is not built yet: {gateway}, {timeout}, {attempts}"
        )
