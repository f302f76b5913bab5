namespace CallServer.Surface

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger

/// How many gateways had which outcome.
[<NoComparison>]
type RecoveryGateways =
    {
        /// All gateways.
        Total: int
        /// Those with a complete audit.
        Complete: int
        /// Those that reported something, but not everything.
        Partial: int
        /// Those that reported nothing.
        Silent: int
        /// Those that the report still waits for, or gave up.
        Waiting: int
    }

/// What became of the connections.
[<NoComparison>]
type RecoveryConnections =
    {
        /// Brought back: this server did not know them.
        Recovered: int
        /// Known to this server, and heard again.
        Confirmed: int
        /// Known to this server, and proven to have ended.
        Ended: int
        /// Known to this server, and not heard: no audit proved or disproved them.
        Unknown: int
    }

/// How exact the starts of the connections heard are.
[<NoComparison>]
type RecoveryStarts =
    {
        /// Starts with two bounds.
        Bounded: int
        /// Starts without a lower bound.
        Unbounded: int
        /// The median width of the bounds, in seconds; null if no start has two.
        MedianSeconds: Nullable<float>
        /// The greatest width, in seconds; null if no start has two.
        WorstSeconds: Nullable<float>
    }

/// Calls that began and ended while nobody watched, by the gateways' own running totals.
[<NoComparison>]
type RecoveryUnseen =
    {
        /// At least so many.
        Least: int64
        /// At most so many.
        Most: int64
        /// How many gateways tell such a total: of the others nobody knows.
        Gateways: int
    }

/// Seconds at risk: the sum of (upper - lower) over billable time.
[<NoComparison>]
type RecoveryRisk =
    {
        /// Of connections that are active.
        Active: float
        /// Of connections that have ended.
        Ended: float
        /// Of connections that no audit reported on.
        Unknown: float
    }

/// What a takeover brought back from one gateway.
[<NoComparison>]
type GatewayRecoveryView =
    {
        /// The id of the gateway.
        Gateway: string
        /// `complete`, `partial`, `silent` or `waiting`. In a report that is whole, `waiting` means that the
        /// gateway was not heard in time.
        Outcome: string
        /// Why its audit is not complete; empty if it is.
        Reasons: IReadOnlyList<string>
        /// Seconds from the decision until its audit was answered; null while the report waits for it.
        Answered: Nullable<float>
        /// Connections that this server did not know.
        Recovered: int
        /// Known connections that were heard again.
        Confirmed: int
        /// Known connections that are proven to have ended.
        Ended: int
        /// Known connections that no audit reported on.
        Unknown: int
    }

/// The report of a takeover, or of what one would find.
[<NoComparison>]
type RecoveryView =
    {
        /// The name of the server that took over.
        Server: string
        /// Its epoch.
        Epoch: int
        /// `peer-silent`, `nobody-acted`, `handed-over`, `operator` or `dry-run`.
        Cause: string
        /// When it was decided, in UTC with microseconds.
        Decided: string
        /// When a server was last heard to act; null if none ever was.
        LastHeard: string
        /// Seconds from LastHeard until the decision: nobody acted for at most this long. Null if none was
        /// ever heard.
        DetectionSeconds: Nullable<float>
        /// Whether every gateway was heard or given up.
        Whole: bool
        /// Seconds from the decision until the last gateway had answered.
        RecoverySeconds: float
        /// Seconds from the decision until half of the connections were heard.
        HalfSeconds: float
        /// Seconds from the decision until 90 % of the connections were heard.
        NinetySeconds: float
        /// How many gateways had which outcome.
        Gateways: RecoveryGateways
        /// What became of the connections.
        Connections: RecoveryConnections
        /// Calls of which there is no record.
        Unseen: RecoveryUnseen
        /// How exact their starts are.
        Starts: RecoveryStarts
        /// The sum of AtRisk.
        SecondsAtRisk: float
        /// Seconds at risk, by what became of the connections.
        AtRisk: RecoveryRisk
        /// The outcome of each gateway.
        ByGateway: IReadOnlyList<GatewayRecoveryView>
    }

/// What a takeover has brought back so far. Immutable. Each gateway counts once, with its first audit asked
/// after the decision.
[<Sealed>]
type RecoveryBook
    private (takeover: TakeoverDecision, server: string, recovery: Recovery, givenUp: Instant voption) =
    static let seconds (span: TimeSpan) = Math.Round(span.TotalSeconds, 6)

    static let nullable (span: TimeSpan voption) = span |> ValueOption.map seconds |> ValueOption.toNullable

    /// The book of a takeover before any gateway was heard.
    static member Begin(takeover: TakeoverDecision, server: string, gateways: IEnumerable<string>) =
        RecoveryBook(
            takeover,
            server,
            Recovery.start takeover.At (gateways |> Seq.map GatewayId.create),
            ValueNone
        )

    /// The book of a drill: what a takeover now would find.
    static member DryRun(at: Instant, server: string, epoch: int, gateways: IEnumerable<string>) =
        RecoveryBook.Begin(
            { Epoch = epoch; Cause = "dry-run"; At = at; LastHeard = Nullable() },
            server,
            gateways
        )

    /// Whether the result is an audit of a gateway that the book waits for.
    member _.WaitsFor(result: AuditResult) =
        givenUp.IsNone && result.Asked >= takeover.At && recovery.Waiting.Contains result.Snapshot.Gateway

    /// Whether to ask the gateway of this result again: it has not told everything yet, and the book waits for it.
    member _.AsksAgain(result: AuditResult) =
        givenUp.IsNone && recovery.Waiting.Contains result.Snapshot.Gateway

    /// Takes in what one audit did. If the audit does not count, the same book object comes back.
    member this.Take(result: AuditResult, step: RecordStep) : RecoveryBook =
        if not (this.WaitsFor result) then
            this
        else
            let part = GatewayRecovery.create result.Snapshot step.Before step.Ledger step.Transitions
            RecoveryBook(takeover, server, Recovery.take part recovery, givenUp)

    /// Stops waiting: the report stays as it is now. If it waited for nobody, the same book object comes
    /// back.
    member this.GiveUp(now: Instant) : RecoveryBook =
        if this.IsWhole then
            this
        else
            RecoveryBook(takeover, server, recovery, ValueSome now)

    /// Why, when and under which epoch the server took over.
    member _.Decision = takeover
    /// Whether every gateway was heard or given up.
    member _.IsWhole = givenUp.IsSome || Recovery.isWhole recovery

    /// How many gateways were heard or given up.
    member _.HeardCount =
        if givenUp.IsSome then
            recovery.GatewayCount
        else
            recovery.GatewayCount - recovery.Waiting.Count

    /// How many gateways there are.
    member _.GatewayCount = recovery.GatewayCount

    /// The report as it is now. The correction is added to every time (see ServerStamp).
    member this.Report(now: Instant, correction: TimeSpan) : RecoveryView =
        let figures = Recovery.figures (givenUp |> ValueOption.defaultValue now) recovery
        let parts = recovery.Heard.Values |> Seq.toArray

        let outcome (part: GatewayRecovery) =
            if Completeness.isComplete part.Completeness then
                "complete"
            elif part.Recovered + part.Confirmed = 0 && Completeness.isSilent part.Completeness then
                "silent"
            else
                "partial"

        let count word = parts |> Array.sumBy (fun part -> if outcome part = word then 1 else 0)

        let heard (part: GatewayRecovery) : GatewayRecoveryView =
            { Gateway = string part.Gateway
              Outcome = outcome part
              Reasons =
                match part.Completeness with
                | Complete _ -> [||]
                | Partial reasons -> Array.ofList (Completeness.words reasons)
              Answered = Nullable(seconds (max TimeSpan.Zero (part.Answered - takeover.At)))
              Recovered = part.Recovered
              Confirmed = part.Confirmed
              Ended = part.Ended
              Unknown = part.Unknown }

        let waiting (gateway: GatewayId) : GatewayRecoveryView =
            { Gateway = string gateway
              Outcome = "waiting"
              Reasons = [||]
              Answered = Nullable()
              Recovered = 0
              Confirmed = 0
              Ended = 0
              Unknown = 0 }

        { Server = server
          Epoch = takeover.Epoch
          Cause = takeover.Cause
          Decided = Views.time correction takeover.At
          LastHeard =
            (if takeover.LastHeard.HasValue then
                 Views.time correction takeover.LastHeard.Value
             else
                 null)
          DetectionSeconds =
            (if takeover.LastHeard.HasValue then
                 Nullable(seconds (takeover.At - takeover.LastHeard.Value))
             else
                 Nullable())
          Whole = this.IsWhole
          RecoverySeconds = seconds figures.Took
          HalfSeconds = seconds figures.Half
          NinetySeconds = seconds figures.Ninety
          Gateways =
            { Total = recovery.GatewayCount
              Complete = count "complete"
              Partial = count "partial"
              Silent = count "silent"
              Waiting = recovery.Waiting.Count }
          Connections =
            { Recovered = figures.Recovered
              Confirmed = figures.Confirmed
              Ended = figures.Ended
              Unknown = figures.Unknown }
          Unseen = { Least = figures.Unseen.Least; Most = figures.Unseen.Most; Gateways = figures.Counting }
          Starts =
            { Bounded = figures.Bounded
              Unbounded = figures.Unbounded
              MedianSeconds = nullable figures.MedianStart
              WorstSeconds = nullable figures.WorstStart }
          SecondsAtRisk = seconds figures.AtRisk
          AtRisk =
            { Active = seconds figures.RiskActive
              Ended = seconds figures.RiskEnded
              Unknown = seconds figures.RiskUnknown }
          ByGateway =
            [| for part in parts do
                   yield heard part
               for gateway in recovery.Waiting do
                   if not (recovery.Heard.ContainsKey gateway) then
                       yield waiting gateway |] }
