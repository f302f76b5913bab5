namespace CallServer.Protocols.Ari

open CallServer.Model
open CallServer.Ledger
open CallServer.Exchange

/// Which run of Asterisk an audit met.
type AriRun =
    {
        /// When it started by its own clock, in microseconds since 1970.
        Started: int64
        /// The same on our timeline; ValueNone where no audit saw the run before this one.
        Began: Interval voption
    }

module internal AriRun =
    /// The run that an audit met. Its beginning is dated once, where the audit before met another run: it lies between the two audits. A
    /// stamp alone would move with the clock, and a clock that was set would look like a restart.
    let meet
        (now: Instant)
        (clock: StampClock)
        (known: AriRun voption)
        (knownAt: Instant)
        (started: int64)
        : AriRun =
        match known with
        | ValueSome known when known.Started = started -> known
        | ValueSome _ ->
            { Started = started
              Began =
                AriClock.happened now started clock
                |> ValueOption.bind (Interval.intersect (Interval.create (Instant.min knownAt now) now)) }
        | ValueNone -> { Started = started; Began = ValueNone }

    let bootOf (now: Instant) (run: AriRun voption) : Boot =
        match run with
        | ValueSome run ->
            // In UTC: the zone in which Asterisk writes it may change.
            { Token = BootToken.tryCreate (string (Instant.ofMicros run.Started)) |> ValueOption.ofOption
              Scope = OfGateway
              Began = run.Began
              Period = ValueNone
              ReadAt = now }
        | ValueNone -> { Boot.untold now with Scope = OfGateway }
