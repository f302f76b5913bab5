namespace CallServer.Protocols.Snmp

open System
open CallServer.Model
open CallServer.Wire

/// How the gateway is to know who asks.
type Credentials =
    /// SNMPv2c.
    | Community of byte[]
    /// SNMPv3 with USM; the context is empty for most agents.
    | User of user: UsmUser * context: byte[]

/// One gateway to be asked over SNMP.
type SnmpTarget =
    {
        Gateway: GatewayId
        Credentials: Credentials
        /// None: the candidates are tried, and the snapshot says which was taken.
        Profile: Profile option
        /// In the order of preference.
        Candidates: Profile[]
        /// How long one request waits for its answer at first; each repeat waits half as long again.
        Timeout: TimeSpan
        /// How often a request is sent before it is given up, at least 1.
        Attempts: int
    }
