/// What proves that a walk listed everything, each proof on its own: in a whole audit another proof may hide that one
/// fails.
module CallServer.Tests.Audit.ProvingTests

open FsCheck
open CallServer.Protocols.Snmp
open CallServer.Tests

let ``where rows shift, a list is whole only if it has what every count says`` =
    law (fun (counts: byte list) (listed: byte) ->
        // Few different values, so that they often agree.
        let samples = counts |> List.map (fun count -> int64 (count % 3uy))
        let listed = int (listed % 3uy)
        let verdict = CountProof.countAtRest samples false listed

        match samples with
        | [] -> verdict = CountProof.Untold
        | _ -> (verdict = CountProof.Agrees) = (samples |> List.forall (fun count -> count = int64 listed)))

let ``where rows are a copy made at the first request, the first count alone is of them`` =
    law (fun (first: byte) (others: byte list) (listed: byte) ->
        let samples = first :: others |> List.map (fun count -> int64 (count % 3uy))
        let listed = int (listed % 3uy)
        (CountProof.countAtRest samples true listed = CountProof.Agrees) = (samples.Head = int64 listed))

/// Calls of which some open (true) or close while their table is walked; for each that closes, whether the walk still
/// found it. Those that open are found. Returns the true count after every step, and how many the walk lists.
let private walked (before: byte) (steps: (bool * bool) list) : struct (int64 list * int) =
    let before = int before % 5

    let step (active, old, found, samples) (opens, isFound) =
        if opens then
            active + 1, old, found + 1, int64 (active + 1) :: samples
        elif old > 0 then
            active - 1, old - 1, (if isFound then found + 1 else found), int64 (active - 1) :: samples
        else
            active, old, found, samples

    let _, old, found, samples = ((before, before, 0, [ int64 before ]), steps) ||> List.fold step
    struct (List.rev samples, old + found)

let private opened (steps: (bool * bool) list) = steps |> List.filter fst |> List.length

let ``a count that is taken often explains what opens and closes during a walk`` =
    law (fun (before: byte) (steps: (bool * bool) list) ->
        let struct (samples, listed) = walked before steps
        // Another count may be asked for at the beginning and the end only.
        let ends = [ samples.Head; List.last samples ]

        CountProof.count samples (struct (0L, 0L)) listed 0 0 = CountProof.Agrees
        && CountProof.count ends (CountProof.moves samples) listed 0 0 = CountProof.Agrees)

let ``rows that tell that they are young explain what no count was taken of`` =
    law (fun (before: byte) (steps: (bool * bool) list) ->
        let struct (samples, listed) = walked before steps
        let ends = [ samples.Head; List.last samples ]
        CountProof.count ends (struct (0L, 0L)) listed (opened steps) 0 = CountProof.Agrees)

let ``where nothing moves, a list has what is counted, and what rings may be counted or not`` =
    law (fun (counted: byte) (listed: byte) ->
        let counted, listed = int (counted % 8uy), int (listed % 8uy)

        [ 0..listed ]
        |> List.forall (fun pending ->
            let expected =
                if counted > listed then CountProof.Misses counted
                elif counted < listed - pending then CountProof.Exceeds counted
                else CountProof.Agrees

            CountProof.count [ int64 counted ] (struct (0L, 0L)) listed 0 pending = expected))

let ``what another count saw explains what this one lacks`` =
    example (fun () ->
        // The walk saw one that opened. The counts at beginning and end are equal, so one closed.
        (CountProof.count [ 5L; 5L ] (struct (1L, 0L)) 4 0 0 = CountProof.Agrees) |> Check.isTrue
        // The walk saw one that closed.
        (CountProof.count [ 5L; 5L ] (struct (0L, 1L)) 4 0 0 = CountProof.Agrees) |> Check.isTrue
        (CountProof.count [ 5L; 5L ] (struct (0L, 0L)) 4 0 0 = CountProof.Misses 5) |> Check.isTrue)
