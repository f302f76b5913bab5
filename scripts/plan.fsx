// Plans a fleet of SNMP gateways: what an audit costs, how long a takeover takes until the whole record is back, and what
// that depends on most. dotnet fsi scripts/plan.fsx [OPTION…]
// Nothing is reckoned that can be run: each line of the table is an audit of a simulated gateway, in virtual time.
#load "load.fsx"
#load "lib/arguments.fsx"
#load "lib/callserver.fsx"

open System
open System.Diagnostics
open System.Text.Json
open System.Threading
open System.Threading.Tasks
open Load
open Arguments
open Callserver
open CallServer.Model
open CallServer.Ledger
open CallServer.Protocols.Snmp
open CallServer.Gateway

let usage =
    """Usage: dotnet fsi scripts/plan.fsx [OPTION…]
  --connections N   active connections of a gateway (default 1000)
  --gateways G      gateways of the fleet (default 100)
  --columns C       columns that are asked of each connection, 2 to 48 (default: those of the profile cisco-voice)
  --rtt MS          from a request to its answer, in milliseconds (default 20)
  --loss FRACTION   the share of the datagrams that is lost, each way (default 0)
  --window W        requests in flight to a gateway at first, 1 to 8 (default 2, as to one that was never asked)
  --timeout MS      polling.timeout (default 1000)
  --attempts N      polling.attempts (default 4)
  --cores N         processor cores of the server (default: those of this machine)
  --at-once K       gateways that are asked at once (default 4 for each core, as a takeover does)
  --check           also runs `callserver audit` against `callserver gateway`, and compares the requests
Without options: the defaults, with --check."""

type Plan =
    {
        Connections: int
        Gateways: int
        /// None: those of the profile.
        Columns: int option
        Rtt: TimeSpan
        Loss: float
        Window: float
        Timeout: TimeSpan
        Attempts: int
        Cores: int
        AtOnce: int
    }

/// What one audit of one gateway costs.
type Cost =
    {
        Snapshot: Snapshot
        Asked: int64
        Answered: int64
        Seconds: float
        /// Of the audit itself, on this machine.
        Processor: float
    }

let profileName = "cisco-voice"

/// The columns of the built-in profile, those first without which a row is none.
let private columns =
    let all =
        (Profiles.tryFind profileName).Value.Columns
        |> Array.map (fun column -> column.Name, string column.Oid)

    let isNeeded (name, _) = name = "connectTime" || name = "callState"
    Array.append (Array.filter isNeeded all) (Array.filter (isNeeded >> not) all)

/// The built-in profile with so many columns. More than it has are asked twice; fewer tell less.
let private profileOf (wanted: int) : Profile =
    let chosen =
        [ for number in 0 .. wanted - 1 ->
              let name, oid = columns[number % columns.Length]
              $"\"{name}{number / columns.Length}\": \"{oid}\"" ]

    let columns = String.Join(", ", chosen)

    let json =
        $$"""{ "as": "{{profileName}}", "columns": { {{columns}} }, "identity": ["connectTime0", "callState0"],
               "call": null, "endpoint": null, "originator": null, "remote": null, "direction": null, "codec": null,
               "qos": null, "remoteMedia": null, "history": null, "state": "callState0", "active": { "callState0": [4] },
               "start": { "kind": "timeStamp", "field": "connectTime0", "zeroIsUnset": true } }"""

    match ProfileJson.parse profileName json with
    | Ok profile -> profile
    | Error mistakes -> failwith (String.Join("; ", mistakes))

let private start = Instant.ofDateTime (DateTimeOffset(2026, 1, 31, 10, 0, 0, TimeSpan.Zero))

/// Two audits of one gateway, ten seconds apart: the first, and one with what that left.
let private runOnce (plan: Plan) : Cost * Cost =
    let path = BadNetwork.both { PathQuality.perfect with Delay = plan.Rtt / 2.0; Loss = plan.Loss }

    let target =
        { target "gw1" profileName with
            Profile = plan.Columns |> Option.map profileOf |> Option.orElse (Profiles.tryFind profileName)
            Timeout = plan.Timeout
            Attempts = plan.Attempts }

    let fresh =
        let none = SnmpAudit.Memory.none

        { none with
            Pace = { none.Pace with Requests = { none.Pace.Requests with Window = plan.Window } } }

    let audit memory gateway at seed =
        let post = Post(path, at, seed)
        let spent, began = Environment.CpuUsage.TotalTime, Stopwatch.GetTimestamp()
        let snapshot, left, gateway = auditBy post target memory gateway seed
        let spent = Environment.CpuUsage.TotalTime - spent
        // The rest was the gateway's.
        let share = post.Busy / Stopwatch.GetElapsedTime began

        { Snapshot = snapshot
          Asked = post.Asked
          Answered = post.Answered
          Seconds = (snapshot.Answered - snapshot.Asked).TotalSeconds
          Processor = spent.TotalSeconds * share },
        left,
        gateway

    let gateway = Gateways.simple profileName "gw1" 1UL plan.Connections 0.0 start
    let first, left, gateway = audit fresh gateway start 1UL
    let next, _, _ = audit left gateway (start + TimeSpan.FromSeconds 10.0) 2UL
    first, next

/// Only the processor time differs from run to run: the least of three has the least of what else the machine does.
let private run (plan: Plan) : Cost * Cost =
    let runs = [ for _ in 1..3 -> runOnce plan ]
    runs |> List.map fst |> List.minBy _.Processor, runs |> List.map snd |> List.minBy _.Processor

/// An audit of a takeover holds its place no longer than this; then it goes on beside the others (GatewayPoller).
let private turn = 0.3

/// Seconds until every gateway has been heard: as the network lets them, and as the processor does.
let private recovery (plan: Plan) (cost: Cost) : struct (float * float) =
    let turns = float ((plan.Gateways - 1) / plan.AtOnce)
    let network = turns * min turn cost.Seconds + cost.Seconds
    let processor = float plan.Gateways * cost.Processor / float plan.Cores
    struct (network, processor)

let private whole (plan: Plan) (cost: Cost) : float =
    let struct (network, processor) = recovery plan cost
    max network processor

let private print (name: string) (plan: Plan) (cost: Cost) : unit =
    let struct (network, processor) = recovery plan cost
    let fleet = float plan.Gateways
    let bound = if network >= processor then "network" else "processor"

    let verdict =
        if Snapshot.isComplete cost.Snapshot then
            ""
        else
            "  NOT COMPLETE: " + string cost.Snapshot.Completeness

    printfn
        "%-30s %8d %9.1f %9.1f %8.2f %8.1f %10.0f %8.1f %9.1f %-9s%s"
        name
        cost.Snapshot.Requests
        (float cost.Asked / 1e3)
        (float cost.Answered / 1e3)
        cost.Seconds
        (cost.Processor * 1e3)
        (float cost.Snapshot.Requests * fleet)
        (float (cost.Asked + cost.Answered) * fleet / 1e6)
        (max network processor)
        bound
        verdict

/// The same plan with one thing better by half, and how that thing is called.
let private better (plan: Plan) : (string * string * Plan) list =
    [ "half the round trip", "the round trip", { plan with Rtt = plan.Rtt / 2.0 }
      "half the connections",
      "the number of connections",
      { plan with Connections = max 1 (plan.Connections / 2) }
      let columns = plan.Columns |> Option.defaultValue columns.Length

      if columns >= 4 then
          "half the columns", "the number of columns", { plan with Columns = Some(columns / 2) }

      if plan.Loss > 0.0 then
          "half the loss", "loss", { plan with Loss = plan.Loss / 2.0 }

      "half the gateways", "the number of gateways", { plan with Gateways = max 1 (plan.Gateways / 2) }
      "twice as many at once", "how many are asked at once", { plan with AtOnce = plan.AtOnce * 2 }

      "twice the cores, as many each",
      "the server's cores",
      { plan with Cores = plan.Cores * 2; AtOnce = plan.AtOnce * 2 } ]

/// The requests that the built programs make over loopback, for the same gateway.
let private measure (plan: Plan) (cancel: CancellationToken) : Task<int * float> =
    task {
        let rtt = int plan.Rtt.TotalMilliseconds

        use gateway =
            new Child(
                [ "gateway"; "--snmp"; "0"; "--connections"; string plan.Connections; "--delay"; $"{rtt}ms" ]
            )

        let! line = gateway.LineAsync("snmp:", cancel)
        use audit = new Child([ "audit"; line.Split(' ')[0]; "--json"; "--timeout"; "60s" ])
        let! json = audit.LineAsync("{", cancel)
        use document = JsonDocument.Parse json
        let told = document.RootElement
        let time (name: string) = told.GetProperty(name).GetDateTimeOffset()
        return told.GetProperty("requests").GetInt32(), (time "answered" - time "asked").TotalSeconds
    }

let private check (plan: Plan) (cost: Cost) : unit =
    use patience = new CancellationTokenSource(TimeSpan.FromMinutes 2.0)
    let requests, seconds = (measure plan patience.Token).GetAwaiter().GetResult()

    printfn
        $"measured over loopback: {requests} requests, {seconds:F2} s; planned {cost.Snapshot.Requests}, {cost.Seconds:F2} s (a program that has just started is slower)"

    // The window grows with answers that come in good time, so a busy machine may ask a little otherwise.
    if abs (requests - cost.Snapshot.Requests) > max 5 (cost.Snapshot.Requests / 4) then
        failwith "the plan is not what the programs do"

let private readPlan (given: Arguments) : Plan =
    let whole name least most usual = given.Get($"--{name}", usual, count $"--{name}" least most)

    let ms name least usual =
        TimeSpan.FromMilliseconds(given.Get($"--{name}", usual, number $"--{name}" least 600000.0))

    let cores = whole "cores" 1 4096 Environment.ProcessorCount

    { Connections = whole "connections" 1 200_000 1000
      Gateways = whole "gateways" 1 1_000_000 100
      Columns = given.Get("--columns", None, count "--columns" 2 48 >> Some)
      Rtt = ms "rtt" 0.0 20.0
      Loss = given.Get("--loss", 0.0, number "--loss" 0.0 0.9)
      Window = given.Get("--window", 2.0, count "--window" 1 8 >> float)
      Timeout = ms "timeout" 1.0 1000.0
      Attempts = whole "attempts" 1 20 4
      Cores = cores
      AtOnce = whole "at-once" 1 1_000_000 (4 * cores) }

let private names =
    [ "connections"
      "gateways"
      "columns"
      "rtt"
      "loss"
      "window"
      "timeout"
      "attempts"
      "cores"
      "at-once" ]

let private main () : unit =
    let given = readArguments usage [ for name in names -> "--" + name ] [ "--check" ]

    match given.Rest with
    | word :: _ -> refuse $"'{word}' is not understood"
    | [] -> ()

    let plan = readPlan given

    printfn
        "%d gateways of %d connections, %s columns; %g ms to an answer, %g %% lost; %d asked at once by %d cores"
        plan.Gateways
        plan.Connections
        (plan.Columns |> Option.defaultValue columns.Length |> string)
        plan.Rtt.TotalMilliseconds
        (plan.Loss * 100.0)
        plan.AtOnce
        plan.Cores

    // The first runs compile what they run, and would be charged with that.
    run plan |> ignore
    let first, next = run plan
    printfn "%-30s %-46s   %s" "" "one gateway" "the fleet"

    printfn
        "%-30s %8s %9s %9s %8s %8s %10s %8s %9s %s"
        ""
        "requests"
        "kB asked"
        "kB told"
        "seconds"
        "CPU ms"
        "requests"
        "MB"
        "recovered"
        "bound by"

    print "as planned, first audit" plan first
    print "as planned, later audits" plan next
    let usual = whole plan first

    let changes =
        [ for name, what, changed in better plan do
              let cost, _ = run changed
              print name changed cost
              what, whole changed cost ]

    let best = changes |> List.map snd |> List.min

    if best < usual * 0.95 then
        let most =
            [ for what, seconds in changes do
                  if seconds <= best * 1.05 then
                      what ]

        let names = String.Join(", or ", most)
        printfn $"weighs most: {names}; changed like that, recovery takes {best:F1} s instead of {usual:F1} s"
    else
        printfn $"none of these weighs much: recovery takes {usual:F1} s"

    printfn
        "recovered: seconds until the last gateway has been heard. CPU is that of the audit alone, on this machine:"

    printfn "sockets, record and store come on top."

    let isBare = given.Options.IsEmpty && given.Switches.IsEmpty

    if isBare || given.Switches.Contains "--check" then
        if plan.Columns.IsSome || plan.Loss > 0.0 then
            refuse
                "--check has neither --columns nor --loss: the programs ask with their own profile, and loss is random"

        check plan first

    if isBare && not (Snapshot.isComplete first.Snapshot && Snapshot.isComplete next.Snapshot) then
        failwith "an honest gateway on a good path must give a complete snapshot"

main ()
