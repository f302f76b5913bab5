/// When a gateway is asked again.
module CallServer.Tests.Polling.CadenceTests

open System
open NUnit.Framework
open CallServer.Model
open CallServer.Polling
open CallServer.Tests
open CallServer.Tests.Ledger.Build

let private seconds (s: float) = TimeSpan.FromSeconds s

[<TestCase(1, 10.0)>]
[<TestCase(2, 20.0)>]
[<TestCase(3, 40.0)>]
[<TestCase(4, 60.0)>]
[<TestCase(1000, 60.0)>]
let ``a pause doubles up to its limit`` (failures: int) (expected: float) =
    Assert.That(BackOff.pause (seconds 10.0) (seconds 60.0) failures, Is.EqualTo(seconds expected))

[<Law>]
let ``a pause is never less than the interval, more than the limit, or shorter than the one before``
    (interval: uint16)
    (limit: uint32)
    (failures: byte)
    =
    let interval, limit = seconds (1.0 + float interval), seconds (float limit)
    let failures = 1 + int failures
    let pause = BackOff.pause interval limit failures

    pause >= interval
    && pause <= max limit interval
    && BackOff.pause interval limit (failures + 1) >= pause

[<Test>]
let ``a pause of a month does not overflow`` () =
    let month = TimeSpan.FromDays 30.0
    Assert.That(BackOff.pause month (month * 100.0) 200, Is.EqualTo(month * 100.0))

/// Asked from 0 to 1 s.
let private after isSilent (cadence: Cadence) =
    cadence |> Cadence.beginAt (at 0.0) |> Cadence.endAt (seconds 60.0) isSilent (at 0.0) (at 1.0)

let private fresh = Cadence.create (seconds 10.0)

[<TestCase(10.0, true)>]
[<TestCase(0.0, true)>]
let ``who answers is asked at every tick`` (now: float) (expected: bool) =
    Assert.That(fresh |> after false |> Cadence.isDue (at now) Full true, Is.EqualTo expected)

[<TestCase(1, 4.9, false)>]
[<TestCase(1, 5.0, true)>]
[<TestCase(2, 14.9, false)>]
[<TestCase(2, 15.0, true)>]
[<TestCase(3, 34.9, false)>]
[<TestCase(3, 35.0, true)>]
[<TestCase(9, 54.9, false)>]
[<TestCase(9, 55.0, true)>]
let ``who is silent is left alone for longer and longer`` (silences: int) (now: float) (expected: bool) =
    let cadence = (fresh, [ 1..silences ]) ||> List.fold (fun cadence _ -> after true cadence)
    Assert.That(cadence |> Cadence.isDue (at now) Full true, Is.EqualTo expected)

[<Test>]
let ``one answer ends the silence`` () =
    let cadence = fresh |> after true |> after true |> after true |> after false
    Assert.That(cadence.Silences, Is.EqualTo 0)
    Assert.That(cadence |> Cadence.isDue (at 1.0) Full true, Is.True)

[<TestCase(24.9, false)>]
[<TestCase(25.0, true)>]
let ``a standby asks three times less often`` (now: float) (expected: bool) =
    Assert.That(fresh |> after false |> Cadence.isDue (at now) Slow false, Is.EqualTo expected)

[<TestCase(25.0, true, true)>]
[<TestCase(25.0, false, false)>]
[<TestCase(24.9, true, false)>]
let ``a cold standby asks those of which it holds connections`` (now: float) (holds: bool) (expected: bool) =
    Assert.That(fresh |> after false |> Cadence.isDue (at now) Known holds, Is.EqualTo expected)

[<TestCase(10.0, false)>]
[<TestCase(10.1, true)>]
let ``an audit longer than the interval is slow`` (took: float) (expected: bool) =
    let cadence = fresh |> Cadence.endAt (seconds 60.0) false (at 0.0) (at took)
    Assert.That(cadence.IsSlow, Is.EqualTo expected)
