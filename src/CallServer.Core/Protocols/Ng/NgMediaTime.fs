namespace CallServer.Protocols.Ng

open System
open CallServer.Model
open CallServer.Wire

/// The least time for which a party has sent media: the number of packets times the packet time, both from rtpengine's counters.
module internal NgMediaTime =
    /// Octets of the fixed RTP header (RFC 3550 §5.1), which rtpengine counts too.
    [<Literal>]
    let private Header = 12.0

    /// Octets of the SRTP authentication tag (RFC 3711 §4.2).
    [<Literal>]
    let private SecureTag = 10.0

    /// Packets to subtract: 128 for events, whose last packet is sent three times (RFC 4733 §2.5.1.4), which allows for 64 events;
    /// and one because the first packet is sent at age zero.
    [<Literal>]
    let private Spare = 129L

    /// The sender's clock may be fast by 200 parts per million.
    let private drift = 200e-6

    /// Octets of payload per millisecond, for encodings with a single rate (RFC 3551 §4.5). The size of other packets does not
    /// show how much speech they hold.
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

    /// The packet time in milliseconds. Packets hold whole frames of 10 ms. A header extension makes a packet seem longer, and
    /// events and comfort noise make all of them seem shorter. Either error is less than half a frame; otherwise the shorter time
    /// counts.
    let private period (milliseconds: float) : float =
        let frames = Math.Floor(milliseconds / 10.0 + 0.25)
        if frames > 20.0 then 0.0 else 10.0 * frames

    /// The media time of a party. Zero if the encoding is unknown, or does not show how much speech a packet holds.
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
