namespace CallServer.Tests

open System
open System.Reflection
open System.Text.RegularExpressions
open Expecto
open FSharp.Reflection

/// How laws are tried: with which generators, how often, from which seed.
module Laws =
    /// FsCheck's own generators, and a hundred cases.
    let plain: FsCheckConfig = { FsCheckConfig.defaultConfig with maxTest = 100 }

    let times (cases: int) (laws: FsCheckConfig) : FsCheckConfig = { laws with maxTest = cases }

    /// Adds generators: the static members of these types take precedence over FsCheck's own, the first type first.
    let drawing (generators: Type list) (laws: FsCheckConfig) : FsCheckConfig =
        { laws with arbitrary = generators }

    /// Tries the same cases each time.
    let seeded (seed: uint64) (gamma: uint64) (laws: FsCheckConfig) : FsCheckConfig =
        { laws with replay = Some(seed, gamma, None) }

    let private variable = "CALLSERVER_REPLAY"

    /// Where a law is to start instead: the values that it printed when it failed.
    let private wanted =
        match Environment.GetEnvironmentVariable variable with
        | null
        | "" -> None
        | text ->
            match text.Split ',' with
            | [| seed; gamma |] -> Some(UInt64.Parse seed, UInt64.Parse gamma, None)
            | [| seed; gamma; size |] -> Some(UInt64.Parse seed, UInt64.Parse gamma, Some(int size))
            | _ -> failwith $"{variable}={text}: not SEED,GAMMA,SIZE"

    let internal fromEnvironment (laws: FsCheckConfig) : FsCheckConfig =
        if wanted.IsSome then { laws with replay = wanted } else laws

    /// Expecto names a function that replaces the law's; here no test has to be edited.
    let internal retell (failure: string) : string =
        Regex.Replace(
            failure,
            """Focus on error:\s+\w+ \(([^)]*)\) ".*""",
            (fun (found: Match) ->
                let seed = Regex.Replace(found.Groups[1].Value, @"UL|Some|\s", "")
                $"Replay: {variable}={seed} (with a --filter for this law)"),
            RegexOptions.Singleline
        )

/// What tests are built from. A test is a value of a module and is named after that value.
[<AutoOpen>]
module Suite =
    let private case (body: unit -> unit) : Test = TestCase(Sync body, Normal)

    let example (body: unit -> unit) : Test = case body

    /// One test for each row, named after the row.
    let namedExamples (rows: (string * 'Row) list) (body: 'Row -> unit) : Test =
        TestList([ for name, row in rows -> testLabel name (case (fun () -> body row)) ], Normal)

    let private show (value: obj) : string =
        (sprintf "%0A" value).Replace("\r", "\\r").Replace("\n", "\\n").Replace("\t", "\\t")

    /// One test for each row.
    let examples (rows: 'Row list) (body: 'Row -> unit) : Test =
        let name (row: 'Row) =
            if FSharpType.IsTuple typeof<'Row> then
                FSharpValue.GetTupleFields row |> Array.map show |> String.concat ", "
            else
                show row

        namedExamples [ for row in rows -> name row, row ] body

    /// A property that holds for all values. A failure prints the seed, the case, and the smallest similar case that
    /// fails too.
    let lawBy (laws: FsCheckConfig) (property: 'Testable) : Test =
        match testPropertyWithConfig (Laws.fromEnvironment laws) "" property with
        | TestLabel(_, TestCase(AsyncFsCheck(first, stress, run), state), _) ->
            let tell config =
                async {
                    try
                        do! run config
                    with :? FailedException as failure ->
                        raise (FailedException(Laws.retell failure.Message))
                }

            TestCase(AsyncFsCheck(first, stress, tell), state)
        | other -> other

    let failtest (why: string) : 'T = Tests.failtest why

    /// Skips the test unless the condition holds.
    let skipUnless (condition: bool) (why: string) : unit =
        if not condition then
            skiptest why

    /// Prints a line for whoever runs the test.
    let say (line: string) : unit = Console.Out.WriteLine line

    /// All tests of an assembly, each named after its module and itself.
    let testsOf (assembly: Assembly) : Test =
        let values =
            BindingFlags.Static
            ||| BindingFlags.Public
            ||| BindingFlags.NonPublic
            ||| BindingFlags.DeclaredOnly

        let tests =
            [ for owner in assembly.GetTypes() |> Array.sortBy _.FullName do
                  for value in owner.GetProperties values do
                      if value.PropertyType = typeof<Test> then
                          testLabel
                              $"{owner.FullName.Replace('+', '.')}.{value.Name}"
                              (value.GetValue null :?> Test) ]

        TestList(tests, Normal)
