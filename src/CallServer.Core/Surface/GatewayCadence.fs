namespace CallServer.Surface

open System
open CallServer.Model
open CallServer.Polling

/// When one gateway is to be asked again. Immutable: each audit gives the next.
[<Sealed>]
type GatewayCadence private (cadence: Cadence) =
    static let paceOf (pace: AuditPace) : Pace =
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
        GatewayCadence(Cadence.endAt limit result.Silent result.Asked result.Answered cadence)

    /// Whether it is asked at this tick of its interval. `holdsConnections`: the record has some of it.
    member _.IsDue(now: Instant, pace: AuditPace, holdsConnections: bool) =
        Cadence.isDue now (paceOf pace) holdsConnections cadence

    /// The newest audit learnt nothing.
    member _.IsSilent = cadence.Silences > 0
    /// The newest audit took longer than the interval.
    member _.IsSlow = cadence.IsSlow
