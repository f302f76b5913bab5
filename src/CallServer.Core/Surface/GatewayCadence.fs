namespace CallServer.Surface

open System
open CallServer.Model
open CallServer.Polling

/// When one gateway is due for its next audit. Immutable: each audit gives the next one.
[<Sealed>]
type GatewayCadence private (cadence: Cadence) =
    static let rateOf (pace: AuditPace) : AuditRate =
        match pace with
        | AuditPace.Full -> Full
        | AuditPace.Slow -> Slow
        | _ -> Known

    /// The cadence of a gateway that was never audited.
    static member Create(interval: TimeSpan) = GatewayCadence(Cadence.create interval)

    /// The pause after this many failures in a row, at least 1: the interval, then twice, four times and so
    /// on up to the limit. Never less than the interval.
    static member Pause(interval: TimeSpan, limit: TimeSpan, failures: int) : TimeSpan =
        BackOff.pause interval limit failures

    /// The time between two audits of a gateway with this interval at this pace.
    static member Stretched(interval: TimeSpan, pace: AuditPace) : TimeSpan =
        if pace = AuditPace.Full then interval else interval * float Cadence.Slowness

    /// The cadence after an audit has begun.
    member _.Begin(now: Instant) = GatewayCadence(Cadence.beginAt now cadence)

    /// The cadence after that audit has ended. The limit is the longest pause of back-off.
    member _.End(result: AuditResult, limit: TimeSpan) =
        let learntNothing = not result.Complete && result.Count = 0
        GatewayCadence(Cadence.endAt limit learntNothing result.Asked result.Answered cadence)

    /// Whether the gateway is due at this tick of its interval. `holdsConnections`: the record has
    /// connections of it.
    member _.IsDue(now: Instant, pace: AuditPace, holdsConnections: bool) =
        Cadence.isDue now (rateOf pace) holdsConnections cadence

    /// Whether the newest audit learnt nothing: not one connection, and not that there is none.
    member _.IsSilent = cadence.Silences > 0
    /// Whether the newest audit took longer than the interval.
    member _.IsSlow = cadence.IsSlow
