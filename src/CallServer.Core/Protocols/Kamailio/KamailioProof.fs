namespace CallServer.Protocols.Kamailio

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// One reading of the up-time.
[<NoEquality; NoComparison>]
type internal KamailioReading = { Told: KamailioUpTime; Within: Interval }

/// What Kamailio's counts and its up-time tell besides the list.
module internal KamailioProof =
    /// Older versions print the lower half of the total, with its sign.
    [<Literal>]
    let private Period = 4294967296L

    /// The total of dialogs that began since the start, those that were never answered included. What Kamailio loaded from its database is
    /// not counted.
    let total (before: CallCounts) (after: CallCounts) : RunningTotal voption =
        match before.Begun, after.Begun with
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

    /// The run that a reading tells of. The up-time is a difference of Kamailio's clock, and moves when that is set.
    let runOf (known: GatewayRun voption) (reading: KamailioReading) : GatewayRun =
        GatewayRun.met known reading.Told.Since (beganOf reading)
