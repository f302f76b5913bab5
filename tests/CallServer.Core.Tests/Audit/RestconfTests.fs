/// Audits of the simulated IOS-XE: what it reports, what that proves, and its vices.
module CallServer.Tests.Audit.RestconfTests

open System
open System.Text
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange
open CallServer.Protocols.Restconf
open CallServer.Gateway
open CallServer.Tests

let private start = Instant.ofMicros 1_796_000_000_000_000L

let private options (login: struct (string * string) option) (words: string list) : RestconfOptions =
    let vices =
        (RestconfVices.none, words)
        ||> List.fold (fun vices word ->
            match RestconfVices.add word vices with
            | Ok vices -> vices
            | Error mistake -> failwith mistake)

    { RestconfOptions.standard with Vices = vices; Login = ValueOption.ofOption login }

/// A simulated IOS-XE in virtual time, with the truth about it.
type private World(connections: int, churn: float, words: string list, ?login: struct (string * string)) =
    inherit TrueNode(connections, churn, start, RestconfResponder.create (options login words))

    let asked = ResizeArray<string>()

    /// What it was asked, in order.
    member _.Asked = asked

    member this.Serve(now: Instant, octets: byte[]) : struct (TimeSpan * byte[]) list =
        this.AdvanceTo now

        match HttpMessage.decodeRequest octets with
        | Ok request -> asked.Add request.Target
        | Error error -> failwith (string error)

        [ for command in this.Tell(Datagram("192.0.2.1:9", octets)) do
              match command with
              | SendTo(_, after, octets) -> struct (after, octets)
              | WriteTo _
              | HangUp _
              | TickAt _
              | EndConnection _ -> () ]

    /// The same run from now on with these vices.
    member this.Turn(words: string list) =
        let options = options login words

        this.Become(fun table ->
            RestconfResponder.create { options with UpTime = table.Now - start + options.UpTime } table)

    /// Another run with these vices, whose calls have numbers from this one on.
    member this.StartAnewAt(now: Instant, first: int64, words: string list) =
        this.RestartAt now

        this.Become(fun table ->
            RestconfResponder.create
                { options login words with UpTime = TimeSpan.Zero; FirstId = first }
                table)

let private target: RestconfGateway =
    { Gateway = GatewayId.create "gw"
      Login = ValueNone
      Timeout = TimeSpan.FromSeconds 1.0
      Attempts = 4
      IdleIsAbsent = false }

[<NoEquality; NoComparison>]
type private Run = { Snapshot: Snapshot; State: RestconfAudit.State }

let private lan = Network.steady (TimeSpan.FromMilliseconds 2.0)

let private auditOf target network memory known (at: Instant) (world: World) : Run =
    world.AdvanceTo at

    let given: AuditStart =
        { At = Moment.at at
          Rng = Rng.create (uint64 at.Micros)
          Local = ""
          Known = known
          Afresh = false
          History = ValueNone }

    let peer =
        { Serve = fun now octets -> world.Serve(now, octets)
          NextTick = fun () -> Instant.distantFuture
          Tick = fun _ -> [] }

    let loop =
        DatagramLoop(
            at,
            7UL,
            network,
            peer,
            100_000,
            RestconfAudit.advance,
            RestconfAudit.start target memory given
        )

    match loop.Run() with
    | [ snapshot ] -> { Snapshot = snapshot; State = loop.State }
    | other -> failwith $"{other.Length} results after {loop.Events} events"

let private checkedIn (world: World) (run: Run) : Run =
    world.Wrongs run.Snapshot |> Check.equal []
    run

let private first at (world: World) : Run = auditOf target lan RestconfAudit.Memory.none [||] at world

let private audit connections words : Run =
    let world = World(connections, 0.0, words)
    first start world |> checkedIn world

let private kinds (run: Run) = Completeness.shortfalls run.Snapshot.Completeness |> List.map _.Kind

let private reasons (run: Run) =
    Completeness.shortfalls run.Snapshot.Completeness |> List.map string |> String.concat "; "

let private whole = Complete [ WholeDocument; SameBoot; CountAgrees ]

let private later (seconds: float) = start + TimeSpan.FromSeconds seconds

/// Audits of one gateway, each of which knows what those before it learnt and put on record.
type private Series(world: World) =
    let mutable memory = RestconfAudit.Memory.none
    let mutable ledger = GatewayLedger.empty target.Gateway

    member _.Ledger = ledger

    /// The snapshot, and what it changed.
    member _.At(at: Instant) : struct (Run * Change list) =
        let run = auditOf target lan memory ledger.Connections at world
        memory <- RestconfAudit.memory run.State
        let struct (next, changes) = Reconcile.apply run.Snapshot ledger
        ledger <- next
        struct (run, List.ofSeq changes)

let private isClosed (change: Change) = change.IsClosed
let private isOpened (change: Change) = change.IsOpened

let ``at rest every leg is listed, with what it tells`` =
    example (fun () ->
        for connections in [ 0; 1; 70; 500 ] do
            let run = audit connections []
            run.Snapshot.Completeness |> Check.equal whole
            run.Snapshot.Observations |> Check.hasLength connections
            run.Snapshot.Requests |> Check.equal 3

        let world = World(50, 0.0, [])

        for seen in (first start world).Snapshot.Observations do
            let connection = world.Truth[string seen.Id]
            seen.Facts.Call |> Check.equal (ValueSome(CallId.create (string seen.Id)))
            seen.Facts.Codec.Value.Name |> Check.equal (SimCodec.name connection.Codec)
            seen.Facts.RemoteMedia.Value.Port |> Check.equal connection.RemotePort
            seen.Facts.State |> Check.equal (ValueSome "active")

            (seen.Facts.Originator, seen.Facts.Remote)
            |> Check.equal (
                if connection.Answered then
                    ValueSome connection.Calling, ValueNone
                else
                    ValueNone, ValueSome connection.Called
            )

            seen.Start.Value.Evidence |> Check.equal Reported
            Interval.width seen.Start.Value.Within |> Check.atMost (TimeSpan.FromMilliseconds 1005.0)
            Interval.width seen.Setup.Value.Within |> Check.atMost (TimeSpan.FromSeconds 1.1))

let ``no bound is wrong while calls come and go, whatever its clock and its zone`` =
    example (fun () ->
        for words in
            [ []
              [ "clock-ahead-ms=7000123"; "zone-minutes=345" ]
              [ "clock-ahead-ms=-86400000"; "zone-minutes=-210"; "jitters" ]
              [ "whole-seconds"; "second-durations" ]
              [ "text-numbers"; "doubles"; "padding=90000" ]
              [ "zero-setups" ]
              [ "sparse" ]
              [ "no-fields"; "total-late-ms=300" ]
              [ "busy-every=3"; "reckons" ] ] do
            let world = World(40, 2.0, words)
            let series = Series world

            for round in 1..12 do
                let struct (run, _) = series.At(later (float round * 7.3))
                run |> checkedIn world |> ignore

                for seen in run.Snapshot.Observations do
                    if seen.Facts.State = ValueSome "connecting" then
                        seen.Start
                        |> Check.equal (ValueSome(Timing.reported (Interval.from seen.Heard.Earliest)))

                if not (List.contains "total-late-ms=300" words) then
                    run.Snapshot.Completeness |> Check.equal whole)

let ``setups become exact from audit to audit`` =
    example (fun () ->
        let world = World(40, 2.0, [ "clock-ahead-ms=7000123" ])
        let series = Series world
        let mutable last = Unchecked.defaultof<Run>

        for round in 1..40 do
            let struct (run, _) = series.At(later (float round * 7.37))
            last <- run |> checkedIn world

        for seen in last.Snapshot.Observations do
            Interval.width seen.Setup.Value.Within |> Check.atMost (TimeSpan.FromMilliseconds 200.0))

let ``a clock that was set is no restart, and renames no leg`` =
    example (fun () ->
        for follows in [ []; [ "reckons" ]; [ "sparse" ] ] do
            for set in [ 3_600_000; -3_600_000; 5_000; 400 ] do
                let world = World(40, 0.0, follows)
                let series = Series world
                let struct (before, _) = series.At(later 1.0)
                world.Turn($"clock-set-ms={set}" :: follows)

                for round in 1..3 do
                    let struct (run, changes) = series.At(later (float round * 3000.0))
                    run |> checkedIn world |> ignore
                    run.Snapshot.Completeness |> Check.equal whole
                    Boot.judge before.Snapshot.Boot run.Snapshot.Boot |> Check.equal SameRun
                    changes |> List.filter isClosed |> Check.equal []
                    changes |> List.filter isOpened |> Check.equal [])

let ``a restart is seen, and dated between the two audits`` =
    example (fun () ->
        for words in [ []; [ "reckons"; "jitters" ]; [ "zone-minutes=345" ] ] do
            let world = World(40, 1.0, words)
            let before = first (later 1.0) world
            world.RestartAt(later 60.0)
            let after = auditOf target lan (RestconfAudit.memory before.State) [||] (later 100.0) world

            match Boot.judge before.Snapshot.Boot after.Snapshot.Boot with
            | BootVerdict.Restarted at ->
                Interval.contains (later 60.0) (Interval.widen (TimeSpan.FromSeconds 1.0) TimeSpan.Zero at)
                |> Check.isTrue

                Interval.width at |> Check.atMost (TimeSpan.FromSeconds 3.0)
            | other -> failtest $"%A{other}"

        // Somebody sets its clock when it is back.
        let world = World(40, 1.0, [])
        let before = first (later 1.0) world
        world.StartAnewAt(later 60.0, 1L, [ "clock-set-ms=3600000" ])
        let after = auditOf target lan (RestconfAudit.memory before.State) [||] (later 100.0) world
        (Boot.judge before.Snapshot.Boot after.Snapshot.Boot).IsRestarted |> Check.isTrue

        // In the middle of an audit.
        audit 10 [ "restarts-after=2" ] |> kinds |> Check.equal [ "restarted-meanwhile" ])

let ``a number that is used again after a restart is another leg`` =
    example (fun () ->
        let world = World(5, 0.0, [])
        let series = Series world
        series.At(later 1.0) |> ignore
        let earlier = series.Ledger.Connections |> Array.map (fun one -> string one.Id)
        let next = world.Table.Connections |> Array.map _.Serial |> Array.max
        world.StartAnewAt(later 60.0, -next, [])

        // Five calls that begin after the restart, with the numbers 1 to 5.
        for _ in 1..5 do
            world.OpenOneAt(later 70.0)

        let struct (run, changes) = series.At(later 100.0)
        run.Snapshot.Completeness |> Check.equal whole
        run.Snapshot.Observations |> Array.map (fun seen -> string seen.Id) |> Check.equal earlier
        changes |> List.filter isClosed |> Check.hasLength 5
        changes |> List.filter isOpened |> Check.hasLength 5)

let ``a duration that stands still contradicts the record, and ends nothing`` =
    example (fun () ->
        let world = World(20, 0.0, [])
        let series = Series world
        series.At(later 1.0) |> ignore
        let before = series.Ledger.Connections
        world.Turn [ "still-durations" ]

        let struct (run, changes) = series.At(later 60.0)
        run.Snapshot.Completeness |> Check.equal whole
        changes |> List.filter isClosed |> Check.equal []
        let startOf (one: Connection) = one.Start
        series.Ledger.Connections |> Array.map startOf |> Check.equal (Array.map startOf before)
        series.Ledger.Connections |> Array.forall (fun one -> one.Conflicts = 1) |> Check.isTrue)

let ``durations that include ringing only bound a start, once a leg that rings shows it`` =
    example (fun () ->
        let world = World(40, 3.0, [ "durations-of-ringing" ])
        let series = Series world

        for round in 1..6 do
            let struct (run, _) = series.At(later (float round * 7.0))

            let rings =
                run.Snapshot.Observations
                |> Array.exists (fun seen -> seen.Facts.State = ValueSome "connecting")

            if rings then
                run |> checkedIn world |> ignore
                run.Snapshot.Remarks |> String.concat "" |> Check.says "include ringing")

let ``a total that is wrong, or a list that lacks legs, proves nothing`` =
    example (fun () ->
        for word in [ "total-off=1"; "total-off=-2"; "list-short-by=3" ] do
            let run = audit 20 [ word ]
            kinds run |> Check.because word (Check.equal [ "count-disagrees" ])
            // Four lists, and a count after each.
            run.Snapshot.Requests |> Check.equal 10)

let ``legs that begin and end while they are counted are listed again`` =
    example (fun () ->
        let world = World(60, 30.0, [ "total-late-ms=5"; "ms-per-request=3" ])

        for round in 1..20 do
            first (later (float round * 3.0)) world |> checkedIn world |> ignore)

let ``no summary is no proof, unless the operator says what it means`` =
    example (fun () ->
        for word, words in
            [ "no-content", "No Content (204)"
              "no-module", "uri keypath not found (404)"
              "no-restconf", "Not Found (404)" ] do
            let run = audit 20 [ word ]
            kinds run |> Check.because word (Check.equal [ "not-served" ])
            reasons run |> Check.because word (Check.says words)

        let idle = { target with IdleIsAbsent = true }

        let asking words connections =
            World(connections, 0.0, words) |> auditOf idle lan RestconfAudit.Memory.none [||] start

        (asking [ "idle-is-absent" ] 0).Snapshot.Completeness
        |> Check.equal (Complete [ WholeDocument; SameBoot ])

        (asking [ "idle-is-absent" ] 0).Snapshot.Requests |> Check.equal 4
        (asking [ "idle-is-absent" ] 7).Snapshot.Completeness |> Check.equal whole
        // Its web server answers, and RESTCONF is not there.
        asking [ "no-restconf" ] 0 |> kinds |> Check.equal [ "not-served" ])

let ``what answers in its place, or refuses, is named`` =
    example (fun () ->
        for word, kind, words in
            [ "unauthorized", "refused", "access denied (401)"
              "forbidden", "refused", "Access denied (403)"
              "busy-for=100", "refused", "Service Unavailable (503)"
              "locked-every=1", "refused", "database is locked (409)"
              "too-many-every=1", "refused", "Too Many Requests (429)"
              "error-every=1", "refused", "internal error (500)"
              "html", "unreadable", "text/html"
              "truncates", "unreadable", "application/yang-data+json"
              "nameless-every=3", "unreadable", "legs without a call-id"
              "mute-after=0", "silent", "no answer"
              "mute-after=1", "cut-short", "no answer"
              "wrong-ids", "silent", "no request of this audit"
              "garbage", "silent", "no head" ] do
            let run = audit 10 [ word ]
            kinds run |> Check.because word (Check.equal [ kind ])
            reasons run |> Check.because word (Check.says words))

let ``a gateway that is busy for a moment delays an audit, and is asked no sooner than it wants`` =
    example (fun () ->
        for word in [ "busy-for=2"; "busy-every=2"; "locked-every=3"; "too-many-every=2" ] do
            audit 10 [ word ]
            |> fun run -> run.Snapshot.Completeness |> Check.because word (Check.equal whole)

        let run = audit 10 [ "busy-every=2" ]
        // Retry-After is 2 s.
        run.Snapshot.Answered - run.Snapshot.Asked |> Check.atLeast (TimeSpan.FromSeconds 4.0))

let ``without boot-time and clock starts are told, setups are not`` =
    example (fun () ->
        let run = audit 10 [ "no-times" ]
        run.Snapshot.Completeness |> Check.equal (Complete [ WholeDocument; CountAgrees ])
        run.Snapshot.Remarks |> String.concat "" |> Check.says "neither its boot-time nor its clock"

        for seen in run.Snapshot.Observations do
            seen.Setup |> Check.equal ValueNone
            seen.Start.Value.Evidence |> Check.equal Reported)

let ``user and password are told`` =
    example (fun () ->
        let login = struct ("callserver", "päss:word")
        let world = World(5, 0.0, [], login)
        let (struct (user, password)) = login

        let by password =
            auditOf
                { target with Login = ValueSome(struct (user, Secret.ofText password)) }
                lan
                RestconfAudit.Memory.none
                [||]
                start
                world

        (by password).Snapshot.Completeness |> Check.equal whole
        by "another" |> kinds |> Check.equal [ "refused" ])

let ``no bound is wrong where messages are lost, doubled and late`` =
    example (fun () ->
        for seed in 1..40 do
            let network = Network.rough 0.2 (TimeSpan.FromMilliseconds 400.0)
            let world = World(seed, 3.0, [ "clock-ahead-ms=1234567" ])
            let mutable memory = RestconfAudit.Memory.none

            for round in 1..4 do
                let run =
                    auditOf target network memory [||] (later (float (seed + 60 * round))) world
                    |> checkedIn world

                memory <- RestconfAudit.memory run.State)

let ``a flood of strangers' messages changes nothing`` =
    example (fun () ->
        let given: AuditStart =
            { At = Moment.at start
              Rng = Rng.create 9UL
              Local = ""
              Known = [||]
              Afresh = false
              History = ValueNone }

        let state, _ = RestconfAudit.start target RestconfAudit.Memory.none given

        let stranger =
            HttpMessage.encodeResponse 200 "OK" [ HttpMessage.Id, "x" ] (Encoding.ASCII.GetBytes "{}")

        let after =
            (state, [ 1..100 ])
            ||> List.fold (fun state _ ->
                let state, commands = RestconfAudit.advance (Received(Moment.at start, stranger)) state
                commands |> List.forall _.IsWakeAt |> Check.isTrue
                state)

        RestconfAudit.strays after |> Check.equal 100
        RestconfAudit.requests after |> Check.equal 1)

let ``a duration that may have begun anew at 0 dates no answer`` =
    example (fun () ->
        let heard = Interval.create start (later 0.002)
        let setup = start - TimeSpan.FromDays 60.0

        let leg: VoiceLeg =
            { CallId = 7L
              Setup = ValueSome { Micros = setup.Micros; Unit = 1000L }
              Bridge = ValueNone
              Peer = ValueNone
              Direction = ""
              Number = ""
              State = "active-state"
              Duration = ValueSome 890_000_123L
              RemoteHost = ""
              RemotePort = ValueNone
              Codec = "" }

        let clock = StampClock.learn start { Least = 0L; Most = 0L } StampClock.unknown

        let seen =
            RestconfObserving.observe
                { Heard = heard; Clock = clock; CountsRinging = false; Stamp = ValueNone }
                leg

        Interval.contains (setup + TimeSpan.FromSeconds 3.0) seen.Start.Value.Within |> Check.isTrue
        seen.Start.Value.Evidence |> Check.equal Bounded)

let ``codecs have their registered names`` =
    examples
        [ "voip-codec-g711ulaw", "PCMU"
          "voip-codec-g729abr8", "G729"
          "voip-codec-g729ar53", "G723"
          "voip-codec-g722-132", "G7221"
          "voip-codec-clearchannel", "CLEARMODE"
          "voip-codec-fax-rate-9600", "fax-rate-9600"
          "voip-codec-none", ""
          "", "" ]
        (fun (word, name) ->
            match RestconfObserving.codecOf word with
            | ValueSome codec -> codec.Name
            | ValueNone -> ""
            |> Check.equal name)
