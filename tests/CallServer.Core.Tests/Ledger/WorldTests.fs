module CallServer.Tests.Ledger.WorldTests

open CallServer.Tests.Ledger
open CallServer.Tests

let ``the record agrees with the truth after every step`` =
    examples [ 0; 1; 2; 3; 4 ] (fun (number: int) ->
        let kind = [| Unique; BootTied; Reused; Unreported; Shifting |][number]

        for seed in 1UL .. 1000UL do
            let world = World(kind, seed)
            let mutable step = 0

            while step < 80 && world.Failures.Count = 0 do
                world.Step()
                step <- step + 1

            if world.Failures.Count > 0 then
                failtest ($"step {step}: " + String.concat "\n" (Seq.append world.Failures world.Story)))
