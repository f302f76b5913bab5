/// Audits of the simulated FreeSWITCH: what it reports, what that proves, and its vices.
module CallServer.Tests.Audit.EslTests

open System
open System.Collections.Generic
open System.Text
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange
open CallServer.Protocols.Esl
open CallServer.Gateway
open CallServer.Tests

let private start = Instant.ofMicros 1_790_000_000_000_000L

let private vices (words: string list) : EslVices =
    match Words.addAll EslVices.words words EslVices.none with
    | Ok vices -> vices
    | Error mistakes -> failwith (String.concat "; " mistakes)

/// A simulated FreeSWITCH in virtual time, with the truth about it.
type private World(connections: int, churn: float, words: string list) =
    inherit
        TrueNode(
            connections,
            churn,
            start,
            EslResponder.create { EslOptions.standard with Vices = vices words }
        )

    /// The same run from now on with these vices.
    member this.Turn(words: string list) =
        this.Become(fun table ->
            let up = table.Now - start + EslOptions.standard.UpTime
            EslResponder.create { EslOptions.standard with UpTime = up; Vices = vices words } table)

let private target: EslGateway =
    { Gateway = GatewayId.create "gw"
      Password = "ClueCon"B
      CallName = EslCallName.CallUuid
      Timeout = TimeSpan.FromSeconds 1.0
      Attempts = 4
      FactsEvery = 5 }

[<NoEquality; NoComparison>]
type private Run = { Snapshot: Snapshot; Memory: EslMemory; Sent: string list; MostInFlight: int }

[<NoEquality; NoComparison>]
type private Due =
    | Opens of stream: int
    | There of stream: int * octets: byte[]
    | Back of stream: int * octets: byte[]
    | Breaks of stream: int
    | Wake

/// An audit of the world from its present on. Streams are cut anywhere.
type private Loop(target: EslGateway, known: Connection[], memory: EslMemory, world: World) =
    let queue = PriorityQueue<Due, struct (int64 * int)>()
    let sent = ResizeArray<string>()
    let mutable order = 0
    let mutable rng = Rng.create 3UL
    let mutable stream = 0
    let mutable last = world.Now
    let mutable wakeAt = Int64.MaxValue
    let mutable most = 0
    let mutable outcome: Snapshot voption = ValueNone

    let given: AuditStart =
        { At = Moment.at world.Now
          Rng = Rng.create 9UL
          Local = ""
          Known = known
          History = ValueNone
          Afresh = false }

    let begun = EslAudit.start target memory given
    let mutable state = fst begun

    let push (at: Instant) due =
        order <- order + 1
        queue.Enqueue(due, struct (at.Micros, order))

    let later () =
        last <- Instant.max last world.Now + TimeSpan.FromMilliseconds 1.0
        last

    /// Cuts what comes back into pieces of any size.
    let back (number: int) (octets: byte[]) =
        let mutable at = 0

        while at < octets.Length do
            let struct (size, next) = Rng.below 9000 rng
            rng <- next
            let piece = octets[at .. min (octets.Length - 1) (at + size)]
            at <- at + piece.Length
            push (later ()) (Back(number, piece))

    let answer (commands: ResponderCommand list) =
        for command in commands do
            match command with
            | WriteTo(number, _, octets) -> back number octets
            | HangUp number -> push (later ()) (Breaks number)
            | SendTo _
            | TickAt _
            | EndConnection _ -> ()

    let perform (commands: Command list) =
        for command in commands do
            match command with
            | Connect ->
                stream <- stream + 1
                push (later ()) (Opens stream)
            | Write octets ->
                sent.Add((Encoding.UTF8.GetString octets).TrimEnd())
                push (later ()) (There(stream, octets))
            | WakeAt at ->
                wakeAt <- at.Micros
                push at Wake
            | Finished snapshot -> outcome <- ValueSome snapshot
            | Send _
            | Told _ -> failtest "no datagrams, and nothing in between"

        most <- max most state.Link.Window.InFlight.Count

    let tell event =
        let next, commands = EslAudit.advance event state
        state <- next
        perform commands

    let happen (due: Due) (micros: int64) =
        let now = Moment.at world.Now

        match due with
        | Opens number when number = stream ->
            tell (Connected(now, "127.0.0.1:7"))
            answer (world.Tell(StreamCame number))
        | There(number, octets) -> answer (world.Tell(Octets(number, octets)))
        | Back(number, octets) when number = stream -> tell (Arrived(now, octets))
        | Breaks number when number = stream -> tell (Event.Broken(now, "closed by the other end"))
        | Wake when wakeAt <= micros -> tell (Woke now)
        | Opens _
        | Back _
        | Breaks _
        | Wake -> ()

    member _.Run() : Run =
        perform (snd begun)

        while outcome.IsNone do
            let mutable due = Wake
            let mutable at = struct (0L, 0)

            if not (queue.TryDequeue(&due, &at)) then
                failtest "it waits for nothing"

            let struct (micros, _) = at
            world.AdvanceTo(Instant.max world.Now (Instant.ofMicros micros))
            happen due micros

        { Snapshot = outcome.Value
          Memory = EslAudit.memory state
          Sent = List.ofSeq sent
          MostInFlight = most }

let private auditAs target known memory (world: World) : Run = Loop(target, known, memory, world).Run()

let private audit (world: World) : Run = auditAs target [||] EslAudit.Memory.none world

let private reasons (run: Run) : string =
    Completeness.shortfalls run.Snapshot.Completeness |> List.map string |> String.concat "; "

let private asked (word: string) (run: Run) : int =
    run.Sent |> List.filter (fun command -> command.Contains word) |> List.length

let ``an audit is complete, true, and as exact as the way`` =
    example (fun () ->
        let world = World(40, 0.0, [])
        let run = audit world
        reasons run |> Check.equal ""
        world.Wrongs run.Snapshot |> Check.equal []
        run.Snapshot.Completeness |> Check.equal (Complete [ EndOfTable; SameBoot; CountAgrees ])
        run.Snapshot.Observations.Length |> Check.equal 40
        run.Sent.Head |> Check.equal "auth ClueCon"
        asked "channelData" run |> Check.equal 40
        run.MostInFlight |> Check.atMost 8

        let seen = run.Snapshot.Observations[0]
        let connection = world.Truth[string seen.Id]
        let bounds = seen.Start.Value.Within
        bounds.Latest - bounds.Earliest |> Check.below (TimeSpan.FromMilliseconds 100.0)
        seen.Facts.Originator |> Check.equal (ValueSome connection.Calling)
        seen.Facts.Remote |> Check.equal (ValueSome connection.Called)
        string seen.Facts.Call.Value |> Check.equal (string seen.Id)
        seen.Facts.Codec.Value.Name |> Check.equal (SimCodec.name connection.Codec)
        seen.Facts.LocalMedia.Value.Port |> Check.equal connection.LocalPort
        seen.Facts.RemoteMedia.Value.Port |> Check.equal connection.RemotePort
        seen.Facts.Qos.Reported |> Check.equal (ValueSome "mos 4.50, loss 0.3 %"))

let ``with call=sip the call is SIP's`` =
    example (fun () ->
        let world = World(3, 0.0, [])
        let run = auditAs { target with CallName = EslCallName.SipCallId } [||] EslAudit.Memory.none world

        for seen in run.Snapshot.Observations do
            string seen.Facts.Call.Value |> Check.equal world.Truth[string seen.Id].CallId)

let ``only what is new is asked about, and everything in every fifth audit`` =
    example (fun () ->
        let world = World(30, 0.0, [])
        let mutable memory = EslAudit.Memory.none
        let mutable counts = []

        for _ in 1..6 do
            let run = auditAs target [||] memory world
            world.Wrongs run.Snapshot |> Check.equal []
            run.Snapshot.Observations |> Array.forall _.Facts.LocalMedia.IsSome |> Check.isTrue
            memory <- run.Memory
            counts <- counts @ [ asked "channelData" run ]

        counts |> Check.equal [ 30; 0; 0; 0; 30; 0 ])

let ``while calls come and go, audits are true and mostly complete`` =
    example (fun () ->
        let mutable complete = 0

        for lag in [ 0; 200; 450 ] do
            let world = World(60, 8.0, [ $"list-lag-ms={lag}"; "events" ])
            let mutable memory = EslAudit.Memory.none

            for _ in 1..20 do
                let run = auditAs target [||] memory world
                world.Wrongs run.Snapshot |> Check.equal []
                memory <- run.Memory
                complete <- complete + (if Snapshot.isComplete run.Snapshot then 1 else 0)
                world.AdvanceTo(world.Now + TimeSpan.FromSeconds 7.0)

        complete |> Check.above 55)

let ``an error of its database is no empty list`` =
    examples
        [ "sql-error", "refused: the gateway says: SQL Error [database is locked]"
          "sql-disabled", "switched-off: the gateway says: SQL disabled, no data available!" ]
        (fun (vice: string, reason: string) ->
            let run = audit (World(4, 0.0, [ vice ]))
            reasons run |> Check.equal reason
            run.Snapshot.Observations |> Check.equal [||])

let ``channels that are over and still listed are found by their names, and denied`` =
    example (fun () ->
        let world = World(40, 2.0, [ "ghosts=3" ])
        let first = audit world
        world.AdvanceTo(world.Now + TimeSpan.FromSeconds 30.0)
        let known = first.Snapshot.Observations |> Array.map (fun seen -> string seen.Id)
        let run = auditAs target [||] first.Memory world
        reasons run |> Check.equal ""
        world.Wrongs run.Snapshot |> Check.equal []
        // Of those that were asked about before, nobody would have asked, were it not for the count.
        asked "uuid_exists" run |> Check.above 0
        known |> Array.exists world.Ends.ContainsKey |> Check.isTrue)

let ``a channel that ends before the question is that channel's end, and not the audit's`` =
    example (fun () ->
        let world = World(20, 0.0, [ "ends-when-asked=4" ])
        let run = audit world
        reasons run |> Check.equal ""
        world.Wrongs run.Snapshot |> Check.equal []
        run.Snapshot.Observations.Length |> Check.equal 15)

let ``a channel that does not tell its times is listed without them`` =
    example (fun () ->
        let world = World(20, 0.0, [ "untold-every=4" ])
        let run = audit world
        reasons run |> Check.equal ""
        world.Wrongs run.Snapshot |> Check.equal []
        run.Snapshot.Observations.Length |> Check.equal 20
        run.Snapshot.Remarks |> Check.equal [ "5 channels did not tell their times: INVALID INPUT" ])

let ``who may not ask is told why`` =
    examples
        [ "other-password", RefusalCause.Proof, "-ERR invalid"
          "rejects", RefusalCause.AccessRules, "Access Denied, go away."
          "refuses", RefusalCause.Unsaid, "permission denied" ]
        (fun (vice: string, cause: RefusalCause, words: string) ->
            (audit (World(4, 0.0, [ vice ]))).Snapshot.Completeness
            |> Check.equal (Partial [ Refused(cause, $"the gateway says: {words}") ]))

let ``a stream that breaks is opened again, and at last given up`` =
    example (fun () ->
        let world = World(30, 0.0, [ "hangs-up-after=10" ])
        let run = audit world
        asked "auth" run |> Check.equal 3
        reasons run |> Check.says "the gateway said that it closes the stream"
        // Nothing is proven, so that only what was confirmed by name is believed: five channels in the ten answers.
        run.Snapshot.Observations.Length |> Check.equal 5
        world.Wrongs run.Snapshot |> Check.equal [])

let ``a restart in between is seen`` =
    example (fun () ->
        let run = audit (World(4, 0.0, [ "restarts-after=6" ]))
        reasons run |> Check.equal "restarted-meanwhile")

let ``a restart between two audits is another run`` =
    example (fun () ->
        let world = World(4, 0.0, [])
        let first = audit world
        world.AdvanceTo(world.Now + TimeSpan.FromSeconds 10.0)
        world.RestartAt world.Now
        let back = world.Now
        world.AdvanceTo(world.Now + TimeSpan.FromSeconds 10.0)
        let second = auditAs target [||] first.Memory world
        second.Snapshot.Boot.Token = first.Snapshot.Boot.Token |> Check.isFalse
        Interval.contains back second.Snapshot.Boot.Began.Value |> Check.isTrue)

let ``what cannot be read is silence or says what it is`` =
    examples
        [ "mute-after=0", "silent"
          "mute-after=4", "cut-short"
          "garbage", "the stream: no header at octet 0"
          "truncates", "unreadable"
          "error-every=3", "Memory Error"
          "nameless-every=2", "channels without a UUID"
          "row-count-off-by=-1", "the list says that it has 11 channels, and has 12"
          "count-off-by=2", "count-disagrees: the gateway counts 14, its table lists 12"
          "list-short-by=2", "count-disagrees: the gateway counts 12, its table lists 10" ]
        (fun (vice: string, words: string) ->
            let world = World(12, 0.0, [ vice ])
            let run = audit world
            reasons run |> Check.says words
            world.Wrongs run.Snapshot |> Check.equal [])

let ``what it says twice counts once, and what it says at length is read`` =
    examples [ "padding=70000"; "events" ] (fun vice ->
        let world = World(12, 0.0, [ vice ])
        let run = audit world
        reasons run |> Check.equal ""
        world.Wrongs run.Snapshot |> Check.equal [])

/// FreeSWITCH follows its own clock until it is told to take over the system's (`fsctl sync_clock`).
let ``a clock of its own dates well, and what was stamped before it was set is not dated`` =
    example (fun () ->
        let world = World(12, 0.0, [ "clock-ahead-ms=9000000" ])
        let first = audit world
        world.Wrongs first.Snapshot |> Check.equal []
        first.Snapshot.Observations |> Array.forall _.Setup.IsSome |> Check.isTrue
        world.AdvanceTo(world.Now + TimeSpan.FromSeconds 10.0)
        world.Turn [ "clock-ahead-ms=9000000"; "clock-set-ms=-9000000" ]
        let second = auditAs target [||] first.Memory world
        reasons second |> Check.equal ""
        world.Wrongs second.Snapshot |> Check.equal []
        second.Snapshot.Observations |> Array.forall _.Setup.IsNone |> Check.isTrue)

let ``without its clock no stamp is dated`` =
    example (fun () ->
        let world = World(12, 0.0, [ "no-clock"; "clock-ahead-ms=9000000" ])
        let run = audit world
        reasons run |> Check.equal ""
        world.Wrongs run.Snapshot |> Check.equal []
        run.Snapshot.Observations |> Array.forall _.Setup.IsNone |> Check.isTrue)

/// `sofia recover` makes the channels anew.
let ``calls that were recovered keep no time from before`` =
    example (fun () ->
        let world = World(12, 0.0, [ "recovered" ])
        let run = audit world
        world.Wrongs run.Snapshot |> Check.equal []
        run.Snapshot.Observations |> Array.forall _.Setup.IsNone |> Check.isTrue)

let ``the total is read around the list`` =
    example (fun () ->
        let total = (audit (World(20, 0.0, []))).Snapshot.Total

        total
        |> Check.equal (ValueSome { Of = TotalOf.Connections; Before = 20L; After = 20L; Wraps = ValueNone }))
