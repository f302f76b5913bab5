/// Primary, backup and gateways in virtual time.
module CallServer.Tests.Simulation.PairTests

open CallServer.Tests.Simulation
open CallServer.Tests

let private variable = "CALLSERVER_PAIR_SEEDS"

let ``no connection is lost, no bound is wrong, and one acts in the end, whatever befalls the pair`` =
    example (fun () ->
        let first, last = Seeds.range variable 5000UL

        let sums =
            Seeds.run variable (first, last) (fun seed ->
                let pair = Pair seed
                pair.Run()

                { Counts =
                    [| pair.Troubles
                       pair.Recoveries
                       pair.Heard
                       pair.Lost
                       pair.Written
                       pair.Duplicates |]
                  Wrong =
                    if pair.Failures.Count > 0 then
                        [ pair.Describe(); yield! pair.Story; yield! pair.Failures ]
                    else
                        [] })

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
