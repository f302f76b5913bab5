module CallServer.Tests.Ledger.BootTests

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Tests
open CallServer.Tests.Ledger.Build

let private told token began readAt = boot token began readAt

/// The reading that a TimeTicks counter gives: the true boot, moved on by every wrap since.
let private reading (trueBoot: float) (readAt: float) : Boot =
    let period = Boot.timeTicksPeriod.TotalSeconds
    let wraps = Math.Floor((readAt - trueBoot) / period)
    { told "x" (trueBoot + wraps * period) readAt with Token = ValueNone }

let ``a counter that wraps is never a restart`` =
    law (fun (age: float32) (pause: uint32) ->
        let age = if Single.IsFinite age then float (abs age) % 4e8 else 1.0
        let pause = float (pause % 50_000_000u) + 1.0
        let verdict = Boot.judge (reading -age 0.0) (reading -age pause)
        verdict = SameRun || verdict = CounterWrapped)

let ``a restart is seen and dated within the readings`` =
    law (fun (age: uint32) (pause: uint16) (up: uint16) ->
        let age = float (age % 40_000_000u) + 10.0
        let pause = float pause + 20.0
        // Restarted some time after the first reading.
        let began = pause * (0.1 + 0.8 * float up / 65536.0)

        match Boot.judge (reading -age 0.0) (reading began pause) with
        | Restarted at' -> Interval.contains (at began) at'
        | _ -> false)

let ``a token that changes while the up-time goes on is a reload`` =
    example (fun () -> Boot.judge (told "1" -100.0 0.0) (told "2" -100.0 10.0) |> Check.equal AgentReloaded)

let ``a token of the gateway itself that changes is a restart`` =
    example (fun () ->
        let before = { told "1" -100.0 0.0 with Scope = OfGateway }
        let after = { told "2" -100.0 10.0 with Scope = OfGateway }
        (Boot.judge before after).IsRestarted |> Check.isTrue)

let ``tokens alone tell too, and nothing tells nothing`` =
    example (fun () ->
        let token text readAt = { Boot.untold (at readAt) with Token = ValueSome(BootToken.create text) }
        Boot.judge (token "1" 0.0) (token "1" 9.0) |> Check.equal SameRun
        Boot.judge (token "1" 0.0) (token "2" 9.0) |> Check.equal (Restarted(between 0.0 9.0))
        Boot.judge (Boot.untold (at 0.0)) (Boot.untold (at 9.0)) |> Check.equal Untold)

let ``a slow drift of the gateway's clock over a month is no restart`` =
    example (fun () ->
        let month = 30.0 * 86400.0

        Boot.judge (told "1" -100.0 0.0) (told "1" (-100.0 + month * 100e-6) month) |> Check.equal SameRun)

let ``a counter that wraps while the agent reads its configuration again is no restart`` =
    example (fun () ->
        let before = told "1" -100.0 0.0

        let after =
            told "2" (-100.0 + Boot.timeTicksPeriod.TotalSeconds) (Boot.timeTicksPeriod.TotalSeconds - 50.0)

        Boot.judge before after |> Check.equal CounterWrapped)

let ``up-times of whole seconds make no restart`` =
    example (fun () -> Boot.judge (told "1" -100.0 0.0) (told "1" -99.0 10.0) |> Check.equal SameRun)

let ``a beginning that lies a whole period earlier is no wrap`` =
    example (fun () ->
        let later = told "1" (Boot.timeTicksPeriod.TotalSeconds - 100.0) Boot.timeTicksPeriod.TotalSeconds
        let before = told "2" -100.0 (Boot.timeTicksPeriod.TotalSeconds + 10.0)
        (Boot.judge later before).IsRestarted |> Check.isTrue)

let ``a restart half a second beside the wrap is no wrap`` =
    example (fun () ->
        let before = told "1" (50.0 - Boot.timeTicksPeriod.TotalSeconds) 0.0
        Boot.judge before (told "2" 50.0 60.0) |> Check.equal CounterWrapped
        (Boot.judge before (told "2" 50.5 60.0)).IsRestarted |> Check.isTrue)
