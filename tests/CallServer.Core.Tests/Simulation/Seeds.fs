/// Worlds that follow from their seed, many at once.
module CallServer.Tests.Simulation.Seeds

open System
open System.Threading.Tasks
open CallServer.Tests

/// The first and the last seed: 1 and so many, or what the variable says as FIRST-LAST or as one seed (a soak test, or the one
/// that failed).
let range (variable: string) (usual: uint64) : uint64 * uint64 =
    match Environment.GetEnvironmentVariable variable with
    | null
    | "" -> 1UL, usual
    | range ->
        match range.Split '-' with
        | [| one |] -> UInt64.Parse one, UInt64.Parse one
        | parts -> UInt64.Parse parts[0], UInt64.Parse parts[1]

/// What one world did.
type Outcome =
    {
        /// Some counts, the same ones of each world.
        Counts: int[]
        /// What happened in it, in order, if anything was wrong.
        Wrong: string list
    }

/// Runs the world of each seed; the answer is the sums of their counts. Fails with the story of the first seed whose world went
/// wrong; those after it need not run.
let run (variable: string) (first: uint64, last: uint64) (world: uint64 -> Outcome) : int[] =
    let guard = obj ()
    let failed: (uint64 * string list) option ref = ref None
    let sums: int[] ref = ref [||]

    let take (seed: uint64) (outcome: Outcome) =
        sums.Value <-
            if sums.Value.Length = 0 then
                outcome.Counts
            else
                Array.map2 (+) sums.Value outcome.Counts

        match failed.Value with
        | Some(earlier, _) when earlier < seed -> ()
        | _ when outcome.Wrong.IsEmpty -> ()
        | _ -> failed.Value <- Some(seed, outcome.Wrong)

    Parallel.For(
        int64 first,
        int64 last + 1L,
        fun seed (loop: ParallelLoopState) ->
            let outcome = world (uint64 seed)
            lock guard (fun () -> take (uint64 seed) outcome)

            if not outcome.Wrong.IsEmpty then
                loop.Break()
    )
    |> ignore

    match failed.Value with
    | Some(seed, story) ->
        let story = String.Join("\n", story)
        failtest $"seed {seed} (replay with {variable}={seed}):\n{story}"
    | None -> sums.Value
