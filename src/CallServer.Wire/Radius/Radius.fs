namespace CallServer.Wire

/// The code of a RADIUS packet (RFC 2865 §3, RFC 2866 §3).
[<RequireQualifiedAccess>]
type RadiusCode =
    | AccountingRequest
    | AccountingResponse
    /// Any other code, such as Access-Request (1).
    | OtherCode of byte

    /// The code as on the wire.
    member this.Octet =
        match this with
        | RadiusCode.AccountingRequest -> 4uy
        | RadiusCode.AccountingResponse -> 5uy
        | RadiusCode.OtherCode octet -> octet

/// The value of an attribute, in the data types of RFC 2865 §5.
[<RequireQualifiedAccess>]
type RadiusValue =
    /// UTF-8, 1 to 253 octets.
    | Text of string
    /// 1 to 253 octets that are not interpreted: Vendor-Specific, unknown attributes, and text that is not UTF-8.
    | Octets of byte[]
    /// An IPv4 address; its first octet is the most significant one.
    | Address of uint32
    | Integer of uint32
    /// Seconds since 1970-01-01T00:00:00Z.
    | Time of uint32

/// An attribute: its type number (see `RadiusType`) and its value.
type RadiusAttribute = { Type: byte; Value: RadiusValue }

/// A packet without its authenticator.
type RadiusPacket =
    {
        Code: RadiusCode
        /// Tells which request a response belongs to.
        Identifier: byte
        /// In the order of the packet.
        Attributes: RadiusAttribute list
    }

/// The attribute types that accounting uses, under their standard names.
module RadiusType =
    /// RFC 2865 §5.1.
    [<Literal>]
    let UserName = 1uy

    /// The IPv4 address of the server that sends the records (RFC 2865 §5.4).
    [<Literal>]
    let NasIpAddress = 4uy

    /// RFC 2865 §5.5.
    [<Literal>]
    let NasPort = 5uy

    /// RFC 2865 §5.6.
    [<Literal>]
    let ServiceType = 6uy

    /// Text for a user to read (RFC 2865 §5.18).
    [<Literal>]
    let ReplyMessage = 18uy

    /// Octets that the authorizing server wants returned (RFC 2865 §5.25).
    [<Literal>]
    let Class = 25uy

    /// RFC 2865 §5.26.
    [<Literal>]
    let VendorSpecific = 26uy

    /// The called number (RFC 2865 §5.30).
    [<Literal>]
    let CalledStationId = 30uy

    /// The calling number (RFC 2865 §5.31).
    [<Literal>]
    let CallingStationId = 31uy

    /// The name of the server that sends the records (RFC 2865 §5.32).
    [<Literal>]
    let NasIdentifier = 32uy

    /// Octets that a proxy added and wants back unchanged (RFC 2865 §5.33).
    [<Literal>]
    let ProxyState = 33uy

    /// What the record reports: start, stop, interim update, accounting on or off (RFC 2866 §5.1).
    [<Literal>]
    let AcctStatusType = 40uy

    /// Seconds since the event that the record reports (RFC 2866 §5.2).
    [<Literal>]
    let AcctDelayTime = 41uy

    /// Octets received, modulo 2^32 (RFC 2866 §5.3).
    [<Literal>]
    let AcctInputOctets = 42uy

    /// Octets sent, modulo 2^32 (RFC 2866 §5.4).
    [<Literal>]
    let AcctOutputOctets = 43uy

    /// Links the start and stop records of one session (RFC 2866 §5.5).
    [<Literal>]
    let AcctSessionId = 44uy

    /// RFC 2866 §5.6.
    [<Literal>]
    let AcctAuthentic = 45uy

    /// The duration of the session in seconds (RFC 2866 §5.7).
    [<Literal>]
    let AcctSessionTime = 46uy

    /// Packets received (RFC 2866 §5.8).
    [<Literal>]
    let AcctInputPackets = 47uy

    /// Packets sent (RFC 2866 §5.9).
    [<Literal>]
    let AcctOutputPackets = 48uy

    /// Why the session ended (RFC 2866 §5.10).
    [<Literal>]
    let AcctTerminateCause = 49uy

    /// Links related sessions (RFC 2866 §5.11).
    [<Literal>]
    let AcctMultiSessionId = 50uy

    /// RFC 2866 §5.12.
    [<Literal>]
    let AcctLinkCount = 51uy

    /// How often Acct-Input-Octets wrapped at 2^32 (RFC 2869 §5.1).
    [<Literal>]
    let AcctInputGigawords = 52uy

    /// How often Acct-Output-Octets wrapped at 2^32 (RFC 2869 §5.2).
    [<Literal>]
    let AcctOutputGigawords = 53uy

    /// When the event happened, in seconds since 1970 (RFC 2869 §5.3).
    [<Literal>]
    let EventTimestamp = 55uy

    /// RFC 2865 §5.41.
    [<Literal>]
    let NasPortType = 61uy

    /// RFC 2869 §5.11.
    [<Literal>]
    let ConnectInfo = 77uy

    /// HMAC-MD5 over the packet (RFC 2869 §5.14).
    [<Literal>]
    let MessageAuthenticator = 80uy

    /// Seconds between two interim records (RFC 2869 §5.16).
    [<Literal>]
    let AcctInterimInterval = 85uy

    /// RFC 2869 §5.17.
    [<Literal>]
    let NasPortId = 87uy

    /// The data type that the RFC gives an attribute. An attribute that is not listed holds octets.
    type internal Kind =
        | TextKind
        | OctetsKind
        | AddressKind
        | IntegerKind
        | TimeKind

    let internal kind (number: byte) : Kind =
        match number with
        | UserName
        | ReplyMessage
        | CalledStationId
        | CallingStationId
        | NasIdentifier
        | AcctSessionId
        | AcctMultiSessionId
        | ConnectInfo
        | NasPortId -> TextKind
        | NasIpAddress -> AddressKind
        | NasPort
        | ServiceType
        | AcctStatusType
        | AcctDelayTime
        | AcctInputOctets
        | AcctOutputOctets
        | AcctAuthentic
        | AcctSessionTime
        | AcctInputPackets
        | AcctOutputPackets
        | AcctTerminateCause
        | AcctLinkCount
        | AcctInputGigawords
        | AcctOutputGigawords
        | NasPortType
        | AcctInterimInterval -> IntegerKind
        | EventTimestamp -> TimeKind
        | _ -> OctetsKind

/// What is wrong with a packet. The sender or the network caused it, not this program.
[<RequireQualifiedAccess>]
type RadiusProblem =
    /// The packet has fewer than 20 octets.
    | TooShort of octets: int
    /// The length field is below 20, above 4096, or more than arrived. Such packets are silently discarded (RFC 2865 §3).
    | WrongLength of stated: int * arrived: int
    /// An attribute's length is below 3, or reaches beyond the packet.
    | WrongAttributeLength of attribute: byte * length: int
    /// The type of the attribute has a fixed size, and the value has another.
    | WrongValueSize of attribute: byte * octets: int
    /// The authenticator does not match the packet and this secret.
    | WrongAuthenticator
    /// The Message-Authenticator does not match the packet and this secret (RFC 2869 §5.14).
    | WrongMessageAuthenticator

/// What is wrong, and at which octet of the packet, counted from 0.
type RadiusError =
    { Place: int
      Fault: RadiusProblem }

    override this.ToString() =
        let problem =
            match this.Fault with
            | RadiusProblem.TooShort octets -> $"{octets} octets, too few for a packet"
            | RadiusProblem.WrongLength(stated, arrived) ->
                $"a length of {stated} octets where {arrived} arrived"
            | RadiusProblem.WrongAttributeLength(attribute, length) ->
                $"attribute {attribute} with a length of {length}"
            | RadiusProblem.WrongValueSize(attribute, octets) ->
                $"attribute {attribute} with a value of {octets} octets"
            | RadiusProblem.WrongAuthenticator -> "an authenticator of another secret"
            | RadiusProblem.WrongMessageAuthenticator -> "a Message-Authenticator of another secret"

        $"octet {this.Place}: {problem}"

/// Makes attributes that fit a packet, and finds them.
module RadiusAttribute =
    /// The longest value in octets. The length octet also counts the type and itself (RFC 2865 §5).
    [<Literal>]
    let LongestValue = 253

    /// As many whole characters of a text as fit one attribute. The text is cut, because none of the attributes we send may
    /// appear twice (RFC 2866 §5.13: 0-1).
    let private cut (text: string) : string =
        let utf8 = System.Text.Encoding.UTF8

        if utf8.GetByteCount text <= LongestValue then
            text
        else
            let mutable octets = 0
            let mutable chars = 0
            let mutable isFull = false

            for rune in text.EnumerateRunes() do
                isFull <- isFull || octets + rune.Utf8SequenceLength > LongestValue

                if not isFull then
                    octets <- octets + rune.Utf8SequenceLength
                    chars <- chars + rune.Utf16SequenceLength

            text.Substring(0, chars)

    /// A text attribute, cut to 253 octets. An empty text gives no attribute, because attributes must not be empty.
    let text (number: byte) (text: string) : RadiusAttribute list =
        if System.String.IsNullOrEmpty text then
            []
        else
            [ { Type = number; Value = RadiusValue.Text(cut text) } ]

    /// An integer attribute. A negative number becomes 0, and one above 2^32 - 1 becomes 2^32 - 1.
    let integer (number: byte) (value: int64) : RadiusAttribute =
        { Type = number; Value = RadiusValue.Integer(uint32 (min 0xFFFFFFFFL (max 0L value))) }

    /// A time attribute, in seconds since 1970. The time is limited to the range from 0 to 2^32 - 1.
    let time (number: byte) (seconds: int64) : RadiusAttribute =
        { Type = number; Value = RadiusValue.Time(uint32 (min 0xFFFFFFFFL (max 0L seconds))) }

    /// The value of the first attribute of this type; `ValueNone` if there is none.
    let tryFind (number: byte) (attributes: RadiusAttribute list) : RadiusValue voption =
        match attributes |> List.tryFind (fun attribute -> attribute.Type = number) with
        | Some attribute -> ValueSome attribute.Value
        | None -> ValueNone
