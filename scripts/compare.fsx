// Compares two audits of a gateway: what came, what went, what changed, and what cannot be said.
//   callserver audit URI --json > A.json; …; callserver audit URI --json > B.json
//   dotnet fsi scripts/compare.fsx A.json B.json
// Without files it audits a simulated gateway in virtual time, twice, and once over a bad path.
#load "load.fsx"
#load "lib/arguments.fsx"

open System
open System.Collections.Generic
open System.IO
open System.Text.Json
open System.Text.Json.Nodes
open Load
open Arguments
open CallServer.Model
open CallServer.Ledger
open CallServer.Gateway
open CallServer.Surface

let usage =
    """Usage: dotnet fsi scripts/compare.fsx [A.json B.json]
Compares what `callserver audit URI… --json` printed at two times, the earlier one first. Gateways are matched by their
HOST:PORT; where each file has only one, they are compared whatever they are called.
Exit status: 0 nothing differs, 1 something differs, 2 nothing is known to differ, but something cannot be said,
64 the command line or a file is wrong."""

/// What can be said of one connection, or of a gateway as a whole.
type Finding =
    | Came of string
    | Went of string
    | Changed of string
    | Unsaid of string

/// A time within bounds; an open bound is infinite.
[<Struct>]
type Bounds = { Earliest: DateTimeOffset; Latest: DateTimeOffset }

/// One audit, as its line of JSON tells it.
type Audit =
    { Gateway: string
      Told: JsonElement
      IsComplete: bool
      Answered: DateTimeOffset
      Connections: Dictionary<string, JsonElement> }

let private text (name: string) (element: JsonElement) =
    match element.TryGetProperty name with
    | true, value when value.ValueKind = JsonValueKind.String -> value.GetString()
    | _ -> null

let readAudit (line: string) : Audit =
    use document = JsonDocument.Parse line
    let told = document.RootElement.Clone()

    { Gateway = told.GetProperty("gateway").GetString()
      Told = told
      IsComplete = told.GetProperty("complete").GetBoolean()
      Answered = told.GetProperty("answered").GetDateTimeOffset()
      Connections =
        Dictionary(
            dict
                [ for connection in told.GetProperty("connections").EnumerateArray() ->
                      text "id" connection, connection ]
        ) }

let private readFile (path: string) : Audit list =
    try
        [ for line in File.ReadLines path do
              if not (String.IsNullOrWhiteSpace line) then
                  readAudit line ]
    with
    | :? IOException
    | :? UnauthorizedAccessException
    | :? JsonException
    | :? KeyNotFoundException
    | :? InvalidOperationException as fault ->
        refuse $"{path} is not what `callserver audit --json` prints: {fault.Message}"

// ---- Facts and times

/// The facts of a connection by name, those within others too. Its age moves with every audit, and is none.
let rec private factsOf (prefix: string) (element: JsonElement) : (string * string) list =
    [ for fact in element.EnumerateObject() do
          match prefix + fact.Name, fact.Value.ValueKind with
          | ("id" | "ageSeconds" | "setup" | "start"), _ -> ()
          | name, JsonValueKind.Object -> yield! factsOf (name + ".") fact.Value
          | name, JsonValueKind.Null -> name, null
          | name, _ -> name, fact.Value.ToString() ]

let private boundsOf (name: string) (connection: JsonElement) : Bounds voption =
    match connection.TryGetProperty name with
    | true, told when told.ValueKind = JsonValueKind.Object ->
        let bound name openEnd =
            match text name told with
            | null -> openEnd
            | time -> DateTimeOffset.Parse time

        ValueSome
            { Earliest = bound "earliest" DateTimeOffset.MinValue
              Latest = bound "latest" DateTimeOffset.MaxValue }
    | _ -> ValueNone

let private shown (bounds: Bounds) =
    let time (at: DateTimeOffset) (openEnd: DateTimeOffset) =
        if at = openEnd then
            "?"
        else
            at.UtcDateTime.ToString "yyyy-MM-dd'T'HH:mm:ss.fff'Z'"

    $"[{time bounds.Earliest DateTimeOffset.MinValue}, {time bounds.Latest DateTimeOffset.MaxValue}]"

/// Whether both may be the same instant, as far as the gateway's clock may drift from ours in the age of the connection.
let private agree (earlier: Bounds) (later: Bounds) (at: DateTimeOffset) : bool =
    let age = at - max earlier.Earliest later.Earliest
    let drift = age * (Traits.usualDriftPpm / 1e6)
    let from, until = max earlier.Earliest later.Earliest, min earlier.Latest later.Latest
    from <= until || from - until <= drift

// ---- Two audits of one gateway

let private label (connection: JsonElement) : string =
    let or' fallback value = if isNull value then fallback else value
    let codec = text "codec" connection |> or' "codec not told"
    $"""{text "id" connection}  {text "originator" connection |> or' "?"} -> {text "remote" connection |> or' "?"}, {codec}"""

/// The facts of a connection that both audits list.
let private changes (a: Audit) (b: Audit) (was: JsonElement) (now: JsonElement) : Finding list =
    let before = dict (factsOf "" was)
    let after = dict (factsOf "" now)
    let id = text "id" now

    let value (facts: IDictionary<string, string>) name =
        match facts.TryGetValue name with
        | true, value -> value
        | _ -> null

    let contradicted =
        [ for name in [ "setup"; "start" ] do
              match boundsOf name was, boundsOf name now with
              | ValueSome earlier, ValueSome later when not (agree earlier later b.Answered) ->
                  $"{name} {shown earlier}, then {shown later}"
              | _ -> () ]

    if not contradicted.IsEmpty then
        // Rule 6: the same id with a start that cannot be the same.
        let how = String.Join("; ", contradicted)
        [ Went $"{label was}  (its id is used again: {how})"; Came(label now) ]
    else
        [ for name in Seq.distinct (Seq.append before.Keys after.Keys) do
              match value before name, value after name with
              | was, now when was = now -> ()
              // A gateway that did not tell everything may have left out this fact as well.
              | was, null when not b.IsComplete -> Unsaid $"{id}  {name}: {was}, and now not told"
              | null, now when not a.IsComplete -> Unsaid $"{id}  {name}: {now}, and not told before"
              | was, null -> Changed $"{id}  {name}: {was} -> no longer told"
              | null, now -> Changed $"{id}  {name}: not told -> {now}"
              | was, now -> Changed $"{id}  {name}: {was} -> {now}"
          for name in [ "setup"; "start" ] do
              match boundsOf name was, boundsOf name now with
              | ValueNone, ValueSome now -> Changed $"{id}  {name}: not told -> {shown now}"
              | ValueSome was, ValueNone when b.IsComplete ->
                  Changed $"{id}  {name}: {shown was} -> no longer told"
              | ValueSome was, ValueNone -> Unsaid $"{id}  {name}: {shown was}, and now not told"
              | _ -> () ]

/// What two audits of one gateway say together, the earlier one first.
let compareAudits (a: Audit) (b: Audit) : Finding list =
    [ match text "boot" a.Told, text "boot" b.Told with
      | null, _
      | _, null -> ()
      | was, now when was = now -> ()
      | was, now -> Changed $"the gateway restarted: boot {was} -> {now}"

      for KeyValue(id, was) in a.Connections do
          match b.Connections.TryGetValue id with
          | true, now -> yield! changes a b was now
          | _ when b.IsComplete -> Went(label was)
          | _ -> Unsaid $"{label was}  was there; the later audit does not list everything"

      for KeyValue(id, now) in b.Connections do
          if not (a.Connections.ContainsKey id) then
              if a.IsComplete then
                  Came(label now)
              else
                  Unsaid $"{label now}  is there; the earlier audit did not list everything" ]

let private header (name: string) (audit: Audit) =
    let words (member': string) =
        String.Join(
            ", ",
            [ for word in audit.Told.GetProperty(member').EnumerateArray() -> word.GetString() ]
        )

    let verdict =
        if audit.IsComplete then
            let proof = words "proof"
            $"complete ({proof})"
        else
            let reasons = words "reasons"
            $"not complete ({reasons})"

    $"""{name}  {text "uri" audit.Told}  asked {text "asked" audit.Told}, {audit.Connections.Count} connections, {verdict}"""

let private came finding =
    match finding with
    | Came line -> Some line
    | _ -> None

let private went finding =
    match finding with
    | Went line -> Some line
    | _ -> None

let private changed finding =
    match finding with
    | Changed line -> Some line
    | _ -> None

let private unsaid finding =
    match finding with
    | Unsaid line -> Some line
    | _ -> None

/// Prints the findings; returns the exit status.
let report (a: Audit) (b: Audit) : int =
    let findings = compareAudits a b
    printfn $"""{printable (header "A" a)}"""
    printfn $"""{printable (header "B" b)}"""

    for title, choose in [ "came", came; "went", went; "changed", changed; "cannot be said", unsaid ] do
        match List.choose choose findings with
        | [] -> ()
        | lines ->
            printfn $"{title}: {List.length lines}"
            lines |> List.iter (fun line -> printfn $"  {printable line}")

    match findings with
    | [] when a.IsComplete && b.IsComplete ->
        printfn "nothing differs"
        0
    | _ when findings |> List.forall _.IsUnsaid ->
        printfn "nothing is known to differ, but not both audits are complete"
        2
    | _ -> 1

let private compareFiles (first: string) (second: string) : int =
    match readFile first, readFile second with
    | [ a ], [ b ] -> report a b
    | [], _
    | _, [] -> refuse "one of the files has no audit"
    | before, after ->
        let find gateway audits = audits |> List.tryFind (fun audit -> audit.Gateway = gateway)
        let gateways = before @ after |> List.map _.Gateway |> List.distinct

        let statuses =
            [ for gateway in gateways do
                  match find gateway before, find gateway after with
                  | Some a, Some b -> report a b
                  | Some _, None ->
                      printfn $"{printable gateway} stands in A alone"
                      1
                  | _ ->
                      printfn $"{printable gateway} stands in B alone"
                      1 ]

        if List.contains 1 statuses then 1 else List.max statuses

// ---- Without files: a simulated gateway, asked as `callserver audit` asks

/// What `callserver audit URI --json` would print, in virtual time.
let private auditAs
    (path: BadNetwork)
    (text: string)
    (gateway: SimulatedGateway)
    (now: Instant)
    (seed: uint64)
    =
    let post = Post(path, now, seed)
    let _, uri, _ = GatewayProtocols.BuiltIn.TryParse text

    let target =
        GatewayProtocols.BuiltIn.Target(uri.Authority, uri, GatewaySecrets.None, TimeSpan.FromSeconds 1.0, 4)

    let mutable gateway = gateway
    let mutable finished: AuditResult = null

    let sink =
        { new IExchangeSink<AuditResult> with
            member _.Send datagram = post.ToGateway datagram
            member _.WakeAt instant = post.WakeAt instant
            member _.Finished result = finished <- result
            member _.Reply _ = failwith "SNMP agents ask nothing"
            member _.Connect() = failwith "SNMP asks for datagrams alone"
            member _.Write _ = failwith "SNMP asks for datagrams alone"
            member _.Told _ = failwith "an audit tells nothing before its end" }

    let answers =
        { new IGatewayHost with
            member _.Send(_, _, after, datagram) = post.ToAuditor(after, datagram)
            member _.Write(_, _, _) = failwith "SNMP answers with datagrams alone"
            member _.HangUp _ = failwith "SNMP answers with datagrams alone" }

    let mutable exchange = target.Start(null, Moment.at now, seed, null, null)
    exchange.Dispatch sink

    let advance next =
        exchange <- next
        exchange.Dispatch sink

    post.Run(
        (fun () -> not (isNull finished)),
        (fun request ->
            let step = gateway.Receive(post.Now, uri.Protocol, "192.0.2.99:4711", request)
            gateway <- step.Next
            step.Dispatch answers),
        (fun reply -> advance (exchange.Receive(Moment.at post.Now, reply))),
        (fun () -> advance (exchange.Tick(Moment.at post.Now)))
    )

    JsonSerializer.Serialize(
        finished.View(uri.Text, TimeSpan.Zero),
        JsonSerializerOptions JsonSerializerDefaults.Web
    ),
    gateway

/// The same audit with one connection's codec and the start of another changed by hand.
let private forged (line: string) : string =
    let audit = JsonNode.Parse line
    let connections = audit["connections"].AsArray()
    connections[0]["codec"] <- JsonValue.Create "G711"

    for bound in [ "earliest"; "latest" ] do
        let start = connections[1]["start"]
        let time = start[bound].GetValue<DateTimeOffset>()
        start[bound] <- JsonValue.Create(time.AddMinutes 1.0)

    audit.ToJsonString()

let private demo () : int =
    let start = Instant.ofDateTime (DateTimeOffset(2026, 1, 31, 10, 0, 0, TimeSpan.Zero))
    let settings = GatewaySettings(Connections = 12, Churn = 0.05, Seed = 7UL)

    let gateway =
        match SimulatedGateway.TryCreate(settings, start) with
        | true, gateway, _ -> gateway
        | _, _, mistakes -> failwith (String.Join("; ", mistakes))

    let uri = "snmp://192.0.2.1?profile=cisco-voice"
    let good = BadNetwork.both PathQuality.lan
    let first, gateway = auditAs good uri gateway start 1UL
    let later = start + TimeSpan.FromMinutes 2.0
    let step = gateway.Advance later
    let second, gateway = auditAs good uri step.Next later 2UL
    let a, b = readAudit first, readAudit second

    let ids choose findings =
        findings |> List.choose choose |> List.map (fun (line: string) -> line.Split(' ')[0]) |> set

    // What truly happened in between, as the gateway itself says.
    let truly event =
        set
            [ for line in step.Truth do
                  use document = JsonDocument.Parse line

                  if text "event" document.RootElement = event then
                      text "id" document.RootElement ]

    printfn "Two minutes apart:"

    if report a b <> 1 || (truly "open" - truly "close").IsEmpty then
        failwith "two minutes of churn must show"

    if ids came (compareAudits a b) <> truly "open" - truly "close" then
        failwith "what came is what was opened, and is still open"

    if ids went (compareAudits a b) <> truly "close" - truly "open" then
        failwith "what went is what was closed, and was open before"

    printfn "\nThe second of them, with a codec and a start changed by hand:"
    let other = readAudit (forged second)

    if report b b <> 0 || report b other <> 1 then
        failwith "what is the same does not differ, and what differs does"

    match compareAudits b other with
    | [ Changed _; Went gone; Came again ] when gone.Split(' ')[0] = again.Split(' ')[0] -> ()
    | findings -> failwith $"one changed codec, and one id that is used again: {findings}"

    printfn "\nA second later, over a path that loses almost half of all datagrams:"
    let bad = BadNetwork.both (PathQuality.bad 0.45)

    let partial =
        Seq.initInfinite (fun seed ->
            fst (auditAs bad uri gateway (later + TimeSpan.FromSeconds 1.0) (uint64 seed)) |> readAudit)
        |> Seq.find (fun audit -> not audit.IsComplete && audit.Connections.Count > 0)

    let status = report b partial

    if compareAudits b partial |> List.exists _.IsWent then
        failwith "silence is never evidence of absence"

    if status = 0 then
        failwith "an audit that is not complete leaves something unsaid"
    else
        0

let run () : int =
    match (readArguments usage [] []).Rest with
    | [] -> demo ()
    | [ first; second ] -> compareFiles first second
    | _ -> refuse "two files are expected, the earlier audit first"

exit (run ())
