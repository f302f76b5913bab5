namespace CallServer.Gateway

open System
open System.Collections.Generic
open CallServer.Model

/// An event for a simulated gateway. Its host numbers the streams and never reuses a number.
[<NoComparison>]
type GatewayEvent =
    | DatagramCame of protocol: string * peer: string * octets: byte[]
    | StreamOpened of protocol: string * stream: int
    | OctetsCame of stream: int * octets: byte[]
    | StreamEnded of stream: int
    /// Only time has passed: whatever was due happens.
    | TimePassed

/// What a simulated gateway asks its host to do.
[<NoComparison>]
type GatewayCommand =
    | SendDatagram of protocol: string * peer: string * after: TimeSpan * datagram: byte[]
    | WriteStream of stream: int * after: TimeSpan * octets: byte[]
    | CloseStream of stream: int

/// A simulated gateway at one moment: one connection table, served by an SNMP agent and by responders of other protocols.
[<NoComparison; ReferenceEquality>]
type MultiGateway =
    internal
        {
            Carried: Table
            Snmp: AgentState voption
            Voices: Responder[]
            /// When each protocol's responder needs its next Tick.
            Wakes: Map<string, Instant>
            /// The open streams and their protocols.
            Streams: Map<int, string>
            /// The gateway is down until then, and neither receives nor sends.
            DownUntil: Instant voption
        }

    member this.Table = this.Carried
    /// The agent with the current table.
    member this.Agent = this.Snmp |> ValueOption.map (AgentState.withTable this.Carried)

    /// Requests received and understood, answered or not.
    member this.Heard =
        (this.Snmp |> ValueOption.map _.Heard |> ValueOption.defaultValue 0)
        + Array.sumBy (fun (voice: Responder) -> voice.Heard) this.Voices

    /// When something is due next, apart from connections that come and go; the distant future if nothing is.
    member this.NextTick: Instant =
        match this.DownUntil with
        | ValueSome back -> back
        | ValueNone ->
            this.Wakes |> Map.fold (fun first _ wake -> Instant.min first wake) Instant.distantFuture

    /// When anything is due next, connections that come and go included; the distant future if nothing is.
    member this.NextDue: Instant = Instant.min this.NextTick (Table.next this.Carried)

// The order of one step:
//   1. back from a reboot that is over    Restarted to every responder
//   2. the table up to now                Happened to every responder, if anything did
//   3. wake-ups that are due              Tick to each responder once
//   4. the event                          to its protocol; nobody hears it while the gateway is down
// EndConnection ends the connection in the table at once, and every responder hears of it before anything else happens.
module MultiGateway =
    [<Literal>]
    let private Snmp = "snmp"

    /// The progress of one step.
    type private Step(gateway: MultiGateway, now: Instant) =
        let commands = List<GatewayCommand>()
        let truth = List<TruthEvent>()
        let mutable gateway = gateway

        member _.Gateway
            with get () = gateway
            and set after = gateway <- after

        member _.Result: struct (MultiGateway * GatewayCommand list * TruthEvent list) =
            struct (gateway, List.ofSeq commands, List.ofSeq truth)

        member _.Ask(command: GatewayCommand) = commands.Add command

        /// Tells every responder what happened to the table.
        member step.Happen (table: Table) (events: TruthEvent list) =
            gateway <- { gateway with Carried = table }

            if not events.IsEmpty then
                truth.AddRange events
                step.TellAll(Happened events)

        member step.TellAll(event: ResponderEvent) =
            for place in 0 .. gateway.Voices.Length - 1 do
                step.Tell place event

        member step.Tell (place: int) (event: ResponderEvent) =
            let struct (after, asked) = gateway.Voices[place].Advance now gateway.Carried event
            gateway <- { gateway with Voices = Array.updateAt place after gateway.Voices }

            for command in asked do
                step.CarryOut after.Protocol command

        member private step.CarryOut (protocol: string) (command: ResponderCommand) =
            match command with
            | SendTo(peer, wait, datagram) -> commands.Add(SendDatagram(protocol, peer, wait, datagram))
            | WriteTo(stream, wait, octets) -> commands.Add(WriteStream(stream, wait, octets))
            | HangUp stream ->
                gateway <- { gateway with Streams = gateway.Streams.Remove stream }
                commands.Add(CloseStream stream)
            | TickAt instant -> gateway <- { gateway with Wakes = gateway.Wakes.Add(protocol, instant) }
            | EndConnection serial ->
                let struct (table, events) = Table.closeOne serial now gateway.Carried
                step.Happen table events

        member step.TellProtocol (protocol: string) (event: ResponderEvent) =
            for place in 0 .. gateway.Voices.Length - 1 do
                if gateway.Voices[place].Protocol = protocol then
                    step.Tell place event

        member step.TellAgent (peer: string) (datagram: byte[]) =
            match gateway.Agent with
            | ValueNone -> ()
            | ValueSome agent ->
                let struct (agent, replies) = SnmpAgent.respond now datagram agent
                gateway <- { gateway with Snmp = ValueSome agent }

                for reply in replies do
                    commands.Add(SendDatagram(Snmp, peer, reply.After, reply.Datagram))

    let private comeBack (now: Instant) (table: Table) (step: Step) =
        match step.Gateway.DownUntil with
        | ValueSome back when back <= now ->
            step.Gateway <- { step.Gateway with DownUntil = ValueNone; Carried = table }
            step.TellAll Restarted
        | ValueSome _
        | ValueNone -> ()

    let private tick (now: Instant) (step: Step) =
        for KeyValue(protocol, wake) in step.Gateway.Wakes do
            if wake <= now then
                step.Gateway <- { step.Gateway with Wakes = step.Gateway.Wakes.Remove protocol }
                step.TellProtocol protocol Tick

    let private take (step: Step) (event: GatewayEvent) =
        match event with
        | DatagramCame(Snmp, peer, octets) -> step.TellAgent peer octets
        | DatagramCame(protocol, peer, octets) -> step.TellProtocol protocol (Datagram(peer, octets))
        | StreamOpened(protocol, stream) ->
            step.Gateway <- { step.Gateway with Streams = step.Gateway.Streams.Add(stream, protocol) }
            step.TellProtocol protocol (StreamCame stream)
        | OctetsCame(stream, octets) ->
            match step.Gateway.Streams.TryFind stream with
            | Some protocol -> step.TellProtocol protocol (Octets(stream, octets))
            | None -> ()
        | StreamEnded stream ->
            match step.Gateway.Streams.TryFind stream with
            | Some protocol ->
                step.Gateway <- { step.Gateway with Streams = step.Gateway.Streams.Remove stream }
                step.TellProtocol protocol (StreamClosed stream)
            | None -> ()
        | TimePassed -> ()

    /// What a gateway does while it is down: it refuses every stream.
    let private refuse (step: Step) (event: GatewayEvent) =
        match event with
        | StreamOpened(_, stream) -> step.Ask(CloseStream stream)
        | DatagramCame _
        | OctetsCame _
        | StreamEnded _
        | TimePassed -> ()

    /// Takes in an event at this instant. Returns the gateway, what it asks its host to do, and what truly happened to its
    /// connections until then, in order of time. Never throws, whatever the octets.
    let advance
        (now: Instant)
        (event: GatewayEvent)
        (gateway: MultiGateway)
        : struct (MultiGateway * GatewayCommand list * TruthEvent list) =
        let step = Step(gateway, now)
        let struct (table, events) = Table.advance now gateway.Carried
        comeBack now table step
        step.Happen table events

        if step.Gateway.DownUntil.IsSome then
            refuse step event
        else
            tick now step
            take step event

        step.Result

    /// Puts an SNMP agent or none, and responders of other protocols, over one table. Each protocol may occur once. Each
    /// responder gets a Tick at the beginning of the first step.
    let create (agent: AgentState voption) (responders: Responder list) (table: Table) : MultiGateway =
        { Carried = table
          Snmp = agent
          Voices = List.toArray responders
          Wakes = Map.ofList [ for responder in responders -> responder.Protocol, table.Now ]
          Streams = Map.empty
          DownUntil = ValueNone }

    /// The gateway goes down at this instant with all its calls and streams, and is back after this time. Responders are told
    /// about the streams and calls, but whatever they send is dropped.
    let reboot
        (downFor: TimeSpan)
        (at: Instant)
        (gateway: MultiGateway)
        : struct (MultiGateway * GatewayCommand list * TruthEvent list) =
        let back = at + downFor
        let struct (table, events) = Table.closeAll at gateway.Carried

        let reboot agent =
            let struct (agent, _) = AgentState.reboot downFor at agent
            agent

        let hear (voice: Responder) (event: ResponderEvent) =
            let struct (voice, _) = voice.Advance at table event
            voice

        let gone = [ for KeyValue(stream, _) in gateway.Streams -> stream ]

        let silenced (voice: Responder) =
            gone
            |> List.filter (fun stream -> gateway.Streams[stream] = voice.Protocol)
            |> List.map StreamClosed
            |> List.append [ Happened events ]
            |> List.fold hear voice

        struct ({ gateway with
                    Carried = Table.rest back table
                    Snmp = gateway.Snmp |> ValueOption.map reboot
                    Voices = gateway.Voices |> Array.map silenced
                    Wakes = Map.empty
                    Streams = Map.empty
                    DownUntil = ValueSome back },
                gone |> List.map CloseStream,
                events)

    /// The names that audits over each of its protocols give a connection, in the order in which the protocols were given.
    let identities
        (gateway: MultiGateway)
        (connection: SimConnection)
        : struct (string * Identity list) list =
        [ match gateway.Snmp with
          | ValueSome agent -> yield struct (Snmp, [ AgentState.identify connection agent ])
          | ValueNone -> ()

          for voice in gateway.Voices do
              yield struct (voice.Protocol, voice.Identify connection) ]

    /// Changes the agent, for example its vices. Does nothing if there is no agent.
    let mapAgent (change: AgentState -> AgentState) (gateway: MultiGateway) : MultiGateway =
        { gateway with Snmp = gateway.Agent |> ValueOption.map change }

    /// Replaces the responder of the same protocol, for example to change its vices. The new one starts from nothing.
    let withResponder (responder: Responder) (gateway: MultiGateway) : MultiGateway =
        let exchange (voice: Responder) = if voice.Protocol = responder.Protocol then responder else voice

        { gateway with Voices = Array.map exchange gateway.Voices }

    /// Replaces the table, for example after a test opened a connection. The responders are told what happened.
    let withTable
        (now: Instant)
        (table: Table)
        (events: TruthEvent list)
        (gateway: MultiGateway)
        : struct (MultiGateway * GatewayCommand list) =
        let step = Step(gateway, now)
        step.Happen table events
        let struct (gateway, commands, _) = step.Result
        struct (gateway, commands)
