// Follows a running server: a line for each change, and after a loss of the connection from where it stopped.
//   dotnet fsi scripts/follow.fsx URL [--token-file FILE] [--from ID] [--once]
// Without a URL it starts a simulated gateway and a server, follows them, and restarts the server on the way.
#load "lib/arguments.fsx"
#load "lib/callserver.fsx"

open System
open System.IO
open System.Net
open System.Net.Http
open System.Net.Http.Headers
open System.Text.Json
open System.Threading
open System.Threading.Tasks
open Arguments
open Callserver

let usage =
    """Usage: dotnet fsi scripts/follow.fsx [URL] [OPTION…]
Prints a line for each change in a server's record, such as http://127.0.0.1:8080. Without a URL: of a server of its own.
  --token-file FILE  the file with the server's token
  --from ID          begins after the event with this id; 0 begins with the oldest one that is kept
  --once             ends when it has caught up (from the oldest one that is kept, unless --from says otherwise)
Exit status: 0 after --once or Ctrl-C, 2 the server refuses, 64 the command line is wrong."""

/// One event of the stream.
type Message = { Id: string; Event: string; Data: string }

/// What following tells.
type Telling =
    | Began of after: string voption
    | Heard of Message
    /// The connection is lost, and is made anew after this time.
    | Lost of reason: string * wait: TimeSpan

/// The server does not let us follow, and would not later.
exception Refused of string

/// Nothing came for long, and the server sends at least a comment every 15 s.
exception Silence

let private patience = TimeSpan.FromSeconds 45.0
let private longestWait = TimeSpan.FromSeconds 30.0

/// Reads a stream of events to its end (WHATWG HTML §9.2.6). Not by SseParser: that passes over the comments, which
/// alone show that a quiet server is alive.
let private read
    (stream: Stream)
    (retry: TimeSpan -> unit)
    (take: Message -> bool)
    (cancel: CancellationToken)
    : Task<bool> =
    task {
        use reader = new StreamReader(stream)
        let mutable message = { Id = ""; Event = ""; Data = "" }
        let mutable isEnough = false
        let mutable isOver = false

        while not isOver && not isEnough do
            use late = CancellationTokenSource.CreateLinkedTokenSource cancel
            late.CancelAfter patience

            let! line =
                task {
                    try
                        return! reader.ReadLineAsync late.Token
                    with :? OperationCanceledException when not cancel.IsCancellationRequested ->
                        return raise Silence
                }

            match line with
            | null -> isOver <- true
            | "" ->
                if message.Event <> "" then
                    isEnough <- take message

                message <- { message with Event = ""; Data = "" }
            | line ->
                let at = line.IndexOf ':'
                let field = if at < 0 then line else line.Substring(0, at)
                let value = if at < 0 then "" else line.Substring(at + 1).TrimStart ' '

                match field with
                | "id" -> message <- { message with Id = value }
                | "event" -> message <- { message with Event = value }
                | "data" ->
                    let before = if message.Data = "" then "" else message.Data + "\n"
                    message <- { message with Data = before + value }
                | "retry" -> retry (TimeSpan.FromMilliseconds(float value))
                | _ -> ()

        return isEnough
    }

/// Follows until `take` says that it is enough, or until it is cancelled.
let follow
    (url: string)
    (token: string voption)
    (from: string voption)
    (tell: Telling -> unit)
    (take: Message -> bool)
    (cancel: CancellationToken)
    : Task =
    task {
        let address = Uri(Uri(url.TrimEnd '/' + "/"), "v1/events")
        use http = new HttpClient(new SocketsHttpHandler(UseProxy = not address.IsLoopback))
        http.Timeout <- Timeout.InfiniteTimeSpan
        let mutable last = from
        let mutable first = TimeSpan.FromSeconds 1.0
        let mutable failures = 0
        let mutable isEnough = false

        let take (message: Message) =
            failures <- 0

            if message.Id <> "" then
                last <- ValueSome message.Id

            tell (Heard message)
            take message

        let once () : Task<string * TimeSpan voption> =
            task {
                use request = new HttpRequestMessage(HttpMethod.Get, address)
                last |> ValueOption.iter (fun id -> request.Headers.Add("Last-Event-ID", id))

                token
                |> ValueOption.iter (fun token ->
                    request.Headers.Authorization <- AuthenticationHeaderValue("Bearer", token))

                use answering = CancellationTokenSource.CreateLinkedTokenSource cancel
                answering.CancelAfter patience

                let! answer =
                    http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, answering.Token)

                use answer = answer

                if answer.IsSuccessStatusCode then
                    tell (Began last)
                    let! stream = answer.Content.ReadAsStreamAsync cancel
                    let! enough = read stream (fun wait -> first <- wait) take cancel
                    isEnough <- enough
                    return "the server ended the stream", ValueNone
                else
                    let! problem = answer.Content.ReadAsStringAsync cancel
                    let status = int answer.StatusCode

                    if status >= 500 || answer.StatusCode = HttpStatusCode.TooManyRequests then
                        let after = answer.Headers.RetryAfter |> Option.ofObj

                        let wait =
                            after
                            |> Option.bind (fun after -> Option.ofNullable after.Delta)
                            |> ValueOption.ofOption

                        return $"the server answers {status}", wait
                    else
                        return raise (Refused $"{address} answers {status}: {problem}")
            }

        while not isEnough && not cancel.IsCancellationRequested do
            let! reason, wait =
                task {
                    try
                        return! once ()
                    with
                    | :? HttpRequestException as fault -> return fault.Message, ValueNone
                    | :? IOException as fault -> return fault.Message, ValueNone
                    | Silence -> return $"nothing came for {patience.TotalSeconds:F0} s", ValueNone
                    | :? OperationCanceledException when not cancel.IsCancellationRequested ->
                        return "the server does not answer", ValueNone
                }

            if not isEnough then
                // Twice as long each time, and not all followers at the same moment.
                let doubled = first * Math.Pow(2.0, float (min failures 10))
                let usual = min doubled longestWait * (1.0 + 0.25 * Random.Shared.NextDouble())
                let wait = ValueOption.defaultValue usual wait
                failures <- failures + 1
                tell (Lost(reason, wait))
                do! Task.Delay(wait, cancel)
    }

// ---- A change as a line

let private text (name: string) (element: JsonElement) : string voption =
    match element.TryGetProperty name with
    | true, value when value.ValueKind = JsonValueKind.String -> ValueSome(value.GetString())
    | _ -> ValueNone

/// A time of day, with its date where that is not the change's own.
let private clock (day: string) (time: string) =
    let time = time.TrimEnd('Z')
    let time = time.Substring(0, min time.Length "2026-01-31T10:00:00.000".Length)

    if time.StartsWith(day + "T", StringComparison.Ordinal) then
        time.Substring(day.Length + 1)
    else
        time

/// `start 09:58:59.990 to 09:59:00.010 (20 ms, reported)`
let private bounds (day: string) (name: string) (change: JsonElement) : string list =
    match change.TryGetProperty name with
    | true, told when told.ValueKind = JsonValueKind.Object ->
        let why = text "evidence" told |> ValueOption.defaultValue "?"

        match text "earliest" told, text "latest" told with
        | ValueSome earliest, ValueSome latest ->
            let width = DateTimeOffset.Parse latest - DateTimeOffset.Parse earliest

            let width =
                if width.TotalSeconds < 1.0 then
                    $"{width.TotalMilliseconds:F1} ms"
                else
                    $"{width.TotalSeconds:F1} s"

            [ $"{name} {clock day earliest} to {clock day latest} ({width}, {why})" ]
        | ValueNone, ValueSome latest -> [ $"{name} before {clock day latest} ({why})" ]
        | ValueSome earliest, ValueNone -> [ $"{name} after {clock day earliest} ({why})" ]
        | ValueNone, ValueNone -> [ $"{name} not known ({why})" ]
    | _ -> []

let private facts (change: JsonElement) : string list =
    match change.TryGetProperty "facts" with
    | true, facts when facts.ValueKind = JsonValueKind.Array ->
        [ for fact in facts.EnumerateArray() do
              let value name otherwise = text name fact |> ValueOption.defaultValue otherwise
              let before, after = value "before" "not known", value "after" "not known"
              let name = value "fact" "?"
              $"{name} {before} -> {after}" ]
    | _ -> []

/// A message of the stream in words.
let describe (message: Message) : string =
    use document = JsonDocument.Parse message.Data
    let change = document.RootElement

    match message.Event with
    | "complete" ->
        let upTo = change.GetProperty("upTo").GetRawText()
        $"complete up to {upTo}"
    | "ended" -> "ended: " + (text "reason" change |> ValueOption.defaultValue "?" |> printable)
    | "gap" -> "gap: the server no longer keeps all changes since then; read /v1/connections again"
    | kind ->
        let time = text "time" change |> ValueOption.defaultValue ""
        let day = time.Substring(0, min time.Length "2026-01-31".Length)
        let gateway = text "gateway" change |> ValueOption.defaultValue "-"

        let whom =
            match text "connection" change with
            | ValueSome connection -> $"{gateway}/{connection}"
            | ValueNone -> gateway

        let was =
            text "was" change |> ValueOption.map (fun was -> [ $"was {was}" ]) |> ValueOption.defaultValue []

        let told =
            was
            @ facts change
            @ List.collect (fun name -> bounds day name change) [ "setup"; "start"; "end"; "reported" ]

        let detail =
            match text "detail" change with
            // The bounds say it better, but who ended a connection stands in the words alone.
            | ValueSome detail when told.IsEmpty || detail.Contains " by " -> [ detail ]
            | _ -> []

        let words = String.Join("; ", told @ detail)
        printable $"{day} {clock day time}  {kind, -12} {whom}  {words}"

let show (telling: Telling) : unit =
    match telling with
    | Began(ValueSome after) -> printfn $"-- connected, after event {after}"
    | Began ValueNone -> printfn "-- connected, from now on"
    | Heard message -> printfn $"{describe message}"
    | Lost(reason, wait) -> printfn $"-- lost: {printable reason}; again in {wait.TotalSeconds:F1} s"

// ---- Without a server: one of our own, which is stopped and started again while we follow

let demo (cancel: CancellationToken) : Task =
    task {
        use folder = new Folder()

        use gateway = new Child([ "gateway"; "--snmp"; "0"; "--connections"; "8"; "--churn"; "1" ])

        let! line = gateway.LineAsync("snmp:", cancel)
        let url = $"http://127.0.0.1:{freePort ()}"

        File.WriteAllText(
            folder.File "callserver.json",
            JsonSerializer.Serialize
                {| server = {| name = "cs-a"; listen = url; data = folder.File "callserver.db" |}
                   polling = {| interval = "1s"; timeout = "500ms" |}
                   gateways = [ {| id = "gw1"; uri = line.Split(' ')[0] |} ] |}
        )

        let serve () = new Child([ "run"; "--config"; folder.File "callserver.json" ])
        let mutable server = serve ()
        let ids = Collections.Generic.List<int64>()
        let mutable lost = 0
        let mutable again = 0
        let restarted = TaskCompletionSource()

        let restart () =
            task {
                do! server.StopAsync cancel
                (server :> IDisposable).Dispose()
                server <- serve ()
                restarted.SetResult()
            }

        let tell telling =
            show telling

            match telling with
            | Lost _ when ids.Count > 0 -> lost <- lost + 1
            | _ -> ()

        let take (message: Message) =
            if message.Event = "complete" then
                again <- again + 1
            else
                ids.Add(int64 message.Id)

                if ids.Count = 15 then
                    restart () |> ignore

            // Caught up once before the restart, once after it, and then something new.
            restarted.Task.IsCompletedSuccessfully && again >= 2 && ids.Count >= 25

        try
            do! follow url ValueNone (ValueSome "0") tell take cancel
        finally
            (server :> IDisposable).Dispose()

        if lost = 0 then
            failwith "the server was stopped, and nobody noticed"

        let inOrder = [ for id in Seq.min ids .. Seq.max ids -> id ]

        if List.ofSeq ids <> inOrder then
            failwith $"each event must come once and in order, also over a restart: {List.ofSeq ids}"

        printfn $"-- {ids.Count} changes over a restart of the server, none missed and none twice"
    }

let run () : Task<int> =
    task {
        let arguments = readArguments usage [ "--token-file"; "--from" ] [ "--once" ]
        let isOnce = arguments.Switches.Contains "--once"
        use stop = new CancellationTokenSource()

        Console.CancelKeyPress.Add(fun key ->
            key.Cancel <- true
            stop.Cancel())

        try
            match arguments.Rest with
            | [] when arguments.Options.IsEmpty && not isOnce ->
                stop.CancelAfter(TimeSpan.FromMinutes 2.0)
                do! demo stop.Token
                return 0
            | [ url ] when Uri.IsWellFormedUriString(url, UriKind.Absolute) ->
                let token =
                    arguments.Get(
                        "--token-file",
                        ValueNone,
                        fun file -> ValueSome(File.ReadAllText(file).Trim())
                    )

                let from =
                    arguments.Get(
                        "--from",
                        (if isOnce then ValueSome "0" else ValueNone),
                        fun id ->
                            match UInt64.TryParse id with
                            | true, _ -> ValueSome id
                            | _ -> refuse $"--from: '{id}' is no id of an event"
                    )

                let take (message: Message) = isOnce && message.Event = "complete"
                do! follow url token from show take stop.Token
                return 0
            | _ -> return refuse "one URL such as http://127.0.0.1:8080 is expected"
        with
        | Refused reason ->
            eprintfn $"{printable reason}"
            return 2
        | :? OperationCanceledException when stop.IsCancellationRequested && not arguments.Rest.IsEmpty ->
            return 0
    }

exit (run().GetAwaiter().GetResult())
