namespace CallServer.Formula

open CallServer.Model
open CallServer.Prelude

/// A connection of a gateway whose truth is a formula.
[<Struct>]
type FormulaConnection =
    {
        /// Unique on its gateway, for all time.
        Id: string
        /// The Call-ID of its call.
        Call: string
        Start: Instant
        End: Instant
    }

/// A gateway whose connections follow from the time alone: whoever computes them, in whichever process, and whether or not anybody
/// asked in between, finds the same ones. So nobody has to carry it, and hundreds of thousands fit on one machine.
///
/// It has a number of lines. On each line one call follows the other without a pause, each as long as the one before.
type FormulaGateway =
    {
        /// Two gateways of one seed are the two ends of the same calls.
        Seed: int
        /// How many connections it has at every moment.
        Lines: int
        /// How long a call lasts on average, in microseconds: from half of that to one and a half times as long.
        MeanLife: int64
    }

module FormulaGateway =
    /// How long a call lasts on this line, and when one of them began.
    let private rhythm (line: int) (gateway: FormulaGateway) : struct (int64 * int64) =
        let struct (length, rng) = Rng.next (Rng.create ((uint64 gateway.Seed <<< 32) ||| uint64 line))
        let struct (place, _) = Rng.next rng
        let life = gateway.MeanLife / 2L + int64 (length % uint64 gateway.MeanLife)
        struct (life, int64 (place % uint64 life))

    let private connection
        (line: int)
        (life: int64)
        (phase: int64)
        (number: int64)
        (gateway: FormulaGateway)
        =
        let start = phase + number * life

        { Id = $"{line}-{number}"
          Call = $"{number}-{line}-{gateway.Seed}@formula"
          Start = Instant.ofMicros start
          End = Instant.ofMicros (start + life) }

    /// What lives at any time from the first of these instants to the second, both after 1970, by line and time.
    let between (first: Instant) (last: Instant) (gateway: FormulaGateway) : FormulaConnection[] =
        [| for line in 0 .. gateway.Lines - 1 do
               let struct (life, phase) = rhythm line gateway

               for number in (first.Micros - phase) / life .. (last.Micros - phase) / life do
                   connection line life phase number gateway |]

    /// What it carries at an instant.
    let at (instant: Instant) (gateway: FormulaGateway) : FormulaConnection[] =
        between instant instant gateway
