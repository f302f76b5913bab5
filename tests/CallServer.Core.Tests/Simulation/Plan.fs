namespace CallServer.Tests.Simulation

open System
open CallServer.Prelude

/// The ingredients of a run; all of them follow from the seed.
type Plan =
    {
        Seed: uint64
        Gateways: int
        Connections: int
        Churn: float
        Loss: float
        Interval: TimeSpan
        Length: TimeSpan
        /// SNMP profiles, and mgcp, sip, ng.
        Kinds: string list
    }

/// A stream of random draws.
type Dice(seed: uint64) =
    let mutable rng = Rng.create seed

    member _.Rng
        with get () = rng
        and set next = rng <- next

    member _.Next() : uint64 =
        let struct (bits, rest) = Rng.next rng
        rng <- rest
        bits

    member _.Below(limit: int) : int =
        let struct (value, rest) = Rng.below limit rng
        rng <- rest
        value

    member _.Fraction() : float =
        let struct (value, rest) = Rng.fraction rng
        rng <- rest
        value

    member this.Chance(percent: int) : bool = this.Below 100 < percent
    member this.Seconds(least: float, spread: float) = TimeSpan.FromSeconds(least + spread * this.Fraction())
