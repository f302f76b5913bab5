/// When a gateway is asked again.
module CallServer.Tests.Polling.CadenceTests

open System
open CallServer.Model
open CallServer.Polling
open CallServer.Surface
open CallServer.Tests
open CallServer.Tests.Ledger.Build

let private seconds (s: float) = TimeSpan.FromSeconds s

let ``a pause doubles up to its limit`` =
    examples [ 1, 10.0; 2, 20.0; 3, 40.0; 4, 60.0; 1000, 60.0 ] (fun (failures: int, expected: float) ->
        BackOff.pause (seconds 10.0) (seconds 60.0) failures |> Check.equal (seconds expected))

let ``a pause is never less than the interval, more than the limit, or shorter than the one before`` =
    law (fun (interval: uint16) (limit: uint32) (failures: byte) ->
        let interval, limit = seconds (1.0 + float interval), seconds (float limit)
        let failures = 1 + int failures
        let pause = BackOff.pause interval limit failures

        pause >= interval
        && pause <= max limit interval
        && BackOff.pause interval limit (failures + 1) >= pause)

let ``a pause of a month does not overflow`` =
    example (fun () ->
        let month = TimeSpan.FromDays 30.0
        BackOff.pause month (month * 100.0) 200 |> Check.equal (month * 100.0))

/// The cadence after an audit from 0 to 1 s.
let private after isSilent (cadence: Cadence) =
    cadence |> Cadence.beginAt (at 0.0) |> Cadence.endAt (seconds 60.0) isSilent (at 0.0) (at 1.0)

let private fresh = Cadence.create (seconds 10.0)

let ``who answers is asked at every tick`` =
    examples [ 10.0, true; 0.0, true ] (fun (now: float, expected: bool) ->
        fresh |> after false |> Cadence.isDue (at now) Full true |> Check.equal expected)

let ``who is silent is left alone for longer and longer`` =
    examples
        [ 1, 4.9, false
          1, 5.0, true
          2, 14.9, false
          2, 15.0, true
          3, 34.9, false
          3, 35.0, true
          9, 54.9, false
          9, 55.0, true ]
        (fun (silences: int, now: float, expected: bool) ->
            let cadence = (fresh, [ 1..silences ]) ||> List.fold (fun cadence _ -> after true cadence)
            cadence |> Cadence.isDue (at now) Full true |> Check.equal expected)

let ``one answer ends the silence`` =
    example (fun () ->
        let cadence = fresh |> after true |> after true |> after true |> after false
        cadence.Silences |> Check.equal 0
        cadence |> Cadence.isDue (at 1.0) Full true |> Check.isTrue)

let ``a standby asks three times less often`` =
    examples [ 24.9, false; 25.0, true ] (fun (now: float, expected: bool) ->
        fresh |> after false |> Cadence.isDue (at now) Slow false |> Check.equal expected)

let ``a cold standby asks those of which it holds connections`` =
    examples
        [ 25.0, true, true; 25.0, false, false; 24.9, true, false ]
        (fun (now: float, holds: bool, expected: bool) ->
            fresh |> after false |> Cadence.isDue (at now) Known holds |> Check.equal expected)

let ``an audit longer than the interval is slow`` =
    examples [ 10.0, false; 10.1, true ] (fun (took: float, expected: bool) ->
        let cadence = fresh |> Cadence.endAt (seconds 60.0) false (at 0.0) (at took)
        cadence.IsSlow |> Check.equal expected)

let ``who tells not one connection, and not that there is none, is left alone like who is silent`` =
    examples
        [ silent 0.0 1.0, false
          partial 0.0 1.0 [], false
          partial 0.0 1.0 [ observation "a" 0.5 ], true
          complete 0.0 1.0 [], true ]
        (fun (told, isAsked: bool) ->
            let mutable cadence = GatewayCadence.Create(seconds 10.0)

            for _ in 1..3 do
                cadence <- cadence.Begin(at 0.0).End(AuditResult told, seconds 60.0)

            cadence.IsDue(at 34.9, AuditPace.Full, true) |> Check.equal isAsked
            cadence.IsSilent |> Check.equal (not isAsked))
