/// Whole fleets in virtual time: loss, duplication, reordering, reboots, bad agents, crashes of the server, steps of its clock.
module CallServer.Tests.Simulation.FleetTests

open System
open System.Collections.Generic
open System.Threading
open System.Threading.Tasks
open CallServer.Prelude
open CallServer.Gateway
open CallServer.Tests.Simulation
open CallServer.Tests

/// CALLSERVER_KINDS=ng,mgcp runs fleets of these kinds only.
let private kinds () =
    match Environment.GetEnvironmentVariable "CALLSERVER_KINDS" with
    | null
    | "" ->
        Gateways.profiles
        @ List.collect
            (List.replicate 3)
            [ "mgcp"; "h248"; "sip"; "ng"; "jsonrpc"; "esl"; "ari"; "mi"; "restconf" ]
    | kinds -> List.ofArray (kinds.Split ',')

let private plan (seed: uint64) : Plan =
    let rng = Rng.create (seed * 0x9E3779B97F4A7C15UL)
    let struct (gateways, rng) = Rng.below 3 rng
    let struct (connections, rng) = Rng.below 40 rng
    let struct (churn, rng) = Rng.fraction rng
    let struct (loss, _) = Rng.fraction rng

    { Seed = seed
      Gateways = 1 + gateways
      Connections = connections
      Churn = churn * 2.0
      Loss = 0.3 * loss
      Interval = TimeSpan.FromSeconds 10.0
      Length = TimeSpan.FromSeconds 150.0
      Kinds = kinds () }

/// CALLSERVER_WITH=sip,ng skips seeds whose fleet has no gateway of these kinds.
let private isAsked: Fleet -> bool =
    match Environment.GetEnvironmentVariable "CALLSERVER_WITH" with
    | null
    | "" -> fun _ -> true
    | kinds ->
        let kinds = kinds.Split ','
        fun fleet -> fleet.Kinds |> Array.exists (fun kind -> Array.contains kind kinds)

/// CALLSERVER_FAILURES=N stops after this many seeds have failed.
let private enough () =
    match Environment.GetEnvironmentVariable "CALLSERVER_FAILURES" with
    | null
    | "" -> Int32.MaxValue
    | count -> Int32.Parse count

let ``no call is lost, no bound is wrong, whatever befalls the fleet`` =
    example (fun () ->
        let first, last = Seeds.range "CALLSERVER_SEEDS" 2000UL
        let guard = obj ()
        let audits, completes, joined = ref 0, ref 0, ref 0
        let unseen, exact, declared = ref 0, ref 0, ref 0L
        let failed = SortedDictionary<uint64, string * string>()

        let run (seed: uint64) (fleet: Fleet) =
            let thrown =
                try
                    fleet.Run()
                    []
                with fault ->
                    [ string fault ]

            let failures = Seq.append fleet.Failures thrown |> Seq.toList

            lock guard (fun () ->
                audits.Value <- audits.Value + fleet.Audits
                completes.Value <- completes.Value + fleet.CompleteAudits
                joined.Value <- joined.Value + fleet.JoinedCalls
                let struct (unseenHere, exactHere) = fleet.FromHistory
                unseen.Value <- unseen.Value + unseenHere
                exact.Value <- exact.Value + exactHere
                declared.Value <- declared.Value + fleet.Declared

                if not failures.IsEmpty then
                    let story =
                        String.Join(
                            "\n",
                            Seq.concat [ Seq.singleton (fleet.Describe()); fleet.Story; failures ]
                        )

                    failed[seed] <- (failures.Head, story))

        let most = enough ()
        let taken = ref (int64 first - 1L)

        // Each fleet is its own world with its own time. Seeds start in order.
        Parallel.For(
            int64 first,
            int64 last + 1L,
            fun _ ->
                if lock guard (fun () -> failed.Count) < most then
                    let seed = uint64 (Interlocked.Increment taken)
                    let fleet = Fleet(plan seed, (first = last))

                    if isAsked fleet then
                        run seed fleet
        )
        |> ignore

        if failed.Count > 0 then
            let worlds =
                failed
                |> Seq.truncate 40
                |> Seq.map (fun (KeyValue(seed, (failure, _))) -> $"seed {seed}: {failure}")

            let (KeyValue(seed, (_, story))) = Seq.head failed

            failtest
                $"{failed.Count} seeds failed (replay the first with CALLSERVER_SEEDS={seed}):\n{story}\n\nfirst failures:\n{String.concat Environment.NewLine worlds}"

        say
            $"seeds {first} to {last}: {audits.Value} audits, {completes.Value} of them complete; {joined.Value} calls across gateways; from histories {exact.Value} exact ends, and {unseen.Value} connections that no audit saw; {declared.Value} times a call that nobody saw was declared"
        // A simulation in which nothing is ever complete would prove nothing.
        completes.Value |> Check.above (audits.Value / 3)

        // Gateways of one kind may tell nothing that joins their calls.
        if last - first >= 100UL && (kinds ()).Length > 1 then
            joined.Value |> Check.above 0)
