namespace CallServer.Prelude

/// A seeded stream of random numbers (SplitMix64: Steele, Lea, Flood, OOPSLA 2014). The core takes randomness
/// as an input, so that a run replays from its seed. Never use it for secrets.
[<Struct>]
type Rng = { State: uint64 }

/// Each function returns its number together with the stream to draw the next one from.
module Rng =
    /// The stream that this seed gives; any 64 bits are a seed.
    let create (seed: uint64) : Rng = { State = seed }

    let private mix (z: uint64) =
        let z = (z ^^^ (z >>> 30)) * 0xBF58476D1CE4E5B9UL
        let z = (z ^^^ (z >>> 27)) * 0x94D049BB133111EBUL
        z ^^^ (z >>> 31)

    /// The next 64 bits and the stream after them.
    let next (rng: Rng) : struct (uint64 * Rng) =
        let state = rng.State + 0x9E3779B97F4A7C15UL
        struct (mix state, { State = state })

    /// A whole number from 0 to limit - 1. The limit must be at least 1.
    let below (limit: int) (rng: Rng) : struct (int * Rng) =
        let struct (bits, rng) = next rng
        struct (int ((bits >>> 33) % uint64 limit), rng)

    /// A fraction from 0 up to, but not including, 1.
    let fraction (rng: Rng) : struct (float * Rng) =
        let struct (bits, rng) = next rng
        struct (float (bits >>> 11) * (1.0 / 9007199254740992.0), rng)

    /// Two streams that are independent of each other.
    let split (rng: Rng) : struct (Rng * Rng) =
        let struct (bits, rng) = next rng
        struct ({ State = mix (bits ^^^ 0xD1B54A32D192ED03UL) }, rng)
