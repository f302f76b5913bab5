namespace CallServer.Protocols.Snmp

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// How the gateway is to know who asks.
type Credentials =
    /// SNMPv2c.
    | Community of byte[]
    /// SNMPv3 with USM; the context is empty for most agents.
    | User of user: UsmUser * context: byte[]

module internal Credentials =
    /// The agent answers this error to whoever may not read what was asked for: what to change so that he may.
    let mayNotRead (error: string) (credentials: Credentials) : Shortfall =
        let refused cause detail = Refused(cause, $"the agent answers {error}: {detail}")
        let name (user: UsmUser) = Rows.textOfOctets user.Name

        match credentials with
        | Community _ ->
            refused
                RefusalCause.AccessRules
                "this community may not read here; widen its view, or ask with another"
        | User({ Auth = None } as user, _) ->
            refused
                RefusalCause.SecurityLevel
                $"user '{name user}' may not read without authentication: give auth and priv"
        | User({ Priv = None } as user, _) ->
            refused
                RefusalCause.Encryption
                $"user '{name user}' may not read without privacy: give priv, or widen its view"
        | User(user, [||]) ->
            refused RefusalCause.AccessRules $"user '{name user}' may not read here; widen its view"
        | User(user, context) ->
            refused
                RefusalCause.Context
                $"user '{name user}' may not read in context '{Rows.textOfOctets context}'; see context=, or widen its view"

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
        /// How many times a request is sent before it is given up, at least 1.
        Attempts: int
        /// All that rows tell is read by every audit of this number at least, and by those between only of rows that are new or not
        /// as before; 1: always.
        FactsEvery: int
    }
