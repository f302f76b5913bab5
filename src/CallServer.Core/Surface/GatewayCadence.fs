namespace CallServer.Surface

open System
open CallServer.Model
open CallServer.Polling

/// When one gateway is to be asked again. Immutable: each audit gives the next.
[<Sealed>]
type GatewayCadence private (cadence: Cadence) =
    static let rateOf (pace: AuditPace) : AuditRate =
        match pace with
        | AuditPace.Full -> Full
        | AuditPace.Slow -> Slow
        | _ -> Known

    /// Of a gateway that was never asked.
    static member Create(interval: TimeSpan) = GatewayCadence(Cadence.create interval)

    /// The pause after so many failures in a row, at least 1: the interval, then twice, four times and so on up to the limit. Never less
    /// than the interval.
    static member Pause(interval: TimeSpan, limit: TimeSpan, failures: int) : TimeSpan =
        BackOff.pause interval limit failures

    /// How often a gateway of that interval is asked at this pace.
    static member Stretched(interval: TimeSpan, pace: AuditPace) : TimeSpan =
        if pace = AuditPace.Full then interval else interval * float Cadence.Slowness

    /// An audit begins.
    member _.Begin(now: Instant) = GatewayCadence(Cadence.beginAt now cadence)

    /// That audit is over. The limit is the longest pause of back-off.
    member _.End(result: AuditResult, limit: TimeSpan) =
        let learntNothing = not result.Complete && result.Count = 0
        GatewayCadence(Cadence.endAt limit learntNothing result.Asked result.Answered cadence)

    /// Whether it is asked at this tick of its interval. `holdsConnections`: the record has some of it.
    member _.IsDue(now: Instant, pace: AuditPace, holdsConnections: bool) =
        Cadence.isDue now (rateOf pace) holdsConnections cadence

    /// The newest audit learnt nothing: not one connection, and not that there is none.
    member _.IsSilent = cadence.Silences > 0
    /// The newest audit took longer than the interval.
    member _.IsSlow = cadence.IsSlow
