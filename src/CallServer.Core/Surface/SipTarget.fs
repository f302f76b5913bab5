namespace CallServer.Surface

open System

/// How audits over SIP's dialog event package are begun. What the caller has not checked throws ArgumentException.
[<AbstractClass; Sealed>]
type SipTarget private () =
    /// User, host and port are those of the URI asked. Transport is udp or tcp, or null: UDP, and TCP where a notification does
    /// not come. From is the URI asked as (null: anonymous), whose user authenticates with the password (null: none). Watch
    /// keeps a standing subscription besides.
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
        raise (
            NotSupportedException
                $"SIP is not built yet: {gateway}, {user}, {host}, {port}, {transport}, {from}, {isNull password}, {watch}, {timeout}, {attempts}"
        )
