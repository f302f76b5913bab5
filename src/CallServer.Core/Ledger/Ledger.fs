namespace CallServer.Ledger

open System
open CallServer.Model

/// How the record stands to a connection. All three are active: only evidence ends one.
type Status =
    /// The newest audit listed it.
    | Confirmed
    /// The newest audit failed, was partial, or did not list it and one absence is not yet proof.
    | Unconfirmed
    /// Read from the store after a restart; no audit has spoken of it since.
    | Restored

    /// What is shown: confirmed or unconfirmed.
    override this.ToString() =
        match this with
        | Confirmed -> "confirmed"
        | Unconfirmed
        | Restored -> "unconfirmed"

/// A report that cannot be true together with what the record holds (rule 5).
type Conflict = { At: Instant; Reported: Interval }

/// One active connection, with the evidence for it.
type Connection =
    {
        Id: ConnectionId
        Stamp: string voption
        /// The boot token under which it was last heard.
        BootToken: BootToken voption
        /// The gateway's run, counted by the ledger, in which it was last heard.
        Run: int
        Setup: Timing voption
        Start: Timing
        Facts: Facts
        FirstHeard: Instant
        /// The latest moment at which it is known to have been alive.
        LastHeard: Instant
        ConfirmedCount: int
        Status: Status
        /// A restart or takeover had lost it and an audit brought it back.
        Recovered: bool
        /// Absences from complete snapshots in a row.
        Absences: int
        Conflicts: int
        LastConflict: Conflict voption
    }

/// Why a connection is believed to have ended: `end_evidence` of its CDR.
type EndEvidence =
    | Absent
    | GatewayHistory
    | GatewayRestart
    | Released
    | Operator

    override this.ToString() =
        match this with
        | Absent -> "absent"
        | GatewayHistory -> "gateway-history"
        | GatewayRestart -> "gateway-restart"
        | Released -> "released"
        | Operator -> "operator"

/// Who had a connection ended, and why.
type ReleaseOrder = { By: string; Reason: string }

/// When and why a connection ended.
type Ending =
    {
        Within: Interval
        Evidence: EndEvidence
        Cause: string voption
        /// The gateway's last word on its media, where it gave one.
        Counters: Counters voption
        /// Where an operator had it ended.
        Order: ReleaseOrder voption
    }

/// What one snapshot did to the ledger.
type Change =
    | Opened of Connection
    /// Its facts or the bounds of its times changed.
    | Updated of before: Connection * after: Connection
    /// It had been unconfirmed, or restored, and is heard again.
    | Confirmed of Connection
    | Unconfirmed of Connection
    | Closed of Connection * Ending
    | Conflicted of Connection * Conflict
    /// It lives on under another id after a restart of the agent.
    | Renamed of was: ConnectionId * Connection
    | GatewayRestarted of at: Interval

    /// One word for events and logs.
    member this.Kind =
        match this with
        | Opened _ -> "opened"
        | Updated _ -> "updated"
        | Confirmed _ -> "confirmed"
        | Unconfirmed _ -> "unconfirmed"
        | Closed _ -> "closed"
        | Conflicted _ -> "conflict"
        | Renamed _ -> "renamed"
        | GatewayRestarted _ -> "gateway-restarted"

/// What the record has taken of a gateway's own history.
type HistoryMark =
    {
        /// What ended before is not this record's: nobody watched.
        Since: Instant
        /// Whatever ended before this moment, and is kept at all, has been told.
        ReadTo: Instant
        /// Where the next reading may begin.
        Cursor: string voption
        /// Connections that ended about ReadTo or later and have their CDR, rows that told of one, and the latest moment of each end:
        /// rows stay in the history, or come into it late.
        Recent: Map<Guid, Instant>
    }

module HistoryMark =
    /// A reading that wants all that ended since then.
    let since (instant: Instant) : HistoryMark =
        { Since = instant; ReadTo = instant; Cursor = ValueNone; Recent = Map.empty }

/// The record of one gateway.
type GatewayLedger =
    {
        Gateway: GatewayId
        Traits: Traits
        /// The last boot reading.
        Boot: Boot voption
        /// Counts the gateway's runs as this ledger saw them; 1 is the first.
        Run: int
        /// When the present run began, where it is not the first.
        RunBegan: Interval voption
        /// The window of the newest snapshot taken in.
        LastAsked: Instant
        LastAnswered: Instant
        /// The standing watch that told the newest snapshot, by its beginning; nothing where an audit did, or after a restart.
        LastStanding: Instant voption
        /// This server took over from another then: what may have begun before was the other's to know. Not kept over a restart.
        TakenOver: Instant voption
        /// When the last complete audits of this run were asked, newest first, at most as many as the rules need.
        Completes: Instant list
        /// What has been taken of the gateway's own history; nothing before its first complete audit, or where it keeps none.
        History: HistoryMark voption
        /// Sorted by id.
        Connections: Connection[]
        OpenedTotal: int64
        ClosedTotal: int64
        ConflictsTotal: int64
    }

module GatewayLedger =
    let empty (gateway: GatewayId) : GatewayLedger =
        { Gateway = gateway
          Traits = Traits.plain
          Boot = ValueNone
          Run = 1
          RunBegan = ValueNone
          LastAsked = Instant.distantPast
          LastAnswered = Instant.distantPast
          LastStanding = ValueNone
          TakenOver = ValueNone
          Completes = []
          History = ValueNone
          Connections = [||]
          OpenedTotal = 0L
          ClosedTotal = 0L
          ConflictsTotal = 0L }

    /// As read from the store after a restart of the server: nothing changes but that nothing is confirmed (rule 10).
    let restore (ledger: GatewayLedger) : GatewayLedger =
        { ledger with
            Connections =
                ledger.Connections |> Array.map (fun connection -> { connection with Status = Restored }) }

    /// Rule 10, for a takeover: the record of the server that kept it until then is lost. What this one knows of its own audits is
    /// not confirmed until the gateways speak.
    let takenOver (at: Instant) (ledger: GatewayLedger) : GatewayLedger =
        restore { ledger with TakenOver = ValueSome at }

    /// Leaves connections to another server, which has them in its record or has billed them. What the audits listed until now is
    /// not known any more, so that none of them bounds a start from now on.
    let leave (isElsewhere: Connection -> bool) (ledger: GatewayLedger) : GatewayLedger =
        let rest = ledger.Connections |> Array.filter (isElsewhere >> not)

        if rest.Length = ledger.Connections.Length then
            ledger
        else
            { ledger with Connections = rest; Completes = [] }

    let tryFind (id: ConnectionId) (ledger: GatewayLedger) : Connection voption =
        let rec search low high =
            if low > high then
                ValueNone
            else
                let middle = low + (high - low) / 2
                let order = compare id ledger.Connections[middle].Id

                if order = 0 then ValueSome ledger.Connections[middle]
                elif order < 0 then search low (middle - 1)
                else search (middle + 1) high

        search 0 (ledger.Connections.Length - 1)

/// The record of every gateway. A snapshot replaces its own gateway's part and touches nothing else.
type Ledger = Map<GatewayId, GatewayLedger>

module Ledger =
    let empty: Ledger = Map.empty

    let gateway (id: GatewayId) (ledger: Ledger) : GatewayLedger =
        match Map.tryFind id ledger with
        | Some known -> known
        | None -> GatewayLedger.empty id
