namespace CallServer.Ledger

open System
open CallServer.Model

/// What the audits after a takeover told of one gateway's connections.
type GatewayRecovery =
    {
        Gateway: GatewayId
        Completeness: Completeness
        /// No further audit would tell more: the last one told everything, or nobody answers.
        IsTold: bool
        /// How many audits that is.
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
        /// How wide the bounds of each start are, of those that the audit heard and whose start has two, in microseconds.
        Widths: int64[]
        /// Of those that the audit heard: starts without a lower bound.
        Unbounded: int
        /// (upper - lower) of the billable time, of connections that the audit heard.
        RiskActive: TimeSpan
        /// The same of those that it closed.
        RiskEnded: TimeSpan
        /// Of those that are unknown, when each was last heard: what may be billed too much grows from then on.
        UnknownSince: Instant[]
        /// Their starts' share of it.
        RiskUnknown: TimeSpan
    }

module GatewayRecovery =
    /// The width of a start's bounds; nothing where it has no lower one. A leg that rings is not billable.
    let private width (timing: Timing) : TimeSpan voption =
        if Times.isPending timing then
            ValueSome TimeSpan.Zero
        elif Interval.isBounded timing.Within then
            ValueSome(Interval.width timing.Within)
        else
            ValueNone

    let private sum (widths: TimeSpan voption seq) =
        widths |> Seq.sumBy (ValueOption.map _.Ticks >> ValueOption.defaultValue 0L) |> TimeSpan.FromTicks

    /// What one audit did, by the record after it and the changes that led there.
    let create (snapshot: Snapshot) (after: GatewayLedger) (changes: Change[]) : GatewayRecovery =
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
          UnknownSince = unknown |> Array.map _.LastHeard
          RiskUnknown = unknown |> Seq.map (fun c -> width c.Start) |> sum }

    /// Asked again, as the earlier audit was not complete: the later one tells how things stand, both tell what happened.
    let follow (earlier: GatewayRecovery) (later: GatewayRecovery) : GatewayRecovery =
        let heard = later.Recovered + later.Confirmed
        let recovered = earlier.Recovered + later.Recovered

        { later with
            Audits = earlier.Audits + later.Audits
            Recovered = min recovered heard
            Confirmed = max 0 (heard - recovered)
            Ended = earlier.Ended + later.Ended
            RiskEnded = earlier.RiskEnded + later.RiskEnded }

/// What a takeover brought back, as far as it has come.
type Recovery =
    {
        /// It was decided then, and everybody was asked.
        Began: Instant
        GatewayCount: int
        /// Not settled yet: neither heard whole, nor given up on.
        Waiting: Set<GatewayId>
        Heard: Map<GatewayId, GatewayRecovery>
    }

/// What is told of a recovery.
type RecoveryFigures =
    {
        Recovered: int
        Confirmed: int
        Ended: int
        Unknown: int
        /// From the decision until the last gateway had answered; so far, where some have not.
        Took: TimeSpan
        /// From the decision until half, and nine tenths, of the connections heard were heard.
        Half: TimeSpan
        Ninety: TimeSpan
        /// Widths of the starts with two bounds: nothing where there is none.
        MedianStart: TimeSpan voption
        WorstStart: TimeSpan voption
        /// Starts with two bounds.
        Bounded: int
        /// Starts without a lower bound: what is at risk with them has no upper bound, and is in no sum.
        Unbounded: int
        RiskActive: TimeSpan
        RiskEnded: TimeSpan
        RiskUnknown: TimeSpan
    }

    /// Sum of (upper - lower) over billable time.
    member this.AtRisk = this.RiskActive + this.RiskEnded + this.RiskUnknown

module Recovery =
    /// While calls come and go, a gateway's count may disagree with its list; at a takeover nobody waits an interval for the next
    /// audit. After so many, what is missing is not the moment's doing.
    [<Literal>]
    let MostAudits = 3

    let start (at: Instant) (gateways: GatewayId seq) : Recovery =
        let waiting = Set.ofSeq gateways
        { Began = at; GatewayCount = waiting.Count; Waiting = waiting; Heard = Map.empty }

    /// Counts what one audit brought. A gateway is waited for, and asked again, until it has told everything, does not answer, or
    /// was asked MostAudits times; what comes of it after that does not count.
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

    let isWhole (recovery: Recovery) = Set.isEmpty recovery.Waiting

    /// From the decision until so many hundredths of the connections were heard.
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
          RiskActive = TimeSpan.FromTicks(total _.RiskActive)
          RiskEnded = TimeSpan.FromTicks(total _.RiskEnded)
          RiskUnknown = TimeSpan.FromTicks(total _.RiskUnknown + silence) }
