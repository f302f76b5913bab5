namespace CallServer.Gateway

open System
open CallServer.Model
open CallServer.Prelude

/// What a network does to datagrams in one direction. Probabilities are from 0 to 1.
[<Struct>]
type PathQuality =
    {
        /// The probability that a datagram never arrives.
        Loss: float
        /// The probability that it arrives a second time.
        Duplication: float
        /// The shortest time that a datagram takes.
        Delay: TimeSpan
        /// The mean of the additional, exponentially distributed time.
        Jitter: TimeSpan
        /// The probability that a datagram takes the detour, so that later ones overtake it.
        Reordering: float
        Detour: TimeSpan
    }

module PathQuality =
    let perfect: PathQuality =
        { Loss = 0.0
          Duplication = 0.0
          Delay = TimeSpan.Zero
          Jitter = TimeSpan.Zero
          Reordering = 0.0
          Detour = TimeSpan.Zero }

    /// A local network, with a delay of 1 ms.
    let lan: PathQuality =
        { perfect with
            Delay = TimeSpan.FromMilliseconds 1.0
            Jitter = TimeSpan.FromMilliseconds 0.2 }

    /// A bad path with this loss: 2 % duplicates, 5 % reordered by 200 ms, 20 ms delay and 15 ms mean jitter.
    let bad (loss: float) : PathQuality =
        { Loss = loss
          Duplication = 0.02
          Delay = TimeSpan.FromMilliseconds 20.0
          Jitter = TimeSpan.FromMilliseconds 15.0
          Reordering = 0.05
          Detour = TimeSpan.FromMilliseconds 200.0 }

/// Both directions between an auditor and a gateway.
[<Struct>]
type BadNetwork = { ToGateway: PathQuality; ToAuditor: PathQuality }

module BadNetwork =
    let both (quality: PathQuality) : BadNetwork = { ToGateway = quality; ToAuditor = quality }

    let perfect: BadNetwork = both PathQuality.perfect

    let private chance (probability: float) (rng: Rng) : struct (bool * Rng) =
        let struct (fraction, rng) = Rng.fraction rng
        struct (fraction < probability, rng)

    let private delay (path: PathQuality) (rng: Rng) : struct (TimeSpan * Rng) =
        let struct (fraction, rng) = Rng.fraction rng
        let struct (isDetoured, rng) = chance path.Reordering rng
        let jitter = -Math.Log(1.0 - fraction) * path.Jitter
        struct (path.Delay + jitter + (if isDetoured then path.Detour else TimeSpan.Zero), rng)

    /// When a datagram that is sent now arrives: one time per copy that arrives, in no particular order. It draws equally often
    /// from the random stream whatever happens to the datagram, so that later datagrams do not depend on it.
    let deliver (now: Instant) (path: PathQuality) (rng: Rng) : struct (Instant list * Rng) =
        let struct (isLost, rng) = chance path.Loss rng
        let struct (first, rng) = delay path rng
        let struct (isDoubled, rng) = chance path.Duplication rng
        let struct (second, rng) = delay path rng

        let arrivals =
            [ if not isLost then
                  now + first

                  if isDoubled then
                      now + second ]

        struct (arrivals, rng)
