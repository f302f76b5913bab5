namespace CallServer.Protocols.Kamailio

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// What Kamailio counted before or after a list; nothing for what it does not serve.
[<Struct>]
type internal KamailioCounts =
    {
        /// Dialogs that go on.
        Active: int64 voption
        /// Dialogs that began since its start.
        Processed: int64 voption
    }

[<RequireQualifiedAccess>]
type internal KamailioVerdict =
    | Untold
    | Agrees
    | Disagrees of counted: int64

/// One reading of the up-time.
[<NoEquality; NoComparison>]
type internal KamailioReading = { Told: KamailioUpTime; Within: Interval }

/// Which run of Kamailio an audit met, and when that began.
type KamailioRun = { Since: string; Began: Interval }

/// Proves or refutes that a list contains every dialog (rule 3).
module internal KamailioProof =
    let nothing: KamailioCounts = { Active = ValueNone; Processed = ValueNone }

    /// Compares a list with Kamailio's counts. The total was read before the first count and after the last, so that it counts every dialog
    /// that began between those, U of them; D then ended, and a list made in between holds from c0 - D to c0 + U. Without a total, U and D
    /// are the least that the counts allow.
    let judge (listed: int) (before: KamailioCounts) (after: KamailioCounts) : KamailioVerdict =
        match before.Active, after.Active with
        | ValueSome first, ValueSome last ->
            let begun =
                match before.Processed, after.Processed with
                | ValueSome before, ValueSome after -> after - before
                | _ -> max 0L (last - first)

            let ended = first + begun - last

            if
                begun >= 0L && ended >= 0L && first - ended <= int64 listed && int64 listed <= first + begun
            then
                KamailioVerdict.Agrees
            else
                KamailioVerdict.Disagrees last
        | _ -> KamailioVerdict.Untold

    /// Older versions print the lower half of the total, with its sign.
    [<Literal>]
    let private Period = 4294967296L

    /// The total of dialogs that began since the start, those that were never answered included. What Kamailio loaded from its database is
    /// not counted.
    let total (before: KamailioCounts) (after: KamailioCounts) : RunningTotal voption =
        match before.Processed, after.Processed with
        | ValueSome before, ValueSome after ->
            ValueSome
                { Of = TotalOf.Connections
                  Before = before &&& (Period - 1L)
                  After = after &&& (Period - 1L)
                  Wraps = ValueSome Period }
        | _ -> ValueNone

    let private second = TimeSpan.FromSeconds 1.0

    /// A hundred years, in seconds.
    [<Literal>]
    let private LongestUpTime = 3153600000L

    let private beganOf (reading: KamailioReading) : Interval =
        let age = TimeSpan.FromSeconds(float (min LongestUpTime reading.Told.Seconds))
        Ago.ofDifference reading.Within.Earliest reading.Within.Latest age second second

    /// The run that a reading tells of. Of a run that is known already, the beginning is known better: the up-time is a difference of
    /// Kamailio's clock, and moves when that is set.
    let runOf (known: KamailioRun voption) (reading: KamailioReading) : KamailioRun =
        let began = beganOf reading

        match known with
        | ValueSome known when known.Since = reading.Told.Since ->
            { known with
                Began = Interval.intersect known.Began began |> ValueOption.defaultValue known.Began }
        | ValueSome _
        | ValueNone -> { Since = reading.Told.Since; Began = began }

    let bootOf (now: Instant) (run: KamailioRun voption) : Boot =
        match run with
        | ValueSome run ->
            { Token = BootToken.tryCreate run.Since |> ValueOption.ofOption
              Scope = OfGateway
              Began = ValueSome run.Began
              Period = ValueNone
              ReadAt = now }
        | ValueNone -> { Boot.untold now with Scope = OfGateway }
