namespace CallServer.Gateway

open System
open CallServer.Model
open CallServer.Wire

/// Describes connections of the table as rtpengine does: a connection becomes a call of two parties, and media flows from one to
/// the other. While it rings there is an offer, and perhaps media from the called party.
module NgCalls =
    /// The age of rtpengine's clock when it stamps, in microseconds: it reads the clock once per round of its loop.
    let private staleness (connection: SimConnection) : int64 = int64 (connection.LocalSsrc % 40_000u)

    /// How long after the answer both parties' media begins.
    let private mediaAfter = TimeSpan.FromMilliseconds 300.0

    /// What rtpengine sees of a call before it is answered.
    [<RequireQualifiedAccess>]
    type private Ringing =
        /// The offer alone.
        | Silent
        /// The called party sends packets to the address in the offer, before rtpengine has a tag for it.
        | Nameless
        /// Early media after a description in a provisional response (SIP's 183), which rtpengine treats as an answer.
        | Described

    let private ringing (vices: NgVices) (connection: SimConnection) : Ringing =
        match connection.Serial % 3L with
        | 1L when not vices.NoMedia -> Ringing.Nameless
        | 2L when not vices.NoMedia -> Ringing.Described
        | _ -> Ringing.Silent

    /// When the called party's early media begins.
    let private earlyAt (connection: SimConnection) : Instant =
        connection.Setup + (connection.Start - connection.Setup) * 0.4

    let offeringTag (connection: SimConnection) : string = $"f{connection.Serial:x6}"

    let answeringTag (connection: SimConnection) : string = $"t{connection.Serial:x6}"

    let private everySoMany (every: int voption) (connection: SimConnection) : bool =
        Words.isNth every (int connection.Serial)

    let isUnknown (vices: NgVices) (connection: SimConnection) : bool =
        everySoMany vices.UnknownEvery connection

    let private isUnanswered (vices: NgVices) (connection: SimConnection) : bool =
        everySoMany vices.UnansweredEvery connection

    /// Whether T.38 has replaced its audio.
    let isFax (vices: NgVices) (connection: SimConnection) : bool = everySoMany vices.FaxEvery connection

    let hasVideo (vices: NgVices) (connection: SimConnection) : bool =
        everySoMany vices.VideoEvery connection && not (isFax vices connection)

    /// The port of a party's video, at either end: the one after its audio port.
    let videoPort (port: int) : int = port + 1

    /// The party's label; `None` if the gateway knows it by its address alone.
    let private label (connection: SimConnection) : string option =
        if connection.Interface = 0 then None else Some $"trunk-{connection.Interface}"

    /// The host of the answering party.
    let private answererHost (connection: SimConnection) : uint32 = connection.RemoteHost ^^^ 0x00C00000u

    let private originator (connection: SimConnection) : string =
        match label connection with
        | Some label -> label
        | None -> $"{SimConnection.hostText connection.RemoteHost}:{connection.RemotePort}"

    let identify (vices: NgVices) (connection: SimConnection) : Identity list =
        let party (tag: string) =
            { Id = $"{connection.CallId};{tag}"
              Call = Some connection.CallId
              Endpoint = None
              Originator = Some(originator connection) }

        if isUnanswered vices connection then
            [ party (offeringTag connection) ]
        else
            [ party (offeringTag connection); party (answeringTag connection) ]

    /// The gateway's clock, in microseconds since 1970.
    let clock (vices: NgVices) (now: Instant) : int64 =
        now.Micros + vices.ClockAhead.Ticks / TimeSpan.TicksPerMicrosecond

    let private text (words: string) = Bencode.ofString words

    let private number (value: int64) = Bencode.Number value

    /// The number of packets received from a party so far, and when the last one came.
    let private media
        (vices: NgVices)
        (now: Instant)
        (isCalled: bool)
        (connection: SimConnection)
        : struct (int64 * Instant) =
        let struct (milliseconds, _) = SimCodec.packet connection.Codec

        let begins =
            if isUnanswered vices connection then
                Instant.distantFuture
            elif isCalled && ringing vices connection <> Ringing.Silent then
                earlyAt connection
            else
                connection.Start + mediaAfter

        if vices.NoMedia || now < begins then
            struct (0L, connection.Setup)
        else
            let packets = (now - begins).Ticks / (int64 milliseconds * TimeSpan.TicksPerMillisecond) + 1L
            let last = begins + TimeSpan.FromMilliseconds(float (packets - 1L) * float milliseconds)
            struct (packets, last)

    let private address (host: uint32) (port: int) : Bencode =
        Bencode.Members
            [ "family", text "IPv4"
              "address", text (SimConnection.hostText host)
              "port", number (int64 port) ]

    let private stream vices now isCalled (connection: SimConnection) (localPort: int) endpoint : Bencode =
        let struct (packets, last) = media vices now isCalled connection
        let struct (_, payload) = SimCodec.packet connection.Codec

        Bencode.Members
            [ "local port", number (int64 localPort)
              "local address", text (SimConnection.hostText connection.LocalHost)
              "family", text "IPv4"
              "endpoint", endpoint
              "advertised endpoint", endpoint
              "last packet", number (clock vices last / 1_000_000L)
              "flags", Bencode.Items [ text "RTP"; text "filled" ]
              "stats",
              Bencode.Members
                  [ "packets", number packets
                    "bytes", number (packets * int64 (payload + 12))
                    "errors", number 0L ] ]

    let private flags = Bencode.Items [ text "initialized"; text "send"; text "recv" ]

    let private medium index kind protocol codec (stream: Bencode) : Bencode =
        Bencode.Members
            [ "index", number index
              "type", text kind
              "protocol", text protocol
              match codec with
              | Some codec -> "codec", text codec
              | None -> ()
              "streams", Bencode.Items [ stream ]
              "flags", flags ]

    /// The media of a party: its audio; for a fax the audio that it replaced and the fax itself; and its video.
    let private mediaOf
        vices
        now
        isCalled
        (connection: SimConnection)
        hasAnswered
        host
        localPort
        : Bencode list =
        let struct (packets, _) = media vices now isCalled connection
        let flows = packets > 0L

        let endpoint port = if hasAnswered then address host port else Bencode.Members []
        let rate = (Codec.ofName (SimCodec.name connection.Codec)).ClockRate |> ValueOption.defaultValue 8000
        let spoken = if flows then Some $"{SimCodec.name connection.Codec}/{rate}" else None
        let through port far = stream vices now isCalled connection port (endpoint far)
        let fax = isFax vices connection

        [ yield
              medium
                  1L
                  "audio"
                  "RTP/AVP"
                  spoken
                  (through (if fax then 0 else localPort) (if fax then 0 else connection.RemotePort))

          if fax then
              yield medium 2L "image" "UDPTL" None (through localPort connection.RemotePort)

          if hasVideo vices connection then
              yield
                  medium
                      2L
                      "video"
                      "RTP/AVP"
                      (if flows then Some "VP8/90000" else None)
                      (through (videoPort localPort) (videoPort connection.RemotePort)) ]

    let private party vices now created isCalled (connection: SimConnection) tag other label host localPort =
        let hasAnswered = tag <> ""
        let dialogue = Bencode.Items [ Bencode.Members [ "tag", text other; "type", text "offer/answer" ] ]

        Bencode.Members
            [ "tag", text tag
              match label with
              | Some label -> "label", text label
              | None -> ()
              "created", number (created / 1_000_000L)
              "subscriptions", dialogue
              "subscribers", dialogue
              "medias", Bencode.Items(mediaOf vices now isCalled connection hasAnswered host localPort) ]

    /// Whether rtpengine already has a tag for the called party.
    let private isNamed (vices: NgVices) (now: Instant) (connection: SimConnection) : bool =
        not (isUnanswered vices connection)
        && (SimConnection.isActive now connection
            || (ringing vices connection = Ringing.Described && now >= earlyAt connection))

    /// What `query` reports about a call that was offered at that instant, in rtpengine's order.
    let describe
        (vices: NgVices)
        (offered: Instant)
        (now: Instant)
        (connection: SimConnection)
        : (string * Bencode) list =
        let created = clock vices offered - staleness connection
        let offering = offeringTag connection
        let answering = if isNamed vices now connection then answeringTag connection else ""
        let localPort = connection.LocalPort
        let last = if SimConnection.isActive now connection then connection.Start else offered
        let party = party vices now created

        [ "created", number (created / 1_000_000L)
          if not vices.NoMicros then
              "created_us", number (created % 1_000_000L)
          "last signal", number ((clock vices last - staleness connection) / 1_000_000L)
          "SSRC", Bencode.Members []
          "tags",
          Bencode.Members
              [ offering,
                party false connection offering answering (label connection) connection.RemoteHost localPort
                (if answering = "" then "<untagged 1>" else answering),
                party true connection answering offering None (answererHost connection) (localPort + 2) ]
          "totals", Bencode.Members [] ]
