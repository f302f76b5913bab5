namespace CallServer.Tests.Simulation

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger
open CallServer.Roles

/// How exactly one connection was billed.
type Bill =
    {
        Kind: PairKind
        TrueSeconds: float
        /// What billing reads, in whole seconds.
        Lower: int64
        Upper: int64
        /// Upper minus lower bound, in seconds and not rounded.
        Width: float
    }

/// A day of a pair: what was billed, by connection, each CDR id once.
[<NoComparison; NoEquality>]
type DayReport =
    {
        Bills: Dictionary<struct (string * int), Bill>
        /// Connections that began and ended between two audits, and have no CDR.
        NeverHeard: int
        /// Connections open at each crash.
        Open: int list
        /// From each crash to the takeover, in seconds.
        Detected: float list
        Duplicates: int
        Failures: string list
    }

/// A day with realistic churn, a few hundred connections open at a time, and crashes of the acting server.
module Day =
    let interval = TimeSpan.FromSeconds 10.0
    let private start = Instant.ofMicros 1_760_000_000_000_000L
    let private finish = start + TimeSpan.FromHours 24.0

    /// Calls in progress when the servers began are not counted.
    let private counted = start + TimeSpan.FromMinutes 1.0

    /// Half of the calls go through gateways that stamp them.
    let private kinds = [| Stamped; Stamped; Timed; Untimed |]

    let private bill (kind: PairKind) (truth: TrueConnection) (kept: KeptCdr) : Bill =
        let starts, ends = kept.Cdr.Connection.Start.Within, kept.Cdr.Ending.Within
        let longest = (ends.Latest - starts.Earliest).TotalSeconds
        let shortest = max 0.0 (ends.Earliest - starts.Latest).TotalSeconds

        { Kind = kind
          TrueSeconds = (truth.End.Value - truth.Start).TotalSeconds
          Lower = Cdr.billedSeconds kept.Cdr
          Upper = (Cdr.billedSecondsMax kept.Cdr).Value
          Width = longest - shortest }

    /// Runs one day. The same seed gives the same calls, with or without crashes.
    let run (seed: uint64) (crashes: int) : DayReport =
        let clock = Clockwork(seed, start)
        let failures = ResizeArray<string>()
        let fail text = failures.Add $"{clock.Elapsed:F3} s: {text}"

        let gateways =
            kinds
            |> Array.mapi (fun place kind ->
                let churn = { Opened = 75.0 / 180.0; MeanLength = TimeSpan.FromSeconds 180.0; AtFirst = 75 }

                PairGateway(clock, $"gw{place + 1}", kind, churn, seed + uint64 (1000 * (place + 1))))

        let judge = PairJudge(gateways, fail)
        let names = [| "cs-a"; "cs-b" |]
        let servers: PairServer[] = Array.zeroCreate 2
        let openThen = ResizeArray<int>()
        let detected = ResizeArray<float>()
        let crashes' = Stack<Instant>()

        let world: PairWorld =
            { Clock = clock
              Gateways = gateways
              Interval = interval
              Settles = TimeSpan.FromSeconds 5.0
              Grace = interval * 3.0
              Reaches = fun _ _ -> true
              Send =
                fun _ action ->
                    clock.After(TimeSpan.FromMilliseconds(0.2 + 2.0 * clock.Dice.Fraction()), action)
              Ask = fun asker letter answer -> servers[1 - asker].Asked(letter, answer)
              Opened = fun gateway c -> judge.Opened(gateway, c)
              Took = fun _ _ _ -> ()
              Ended = fun server kept -> judge.Ended(names[server], kept)
              TookOver = fun _ _ -> detected.Add (clock.Now - crashes'.Peek()).TotalSeconds
              Fail = fail }

        let secret = PairSecret.ofBytes (Array.zeroCreate PairSecret.shortest)

        let server index : PairServer =
            let settings: RoleSettings =
                { Name = names[index]
                  Patience = { Heartbeat = TimeSpan.FromMilliseconds 250.0; Misses = 4 }
                  LongestWait = TimeSpan.FromSeconds 30.0
                  Readiness = Warm
                  IsBackup = index = 1 }

            PairServer(world, index, settings, secret)

        for index in 0..1 do
            servers[index] <- server index

        let crash () =
            let acting = servers |> Array.find _.Acts
            crashes'.Push clock.Now
            openThen.Add(gateways |> Array.sumBy _.Open)
            acting.Crash()
            clock.After(TimeSpan.FromMinutes 5.0, acting.Start)

        for server in servers do
            clock.At(start, server.Start)

        for number in 1..crashes do
            let hours = 24.0 * (float number - clock.Dice.Fraction()) / float crashes
            clock.At(start + TimeSpan.FromHours(min hours 23.5), crash)

        clock.Run(finish, (fun () -> failures.Count = 0))
        judge.Billed(finish - TimeSpan.FromMinutes 3.0, [ for server in servers -> server.Disk ])

        // A reader that drops ids which it has read before.
        let first = Dictionary<Guid, KeptCdr>()

        let written =
            [ for server in servers do
                  for KeyValue(id, kept) in server.Disk.Written -> struct (kept.At - server.Anchor, id, kept) ]

        for struct (_, id, kept) in written |> List.sortBy (fun struct (at, _, _) -> at) do
            first.TryAdd(id, kept) |> ignore

        let bills = Dictionary<struct (string * int), Bill>()

        for KeyValue(_, kept) in first do
            let truth = judge.Truth(kept.Cdr.Gateway, kept.Cdr.Connection)

            if truth.Start > counted then
                let kind = (gateways |> Array.find (fun g -> g.Id = kept.Cdr.Gateway)).Kind
                bills[struct (truth.Gateway, truth.Serial)] <- bill kind truth kept

        let over (c: TrueConnection) =
            c.Start > counted && c.End.IsSome && c.End.Value < finish - TimeSpan.FromMinutes 3.0

        { Bills = bills
          NeverHeard =
            gateways
            |> Seq.collect _.All
            |> Seq.filter (fun c -> over c && not (bills.ContainsKey(struct (c.Gateway, c.Serial))))
            |> Seq.length
          Open = List.ofSeq openThen
          Detected = List.ofSeq detected
          Duplicates = judge.Duplicates(servers[0].Disk, servers[1].Disk)
          Failures = List.ofSeq failures }

    /// The same calls without a crash, and with three crashes of the acting server.
    let both (seed: uint64) : DayReport * DayReport =
        let days = [| 0; 3 |] |> Array.Parallel.map (run seed)
        days[0], days[1]

    /// What the crashes added to the uncertainty, in seconds, over all connections that both days billed and that
    /// lasted longer than an interval. Whether the acting server or only the slower standby heard a shorter one is
    /// luck, not a crash's effect.
    let added (calm: DayReport) (crashed: DayReport) (kind: PairKind voption) : float =
        crashed.Bills
        |> Seq.sumBy (fun (KeyValue(key, bill)) ->
            match calm.Bills.TryGetValue key with
            | true, before when
                bill.TrueSeconds > interval.TotalSeconds + 0.5 && (kind.IsNone || kind = ValueSome bill.Kind)
                ->
                bill.Width - before.Width
            | _ -> 0.0)

    /// A crash of the acting server may add at most one interval for each connection that was open then.
    let allowed (crashed: DayReport) : float = interval.TotalSeconds * float (List.sum crashed.Open)

    let private totals (report: DayReport) =
        let bills = report.Bills.Values
        let lower, upper = Seq.sumBy _.Lower bills, Seq.sumBy _.Upper bills
        lower, Seq.sumBy _.TrueSeconds bills, upper

    /// What is wrong, if anything.
    let mistakes (calm: DayReport) (crashed: DayReport) : string list =
        let lower, true', upper = totals crashed

        [ yield! calm.Failures
          yield! crashed.Failures

          if not (float lower <= true' && true' <= float upper) then
              $"{true'} s are not between {lower} s and {upper} s"

          if crashed.Open.Length <> 3 || crashed.Detected.Length <> 3 then
              $"{crashed.Open.Length} crashes, {crashed.Detected.Length} takeovers"

          if added calm crashed ValueNone >= allowed crashed then
              $"the crashes added {added calm crashed ValueNone} s, allowed are {allowed crashed} s" ]

    let describe (calm: DayReport) (crashed: DayReport) : string list =
        let day (name: string) (report: DayReport) =
            let lower, true', upper = totals report

            [ $"{name}: {report.Bills.Count} connections billed, {report.NeverHeard} began and ended between two audits, {report.Duplicates} CDRs twice under one id"
              $"  billed at least {lower} s, true {true':F0} s, at most {upper} s; difference {upper - lower} s, {float (upper - lower) / float report.Bills.Count:F1} s a connection" ]

        let kinds =
            [ for kind in [ Stamped; Timed; Untimed ] ->
                  let widths = calm.Bills.Values |> Seq.filter (fun bill -> bill.Kind = kind)
                  $"  {kind}: {Seq.averageBy _.Width widths:F2} s a connection without a crash; the crashes added {added calm crashed (ValueSome kind):F1} s" ]

        let detections = crashed.Detected |> List.map (fun s -> $"{s:F2} s") |> String.concat ", "

        [ yield! day "no crash" calm
          yield! day $"{crashed.Open.Length} crashes of the acting server" crashed
          $"  open at the crashes: %A{crashed.Open}; taken over after {detections}"
          yield! kinds
          $"the crashes added {added calm crashed ValueNone:F1} s; interval x connections open at them is {allowed crashed:F0} s" ]
