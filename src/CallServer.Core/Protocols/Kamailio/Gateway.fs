namespace CallServer.Protocols.Kamailio

open System
open CallServer.Model

/// How JSON-RPC messages travel to a Kamailio (module jsonrpcs).
[<RequireQualifiedAccess>]
type KamailioTransport =
    /// One message per datagram (`dgram_socket`). A reply that does not fit into one never arrives.
    | Udp
    /// Each message is the body of an HTTP request (module xhttp).
    | Http

/// A Kamailio whose dialogs are audited by JSON-RPC.
type KamailioGateway =
    {
        Gateway: GatewayId
        Transport: KamailioTransport
        /// How long the first attempt of a request waits for its answer. Each repeat waits half as long again.
        Timeout: TimeSpan
        /// How often a request is sent before it is given up; at least 1.
        Attempts: int
    }

/// What Kamailio is asked.
[<RequireQualifiedAccess>]
type internal KamailioQuestion =
    /// `core.uptime`
    | UpTime
    /// How many dialogs began since the start (`stats.fetchn`, module kex).
    | Processed
    /// How many dialogs go on (`dlg.stats_active`).
    | Active
    /// `dlg.briefing`
    | List
    /// One dialog of this call (`dlg.dlg_list`): it shows Kamailio's clock.
    | Dialog of callId: string
    /// Ends the dialog of this bucket and number: Kamailio sends BYE to both parties (`dlg.end_dlg`).
    | End of entry: int64 * number: int64

    /// The command, as Kamailio calls it.
    override this.ToString() =
        match this with
        | UpTime -> "core.uptime"
        | Processed -> "stats.fetchn"
        | Active -> "dlg.stats_active"
        | List -> "dlg.briefing"
        | Dialog _ -> "dlg.dlg_list"
        | End _ -> "dlg.end_dlg"
