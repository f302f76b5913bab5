namespace CallServer.Tests.Simulation

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Polling
open CallServer.Ledger
open CallServer.Roles

/// One server of a pair, doing what the host does: it carries out the commands of its role in order, audits, and
/// writes CDRs or holds them.
type PairServer(world: PairWorld, index: int, settings: RoleSettings, secret: PairSecret) =
    let clock = world.Clock
    let gateways = world.Gateways
    let ids = gateways |> Array.map _.Id
    let inbox = Queue<unit -> unit>()
    let auditing = Array.create gateways.Length false
    let again = Array.create gateways.Length false
    let mutable disk = PairDisk ids
    let mutable ledgers = disk.Ledgers
    let mutable role = Unchecked.defaultof<RoleState>
    let mutable duty = { Rate = Known; WritesCdrs = false }
    let mutable up = false
    let mutable paused = false
    let mutable process' = 0
    let mutable wake = 0
    let mutable generation = 0
    let mutable wallOffset = TimeSpan.Zero
    let mutable anchor = TimeSpan.Zero
    let mutable trust = Unchecked.defaultof<PairTrust>
    let mutable lie: Greeting -> Greeting = id
    let mutable failsToKeep = false
    let mutable turnedAt = clock.Now
    let now () = clock.Now + anchor
    let fail text = world.Fail $"{settings.Name}: {text}"

    /// An action for this run of the process: a stopped process gets it when it continues.
    let run (started: int) (action: unit -> unit) =
        if up && process' = started then
            if paused then
                inbox.Enqueue(fun () ->
                    if up && process' = started then
                        action ())
            else
                action ()

    let later (at: Instant) (action: unit -> unit) =
        let started = process'
        clock.At(at - anchor, fun () -> run started action)

    let write (id: Guid) (kept: KeptCdr) =
        if not (disk.Written.TryAdd(id, { kept with At = now () })) then
            fail $"wrote the CDR of {kept.Cdr.Connection.Id} twice"

    let release () =
        for KeyValue(id, kept) in disk.Held do
            write id kept

        disk.Held.Clear()

    let take (place: int) (snapshot: Snapshot) =
        let struct (next, changes) = Reconcile.apply snapshot ledgers[place]
        ledgers[place] <- next
        disk.Correction <- wallOffset - anchor

        for change in changes do
            match change with
            | Change.Opened c -> world.Opened ids[place] c
            | Change.Closed(c, ending) ->
                let cdr = Cdr.create ids[place] next.Traits c ending
                let kept = { Cdr = cdr; Anchor = anchor; At = now () }
                world.Ended index kept

                if duty.WritesCdrs then
                    write cdr.Id kept
                elif not (disk.Held.TryAdd(cdr.Id, kept)) then
                    fail $"holds the CDR of {c.Id} twice"
            | Conflicted(c, conflict) ->
                fail $"{c.Id}: a conflict where none lies: {c.Start.Within} against {conflict.Reported}"
            | Updated _
            | Confirmed _
            | Unconfirmed _
            | Renamed _
            | GatewayRestarted _ -> ()

        world.Took index anchor next

    let rec audit (place: int) =
        if auditing[place] then
            again[place] <- true
        else
            auditing[place] <- true
            let started = process'

            let told (heard: Heard) =
                if up && process' = started then
                    // A stopped process reads late what waits in its socket, as far as there was room for it.
                    let lost = paused && clock.Dice.Chance 50

                    run started (fun () ->
                        auditing[place] <- false
                        take place (heard clock.Now lost)

                        if again[place] then
                            again[place] <- false
                            audit place)

            gateways[place].Audit(index, anchor, (fun () -> world.Reaches index place), told)

    let slowly = 3.0

    /// A cold standby may be the only one that knows of connections it still holds open from when it acted, so it
    /// goes on asking for those.
    let interval place =
        match duty.Rate with
        | Full -> ValueSome world.Interval
        | Slow -> ValueSome(world.Interval * slowly)
        | Known when up && not role.Role.IsJoining && ledgers[place].Connections.Length > 0 ->
            ValueSome(world.Interval * slowly)
        | Known -> ValueNone

    let rec poll (turn: int) (place: int) =
        if turn = generation then
            match interval place with
            | ValueSome interval ->
                audit place
                later (now () + interval) (fun () -> poll turn place)
            | ValueNone -> later (now () + world.Interval * slowly) (fun () -> poll turn place)

    let assume (next: Duty) =
        duty <- next

        if next.WritesCdrs then
            release ()

        generation <- generation + 1
        let turn = generation

        for place in 0 .. gateways.Length - 1 do
            let phase = (interval place |> ValueOption.defaultValue world.Interval) * clock.Dice.Fraction()
            later (now () + phase) (fun () -> poll turn place)

    let recover (takeover: Takeover) =
        for place in 0 .. gateways.Length - 1 do
            ledgers[place] <- GatewayLedger.takenOver takeover.At ledgers[place]
            audit place

        world.TookOver index takeover

    let rec step (state: RoleState, commands: RoleCommand list) =
        let before = role
        role <- state

        if not (obj.ReferenceEquals(before, null)) && state.Epoch < before.Epoch then
            fail $"epoch {before.Epoch} became {state.Epoch}"

        if state.Epoch > RoleMachine.highestEpoch then
            fail $"epoch {state.Epoch} is beyond all"

        for command in commands do
            match command with
            | AskPeer _ -> greet ()
            | WakeAt instant ->
                wake <- wake + 1
                let number = wake

                later instant (fun () ->
                    if number = wake then
                        event (Woke(now ())))
            | Keep(epoch, acts) ->
                if epoch < disk.Epoch then
                    fail $"epoch {disk.Epoch} on the disk became {epoch}"

                if not failsToKeep then
                    disk.Epoch <- epoch
                    disk.Acted <- ValueSome acts
            | Assume duty -> assume duty
            | Recover takeover ->
                if takeover.Epoch <= before.Epoch && before.Epoch < RoleMachine.highestEpoch then
                    fail $"takes over under epoch {takeover.Epoch}, and knew {before.Epoch}"

                recover takeover
            | LookAround
            | Say _
            | Answer _ -> ()

    and event (what: RoleEvent) = step (RoleMachine.advance what role)

    /// Sends a question with its proof; a refusal brings the challenge for asking once more.
    and post (again: bool) (says: Said) (heard: Said -> unit) =
        let verb = Letters.verb says
        let nonce = Letters.random clock.Dice
        let struct (proof, next) = PairTrust.ask verb nonce (Letters.octets says) trust
        trust <- next
        let started = process'

        let answered (reply: Reply) () =
            run started (fun () ->
                match
                    PairTrust.hear verb nonce reply.Status (Letters.octets reply.Says) reply.Proof trust
                with
                | Ok next ->
                    trust <- next

                    if reply.Says <> Refuses then
                        heard reply.Says
                    elif not again then
                        post true says heard
                | Error _ -> ())

        world.Send index (fun () ->
            world.Ask index { Proof = proof; Says = says } (fun reply ->
                world.Send (1 - index) (answered reply)))

    /// Sends a heartbeat: the server that gets it learns as well.
    and greet () =
        post false (Greets(lie (RoleMachine.greeting role))) (fun said ->
            match said with
            | Greets greeting -> event (Heard(now (), greeting))
            | AsksFor _
            | Tells _
            | Refuses -> fail "a heartbeat is answered by no greeting")

    /// The standby's question to the acting server.
    let rec settle () =
        later (now () + world.Settles) settle

        let held =
            [| for KeyValue(id, kept) in disk.Held -> struct (id, kept.Cdr.Gateway, kept.Cdr.Connection.Id) |]

        let still =
            if duty.Rate <> Known then
                [||]
            else
                [| for ledger in ledgers do
                       for c in ledger.Connections do
                           struct (Cdr.id ledger.Gateway c, ledger.Gateway, c.Id) |]

        if not role.Role.Acts && held.Length + still.Length > 0 then
            post false (AsksFor(Array.append held still)) (fun said ->
                match said with
                | Tells standings -> settled standings
                | Greets _
                | AsksFor _
                | Refuses -> fail "a question is answered by something else")

    and settled (standings: Dictionary<Guid, Standing>) =
        if not role.Role.Acts then
            for KeyValue(id, standing) in standings do
                match standing, disk.Held.TryGetValue id with
                | ItsCdrIsWritten, (true, _) -> disk.Held.Remove id |> ignore
                | NotKnown, (true, kept) when now () - kept.At > world.Grace ->
                    disk.Held.Remove id |> ignore
                    write id kept
                | _ -> ()

            // The acting server knows these or has billed them, so they are its own now.
            if duty.Rate = Known then
                let isKnown (ledger: GatewayLedger) (c: Connection) =
                    match standings.TryGetValue(Cdr.id ledger.Gateway c) with
                    | true, (ItsCdrIsWritten | ItIsActive) -> true
                    | _ -> false

                for place in 0 .. ledgers.Length - 1 do
                    ledgers[place] <- GatewayLedger.leave (isKnown ledgers[place]) ledgers[place]

    /// Only an acting server answers.
    let tell (wanted: struct (Guid * GatewayId * ConnectionId)[]) =
        let standings = Dictionary<Guid, Standing>()

        for struct (id, gateway, connection) in wanted do
            let ledger = ledgers[Array.IndexOf(ids, gateway)]

            standings[id] <-
                if disk.Written.ContainsKey id then
                    ItsCdrIsWritten
                else
                    match GatewayLedger.tryFind connection ledger with
                    | ValueSome c when Cdr.id gateway c = id -> ItIsActive
                    | _ -> NotKnown

        standings

    member _.Name = settings.Name
    member _.Role = role
    member _.Duty = duty
    member _.Disk = disk
    member _.Ledgers = ledgers
    member _.Anchor = anchor
    member _.Now = now ()
    member _.IsUp = up
    member _.IsPaused = paused

    /// When it last started, stopped or continued, in true time.
    member _.TurnedAt = turnedAt

    member _.Acts = up && role.Role.Acts
    /// The challenge that anybody gets who asks for it.
    member _.Challenge = trust.Present.Octets

    /// Changes what it says of itself before it is sent, as somebody with its secret could.
    member _.Lie
        with set told = lie <- told

    member _.FailsToKeep
        with get () = failsToKeep
        and set fails = failsToKeep <- fails

    /// A question has arrived; with a stopped process it waits in the socket.
    member _.Asked(letter: Letter, answer: Reply -> unit) =
        run process' (fun () ->
            let verb = Letters.verb letter.Says
            trust <- PairTrust.refresh (now ()) (Letters.random clock.Dice) trust

            let reply status says =
                answer
                    { Proof = PairTrust.answer verb letter.Proof.Nonce status (Letters.octets says) trust
                      Status = status
                      Says = says }

            match PairTrust.judge (now ()) verb letter.Proof (Letters.octets letter.Says) trust with
            | Error _ -> reply 401 Refuses
            | Ok next ->
                trust <- next

                match letter.Says with
                | Greets greeting ->
                    event (Heard(now (), greeting))
                    reply 200 (Greets(lie (RoleMachine.greeting role)))
                | AsksFor wanted ->
                    if role.Role.Acts then
                        reply 200 (Tells(tell wanted))
                | Tells _
                | Refuses -> fail "that is no question")

    member _.Start() =
        if not up then
            up <- true
            turnedAt <- clock.Now
            anchor <- wallOffset - disk.Correction
            ledgers <- disk.Ledgers

            for place in 0 .. ledgers.Length - 1 do
                ledgers[place] <- GatewayLedger.restore ledgers[place]
                auditing[place] <- false
                again[place] <- false

            role <- Unchecked.defaultof<RoleState>
            duty <- { Rate = Known; WritesCdrs = false }
            trust <- PairTrust.start settings.Name secret (now ()) (Letters.random clock.Dice) (now ()).Micros

            let kept = { Epoch = disk.Epoch; Acted = disk.Acted }
            step (RoleMachine.start (now ()) kept "http://the-other" settings)
            later (now () + world.Settles * clock.Dice.Fraction()) settle

    member _.Crash() =
        if up then
            disk.Correction <- wallOffset - anchor
            up <- false
            turnedAt <- clock.Now
            paused <- false
            process' <- process' + 1
            inbox.Clear()

    member this.LoseDisk() =
        this.Crash()
        disk <- PairDisk ids

    member _.Pause() =
        if up then
            paused <- true

    /// Everything that waited arrives at once.
    member _.Resume() =
        if paused then
            paused <- false
            turnedAt <- clock.Now

            while inbox.Count > 0 do
                inbox.Dequeue () ()

    /// A step while no server runs cannot be detected (ADR 2).
    member _.StepClock(by: TimeSpan) =
        if up then
            wallOffset <- wallOffset + by

    /// Sets, before its start, how far its clock is from true time.
    member _.SetClock(offset: TimeSpan) = wallOffset <- offset

    member _.Order(order: Order) =
        if up && not paused then
            event (Ordered(now (), order))
