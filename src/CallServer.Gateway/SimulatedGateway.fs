namespace CallServer.Gateway

open System
open System.Collections.Generic
open System.Runtime.InteropServices
open CallServer.Model

/// Carries out what a simulated gateway asks for. `after` is how long to wait before that.
[<AllowNullLiteral>]
type IGatewayHost =
    /// Sends a datagram to the peer, HOST:PORT.
    abstract Send: protocol: string * peer: string * after: TimeSpan * datagram: byte[] -> unit
    /// Writes to a stream. Keep the order of the calls, whatever `after` says.
    abstract Write: stream: int * after: TimeSpan * octets: byte[] -> unit
    /// Closes a stream after everything written has been sent. Nothing more is received from it.
    abstract HangUp: stream: int -> unit

/// The result of an event: the gateway after it, what truly happened until then, and what the gateway asks for.
[<Sealed; AllowNullLiteral>]
type GatewayStep
    internal (next: SimulatedGateway, truth: IReadOnlyList<string>, commands: GatewayCommand list) =
    member _.Next = next
    /// Lines for `--truth`, in the order of time.
    member _.Truth = truth

    /// Calls the host once for each thing that the gateway asks for, in order.
    member _.Dispatch(host: IGatewayHost) : unit =
        for command in commands do
            match command with
            | SendDatagram(protocol, peer, after, datagram) -> host.Send(protocol, peer, after, datagram)
            | WriteStream(stream, after, octets) -> host.Write(stream, after, octets)
            | CloseStream stream -> host.HangUp stream

/// A simulated gateway at one moment; the part of this assembly that C# sees. Immutable. The host supplies the time and whatever
/// the network brings, and numbers the streams without reusing a number.
and [<Sealed; AllowNullLiteral>] SimulatedGateway private (gateway: MultiGateway) =

    static let lines (gateway: MultiGateway) (events: TruthEvent list) : IReadOnlyList<string> =
        [| for event in events do
               yield! Truth.lines (MultiGateway.identities gateway) event |]

    static let step
        (struct (next, commands, events): struct (MultiGateway * GatewayCommand list * TruthEvent list))
        =
        GatewayStep(SimulatedGateway next, lines next events, commands)

    /// The words for one protocol's vices, without the protocol's name.
    static let wordsOf (settings: GatewaySettings) (protocol: string) : string list =
        [ for word in settings.Vices do
              match
                  Protocols.names
                  |> List.tryFind (fun name -> word.StartsWith(name + ":", StringComparison.Ordinal))
              with
              | Some name when name = protocol -> yield word.Substring(name.Length + 1)
              | None when protocol = "snmp" -> yield word
              | Some _
              | None -> () ]

    static let unheardVices (settings: GatewaySettings) : string list =
        [ for name in Protocols.names do
              if not (Seq.contains name settings.Protocols) then
                  for word in wordsOf settings name do
                      yield $"the vice '{word}' is for {name}, which this gateway does not speak" ]

    static let speakers
        (settings: GatewaySettings)
        : Result<struct (string * (Table -> Responder)), string list> list =
        [ for name in settings.Protocols do
              match Protocols.tryFind name with
              | Some protocol ->
                  yield
                      protocol.Create settings (wordsOf settings name)
                      |> Result.map (fun create -> struct (name, create))
              | None when name = "snmp" -> ()
              | None ->
                  let known = String.concat ", " Protocols.names
                  yield Error [ $"there is no protocol '{name}'; known are {known}" ] ]

    static let tableOptions (settings: GatewaySettings) : Result<TableOptions, string list> =
        let trunks = settings.Trunks |> Seq.map TrunkWords.parse |> Seq.toList

        let wrong =
            [ if Seq.isEmpty settings.Protocols then
                  yield "the gateway has to speak something"
              if settings.Connections < 0 then
                  yield "connections cannot be fewer than 0"
              if not (settings.Churn >= 0.0 && settings.Churn <= 1e5) then
                  yield "churn is from 0 to 100000 a second"
              for trunk in trunks do
                  match trunk with
                  | Error mistake -> yield mistake
                  | Ok _ -> () ]

        if wrong.IsEmpty then
            Ok
                { TableOptions.standard with
                    Connections = settings.Connections
                    Churn = settings.Churn
                    // rtpengine, Kamailio, FreeSWITCH, Asterisk, OpenSIPS and IOS-XE know a call from its offer on.
                    ShowRinging =
                        settings.Protocols
                        |> Seq.forall (fun name ->
                            List.contains name [ "ng"; "jsonrpc"; "esl"; "ari"; "mi"; "restconf" ])
                    Codecs = SimCodec.all
                    Trunks = trunks |> List.choose Result.toOption }
        else
            Error wrong

    /// The most events that may lie between the table's beginning and now, because simulating them takes time.
    static let mostEvents = 1e7

    static let beginning
        (settings: GatewaySettings)
        (table: TableOptions)
        (now: Instant)
        : Result<Instant, string list> =
        let since = if settings.Since.HasValue then settings.Since.Value else now
        let churn = settings.Churn + List.sumBy (fun (trunk: Trunk) -> trunk.Churn) table.Trunks

        if since > now then
            Error [ "the table cannot begin in the future" ]
        elif (now - since).TotalSeconds * churn > mostEvents then
            Error [ "the table began too long ago for that churn" ]
        else
            Ok since

    static let mistakesOf (result: Result<'T, string list>) : string list =
        match result with
        | Ok _ -> []
        | Error mistakes -> mistakes

    /// The protocols that can be simulated.
    static member Protocols: IReadOnlyList<string> = Protocols.names

    /// Whether the protocol is also spoken over TCP, on the same port.
    static member UsesStreams(protocol: string) : bool =
        Protocols.tryFind protocol |> Option.exists _.UsesStreams

    /// The SNMP profiles whose gateways can be simulated.
    static member Profiles: IReadOnlyList<string> = Gateways.profiles

    /// The words for vices, as the help lists them. SNMP's have no protocol name.
    static member ViceWords: IReadOnlyList<string> =
        [| yield! ViceWords.known
           for protocol in Protocols.all do
               for word in protocol.ViceWords do
                   yield $"{protocol.Name}:{word}" |]

    /// Makes a gateway. False if the settings are wrong; the errors then name every mistake.
    static member TryCreate
        (
            settings: GatewaySettings,
            now: Instant,
            [<Out>] gateway: byref<SimulatedGateway>,
            [<Out>] mistakes: byref<IReadOnlyList<string>>
        ) : bool =
        let responders = speakers settings
        let options = tableOptions settings

        let agent =
            if Seq.contains "snmp" settings.Protocols then
                SnmpSettings.agent settings (wordsOf settings "snmp") |> Result.map ValueSome
            else
                Ok ValueNone

        let since = options |> Result.bind (fun options -> beginning settings options now)

        mistakes <-
            [| yield! mistakesOf options
               yield! mistakesOf agent
               for responder in responders do
                   yield! mistakesOf responder
               if Result.isOk options then
                   yield! mistakesOf since
               yield! unheardVices settings |]

        match options, agent, since with
        | Ok options, Ok agent, Ok since when mistakes.Count = 0 ->
            let responders = responders |> List.choose Result.toOption
            gateway <- SimulatedGateway(Gateways.multi settings.Seed options agent responders since now)
            true
        | _ -> false

    /// How many connections it has now.
    member _.Count = gateway.Table.Count

    /// How many requests it has understood so far.
    member _.Heard = gateway.Heard

    /// When something happens next that only needs time to pass: until then there is no need to advance it. The distant future if
    /// nothing does.
    member _.NextDue: Instant = gateway.NextDue

    /// The `open` lines of `--truth` for the connections that it carries now.
    member _.Present: IReadOnlyList<string> = lines gateway (Truth.present gateway.Table)

    /// Lets connections come and go until this instant, and does everything else that is due.
    member _.Advance(now: Instant) : GatewayStep = step (MultiGateway.advance now TimePassed gateway)

    /// Takes in a datagram; the peer is HOST:PORT.
    member _.Receive(now: Instant, protocol: string, peer: string, datagram: byte[]) : GatewayStep =
        step (MultiGateway.advance now (DatagramCame(protocol, peer, datagram)) gateway)

    /// A peer opened a stream to this protocol's port.
    member _.Open(now: Instant, protocol: string, stream: int) : GatewayStep =
        step (MultiGateway.advance now (StreamOpened(protocol, stream)) gateway)

    /// Takes in octets of a stream, in order.
    member _.Read(now: Instant, stream: int, octets: byte[]) : GatewayStep =
        step (MultiGateway.advance now (OctetsCame(stream, octets)) gateway)

    /// The other end closed a stream, or the stream broke.
    member _.Ended(now: Instant, stream: int) : GatewayStep =
        step (MultiGateway.advance now (StreamEnded stream) gateway)

    /// Goes down with all its calls, and is back after this time.
    member _.Reboot(now: Instant, downFor: TimeSpan) : GatewayStep =
        let struct (before, first, comings) = MultiGateway.advance now TimePassed gateway
        let struct (next, second, goings) = MultiGateway.reboot downFor now before
        let truth = Seq.append (lines before comings) (lines before goings) |> Seq.toArray
        GatewayStep(SimulatedGateway next, truth, first @ second)
