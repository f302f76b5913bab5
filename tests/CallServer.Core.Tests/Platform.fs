/// Runs Expecto under Microsoft.Testing.Platform, which has no adapter for it: `dotnet test` finds, selects, runs and
/// counts these tests beside NUnit's.
module CallServer.Tests.Platform

open System
open System.Text.RegularExpressions
open System.Threading.Tasks
open Expecto
open Expecto.Impl
open Microsoft.Testing.Platform.Builder
open Microsoft.Testing.Platform.Capabilities.TestFramework
open Microsoft.Testing.Platform.CommandLine
open Microsoft.Testing.Platform.Extensions
open Microsoft.Testing.Platform.Extensions.CommandLine
open Microsoft.Testing.Platform.Extensions.Messages
open Microsoft.Testing.Platform.Extensions.TestFramework
open Microsoft.Testing.Platform.Requests
open Microsoft.Testing.Platform.Services

let private enabled = Task.FromResult true

/// Whether a filter selects a test. The syntax is NUnit's: terms such as FullyQualifiedName~PART or Name!=NAME,
/// joined by & and |, with parentheses if needed; a term that is plain text must be part of the name.
let internal lets (filter: string) (name: string) : bool =
    let holds (text: string) =
        let found = Regex.Match(text, @"^\s*(?:FullyQualifiedName|DisplayName|Name)\s*(!?[~=])(.*)$")
        let value = if found.Success then found.Groups[2].Value else text
        let has = name.Contains(value.Trim(), StringComparison.OrdinalIgnoreCase)
        let is = name.Equals(value.Trim(), StringComparison.OrdinalIgnoreCase)

        match found.Groups[1].Value with
        | "=" -> is
        | "!=" -> not is
        | "!~" -> not has
        | _ -> has

    let at place = if place < filter.Length then filter[place] else ')'

    /// Each parser starts at a position, and returns whether the filter holds and where the term ends.
    let rec any place =
        let left, next = all place

        if at next = '|' then
            let right, next = any (next + 1)
            left || right, next
        else
            left, next

    and all place =
        let left, next = term place

        if at next = '&' then
            let right, next = all (next + 1)
            left && right, next
        else
            left, next

    and term place =
        if at place = '(' then
            let inner, next = any (place + 1)
            inner, next + 1
        else
            // Parentheses inside a term belong to the name.
            let rec ending next depth =
                match at next with
                | '(' -> ending (next + 1) (depth + 1)
                | ')' when depth > 0 -> ending (next + 1) (depth - 1)
                | '&'
                | '|'
                | ')' -> next
                | _ -> ending (next + 1) depth

            let next = ending place 0
            holds filter[place .. next - 1], next

    match any 0 with
    | holds, next when next >= filter.Length -> holds
    | _ -> failwith $"--filter {filter}: a parenthesis too many"

type private Options() =
    interface ICommandLineOptionsProvider with
        member _.Uid = "expecto-options"
        member _.Version = "1"
        member _.DisplayName = "Expecto"
        member _.Description = "Which tests"
        member _.IsEnabledAsync() = enabled

        member _.GetCommandLineOptions() =
            [| CommandLineOption(
                   "filter",
                   "The tests whose full name has this part, or for which an expression such as FullyQualifiedName~PART&Name!~PART holds.",
                   ArgumentArity.ExactlyOne,
                   false
               ) |]

        member _.ValidateOptionArgumentsAsync(_, _) = ValidationResult.ValidTask
        member _.ValidateCommandLineOptionsAsync _ = ValidationResult.ValidTask

type private Framework(tests: Test, options: ICommandLineOptions) =
    let isChosen (filter: ITestExecutionFilter) (name: string) : bool =
        let byOption =
            match options.TryGetOptionArgumentList "filter" with
            | true, [| text |] -> lets text name
            | _ -> true

        let byList =
            match filter with
            | :? TestNodeUidListFilter as list ->
                list.TestNodeUids |> Array.exists (fun id -> id.Value = name)
            | _ -> true

        byOption && byList

    let find (chosen: string -> bool) (tell: string -> TestNodeStateProperty -> TimeSpan -> Async<unit>) =
        async {
            for test in Test.toTestCodeList tests do
                let name = test.fullName "."

                if chosen name then
                    do! tell name DiscoveredTestNodeStateProperty.CachedInstance TimeSpan.Zero
        }

    let run (chosen: string -> bool) (tell: string -> TestNodeStateProperty -> TimeSpan -> Async<unit>) stop =
        async {
            let printer =
                { TestPrinters.silent with
                    beforeEach =
                        fun name isSkipped ->
                            if isSkipped then
                                async.Zero()
                            else
                                tell name InProgressTestNodeStateProperty.CachedInstance TimeSpan.Zero
                    passed = fun name took -> tell name PassedTestNodeStateProperty.CachedInstance took
                    ignored = fun name why -> tell name (SkippedTestNodeStateProperty why) TimeSpan.Zero
                    failed = fun name why took -> tell name (FailedTestNodeStateProperty(why.Trim())) took
                    exn = fun name fault took -> tell name (ErrorTestNodeStateProperty fault) took }

            let config =
                { ExpectoConfig.defaultConfig with
                    printer = printer
                    noSpinner = true
                    verbosity = Logging.LogLevel.Fatal }

            let chosen = tests |> Test.filter "." (String.concat "." >> chosen)
            let! _ = runEvalWithCancel stop config chosen
            ()
        }

    interface IExtension with
        member _.Uid = "Expecto"
        member _.Version = "1"
        member _.DisplayName = "Expecto"
        member _.Description = "Tests that are values"
        member _.IsEnabledAsync() = enabled

    interface IDataProducer with
        member _.DataTypesProduced = [| typeof<TestNodeUpdateMessage> |]

    interface ITestFramework with
        member _.CreateTestSessionAsync _ = Task.FromResult(CreateTestSessionResult(IsSuccess = true))
        member _.CloseTestSessionAsync _ = Task.FromResult(CloseTestSessionResult(IsSuccess = true))

        member this.ExecuteRequestAsync context =
            let tell (name: string) (state: TestNodeStateProperty) (took: TimeSpan) =
                let now = DateTimeOffset.UtcNow
                let properties = PropertyBag(state, TimingProperty(TimingInfo(now - took, now, took)))
                let test = TestNode(Uid = TestNodeUid name, DisplayName = name, Properties = properties)

                context.MessageBus.PublishAsync(
                    this,
                    TestNodeUpdateMessage(context.Request.Session.SessionUid, test)
                )
                |> Async.AwaitTask

            task {
                match context.Request with
                | :? DiscoverTestExecutionRequest as request -> do! find (isChosen request.Filter) tell
                | :? RunTestExecutionRequest as request ->
                    do! run (isChosen request.Filter) tell context.CancellationToken
                | other -> invalidOp $"what is {other.GetType()}?"

                context.Complete()
            }

/// Two tests with the same name would count as one, and a focused test would skip all others.
let private check (tests: Test) : unit =
    let all = Test.toTestCodeList tests

    for name, several in all |> List.countBy _.fullName(".") do
        if several > 1 then
            failwith $"{several} tests are called {name}"

    for test in all do
        if test.state = Focused then
            let name = test.fullName "."
            failwith $"{name} is focused"

/// Runs a suite as the command line asks; returns the process's exit code.
let run (args: string[]) (tests: Test) : int =
    check tests

    task {
        let! builder = TestApplication.CreateBuilderAsync args
        builder.CommandLine.AddProvider(fun () -> Options() :> ICommandLineOptionsProvider)

        builder.RegisterTestFramework(
            (fun _ -> TestFrameworkCapabilities() :> ITestFrameworkCapabilities),
            fun _ services -> Framework(tests, services.GetCommandLineOptions()) :> ITestFramework
        )
        |> ignore

        use! application = builder.BuildAsync()
        return! application.RunAsync()
    }
    |> _.GetAwaiter().GetResult()
