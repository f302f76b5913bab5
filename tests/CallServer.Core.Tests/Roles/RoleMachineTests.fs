/// The role machine's table, row by row.
module CallServer.Tests.Roles.RoleMachineTests

open System
open CallServer.Model
open CallServer.Polling
open CallServer.Roles
open CallServer.Tests
open CallServer.Tests.Roles
open CallServer.Tests.Roles.Build

let private hears greeting (s: RoleState) = RoleMachine.advance (Heard(at 100, greeting)) s

let ``a server without a peer acts at once, a backup without one waits for its operator`` =
    example (fun () ->
        let alone, commands = RoleMachine.start (at 0) nothing "" (settings "a")
        same Primary alone.Role
        same true (List.contains (Keep(1, true)) commands)
        same true (List.contains (Assume { Rate = Full; WritesCdrs = true }) commands)
        same true (List.contains (WakeAt(at 250)) commands)

        let waiting, _ = RoleMachine.start (at 0) nothing "" (backup "b") |> replay (ticks 1 500)
        same Standby waiting.Role

        let told, commands = RoleMachine.advance (Ordered(at 125_100, Order.TakeOver)) waiting
        same Active told.Role
        same OperatorSaid (takeovers commands).Head.Cause)

let ``a server that knows a peer asks it before it says what it is`` =
    example (fun () ->
        let joining, commands = RoleMachine.start (at 0) nothing "http://b" (settings "a")
        same Joining joining.Role

        same
            [ Keep(1, true)
              AskPeer "http://b"
              WakeAt(at 250)
              Assume { Rate = Known; WritesCdrs = false } ]
            commands

        let still, _ = (joining, []) |> replay (ticks 1 3)
        same Joining still.Role
        let alone, commands = RoleMachine.advance (Woke(at 1000)) still
        same Primary alone.Role
        same [] (takeovers commands))

let ``joining, it stands by for a higher epoch and for one that acts`` =
    example (fun () ->
        let joining kept settings = RoleMachine.start (at 0) kept "http://z" settings |> fst
        let acted epoch : Remembered = { Epoch = epoch; Acted = ValueSome true }
        let next kept settings said = (joining kept settings |> hears said |> fst).Role

        same Standby (next (acted 1) (settings "a") (greeting "z" Active 2))
        same Standby (next (acted 1) (settings "a") (greeting "z" Standby 2))
        same Standby (next nothing (backup "a") (greeting "z" Primary 1))
        same Standby (next nothing (backup "a") (greeting "z" Joining 1))
        same Primary (next (acted 3) (settings "a") (greeting "z" Primary 2))
        same Active (next (acted 3) (backup "a") (greeting "z" Primary 2))
        same Primary (next nothing (settings "a") (greeting "z" Standby 1))
        // The store takes precedence over the configuration.
        same Standby (next { Epoch = 2; Acted = ValueSome false } (settings "a") (greeting "z" Joining 1)))

let ``a standby takes over after exactly so many misses`` =
    example (fun () ->
        // The first tick ends the heartbeat in which the other one was heard.
        let waiting, _ = (standby (), []) |> replay (ticks 1 4)
        same Standby waiting.Role
        let active, commands = RoleMachine.advance (Woke(at 1250)) waiting
        same Active active.Role

        same
            [ { Epoch = 2; Cause = PeerSilent 4; At = at 1250; LastHeard = ValueSome(at 0) } ]
            (takeovers commands)

        let place wanted = commands |> List.findIndex wanted
        let kept = place (fun command -> command = Keep(2, true))
        let assumed = place _.IsAssume
        let recovers = place _.IsRecover
        // The epoch is on the disk before anything is done under it, and the other server is told.
        [ kept; assumed; recovers ] |> Check.isOrdered
        same true (List.contains (AskPeer "http://a") commands))

let ``a standby that never heard the other one is ten times as patient`` =
    example (fun () ->
        let first = RoleMachine.start (at 0) nothing "http://a" (backup "b")
        // Four ticks to join, forty to wait.
        let waiting, _ = first |> replay (ticks 1 43)
        same Standby waiting.Role
        let active, commands = RoleMachine.advance (Woke(at (250 * 44))) waiting
        same Active active.Role
        same ValueNone (takeovers commands).Head.LastHeard)

let ``one that stepped down for a server that was lost at once is not patient for long`` =
    example (fun () ->
        let down, _ = primary () |> hears (greeting "b" Joining 5)
        same Standby down.Role
        let waiting, _ = (down, []) |> replay (ticks 1 3)
        same Standby waiting.Role
        same Active (RoleMachine.advance (Woke(at 1000)) waiting |> fst).Role)

let ``a standby that was stopped itself counts anew`` =
    example (fun () ->
        // Three misses, then it stops for a minute.
        let before, _ = (standby (), []) |> replay (ticks 1 4)
        let back, commands = RoleMachine.advance (Woke(at 61_000)) before
        same Standby back.Role
        same true (List.contains (AskPeer "http://a") commands)
        let later = [ for n in 1..3 -> Woke(at (61_000 + 250 * n)) ]
        let waiting, _ = (back, []) |> replay later
        same Standby waiting.Role
        same Active (RoleMachine.advance (Woke(at 62_000)) waiting |> fst).Role)

let ``a standby whose every tick is late takes over all the same`` =
    example (fun () ->
        let slow = [ for n in 1..10 -> Woke(at (600 * n)) ]
        same Active ((standby (), []) |> replay slow |> fst).Role)

let ``a standby whose every other tick is late takes over all the same`` =
    example (fun () ->
        let uneven =
            [ for n in 0..9 -> [ Woke(at (850 * n + 600)); Woke(at (850 * n + 850)) ] ] |> List.concat

        same Active ((standby (), []) |> replay uneven |> fst).Role)

let ``a server that was stopped while it acted asks at once`` =
    example (fun () ->
        let before, _ = (primary (), []) |> replay (ticks 1 6)
        let still, commands = RoleMachine.advance (Woke(at 30_000)) before
        same Primary still.Role
        same true (List.contains (AskPeer "http://b") commands))

let ``it steps down for a higher epoch, and for the name that comes first under its own`` =
    example (fun () ->
        let down greeting = primary () |> hears greeting

        let next, commands = down (greeting "b" Active 2)
        same Standby next.Role
        same 2 next.Epoch
        same true (List.contains (Keep(2, false)) commands)
        same true (List.contains (Assume { Rate = Slow; WritesCdrs = false }) commands)
        same Primary (down (greeting "b" Primary 1) |> fst).Role
        same Standby (down (greeting "A" Primary 1) |> fst).Role
        same Primary (down (greeting "A" Standby 1) |> fst).Role)

let ``a cold standby audits nothing`` =
    example (fun () ->
        let cold = { backup "b" with Readiness = Cold }
        let state, _ = RoleMachine.start (at 0) nothing "" cold
        same { Rate = Known; WritesCdrs = false } (RoleMachine.duty state))

let ``one that acts under an epoch that is over does not count as acting`` =
    example (fun () ->
        let down, _ = primary () |> hears (greeting "b" Active 3)
        let again = Heard(at 300, greeting "b" Primary 2)

        let events =
            [ for n in 1..4 do
                  Woke(at (250 * n))
                  again ]

        let next, _ = (down, []) |> replay events
        same Standby next.Role
        same Active (RoleMachine.advance (Woke(at 1250)) next |> fst).Role)

let ``of two that stand by, the name that comes first takes over`` =
    example (fun () ->
        let nobodyActs (name: string) other =
            let first =
                RoleMachine.start
                    (at 0)
                    { Epoch = 3; Acted = ValueSome false }
                    $"http://{other}"
                    (settings name)

            let said n = Heard(at (250 * n - 100), greeting other Standby 3)

            let rec count (state: RoleState) n =
                let state, _ = RoleMachine.advance (said n) state
                let state, commands = RoleMachine.advance (Woke(at (250 * n))) state

                match takeovers commands with
                | [ takeover ] ->
                    same NobodyActed takeover.Cause
                    n
                | _ -> count state (n + 1)

            count (fst first) 1

        same 4 (nobodyActs "a" "b")
        same 12 (nobodyActs "b" "a"))

let ``a planned switch takes one heartbeat, and ends where nobody takes over`` =
    example (fun () ->
        let next, commands = RoleMachine.advance (Ordered(at 200, Order.StepDown)) (primary ())
        same Primary next.Role
        same true (List.contains (Answer ValueNone) commands)
        same true (RoleMachine.greeting next).HandsOver

        let taken, commands = standby () |> hears { greeting "a" Primary 1 with HandsOver = true }
        same Active taken.Role
        same HandedOver (takeovers commands).Head.Cause

        let late, _ = (next, []) |> replay (ticks 1 8)
        same true (RoleMachine.greeting late).HandsOver
        let after, _ = (late, []) |> replay (ticks 9 9)
        same Primary after.Role
        same false (RoleMachine.greeting after).HandsOver)

let ``orders that cannot be followed are refused`` =
    example (fun () ->
        let refusal (s: RoleState) when' order =
            RoleMachine.advance (Ordered(at when', order)) s
            |> snd
            |> List.pick (fun command ->
                match command with
                | Answer refusal -> Some refusal.IsSome
                | _ -> None)

        same true (refusal (primary ()) 100 Order.TakeOver)
        same true (refusal (standby ()) 100 Order.StepDown)
        // The standby has not been heard for 5 s.
        same true (refusal (primary ()) 5000 Order.StepDown)
        same false (refusal (standby ()) 100 Order.TakeOver))

let ``another server of its own name is not listened to, and that is said once`` =
    example (fun () ->
        let s = standby ()
        let next, commands = s |> hears (greeting "b" Active 9)
        same 1 commands.Length
        same { s with SaidSameName = true } next
        same [] (next |> hears (greeting "b" Active 9) |> snd))

let private says (commands: RoleCommand list) =
    commands
    |> List.choose (fun command ->
        match command with
        | Say what -> Some what
        | _ -> None)

let ``an epoch is believed ten thousand above one's own, and not a step further`` =
    example (fun () ->
        let next, _ = primary () |> hears (greeting "b" Active 10_001)
        same Standby next.Role
        same 10_001 next.Epoch

        let still, commands = primary () |> hears (greeting "b" Active 10_002)
        same Primary still.Role
        // It moves towards the other epoch, and says what to do if that does not end.
        same 10_001 still.Epoch
        same true (List.contains (Keep(10_001, true)) commands)
        (says commands).Head |> Check.says "takeover --epoch"
        let met, _ = still |> hears (greeting "b" Active 10_002)
        same Standby met.Role
        same 10_002 met.Epoch)

let ``what is too far is said once until it ends`` =
    example (fun () ->
        let once, commands = primary () |> hears (greeting "b" Active 500_000)
        same 1 (says commands).Length
        let twice, commands = once |> hears (greeting "b" Active 500_000)
        same [] (says commands)
        let after, _ = twice |> hears (greeting "b" Standby 1)
        same 1 (after |> hears (greeting "b" Active 500_000) |> snd |> says).Length)

let ``an epoch beyond the ceiling is not heard at all`` =
    examples [ 1_000_000_001; Int32.MaxValue ] (fun (epoch: int) ->
        for before in [ primary (); standby () ] do
            let next, commands = before |> hears (greeting "z" Active epoch)
            same { before with SaidTooFar = true } next
            same 1 commands.Length
            same [] (next |> hears (greeting "z" Active epoch) |> snd))

let ``no takeover passes the ceiling`` =
    example (fun () ->
        let kept epoch : Remembered = { Epoch = epoch; Acted = ValueSome false }
        let at' epoch : RoleState = RoleMachine.start (at 0) (kept epoch) "http://a" (backup "b") |> fst
        let told epoch : RoleState = RoleMachine.advance (Ordered(at 100, Order.TakeOver)) (at' epoch) |> fst
        same 1_000_000_000 (told 999_999_999).Epoch
        same 1_000_000_000 (told 1_000_000_000).Epoch
        same 1_000_000_000 (told Int32.MaxValue).Epoch)

let private patient heartbeat misses : Greeting =
    { greeting "b" Active 1 with
        Patience = ValueSome { Heartbeat = TimeSpan.FromMilliseconds(float heartbeat); Misses = misses } }

/// A primary that stepped down for its backup "b".
let private stoodDown () = primary () |> hears (greeting "b" Active 2) |> fst

let ``a patience that the other one tells is cut to what one's own configuration allows`` =
    example (fun () ->
        let waits heartbeat misses =
            let next, _ = stoodDown () |> hears { patient heartbeat misses with Epoch = 2 }
            let patience = next.Settings.Patience
            patience.Heartbeat * float patience.Misses

        same (TimeSpan.FromSeconds 30.0) (waits 3_600_000 100)
        same (TimeSpan.FromSeconds 30.0) (waits 3_600_000 1)
        same (TimeSpan.FromSeconds 4.0) (waits 50 80)
        // Nor is it so short that one late heartbeat causes a takeover.
        same (TimeSpan.FromMilliseconds 250.0) (waits 1 1)
        same (TimeSpan.FromMilliseconds 250.0) (waits 1 100))

let ``a shorter patience brings the next tick nearer, and a longer one does not put it off`` =
    example (fun () ->
        let long', (commands: RoleCommand list) =
            stoodDown () |> hears { patient 3_600_000 1 with Epoch = 2 }

        same (at 250) long'.Due
        same false (commands |> List.exists (fun command -> command.IsWakeAt))
        let ticked, _ = RoleMachine.advance (Woke(at 250)) long'
        same (at 30_250) ticked.Due

        let heard = Heard(at 700, { patient 250 4 with Epoch = 2 })
        let again, commands = RoleMachine.advance heard ticked
        same (at 950) again.Due
        same true (List.contains (WakeAt(at 950)) commands))

let ``an operator's epoch is one that there can be`` =
    example (fun () ->
        for epoch, isRefused in [ 0, true; -1, true; 1, false; 1_000_000_000, false; 1_000_000_001, true ] do
            for before in [ primary (); standby () ] do
                let next, commands = RoleMachine.advance (Ordered(at 100, ActUnder epoch)) before

                same
                    isRefused
                    (commands
                     |> List.exists (fun command ->
                         match command with
                         | Answer refusal -> refusal.IsSome
                         | _ -> false))

                same (if isRefused then before.Epoch else epoch) next.Epoch)

let ``one that acts already says which order settles it`` =
    example (fun () ->
        match RoleMachine.advance (Ordered(at 100, Order.TakeOver)) (primary ()) |> snd with
        | [ Answer(ValueSome why) ] -> why |> Check.says "--epoch"
        | other -> failtest $"%A{other}")
