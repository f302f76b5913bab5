module CallServer.Tests.Ledger.BootTests

open System
open NUnit.Framework
open CallServer.Model
open CallServer.Ledger
open CallServer.Tests
open CallServer.Tests.Ledger.Build

let private told token began readAt = boot token began readAt

/// The reading that a TimeTicks counter gives: the true beginning, moved on by every wrap since.
let private reading (trueBoot: float) (readAt: float) : Boot =
    let period = Boot.timeTicksPeriod.TotalSeconds
    let wraps = Math.Floor((readAt - trueBoot) / period)
    { told "x" (trueBoot + wraps * period) readAt with Token = ValueNone }

[<Law>]
let ``a counter that wraps is never a restart`` (age: float32) (pause: uint32) =
    let age = if Single.IsFinite age then float (abs age) % 4e8 else 1.0
    let pause = float (pause % 50_000_000u) + 1.0
    let verdict = Boot.judge (reading -age 0.0) (reading -age pause)
    verdict = SameRun || verdict = CounterWrapped

[<Law>]
let ``a restart is seen and dated within the readings`` (age: uint32) (pause: uint16) (up: uint16) =
    let age = float (age % 40_000_000u) + 10.0
    let pause = float pause + 20.0
    // Restarted some time after the first reading.
    let began = pause * (0.1 + 0.8 * float up / 65536.0)

    match Boot.judge (reading -age 0.0) (reading began pause) with
    | Restarted at' -> Interval.contains (at began) at'
    | _ -> false

[<Test>]
let ``a token that changes while the up-time goes on is a reload`` () =
    Assert.That(Boot.judge (told "1" -100.0 0.0) (told "2" -100.0 10.0), Is.EqualTo AgentReloaded)

[<Test>]
let ``a token of the gateway itself that changes is a restart`` () =
    let before = { told "1" -100.0 0.0 with Scope = OfGateway }
    let after = { told "2" -100.0 10.0 with Scope = OfGateway }
    Assert.That((Boot.judge before after).IsRestarted, Is.True)

[<Test>]
let ``tokens alone tell too, and nothing tells nothing`` () =
    let token text readAt = { Boot.untold (at readAt) with Token = ValueSome(BootToken.create text) }
    Assert.That(Boot.judge (token "1" 0.0) (token "1" 9.0), Is.EqualTo SameRun)
    Assert.That(Boot.judge (token "1" 0.0) (token "2" 9.0), Is.EqualTo(Restarted(between 0.0 9.0)))
    Assert.That(Boot.judge (Boot.untold (at 0.0)) (Boot.untold (at 9.0)), Is.EqualTo Untold)

[<Test>]
let ``a slow drift of the gateway's clock over a month is no restart`` () =
    let month = 30.0 * 86400.0

    Assert.That(
        Boot.judge (told "1" -100.0 0.0) (told "1" (-100.0 + month * 100e-6) month),
        Is.EqualTo SameRun
    )

[<Test>]
let ``a counter that wraps while the agent reads its configuration again is no restart`` () =
    let before = told "1" -100.0 0.0

    let after =
        told "2" (-100.0 + Boot.timeTicksPeriod.TotalSeconds) (Boot.timeTicksPeriod.TotalSeconds - 50.0)

    Assert.That(Boot.judge before after, Is.EqualTo CounterWrapped)
