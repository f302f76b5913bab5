namespace CallServer.Wire

open System

/// What is known about an engine's clock at one moment.
[<Struct>]
type EngineClock =
    {
        Boots: int
        /// Seconds since the engine's start: as received, plus what has passed since then on the caller's
        /// monotonic clock.
        Time: int
        /// The highest engine time received in an authentic message of these boots. The engine itself does
        /// not use it.
        LatestReceived: int
    }

/// Whether the message is timely, and the clock after it.
[<Struct>]
type TimeJudgement = { Clock: EngineClock; InWindow: bool }

/// Timeliness (RFC 3414 sections 2.2 and 3.2, step 7). Judge only authentic messages.
module TimeWindow =
    /// How many seconds the time in a message may differ from the engine's clock (RFC 3414 section 2.2).
    [<Literal>]
    let Width = 150

    /// At this number of boots every message is untimely until the engine is configured anew (RFC 3414
    /// section 2.2).
    [<Literal>]
    let LatchedBoots = 2147483647

    /// The clock before anything is known: every authentic message is newer.
    let unknown: EngineClock = { Boots = 0; Time = 0; LatestReceived = 0 }

    /// The clock that many seconds later. The time stays at its highest value.
    let advance (seconds: int) (clock: EngineClock) : EngineClock =
        { clock with Time = int (min (int64 Int32.MaxValue) (int64 clock.Time + int64 seconds)) }

    /// Judges a message at the engine itself (step 7 a), whose own clock does not change.
    let judgeAtAuthority (own: EngineClock) (boots: int) (time: int) : bool =
        own.Boots <> LatchedBoots && boots = own.Boots && abs (int64 time - int64 own.Time) <= int64 Width

    /// Judges a message at the other side (step 7 b): a newer message first sets the clock.
    let judge (known: EngineClock) (boots: int) (time: int) : TimeJudgement =
        let newer = boots > known.Boots || (boots = known.Boots && time > known.LatestReceived)

        let clock = if newer then { Boots = boots; Time = time; LatestReceived = time } else known

        let old = boots < clock.Boots || int64 time < int64 clock.Time - int64 Width
        { Clock = clock; InWindow = clock.Boots <> LatchedBoots && not old }
