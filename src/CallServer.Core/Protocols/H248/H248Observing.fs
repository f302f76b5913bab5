namespace CallServer.Protocols.H248

open System
open System.Globalization
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// What a gateway told of a termination in a context.
type internal H248Told =
    {
        Context: uint32
        Termination: string
        Heard: Interval
        /// How long it has been out of the null context, in milliseconds.
        Duration: int64 voption
        /// What its media are; ValueNone where that was not asked.
        Media: Facts voption
    }

/// Makes observations of terminations. Each termination in a context is one connection.
module internal H248Observing =
    let private number (value: float) : string = value.ToString("0.###", CultureInfo.InvariantCulture)

    /// How the gateway rates what it receives.
    let private quality (statistics: H248Statistics) (dscp: int voption) : QualityOfService =
        let words =
            [ match statistics.PacketLoss with
              | ValueSome loss -> $"loss {number loss} %%"
              | ValueNone -> ()
              match statistics.Jitter with
              | ValueSome jitter -> $"jitter {number jitter} ms"
              | ValueNone -> ()
              match statistics.Delay with
              | ValueSome delay -> $"delay {number delay} ms"
              | ValueNone -> () ]

        match dscp, words with
        | ValueNone, [] -> QualityOfService.unknown
        | ValueNone, words -> QualityOfService.ofWords (String.concat ", " words)
        | ValueSome dscp, [] -> QualityOfService.ofDscp dscp
        | ValueSome dscp, words ->
            { QualityOfService.ofDscp dscp with Reported = ValueSome(String.concat ", " words) }

    /// In MGCP's words.
    let private modeOf (mode: H248Part) : string voption =
        let is long short = H248Part.isToken long short mode

        if is "SendReceive" "SR" then ValueSome "sendrecv"
        elif is "SendOnly" "SO" then ValueSome "sendonly"
        elif is "ReceiveOnly" "RC" then ValueSome "recvonly"
        elif is "Inactive" "IN" then ValueSome "inactive"
        elif is "Loopback" "LB" then ValueSome "loopback"
        else ValueNone

    let private stateOf (media: H248Part) : string =
        let state = H248Media.serviceState media

        if H248Part.isToken "OutOfService" "OS" state then "out-of-service"
        elif H248Part.isToken "Test" "TE" state then "test"
        else "active"

    let private sdpOf (text: H248Part) : Sdp voption =
        if text.Length = 0 then
            ValueNone
        else
            match Sdp.decode (H248Part.unescaped text) with
            | Ok sdp when not (Sdp.isAbsent sdp) -> ValueSome sdp
            | Ok _
            | Error _ -> ValueNone

    let private either (read: Sdp -> 'T voption) (local: Sdp voption) (remote: Sdp voption) : 'T voption =
        match ValueOption.bind read local with
        | ValueSome found -> ValueSome found
        | ValueNone -> ValueOption.bind read remote

    let private otherMedium (local: Sdp voption) (remote: Sdp voption) : Medium voption =
        let kind (sdp: Sdp) = if sdp.Media.Length > 0 then ValueSome sdp.Media[0].Kind else ValueNone

        let address (sdp: Sdp) =
            if sdp.Media.Length = 0 then
                ValueNone
            else
                let medium = sdp.Media[0]

                (if medium.Host.IsSome then medium.Host else sdp.Host)
                |> ValueOption.bind (fun host -> MediaAddress.ofText host medium.Port |> ValueOption.ofOption)

        let codec (sdp: Sdp) =
            if sdp.Media.Length = 0 then
                ValueNone
            else
                Sdp.formatCodec sdp.Media[0] sdp.Media[0].Formats[0]

        either kind local remote
        |> ValueOption.map (fun kind ->
            { Kind = kind
              Codec = either codec local remote
              Local = ValueOption.bind address local
              Remote = ValueOption.bind address remote })

    /// What the Media descriptor says. The first stream with audio, or T.38, is the call's own; the others are other media.
    let private mediaOf (statistics: H248Statistics) (media: H248Part) : Facts =
        let streams =
            H248Media.streams media
            |> Array.map (fun stream -> struct (stream, sdpOf stream.Local, sdpOf stream.Remote))

        let carriesCall (struct (_: H248Stream, local, remote)) = (either Sdp.callMedium local remote).IsSome

        let own =
            match Array.tryFindIndex carriesCall streams with
            | Some place -> place
            | None -> 0

        let plain = { Facts.none with State = ValueSome(stateOf media); Qos = quality statistics ValueNone }

        if streams.Length = 0 then
            plain
        else
            let struct (stream, local, remote) = streams[own]

            { plain with
                Codec = either Sdp.codec local remote
                Qos = quality statistics stream.Dscp
                Mode = modeOf stream.Mode
                LocalMedia = ValueOption.bind Sdp.address local
                RemoteMedia = ValueOption.bind Sdp.address remote
                OtherMedia =
                    ValueSome
                        [ for place in 0 .. streams.Length - 1 do
                              if place <> own then
                                  let struct (_, local, remote) = streams[place]
                                  yield! otherMedium local remote |> ValueOption.toList ] }

    /// A hundred years, in milliseconds.
    [<Literal>]
    let private LongestDuration = 3153600000000.0

    /// What a reply told of a termination, and whether its media were asked.
    let told (context: uint32) (heard: Interval) (media: bool) (termination: H248Termination) : H248Told =
        { Context = context
          Termination = string termination.Id
          Heard = heard
          Duration =
            termination.Statistics.Duration
            |> ValueOption.filter (fun duration -> duration <= LongestDuration)
            |> ValueOption.map int64
          Media =
            (if media then
                 ValueSome(mediaOf termination.Statistics termination.Media)
             else
                 ValueNone) }

    /// When it left the null context; nothing where that is not told.
    let began (told: H248Told) : Interval voption =
        told.Duration |> ValueOption.map (Ago.ofMilliseconds told.Heard)

    /// An earlier connection of the same termination, in another context, that was heard after this one began: it moved from there.
    let private movedSince (began: Interval) (elsewhere: Connection list) : Instant voption =
        elsewhere
        |> List.map _.LastHeard
        |> List.filter (fun heard -> heard > began.Latest)
        |> function
            | [] -> ValueNone
            | heard -> ValueSome(List.max heard)

    /// known: the record's connection of this name, if it has one; elsewhere: those of the same termination in other contexts. `ValueNone` if its
    /// name cannot be kept.
    let observe
        (known: Connection voption)
        (elsewhere: Connection list)
        (told: H248Told)
        : Observation voption =
        let began = began told

        let hasMoved =
            match known with
            | ValueSome known -> known.Setup.IsSome
            | ValueNone -> false

        let moved =
            match began, known with
            | ValueSome began, ValueNone -> movedSince began elsewhere
            | _ -> ValueNone

        ConnectionId.tryCreate (H248Name.idOf told.Context told.Termination)
        |> ValueOption.ofOption
        |> ValueOption.map (fun id ->
            { Id = id
              Stamp = ValueNone
              Heard = told.Heard
              Setup =
                (if hasMoved || moved.IsSome then
                     ValueOption.map Timing.reported began
                 else
                     ValueNone)
              Start =
                (match moved with
                 | ValueSome since ->
                     ValueSome(
                         Timing.bounded (
                             Interval.create (Instant.min since told.Heard.Latest) told.Heard.Latest
                         )
                     )
                 | ValueNone when hasMoved -> ValueNone
                 | ValueNone -> ValueOption.map Timing.reported began)
              MinimumAge = TimeSpan.Zero
              Facts =
                { (told.Media |> ValueOption.defaultValue Facts.none) with
                    Call = CallId.tryCreate (string told.Context) |> ValueOption.ofOption
                    Endpoint = ValueSome told.Termination } })
