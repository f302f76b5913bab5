namespace CallServer.Protocols.Mgcp

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Turns what a gateway reports about a connection into an observation.
module internal MgcpObserving =
    /// The parameters that AUCX requests. Local and remote descriptions go together, because only their order tells them apart.
    [<Literal>]
    let Asked = "C,N,L,M,RC,LC,P"

    let private tryDescription (index: int) (response: MgcpResponse) : Sdp voption =
        if index >= response.Sessions.Length then
            ValueNone
        else
            match Sdp.decode response.Sessions[index] with
            | Ok sdp when not (Sdp.isAbsent sdp) -> ValueSome sdp
            | Ok _
            | Error _ -> ValueNone

    let private bind (read: 'T -> 'U voption) (value: 'T voption) : 'U voption = ValueOption.bind read value

    /// The gateway's clock may be fast by 200 parts per million.
    let private drift = 200e-6

    /// Packets to subtract for events. The last packet of an event is sent three times (RFC 4733 §2.5.1.4): this allows for 64 events.
    [<Literal>]
    let private EventPackets = 128L

    /// No audio sender puts fewer milliseconds into a packet.
    [<Literal>]
    let private ShortestPacket = 5

    let private hasEvents (sdp: Sdp) : bool =
        match Sdp.callMedium sdp with
        | ValueSome medium ->
            medium.Formats
            |> Array.exists (fun format ->
                match Sdp.formatCodec medium format with
                | ValueSome codec -> codec.Name = "telephone-event"
                | ValueNone -> false)
        | ValueNone -> false

    let private isImage (sdp: Sdp) : bool =
        match Sdp.callMedium sdp with
        | ValueSome medium -> String.Equals(medium.Kind, "image", StringComparison.OrdinalIgnoreCase)
        | ValueNone -> false

    /// The least age of the connection: packets sent times the shortest packet time they may have had. The first packet is sent
    /// at age zero. The result is zero if the packet time is unknown, silence is suppressed or the medium is not audio. It is
    /// also zero if the counter has reached its limit: that would take months, so the counter is more likely broken.
    let minimumAge
        (options: LocalConnectionOptions)
        (local: Sdp voption)
        (remote: Sdp voption)
        (counters: Counters)
        : TimeSpan =
        let descriptions = [ local; remote ] |> List.choose ValueOption.toOption

        let periods =
            [ match options.PacketTime with
              | ValueSome(struct (low, _)) -> low
              | ValueNone -> ()
              yield! descriptions |> List.choose (Sdp.packetTime >> ValueOption.toOption) ]

        let unsound =
            options.SilenceSuppression = ValueSome true
            || List.exists isImage descriptions
            || List.exists (fun period -> period < ShortestPacket) periods

        match counters.PacketsSent with
        | ValueSome sent when not unsound && not periods.IsEmpty && sent < ConnectionParameters.Saturated ->
            let spare = if List.exists hasEvents descriptions then EventPackets else 0L
            let packets = max 0L (sent - 1L - spare)

            TimeSpan.FromMilliseconds(float packets * float (List.min periods) * (1.0 - drift))
        | ValueSome _
        | ValueNone -> TimeSpan.Zero

    let private qos (options: LocalConnectionOptions) : QualityOfService =
        let service =
            match options.Service with
            | ValueSome Guaranteed -> QualityOfService.ofService Guaranteed "g"
            | ValueSome ControlledLoad -> QualityOfService.ofService ControlledLoad "cl"
            | ValueSome BestEffort -> QualityOfService.ofService BestEffort "be"
            | ValueNone -> QualityOfService.unknown

        match options.TypeOfService with
        | ValueSome octet -> { QualityOfService.ofTypeOfService octet with Service = service.Service }
        | ValueNone -> service

    let private codec (options: LocalConnectionOptions) (local: Sdp voption) : Codec voption =
        match bind Sdp.codec local with
        | ValueSome codec -> ValueSome codec
        | ValueNone when options.Codecs.Length > 0 -> ValueSome(Codec.ofName options.Codecs[0])
        | ValueNone -> ValueNone

    let private words (text: string voption) : string voption =
        match text with
        | ValueSome text when text <> "" && not (Seq.exists Char.IsControl text) -> ValueSome text
        | ValueSome _
        | ValueNone -> ValueNone

    let private named (endpoint: EndpointName) : Facts =
        let name = string (EndpointName.canonical endpoint)

        { Facts.none with
            Endpoint = ValueSome name
            Originator = ValueSome name
            State = ValueSome "active" }

    /// The observation of a connection that AUEP listed; `ValueNone` if its id cannot be kept.
    let listed (endpoint: EndpointName) (id: string) (heard: Interval) : Observation voption =
        match ConnectionId.tryCreate (MgcpName.idOf endpoint id) with
        | None -> ValueNone
        | Some connection ->
            ValueSome
                { Id = connection
                  Stamp = ValueNone
                  Heard = heard
                  Setup = ValueNone
                  Start = ValueNone
                  MinimumAge = TimeSpan.Zero
                  Facts = named endpoint }

    /// The same, with everything that AUCX reported. The call id is the stamp: a gateway may reuse a connection id for another
    /// call after three minutes (RFC 3435 §2.1.3.2).
    let audited
        (endpoint: EndpointName)
        (id: string)
        (heard: Interval)
        (response: MgcpResponse)
        : Observation voption =
        let parameter code = MgcpParameter.tryFind code response.Parameters
        let local = tryDescription 0 response
        let remote = tryDescription 1 response

        let options =
            parameter "L"
            |> ValueOption.map LocalConnectionOptions.decode
            |> ValueOption.defaultValue LocalConnectionOptions.none

        let counters =
            parameter "P"
            |> ValueOption.map ConnectionParameters.decode
            |> ValueOption.defaultValue Counters.none

        let call = words (parameter "C")
        let age = minimumAge options local remote counters

        listed endpoint id heard
        |> ValueOption.map (fun observation ->
            { observation with
                Stamp = call
                Start =
                    (if age > TimeSpan.Zero then
                         ValueSome(Timing.inferred (Interval.upTo (heard.Latest - age)))
                     else
                         ValueNone)
                MinimumAge = age
                Facts =
                    { observation.Facts with
                        Call = call |> bind (CallId.tryCreate >> ValueOption.ofOption)
                        Codec = codec options local
                        Qos = qos options
                        Mode = words (parameter "M") |> ValueOption.map _.ToLowerInvariant()
                        LocalMedia = bind Sdp.address local
                        RemoteMedia = bind Sdp.address remote } })

    /// The observation of a known connection after an MDCX that changes nothing. Only its local description is new.
    let confirmed
        (endpoint: EndpointName)
        (id: string)
        (known: Connection)
        (heard: Interval)
        (response: MgcpResponse)
        : Observation voption =
        let local = tryDescription 0 response

        listed endpoint id heard
        |> ValueOption.map (fun observation ->
            { observation with
                Stamp = known.Stamp
                Facts =
                    { observation.Facts with
                        Call = known.Facts.Call
                        Codec = bind Sdp.codec local
                        LocalMedia = bind Sdp.address local } })
