/// The requests of one exchange, whatever its protocol.
module CallServer.Tests.Exchange.RequestWindowTests

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Exchange
open CallServer.Tests
open CallServer.Tests.Ledger.Build

type private Window = RequestWindow<int, int, unit, int>

let private fresh (most: int) : Window =
    RequestWindow.create (TimeSpan.FromSeconds 1.0) 3 most (Pace.create 4.0) (Rng.create 1UL) (at 0.0)

/// Sends what waits, as far as the pace and the bound allow.
let rec private pump (now: Instant) (window: Window) : Window =
    match RequestWindow.tryNext (Pace.slots window.Pace) window with
    | ValueSome(struct (purpose, window)) ->
        RequestWindow.send now purpose purpose () [| byte purpose |] (now + TimeSpan.FromSeconds 1.0) window
        |> pump now
    | ValueNone -> window

/// What happens to an exchange: questions come up, and of those in flight one is answered or nothing comes in time.
let private step (window: Window, now: Instant) (event: byte) : Window * Instant =
    let now = now + TimeSpan.FromSeconds 1.0

    let window =
        match int event % 3, window.InFlight |> Map.toList with
        | 0, _
        | _, [] -> RequestWindow.enqueue [ 100 * int event + 1; 100 * int event + 2 ] window
        | 1, (key, _) :: _ -> RequestWindow.answered now key (Pace.slowStart 8.0 window.Pace) window
        | _, _ ->
            (window, RequestWindow.late now window)
            ||> List.fold (fun window (key, request) ->
                if RequestWindow.isSpent request window || RequestWindow.isExhausted window then
                    RequestWindow.drop key window
                else
                    RequestWindow.repeat now key request (now + TimeSpan.FromSeconds 1.0) window)

    pump now window, now

let ``no more is in flight than the pace allows, and no more is ever sent than the bound`` =
    law (fun (events: byte list) (most: byte) ->
        let most = int most

        (((fresh most, at 0.0), events)
         ||> List.scan step
         |> List.forall (fun (window, _) ->
             window.InFlight.Count <= 8 && window.Requests <= most && window.Outbox.Length = window.Requests)))

let ``what waits is asked in the order in which it came up, and what comes up later before it`` =
    example (fun () ->
        let window =
            fresh 100 |> RequestWindow.enqueue [ 1; 2 ] |> RequestWindow.enqueue [ 3; 4; 5 ] |> pump (at 0.0)

        window.InFlight.Keys |> Seq.toList |> Check.equal [ 1; 3; 4; 5 ]
        window.Queue |> Check.equal [ 2 ]
        let struct (window, commands) = RequestWindow.commit (RequestWindow.due window) window

        commands
        |> Check.equal [ Send [| 3uy |]; Send [| 4uy |]; Send [| 5uy |]; Send [| 1uy |]; WakeAt(at 1.0) ]

        window.Outbox |> Check.isEmpty)

let ``a request is sent as often as it may be, and is then spent; in a stream it is sent once`` =
    example (fun () ->
        let window = fresh 100 |> RequestWindow.enqueue [ 1 ] |> pump (at 0.0)
        let isSpent (window: Window) = RequestWindow.isSpent window.InFlight[1] window
        isSpent { window with IsStream = true } |> Check.isTrue
        let again (window: Window) = RequestWindow.repeat (at 1.0) 1 window.InFlight[1] (at 2.0) window
        let twice = again window
        isSpent twice |> Check.isFalse
        isSpent (again twice) |> Check.isTrue
        // Its answer may be as old as the first sending.
        twice.InFlight[1].First |> Check.equal (at 0.0)
        twice.InFlight[1].Last |> Check.equal (at 1.0))

let ``what is late is what should have been answered by now`` =
    law (fun (deadlines: byte list) (now: byte) ->
        let window =
            (fresh 1000, List.indexed deadlines)
            ||> List.fold (fun window (key, deadline) ->
                RequestWindow.send (at 0.0) key key () [||] (at (float deadline)) window)

        let late = RequestWindow.late (at (float now)) window |> List.map fst

        late = [ for key, deadline in List.indexed deadlines do
                     if deadline <= now then
                         key ]
        && (RequestWindow.due window = Instant.distantFuture) = deadlines.IsEmpty
        && (deadlines.IsEmpty || RequestWindow.due window = at (float (List.min deadlines))))

let ``who never answered is silent, and who did is cut short`` =
    example (fun () ->
        let window = fresh 100 |> RequestWindow.enqueue [ 1 ] |> pump (at 0.0)
        let silence (window: Window) = RequestWindow.silence (at 3.0) "datagrams" "the gateway" "" window
        (silence window).IsSilent |> Check.isTrue
        (silence (RequestWindow.answered (at 1.0) 1 window.Pace window)).IsCutShort |> Check.isTrue)

let ``each reason is told once, and errors of one kind together`` =
    example (fun () ->
        Faults.none
        |> Faults.add Cancelled
        |> Faults.addError "510 protocol error" "aaln/1"
        |> Faults.add (CutShort "x")
        |> Faults.add Cancelled
        |> Faults.addError "510 protocol error" "aaln/2"
        |> Faults.addError "500 unknown" "aaln/3"
        |> Faults.toList
        |> Check.equal
            [ Cancelled
              CutShort "x"
              CutShort "aaln/3: 500 unknown"
              CutShort "aaln/1 and 1 more: 510 protocol error" ])
