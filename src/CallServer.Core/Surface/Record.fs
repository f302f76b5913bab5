namespace CallServer.Surface

open System
open System.Collections.Generic
open System.Runtime.InteropServices
open CallServer.Model
open CallServer.Ledger
open CallServer.Exchange

/// One snapshot as the host carries it: opaque except for what scheduling and printing need.
[<Sealed; AllowNullLiteral>]
type AuditResult internal (snapshot: Snapshot, most: int) =
    internal new(snapshot) = AuditResult(snapshot, Bounds.usual.Connections)
    member internal _.Snapshot = snapshot

    member internal _.With(caveats: Caveats, bounds: Bounds) =
        AuditResult(snapshot |> Bounds.snapshot bounds |> Caveats.snapshot caveats, bounds.Connections)

    /// The most connections of the gateway that the record may hold.
    member internal _.Most = most

    /// The id of the gateway.
    member _.Gateway = string snapshot.Gateway
    /// Whether it is proven that the snapshot lists every active connection (rule 3).
    member _.Complete = Snapshot.isComplete snapshot
    /// Whether nothing was learnt: silence or a refusal.
    member _.Silent = Snapshot.isSilent snapshot
    /// The name of its protocol.
    member _.Protocol = snapshot.Protocol
    /// The SNMP profile, or the variant of the protocol; empty if there is none.
    member _.Profile = snapshot.Profile
    /// When the first request was sent.
    member _.Asked = snapshot.Asked
    /// When the last reply came, or waiting ended.
    member _.Answered = snapshot.Answered
    /// Messages sent, repeats included.
    member _.Requests = snapshot.Requests
    /// Connections listed.
    member _.Count = snapshot.Observations.Length

    /// Whether the audit was given up because its time was over.
    member _.TimeWasOver = Completeness.shortfalls snapshot.Completeness |> List.contains Cancelled

    /// Whether one of the reasons is that the gateway did not answer.
    member _.FellSilent = Completeness.shortfalls snapshot.Completeness |> List.exists _.IsSilent

    /// Whether a standing watch reported this, and not an audit: its window says nothing about speed.
    member _.FromWatch = snapshot.Standing.IsSome

    /// What proves that it is complete; empty if it is not.
    member _.Proof: IReadOnlyList<string> =
        match snapshot.Completeness with
        | Complete proofs -> [| for proof in proofs -> string proof |]
        | Partial _ -> [||]

    /// Why it is not complete, in words; empty if it is.
    member _.Reasons: IReadOnlyList<string> =
        Array.ofList (Completeness.words (Completeness.shortfalls snapshot.Completeness))

    /// Why it is not complete, one word for each kind of reason, each once; empty if it is. The words are
    /// CallServer's own, and there are fewer than twenty (docs/metrics.md).
    member _.ReasonKinds: IReadOnlyList<string> =
        Array.ofList (Completeness.shortfalls snapshot.Completeness |> List.map _.Kind |> List.distinct)

    /// Why it is not complete, leaving out that its time was over.
    member _.ReasonsInTime: IReadOnlyList<string> =
        let reasons = Completeness.shortfalls snapshot.Completeness |> List.filter ((<>) Cancelled)
        Array.ofList (Completeness.words reasons)

    /// What a person should know about how the gateway was read, such as a column that cannot be read.
    member _.Remarks: IReadOnlyList<string> = Array.ofList snapshot.Remarks

    /// The result of an audit that could not even begin, such as of a gateway whose name has no address. It
    /// counts as silence: nothing is closed and everything becomes unconfirmed.
    static member Unasked(gateway: string, protocol: string, at: Instant, reason: string) =
        AuditResult
            { Gateway = GatewayId.create gateway
              Protocol = protocol
              Profile = ""
              Traits = Traits.plain
              Asked = at
              Answered = at
              Boot = Boot.untold at
              Completeness = Partial [ Silent reason ]
              Observations = [||]
              Ended = [||]
              History = ValueNone
              Denied = [||]
              Total = ValueNone
              Standing = ValueNone
              Remarks = []
              Requests = 0 }

    /// The audit as `audit --json` prints it. The correction is added to every time (see ServerStamp).
    member _.View(uri: string, correction: TimeSpan) : AuditView = Views.audit correction uri snapshot

    /// One line about times that cannot be true, such as a start before the setup; null if there are none.
    member _.Conflicts(correction: TimeSpan) : string = Views.conflicts correction snapshot

/// How the release of a connection went.
[<Sealed; AllowNullLiteral>]
type ReleaseResult internal (connection: ConnectionId, release: Release) =
    member internal _.Outcome = release
    member internal _.With(caveats: Caveats) = ReleaseResult(connection, Caveats.release caveats release)

    member internal _.Ended =
        match release with
        | Release.Ended ended -> ValueSome ended
        | Release.NotReleased _ -> ValueNone

    /// The result of a release that could not even be requested, such as at a gateway whose name has no
    /// address.
    static member Unasked(connection: string, reason: string) =
        ReleaseResult(
            ConnectionId.create connection,
            Release.NotReleased(Refused(RefusalCause.Unsaid, reason))
        )

    /// The id of the connection.
    member _.Connection = string connection

    /// Whether the gateway's own reply ended it.
    member _.Released =
        match release with
        | Release.Ended _ -> true
        | Release.NotReleased _ -> false

    /// Whether nobody knows if it ended: the gateway did not answer, or its answer does not say.
    member _.Unknown =
        match release with
        | Release.NotReleased(Silent _ | CutShort _ | Unreadable _ | TooLarge _ | Cancelled) -> true
        | Release.NotReleased _
        | Release.Ended _ -> false

    /// Why it did not happen, or why nobody knows; null if it did.
    member _.Reason: string =
        match release with
        | Release.Ended _ -> null
        | Release.NotReleased shortfall -> string shortfall

    /// What the gateway counted at the end; null if it did not say.
    member _.Counters: CountersView =
        match release with
        | Release.Ended ended -> Views.counters ended.Counters
        | Release.NotReleased _ -> Unchecked.defaultof<CountersView>

/// What a gateway says about who controls it.
[<Sealed; AllowNullLiteral>]
type ControllerResult internal (controller: Controller) =
    member internal _.With(caveats: Caveats) = ControllerResult(Caveats.controller caveats controller)

    /// The notified entity as the gateway writes it (RFC 3435 §4.1). Empty if that is whoever sent the last
    /// command; null if the gateway did not say.
    member _.Entity: string =
        match controller with
        | Controller.Told(_, entity) -> entity
        | Controller.NotTold _ -> null

    /// The controller in words, for a log.
    override _.ToString() =
        match controller with
        | Controller.Told(endpoint, "") -> $"{endpoint} answers to whoever sent the last command"
        | Controller.Told(endpoint, entity) -> $"{endpoint} is controlled by {entity}"
        | Controller.NotTold shortfall -> string shortfall

/// What the record holds of one gateway, for an audit that asks for each connection by its id or reads what
/// is new in the gateway's history.
[<Sealed; AllowNullLiteral>]
type KnownConnections internal (connections: Connection[], history: HistoryMark voption, afresh: bool) =
    internal new(connections, history) = KnownConnections(connections, history, false)

    /// How many connections the record holds.
    member _.Count = connections.Length
    /// The same connections without the mark in the gateway's history, so that an audit does not read that.
    member _.WithoutHistory = KnownConnections(connections, ValueNone, afresh)
    /// The same for an audit that reads all facts of them anew.
    member _.Afresh = KnownConnections(connections, history, true)
    member internal _.Connections = connections
    member internal _.History = history
    member internal _.IsAfresh = afresh

/// What taking in one snapshot did: everything that a store needs for one transaction, and what to report.
[<Sealed>]
type RecordStep
    internal
    (
        gateway: GatewayId,
        traits: Traits,
        before: GatewayLedger,
        next: GatewayLedger,
        changes: Change[],
        stamp: ServerStamp,
        at: Instant,
        kept: Kept,
        upserts: Connection[],
        deletes: ConnectionId[],
        join: CallStep voption
    ) =
    /// Whether the record stayed as it was, for example because the snapshot was older than it.
    member _.Ignored = obj.ReferenceEquals(before, next)
    member internal _.Before = before
    member internal _.Ledger = next
    member internal _.Kept = kept
    member internal _.Transitions = changes
    member internal _.At = at
    /// What the step means for the calls; none if the record did not change.
    member internal _.ForJoin = join
    member internal _.Written = upserts
    /// The gateway's own row, which a store must always write.
    member _.GatewayRow: GatewayRow = StoredRows.ofGateway next kept

    /// Rows to insert or replace. A connection that was merely confirmed has none: the gateway's own row tells
    /// that (see ConnectionRow).
    member _.Upserts: IReadOnlyList<ConnectionRow> =
        [| for c in upserts -> StoredRows.ofConnection gateway kept.Number c |]

    /// Ids of rows to delete: their connections ended or were renamed.
    member _.Deletes: IReadOnlyList<string> = [| for id in deletes -> string id |]

    /// One CDR for each connection that ended, when there are no interim records.
    member this.Cdrs: IReadOnlyList<CdrView> = this.Finals TimeSpan.Zero

    /// One CDR for each connection that ended, numbered after its interim records at that interval. An
    /// interval of zero means no interim records.
    member _.Finals(interim: TimeSpan) : IReadOnlyList<CdrView> =
        [| for change in changes do
               match change with
               | Closed(c, ending) ->
                   Views.cdr stamp (Interim.finalNumber interim c) (Cdr.create gateway traits c ending)
               | Opened _
               | Updated _
               | Confirmed _
               | Unconfirmed _
               | Conflicted _
               | Renamed _
               | GatewayRestarted _ -> () |]

    /// The interim records that fell due at that interval, each in the shape of a CDR. An interval of zero
    /// means none.
    member _.Interims(interval: TimeSpan) : IReadOnlyList<CdrView> =
        [| for struct (c, number) in Interim.fallen interval before changes next ->
               Views.partial stamp gateway traits c number |]

    /// One record for each connection that began, in the shape of a CDR, with the number 0.
    member _.Starts: IReadOnlyList<CdrView> =
        [| for change in changes do
               match change with
               | Opened c -> Views.partial stamp gateway traits c 0
               | Closed _
               | Updated _
               | Confirmed _
               | Unconfirmed _
               | Conflicted _
               | Renamed _
               | GatewayRestarted _ -> () |]

    /// How exact the record was of the start of each connection that ended: latest - earliest. A start that
    /// has only one bound is left out.
    member _.StartWidths: IReadOnlyList<TimeSpan> =
        [| for change in changes do
               match change with
               | Closed(c, _) when Interval.isBounded c.Start.Within -> Interval.width c.Start.Within
               | Closed _
               | Opened _
               | Updated _
               | Confirmed _
               | Unconfirmed _
               | Conflicted _
               | Renamed _
               | GatewayRestarted _ -> () |]

    /// Everything that changed, for events and logs.
    member _.Changes: IReadOnlyList<ChangeView> =
        [| for change in changes -> Views.change stamp gateway at change |]

/// The record of one gateway, for one writer. Immutable: taking in a snapshot gives the next record.
[<Sealed>]
type GatewayRecord private (ledger: GatewayLedger, kept: Kept) =
    /// An empty record. Throws ArgumentException for a bad gateway id.
    static member Empty(gateway: string) =
        GatewayRecord(GatewayLedger.empty (GatewayId.create gateway), Keeping.nothing)

    /// The record as another host keeps it at this moment, for reading: a connection is confirmed if that host's newest audit
    /// confirmed it. Throws InvalidDataException if a row cannot be read.
    static member Read(row: GatewayRow, connections: IEnumerable<ConnectionRow>) =
        let connections = StoredRows.present row connections |> Array.map StoredRows.toConnection
        GatewayRecord({ StoredRows.toGateway row with Connections = connections }, StoredRows.toKept row)

    /// The record as a store kept it: every connection is active, and unconfirmed until an audit reports on
    /// it (rule 10). Throws InvalidDataException if a row cannot be read.
    static member Restore(row: GatewayRow, connections: IEnumerable<ConnectionRow>) =
        GatewayRecord.Read(row, connections).Unheard

    /// The same record, of which nobody knows whether the gateway still shows it: no connection is confirmed.
    member _.Unheard = GatewayRecord(GatewayLedger.restore ledger, kept)

    /// The id of the gateway.
    member _.Gateway = string ledger.Gateway
    /// How many connections are active.
    member _.Count = ledger.Connections.Length

    /// How many active connections the newest audit did not confirm.
    member _.UnconfirmedCount =
        ledger.Connections |> Array.sumBy (fun c -> if c.Status = Status.Confirmed then 0 else 1)

    /// How many active connections certainly began no later than this.
    member _.CountBegun(by: Instant) =
        ledger.Connections
        |> Array.sumBy (fun c -> if c.Start.Within.Latest.Micros <= by.Micros then 1 else 0)

    /// When the newest complete audit of the gateway's present run was asked; null if there was none.
    member _.LastComplete: Nullable<Instant> =
        match ledger.Completes with
        | newest :: _ -> Nullable newest
        | [] -> Nullable()

    /// What an audit needs to know that asks for each connection by its id.
    member _.Known = KnownConnections(ledger.Connections, ledger.History)

    /// The same record, but it wants a CDR for everything that ended after that instant by the gateway's own
    /// history, whoever watched then. A takeover passes the moment at which the primary was last heard. A
    /// record that has read the history from an earlier moment on stays as it is. Without this call a record
    /// wants what ended after its first complete audit.
    member this.WithHistorySince(instant: Instant) : GatewayRecord =
        match ledger.History with
        | ValueSome mark when mark.Since <= instant -> this
        | ValueSome mark ->
            let mark = { mark with Since = instant; ReadTo = instant; Cursor = ValueNone }
            GatewayRecord({ ledger with History = ValueSome mark }, kept)
        | ValueNone -> GatewayRecord({ ledger with History = ValueSome(HistoryMark.since instant) }, kept)

    /// Connections that began since the record began.
    member _.OpenedTotal = ledger.OpenedTotal
    /// Connections that ended since the record began.
    member _.ClosedTotal = ledger.ClosedTotal
    /// Reports that contradicted the record (rule 5).
    member _.ConflictsTotal = ledger.ConflictsTotal
    /// Whether the gateway ever told a running total of its calls.
    member _.CountsCalls = ledger.Balance <> Balance.none
    /// Calls that began and nobody saw since the record began, by the gateway's running total: at least so many.
    member _.UnseenLeast = (Balance.unseen ledger.Balance).Least
    /// At most so many.
    member _.UnseenMost = (Balance.unseen ledger.Balance).Most
    /// Calls by which the record has more than the gateway counted.
    member _.SurplusTotal = ledger.Balance.Surplus

    member internal _.Ledger = ledger

    /// One active connection as of now; null if the record does not hold it. The correction is added to every
    /// time.
    member _.Find(connection: string, now: Instant, correction: TimeSpan) : ConnectionView =
        match ConnectionId.tryCreate connection with
        | None -> Unchecked.defaultof<ConnectionView>
        | Some id ->
            match GatewayLedger.tryFind id ledger with
            | ValueSome known -> Views.connection correction now ledger.Gateway known
            | ValueNone -> Unchecked.defaultof<ConnectionView>

    /// The active connections by id, as of now. The correction is added to every time.
    member _.Connections(now: Instant, correction: TimeSpan) : IEnumerable<ConnectionView> =
        ledger.Connections |> Seq.map (Views.connection correction now ledger.Gateway)

    /// The active connections whose ids follow this one in ordinal order, as of now; null begins at the
    /// first.
    member _.ConnectionsAfter(id: string, now: Instant, correction: TimeSpan) : IEnumerable<ConnectionView> =
        let connections = ledger.Connections

        let rec search low high =
            if low >= high then
                low
            else
                let middle = low + (high - low) / 2

                if String.CompareOrdinal(string connections[middle].Id, id) <= 0 then
                    search (middle + 1) high
                else
                    search low middle

        let first = if isNull id then 0 else search 0 connections.Length

        seq {
            for index in first .. connections.Length - 1 ->
                Views.connection correction now ledger.Gateway connections[index]
        }

    /// The part of a result that this record may take: limited by the gateway's own limit, and by the room
    /// that is left beside all other gateways. `memory` is the octets of `polling.memory`, which the reason
    /// names. Leaving anything out makes the result partial.
    member _.Bounded(result: AuditResult, room: int, memory: int64) : AuditResult =
        let limit, most =
            if result.Most <= room then
                Limit.Connections result.Most, result.Most
            else
                Limit.Memory memory, room

        AuditResult(Bounds.forRecord limit most ledger.Connections result.Snapshot, result.Most)

    /// Takes in a snapshot by the rules of the record.
    member _.Apply(result: AuditResult, stamp: ServerStamp) : RecordStep =
        let struct (next, changes) = Reconcile.apply result.Snapshot ledger
        GatewayRecord.Step(ledger, kept, next, changes, stamp, result.Answered, result)

    /// The gateway itself reported now that it restarted and lost its connections. None of them is confirmed
    /// until an audit asked from now on lists it.
    member _.Restarted(now: Instant, stamp: ServerStamp) : RecordStep =
        // It does not say when it restarted, and may have waited before it reported.
        let struct (next, changes) = Reconcile.restarted (Interval.upTo now) ledger
        GatewayRecord.Step(ledger, kept, next, changes, stamp, now, null)

    /// This server took over from another at this instant: nothing is confirmed until an audit lists it. No
    /// store needs to know, because connections restored from a store are not confirmed either.
    member _.TakenOver(at: Instant) = GatewayRecord(GatewayLedger.takenOver at ledger, Keeping.stale kept)

    /// The record as another host kept it, on this host's timeline: bounds get wider by what the hosts' clocks do
    /// not tell. The next step writes every row.
    member _.HandedOver(shift: TimelineShift) = GatewayRecord(HandOver.read shift ledger, Keeping.stale kept)

    /// Each active connection, and the id of the CDR that would be written if it ended now.
    member _.CdrIds: IReadOnlyList<KeyValuePair<string, string>> =
        [| for connection in ledger.Connections ->
               KeyValuePair(string connection.Id, string (Cdr.id ledger.Gateway connection)) |]

    /// Leaves these connections to another server, which has them in its record or has billed them, as a cold
    /// standby does that acted before. Nothing ends, and no CDR is due. The step says which rows a store must
    /// delete. Ids that the record does not hold are skipped.
    member _.Leave(connections: IEnumerable<string>, now: Instant, stamp: ServerStamp) : RecordStep =
        let elsewhere = HashSet<string>(connections, StringComparer.Ordinal)

        let next = GatewayLedger.leave (fun connection -> elsewhere.Contains(string connection.Id)) ledger
        GatewayRecord.Step(ledger, kept, next, [||], stamp, now, null)

    /// Ends one connection on an operator's order. False if the record does not hold it.
    member _.TryClose
        (connection: string, reason: string, now: Instant, stamp: ServerStamp, [<Out>] step: byref<RecordStep>) =
        match ConnectionId.tryCreate connection with
        | None -> false
        | Some id ->
            match GatewayLedger.tryFind id ledger with
            | ValueNone -> false
            | ValueSome known ->
                let ending =
                    { Within = Interval.create (Instant.min known.LastHeard now) now
                      Evidence = Operator
                      Cause = ValueOption.ofObj reason
                      Counters = ValueNone
                      Order = ValueNone }

                match Reconcile.close id ending ledger with
                | ValueNone -> false
                | ValueSome(struct (next, change)) ->
                    step <- GatewayRecord.Step(ledger, kept, next, [| change |], stamp, now, null)
                    true

    /// Ends one connection by the gateway's own reply to its release, with who had it ended and why. False if
    /// the record does not hold it, or the gateway did not release it.
    member _.TryRelease
        (
            result: ReleaseResult,
            by: string,
            reason: string,
            now: Instant,
            stamp: ServerStamp,
            [<Out>] step: byref<RecordStep>
        ) =
        match result.Ended with
        | ValueNone -> false
        | ValueSome ended ->
            match Reconcile.released ended { By = by; Reason = reason } now ledger with
            | ValueNone -> false
            | ValueSome(struct (next, change)) ->
                step <- GatewayRecord.Step(ledger, kept, next, [| change |], stamp, now, null)
                true

    /// `confirmed` or `unconfirmed`; null if the record does not hold it.
    member _.StatusOf(connection: string) : string =
        match ConnectionId.tryCreate connection with
        | None -> null
        | Some id ->
            match GatewayLedger.tryFind id ledger with
            | ValueSome known -> string known.Status
            | ValueNone -> null

    /// The gateway's own row.
    member _.Row: GatewayRow = StoredRows.ofGateway ledger kept

    /// The record after a step, which must come from this record.
    member _.After(step: RecordStep) = GatewayRecord(step.Ledger, step.Kept)

    /// The whole record as a step for the join, when no audit describes the source.
    member internal _.ForJoin(source: SourceTraits voption) : CallStep =
        { Gateway = ledger.Gateway
          Source = source
          DriftPpm = ledger.Traits.DriftPpm
          Audit = ValueNone
          Connections = ledger.Connections
          Changes = [||] }

    /// The step from one ledger to the next; `audit` is null if no audit led to it.
    static member private Step
        (before: GatewayLedger, kept: Kept, next: GatewayLedger, changes, stamp, at, audit: AuditResult)
        =
        let struct (kept, upserts, deletes) = Keeping.step (not (isNull audit)) before next kept

        let join =
            if obj.ReferenceEquals(before, next) then
                ValueNone
            else
                ValueSome
                    { Gateway = next.Gateway
                      Source = (if isNull audit then ValueNone else audit.Snapshot.Traits.Source)
                      DriftPpm = next.Traits.DriftPpm
                      Audit =
                        (if isNull audit then
                             ValueNone
                         else
                             ValueSome { Asked = audit.Asked; IsComplete = audit.Complete })
                      Connections = next.Connections
                      Changes = changes }

        RecordStep(next.Gateway, next.Traits, before, next, changes, stamp, at, kept, upserts, deletes, join)
