namespace CallServer.Tests.Simulation

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Units

/// What may happen to a fleet that shares a record.
type SharedTrouble =
    | HostCrash of host: int
    /// It stands still, and wakes.
    | HostPause of host: int
    /// It reaches no database; nobody does if the host is not named.
    | DatabaseCut of host: int voption
    /// The other hosts do not hear it.
    | PeersCut of host: int
    /// The membership calls it dead, wrongly.
    | DeclaredDead of host: int
    /// It leaves as it should, and comes back.
    | Leaves of host: int
    | GatewayRestarts of gateway: int

/// Hosts that hold units of gateways and write one record, in virtual time: troubles of all kinds, then all is well
/// again, then the judgement. Everything follows from the seed.
type SharedFleet(seed: uint64) =
    let start = Instant.ofMicros 1_760_000_000_000_000L
    let clock = Clockwork(seed * 0x9E3779B97F4A7C15UL, start)
    let dice = clock.Dice
    let failures = ResizeArray<string>()
    let story = ResizeArray<string>()
    let tell text = story.Add $"{clock.Elapsed:F3} s: {text}"
    let fail text = failures.Add $"{clock.Elapsed:F3} s: {text}"
    let interval = TimeSpan.FromSeconds 4.0
    let healing = start + TimeSpan.FromSeconds 60.0
    let finish = healing + TimeSpan.FromSeconds 45.0
    let deathPatience = TimeSpan.FromSeconds 3.0
    // Rows that shift are left out: their absences are counted over audits of two hosts, and the simulated gateway
    // promises not to miss a row twice to each of them alone.
    let kinds = [| Stamped; Timed; Untimed |]

    let gateways =
        Array.init (4 + dice.Below 4) (fun place ->
            let churn =
                { Opened = 0.1 + 0.4 * dice.Fraction()
                  MeanLength = dice.Seconds(5.0, 40.0)
                  AtFirst = dice.Below 8 }

            PairGateway(clock, $"gw{place + 1}", kinds[dice.Below kinds.Length], churn, dice.Next()))

    let units = 2 + dice.Below 3
    let unitOf = gateways |> Array.mapi (fun place _ -> place % units)
    let judge = PairJudge(gateways, fail)
    let hour = TimeSpan.FromHours 1.0

    let database =
        SharedDatabase(clock, (gateways |> Array.map _.Id), unitOf, hour * (dice.Fraction() - 0.5))

    let hosts: SharedHost[] = Array.zeroCreate (2 + dice.Below 3)
    let name (run: HostRun) = $"host {run.Host}, run {run.Run}"
    let withoutDatabase = Array.create hosts.Length 0
    let withoutPeers = Array.create hosts.Length 0
    let lastHeard = Dictionary<HostRun, Instant>()
    let diedAt = Dictionary<HostRun, Instant>()
    let begun = HashSet<struct (int * int64)>()
    let lastAsked = Array.create gateways.Length start
    let gate = dice.Chance 75
    let mutable handOvers = 0
    let mutable troubles = 0

    let isMember (run: HostRun) =
        match database.Members.TryGetValue run with
        | true, (Membership.Active | Membership.Leaving) -> true
        | true, Membership.Dead
        | false, _ -> false

    let began (run: HostRun) unit epoch =
        handOvers <- handOvers + 1
        tell $"{name run} holds unit {unit} under epoch {epoch}"

        if not (begun.Add(struct (unit, epoch))) then
            fail $"{name run} holds unit {unit} under epoch {epoch}, which another has had"

    let asked (run: HostRun) place =
        lastAsked[place] <- clock.Now

        for other in hosts do
            if
                other.Run <> run
                && other.IsUp
                && isMember run
                && isMember other.Run
                && (UnitMachine.asks other.States[unitOf[place]]).IsSome
            then
                fail $"{name run} and {name other.Run} both ask {gateways[place].Name}"

        match diedAt.TryGetValue run with
        | true, died when gate && died <= hosts[run.Host].ResumedAt ->
            fail $"{name run} asks {gateways[place].Name} after it woke, and was dead by then"
        | _ -> ()

    let written (commit: SharedCommit) =
        for c in commit.Ledger.Connections do
            judge.Opened(gateways[commit.Place].Id, c)

    do
        let world =
            { Clock = clock
              Gateways = gateways
              UnitOf = unitOf
              Database = database
              Interval = interval
              Gate = gate
              ReachesDatabase = fun host -> withoutDatabase[host] = 0
              Began = began
              Asked = asked
              Took = fun run anchor ledger -> judge.Took(name run, anchor, ledger)
              Ended = fun run kept -> judge.Ended(name run, kept)
              Written = written
              Fail = fail }

        for index in 0 .. hosts.Length - 1 do
            hosts[index] <- SharedHost(world, index, hour * (dice.Fraction() - 0.5))

    /// How much a host is meant for a unit: the one that is meant most gets it.
    let weight unit host =
        (uint64 unit * 0x9E3779B97F4A7C15UL) ^^^ (uint64 host * 0xBF58476D1CE4E5B9UL) |> Dice |> _.Next()

    /// Tells each host what it is to hold, sooner or later.
    let place () =
        let active =
            [ for KeyValue(run, standing) in database.Members do
                  if standing = Membership.Active then
                      run.Host ]

        for host in hosts do
            let run = host.Run

            clock.After(
                dice.Seconds(0.0, 1.0),
                fun () ->
                    if host.IsUp && host.Run = run && withoutPeers[run.Host] = 0 then
                        host.Placed(
                            isMember run,
                            fun unit ->
                                database.IsActive run
                                && List.maxBy (weight unit) (run.Host :: active) = run.Host
                        )
            )

    let died run =
        if isMember run then
            tell $"{name run} is dead"
            database.Members[run] <- Membership.Dead
            diedAt[run] <- clock.Now

    let rec watch () =
        for host in hosts do
            let run = host.Run

            if host.IsUp && not host.IsPaused && withoutPeers[run.Host] = 0 then
                lastHeard[run] <- clock.Now

        for run in List.ofSeq database.Members.Keys do
            match lastHeard.TryGetValue run with
            | true, at when clock.Now - at <= deathPatience -> ()
            | _ -> died run

        for host in hosts do
            if
                host.IsUp
                && database.Members[host.Run] = Membership.Leaving
                && Array.forall (fun (state: UnitState) -> state.IsFree) host.States
            then
                died host.Run
                host.Crash()

        place ()
        clock.After(TimeSpan.FromSeconds 0.5, watch)

    let restart (host: int) =
        if not hosts[host].IsUp then
            hosts[host].Start()
            lastHeard[hosts[host].Run] <- clock.Now
            tell $"{name hosts[host].Run} starts"

    let meanwhile (counts: int[]) (places: int seq) =
        for place in places do
            counts[place] <- counts[place] + 1

            clock.At(
                Instant.min healing (clock.Now + dice.Seconds(0.2, 12.0)),
                (fun () -> counts[place] <- counts[place] - 1)
            )

    let befall (trouble: SharedTrouble) =
        tell $"%A{trouble}"
        troubles <- troubles + 1

        match trouble with
        | HostCrash host ->
            hosts[host].Crash()
            clock.After(dice.Seconds(0.1, 12.0), (fun () -> restart host))
        | HostPause host ->
            hosts[host].Pause()

            clock.At(
                Instant.min healing (clock.Now + dice.Seconds(0.2, 12.0)),
                (fun () -> hosts[host].Resume())
            )
        | DatabaseCut(ValueSome host) -> meanwhile withoutDatabase [ host ]
        | DatabaseCut ValueNone -> meanwhile withoutDatabase (seq { 0 .. hosts.Length - 1 })
        | PeersCut host -> meanwhile withoutPeers [ host ]
        | DeclaredDead host -> died hosts[host].Run
        | Leaves host ->
            if hosts[host].IsUp && not hosts[host].IsPaused && database.IsActive hosts[host].Run then
                database.Members[hosts[host].Run] <- Membership.Leaving
                clock.After(dice.Seconds(3.0, 12.0), (fun () -> restart host))
        | GatewayRestarts gateway -> gateways[gateway].Reboot(dice.Seconds(0.5, 8.0))

    let someTrouble () =
        let host = dice.Below hosts.Length

        match dice.Below 16 with
        | 0
        | 1
        | 2 -> HostCrash host
        | 3
        | 4
        | 5
        | 6 -> HostPause host
        | 7
        | 8 -> DatabaseCut(ValueSome host)
        | 9 -> DatabaseCut ValueNone
        | 10
        | 11 -> PeersCut host
        | 12 -> DeclaredDead host
        | 13
        | 14 -> Leaves host
        | _ -> GatewayRestarts(dice.Below gateways.Length)

    let rec heal () =
        for host in hosts do
            host.Resume()
            restart host.Run.Host

        // Whoever was declared dead ends, and starts again.
        if clock.Now < finish - TimeSpan.FromSeconds 25.0 then
            clock.After(TimeSpan.FromSeconds 1.0, heal)

    let judgeAll () =
        let owners =
            [ for host in hosts do
                  if host.IsUp && database.IsActive host.Run then
                      host ]

        for unit in 0 .. units - 1 do
            match owners |> List.filter (fun host -> host.States[unit] = Held database.Epochs[unit]) with
            | [ owner ] ->
                if database.Owners[unit] <> ValueSome owner.Run then
                    fail
                        $"{name owner.Run} holds unit {unit}, and the database says %A{database.Owners[unit]}"

                [| for place in 0 .. gateways.Length - 1 do
                       if unitOf[place] = unit then
                           owner.Ledgers[place] |]
                |> fun ledgers -> judge.Known(finish - interval * 3.0, ledgers)
            | holders -> fail $"unit {unit} is held by {holders.Length} hosts, and is to be held by one"

        for place in 0 .. gateways.Length - 1 do
            if clock.Now - lastAsked[place] > interval + TimeSpan.FromSeconds 4.0 then
                fail $"{gateways[place].Name} was last asked at {lastAsked[place]}"

        judge.Billed(finish - TimeSpan.FromSeconds 15.0, [ database.Disk ])

    do
        for host in 0 .. hosts.Length - 1 do
            clock.At(
                start + (if host < 2 then TimeSpan.Zero else dice.Seconds(0.0, 20.0)),
                (fun () -> restart host)
            )

        clock.At(start + TimeSpan.FromMilliseconds 1.0, watch)

        for gateway in gateways do
            gateway.Failing <- dice.Below 20

        if not (dice.Chance 10) then
            for _ in 0 .. dice.Below 7 do
                let trouble = someTrouble ()

                clock.At(
                    start + TimeSpan.FromSeconds(3.0 + 52.0 * dice.Fraction()),
                    (fun () -> befall trouble)
                )

        clock.At(
            healing,
            fun () ->
                tell "all is well"

                for gateway in gateways do
                    gateway.Failing <- 0

                heal ()
        )

    /// Runs to the end, or to the first failure.
    member _.Run() =
        clock.Run(finish, (fun () -> failures.Count = 0))

        if failures.Count = 0 then
            judgeAll ()

    member _.Failures = failures
    member _.Story = story
    member _.Troubles = troubles
    member _.HandOvers = handOvers
    member _.Heard = judge.Heard
    member _.Written = database.Disk.Written.Count
    member _.Refused = hosts |> Array.sumBy _.Refusals
