/// Hosts that share a record in virtual time.
module CallServer.Tests.Simulation.SharedFleetTests

open System
open System.Threading.Tasks
open CallServer.Tests.Simulation
open CallServer.Tests

/// CALLSERVER_SHARED_SEEDS=FIRST-LAST runs these seeds instead: a soak test, or the one seed that failed.
let private seeds () =
    match Environment.GetEnvironmentVariable "CALLSERVER_SHARED_SEEDS" with
    | null
    | "" -> 1UL, 2000UL
    | range ->
        match range.Split '-' with
        | [| one |] -> UInt64.Parse one, UInt64.Parse one
        | parts -> UInt64.Parse parts[0], UInt64.Parse parts[1]

let ``a unit has one owner an epoch, no CDR is lost, and no bound is wrong, whatever befalls the hosts`` =
    example (fun () ->
        let first, last = seeds ()
        let guard = obj ()
        let failed: (uint64 * string) option ref = ref None
        let sums = Array.zeroCreate<int> 5

        let run (seed: uint64) =
            let fleet = SharedFleet seed
            fleet.Run()

            lock guard (fun () ->
                [| fleet.Troubles; fleet.HandOvers; fleet.Refused; fleet.Heard; fleet.Written |]
                |> Array.iteri (fun place more -> sums[place] <- sums[place] + more)

                if fleet.Failures.Count > 0 then
                    let what = String.Join("\n", Seq.append fleet.Story fleet.Failures)

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
        | Some(seed, what) -> failtest $"seed {seed} (replay with CALLSERVER_SHARED_SEEDS={seed}):\n{what}"
        | None -> ()

        say
            $"seeds {first} to {last}: {sums[0]} troubles, {sums[1]} units taken, {sums[2]} commits refused, {sums[3]} connections heard, {sums[4]} CDRs"

        // A simulation in which nobody is ever refused would prove nothing.
        if last - first >= 100UL then
            sums[2] |> Check.above (int (last - first) / 10))
