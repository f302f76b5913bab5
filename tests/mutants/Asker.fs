/// Stands in the copy in the place of Program.fs: asks tests about one mutant after the other in one process, since a
/// process's start takes longer than most tests. Each line of its input is a mutant's number and a filter.
module CallServer.Tests.Program

open System
open System.Collections.Generic
open System.Diagnostics
open System.IO
open System.Reflection
open System.Threading
open Expecto
open Expecto.Impl

let private config =
    { ExpectoConfig.defaultConfig with
        printer = TestPrinters.silent
        noSpinner = true
        verbosity = Logging.LogLevel.Fatal }

/// How long each test took when it last ran.
let private took = Dictionary<string, TimeSpan>()

let private fails (test: FlatTest) : bool =
    let clock = Stopwatch.StartNew()
    let alone = TestLabel(test.fullName ".", TestCase(test.test, Normal), Normal)

    let results = evalTestsWithCancel CancellationToken.None config alone false |> Async.RunSynchronously
    took[test.fullName "."] <- clock.Elapsed

    results
    |> List.exists (fun (_, summary) ->
        match summary.result with
        | Failed _
        | Error _ -> true
        | Passed
        | Ignored _ -> false)

let private answer (tests: FlatTest list) (number: int) (filter: string) : string =
    CallServer.Mutants.choose number

    let killer =
        tests
        |> List.filter (fun test -> Platform.lets filter (test.fullName "."))
        // The quick ones first: most mutants need no other.
        |> List.sortBy (fun test -> took.GetValueOrDefault(test.fullName ".", TimeSpan.Zero))
        |> List.tryFind fails

    let isReached = CallServer.Mutants.reached
    CallServer.Mutants.choose 0

    match killer with
    | None -> if isReached then "survived" else "unreached"
    // Something that an earlier mutant left behind fails it, not this one.
    | Some test when fails test -> "spoilt"
    | Some test -> "killed " + test.fullName "."

[<EntryPoint>]
let main (args: string[]) : int =
    let tests = testsOf (Assembly.GetExecutingAssembly())

    if args <> [| "--ask" |] then
        Platform.run args tests
    else
        let answers = Console.Out
        // Tests may say something.
        Console.SetOut TextWriter.Null
        let tests = Test.toTestCodeList tests

        for line in Seq.initInfinite (fun _ -> Console.In.ReadLine()) |> Seq.takeWhile (isNull >> not) do
            let blank = line.IndexOf ' '
            answers.WriteLine(answer tests (int line[.. blank - 1]) line[blank + 1 ..])
            answers.Flush()

        0
