namespace CallServer.Protocols.Restconf

open System
open CallServer.Model
open CallServer.Wire

/// A Cisco IOS-XE whose call legs are audited over RESTCONF.
type RestconfGateway =
    {
        Gateway: GatewayId
        /// The user of privilege 15, and the password.
        Login: struct (string * Secret) voption
        /// How long the first attempt of a request waits for its answer. Each repeat waits half as long again.
        Timeout: TimeSpan
        /// How often a request is sent before it is given up; at least 1.
        Attempts: int
        /// The operator says that this gateway has no summary of its legs while there are none.
        IdleIsAbsent: bool
    }

/// What an IOS-XE is asked.
[<RequireQualifiedAccess>]
type internal RestconfQuestion =
    /// When it was started, and what its clock shows.
    | Times
    /// All call legs, and how many there are.
    | Legs
    /// How many legs there are.
    | Total

    /// The path, and the query (RFC 8040 sections 3.5.3 and 4.8.3).
    member this.Target =
        let summary = "/restconf/data/Cisco-IOS-XE-voice-oper:voice-oper-data/active-voip-call-summary"

        match this with
        | Times ->
            "/restconf/data/Cisco-IOS-XE-device-hardware-oper:device-hardware-data/device-hardware/device-system-data"
        | Legs -> summary
        | Total -> summary + "?fields=total-call-legs"

    override this.ToString() =
        match this with
        | Times -> "device-system-data"
        | Legs
        | Total -> "active-voip-call-summary"
