module CallServer.Tests.Ledger.WorldTests

open NUnit.Framework
open CallServer.Tests.Ledger

[<TestCase(0)>]
[<TestCase(1)>]
[<TestCase(2)>]
[<TestCase(3)>]
[<TestCase(4)>]
let ``the record agrees with the truth after every step`` (number: int) =
    let kind = [| Unique; BootTied; Reused; Unreported; Shifting |][number]

    for seed in 1UL .. 1000UL do
        let world = World(kind, seed)
        let mutable step = 0

        while step < 80 && world.Failures.Count = 0 do
            world.Step()
            step <- step + 1

        if world.Failures.Count > 0 then
            Assert.Fail($"step {step}: " + String.concat "\n" (Seq.append world.Failures world.Story))
