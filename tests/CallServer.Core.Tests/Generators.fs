namespace CallServer.Tests

open System
open FsCheck
open FsCheck.FSharp
open CallServer.Model

/// Generators for the model's own types, shared by all properties of the project.
type Arbitraries =
    static member Instant() : Arbitrary<Instant> =
        Gen.choose64 (0L, 4_000_000_000_000_000L) |> Gen.map Instant.ofMicros |> Arb.fromGen

    static member Interval() : Arbitrary<Interval> =
        let ends =
            Gen.frequency
                [ 8, Gen.choose64 (0L, 1_000_000L) |> Gen.map Instant.ofMicros
                  1, Gen.constant Instant.distantPast
                  1, Gen.constant Instant.distantFuture ]

        Gen.two ends
        |> Gen.map (fun (a, b) -> Interval.create (Instant.min a b) (Instant.max a b))
        |> Arb.fromGen

    static member TimeSpan() : Arbitrary<TimeSpan> =
        Gen.choose64 (0L, 1_000_000L)
        |> Gen.map (fun micros -> TimeSpan.FromMicroseconds micros)
        |> Arb.fromGen

[<AutoOpen>]
module ModelLaws =
    /// A law of the model, tried with its generators on a thousand cases.
    let law (property: 'Testable) =
        lawBy (Laws.plain |> Laws.drawing [ typeof<Arbitraries> ] |> Laws.times 1000) property
