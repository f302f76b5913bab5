namespace CallServer.Gateway

open System
open System.Collections.Generic
open CallServer.Model

/// What to simulate, in words from a command line. Null or empty means the default.
[<Sealed; AllowNullLiteral>]
type GatewaySettings() =
    /// The protocols that it speaks. If there are several, the first one names the connections.
    member val Protocols: IReadOnlyList<string> = [| "snmp" |] with get, set
    /// The SNMP profile that audits it.
    member val Profile = "cisco-voice" with get, set
    /// The number of connections at the beginning; later about the same.
    member val Connections = 0 with get, set
    /// Connections opened per second, and as many closed.
    member val Churn = 0.0 with get, set
    member val Seed = 1UL with get, set
    /// When its table begins; null means now. The same seed and numbers, beginning at the same instant, give the same connections
    /// at the same times.
    member val Since = Nullable<Instant>() with get, set
    /// Calls shared with another gateway, in the words of `TrunkWords`.
    member val Trunks: IReadOnlyList<string> = [||] with get, set
    /// Its calendar clock minus true time.
    member val ClockSkew = TimeSpan.Zero with get, set
    /// The part after the @ in the names of its MGCP endpoints.
    member val Domain = "[127.0.0.1]" with get, set
    /// The address for MGCP's RSIP, HOST:PORT; null if it sends none.
    member val CallAgent: string = null with get, set
    /// The user that SIP's digest admits, with the password below; null admits everybody.
    member val SipUser: string = null with get, set
    member val SipPassword: byte[] = null with get, set
    /// The password of FreeSWITCH's event socket; null means the one that it comes with, ClueCon.
    member val EslPassword: byte[] = null with get, set
    /// The community of SNMPv2c; null if it speaks SNMPv3 only.
    member val Community: string = "public" with get, set
    /// The SNMPv3 user; null for none.
    member val User: string = null with get, set
    /// md5, sha1, sha256, sha384 or sha512; null for none.
    member val Auth: string = null with get, set
    member val AuthPassphrase: byte[] = null with get, set
    /// aes128; null for none.
    member val Priv: string = null with get, set
    member val PrivPassphrase: byte[] = null with get, set
    /// The faults to simulate, such as `mute-after=200` for the SNMP agent or, with a protocol, `mgcp:silent`.
    member val Vices: IReadOnlyList<string> = [||] with get, set
