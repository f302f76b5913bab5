namespace CallServer.Polling

open System
open CallServer.Model

/// How often a server audits its gateways.
type AuditRate =
    /// At every gateway's interval.
    | Full
    /// Three times less often: a warm standby.
    | Slow
    /// Only gateways with connections in its record, and three times less often: a cold standby that acted
    /// before may be the only one that knows of them.
    | Known

/// How long to leave alone what has failed.
module BackOff =
    /// The pause after this many failures in a row: the interval after the first, then twice, four times and
    /// so on up to the limit. Never less than the interval.
    let pause (interval: TimeSpan) (limit: TimeSpan) (failures: int) : TimeSpan =
        let most = max limit interval

        let rec doubled (pause: TimeSpan) (times: int) =
            if times <= 0 then pause
            elif pause >= most / 2.0 then most
            else doubled (pause + pause) (times - 1)

        doubled interval (failures - 1)

/// When one gateway is due for its next audit.
type Cadence =
    {
        Interval: TimeSpan
        /// When its newest audit began.
        Begun: Instant
        /// Audits in a row that learnt nothing.
        Silences: int
        /// While its audits learn nothing, its ticks before this instant are skipped.
        NotBefore: Instant
        /// Its newest audit took longer than its interval.
        IsSlow: bool
    }

/// Follows the audits of one gateway.
module Cadence =
    /// How many times less often a standby asks.
    [<Literal>]
    let Slowness = 3

    /// The cadence of a gateway that was never audited.
    let create (interval: TimeSpan) : Cadence =
        { Interval = interval
          Begun = Instant.distantPast
          Silences = 0
          NotBefore = Instant.distantPast
          IsSlow = false }

    /// The cadence after an audit has begun.
    let beginAt (now: Instant) (cadence: Cadence) : Cadence = { cadence with Begun = now }

    /// The cadence after that audit has ended. The limit is the longest pause of back-off. A gateway of which audits
    /// learn nothing, be it by silence, by a refusal or by answers that nobody can read or keep, is asked less often.
    let endAt
        (limit: TimeSpan)
        (learntNothing: bool)
        (asked: Instant)
        (answered: Instant)
        (cadence: Cadence)
        : Cadence =
        let cadence = { cadence with IsSlow = answered - asked > cadence.Interval }

        if learntNothing then
            let silences = cadence.Silences + 1
            let pause = BackOff.pause cadence.Interval limit silences

            { cadence with
                Silences = silences
                // Half an interval early, so that the tick at the end of the pause is not skipped.
                NotBefore = asked + (pause - cadence.Interval / 2.0) }
        else
            { cadence with Silences = 0; NotBefore = Instant.distantPast }

    /// Whether the gateway is due at this tick of its interval.
    let isDue (now: Instant) (rate: AuditRate) (holdsConnections: bool) (cadence: Cadence) : bool =
        // Half an interval early, so that the tick at its end is not skipped.
        let isSlowlyDue () = now >= cadence.Begun + cadence.Interval * (float Slowness - 0.5)

        now >= cadence.NotBefore
        && (match rate with
            | Full -> true
            | Slow -> isSlowlyDue ()
            | Known -> holdsConnections && isSlowlyDue ())
