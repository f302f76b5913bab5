namespace CallServer.Protocols.OpenSips

open System
open CallServer.Model

/// An OpenSIPS whose dialogs are audited by its Management Interface (module mi_http).
type OpenSipsGateway =
    {
        Gateway: GatewayId
        /// Where it takes requests: what mi_http calls `root`, with the slash before it.
        Path: string
        /// How long the first attempt of a request waits for its answer. Each repeat waits half as long again.
        Timeout: TimeSpan
        /// How often a request is sent before it is given up; at least 1.
        Attempts: int
    }

/// What OpenSIPS is asked.
[<RequireQualifiedAccess>]
type internal OpenSipsQuestion =
    /// `uptime`
    | UpTime
    /// How many dialogs began since the start (`get_statistics`).
    | Processed
    /// The rows of the table from this one on, counted from 0, and so many at most; with them OpenSIPS tells how many there are (`dlg_list`).
    | Rows of first: int64 * most: int

    /// The command, as OpenSIPS calls it. Since version 4 these are other names of `core:uptime`, `dialog:list` and so on.
    override this.ToString() =
        match this with
        | UpTime -> "uptime"
        | Processed -> "get_statistics"
        | Rows _ -> "dlg_list"
