namespace CallServer.Wire

/// The code of a packet (RFC 2865 §3, RFC 2866 §3).
[<RequireQualifiedAccess>]
type RadiusCode =
    | AccountingRequest
    | AccountingResponse
    /// Of another kind, such as Access-Request (1).
    | OtherCode of byte

    /// As on the wire.
    member this.Octet =
        match this with
        | RadiusCode.AccountingRequest -> 4uy
        | RadiusCode.AccountingResponse -> 5uy
        | RadiusCode.OtherCode octet -> octet

/// The value of an attribute by the data types of RFC 2865 §5.
[<RequireQualifiedAccess>]
type RadiusValue =
    /// UTF-8, 1 to 253 octets.
    | Text of string
    /// 1 to 253 octets of no meaning here: Vendor-Specific, unknown attributes, text that is not UTF-8.
    | Octets of byte[]
    /// An IPv4 address, its first octet the highest.
    | Address of uint32
    | Integer of uint32
    /// Seconds since 1970-01-01T00:00:00Z.
    | Time of uint32

/// An attribute: the number of its type (`RadiusType`), and its value.
type RadiusAttribute = { Type: byte; Value: RadiusValue }

/// A packet without what makes it authentic.
type RadiusPacket =
    {
        Code: RadiusCode
        /// Matches requests and responses.
        Identifier: byte
        /// In the order in which they stand.
        Attributes: RadiusAttribute list
    }

/// The types of attributes that accounting knows, under their standard names.
module RadiusType =
    [<Literal>]
    let UserName = 1uy

    [<Literal>]
    let NasIpAddress = 4uy

    [<Literal>]
    let NasPort = 5uy

    [<Literal>]
    let ServiceType = 6uy

    [<Literal>]
    let ReplyMessage = 18uy

    [<Literal>]
    let Class = 25uy

    [<Literal>]
    let VendorSpecific = 26uy

    [<Literal>]
    let CalledStationId = 30uy

    [<Literal>]
    let CallingStationId = 31uy

    [<Literal>]
    let NasIdentifier = 32uy

    [<Literal>]
    let ProxyState = 33uy

    [<Literal>]
    let AcctStatusType = 40uy

    [<Literal>]
    let AcctDelayTime = 41uy

    [<Literal>]
    let AcctInputOctets = 42uy

    [<Literal>]
    let AcctOutputOctets = 43uy

    [<Literal>]
    let AcctSessionId = 44uy

    [<Literal>]
    let AcctAuthentic = 45uy

    [<Literal>]
    let AcctSessionTime = 46uy

    [<Literal>]
    let AcctInputPackets = 47uy

    [<Literal>]
    let AcctOutputPackets = 48uy

    [<Literal>]
    let AcctTerminateCause = 49uy

    [<Literal>]
    let AcctMultiSessionId = 50uy

    [<Literal>]
    let AcctLinkCount = 51uy

    [<Literal>]
    let AcctInputGigawords = 52uy

    [<Literal>]
    let AcctOutputGigawords = 53uy

    [<Literal>]
    let EventTimestamp = 55uy

    [<Literal>]
    let NasPortType = 61uy

    [<Literal>]
    let ConnectInfo = 77uy

    [<Literal>]
    let MessageAuthenticator = 80uy

    [<Literal>]
    let AcctInterimInterval = 85uy

    [<Literal>]
    let NasPortId = 87uy

    /// The data type that the RFC gives it; what is not listed is octets.
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

/// What is wrong with a packet. Every one is the sender's doing or the network's.
[<RequireQualifiedAccess>]
type RadiusProblem =
    /// A packet has at least 20 octets.
    | TooShort of octets: int
    /// The length field is below 20, above 4096, or more than arrived (RFC 2865 §3: silently discarded).
    | WrongLength of stated: int * arrived: int
    /// An attribute's length is below 3, or reaches beyond the packet.
    | WrongAttributeLength of attribute: byte * length: int
    /// The value of a type with a fixed size has another one.
    | WrongValueSize of attribute: byte * octets: int
    /// The authenticator is not what this secret makes of the packet.
    | WrongAuthenticator
    /// The Message-Authenticator (RFC 2869 §5.14) is not what this secret makes of the packet.
    | WrongMessageAuthenticator

/// What is wrong, and at which octet of the packet, from 0.
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

/// Making attributes that a packet can hold.
module RadiusAttribute =
    /// RFC 2865 §5: the length octet counts type and length too.
    [<Literal>]
    let LongestValue = 253

    /// As much of a text as an attribute holds, whole characters only. None of the attributes sent here may be
    /// split over several (RFC 2866 §5.13: 0-1), so a longer one is cut.
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

    /// A text; nothing where it is empty, which no attribute may be.
    let text (number: byte) (text: string) : RadiusAttribute list =
        if System.String.IsNullOrEmpty text then
            []
        else
            [ { Type = number; Value = RadiusValue.Text(cut text) } ]

    /// A number; a negative one is 0, and what 32 bits cannot hold is their largest.
    let integer (number: byte) (value: int64) : RadiusAttribute =
        { Type = number; Value = RadiusValue.Integer(uint32 (min 0xFFFFFFFFL (max 0L value))) }

    /// Seconds since 1970; a time before or after those that 32 bits hold becomes the first or last of them.
    let time (number: byte) (seconds: int64) : RadiusAttribute =
        { Type = number; Value = RadiusValue.Time(uint32 (min 0xFFFFFFFFL (max 0L seconds))) }

    let tryFind (number: byte) (attributes: RadiusAttribute list) : RadiusValue voption =
        match attributes |> List.tryFind (fun attribute -> attribute.Type = number) with
        | Some attribute -> ValueSome attribute.Value
        | None -> ValueNone
