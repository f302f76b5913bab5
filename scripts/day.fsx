// A simulated day of a primary and its backup: what is billed, and how much uncertainty three crashes add.
//   dotnet build -c Release && dotnet fsi scripts/day.fsx [SEED]
#load "load.fsx"
#load "../tests/CallServer.Core.Tests/Simulation/Plan.fs"
#load "../tests/CallServer.Core.Tests/Simulation/Clockwork.fs"
#load "../tests/CallServer.Core.Tests/Simulation/PairGateway.fs"
#load "../tests/CallServer.Core.Tests/Simulation/PairLetters.fs"
#load "../tests/CallServer.Core.Tests/Simulation/PairWorld.fs"
#load "../tests/CallServer.Core.Tests/Simulation/PairServer.fs"
#load "../tests/CallServer.Core.Tests/Simulation/PairJudge.fs"
#load "../tests/CallServer.Core.Tests/Simulation/Day.fs"

open CallServer.Tests.Simulation

let seed =
    match fsi.CommandLineArgs with
    | [| _; seed |] -> uint64 seed
    | _ -> 1UL

let calm, crashed = Day.both seed

for line in Day.describe calm crashed do
    printfn "%s" line

match Day.mistakes calm crashed with
| [] -> ()
| mistakes ->
    mistakes |> List.truncate 10 |> List.iter (eprintfn "wrong: %s")
    exit 1
