/// Laws of one role machine, and of two that hear each other, whatever happens.
module CallServer.Tests.Roles.RoleLawTests

open System
open CallServer.Model
open CallServer.Roles
open CallServer.Tests
open CallServer.Tests.Roles
open CallServer.Tests.Roles.Build

let private roles = [| Joining; Primary; Active; Standby |]

/// Any state that a machine can reach, and any greeting.
let private someState (draws: int list) =
    let start = if List.length draws % 2 = 0 then standby () else primary ()

    let event (n: int) (draw: int) =
        match abs draw % 8 with
        | 0
        | 1
        | 2 -> Woke(at (250 * n + abs draw % 700))
        | 3 -> Ordered(at (250 * n), Order.TakeOver)
        | 4 -> Ordered(at (250 * n), Order.StepDown)
        | _ -> Heard(at (250 * n), greeting "m" roles[abs draw % 4] (abs draw / 8 % 6))

    List.indexed draws
    |> List.scan (fun s (n, draw) -> RoleMachine.advance (event n draw) s |> fst) start

let ``epochs never decrease, and no server acts under a lower one than it has heard`` =
    law (fun (draws: int list) ->
        let states = someState draws
        let epochs = states |> List.map _.Epoch

        let highest (s: RoleState) =
            match s.Met with
            | ValueSome g when s.Role.Acts -> g.Epoch <= s.Epoch
            | _ -> true

        List.forall2 (<=) epochs (List.tail epochs @ [ Int32.MaxValue ]) && List.forall highest states)

let ``an early tick changes nothing`` =
    law (fun (draws: int list) (early: int) ->
        let s = someState draws |> List.last
        let before = s.Due - TimeSpan.FromMicroseconds(float (1 + abs (early % 100_000)))
        RoleMachine.advance (Woke before) s = (s, [ WakeAt s.Due ]))

let ``what is heard twice does what it did once`` =
    law (fun (draws: int list) (role: int) (epoch: int) ->
        let s = someState draws |> List.last
        let heard = Heard(s.Due, greeting "m" roles[abs (role % 4)] (abs (epoch % 8)))
        let once, _ = RoleMachine.advance heard s
        let twice, again = RoleMachine.advance heard once
        // All that is recorded is that the other one was heard, and if it acts, when it last did.
        let noted: RoleState =
            { once with
                Met = twice.Met
                HeardActing = twice.HeardActing
                LastActing = twice.LastActing
                Misses = twice.Misses }

        noted = twice && again = [])

let ``a standby that hears the acting server every heartbeat never takes over`` =
    law (fun (jitters: int list) ->
        let folded =
            ((standby (), []), List.indexed jitters)
            ||> List.fold (fun (s, _) (n, jitter) ->
                let tick = 250 * (n + 1)

                let s, _ =
                    RoleMachine.advance
                        (Heard(at (tick - 1 - abs (jitter % 249)), greeting "a" Primary 1))
                        s

                RoleMachine.advance (Woke(at tick)) s)

        (fst folded).Role = Standby)

let private blows =
    function
    | struct (kind, first, steps) ->
        match abs kind % 20 with
        | 0 -> Crash first
        | 1 -> LoseDisk first
        | 2
        | 3 -> Start first
        | 4 -> Stop(first, steps)
        | 5 -> Tell(first, Order.TakeOver)
        | 6 -> Tell(first, Order.StepDown)
        | 7 -> Tell(first, Order.ActUnder(1 + abs (steps % 50_000)))
        | 8
        | 9
        | 10 -> LoseRequest first
        | 11
        | 12
        | 13
        | 14 -> LoseAnswer first
        | _ -> Pass

let ``whatever befell the two, once they hear each other exactly one acts, under the highest epoch`` =
    law (fun (story: struct (int * bool * int) list) (misses: int) ->
        // The primary learns it from its backup.
        let patient =
            { backup "b" with
                Patience = { (backup "b").Patience with Misses = 1 + abs (misses % 4) } }

        let two = TwoServers(settings "a", patient)
        two.Blow(Start true)
        two.Blow(Start false)

        for part in story do
            // Each blow lasts for a while.
            for _ in 1..3 do
                two.Blow(blows part)

        two.Heal 30
        let before = two.Seats |> Array.map _.Recoveries
        two.Heal 10

        match two.Acting with
        | [ acting ] ->
            two.Seats |> Array.forall (fun seat -> seat.Wrong = [] && seat.State.Value.Epoch = acting.Epoch)
            // And it stays that way.
            && before = (two.Seats |> Array.map _.Recoveries)
        | _ -> false)

let ``a planned switch between two takes less than two seconds`` =
    example (fun () ->
        let two = TwoServers(settings "a", backup "b")
        two.Heal 5
        same [ "a" ] (two.Acting |> List.map _.Settings.Name)
        two.Blow(Tell(true, Order.StepDown))
        let asked = two.Now

        while (two.Acting |> List.map _.Settings.Name) <> [ "b" ]
              && two.Now - asked < TimeSpan.FromMinutes 1.0 do
            two.Blow Pass

        two.Now - asked |> Check.below (TimeSpan.FromSeconds 2.0))

let ``the old primary comes back as a standby by itself`` =
    example (fun () ->
        let two = TwoServers(settings "a", backup "b")
        two.Heal 5
        two.Blow(Crash true)

        for _ in 1..30 do
            two.Blow Pass

        same [ "b" ] (two.Acting |> List.map _.Settings.Name)
        two.Heal 5
        same [ "b" ] (two.Acting |> List.map _.Settings.Name)
        same Standby two.Seats[0].State.Value.Role
        same [ 0; 1 ] (two.Seats |> Array.map _.Recoveries |> List.ofArray))

/// Two whose epochs are so far apart that neither believes the other's.
let private apart (first: int) (second: int) =
    let two = TwoServers(settings "a", backup "b")
    two.Seats[0].Epoch <- first
    two.Seats[0].Acted <- ValueSome true
    two.Seats[1].Epoch <- second
    two.Seats[1].Acted <- ValueSome true
    two

let ``two that both act and stand far apart meet, and one acts under the highest epoch`` =
    examples [ 5, 45_000; 45_000, 5; 5, 1_000_000 ] (fun (first, second) ->
        let two = apart first second
        two.Heal 120
        let acting = List.exactlyOne two.Acting
        same (max first second) acting.State.Value.Epoch
        same [ acting.Epoch ] (two.Seats |> Seq.map _.Epoch |> Seq.distinct |> List.ofSeq))

let ``an operator has both agree on an epoch anew, at once, whichever of them acts and whatever they had`` =
    examples [ true, 7; false, 7; true, 999_999_999; false, 1_000_000_000 ] (fun (first, epoch) ->
        let two = apart 1_000_000_000 1_000_000_000
        two.Heal 5
        two.Blow(Tell(first, ActUnder epoch))
        two.Heal 2
        let acting = List.exactlyOne two.Acting
        same (if first then "a" else "b") acting.Settings.Name
        same [ epoch ] (two.Seats |> Seq.map _.State.Value.Epoch |> Seq.distinct |> List.ofSeq)
        same [] (two.Seats |> Seq.collect _.Wrong |> List.ofSeq)
        // And it is stored: both come back with it.
        two.Blow(Crash true)
        two.Blow(Crash false)
        two.Heal 5
        same [ epoch ] (two.Seats |> Seq.map _.State.Value.Epoch |> Seq.distinct |> List.ofSeq))

let ``one that was away while an operator spoke agrees when it comes back`` =
    example (fun () ->
        let two = apart 1_000_000_000 1_000_000_000
        two.Heal 5
        two.Blow(Crash false)
        two.Blow(Tell(true, ActUnder 3))

        for _ in 1..100 do
            two.Blow Pass

        two.Heal 3
        same [ "a" ] (two.Acting |> List.map _.Settings.Name)
        same [ 3; 3 ] (two.Seats |> Seq.map _.State.Value.Epoch |> List.ofSeq))
