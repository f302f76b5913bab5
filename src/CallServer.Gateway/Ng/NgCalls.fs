namespace CallServer.Gateway

open System
open CallServer.Model
open CallServer.Wire

/// How a connection of the table looks in rtpengine: a call of two parties, whose media goes from the one to
/// the other.
module NgCalls =
    /// rtpengine stamps by a clock that it reads once a round of its loop, in microseconds before.
    let private staleness (connection: SimConnection) : int64 = int64 (connection.LocalSsrc % 40_000u)

    /// Media begins so long after the call.
    let private mediaAfter = TimeSpan.FromMilliseconds 300.0

    let offeringTag (connection: SimConnection) : string = $"f{connection.Serial:x6}"

    let answeringTag (connection: SimConnection) : string = $"t{connection.Serial:x6}"

    let private everySoMany (every: int voption) (connection: SimConnection) : bool =
        every.IsSome && int (connection.Serial % int64 every.Value) = every.Value - 1

    let isUnknown (vices: NgVices) (connection: SimConnection) : bool =
        everySoMany vices.UnknownEvery connection

    let private isUnanswered (vices: NgVices) (connection: SimConnection) : bool =
        everySoMany vices.UnansweredEvery connection

    /// Nothing where the gateway knows the party by its address alone.
    let private label (connection: SimConnection) : string option =
        if connection.Interface = 0 then None else Some $"trunk-{connection.Interface}"

    /// The far end of the answering party.
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

    /// Packets that came from a party so far, and when the last one did.
    let private media (vices: NgVices) (now: Instant) (connection: SimConnection) : struct (int64 * Instant) =
        let struct (milliseconds, _) = SimCodec.packet connection.Codec
        let begins = connection.Start + mediaAfter

        if vices.NoMedia || now < begins then
            struct (0L, connection.Start)
        else
            let packets = (now - begins).Ticks / (int64 milliseconds * TimeSpan.TicksPerMillisecond) + 1L
            let last = begins + TimeSpan.FromMilliseconds(float (packets - 1L) * float milliseconds)
            struct (packets, last)

    let private address (host: uint32) (port: int) : Bencode =
        Bencode.Members
            [ "family", text "IPv4"
              "address", text (SimConnection.hostText host)
              "port", number (int64 port) ]

    let private stream vices now (connection: SimConnection) (localPort: int) (endpoint: Bencode) : Bencode =
        let struct (packets, last) = media vices now connection
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

    let private party vices now (connection: SimConnection) tag other label host localPort : Bencode =
        let struct (packets, _) = media vices now connection
        let hasAnswered = tag <> ""

        let endpoint = if hasAnswered then address host connection.RemotePort else Bencode.Members []

        let dialogue = Bencode.Items [ Bencode.Members [ "tag", text other; "type", text "offer/answer" ] ]
        let rate = (Codec.ofName (SimCodec.name connection.Codec)).ClockRate |> ValueOption.defaultValue 8000

        Bencode.Members
            [ "tag", text tag
              match label with
              | Some label -> "label", text label
              | None -> ()
              "created", number ((clock vices connection.Start - staleness connection) / 1_000_000L)
              "subscriptions", dialogue
              "subscribers", dialogue
              "medias",
              Bencode.Items
                  [ Bencode.Members
                        [ "index", number 1L
                          "type", text "audio"
                          "protocol", text "RTP/AVP"
                          if packets > 0L && hasAnswered then
                              "codec", text $"{SimCodec.name connection.Codec}/{rate}"
                          "streams", Bencode.Items [ stream vices now connection localPort endpoint ]
                          "flags", Bencode.Items [ text "initialized"; text "send"; text "recv" ] ] ] ]

    /// What `query` tells of a call, in rtpengine's order.
    let describe (vices: NgVices) (now: Instant) (connection: SimConnection) : (string * Bencode) list =
        let created = clock vices connection.Start - staleness connection
        let offering, answering = offeringTag connection, answeringTag connection
        let unanswered = isUnanswered vices connection
        let localPort = connection.LocalPort

        [ "created", number (created / 1_000_000L)
          if not vices.NoMicros then
              "created_us", number (created % 1_000_000L)
          "last signal", number (created / 1_000_000L)
          "SSRC", Bencode.Members []
          "tags",
          Bencode.Members
              [ offering,
                party
                    vices
                    now
                    connection
                    offering
                    (if unanswered then "" else answering)
                    (label connection)
                    connection.RemoteHost
                    localPort
                (if unanswered then "<untagged 1>" else answering),
                party
                    vices
                    now
                    connection
                    (if unanswered then "" else answering)
                    offering
                    None
                    (answererHost connection)
                    (localPort + 2) ]
          "totals", Bencode.Members [] ]
