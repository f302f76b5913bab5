namespace CallServer.Tests.Audit

open System
open System.Collections.Generic
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange
open CallServer.Protocols.Ng
open CallServer.Gateway

/// A simulated rtpengine in virtual time, with the truth about it, and audits of it.
type NgWorld(seed: uint64, tableOptions: TableOptions, options: NgOptions) =
    let start = Instant.ofMicros 1_790_000_000_000_000L
    let mutable table = Table.create seed tableOptions start
    let mutable responder = NgResponder.create options table
    let mutable now = start
    let ends = Dictionary<int64, Instant>()
    let truth = Dictionary<int64, SimConnection>()

    do
        for connection in table.Connections do
            truth[connection.Serial] <- connection

    member _.Now = now
    member _.Table = table
    member _.Responder = responder
    /// Every connection that ever was, by its serial number.
    member _.Truth = truth
    /// When connections ended, for those that did.
    member _.Ends = ends

    member private _.Note(events: TruthEvent list) =
        for event in events do
            match event with
            | Opened connection -> truth[connection.Serial] <- connection
            | Closed(connection, at) -> ends[connection.Serial] <- at

    member private this.Perform(event: ResponderEvent) : ResponderCommand list =
        let struct (next, commands) = responder.Advance now table event
        responder <- next

        for command in commands do
            match command with
            | EndConnection serial ->
                let struct (after, events) = Table.closeOne serial now table
                table <- after
                this.Note events
                let struct (next, _) = responder.Advance now table (Happened events)
                responder <- next
            | SendTo _
            | WriteTo _
            | HangUp _
            | TickAt _ -> ()

        commands

    member this.AdvanceTo(until: Instant) =
        if until > now then
            let struct (after, events) = Table.advance until table
            table <- after
            now <- until
            this.Note events

            if not events.IsEmpty then
                this.Perform(Happened events) |> ignore

    /// Opens a call that is set up now and rings for this long.
    member this.Open(ringing: TimeSpan) : SimConnection =
        let struct (after, connection, events) = Table.openOne ringing now table
        table <- after
        this.Note events
        this.Perform(Happened events) |> ignore
        connection

    member this.Tell(event: ResponderEvent) : ResponderCommand list = this.Perform event

    /// Loses all calls and is back at once.
    member this.Restart() =
        let struct (after, events) = Table.closeAll now table
        table <- after
        this.Note events
        this.Perform(Happened events) |> ignore
        this.Perform Restarted |> ignore

/// What the path to the gateway does.
[<NoEquality; NoComparison>]
type NgPath =
    {
        Transport: NgTransport
        Network: PathQuality
        /// After how many of its pieces a stream breaks.
        BreaksAfter: int
        /// How often a stream can be opened.
        Opens: int
        /// The number of the message just before whose arrival the mishap happens.
        At: int
        Mishap: NgWorld -> unit
    }

module NgPath =
    let over transport : NgPath =
        { Transport = transport
          Network = PathQuality.lan
          BreaksAfter = Int32.MaxValue
          Opens = Int32.MaxValue
          At = Int32.MaxValue
          Mishap = ignore }

    let udp = over NgTransport.Udp
    let tcp = over NgTransport.Tcp
    let http = over NgTransport.Http

/// The result of an exchange.
[<NoEquality; NoComparison>]
type NgRun<'Outcome, 'State> =
    {
        Outcome: 'Outcome
        State: 'State
        /// Commands of the whole exchange, in order.
        Sent: byte[] list
        /// The most requests in flight at once.
        MostInFlight: int
        Took: TimeSpan
    }

module NgBench =
    let target (transport: NgTransport) : NgGateway =
        { Gateway = GatewayId.create "gw"
          Transport = transport
          MediaAnswers = false
          Timeout = TimeSpan.FromSeconds 1.0
          Attempts = 4 }

    [<NoEquality; NoComparison>]
    type private Due =
        | Arrives of stream: int * octets: byte[]
        | Returns of stream: int * octets: byte[]
        | Opens of stream: int
        | Breaks of stream: int
        | Wake

    [<Literal>]
    let private MaxEvents = 400_000

    let private peer (transport: NgTransport) =
        match transport with
        | NgTransport.Http -> "http:127.0.0.1:9"
        | NgTransport.Udp
        | NgTransport.Tcp -> "127.0.0.1:9"

    /// Runs a machine from the world's present on.
    type private Loop<'Outcome, 'State>
        (
            world: NgWorld,
            path: NgPath,
            seed: uint64,
            advance: Event -> 'State -> 'State * Command<'Outcome> list,
            begun: 'State * Command<'Outcome> list
        ) =
        let queue = PriorityQueue<Due, struct (int64 * int)>()
        let sent = ResizeArray<byte[]>()
        let answered = HashSet<string>()
        let asked = HashSet<string>()
        let from = world.Now
        let mutable order = 0
        let mutable rng = Rng.create seed
        let mutable finished: 'Outcome list = []
        let mutable wakeAt = Int64.MaxValue
        let mutable stream = 0
        let mutable pieces = 0
        let mutable arrivals = 0
        let mutable most = 0
        // A stream keeps its order.
        let mutable lastThere = from
        let mutable lastBack = from
        let mutable state = fst begun

        let push (at: Instant) due =
            order <- order + 1
            queue.Enqueue(due, struct (at.Micros, order))

        let carry (due: Due) =
            let struct (arrivals, next) = BadNetwork.deliver world.Now path.Network rng
            rng <- next

            for at in arrivals do
                push at due

        let below limit =
            let struct (number, next) = Rng.below limit rng
            rng <- next
            number

        let later (last: Instant) =
            Instant.max last (world.Now + path.Network.Delay + TimeSpan.FromMicroseconds(float (below 1000)))

        /// Cuts the answer into pieces of any size.
        let back (octets: byte[]) =
            let mutable at = 0

            while at < octets.Length do
                let piece = octets[at .. min (octets.Length - 1) (at + below 20_000)]
                at <- at + piece.Length
                lastBack <- later lastBack
                pieces <- pieces + 1

                if pieces = path.BreaksAfter then
                    push lastBack (Breaks stream)

                push lastBack (Returns(stream, piece))

        let answers (commands: ResponderCommand list) =
            for command in commands do
                match command with
                | SendTo(_, after, octets) when after = TimeSpan.Zero -> carry (Returns(0, octets))
                | SendTo(_, after, octets) -> push (world.Now + after) (Returns(0, octets))
                | WriteTo(_, _, octets) -> back octets
                | HangUp hung -> push world.Now (Breaks hung)
                | TickAt _
                | EndConnection _ -> ()

        let note (message: byte[]) =
            sent.Add message
            asked.Add((Ng.peek message).Value) |> ignore

        let perform (commands: Command<'Outcome> list) =
            for command in commands do
                match command with
                | Send octets ->
                    note octets
                    carry (Arrives(0, octets))
                | Write octets ->
                    note octets
                    lastThere <- later lastThere
                    push lastThere (Arrives(stream, octets))
                | Connect ->
                    stream <- stream + 1
                    let due = if stream <= path.Opens then Opens stream else Breaks stream
                    push (world.Now + path.Network.Delay) due
                | WakeAt at ->
                    wakeAt <- at.Micros
                    push at Wake
                | Told _ -> failwith "ng has no standing exchange"
                | Finished outcome -> finished <- outcome :: finished

            most <- max most (asked.Count - answered.Count)

        let tell event =
            let next, commands = advance event state
            state <- next
            perform commands

        let happen due micros =
            let now = Moment.at world.Now
            let isStream = path.Transport = NgTransport.Tcp

            match due with
            | Arrives(into, octets) ->
                arrivals <- arrivals + 1

                if arrivals = path.At then
                    path.Mishap world

                if not isStream then
                    answers (world.Tell(Datagram(peer path.Transport, octets)))
                elif into = stream then
                    answers (world.Tell(Octets(into, octets)))
            | Returns(_, octets) when not isStream ->
                Ng.peek octets |> ValueOption.iter (fun cookie -> answered.Add cookie |> ignore)
                tell (Received(now, octets))
            | Returns(from, octets) ->
                if from = stream then
                    tell (Arrived(now, octets))
            | Opens opened ->
                if opened = stream then
                    tell (Event.Connected(now, "127.0.0.1:7"))
            | Breaks broken ->
                if broken = stream then
                    pieces <- 0
                    tell (Event.Broken(now, "connection reset"))
            | Wake ->
                if wakeAt = micros then
                    tell (Woke now)

        member _.Run() : NgRun<'Outcome, 'State> =
            perform (snd begun)
            let mutable events = 0

            while queue.Count > 0 && events < MaxEvents && finished.IsEmpty do
                let mutable due = Wake
                let mutable priority = struct (0L, 0)
                queue.TryDequeue(&due, &priority) |> ignore
                let struct (micros, _) = priority
                world.AdvanceTo(Instant.ofMicros micros)
                events <- events + 1
                happen due micros

            match finished with
            | [ outcome ] ->
                { Outcome = outcome
                  State = state
                  Sent = List.ofSeq sent
                  MostInFlight = most
                  Took = world.Now - from }
            | [] -> failwith $"it did not end after {events} events"
            | _ -> failwith "it ended twice"

    let private drive world path seed advance begun = Loop(world, path, seed, advance, begun).Run()

    let given (world: NgWorld) (seed: uint64) (known: Connection[]) : AuditStart =
        { At = Moment.at world.Now
          Rng = Rng.create seed
          Local = ""
          Known = known
          Afresh = false
          History = ValueNone }

    let auditOf target known (world: NgWorld) (path: NgPath) (seed: uint64) (memory: NgAudit.Memory) =
        NgAudit.start target memory (given world seed known)
        |> drive world path (seed + 1UL) NgAudit.advance

    let auditKnowing known (world: NgWorld) (path: NgPath) (seed: uint64) (memory: NgAudit.Memory) =
        auditOf (target path.Transport) known world path seed memory

    let audit world path seed : NgRun<Snapshot, NgAudit.State> =
        auditKnowing [||] world path seed NgAudit.Memory.none

    let release
        (world: NgWorld)
        (path: NgPath)
        (seed: uint64)
        (known: Connection[])
        (connection: ConnectionId)
        =
        NgRelease.start (target path.Transport) connection (given world seed known)
        |> drive world path (seed + 1UL) NgRelease.advance

    let table (connections: int) (churn: float) : TableOptions =
        { TableOptions.standard with
            Connections = connections
            Churn = churn
            ShowRinging = true }

    let world (seed: uint64) (connections: int) (churn: float) (vices: NgVices) : NgWorld =
        NgWorld(seed, table connections churn, { NgOptions.standard with Vices = vices })

    /// Everything in a snapshot that contradicts the truth.
    let wrongs (world: NgWorld) (snapshot: Snapshot) : string list =
        let byId =
            snapshot.Observations |> Array.map (fun observation -> string observation.Id, observation) |> dict

        let owners =
            [ for connection in world.Truth.Values do
                  for identity in world.Responder.Identify connection do
                      identity.Id, connection ]
            |> Map.ofList

        let ended (connection: SimConnection) =
            match world.Ends.TryGetValue connection.Serial with
            | true, at -> at
            | _ -> Instant.distantFuture

        [ if byId.Count <> snapshot.Observations.Length then
              "an id stands twice"

          if snapshot.Observations <> Array.sortBy _.Id snapshot.Observations then
              "not sorted"

          for told in snapshot.Observations do
              let struct (observation, wrong) = Lawful.observation snapshot.Traits told

              if wrong.IsSome then
                  $"{observation.Id} tells a time that cannot be: {wrong.Value}"

              match Map.tryFind (string observation.Id) owners with
              | None -> $"{observation.Id} never was"
              | Some connection ->
                  if
                      ended connection < observation.Heard.Earliest
                      || connection.Setup > observation.Heard.Latest
                  then
                      $"{observation.Id} was not there when it was heard"

                  match observation.Setup with
                  | ValueSome setup when Interval.contains connection.Setup setup.Within -> ()
                  | setup -> $"{observation.Id} was set up {connection.Setup}, not in {setup}"

                  match observation.Start with
                  | ValueSome start when not (Interval.contains connection.Start start.Within) ->
                      $"{observation.Id} started {connection.Start}, not in {start.Within}"
                  | ValueSome _ -> ()
                  | ValueNone -> $"{observation.Id} has no start"

          if Snapshot.isComplete snapshot then
              for connection in world.Truth.Values do
                  if connection.Start <= snapshot.Asked && ended connection >= snapshot.Answered then
                      for identity in world.Responder.Identify connection do
                          if not (byId.ContainsKey identity.Id) then
                              $"{identity.Id} is missing from a complete snapshot" ]
