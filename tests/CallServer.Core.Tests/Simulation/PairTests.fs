/// Primary, backup and gateways in virtual time.
module CallServer.Tests.Simulation.PairTests

open System
open System.Threading.Tasks
open CallServer.Tests.Simulation
open CallServer.Tests

/// CALLSERVER_PAIR_SEEDS=FIRST-LAST runs these seeds instead: a soak test, or the one seed that failed.
let private seeds () =
    match Environment.GetEnvironmentVariable "CALLSERVER_PAIR_SEEDS" with
    | null
    | "" -> 1UL, 5000UL
    | range ->
        match range.Split '-' with
        | [| one |] -> UInt64.Parse one, UInt64.Parse one
        | parts -> UInt64.Parse parts[0], UInt64.Parse parts[1]

let ``no connection is lost, no bound is wrong, and one acts in the end, whatever befalls the pair`` =
    example (fun () ->
        let first, last = seeds ()
        let guard = obj ()
        let failed: (uint64 * string) option ref = ref None
        let sums = Array.zeroCreate<int> 6

        let run (seed: uint64) =
            let pair = Pair seed
            pair.Run()

            lock guard (fun () ->
                [| pair.Troubles; pair.Recoveries; pair.Heard; pair.Lost; pair.Written; pair.Duplicates |]
                |> Array.iteri (fun place more -> sums[place] <- sums[place] + more)

                if pair.Failures.Count > 0 then
                    let what =
                        String.Join(
                            "\n",
                            Seq.concat [ Seq.singleton (pair.Describe()); pair.Story; pair.Failures ]
                        )

                    match failed.Value with
                    | Some(earlier, _) when earlier < seed -> ()
                    | _ -> failed.Value <- Some(seed, what))

        Parallel.For(
            int64 first,
            int64 last + 1L,
            fun seed (loop: ParallelLoopState) ->
                run (uint64 seed)

                if failed.Value.IsSome then
                    loop.Break()
        )
        |> ignore

        match failed.Value with
        | Some(seed, what) -> failtest $"seed {seed} (replay with CALLSERVER_PAIR_SEEDS={seed}):\n{what}"
        | None -> ()

        say
            $"seeds {first} to {last}: {sums[0]} troubles, {sums[1]} takeovers, {sums[2]} connections heard, {sums[3]} lost with a disk, {sums[4]} CDRs, {sums[5]} of them twice under one id"

        // A simulation in which nobody ever takes over would prove nothing.
        if last - first >= 100UL then
            sums[1] |> Check.above (int (last - first) / 2))

let ``over a day with three crashes the true seconds lie between the billed totals`` =
    example (fun () ->
        let calm, crashed = Day.both 1UL

        for line in Day.describe calm crashed do
            say line

        match Day.mistakes calm crashed with
        | [] -> ()
        | mistakes -> failtest (mistakes |> List.truncate 10 |> String.concat "\n"))
