namespace CallServer.Tests.Roles

open System
open CallServer.Model
open CallServer.Roles
open CallServer.Tests

/// Small builders for tests of the role machine; times are milliseconds after an arbitrary moment.
module Build =
    let same (expected: 'T) (actual: 'T) = (actual = expected) |> Check.because $"%A{actual}" Check.isTrue

    let at (milliseconds: int) = Instant.ofMicros (1_700_000_000_000_000L + int64 milliseconds * 1000L)

    /// Heartbeats of 250 ms, 4 misses.
    let settings name : RoleSettings =
        { Name = name
          Patience = { Heartbeat = TimeSpan.FromMilliseconds 250.0; Misses = 4 }
          LongestWait = TimeSpan.FromSeconds 30.0
          Readiness = Warm
          IsBackup = false }

    let backup name = { settings name with IsBackup = true }
    let nothing: Remembered = { Epoch = 0; Acted = ValueNone }

    let greeting server role epoch : Greeting =
        { Server = server
          Epoch = epoch
          Role = role
          HandsOver = false
          Anew = false
          Patience = ValueNone }

    /// Applies every event in turn; returns the state, and the commands of the last one.
    let replay (events: RoleEvent list) (first: RoleState * RoleCommand list) =
        (first, events) ||> List.fold (fun (state, _) event -> RoleMachine.advance event state)

    /// A standby, "b", of "a", which it has just heard acting under epoch 1; its next tick is at 250 ms.
    let standby () =
        RoleMachine.start (at 0) nothing "http://a" (backup "b")
        |> replay [ Heard(at 0, greeting "a" Primary 1) ]
        |> fst

    /// A primary, "a", that "b" has just heard.
    let primary () =
        RoleMachine.start (at 0) nothing "http://b" (settings "a")
        |> replay [ Heard(at 0, greeting "b" Standby 1) ]
        |> fst

    /// The ticks from one heartbeat to another, each at its time.
    let ticks first last = [ for heartbeat in first..last -> Woke(at (250 * heartbeat)) ]

    let takeovers (commands: RoleCommand list) =
        commands
        |> List.choose (fun command ->
            match command with
            | Recover takeover -> Some takeover
            | _ -> None)

/// One of the two, with what it keeps over a restart; down while it has no state.
type Seat =
    { Settings: RoleSettings
      Other: string
      mutable State: RoleState voption
      mutable Epoch: int
      mutable Acted: bool voption
      mutable Recoveries: int
      mutable Wrong: string list }

/// What may happen to the two between two steps.
type Blow =
    /// Both answers get through.
    | Pass
    /// When the first asks the second, the request or the answer is lost.
    | LoseRequest of first: bool
    | LoseAnswer of first: bool
    | Crash of first: bool
    /// It crashes and loses its disk.
    | LoseDisk of first: bool
    | Start of first: bool
    /// It stops for this many steps of a tenth of a second.
    | Stop of first: bool * steps: int
    | Tell of first: bool * Order

/// Two machines that ask each other over a bad path, in steps of a tenth of a second. The invariants are checked
/// after each event.
type TwoServers(a: RoleSettings, b: RoleSettings) =
    let seat settings other : Seat =
        { Settings = settings
          Other = other
          State = ValueNone
          Epoch = 0
          Acted = ValueNone
          Recoveries = 0
          Wrong = [] }

    let seats = [| seat a b.Name; seat b a.Name |]
    let stoppedUntil = [| 0; 0 |]
    let mutable step = 0
    let mutable loseRequest = [| false; false |]
    let mutable loseAnswer = [| false; false |]
    let now () = Build.at (100 * step)

    let rec carryOut (agrees: bool) (me: int) (state: RoleState, commands: RoleCommand list) =
        let seat = seats[me]

        match seat.State with
        | ValueSome before when state.Epoch < before.Epoch && not agrees ->
            seat.Wrong <- $"epoch {before.Epoch} became {state.Epoch}" :: seat.Wrong
        | _ -> ()

        seat.State <- ValueSome state

        for command in commands do
            match command with
            | Keep(epoch, acts) ->
                seat.Epoch <- epoch
                seat.Acted <- ValueSome acts
            | AskPeer _ -> ask me
            | Recover takeover ->
                seat.Recoveries <- seat.Recoveries + 1

                if takeover.Epoch <> seat.Epoch || seat.Acted <> ValueSome true then
                    seat.Wrong <- "it recovers before it has kept that it acts" :: seat.Wrong
            | Assume duty ->
                if duty.WritesCdrs <> state.Role.Acts then
                    seat.Wrong <- "a duty that is not its role's" :: seat.Wrong
            | WakeAt _
            | LookAround
            | Say _
            | Answer _ -> ()

    and event me (event: RoleEvent) =
        // Only an operator's order moves an epoch back.
        let agrees =
            match event with
            | Ordered(_, ActUnder _) -> true
            | Heard(_, g) -> g.Anew
            | _ -> false

        match seats[me].State with
        | ValueSome state -> carryOut agrees me (RoleMachine.advance event state)
        | ValueNone -> ()

    and listens me = seats[me].State.IsSome && stoppedUntil[me] <= step

    and ask me =
        let other = 1 - me

        if not loseRequest[me] && listens other then
            event other (Heard(now (), RoleMachine.greeting seats[me].State.Value))

            if not loseAnswer[me] && listens me then
                event me (Heard(now (), RoleMachine.greeting seats[other].State.Value))

    let index first = if first then 0 else 1

    let start me =
        let seat = seats[me]

        if seat.State.IsNone then
            let kept = { Epoch = seat.Epoch; Acted = seat.Acted }
            carryOut false me (RoleMachine.start (now ()) kept $"http://{seat.Other}" seat.Settings)

    member _.Seats = seats
    member _.Now = now ()

    member _.Blow(blow: Blow) =
        loseRequest <- [| false; false |]
        loseAnswer <- [| false; false |]

        match blow with
        | Pass -> ()
        | LoseRequest first -> loseRequest[index first] <- true
        | LoseAnswer first -> loseAnswer[index first] <- true
        | Crash first -> seats[index first].State <- ValueNone
        | LoseDisk first ->
            let seat = seats[index first]
            seat.State <- ValueNone
            seat.Epoch <- 0
            seat.Acted <- ValueNone
        | Start first -> start (index first)
        | Stop(first, steps) -> stoppedUntil[index first] <- step + abs steps % 40
        | Tell(first, order) ->
            if listens (index first) then
                event (index first) (Ordered(now (), order))

        step <- step + 1

        for me in 0..1 do
            if listens me then
                event me (Woke(now ()))

    /// Lets both run and hear each other for this long.
    member this.Heal(seconds: int) =
        start 0
        start 1
        stoppedUntil[0] <- 0
        stoppedUntil[1] <- 0

        for _ in 1 .. 10 * seconds do
            this.Blow Pass

    member _.Acting =
        [ for seat in seats do
              match seat.State with
              | ValueSome state when state.Role.Acts -> seat
              | _ -> () ]
