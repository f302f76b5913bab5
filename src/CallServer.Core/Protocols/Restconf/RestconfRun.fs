namespace CallServer.Protocols.Restconf

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// One reading of the device's times.
[<Struct>]
type internal RestconfReading = { Told: DeviceTimes; Within: Interval }

/// Which run of the device an audit met.
type RestconfRun =
    {
        /// Its boot-time by its own clock as it was first told, in UTC.
        Token: string
        /// The same as it was last told, in microseconds since 1970.
        Booted: int64
        /// When that was on our timeline; ValueNone where its clock shows less than its boot-time.
        Began: Interval voption
    }

/// What the device's boot-time and clock prove. Nobody says whether boot-time is kept from the start, or reckoned from the clock and the
/// up-time whenever somebody asks. So both are allowed for: a run is the same if boot-time is, and also if it changed for another reason and the
/// up-time, which is the difference of clock and boot-time, went on.
module internal RestconfRun =
    let private span (micros: int64) : TimeSpan = TimeSpan.FromTicks(micros * TimeSpan.TicksPerMicrosecond)

    /// What a reading says of the clock, added to what is known of it.
    let learn (reading: RestconfReading) (clock: StampClock) : StampClock =
        let shown = reading.Told.Current

        let fresh =
            GatewayClock.read
                shown.Micros
                (shown.Micros + shown.Unit - 1L)
                reading.Within.Earliest
                reading.Within.Latest
                GatewayClock.unknown

        StampClock.learn reading.Within.Latest fresh clock

    let ofReading (reading: RestconfReading) : RestconfRun =
        let { Current = current; Booted = booted } = reading.Told
        let up = current.Micros - booted.Micros

        { Token = string (Instant.ofMicros booted.Micros)
          Booted = booted.Micros
          Began =
            (if up < 0L then
                 ValueNone
             else
                 ValueSome(
                     Ago.ofDifference
                         reading.Within.Earliest
                         reading.Within.Latest
                         (span up)
                         (span current.Unit)
                         (span booted.Unit)
                 )) }

    /// How much a boot-time may differ that is reckoned anew for every answer, in microseconds.
    [<Literal>]
    let private Jitter = 5_000_000L

    /// How far two clocks may drift apart meanwhile, and how far they may have been set without anybody noticing.
    let private slack (elapsed: TimeSpan) : TimeSpan = TimeSpan.FromSeconds 1.0 + elapsed * 200e-6

    /// Whether a run that is met so long after another one is the same. wasSet: somebody set the clock meanwhile.
    let isSame (wasSet: bool) (elapsed: TimeSpan) (known: RestconfRun) (met: RestconfRun) : bool =
        let goesOn =
            match known.Began, met.Began with
            | ValueSome known, ValueSome met -> met.Earliest <= known.Latest + slack elapsed
            | _ -> false

        known.Booted = met.Booted || ((wasSet || abs (known.Booted - met.Booted) <= Jitter) && goesOn)

    /// The run that a reading tells of, after the one that was known at an earlier moment. Another run began between the two.
    let meet (wasSet: bool) (known: RestconfRun voption) (knownAt: Instant) (reading: RestconfReading) =
        let met = ofReading reading
        let now = reading.Within.Latest

        match known with
        | ValueNone -> met
        | ValueSome known when isSame wasSet (now - knownAt) known met -> { known with Booted = met.Booted }
        | ValueSome _ ->
            { met with
                Began =
                    met.Began
                    |> ValueOption.bind (Interval.intersect (Interval.create (Instant.min knownAt now) now)) }

    /// Calls may outlive it: a pair of routers keeps them when one of the two takes over.
    let bootOf (now: Instant) (run: RestconfRun voption) : Boot =
        match run with
        | ValueSome run ->
            { Token = BootToken.tryCreate run.Token |> ValueOption.ofOption
              Scope = OfAgent
              Began = run.Began
              Period = ValueNone
              ReadAt = now }
        | ValueNone -> Boot.untold now
