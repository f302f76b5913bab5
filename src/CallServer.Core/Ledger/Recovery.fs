namespace CallServer.Ledger

open System
open CallServer.Model

/// What the audits after a takeover found out about one gateway's connections.
type GatewayRecovery =
    {
        Gateway: GatewayId
        Completeness: Completeness
        /// Another audit would find out nothing more: the last one found everything, or the gateway does not answer.
        IsTold: bool
        /// How many audits found this out.
        Audits: int
        /// When its last reply came, or waiting ended.
        Answered: Instant
        /// Found by the audit: this server did not hold them.
        Recovered: int
        /// Held before, and heard again.
        Confirmed: int
        /// Held before, and closed.
        Ended: int
        /// Held before, and neither heard nor closed.
        Unknown: int
        /// The width of each start that has two bounds, of connections that the audit heard, in microseconds.
        Widths: int64[]
        /// How many connections that the audit heard have a start without a lower bound.
        Unbounded: int
        /// The sum of (upper - lower) of the billable time, over connections that the audit heard.
        RiskActive: TimeSpan
        /// The sum of (upper - lower) of the billable time, over connections that it closed.
        RiskEnded: TimeSpan
        /// Calls that began and ended unseen since the audit before the takeover, by the gateway's running total; ValueNone if it does not tell one, or
        /// did not before the takeover.
        Unseen: CountRange voption
        /// When each unknown connection was last heard: from then on the time that may be billed too much
        /// grows.
        UnknownSince: Instant[]
        /// The share of the unknown connections' starts in what is at risk.
        RiskUnknown: TimeSpan
    }

/// Counts what audits after a takeover did.
module GatewayRecovery =
    /// The width of a start's bounds; ValueNone if it has no lower bound. A ringing leg is not billable, so
    /// zero.
    let private width (timing: Timing) : TimeSpan voption =
        if Times.isPending timing then
            ValueSome TimeSpan.Zero
        elif Interval.isBounded timing.Within then
            ValueSome(Interval.width timing.Within)
        else
            ValueNone

    let private sum (widths: TimeSpan voption seq) =
        widths |> Seq.sumBy (ValueOption.map _.Ticks >> ValueOption.defaultValue 0L) |> TimeSpan.FromTicks

    /// How many calls an audit showed to be unseen.
    let private unseen (before: GatewayLedger) (after: GatewayLedger) : CountRange voption =
        match before.Balance.Tally, after.Balance.Tally with
        | ValueSome before, ValueSome after when before.Since = after.Since && before.At < after.At ->
            ValueSome
                { Least = max 0L (after.Unseen.Least - before.Unseen.Most)
                  Most = max 0L (after.Unseen.Most - before.Unseen.Least) }
        | _ -> ValueNone

    /// What one audit did, from the record before and after it and the changes between.
    let create
        (snapshot: Snapshot)
        (before: GatewayLedger)
        (after: GatewayLedger)
        (changes: Change[])
        : GatewayRecovery =
        let heard, unknown = after.Connections |> Array.partition (fun c -> c.Status = Status.Confirmed)

        let count predicate = changes |> Array.sumBy (fun change -> if predicate change then 1 else 0)

        let recovered = count _.IsOpened
        let started = heard |> Array.filter (fun c -> not (Times.isPending c.Start))

        let ended =
            changes
            |> Seq.choose (fun change ->
                match change with
                | Closed(c, ending) -> Some(struct (c, ending))
                | _ -> None)
            |> Seq.toArray

        { Gateway = snapshot.Gateway
          Completeness = snapshot.Completeness
          IsTold = Snapshot.isComplete snapshot || Snapshot.isSilent snapshot
          Audits = 1
          Answered = snapshot.Answered
          Recovered = recovered
          Confirmed = max 0 (heard.Length - recovered)
          Ended = ended.Length
          Unknown = unknown.Length
          Widths =
            started
            |> Array.choose (fun c ->
                match width c.Start with
                | ValueSome width -> Some(width.Ticks / TimeSpan.TicksPerMicrosecond)
                | ValueNone -> None)
          Unbounded = started |> Array.sumBy (fun c -> if (width c.Start).IsNone then 1 else 0)
          RiskActive = heard |> Seq.map (fun c -> width c.Start) |> sum
          RiskEnded =
            ended
            |> Seq.map (fun (struct (c, ending)) ->
                width c.Start |> ValueOption.map (fun start -> start + Interval.width ending.Within))
            |> sum
          Unseen = unseen before after
          UnknownSince = unknown |> Array.map _.LastHeard
          RiskUnknown = unknown |> Seq.map (fun c -> width c.Start) |> sum }

    /// Adds a second audit of the gateway, because the first was not complete. The later one gives the
    /// present state; what happened is the sum of both.
    let follow (earlier: GatewayRecovery) (later: GatewayRecovery) : GatewayRecovery =
        let heard = later.Recovered + later.Confirmed
        let recovered = earlier.Recovered + later.Recovered

        { later with
            Audits = earlier.Audits + later.Audits
            Recovered = min recovered heard
            Confirmed = max 0 (heard - recovered)
            Ended = earlier.Ended + later.Ended
            Unseen = (if earlier.Unseen.IsSome then earlier.Unseen else later.Unseen)
            RiskEnded = earlier.RiskEnded + later.RiskEnded }

/// What a takeover has brought back so far.
type Recovery =
    {
        /// When the takeover was decided and every gateway was asked.
        Began: Instant
        GatewayCount: int
        /// Gateways not settled yet: neither heard completely nor given up.
        Waiting: Set<GatewayId>
        Heard: Map<GatewayId, GatewayRecovery>
    }

/// The figures of a recovery, for people.
type RecoveryFigures =
    {
        Recovered: int
        Confirmed: int
        Ended: int
        Unknown: int
        /// From the decision until the last gateway had answered; until now if some have not.
        Took: TimeSpan
        /// From the decision until half of the connections heard had been heard; Ninety until nine tenths
        /// had.
        Half: TimeSpan
        Ninety: TimeSpan
        /// The median width of the starts that have two bounds, and the widest; ValueNone if there is none.
        MedianStart: TimeSpan voption
        WorstStart: TimeSpan voption
        /// How many starts have two bounds.
        Bounded: int
        /// How many starts have no lower bound: the risk of these has no upper bound and is in no sum.
        Unbounded: int
        /// Calls that began and ended unseen, at the gateways whose running totals tell that.
        Unseen: CountRange
        Counting: int
        RiskActive: TimeSpan
        RiskEnded: TimeSpan
        RiskUnknown: TimeSpan
    }

    /// The sum of (upper - lower) over all billable time.
    member this.AtRisk = this.RiskActive + this.RiskEnded + this.RiskUnknown

/// Follows a recovery until every gateway is settled.
module Recovery =
    /// How often a gateway is audited after a takeover before its audit counts although it is not complete. While
    /// calls come and go its count may disagree with its list; after this many audits something else is wrong.
    [<Literal>]
    let MostAudits = 3

    /// A recovery decided at this instant that waits for these gateways.
    let start (at: Instant) (gateways: GatewayId seq) : Recovery =
        let waiting = Set.ofSeq gateways
        { Began = at; GatewayCount = waiting.Count; Waiting = waiting; Heard = Map.empty }

    /// Adds what one audit found out. The recovery waits for a gateway, and asks it again, until it has told
    /// everything, does not answer, or was asked MostAudits times; later audits are ignored.
    let take (part: GatewayRecovery) (recovery: Recovery) : Recovery =
        if Set.contains part.Gateway recovery.Waiting then
            let part =
                match Map.tryFind part.Gateway recovery.Heard with
                | Some earlier -> GatewayRecovery.follow earlier part
                | None -> part

            { recovery with
                Waiting =
                    (if part.IsTold || part.Audits >= MostAudits then
                         Set.remove part.Gateway recovery.Waiting
                     else
                         recovery.Waiting)
                Heard = Map.add part.Gateway part recovery.Heard }
        else
            recovery

    /// Whether every gateway is settled.
    let isWhole (recovery: Recovery) = Set.isEmpty recovery.Waiting

    /// From the decision until this percentage of the connections had been heard.
    let private reached (percent: int) (recovery: Recovery) (parts: GatewayRecovery[]) =
        let heard (part: GatewayRecovery) = part.Recovered + part.Confirmed
        let wanted = (Array.sumBy heard parts * percent + 99) / 100

        let rec search index sum =
            if index >= parts.Length then
                TimeSpan.Zero
            else
                let sum = sum + heard parts[index]

                if sum >= wanted then
                    max TimeSpan.Zero (parts[index].Answered - recovery.Began)
                else
                    search (index + 1) sum

        search 0 0

    /// The figures so far; what may be billed for silent connections grows until now.
    let figures (now: Instant) (recovery: Recovery) : RecoveryFigures =
        let parts = recovery.Heard.Values |> Seq.sortBy (fun part -> part.Answered) |> Seq.toArray

        let widths = parts |> Array.collect _.Widths |> Array.sort
        let micros (value: int64) = TimeSpan.FromMicroseconds value
        let total (pick: GatewayRecovery -> TimeSpan) = parts |> Seq.sumBy (fun part -> (pick part).Ticks)

        let silence =
            parts
            |> Seq.collect _.UnknownSince
            |> Seq.sumBy (fun since -> (max TimeSpan.Zero (now - since)).Ticks)

        let last =
            if isWhole recovery && parts.Length > 0 then
                parts[parts.Length - 1].Answered
            else
                now

        { Recovered = parts |> Array.sumBy _.Recovered
          Confirmed = parts |> Array.sumBy _.Confirmed
          Ended = parts |> Array.sumBy _.Ended
          Unknown = parts |> Array.sumBy _.Unknown
          Took = max TimeSpan.Zero (last - recovery.Began)
          Half = reached 50 recovery parts
          Ninety = reached 90 recovery parts
          MedianStart =
            (if widths.Length = 0 then
                 ValueNone
             else
                 ValueSome(micros widths[(widths.Length - 1) / 2]))
          WorstStart =
            (if widths.Length = 0 then
                 ValueNone
             else
                 ValueSome(micros widths[widths.Length - 1]))
          Bounded = widths.Length
          Unbounded = parts |> Array.sumBy _.Unbounded
          Unseen =
            parts
            |> Array.fold
                (fun sum part -> CountRange.add sum (ValueOption.defaultValue CountRange.zero part.Unseen))
                CountRange.zero
          Counting = parts |> Array.sumBy (fun part -> if part.Unseen.IsSome then 1 else 0)
          RiskActive = TimeSpan.FromTicks(total _.RiskActive)
          RiskEnded = TimeSpan.FromTicks(total _.RiskEnded)
          RiskUnknown = TimeSpan.FromTicks(total _.RiskUnknown + silence) }
