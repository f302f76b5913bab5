namespace CallServer.Exchange

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// Which run of a gateway an audit met, as the gateway names it, and when that began.
type GatewayRun = { Token: string; Began: Interval }

/// One reading of a proxy's up-time.
[<NoEquality; NoComparison>]
type internal UpTimeReading = { Told: ProxyUpTime; Within: Interval }

module internal GatewayRun =
    /// The run that a reading tells of. Of a run that is known already, the beginning is known better.
    let met (known: GatewayRun voption) (token: string) (began: Interval) : GatewayRun =
        match known with
        | ValueSome known when known.Token = token ->
            { known with
                Began = Interval.intersect known.Began began |> ValueOption.defaultValue known.Began }
        | ValueSome _
        | ValueNone -> { Token = token; Began = began }

    let private second = TimeSpan.FromSeconds 1.0

    /// A hundred years, in seconds.
    [<Literal>]
    let private LongestUpTime = 3153600000L

    /// The run that a reading of the up-time tells of. The up-time is a difference of the gateway's clock, and moves when that is set.
    let ofUpTime (known: GatewayRun voption) (reading: UpTimeReading) : GatewayRun =
        let age = TimeSpan.FromSeconds(float (min LongestUpTime reading.Told.Seconds))

        Ago.ofDifference reading.Within.Earliest reading.Within.Latest age second second
        |> met known reading.Told.Since

    let bootOf (now: Instant) (run: GatewayRun voption) : Boot =
        match run with
        | ValueSome run ->
            { Token = BootToken.tryCreate run.Token |> ValueOption.ofOption
              Scope = OfGateway
              Began = ValueSome run.Began
              Period = ValueNone
              ReadAt = now }
        | ValueNone -> { Boot.untold now with Scope = OfGateway }
