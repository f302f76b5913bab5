namespace CallServer.Ledger

open System
open CallServer.Model

/// How sure the record is of a connection. All three are active: only evidence ends one.
type Status =
    /// The newest audit listed it.
    | Confirmed
    /// The newest audit failed, was partial, or did not list it while one absence is not yet proof.
    | Unconfirmed
    /// Read from the store after a restart; no audit has reported on it since.
    | Restored

    /// What users see: confirmed or unconfirmed.
    override this.ToString() =
        match this with
        | Confirmed -> "confirmed"
        | Unconfirmed
        | Restored -> "unconfirmed"

/// A report that contradicts what the record holds (rule 5).
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
        /// A restart or takeover had lost it, and an audit brought it back.
        Recovered: bool
        /// Complete snapshots in a row that did not list it.
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
        /// The gateway's last counters of its media, if it gave any.
        Counters: Counters voption
        /// Set if an operator had it ended.
        Order: ReleaseOrder voption
    }

/// What one snapshot did to the ledger.
type Change =
    | Opened of Connection
    /// Its facts or the bounds of its times changed.
    | Updated of before: Connection * after: Connection
    /// It had been unconfirmed or restored, and is heard again.
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

/// How much of a gateway's own history the record has taken.
type HistoryMark =
    {
        /// What ended before this moment is not this record's business: nobody was watching.
        Since: Instant
        /// The history has shown everything that it keeps and that ended before this moment.
        ReadTo: Instant
        /// Where the next reading may begin.
        Cursor: string voption
        /// What must not be taken twice, with the latest moment of each end: connections that ended about
        /// ReadTo or later and have their CDR, and rows that reported one. Rows stay in the history, or enter
        /// it late.
        Recent: Map<Guid, Instant>
    }

/// Makes marks.
module HistoryMark =
    /// A mark for a reading of everything that ended after this instant.
    let since (instant: Instant) : HistoryMark =
        { Since = instant; ReadTo = instant; Cursor = ValueNone; Recent = Map.empty }

/// The record of one gateway.
type GatewayLedger =
    {
        Gateway: GatewayId
        Traits: Traits
        /// The last boot reading.
        Boot: Boot voption
        /// Counts the gateway's runs that this ledger saw; 1 is the first.
        Run: int
        /// When the present run began; ValueNone in the first run.
        RunBegan: Interval voption
        /// The window of the newest snapshot taken in.
        LastAsked: Instant
        LastAnswered: Instant
        /// When the standing watch began that gave the newest snapshot; ValueNone if an audit gave it, or
        /// after a restart.
        LastStanding: Instant voption
        /// When this server took over from another: what may have begun before was the other's to know. Not
        /// kept over a restart.
        TakenOver: Instant voption
        /// When the last complete audits of this run were asked, newest first, at most as many as the rules
        /// need.
        Completes: Instant list
        /// How much of the gateway's own history has been taken; ValueNone before the first complete audit,
        /// or if it keeps none.
        History: HistoryMark voption
        /// What its running total says of calls that nobody saw.
        Balance: Balance
        /// Sorted by id.
        Connections: Connection[]
        OpenedTotal: int64
        ClosedTotal: int64
        ConflictsTotal: int64
    }

/// Starts, restores and reads the record of one gateway.
module GatewayLedger =
    /// The record of a gateway that was never audited.
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
          Balance = Balance.none
          Connections = [||]
          OpenedTotal = 0L
          ClosedTotal = 0L
          ConflictsTotal = 0L }

    /// The record as read from the store after a restart of the server: no connection is confirmed, all else
    /// is unchanged (rule 10).
    let restore (ledger: GatewayLedger) : GatewayLedger =
        { ledger with
            Connections =
                ledger.Connections |> Array.map (fun connection -> { connection with Status = Restored }) }

    /// The record after a takeover (rule 10): the other server's record is lost. What this server knows from
    /// its own audits is unconfirmed until the gateways report.
    let takenOver (at: Instant) (ledger: GatewayLedger) : GatewayLedger =
        restore { ledger with TakenOver = ValueSome at }

    /// Leaves connections to another server, which has them in its record or has billed them. Earlier audits
    /// no longer bound the start of any connection, because the record no longer knows what they listed.
    let leave (isElsewhere: Connection -> bool) (ledger: GatewayLedger) : GatewayLedger =
        let rest = ledger.Connections |> Array.filter (isElsewhere >> not)

        if rest.Length = ledger.Connections.Length then
            ledger
        else
            { ledger with Connections = rest; Completes = []; Balance = Balance.close ledger.Balance }

    /// The active connection with this id; ValueNone if there is none.
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

/// Reads the record of every gateway.
module Ledger =
    /// A record without gateways.
    let empty: Ledger = Map.empty

    /// The record of this gateway; an empty one if it was never audited.
    let gateway (id: GatewayId) (ledger: Ledger) : GatewayLedger =
        match Map.tryFind id ledger with
        | Some known -> known
        | None -> GatewayLedger.empty id
