namespace CallServer.Disputes

open System
open CallServer.Model

/// How far a partner's figures may be from the truth without being wrong.
type Tolerance =
    {
        /// How far the partner's clock and ours may be apart, either way. At least 0.
        Skew: TimeSpan
        /// The unit to which the partner rounds durations, up or down. At least 0.
        Rounding: TimeSpan
        /// How long a call may ring, where the partner tells when it began but not when it was answered. At least 0.
        Ring: TimeSpan
    }

/// A partner's row as it is written. What it does not have is ValueNone; every time is an interval as wide as it is coarse.
[<Struct>]
type Told =
    {
        Answer: Interval voption
        Setup: Interval voption
        End: Interval voption
        /// From answer to end.
        Talk: TimeSpan voption
        /// From setup to end.
        Duration: TimeSpan voption
    }

/// What one row claims: a call that was answered within Start and was over within End.
[<Struct>]
type Claim =
    {
        /// From 1, without the header.
        Row: int
        Start: Interval
        End: Interval
        /// What the partner bills, as it is written.
        Lasted: TimeSpan
        Parties: Parties
        /// What the call's id is compared by; 0 if the row has no id that means a thing elsewhere.
        Call: uint64
    }

/// Reads what a row claims.
module Claim =
    let private around (span: TimeSpan) (interval: Interval) = Interval.widen span span interval

    /// The times between which a claimed call was answered and was over, and how long it is said to have lasted. An error
    /// says in words what the row lacks.
    let times (tolerance: Tolerance) (told: Told) : Result<struct (Interval * Interval * TimeSpan), string> =
        let slack = tolerance.Skew
        let rounding = tolerance.Rounding

        let lasted =
            match told.Talk, told.Duration with
            | ValueSome talk, _ -> ValueSome talk
            | ValueNone, ValueSome duration -> ValueSome duration
            | ValueNone, ValueNone ->
                match told.Answer, told.Setup, told.End with
                | ValueSome start, _, ValueSome over
                | ValueNone, ValueSome start, ValueSome over -> ValueSome(over.Latest - start.Earliest)
                | _ -> ValueNone

        match lasted with
        | ValueNone -> Error "it has no duration"
        | ValueSome lasted when lasted < TimeSpan.Zero -> Error "its duration is negative"
        | ValueSome lasted ->
            // Where the row has an end besides a duration, the end may be either.
            let ending (computed: Interval) =
                match told.End with
                | ValueSome over -> Interval.hull (around slack over) computed
                | ValueNone -> computed

            match told.Answer, told.Setup, told.End with
            | ValueSome answer, _, _ ->
                let start = around slack answer
                Ok(struct (start, start |> Interval.shift lasted |> around rounding |> ending, lasted))
            | ValueNone, _, ValueSome over when told.Talk.IsSome ->
                let over = around slack over
                Ok(struct (over |> Interval.shift (-lasted) |> around rounding, over, lasted))
            | ValueNone, ValueSome setup, _ ->
                let setup = around slack setup
                let start = Interval.widen TimeSpan.Zero tolerance.Ring setup
                let from = if told.Talk.IsSome then start else setup
                Ok(struct (start, from |> Interval.shift lasted |> around rounding |> ending, lasted))
            | ValueNone, ValueNone, ValueSome over ->
                let over = around slack over
                Ok(struct (over |> Interval.shift (-lasted) |> around rounding, over, lasted))
            | ValueNone, ValueNone, ValueNone -> Error "it has no time"

    /// The time during which the call was surely going on, if the claim is true; `ValueNone` if there is none.
    let core (claim: Claim) : Interval voption = Interval.tryCreate claim.Start.Latest claim.End.Earliest

    /// Whether two rows claim the same call, as far as their figures tell: the same id or none, the same numbers, and
    /// times that tolerance does not tell apart.
    let isSame (a: Claim) (b: Claim) : bool =
        a.Call = b.Call
        && a.Parties = b.Parties
        && (Interval.intersect a.Start b.Start).IsSome
        && (Interval.intersect a.End b.End).IsSome
