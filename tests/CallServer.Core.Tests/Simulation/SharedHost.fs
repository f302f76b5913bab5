namespace CallServer.Tests.Simulation

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger
open CallServer.Units

/// What the world gives a host, and learns from it.
[<NoComparison; NoEquality>]
type SharedWorld =
    {
        Clock: Clockwork
        Gateways: PairGateway[]
        UnitOf: int[]
        Database: SharedDatabase
        Interval: TimeSpan
        /// Whether a host that stood still asks nobody until it knows that it is still a member.
        Gate: bool
        ReachesDatabase: int -> bool
        Began: HostRun -> int -> int64 -> unit
        Asked: HostRun -> int -> unit
        Took: HostRun -> TimeSpan -> GatewayLedger -> unit
        Ended: HostRun -> KeptCdr -> unit
        Written: SharedCommit -> unit
        Fail: string -> unit
    }

/// One host of the fleet: it does what its units' machines command, audits, and writes what it learns.
type SharedHost(world: SharedWorld, index: int, anchor: TimeSpan) =
    let clock = world.Clock
    let dice = clock.Dice
    let database = world.Database
    let inbox = Queue<unit -> unit>()

    let places unit =
        [ for place in 0 .. world.UnitOf.Length - 1 do
              if world.UnitOf[place] = unit then
                  place ]

    let states: UnitState[] = Array.create database.Units Free
    let claimed: GatewayLedger[] = world.Gateways |> Array.map (fun g -> GatewayLedger.empty g.Id)
    let ledgers = Array.copy claimed
    let auditing = Array.create world.Gateways.Length false
    let pending = Dictionary<int, SharedCommit>()
    let mutable flying: SharedCommit list = []
    let mutable reading = Unchecked.defaultof<ClockReading>
    let mutable run = { Host = index; Run = 0 }
    let mutable up = false
    let mutable paused = false
    let mutable doubts = false
    let mutable resumedAt = clock.Now
    let mutable refusals = 0
    let now () = clock.Now + anchor

    /// An action for this run of the process: a host that stands still gets it when it wakes.
    let live (started: HostRun) (action: unit -> unit) =
        if up && run = started then
            if paused then
                inbox.Enqueue(fun () ->
                    if up && run = started then
                        action ())
            else
                action ()

    let later (span: TimeSpan) (action: unit -> unit) =
        let started = run
        clock.After(span, fun () -> live started action)

    let isWanted (state: UnitState) =
        match state with
        | Free -> false
        | Waiting
        | Held _ -> true
        | Claiming wanted
        | Unsure wanted
        | Leaving(_, wanted)
        | HandingOver(_, wanted) -> wanted

    let delay () = TimeSpan.FromMilliseconds(0.3 + 30.0 * dice.Fraction())

    /// A transaction, and its result; ValueNone if none came in time. Then it may be done all the same.
    let transact (action: unit -> 'Result) (answer: 'Result voption -> unit) =
        let isOver = ref false
        let started = run
        let sent = now ()

        let finish result =
            live started (fun () ->
                if not isOver.Value then
                    isOver.Value <- true
                    answer result)

        let reply (result: 'Result) (told: Instant) =
            live started (fun () ->
                if not isOver.Value then
                    reading <- ClockReading.after reading (ClockReading.ofExchange sent told (now ()))
                    finish (ValueSome result))

        clock.After(TimeSpan.FromSeconds 2.0, (fun () -> finish ValueNone))

        clock.After(
            delay (),
            fun () ->
                if world.ReachesDatabase index then
                    let result, told = action (), database.Clock

                    clock.After(
                        delay (),
                        fun () ->
                            if world.ReachesDatabase index then
                                reply result told
                    )
        )

    let take place epoch (snapshot: Snapshot) =
        if UnitMachine.asks states[world.UnitOf[place]] = ValueSome epoch then
            let struct (next, changes) = Reconcile.apply snapshot ledgers[place]
            ledgers[place] <- next

            let cdrs =
                [ for change in changes do
                      match change with
                      | Change.Closed(c, ending) ->
                          { Cdr = Cdr.create next.Gateway next.Traits c ending; Anchor = anchor; At = now () }
                      | Conflicted(c, conflict) ->
                          world.Fail
                              $"{c.Id}: a conflict where none lies: {c.Start.Within} against {conflict.Reported}"
                      | Change.Opened _
                      | Updated _
                      | Confirmed _
                      | Unconfirmed _
                      | Renamed _
                      | GatewayRestarted _ -> () ]

            cdrs |> List.iter (world.Ended run)
            world.Took run anchor next

            let earlier =
                match pending.TryGetValue place with
                | true, commit when commit.Epoch = epoch -> commit.Cdrs
                | _ -> []

            pending[place] <- { Place = place; Epoch = epoch; Ledger = next; Cdrs = earlier @ cdrs }

    let rec step unit event =
        let next, commands = UnitMachine.advance event states[unit]
        states[unit] <- next

        for command in commands do
            match command with
            | Claim ->
                transact (fun () -> database.Claim(run, unit)) (fun answer ->
                    match answer with
                    | ValueSome(ValueSome claim) ->
                        read claim
                        step unit (Taken claim.Epoch)
                    | ValueSome ValueNone -> step unit NotTaken
                    | ValueNone -> step unit Unanswered)
            | Begin epoch ->
                world.Began run unit epoch

                for place in places unit do
                    ledgers[place] <- claimed[place]
                    poll place epoch
            | Stop _
            | TellRefused
            | TellFree -> ()
            | Flush epoch -> flushed unit epoch
            | HandOver epoch ->
                transact (fun () -> database.HandOver(unit, epoch)) (fun answer ->
                    step unit (if answer.IsSome then HandedOver epoch else NotHandedOver epoch))
            | Forget epoch ->
                for place in places unit do
                    match pending.TryGetValue place with
                    | true, commit when commit.Epoch = epoch -> pending.Remove place |> ignore
                    | _ -> ()
            | WakeLater -> later (TimeSpan.FromSeconds 0.5) (fun () -> step unit Woke)

    /// The record that a claim brought, on this host's timeline.
    and read claim =
        for struct (place, ledger, writer) in claim.Record do
            let shift =
                match writer with
                | ValueSome writer -> TimelineShift.between writer reading
                | ValueNone -> TimelineShift.none

            claimed[place] <- GatewayLedger.restore (HandOver.read shift ledger)

    and poll place epoch =
        let unit = world.UnitOf[place]

        if UnitMachine.asks states[unit] = ValueSome epoch then
            if not doubts && not auditing[place] then
                auditing[place] <- true
                world.Asked run place

                let started = run

                world.Gateways[place]
                    .Audit(
                        0,
                        anchor,
                        (fun () -> true),
                        fun heard ->
                            let lost = paused && dice.Chance 50

                            live started (fun () ->
                                auditing[place] <- false
                                take place epoch (heard clock.Now lost))
                    )

            later world.Interval (fun () -> poll place epoch)

    /// Tells the unit if nothing of it waits to be written.
    and flushed unit epoch =
        let isOf (commit: SharedCommit) = world.UnitOf[commit.Place] = unit && commit.Epoch = epoch

        if not (Seq.exists isOf pending.Values || List.exists isOf flying) then
            step unit (Flushed epoch)

    /// The writer: what waits is written together, again and again.
    let rec write () =
        flying <- List.ofSeq pending.Values
        pending.Clear()
        let commits = flying

        let again () = later (TimeSpan.FromMilliseconds 200.0) write

        if commits.IsEmpty then
            again ()
        else
            let told = reading

            transact (fun () -> database.Commit(run, told, commits, world.Written)) (fun answer ->
                flying <- []

                match answer with
                | ValueSome results ->
                    for commit, isWritten in List.zip commits results do
                        if not isWritten then
                            refusals <- refusals + 1
                            step world.UnitOf[commit.Place] (Refused commit.Epoch)
                | ValueNone ->
                    for commit in commits do
                        if
                            UnitMachine.writes states[world.UnitOf[commit.Place]] = ValueSome commit.Epoch
                        then
                            pending[commit.Place] <-
                                match pending.TryGetValue commit.Place with
                                | true, newer -> { newer with Cdrs = commit.Cdrs @ newer.Cdrs }
                                | _ -> commit

                for unit in 0 .. states.Length - 1 do
                    match states[unit] with
                    | Leaving(epoch, _) -> flushed unit epoch
                    | _ -> ()

                again ())

    member _.Run = run
    member _.IsUp = up
    member _.IsPaused = paused
    member _.Anchor = anchor
    member _.States = states
    member _.Ledgers = ledgers
    member _.ResumedAt = resumedAt
    /// How many of its commits were refused.
    member _.Refusals = refusals

    member _.Start() =
        if not up then
            up <- true
            doubts <- false
            run <- { run with Run = run.Run + 1 }
            Array.fill states 0 states.Length Free
            Array.fill auditing 0 auditing.Length false
            pending.Clear()
            flying <- []
            // It has asked the clock before it does anything.
            reading <- ClockReading.ofExchange (now () - delay ()) database.Clock (now () + delay ())

            database.Members[run] <- Membership.Active
            write ()

    member _.Crash() =
        up <- false
        paused <- false
        inbox.Clear()

    member _.Pause() =
        if up then
            paused <- true

    /// Everything that waited arrives at once. Whoever is no member any more is ended soon.
    member this.Resume() =
        if paused then
            paused <- false
            doubts <- world.Gate
            resumedAt <- clock.Now
            let started = run

            later (TimeSpan.FromSeconds 2.0) (fun () ->
                if not (database.IsActive run) then
                    this.Crash())

            let rec ask () =
                transact (fun () -> database.IsActive run) (fun answer ->
                    match answer with
                    | ValueSome true -> doubts <- false
                    | ValueSome false -> ()
                    | ValueNone -> live started ask)

            ask ()

            while inbox.Count > 0 do
                inbox.Dequeue () ()

    /// The fleet's view: which units are to be here; ends if it is no member any more.
    member this.Placed(isMember: bool, isHere: int -> bool) =
        let started = run

        live started (fun () ->
            if not isMember then
                this.Crash()
            else
                for unit in 0 .. states.Length - 1 do
                    match isHere unit, isWanted states[unit] with
                    | true, false -> step unit Want
                    | false, true -> step unit GiveUp
                    | true, true
                    | false, false -> ())
