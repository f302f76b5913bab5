namespace CallServer.Surface

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger

/// How many gateways of a recovery came to what.
[<NoComparison>]
type RecoveryGateways = { Total: int; Complete: int; Partial: int; Silent: int; Waiting: int }

/// What became of the connections.
[<NoComparison>]
type RecoveryConnections = { Recovered: int; Confirmed: int; Ended: int; Unknown: int }

/// How exact the starts of the connections heard are: the width of their bounds in seconds, null where none has two.
[<NoComparison>]
type RecoveryStarts =
    { Bounded: int
      Unbounded: int
      MedianSeconds: Nullable<float>
      WorstSeconds: Nullable<float> }

/// Sum of (upper - lower) over billable time, in seconds.
[<NoComparison>]
type RecoveryRisk = { Active: float; Ended: float; Unknown: float }

[<NoComparison>]
type GatewayRecoveryView =
    {
        Gateway: string
        /// complete, partial, silent, waiting. In a report that is whole, waiting is one that was not heard in time.
        Outcome: string
        Reasons: IReadOnlyList<string>
        /// From the decision, in seconds; null while it is waited for.
        Answered: Nullable<float>
        Recovered: int
        Confirmed: int
        Ended: int
        Unknown: int
    }

/// The report of a takeover, or of what one would find.
[<NoComparison>]
type RecoveryView =
    {
        Server: string
        Epoch: int
        /// peer-silent, nobody-acted, handed-over, operator, dry-run.
        Cause: string
        Decided: string
        /// When a server was last heard to act; null where none ever was.
        LastHeard: string
        /// From then until it was decided: nobody acted for at most so long. Null where none was ever heard.
        DetectionSeconds: Nullable<float>
        /// Every gateway was heard or given up on.
        Whole: bool
        /// From the decision until the last gateway had answered.
        RecoverySeconds: float
        HalfSeconds: float
        NinetySeconds: float
        Gateways: RecoveryGateways
        Connections: RecoveryConnections
        Starts: RecoveryStarts
        SecondsAtRisk: float
        AtRisk: RecoveryRisk
        ByGateway: IReadOnlyList<GatewayRecoveryView>
    }

/// What a takeover has brought back so far. Immutable; each gateway counts once, with the first audit that was asked after the
/// decision.
[<Sealed>]
type RecoveryBook
    private (takeover: TakeoverDecision, server: string, recovery: Recovery, givenUp: Instant voption) =
    static let seconds (span: TimeSpan) = Math.Round(span.TotalSeconds, 6)

    static let nullable (span: TimeSpan voption) = span |> ValueOption.map seconds |> ValueOption.toNullable

    /// Every gateway is to be asked now.
    static member Begin(takeover: TakeoverDecision, server: string, gateways: IEnumerable<string>) =
        RecoveryBook(
            takeover,
            server,
            Recovery.start takeover.At (gateways |> Seq.map GatewayId.create),
            ValueNone
        )

    /// What would stand for a takeover now.
    static member DryRun(at: Instant, server: string, epoch: int, gateways: IEnumerable<string>) =
        RecoveryBook.Begin(
            { Epoch = epoch; Cause = "dry-run"; At = at; LastHeard = Nullable() },
            server,
            gateways
        )

    /// The audit tells of a gateway that is waited for.
    member _.WaitsFor(result: AuditResult) =
        givenUp.IsNone && result.Asked >= takeover.At && recovery.Waiting.Contains result.Snapshot.Gateway

    /// Takes in what one audit did. The very same book comes back where that does not count. A gateway that is not settled is
    /// asked again, and waited for.
    member this.Take(result: AuditResult, step: RecordStep, settled: bool) : RecoveryBook =
        if not (this.WaitsFor result) then
            this
        else
            let part = GatewayRecovery.create result.Snapshot step.Ledger step.Transitions
            RecoveryBook(takeover, server, Recovery.take settled part recovery, givenUp)

    /// Nobody is waited for any more: the report stays as it is now. The very same book comes back where nobody was.
    member this.GiveUp(now: Instant) : RecoveryBook =
        if this.IsWhole then
            this
        else
            RecoveryBook(takeover, server, recovery, ValueSome now)

    member _.Decision = takeover
    member _.IsWhole = givenUp.IsSome || Recovery.isWhole recovery

    /// Gateways that were heard, or given up on.
    member _.HeardCount =
        if givenUp.IsSome then
            recovery.GatewayCount
        else
            recovery.GatewayCount - recovery.Waiting.Count

    member _.GatewayCount = recovery.GatewayCount

    /// The report as of now. The correction is added to every time (see ServerStamp).
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
