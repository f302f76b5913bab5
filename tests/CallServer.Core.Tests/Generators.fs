namespace CallServer.Tests

open System
open FsCheck
open FsCheck.FSharp
open FsCheck.NUnit
open CallServer.Model

/// Generators for the model's own types, shared by every property of the project.
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

/// The project's property: its generators, and a thousand cases.
[<AttributeUsage(AttributeTargets.Method ||| AttributeTargets.Property)>]
type LawAttribute() =
    inherit PropertyAttribute(Arbitrary = [| typeof<Arbitraries> |], MaxTest = 1000, QuietOnSuccess = true)
