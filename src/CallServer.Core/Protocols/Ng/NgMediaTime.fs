namespace CallServer.Protocols.Ng

open System
open CallServer.Model
open CallServer.Wire

/// How long a party has sent media at least, by what rtpengine counted of it: packets times packetisation.
module internal NgMediaTime =
    /// The fixed header of RTP (RFC 3550 §5.1), which rtpengine counts too.
    [<Literal>]
    let private Header = 12.0

    /// The authentication tag of SRTP (RFC 3711 §4.2).
    [<Literal>]
    let private SecureTag = 10.0

    /// An event is sent three times at its end (RFC 4733 §2.5.1.4): room for 64 of them. The first packet is sent at the age of
    /// zero; the sender's clock may be fast by 200 parts per million.
    [<Literal>]
    let private Spare = 129L

    let private drift = 200e-6

    /// Octets of payload in a millisecond of encodings with one rate (RFC 3551 §4.5). Others do not tell how much speech a packet
    /// holds.
    let private octetsPerMillisecond (codec: Codec) : float voption =
        match codec.Name with
        | "PCMU"
        | "PCMA"
        | "G722" -> ValueSome 8.0
        | "G726-40" -> ValueSome 5.0
        | "G726-32" -> ValueSome 4.0
        | "G726-24" -> ValueSome 3.0
        | "G726-16"
        | "G728" -> ValueSome 2.0
        | "GSM" -> ValueSome 1.65
        | "G729" -> ValueSome 1.0
        | _ -> ValueNone

    /// Packets hold whole frames of 10 ms. A header extension makes one seem longer, events and comfort noise make all seem
    /// shorter: what is over or missing is less than half a frame, or the shorter period counts.
    let private period (milliseconds: float) : float =
        let frames = Math.Floor(milliseconds / 10.0 + 0.25)
        if frames > 20.0 then 0.0 else 10.0 * frames

    /// Zero where the encoding is not told, or does not tell how much speech a packet holds.
    let ofParty (tag: NgTag) : TimeSpan =
        match tag.Media with
        | ValueSome({ Codec = ValueSome codec; Stream = ValueSome stream } as media) when
            stream.Packets > Spare && not media.IsFax
            ->
            match octetsPerMillisecond (Codec.ofRtpMap codec) with
            | ValueSome rate ->
                let overhead = if media.IsSecure then Header + SecureTag else Header
                let payload = float stream.Octets / float stream.Packets - overhead
                let packets = float (stream.Packets - Spare)
                TimeSpan.FromMilliseconds(max 0.0 (packets * period (payload / rate) * (1.0 - drift)))
            | ValueNone -> TimeSpan.Zero
        | _ -> TimeSpan.Zero
