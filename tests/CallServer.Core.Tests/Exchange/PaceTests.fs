/// How many requests gateways of all kinds get at a time.
module CallServer.Tests.Exchange.PaceTests

open System
open CallServer.Model
open CallServer.Exchange
open CallServer.Tests
open CallServer.Tests.Ledger.Build

let private timeout = TimeSpan.FromSeconds 1.0

/// What a client met that always had something to ask: for each answer, how many were in flight, and how many of those were at the
/// gateway, waiting or being served.
type private Met = { InFlight: int; AtGateway: int }

/// Asks a gateway that is `trip` away and serves one request after the other, the nth for as long as `service` says; milliseconds.
let private ask (trip: float) (service: int -> float) (requests: int) : struct (Pace * Met list) =
    let later (millis: float) (from: Instant) = from + TimeSpan.FromMilliseconds millis

    /// When it is sent, when the gateway takes it up, and when its answer comes.
    let send (sent: Instant) number (free: Instant) =
        let done' = Instant.max (later (trip / 2.0) sent) free |> later (service number)
        struct (struct (sent, done', later (trip / 2.0) done'), done')

    let rec run pace sent free (inFlight: struct (Instant * Instant * Instant) list) (met: Met list) now =
        if sent < requests && inFlight.Length < (if sent = 0 then 1 else Pace.slots pace) then
            let struct (flight, free) = send now sent free
            run pace (sent + 1) free (inFlight @ [ flight ]) met now
        else
            match inFlight with
            | [] -> struct (pace, List.rev met)
            | struct (asked, _, answered) :: rest ->
                let arrived (struct (sent: Instant, done': Instant, _)) =
                    later (trip / 2.0) sent <= answered && done' > answered

                let met =
                    { InFlight = inFlight.Length; AtGateway = rest |> List.filter arrived |> List.length }
                    :: met

                let pace = Pace.answered timeout inFlight.Length (answered - asked) pace
                run pace sent free rest met answered

    run (Pace.create 2.0) 0 Instant.distantPast [] [] (at 0.0)

let private most (value: Met -> int) (met: Met list) = met |> List.map value |> List.max

let ``a gateway that is near never has more than eight requests in flight`` =
    law (fun (trip: byte) (services: byte list) ->
        // Up to 4 ms away, and it takes up to 25 ms for each.
        let service number =
            match services with
            | [] -> 0.0
            | _ -> float services[number % services.Length] / 10.0

        let first = service 0
        let trip = float trip / 64.0
        let struct (_, met) = ask trip service 300
        trip + first >= 5.0 || most _.InFlight met <= 8)

let ``a gateway that is far and quick gets as many as one that is nearer gets in the same time, and 32 at most`` =
    examples [ 1.0, 8; 5.0, 8; 10.0, 16; 20.0, 32; 200.0, 32 ] (fun (trip: float, expected: int) ->
        let struct (pace, _) = ask trip (fun _ -> 0.0) 600
        Pace.slots pace |> Check.equal expected)

let ``however far a gateway is, hardly more than eight requests wait at it`` =
    law (fun (trip: byte) (service: byte) ->
        // Up to 255 ms away, and it takes up to 13 ms for each.
        let service = 0.1 + float service / 20.0
        let struct (_, met) = ask (float trip) (fun _ -> service) 600
        let settled = List.skip 300 met
        // Twice as many where the window outgrows what the gateway can do, until the answers show that.
        most _.AtGateway met <= 16 && List.averageBy (fun met -> float met.AtGateway) settled <= 9.0)

let ``a gateway that becomes slow is soon asked no more than it can take`` =
    examples [ 1.0; 5.0; 40.0 ] (fun (slow: float) ->
        let struct (_, met) = ask 20.0 (fun number -> if number < 400 then 0.0 else slow) 800
        most _.InFlight (List.take 400 met) |> Check.equal 32
        most _.AtGateway (List.skip 600 met) |> Check.below 11)

let ``a loss halves the window, and leaves no more than a near gateway gets; losses of one burst count once`` =
    example (fun () ->
        let wide = { Pace.create 32.0 with Best = TimeSpan.FromMilliseconds 20.0 }
        let lost (at: Instant) = Pace.lost at timeout
        let once = lost (at 0.0) wide
        once.Window |> Check.equal 8.0
        (lost (at 0.5) once).Window |> Check.equal 8.0
        (lost (at 2.0) once).Window |> Check.equal 4.0)

let ``an answer that comes late lets nothing grow`` =
    example (fun () ->
        let pace = { Pace.create 2.0 with Best = TimeSpan.FromMilliseconds 600.0 }
        (Pace.answered timeout 2 (TimeSpan.FromMilliseconds 600.0) pace).Window |> Check.equal 2.0)

let ``what an earlier exchange left is kept within bounds, and its best time is not`` =
    example (fun () ->
        let left = { Pace.create 32.0 with Best = TimeSpan.FromMilliseconds 20.0; LastLoss = at 1.0 }
        Pace.resume 2.0 8.0 left |> Check.equal (Pace.create 8.0)
        Pace.resume 2.0 8.0 (Pace.create 1.0) |> Check.equal (Pace.create 2.0))
