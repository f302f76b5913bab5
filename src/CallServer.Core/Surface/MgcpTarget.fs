namespace CallServer.Surface

open System
open System.Collections.Generic

/// How audits of MGCP gateways are begun. What the caller has not checked throws ArgumentException.
[<AbstractClass; Sealed>]
type MgcpTarget private () =
    /// Host stands after the @ of patterns that have none. Endpoints are patterns such as `*` or `aaln/*@gw1.example.net`; verify
    /// allows a modification without a change of each known connection where the gateway lists none.
    static member Create
        (
            gateway: string,
            host: string,
            endpoints: IReadOnlyList<string>,
            verify: bool,
            timeout: TimeSpan,
            attempts: int
        ) : AuditTarget =
        raise (
            NotSupportedException
                $"MGCP is not built yet: {gateway}, {host}, {endpoints.Count}, {verify}, {timeout}, {attempts}"
        )
