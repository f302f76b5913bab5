namespace CallServer.Exchange

open CallServer.Model
open CallServer.Ledger

/// Which run of a gateway an audit met, as the gateway names it, and when that began.
type GatewayRun = { Token: string; Began: Interval }

module internal GatewayRun =
    /// The run that a reading tells of. Of a run that is known already, the beginning is known better.
    let met (known: GatewayRun voption) (token: string) (began: Interval) : GatewayRun =
        match known with
        | ValueSome known when known.Token = token ->
            { known with
                Began = Interval.intersect known.Began began |> ValueOption.defaultValue known.Began }
        | ValueSome _
        | ValueNone -> { Token = token; Began = began }

    let bootOf (now: Instant) (run: GatewayRun voption) : Boot =
        match run with
        | ValueSome run ->
            { Token = BootToken.tryCreate run.Token |> ValueOption.ofOption
              Scope = OfGateway
              Began = ValueSome run.Began
              Period = ValueNone
              ReadAt = now }
        | ValueNone -> { Boot.untold now with Scope = OfGateway }
