namespace CallServer.Model

open System

/// A media encoding: the RTP encoding name that IANA registers (PCMU, G729, opus, …), or the gateway's own
/// words if IANA has none. ClockRate is the RTP clock rate in Hz, above 0, if it is known.
[<Struct>]
type Codec =
    { Name: string
      ClockRate: int voption }

    /// `NAME/RATE`, or `NAME` if the rate is not known.
    override this.ToString() =
        match this.ClockRate with
        | ValueSome rate -> this.Name + "/" + string rate
        | ValueNone -> this.Name

/// Names codecs the way IANA does, whatever a product calls them.
module Codec =
    /// IANA "RTP Payload Format Media Types", with the RTP clock rate (RFC 3551 tables 4 and 5, and each
    /// format's own RFC).
    let private registered =
        [ "PCMU", 8000
          "PCMA", 8000
          "G722", 8000
          "G723", 8000
          "G728", 8000
          "G729", 8000
          "G729D", 8000
          "G729E", 8000
          "GSM", 8000
          "GSM-EFR", 8000
          "GSM-HR-08", 8000
          "iLBC", 8000
          "iSAC", 16000
          "LPC", 8000
          "G726-16", 8000
          "G726-24", 8000
          "G726-32", 8000
          "G726-40", 8000
          "G7221", 16000
          "G719", 48000
          "AMR", 8000
          "AMR-WB", 16000
          "EVS", 16000
          "opus", 48000
          "speex", 8000
          "SILK", 16000
          "BV16", 8000
          "BV32", 16000
          "EVRC", 8000
          "QCELP", 8000
          "L16", 44100
          "CLEARMODE", 8000
          "CN", 8000
          "DVI4", 8000
          "telephone-event", 8000
          "t38", 8000
          "VDVI", 8000
          "MPA", 90000
          "DAT12", 8000
          "G711-0", 8000 ]

    let private byName =
        let index = Collections.Generic.Dictionary<string, Codec>(StringComparer.OrdinalIgnoreCase)

        for name, rate in registered do
            index[name] <- { Name = name; ClockRate = ValueSome rate }

        index

    /// Other spellings that products use for a registered name.
    let private aliases =
        [ "G711U", "PCMU"
          "G.711U", "PCMU"
          "ULAW", "PCMU"
          "G711A", "PCMA"
          "G.711A", "PCMA"
          "ALAW", "PCMA"
          "G.722", "G722"
          "G.723", "G723"
          "G.723.1", "G723"
          "G7231", "G723"
          "G.728", "G728"
          "G.729", "G729"
          "G729A", "G729"
          "G.729A", "G729"
          "G729B", "G729"
          "G729AB", "G729"
          "G726", "G726-32"
          "G.726-32", "G726-32"
          "GSM-FR", "GSM"
          "ilbc20", "iLBC"
          "image/t38", "t38" ]
        |> fun pairs ->
            Collections.Generic.Dictionary<string, string>(dict pairs, StringComparer.OrdinalIgnoreCase)

    /// The codec of this name, in IANA's spelling and with IANA's clock rate. A name that neither IANA nor
    /// the list of products' spellings has is kept as given, without a rate.
    let ofName (name: string) : Codec =
        let known =
            match aliases.TryGetValue name with
            | true, canonical -> canonical
            | _ -> name

        match byName.TryGetValue known with
        | true, codec -> codec
        | _ -> { Name = name; ClockRate = ValueNone }

    /// The same codec at this clock rate in Hz; unchanged if the rate is not above 0.
    let withClockRate (rate: int) (codec: Codec) : Codec =
        if rate > 0 then { codec with ClockRate = ValueSome rate } else codec

    /// From SDP's a=rtpmap encoding, `NAME[/RATE[/CHANNELS]]` (RFC 8866 §6.6). A rate that cannot be read is
    /// ignored.
    let ofRtpMap (text: string) : Codec =
        match text.Split('/', 3) with
        | [| name |] -> ofName name
        | parts ->
            match Int32.TryParse(parts[1], Globalization.NumberStyles.None, null) with
            | true, rate -> ofName parts[0] |> withClockRate rate
            | _ -> ofName parts[0]

    /// From a static RTP payload type (RFC 3551 tables 4 and 5); `None` for dynamic, reserved and unassigned
    /// ones.
    let ofPayloadType (payloadType: int) : Codec option =
        match payloadType with
        | 0 -> Some "PCMU"
        | 3 -> Some "GSM"
        | 4 -> Some "G723"
        | 5 -> Some "DVI4"
        | 7 -> Some "LPC"
        | 8 -> Some "PCMA"
        | 9 -> Some "G722"
        | 10
        | 11 -> Some "L16"
        | 12 -> Some "QCELP"
        | 13 -> Some "CN"
        | 14 -> Some "MPA"
        | 15 -> Some "G728"
        | 18 -> Some "G729"
        | _ -> None
        |> Option.map ofName
