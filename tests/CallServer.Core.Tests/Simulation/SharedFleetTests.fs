/// Hosts that share a record in virtual time.
module CallServer.Tests.Simulation.SharedFleetTests

open CallServer.Tests.Simulation
open CallServer.Tests

let private variable = "CALLSERVER_SHARED_SEEDS"

let ``a unit has one owner an epoch, no CDR is lost, and no bound is wrong, whatever befalls the hosts`` =
    example (fun () ->
        let first, last = Seeds.range variable 2000UL

        let sums =
            Seeds.run variable (first, last) (fun seed ->
                let fleet = SharedFleet seed
                fleet.Run()

                { Counts = [| fleet.Troubles; fleet.HandOvers; fleet.Refused; fleet.Heard; fleet.Written |]
                  Wrong =
                    if fleet.Failures.Count > 0 then
                        [ yield! fleet.Story; yield! fleet.Failures ]
                    else
                        [] })

        say
            $"seeds {first} to {last}: {sums[0]} troubles, {sums[1]} units taken, {sums[2]} commits refused, {sums[3]} connections heard, {sums[4]} CDRs"

        // A simulation in which nobody is ever refused would prove nothing.
        if last - first >= 100UL then
            sums[2] |> Check.above (int (last - first) / 10))
