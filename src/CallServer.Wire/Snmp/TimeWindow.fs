namespace CallServer.Wire

open System

/// What is known of an engine's clock at one moment.
[<Struct>]
type EngineClock =
    {
        Boots: int
        /// Seconds since the engine's start: as received, plus what passed since by the caller's monotonic
        /// clock.
        Time: int
        /// The highest engine time received in an authentic message of these boots; of no use to the engine
        /// itself.
        LatestReceived: int
    }

/// The judgement, and the clock after it.
[<Struct>]
type TimeJudgement = { Clock: EngineClock; InWindow: bool }

/// Timeliness (RFC 3414 sections 2.2 and 3.2, step 7). Only authentic messages are judged.
module TimeWindow =
    /// Seconds.
    [<Literal>]
    let Width = 150

    /// Boots that stay at this value make every message untimely until the engine is configured anew.
    [<Literal>]
    let LatchedBoots = 2147483647

    /// Before anything is known: whatever an authentic message says, it is newer.
    let unknown: EngineClock = { Boots = 0; Time = 0; LatestReceived = 0 }

    /// Lets seconds pass. The time stays at its highest value.
    let advance (seconds: int) (clock: EngineClock) : EngineClock =
        { clock with Time = int (min (int64 Int32.MaxValue) (int64 clock.Time + int64 seconds)) }

    /// At the engine itself (step 7 a): the clock is its own and does not change.
    let judgeAtAuthority (own: EngineClock) (boots: int) (time: int) : bool =
        own.Boots <> LatchedBoots && boots = own.Boots && abs (int64 time - int64 own.Time) <= int64 Width

    /// At the other side (step 7 b): a newer message sets the clock before it is judged.
    let judge (known: EngineClock) (boots: int) (time: int) : TimeJudgement =
        let newer = boots > known.Boots || (boots = known.Boots && time > known.LatestReceived)

        let clock = if newer then { Boots = boots; Time = time; LatestReceived = time } else known

        let old = boots < clock.Boots || int64 time < int64 clock.Time - int64 Width
        { Clock = clock; InWindow = clock.Boots <> LatchedBoots && not old }
