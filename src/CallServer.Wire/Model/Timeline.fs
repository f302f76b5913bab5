namespace CallServer.Model

open System

/// How far a clock that several hosts can ask is ahead of one host's timeline, as one exchange with it told.
[<Struct>]
type ClockReading =
    {
        /// It is ahead by no less than this; negative if it is behind.
        Least: TimeSpan
        /// And by no more than this.
        Most: TimeSpan
        /// What the clock showed.
        Told: Instant
    }

/// Makes and combines readings.
module ClockReading =
    /// How far two clocks may drift apart in this time: 200 parts per million of it, as much as for a gateway's up-time.
    let internal driftIn (time: TimeSpan) : TimeSpan =
        TimeSpan.FromMicroseconds(ceil (time.Duration().TotalMicroseconds * 200e-6))

    let private drift (a: Instant) (b: Instant) : TimeSpan = driftIn (a - b)

    // Both clocks cut off what is finer.
    let private tick = TimeSpan.FromMicroseconds 1.0

    /// The clock showed `told` at some moment between a question and its answer, which were sent and received
    /// at these instants of the host's timeline.
    let ofExchange (sent: Instant) (told: Instant) (received: Instant) : ClockReading =
        { Least = told - received - tick; Most = told - sent + tick; Told = told }

    /// The same reading as it bounds the clock at another moment of that clock.
    let at (moment: Instant) (reading: ClockReading) : ClockReading =
        let away = drift moment reading.Told
        { Least = reading.Least - away; Most = reading.Most + away; Told = moment }

    /// What an earlier and a later reading say together at the later one. If they contradict each other, one of
    /// the clocks was stepped between them, and the later one counts alone.
    let after (earlier: ClockReading) (later: ClockReading) : ClockReading =
        let earlier = at later.Told earlier
        let least = max earlier.Least later.Least
        let most = min earlier.Most later.Most

        if least <= most then { later with Least = least; Most = most } else later

/// Where the instants of one timeline lie on another: an instant t in [t + Least, t + Most].
[<Struct>]
type TimelineShift =
    { Least: TimeSpan
      Most: TimeSpan }

    /// What the two clocks do not tell.
    member this.Width: TimeSpan = this.Most - this.Least

/// Makes shifts and applies them.
module TimelineShift =
    /// From a timeline to itself.
    let none: TimelineShift = { Least = TimeSpan.Zero; Most = TimeSpan.Zero }

    /// Exactly so much later on the other timeline.
    let exactly (by: TimeSpan) : TimelineShift = { Least = by; Most = by }

    /// From one host's timeline to another's, by what each last read of the same clock.
    let between (from: ClockReading) (towards: ClockReading) : TimelineShift =
        let from = ClockReading.at towards.Told from
        { Least = from.Least - towards.Most; Most = from.Most - towards.Least }

    /// The same shift, as it holds for this long after (or before) it was read: each of the two clocks may drift from the one
    /// that both read.
    let lasting (time: TimeSpan) (shift: TimelineShift) : TimelineShift =
        let away = 2.0 * ClockReading.driftIn time
        { Least = shift.Least - away; Most = shift.Most + away }

    /// The first instant of the other timeline that it may be.
    let early (shift: TimelineShift) (instant: Instant) : Instant = instant + shift.Least

    /// The last instant of the other timeline that it may be.
    let late (shift: TimelineShift) (instant: Instant) : Instant = instant + shift.Most

    /// An interval on the other timeline: wider by what the clocks do not tell. Open ends stay open.
    let interval (shift: TimelineShift) (interval: Interval) : Interval =
        Interval.create (early shift interval.Earliest) (late shift interval.Latest)
