namespace CallServer.Tests.Simulation

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Roles

/// What may happen to the pair for a while.
type Trouble =
    | Crash of server: int
    | CrashOfBoth
    | Pause of server: int
    /// Nothing that this server sends to the other arrives: no question, no answer.
    | Deaf of sender: int
    | Partition
    | CutOff of server: int * gateways: int
    | BadPath of loss: int
    | ClockStep of server: int * seconds: int
    | DiskLost of server: int
    | DiskFull of server: int
    | Told of server: int * Order
    /// Somebody without the secret sends invented heartbeats and answers.
    | Intruder
    /// Somebody without the secret replays what the servers said before.
    | HeldBack
    /// A server with the secret reports an epoch that is not its own.
    | EpochWrong of server: int * Lie
    /// A server with the secret reports a patience that is not its own, and may die from it.
    | PatienceWrong of server: int * heartbeatMs: int * misses: int * dies: bool
    | GatewayReboots of gateway: int

/// What a server reports instead of its epoch.
and Lie =
    | Always of epoch: int
    | Above of by: int

/// A primary, a backup and a few gateways in virtual time: troubles of all kinds, then all is well again, then the
/// judgement. Everything follows from the seed.
type Pair(seed: uint64) =
    let start = Instant.ofMicros 1_760_000_000_000_000L
    let clock = Clockwork(seed * 0x9E3779B97F4A7C15UL, start)
    let dice = clock.Dice
    let failures = ResizeArray<string>()
    let story = ResizeArray<string>()
    let tell text = story.Add $"{clock.Elapsed:F3} s: {text}"
    let fail text = failures.Add $"{clock.Elapsed:F3} s: {text}"
    let interval = TimeSpan.FromSeconds 4.0
    let healing = start + TimeSpan.FromSeconds 60.0
    let finish = healing + TimeSpan.FromSeconds 110.0
    // Covers the slower audits, two of them where rows shift, and the time for which CDRs are held until nobody else
    // can know them.
    let settled = finish - TimeSpan.FromSeconds 75.0
    let kinds = [| Stamped; Timed; Untimed; ShiftingRows |]

    let gateways =
        Array.init (2 + dice.Below 2) (fun place ->
            let churn =
                { Opened = 0.1 + 0.5 * dice.Fraction()
                  MeanLength = dice.Seconds(5.0, 40.0)
                  AtFirst = dice.Below 12 }

            PairGateway(clock, $"gw{place + 1}", kinds[dice.Below kinds.Length], churn, dice.Next()))

    let judge = PairJudge(gateways, fail)
    let names = [| "cs-a"; "cs-b" |]
    let servers: PairServer[] = Array.zeroCreate 2
    let stranger = PairStranger(clock, names, servers)
    let lostInHundred = [| 0; 0 |]
    let mutable copies = false
    let unreachable = Array.init 2 (fun _ -> Array.create gateways.Length 0)
    let mutable recoveries = 0
    let mutable troubles = 0

    let send (from: int) (action: unit -> unit) =
        if not (dice.Chance lostInHundred[from]) then
            for _ in 0 .. (if copies && dice.Chance 20 then 1 else 0) do
                clock.After(TimeSpan.FromMilliseconds(0.2 + 20.0 * dice.Fraction()), action)

    let world: PairWorld =
        { Clock = clock
          Gateways = gateways
          Interval = interval
          Settles = TimeSpan.FromSeconds 2.0
          Grace = interval * 3.0
          Reaches = fun server place -> unreachable[server][place] = 0
          Send = send
          Ask = stranger.Carry
          Opened = fun gateway c -> judge.Opened(gateway, c)
          Took = fun server anchor ledger -> judge.Took(names[server], anchor, ledger)
          Ended = fun server kept -> judge.Ended(names[server], kept)
          TookOver =
            fun server takeover ->
                recoveries <- recoveries + 1
                tell $"{names[server]} takes over with epoch {takeover.Epoch}: {takeover.Cause}"
          Fail = fail }

    let heartbeat = List.item (dice.Below 3) [ 100.0; 250.0; 500.0 ] |> TimeSpan.FromMilliseconds
    let misses = 2 + dice.Below 3
    // Sometimes it is the backup whose name comes first.
    let primary = dice.Below 2

    /// Longer than the backup's own patience, and as long as any reported one may be.
    let longestWait = TimeSpan.FromSeconds 3.0

    do
        let secret = Array.init PairSecret.shortest (fun _ -> byte (dice.Below 256)) |> PairSecret.ofBytes

        for index in 0..1 do
            let settings: RoleSettings =
                { Name = names[index]
                  Patience = { Heartbeat = heartbeat; Misses = misses }
                  LongestWait = longestWait
                  Readiness = (if dice.Chance 50 then Warm else Cold)
                  IsBackup = index <> primary }

            servers[index] <- PairServer(world, index, settings, secret)
            // The two machines' clocks differ.
            servers[index].SetClock(TimeSpan.FromMilliseconds(100.0 * dice.Fraction() - 50.0))

    /// Whatever it was told before, a server that knows that the other is gone must act in time.
    let rec watch () =
        for server in 0..1 do
            let mine, other = servers[server], servers[1 - server]
            let since = Instant.max mine.TurnedAt other.TurnedAt

            if
                mine.IsUp
                && not mine.IsPaused
                && not other.IsUp
                && mine.Role.LastMet.IsSome
                && not mine.Acts
                && clock.Now - since > longestWait * 2.0 + TimeSpan.FromSeconds 1.0
            then
                fail $"{mine.Name} has not taken over from {other.Name}, which is down since {other.TurnedAt}"

        clock.After(TimeSpan.FromSeconds 0.5, watch)

    let restart (server: int) =
        if not servers[server].IsUp then
            tell $"{names[server]} starts"
            servers[server].Start()

    let crash server least spread =
        servers[server].Crash()
        clock.After(dice.Seconds(least, spread), (fun () -> restart server))

    /// From now until then, if that does not outlast the troubles.
    let meanwhile (begin': unit -> unit) (end': unit -> unit) =
        begin' ()
        clock.At(Instant.min healing (clock.Now + dice.Seconds(0.2, 15.0)), end')

    let befall (trouble: Trouble) =
        tell $"%A{trouble}"
        troubles <- troubles + 1

        match trouble with
        | Crash server -> crash server 0.1 12.0
        | CrashOfBoth ->
            crash 0 0.1 8.0
            crash 1 0.1 8.0
        | Pause server -> meanwhile servers[server].Pause servers[server].Resume
        | Deaf sender ->
            meanwhile (fun () -> lostInHundred[sender] <- 100) (fun () -> lostInHundred[sender] <- 0)
        | Partition ->
            meanwhile (fun () -> Array.fill lostInHundred 0 2 100) (fun () -> Array.fill lostInHundred 0 2 0)
        | CutOff(server, cut) ->
            let change by =
                for place in 0 .. gateways.Length - 1 do
                    if cut >>> place &&& 1 = 1 then
                        unreachable[server][place] <- unreachable[server][place] + by

            meanwhile (fun () -> change 1) (fun () -> change -1)
        | BadPath loss ->
            copies <- true
            meanwhile (fun () -> Array.fill lostInHundred 0 2 loss) (fun () -> Array.fill lostInHundred 0 2 0)
        | ClockStep(server, seconds) -> servers[server].StepClock(TimeSpan.FromSeconds(float seconds))
        | DiskLost server ->
            judge.DiskLost(servers[server].Disk, servers[1 - server].Disk)
            servers[server].LoseDisk()
            clock.After(dice.Seconds(0.1, 12.0), (fun () -> restart server))
        | DiskFull server ->
            meanwhile (fun () -> servers[server].FailsToKeep <- true) (fun () ->
                servers[server].FailsToKeep <- false)
        | Told(server, order) -> servers[server].Order order
        | Intruder -> meanwhile (fun () -> stranger.Forges <- true) (fun () -> stranger.Forges <- false)
        | HeldBack -> meanwhile (fun () -> stranger.Repeats <- true) (fun () -> stranger.Repeats <- false)
        | EpochWrong(server, lie) ->
            let told (g: Greeting) =
                match lie with
                | Always epoch -> { g with Epoch = epoch }
                | Above by -> { g with Epoch = min Int32.MaxValue (g.Epoch + by) }

            meanwhile (fun () -> servers[server].Lie <- told) (fun () -> servers[server].Lie <- id)
        | PatienceWrong(server, heartbeatMs, misses, dies) ->
            let patience = { Heartbeat = TimeSpan.FromMilliseconds(float heartbeatMs); Misses = misses }

            let told (g: Greeting) = { g with Patience = ValueSome patience }

            meanwhile (fun () -> servers[server].Lie <- told) (fun () ->
                servers[server].Lie <- id

                if dies then
                    crash server 8.0 10.0)
        | GatewayReboots place -> gateways[place].Reboot(dice.Seconds(0.5, 10.0))

    let someTrouble () =
        let server = dice.Below 2

        match dice.Below 36 with
        | 0
        | 1
        | 2
        | 3
        | 4
        | 5 -> Crash server
        | 6 -> CrashOfBoth
        | 7
        | 8
        | 9
        | 10 -> Pause server
        | 11
        | 12 -> Deaf server
        | 13
        | 14
        | 15 -> Partition
        | 16
        | 17
        | 18 -> CutOff(server, 1 + dice.Below 7)
        | 19
        | 20 -> BadPath(10 + dice.Below 60)
        | 21 -> ClockStep(server, dice.Below 20000 - 10000)
        | 22 -> DiskLost server
        | 23 -> DiskFull server
        | 24 -> Told(server, Order.TakeOver)
        | 25
        | 26 -> Told(server, Order.StepDown)
        | 27
        | 28 -> Intruder
        | 29
        | 30 -> HeldBack
        | 31 ->
            EpochWrong(server, Always(List.item (dice.Below 4) [ 0; 5_000; 1_000_000_000; Int32.MaxValue ]))
        | 32 -> EpochWrong(server, Above(List.item (dice.Below 3) [ 1; 10_000; 500_000 ]))
        | 33
        | 34 ->
            let heartbeatMs = List.item (dice.Below 3) [ 1; 10_000; 3_600_000 ]
            let misses = List.item (dice.Below 3) [ 1; 4; 100 ]
            PatienceWrong(server, heartbeatMs, misses, dice.Chance 50)
        | _ -> GatewayReboots(dice.Below gateways.Length)

    let heal () =
        tell "all is well"
        copies <- false
        Array.fill lostInHundred 0 2 0

        for gateway in gateways do
            gateway.Failing <- 0

        stranger.Forges <- false
        stranger.Repeats <- false

        for server in 0..1 do
            servers[server].Lie <- id
            servers[server].FailsToKeep <- false
            servers[server].Resume()
            restart server

    let isCalm = dice.Chance 10

    let judgeAll () =
        match servers |> Array.filter _.Acts with
        | [| acting |] ->
            let other = servers |> Array.find (fun server -> server.Name <> acting.Name)

            if other.Role.Epoch > acting.Role.Epoch then
                fail $"{acting.Name} acts under {acting.Role.Epoch}, {other.Name} knows {other.Role.Epoch}"

            // Lies for a minute still leave room for every later takeover.
            if acting.Role.Epoch > RoleMachine.highestEpoch / 2 then
                fail $"{acting.Name} acts under {acting.Role.Epoch}, near the last epoch of all"

            judge.Known(finish - interval * 3.0, acting.Ledgers)

            if acting.Disk.Held.Count > 0 then
                fail $"{acting.Name} acts and holds {acting.Disk.Held.Count} CDRs"

            for KeyValue(_, kept) in other.Disk.Held do
                if other.Now - kept.At > TimeSpan.FromSeconds 60.0 then
                    fail $"{other.Name} has held the CDR of {kept.Cdr.Connection.Id} since {kept.At}"
        | acting -> fail $"{acting.Length} servers act"

        judge.Billed(settled, [ for server in servers -> server.Disk ])

        if isCalm then
            if recoveries > 0 then
                fail "somebody took over from a healthy server"

            let duplicates = judge.Duplicates(servers[0].Disk, servers[1].Disk)

            if duplicates > 0 then
                fail $"{duplicates} CDRs were written by two healthy servers"

    do
        clock.At(start, fun () -> servers[primary].Start())
        clock.At(start, watch)
        clock.At(start + dice.Seconds(0.0, 3.0), (fun () -> servers[1 - primary].Start()))

        if not isCalm then
            for gateway in gateways do
                gateway.Failing <- dice.Below 30

            for _ in 0 .. dice.Below 6 do
                let trouble = someTrouble ()
                clock.At(start + TimeSpan.FromSeconds(55.0 * dice.Fraction()), (fun () -> befall trouble))

        clock.At(healing, heal)

    /// Runs to the end, or to the first failure.
    member _.Run() =
        clock.Run(finish, (fun () -> failures.Count = 0))

        if failures.Count = 0 then
            judgeAll ()

    member _.Describe() =
        let servers =
            servers
            |> Array.map (fun s ->
                if isNull (box s.Role) then
                    s.Name
                else
                    $"{s.Name} {s.Role.Role} {s.Role.Settings.Readiness} backup={s.Role.Settings.IsBackup} up={s.IsUp}")

        let gateways = gateways |> Array.map (fun g -> $"{g.Name} {g.Kind} {g.Open} open")
        Seq.append servers gateways |> String.concat ", "

    member _.Failures = failures
    member _.Story = story
    member _.Recoveries = recoveries
    member _.Heard = judge.Heard
    member _.Lost = judge.Lost
    member _.Written = servers |> Array.sumBy (fun server -> server.Disk.Written.Count)
    member _.Duplicates = judge.Duplicates(servers[0].Disk, servers[1].Disk)
    member _.Troubles = troubles
