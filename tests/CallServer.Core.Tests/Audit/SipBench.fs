namespace CallServer.Tests.Audit

open System
open System.Collections.Generic
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Exchange
open CallServer.Protocols.Sip
open CallServer.Gateway

/// The path between an auditor and a gateway.
type SipLink =
    {
        Datagrams: BadNetwork
        /// Nothing if nobody listens for streams.
        StreamDelay: TimeSpan voption
        /// After how many octets to the auditor the stream breaks.
        BreaksAfter: int voption
    }

module SipLink =
    let lan: SipLink =
        { Datagrams = BadNetwork.both PathQuality.lan
          StreamDelay = ValueSome(TimeSpan.FromMilliseconds 1.0)
          BreaksAfter = ValueNone }

    let bad loss : SipLink = { lan with Datagrams = BadNetwork.both (PathQuality.bad loss) }

/// The result of a run.
[<NoComparison; NoEquality>]
type SipRun =
    {
        /// The snapshots of a watch, oldest first, and the final one.
        Told: Snapshot list
        Finished: Snapshot voption
        /// How often Finished came.
        Finishes: int
        /// Every connection that ever was, with its end.
        Truth: (SimConnection * Instant voption) list
        Identify: SimConnection -> Identity
        /// The auditor's datagrams and stream messages, as octets.
        Sent: byte[] list
        Events: int
        Until: Instant
    }

/// Runs a machine against the simulated notifier in virtual time.
module SipBench =
    let start = Instant.ofMicros 1_790_000_000_000_000L

    let gateway transport : SipGateway =
        { Gateway = GatewayId.create "gw"
          Uri = "sip:gw1@192.0.2.1"
          Transport = transport
          From = "sip:alice@example.org"
          Login = ValueNone
          Timeout = TimeSpan.FromSeconds 1.0
          Attempts = 4 }

    /// How an audit or a watch is begun that knows nothing yet.
    let given: AuditStart =
        { At = Moment.at start
          Rng = Rng.create 1UL
          Local = "198.51.100.4:5066"
          Known = [||]
          Afresh = false
          History = ValueNone }

    /// What a watch tells with these commands.
    let told (commands: Command list) : Snapshot list =
        commands
        |> List.choose (fun command ->
            match command with
            | Told snapshot -> Some snapshot
            | Send _
            | Connect
            | Write _
            | WakeAt _
            | Finished _ -> None)

    type private Due =
        | ToGateway of byte[]
        | ToAuditor of byte[]
        | StreamToGateway of stream: int * octets: byte[]
        | StreamToAuditor of stream: int * octets: byte[]
        | StreamOpens of stream: int
        | StreamBreaks of stream: int * reason: string
        | GatewayTick
        | Wake
        | Churns
        | Stop

    /// A machine with its state hidden inside.
    [<NoComparison; NoEquality>]
    type Machine = { Advance: Event -> struct (Machine * Command list) }

    let rec machine (advance: Event -> 'State -> 'State * Command list) (state: 'State) : Machine =
        { Advance =
            fun event ->
                let next, commands = advance event state
                struct (machine advance next, commands) }

    /// The most events in one run: a machine that needs more is in a loop.
    [<Literal>]
    let MaxEvents = 300_000

    type private Loop
        (
            seed: uint64,
            link: SipLink,
            responder: Responder,
            table: Table,
            begin': AuditStart -> struct (Machine * Command list),
            length: TimeSpan,
            observe: Instant -> Snapshot -> unit
        ) =
        let queue = PriorityQueue<Due, struct (int64 * int)>()
        let mutable order = 0
        let mutable rng = Rng.create seed
        let mutable now = start
        let mutable wakeAt = Int64.MaxValue
        let mutable tickAt = Int64.MaxValue
        let mutable responder = responder
        let mutable table = table
        let mutable stream = 0
        let mutable streamLast = start
        let mutable streamBack = start
        let mutable arrived = 0
        let mutable finishes = 0
        let mutable finished = ValueNone
        let told = List<Snapshot>()
        let sent = List<byte[]>()
        let truth = Dictionary<int64, SimConnection * Instant voption>()

        let mutable auditor: Machine = { Advance = fun _ -> failwith "the machine has not begun" }

        member private _.Push(at: Instant, due) =
            order <- order + 1
            queue.Enqueue(due, struct (at.Micros, order))

        member private this.Carry(path: PathQuality, due) =
            let struct (arrivals, next) = BadNetwork.deliver now path rng
            rng <- next

            for at in arrivals do
                this.Push(at, due)

        /// Delivers octets in order, in pieces of any size.
        member private this.Stream(octets: byte[], after: TimeSpan, toGateway: bool) =
            let mutable at = 0

            while at < octets.Length do
                let struct (size, next) = Rng.below (max 1 (min 5000 (octets.Length - at))) rng
                let size = size + 1
                rng <- next
                let last = if toGateway then streamLast else streamBack
                let due = Instant.max last (now + link.StreamDelay.Value + after)
                let due = Instant.ofMicros (due.Micros + 1L)
                let piece = Array.sub octets at size
                at <- at + size

                if toGateway then
                    streamLast <- due
                    this.Push(due, StreamToGateway(stream, piece))
                else
                    streamBack <- due
                    this.Push(due, StreamToAuditor(stream, piece))

        member private this.Perform(commands: Command list) =
            for command in commands do
                match command with
                | Send octets ->
                    sent.Add octets
                    this.Carry(link.Datagrams.ToGateway, ToGateway octets)
                | Connect ->
                    stream <- stream + 1

                    match link.StreamDelay with
                    | ValueSome delay -> this.Push(now + delay, StreamOpens stream)
                    | ValueNone ->
                        this.Push(
                            now + TimeSpan.FromMilliseconds 1.0,
                            StreamBreaks(stream, "connection refused")
                        )
                | Write octets ->
                    sent.Add octets
                    this.Stream(octets, TimeSpan.Zero, true)
                | WakeAt at ->
                    // A machine that asks to be woken in the past again and again would never end.
                    wakeAt <- (Instant.max at now).Micros
                    this.Push(Instant.max at now, Wake)
                | Told snapshot ->
                    told.Add snapshot
                    observe now snapshot
                | Finished snapshot ->
                    finishes <- finishes + 1
                    finished <- ValueSome snapshot

        member private this.Tell(event: Event) =
            let struct (next, commands) = auditor.Advance event
            auditor <- next
            this.Perform commands

        member private this.Ask(event: ResponderEvent) =
            let struct (next, commands) = responder.Advance now table event
            responder <- next

            for command in commands do
                match command with
                | SendTo(_, after, octets) ->
                    let path = link.Datagrams.ToAuditor
                    this.Carry({ path with Delay = path.Delay + after }, ToAuditor octets)
                | WriteTo(to', after, octets) ->
                    if to' = stream then
                        this.Stream(octets, after, false)
                | HangUp to' -> this.Push(now, StreamBreaks(to', "closed by the other end"))
                | TickAt at ->
                    tickAt <- at.Micros
                    this.Push(at, GatewayTick)
                | EndConnection _ -> failwith "SIP ends no connections"

        member private this.Churn() =
            let struct (next, events) = Table.advance now table
            table <- next

            for event in events do
                match event with
                | Opened c -> truth[c.Serial] <- (c, ValueNone)
                | Closed(c, at) -> truth[c.Serial] <- (c, ValueSome at)

            if not events.IsEmpty then
                this.Ask(Happened events)

        member this.Run() : SipRun =
            for c in table.Connections do
                truth[c.Serial] <- (c, ValueNone)

            let struct (first, commands) =
                begin'
                    { At = Moment.at start
                      Rng = Rng.create (seed + 1UL)
                      Local = "198.51.100.4:5066"
                      Known = [||]
                      Afresh = false
                      History = ValueNone }

            auditor <- first
            this.Perform commands
            this.Push(start + length, Stop)
            this.Push(start, Churns)
            let mutable events = 0
            let mutable isOver = false

            while queue.Count > 0 && events < MaxEvents && not isOver do
                let mutable due = Wake
                let mutable priority = struct (0L, 0)
                queue.TryDequeue(&due, &priority) |> ignore
                let struct (micros, _) = priority
                now <- Instant.ofMicros micros
                events <- events + 1
                let moment = Moment.at now
                this.Churn()

                match due with
                | ToGateway octets -> this.Ask(Datagram("198.51.100.4:5066", octets))
                | ToAuditor octets -> this.Tell(Received(moment, octets))
                | StreamOpens opened when opened = stream ->
                    this.Tell(Event.Connected(moment, "198.51.100.4:41000"))
                | StreamToGateway(to', octets) when to' = stream -> this.Ask(Octets(to', octets))
                | StreamToAuditor(from, octets) when from = stream ->
                    arrived <- arrived + octets.Length

                    match link.BreaksAfter with
                    | ValueSome most when arrived > most ->
                        let over = arrived - most
                        let rest = octets[.. octets.Length - over - 1]

                        if rest.Length > 0 then
                            this.Tell(Event.Arrived(moment, rest))

                        this.Push(now, StreamBreaks(from, "connection reset"))
                    | ValueSome _
                    | ValueNone -> this.Tell(Event.Arrived(moment, octets))
                | StreamBreaks(broken, reason) when broken = stream ->
                    stream <- stream + 1
                    this.Ask(StreamClosed broken)
                    this.Tell(Event.Broken(moment, reason))
                | StreamOpens _
                | StreamToGateway _
                | StreamToAuditor _
                | StreamBreaks _ -> ()
                | GatewayTick when tickAt = micros -> this.Ask Tick
                | GatewayTick -> ()
                | Wake when wakeAt = micros -> this.Tell(Woke moment)
                | Wake -> ()
                | Churns -> this.Push(now + TimeSpan.FromMilliseconds 50.0, Churns)
                | Stop -> this.Tell(Stopped moment)

                isOver <- finishes > 0

            // A machine that is over stays over.
            let struct (_, late) = auditor.Advance(Woke(Moment.at now))

            if not late.IsEmpty then
                failwith $"commands after the end: %A{late}"

            { Told = List.ofSeq told
              Finished = finished
              Finishes = finishes
              Truth = List.ofSeq truth.Values
              Identify = fun c -> (responder.Identify c).Head
              Sent = List.ofSeq sent
              Events = events
              Until = now }

    let table seed connections churn ringing : Table =
        Table.create
            seed
            { TableOptions.standard with
                Connections = connections
                Churn = churn
                Ages = struct (TimeSpan.FromSeconds 1.0, TimeSpan.FromHours 2.0)
                Ringing = struct (TimeSpan.FromSeconds 0.5, TimeSpan.FromSeconds 8.0)
                ShowRinging = ringing
                Codecs = SimCodec.all }
            start

    let private begin'
        (start: AuditStart -> 'S * Command list)
        (advance: Event -> 'S -> 'S * Command list)
        given
        =
        let state, commands = start given
        struct (machine advance state, commands)

    /// One fetch, which the host gives up after two minutes.
    let fetchWith seed link (options: SipOptions) table start advance : SipRun =
        let length = TimeSpan.FromMinutes 2.0

        Loop(seed, link, SipResponder.create options, table, begin' start advance, length, (fun _ _ -> ()))
            .Run()

    let fetch seed link (options: SipOptions) table (gateway: SipGateway) memory : SipRun =
        fetchWith seed link options table (SipAudit.start gateway memory) SipAudit.advance

    /// A watch of that length; `observe` sees each snapshot at once.
    let watchWith memory seed link (options: SipOptions) table (gateway: SipGateway) length observe : SipRun =
        let begin' = begin' (SipWatch.start gateway memory (TimeSpan.FromSeconds 10.0)) SipWatch.advance
        Loop(seed, link, SipResponder.create options, table, begin', length, observe).Run()

    let watch seed link options table gateway length observe : SipRun =
        watchWith SipMemory.none seed link options table gateway length observe

    /// Everything in a snapshot that contradicts the truth; empty if all is right.
    let faults (run: SipRun) (snapshot: Snapshot) : string list =
        let window = Interval.create snapshot.Asked snapshot.Answered

        let began (c: SimConnection) = c.Setup

        let byId = run.Truth |> List.map (fun (c, ended) -> (run.Identify c).Id, (c, ended)) |> Map.ofList

        [ let listed = snapshot.Observations |> Array.map (fun o -> string o.Id)

          if listed <> Array.distinct listed then
              "an id stands twice"

          for o in snapshot.Observations do
              match byId.TryFind(string o.Id) with
              | None -> $"{o.Id} never was"
              | Some(c, ended) ->
                  let ends = ended |> ValueOption.defaultValue Instant.distantFuture

                  if ends < o.Heard.Earliest || began c > o.Heard.Latest then
                      $"{o.Id} was not there in {o.Heard}"

                  match o.Setup with
                  | ValueSome setup when not (Interval.contains c.Setup setup.Within) ->
                      $"{o.Id} was set up at {c.Setup}, said {setup.Within}"
                  | ValueSome _
                  | ValueNone -> ()

                  let within =
                      match o.Start with
                      | ValueSome start -> start.Within
                      | ValueNone -> Interval.upTo o.Heard.Latest

                  if not (Interval.contains c.Start within) then
                      $"{o.Id} started at {c.Start}, said {within}"

          if Snapshot.isComplete snapshot then
              let listed = Set.ofArray listed

              for KeyValue(id, (c, ended)) in byId do
                  let ends = ended |> ValueOption.defaultValue Instant.distantFuture

                  if c.Start < window.Earliest && ends > window.Latest && not (listed.Contains id) then
                      $"{id} was there all along, and is not listed" ]
