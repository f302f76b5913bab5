/// Breaks the code on purpose, one place at a time, and tells which test notices: dotnet fsi tests/mutants/run.fsx --help
///
/// Works on a copy of the repository. All mutants in F# that are expressions are compiled into one assembly, each behind a
/// number that the environment chooses, so that one build serves them all. Tests are compiled without inlining from other
/// assemblies, and keep what they inlined by word (`inline`): mutants of such functions, and those that change a
/// signature or a pattern, are marked `alone`, and cost a build of everything, as do all mutants in C#.
open System
open System.Collections.Generic
open System.Diagnostics
open System.IO
open System.Text
open System.Text.RegularExpressions

type Mutant =
    {
        Name: string
        File: string
        /// What stands in the file, and what is to stand there instead. Marks « » say which part of it is exchanged.
        Before: string
        After: string
        /// What would go wrong.
        Harm: string
        /// The tests to ask first: parts of their names, between |, and what the environment tells them.
        Asks: (string * (string * string) list) list
        /// Why no test can tell it from the real thing.
        Same: string option
        IsAlone: bool
    }

let help =
    """Usage: dotnet fsi tests/mutants/run.fsx [PATTERN…] [OPTION…]
Patterns choose mutants whose name contains one of them, in the order of the patterns.
  --list          names and harms; runs nothing
  --first-only    asks only the tests that are named with a mutant
  --every         asks all tests that are named with a mutant, and tells all that notice
  --seeds RANGE   fleets that survivors meet at the end (default 1-2000)
  --folder PATH   where the copy stands (default: callserver-mutants in the folder for temporary files)"""

let root = Path.GetFullPath(Path.Combine(__SOURCE_DIRECTORY__, "../.."))

/// A list of mutants: `== NAME`, then lines that begin with a word or with - and + for the text before and after.
let read (path: string) : Mutant list =
    let none =
        { Name = ""
          File = ""
          Before = ""
          After = ""
          Harm = ""
          Asks = []
          Same = None
          IsAlone = false }

    let join (text: string) (line: string) = if text = "" then line else text + "\n" + line

    let ask (words: string) =
        let parts = words.Split(' ', StringSplitOptions.RemoveEmptyEntries) |> List.ofArray

        parts.Head,
        [ for part in parts.Tail do
              let at = part.IndexOf '='
              part[.. at - 1], part[at + 1 ..] ]

    let add (mutants: Mutant list) (number: int, line: string) =
        let word, rest =
            match line.IndexOf ' ' with
            | -1 -> line, ""
            | at -> line[.. at - 1], line[at + 1 ..]

        match word, mutants with
        | "==", _ -> { none with Name = rest } :: mutants
        | ("" | "#"), _ -> mutants
        | "file", m :: others -> { m with File = rest.Trim() } :: others
        | "-", m :: others -> { m with Before = join m.Before rest } :: others
        | "+", m :: others -> { m with After = join m.After rest } :: others
        | "harm", m :: others -> { m with Harm = rest } :: others
        | "ask", m :: others -> { m with Asks = m.Asks @ [ ask rest ] } :: others
        | "same", m :: others -> { m with Same = Some rest } :: others
        | "alone", m :: others -> { m with IsAlone = true } :: others
        | _ -> failwith $"{path}:{number + 1}: what is `{line}`?"

    File.ReadAllLines path
    |> Seq.indexed
    |> Seq.fold add []
    |> List.rev
    |> List.map (fun m -> if m.File.EndsWith ".cs" then { m with IsAlone = true } else m)

let arguments = List.ofArray fsi.CommandLineArgs.[1..]

let rec options (patterns: string list) (named: Map<string, string>) (rest: string list) =
    match rest with
    | [] -> patterns, named
    | ("--list" | "--first-only" | "--every" | "--help") as flag :: rest ->
        options patterns (named.Add(flag, "")) rest
    | ("--seeds" | "--folder") as name :: value :: rest -> options patterns (named.Add(name, value)) rest
    | word :: _ when word.StartsWith "--" ->
        eprintfn "no option %s\n%s" word help
        exit 64
    | word :: rest -> options (word :: patterns) named rest

let patterns, named = options [] Map.empty arguments

if named.ContainsKey "--help" then
    printfn "%s" help
    exit 0

let chosen =
    let all =
        Directory.GetFiles(__SOURCE_DIRECTORY__, "*.txt") |> Array.sort |> List.ofArray |> List.collect read

    match List.rev patterns with
    | [] -> all
    | patterns ->
        patterns
        |> List.collect (fun pattern -> all |> List.filter (fun m -> m.Name.Contains pattern))
        |> List.distinct

for name, mutants in chosen |> List.groupBy _.Name do
    if mutants.Length > 1 then
        failwith $"{mutants.Length} mutants are called {name}"

/// Runs a program to its end, or ends it: a moment after it has said something that is enough, or when it takes too long.
let runUntil
    (isEnough: string -> bool)
    (folder: string)
    (environment: (string * string) list)
    (program: string)
    (words: string list)
    : int * string =
    let start = ProcessStartInfo(program, words, WorkingDirectory = folder)
    start.RedirectStandardOutput <- true
    start.RedirectStandardError <- true

    for name, value in environment do
        start.Environment[name] <- value

    use child = Process.Start start
    use enough = new Threading.ManualResetEventSlim()
    let told = StringBuilder()

    let hear (line: string) =
        lock told (fun () -> told.AppendLine line |> ignore)

        if not (isNull line) && isEnough line then
            enough.Set()

    child.OutputDataReceived.Add(fun e -> hear e.Data)
    child.ErrorDataReceived.Add(fun e -> hear e.Data)
    child.BeginOutputReadLine()
    child.BeginErrorReadLine()
    let ended = child.WaitForExitAsync()
    let limit = TimeSpan.FromMinutes 15.0

    let waited =
        Threading.Tasks.Task.WhenAny(ended, Threading.Tasks.Task.Run(fun () -> enough.Wait limit |> ignore))

    waited.Wait()

    // What it says besides, and an end of its own, take no longer.
    if ended.Wait(TimeSpan.FromSeconds 2.0) then
        child.ExitCode, lock told (fun () -> string told)
    else
        child.Kill true

        1,
        lock told (fun () -> string told + if enough.IsSet then "" else "no end within a quarter of an hour")

let run = runUntil (fun _ -> false)

let folder =
    named.TryFind "--folder"
    |> Option.defaultValue (Path.Combine(Path.GetTempPath(), "callserver-mutants"))

let inCopy (path: string) = Path.Combine(folder, path)

let write (path: string) (octets: byte[]) =
    if not (File.Exists path && File.ReadAllBytes(path).AsSpan().SequenceEqual(octets.AsSpan())) then
        Directory.CreateDirectory(Path.GetDirectoryName path) |> ignore
        File.WriteAllBytes(path, octets)

let lowest = "src/CallServer.Wire"
let core = "src/CallServer.Core"
let suite = "tests/CallServer.Core.Tests"
let output = $"{suite}/bin/Release/net10.0"

/// What git knows, as it stands in the working tree; only what differs is written, so that builds stay incremental.
let copy () =
    let code, listed = run root [] "git" [ "ls-files"; "-co"; "--exclude-standard" ]

    if code <> 0 then
        failwith listed

    for path in listed.Split('\n', StringSplitOptions.RemoveEmptyEntries ||| StringSplitOptions.TrimEntries) do
        let source = Path.Combine(root, path)

        let isWoven =
            path.EndsWith "CallServer.Wire.fsproj"
            || path = $"{suite}/Program.fs"
            || chosen |> List.exists (fun m -> m.File = path)

        if File.Exists source && not isWoven then
            write (inCopy path) (File.ReadAllBytes source)

let suiteOf (m: Mutant) = if m.File.EndsWith ".cs" then "tests/CallServer.Host.Tests" else suite

let variable = "CALLSERVER_MUTANT"

/// The switch stands above all other files of the lowest project, and the suite can be asked about one mutant after the
/// other.
let addSwitch () =
    let project = File.ReadAllText(Path.Combine(root, $"{lowest}/CallServer.Wire.fsproj"))
    let first = project.IndexOf("    <Compile Include=", StringComparison.Ordinal)

    write
        (inCopy $"{lowest}/CallServer.Wire.fsproj")
        (Encoding.UTF8.GetBytes(project.Insert(first, "    <Compile Include=\"Mutants.fs\" />\n")))

    let switch =
        $"""module CallServer.Mutants

/// The mutant that lives in this process; 0: none.
let mutable private chosen =
    match System.Environment.GetEnvironmentVariable "{variable}" with
    | null -> 0
    | number -> int number

/// Whether its place has been passed since it was chosen.
let mutable reached = false

let is (number: int) : bool =
    if chosen = number then
        reached <- true
        true
    else
        false

let choose (number: int) : unit =
    chosen <- number
    reached <- false
"""

    write (inCopy $"{lowest}/Mutants.fs") (Encoding.UTF8.GetBytes switch)
    write (inCopy $"{suite}/Program.fs") (File.ReadAllBytes(Path.Combine(__SOURCE_DIRECTORY__, "Asker.fs")))

let build (project: string) : Result<unit, string> =
    let code, told =
        run
            folder
            []
            "dotnet"
            [ "build"
              "-c"
              "Release"
              project
              "-p:TreatWarningsAsErrors=false"
              "-p:GenerateDocumentationFile=false"
              "-p:OtherFlags=--crossoptimize- --strict-indentation-" ]

    let errors = told.Split '\n' |> Array.filter (fun line -> line.Contains ": error ") |> Array.distinct

    if code = 0 then
        Ok()
    else
        Error(String.Join("\n", if errors.Length = 0 then [| told |] else errors))

let original (file: string) = File.ReadAllText(Path.Combine(root, file))

/// Where the part that is exchanged stands in its file, and what it is. The whole text has to stand there exactly once.
let place (m: Mutant) : int * string =
    let before = m.Before.Replace("«", "").Replace("»", "")
    let text = original m.File
    let at = text.IndexOf(before, StringComparison.Ordinal)

    if before = "" || at < 0 then
        failwith $"{m.Name}: its text does not stand in {m.File}:\n{before}"
    elif text.IndexOf(before, at + 1, StringComparison.Ordinal) >= 0 then
        failwith $"{m.Name}: its text stands in {m.File} more than once:\n{before}"
    else
        match m.Before.IndexOf '«', m.Before.IndexOf '»' with
        | -1, _ -> at, before
        | from, until -> at + from, m.Before[from + 1 .. until - 1]

// Before hours are spent: which of them the core has left behind.
let lost =
    chosen
    |> List.choose (fun m ->
        try
            place m |> ignore
            None
        with fault ->
            Some fault.Message)

if not lost.IsEmpty then
    eprintfn "%s" (String.Join("\n", lost))
    exit 1

if named.ContainsKey "--list" then
    for m in chosen do
        printfn "%-36s %s" m.Name m.Harm

    printfn "%d mutants" chosen.Length
    exit 0

let put (file: string) (text: string) = write (inCopy file) (Encoding.UTF8.GetBytes text)

/// Mutants that do not overlap, or are of the very same text, are compiled together.
let groups (mutants: Mutant list) : Mutant list list =
    let clash (a: Mutant) (b: Mutant) =
        a.File = b.File
        && (let at, text = place a
            let other, otherText = place b
            (at, text) <> (other, otherText) && at < other + otherText.Length && other < at + text.Length)

    ([], mutants)
    ||> List.fold (fun groups m ->
        match groups |> List.tryFindIndex (List.forall (fun other -> not (clash m other))) with
        | Some index ->
            groups |> List.mapi (fun number group -> if number = index then m :: group else group)
        | None -> groups @ [ [ m ] ])
    |> List.map List.rev

let numbers = Dictionary<string, int>()

let weave (mutants: Mutant list) =
    for file in chosen |> List.map _.File |> List.distinct do
        let places =
            mutants
            |> List.filter (fun m -> m.File = file)
            |> List.groupBy place
            |> List.sortByDescending (fun ((at, _), _) -> at)

        let text =
            (original file, places)
            ||> List.fold (fun text ((at, before), mutants) ->
                let choices =
                    mutants
                    |> List.map (fun m -> $"if CallServer.Mutants.is {numbers[m.Name]} then ({m.After}) el")

                text
                    .Remove(at, before.Length)
                    .Insert(at, $"({String.Join(String.Empty, choices)}se ({before}))"))

        put file text

type Verdict =
    | Killed of test: string
    | Survived
    | DoesNotCompile of string

/// How the suite ends when a filter lets no test through.
let noTests = 8

/// The first test that fails; of the fleets also the seed.
let ask (suite: string) (number: int) (filter: string) (environment: (string * string) list) : string option =
    let environment =
        [ variable, string number
          "CALLSERVER_FAILURES", "1"
          "DOTNET_EnableWriteXorExecute", "0"
          "DOTNET_TieredPGO", "0"
          yield! environment ]

    let code, told =
        runUntil
            (fun line -> line.StartsWith "failed ")
            folder
            environment
            "dotnet"
            [ inCopy $"{suite}/bin/Release/net10.0/{Path.GetFileName suite}.dll"
              "--filter"
              filter
              "--progress"
              "off" ]

    if code = noTests then
        failwith $"no test is there for {filter}:\n{told}"
    elif code = 0 then
        None
    else
        let failed = Regex.Match(told, @"^failed (.+?)(?: \([^()]*\))?\r?$", RegexOptions.Multiline)
        let seeds = Regex.Matches(told, @"^\s*seed (\d+): ", RegexOptions.Multiline)
        let seeds = String.Join(", ", [ for seed in seeds -> seed.Groups[1].Value ])
        let test = if failed.Success then failed.Groups[1].Value else told.Trim()
        Some(if seeds = "" then test else $"{test} (seed {seeds})")

/// It measures what little one line takes, and fails beside the switch without any mutant.
let besideSwitch = "FullyQualifiedName!~SdpTests.lines"

/// The walls of the house are read from an assembly that has no switch, and what a decoder may take from one that has no
/// mutants (a message "as dense as can be"): both would fail always. A filter's words have no blanks.
let others = "FullyQualifiedName!~Simulation&FullyQualifiedName!~Architecture&FullyQualifiedName!~dense"

let fleets =
    let seeds = named.TryFind "--seeds" |> Option.defaultValue "1-2000"
    "FullyQualifiedName~FleetTests", [ ("CALLSERVER_SEEDS", seeds) ]

/// How long the tests that are named with a mutant may take.
let patience = TimeSpan.FromMinutes 5.0

/// A suite that is asked about one mutant after the other, and started anew when one of them has ended it.
let mutable asker: Process option = None

let endAsker () =
    match asker with
    | Some child ->
        child.Kill true
        child.Dispose()
        asker <- None
    | None -> ()

/// The test that notices; ValueNone if none does. Error: only a process of its own can tell.
let askTogether (number: int) (filter: string) : Result<string option, unit> =
    let child =
        match asker with
        | Some child -> child
        | None ->
            let start = ProcessStartInfo("dotnet", [ inCopy $"{output}/CallServer.Core.Tests.dll"; "--ask" ])

            start.RedirectStandardInput <- true
            start.RedirectStandardOutput <- true
            let child = Process.Start start
            asker <- Some child
            child

    child.StandardInput.WriteLine $"{number} {filter}"
    child.StandardInput.Flush()
    let answer = child.StandardOutput.ReadLineAsync()

    if not (answer.Wait patience) then
        endAsker ()
        Ok(Some $"no end within {patience.TotalMinutes} minutes")
    else
        match answer.Result with
        | "survived" -> Ok None
        // What is made once, at the start, was made without the mutant.
        | "unreached" -> Error()
        | null
        | "spoilt" ->
            endAsker ()
            Error()
        | killed -> Ok(Some(killed.Replace("killed ", "")))

let judge (m: Mutant) (number: int) : Verdict =
    let firsts =
        m.Asks
        |> List.map (fun (tests, environment) ->
            let names =
                String.Join('|', tests.Split '|' |> Array.map (fun test -> $"FullyQualifiedName~{test}"))

            (if m.IsAlone then names else $"({names})&{besideSwitch}"), environment)

    let rest =
        if named.ContainsKey "--first-only" then []
        elif suiteOf m = suite then [ others, []; fleets ]
        else List.singleton ("FullyQualifiedName~Tests", [])

    let asked (filter, environment) =
        let alone () = ask (suiteOf m) number filter environment

        if number = 0 || not (List.isEmpty environment) then
            alone ()
        else
            match askTogether number filter with
            | Ok test -> test
            | Error() -> alone ()

    let told = if named.ContainsKey "--every" then List.choose asked firsts else []

    match told with
    | [] -> List.tryPick asked (if named.ContainsKey "--every" then rest else firsts @ rest)
    | several -> Some(String.Join("; ", several))
    |> function
        | Some test -> Killed test
        | None -> Survived

let verdicts = ResizeArray<Mutant * Verdict>()

let tell (clock: Stopwatch) (m: Mutant) (verdict: Verdict) =
    verdicts.Add(m, verdict)

    let words =
        match verdict, m.Same with
        | Killed test, None -> $"killed by {test}"
        | Killed test, Some reason -> $"KILLED by {test}, and was said to be equivalent: {reason}"
        | Survived, None -> "SURVIVED"
        | Survived, Some reason -> $"survived, equivalent: {reason}"
        | DoesNotCompile errors, _ -> $"DOES NOT COMPILE\n{errors}"

    printfn "%-36s %s (%d s)" m.Name words (int clock.Elapsed.TotalSeconds)

copy ()
addSwitch ()
chosen |> List.iteri (fun index m -> numbers[m.Name] <- index + 1)

let together, alone = chosen |> List.partition (fun m -> not m.IsAlone)

/// Those in whose lines the compiler finds an error; where it finds none there, those of its file.
let guilty (errors: string) (mutants: Mutant list) : Mutant list =
    [ for error in Regex.Matches(errors, @"([^\s(]+\.fs)\((\d+),") do
          let path = error.Groups[1].Value
          let line = File.ReadLines path |> Seq.item (int error.Groups[2].Value - 1)
          let ofFile = mutants |> List.filter (fun m -> path = inCopy m.File)

          match ofFile |> List.filter (fun m -> line.Contains $"Mutants.is {numbers[m.Name]} ") with
          | [] -> yield! ofFile
          | found -> yield! found ]
    |> List.distinct

/// Those that live together in one assembly. Tests are built once, with the first of them: none lives unless it is chosen.
let rec judgeGroup (project: string) (mutants: Mutant list) =
    endAsker ()
    weave mutants

    match build project with
    | Ok() ->
        for part in [ "CallServer.Wire"; "CallServer.Core" ] do
            File.Copy(inCopy $"{core}/bin/Release/net10.0/{part}.dll", inCopy $"{output}/{part}.dll", true)

        for m in mutants do
            let clock = Stopwatch.StartNew()
            tell clock m (judge m numbers[m.Name])
    | Error errors ->
        let wrong =
            match guilty errors mutants with
            | [] -> mutants
            | wrong -> wrong

        for m in wrong do
            tell (Stopwatch.StartNew()) m (DoesNotCompile errors)

        match List.except wrong mutants with
        | [] -> ()
        | rest -> judgeGroup project rest

groups together
|> List.iteri (fun index group -> judgeGroup (if index = 0 then suite else core) group)

endAsker ()

for m in alone do
    weave []
    let clock = Stopwatch.StartNew()
    let at, before = place m
    put m.File ((original m.File).Remove(at, before.Length).Insert(at, m.After))

    match build (suiteOf m) with
    | Ok() -> tell clock m (judge m 0)
    | Error errors -> tell clock m (DoesNotCompile errors)

weave []

let count (of': Mutant * Verdict -> bool) = verdicts |> Seq.filter of' |> Seq.length

let survivors =
    verdicts |> Seq.filter (fun (m, verdict) -> verdict = Survived && m.Same.IsNone) |> Seq.toList

printfn
    "\n%d mutants: %d killed, %d survived, %d of them equivalent; %d do not compile"
    verdicts.Count
    (count (fun (_, verdict) -> verdict.IsKilled))
    (count (fun (_, verdict) -> verdict.IsSurvived))
    (count (fun (m, verdict) -> verdict = Survived && m.Same.IsSome))
    (count (fun (_, verdict) -> verdict.IsDoesNotCompile))

for m, _ in survivors do
    printfn "survived: %-36s %s" m.Name m.Harm

exit (
    if survivors.IsEmpty && count (fun (_, verdict) -> verdict.IsDoesNotCompile) = 0 then
        0
    else
        1
)
