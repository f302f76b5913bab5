namespace CallServer.Wire

open System
open System.Text
open CallServer.Model

/// Reads and writes session descriptions (RFC 8866) and derives what they mean for a connection.
[<CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Sdp =
    open SdpReader

    /// The description that MGCP sends if one was requested but none exists: `v=0` alone (RFC 3435 §3.3).
    let absent: Sdp = { Origin = ""; Name = ""; Host = ValueNone; Direction = ValueNone; Media = [||] }

    /// Whether the description says nothing: no media and no address.
    let isAbsent (sdp: Sdp) : bool = sdp.Media.Length = 0 && sdp.Host.IsNone

    /// Reads a description, or says where it cannot be read. Lines may end in LF alone, and empty lines are skipped. After `v=`
    /// the order matters only in one way: lines after an `m=` belong to that medium.
    let decode (text: string) : Result<Sdp, SdpError> =
        let reading = SdpReading()

        let rec read at begun =
            if at >= text.Length then
                if begun then ValueNone else ValueSome { Offset = at; Problem = NoVersion }
            else
                let struct (stop, next) = lineFrom text at

                if skipBlanks text at stop = stop then
                    read next begun
                elif not begun then
                    if startsWith "v=" text at stop then
                        read next true
                    else
                        ValueSome { Offset = at; Problem = NoVersion }
                else
                    match line reading text at stop with
                    | ValueSome problem -> ValueSome { Offset = at; Problem = problem }
                    | ValueNone -> read next true

        match read 0 false with
        | ValueSome error -> Error error
        | ValueNone ->
            reading.EndMedium()

            Ok
                { Origin = reading.Origin
                  Name = reading.Name
                  Host = reading.Host
                  Direction = reading.Direction
                  Media = reading.Media.ToArray() }

    /// Writes the description as text with CRLF line ends.
    let encode (sdp: Sdp) : string =
        let text = StringBuilder()

        let put (kind: char) (value: string) =
            text.Append(kind).Append('=').Append(value).Append("\r\n") |> ignore

        let connection (host: string) =
            put 'c' (if host.Contains ':' then $"IN IP6 {host}" else $"IN IP4 {host}")

        put 'v' "0"

        if sdp <> absent then
            put 'o' sdp.Origin
            put 's' sdp.Name
            ValueOption.iter connection sdp.Host
            put 't' "0 0"
            ValueOption.iter (put 'a') sdp.Direction

            for medium in sdp.Media do
                let formats = String.Join(' ', medium.Formats)
                put 'm' $"{medium.Kind} {medium.Port} {medium.Protocol} {formats}"
                ValueOption.iter connection medium.Host

                for struct (format, encoding) in medium.RtpMaps do
                    put 'a' $"rtpmap:{format} {encoding}"

                for struct (format, parameters) in medium.FormatParameters do
                    put 'a' $"fmtp:{format} {parameters}"

                ValueOption.iter (fun period -> put 'a' $"ptime:{period}") medium.PacketTime
                ValueOption.iter (put 'a') medium.Direction

        text.ToString()

    /// The medium that carries the call: the first audio or image with a port, otherwise the first audio or image. `ValueNone` if
    /// there is neither.
    let callMedium (sdp: Sdp) : SdpMedia voption =
        let isCall (medium: SdpMedia) =
            String.Equals(medium.Kind, "audio", StringComparison.OrdinalIgnoreCase)
            || String.Equals(medium.Kind, "image", StringComparison.OrdinalIgnoreCase)

        match sdp.Media |> Array.tryFind (fun medium -> isCall medium && medium.Port <> 0) with
        | Some medium -> ValueSome medium
        | None ->
            match Array.tryFind isCall sdp.Media with
            | Some medium -> ValueSome medium
            | None -> ValueNone

    /// The codec that a format of a medium stands for: from its rtpmap, otherwise its static payload type,
    /// otherwise its own name. `ValueNone` for a dynamic payload type without rtpmap.
    let formatCodec (medium: SdpMedia) (format: string) : Codec voption =
        match medium.RtpMaps |> Array.tryFind (fun struct (mapped, _) -> mapped = format) with
        | Some(struct (_, encoding)) -> ValueSome(Codec.ofRtpMap encoding)
        | None ->
            match Int32.TryParse(format, Globalization.NumberStyles.None, null) with
            | true, payloadType ->
                match Codec.ofPayloadType payloadType with
                | Some codec -> ValueSome codec
                | None -> ValueNone
            | _ -> ValueSome(Codec.ofName format)

    /// Telephone events and comfort noise accompany a codec; they are not the codec in use.
    let private isBeside (codec: Codec) = codec.Name = "telephone-event" || codec.Name = "CN"

    /// The codec in use: the first format of the call's medium that is a codec. `ValueNone` if that format is unknown.
    let codec (sdp: Sdp) : Codec voption =
        match callMedium sdp with
        | ValueNone -> ValueNone
        | ValueSome medium ->
            medium.Formats
            |> Array.map (formatCodec medium)
            |> Array.tryFind (fun codec -> codec.IsNone || not (isBeside codec.Value))
            |> Option.defaultValue ValueNone

    /// The address to which the call's medium is sent; `ValueNone` if there is no address, or it is a host name.
    let address (sdp: Sdp) : MediaAddress voption =
        match callMedium sdp with
        | ValueNone -> ValueNone
        | ValueSome medium ->
            match (if medium.Host.IsSome then medium.Host else sdp.Host) with
            | ValueSome host -> MediaAddress.ofText host medium.Port |> ValueOption.ofOption
            | ValueNone -> ValueNone

    /// Milliseconds of media in one packet; `ValueNone` if the description does not say.
    let packetTime (sdp: Sdp) : int voption =
        match callMedium sdp with
        | ValueSome medium -> medium.PacketTime
        | ValueNone -> ValueNone
