namespace CallServer.Wire

open System
open System.Buffers.Binary
open System.Security.Cryptography
open System.Text

/// Reads and writes packets of RADIUS accounting (RFC 2865 §3, RFC 2866 §3):
///
///   code (1)  identifier (1)  length (2)  authenticator (16)  attributes: type (1) length (1) value …
module RadiusCodec =
    let private headLength = 20
    let private authenticatorAt = 4

    /// The longest packet in octets (RFC 2865 §3).
    [<Literal>]
    let LongestPacket = 4096

    // Throws on input that is not UTF-8. Such text is kept as octets, so that what was read can be written again.
    let private utf8 = UTF8Encoding(false, true)

    let private word (number: uint32) : byte[] =
        let octets = Array.zeroCreate 4
        BinaryPrimitives.WriteUInt32BigEndian(Span<byte> octets, number)
        octets

    let private valueOctets (value: RadiusValue) : byte[] =
        match value with
        | RadiusValue.Text text -> utf8.GetBytes text
        | RadiusValue.Octets octets -> octets
        | RadiusValue.Address number
        | RadiusValue.Integer number
        | RadiusValue.Time number -> word number

    /// Writes the packet with this authenticator and this Message-Authenticator. Throws if an attribute does not fit, or the
    /// packet has more than 4096 octets; both would be programming errors.
    let private write (packet: RadiusPacket) (authenticator: byte[]) : byte[] =
        let values =
            [ for attribute in packet.Attributes do
                  let octets = valueOctets attribute.Value

                  if octets.Length = 0 || octets.Length > RadiusAttribute.LongestValue then
                      invalidArg
                          (nameof packet)
                          $"attribute {attribute.Type} cannot hold {octets.Length} octets"

                  struct (attribute.Type, octets) ]

        let length = headLength + (values |> List.sumBy (fun struct (_, octets) -> octets.Length + 2))

        if length > LongestPacket then
            invalidArg (nameof packet) $"a packet cannot have {length} octets"

        let written = Array.zeroCreate length
        written[0] <- packet.Code.Octet
        written[1] <- packet.Identifier
        BinaryPrimitives.WriteUInt16BigEndian(Span<byte>(written, 2, 2), uint16 length)
        authenticator.CopyTo(written, authenticatorAt)
        let mutable at = headLength

        for struct (number, octets) in values do
            written[at] <- number
            written[at + 1] <- byte (octets.Length + 2)
            octets.CopyTo(written, at + 2)
            at <- at + 2 + octets.Length

        written

    /// MD5 over the packet, with another authenticator in its place, followed by the secret (RFC 2866 §3).
    let private digest
        (secret: Secret)
        (authenticator: ReadOnlySpan<byte>)
        (packet: ReadOnlySpan<byte>)
        : byte[] =
        use hash = IncrementalHash.CreateHash HashAlgorithmName.MD5
        hash.AppendData(packet.Slice(0, authenticatorAt))
        hash.AppendData authenticator
        hash.AppendData(packet.Slice headLength)
        hash.AppendData(Secret.octets secret)
        hash.GetHashAndReset()

    let private zeros: byte[] = Array.zeroCreate 16

    /// Where the value of the first Message-Authenticator begins; 0 if there is none. The attributes must be well-formed.
    let private messageAuthenticatorAt (packet: ReadOnlySpan<byte>) : int =
        let mutable at = headLength
        let mutable found = 0

        while found = 0 && at < packet.Length do
            if packet[at] = RadiusType.MessageAuthenticator && packet[at + 1] = 18uy then
                found <- at + 2

            at <- at + int packet[at + 1]

        found

    /// HMAC-MD5 over the packet with this authenticator, and with zeros in place of the Message-Authenticator (RFC 2869 §5.14).
    let private mac
        (secret: Secret)
        (authenticator: byte[])
        (packet: ReadOnlySpan<byte>)
        (valueAt: int)
        : byte[] =
        use hash = IncrementalHash.CreateHMAC(HashAlgorithmName.MD5, Secret.octets secret)
        hash.AppendData(packet.Slice(0, authenticatorAt))
        hash.AppendData authenticator
        hash.AppendData(packet.Slice(headLength, valueAt - headLength))
        hash.AppendData zeros
        hash.AppendData(packet.Slice(valueAt + 16))
        hash.GetHashAndReset()

    /// Octets 4 to 19 of a packet. Checking a response requires those of its request.
    let authenticator (packet: byte[]) : byte[] = packet[authenticatorAt .. headLength - 1]

    let private sign (secret: Secret) (before: byte[]) (packet: RadiusPacket) : byte[] =
        let written = write packet before
        let valueAt = messageAuthenticatorAt (ReadOnlySpan<byte> written)

        if valueAt > 0 then
            (mac secret before (ReadOnlySpan<byte> written) valueAt).CopyTo(written, valueAt)

        (digest secret (ReadOnlySpan<byte> before) (ReadOnlySpan<byte> written))
            .CopyTo(written, authenticatorAt)

        written

    /// Writes an Accounting-Request. Request Authenticator = MD5(code, identifier, length, 16 zeros, attributes, secret). If the
    /// attributes include a Message-Authenticator of 16 octets, its value is filled in.
    let encodeRequest (secret: Secret) (packet: RadiusPacket) : byte[] = sign secret zeros packet

    /// Writes a response to the request with this authenticator. Response Authenticator = MD5(code, identifier, length, Request
    /// Authenticator, attributes, secret).
    let encodeResponse (secret: Secret) (requestAuthenticator: byte[]) (packet: RadiusPacket) : byte[] =
        sign secret requestAuthenticator packet

    let private error (offset: int) (problem: RadiusProblem) : Result<'T, RadiusError> =
        Error { Place = offset; Fault = problem }

    let private readValue
        (octets: byte[])
        (at: int)
        (number: byte)
        (size: int)
        : Result<RadiusValue, RadiusError> =
        let numeric make =
            if size = 4 then
                Ok(make (BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan<byte>(octets, at, 4))))
            else
                error at (RadiusProblem.WrongValueSize(number, size))

        match RadiusType.kind number with
        | RadiusType.AddressKind -> numeric RadiusValue.Address
        | RadiusType.IntegerKind -> numeric RadiusValue.Integer
        | RadiusType.TimeKind -> numeric RadiusValue.Time
        | RadiusType.OctetsKind -> Ok(RadiusValue.Octets octets[at .. at + size - 1])
        | RadiusType.TextKind ->
            try
                Ok(RadiusValue.Text(utf8.GetString(octets, at, size)))
            with :? DecoderFallbackException ->
                Ok(RadiusValue.Octets octets[at .. at + size - 1])

    /// Reads a well-formed packet without checking whether it is authentic; `verifyRequest` and `verifyResponse` do that. Octets
    /// after the stated length are padding and are ignored (RFC 2865 §3).
    let decode (octets: byte[]) : Result<RadiusPacket, RadiusError> =
        if octets.Length < headLength then
            error octets.Length (RadiusProblem.TooShort octets.Length)
        else
            let length = int (BinaryPrimitives.ReadUInt16BigEndian(ReadOnlySpan<byte>(octets, 2, 2)))

            let rec read at attributes =
                if at = length then
                    Ok(List.rev attributes)
                elif at + 2 > length then
                    error at (RadiusProblem.WrongAttributeLength(octets[at], 1))
                else
                    let size = int octets[at + 1]

                    if size < 3 || at + size > length then
                        error (at + 1) (RadiusProblem.WrongAttributeLength(octets[at], size))
                    else
                        match readValue octets (at + 2) octets[at] (size - 2) with
                        | Ok value -> read (at + size) ({ Type = octets[at]; Value = value } :: attributes)
                        | Error error -> Error error

            if length < headLength || length > LongestPacket || length > octets.Length then
                error 2 (RadiusProblem.WrongLength(length, octets.Length))
            else
                read headLength []
                |> Result.map (fun attributes ->
                    { Code =
                        (match octets[0] with
                         | 4uy -> RadiusCode.AccountingRequest
                         | 5uy -> RadiusCode.AccountingResponse
                         | other -> RadiusCode.OtherCode other)
                      Identifier = octets[1]
                      Attributes = attributes })

    /// Compares the digests in constant time.
    let private verify
        (secret: Secret)
        (before: byte[])
        (octets: byte[])
        : Result<RadiusPacket, RadiusError> =
        match decode octets with
        | Error error -> Error error
        | Ok packet ->
            let length = int (BinaryPrimitives.ReadUInt16BigEndian(ReadOnlySpan<byte>(octets, 2, 2)))
            let stated = ReadOnlySpan<byte>(octets, 0, length)
            let expected = digest secret (ReadOnlySpan<byte> before) stated

            if
                not (
                    CryptographicOperations.FixedTimeEquals(
                        ReadOnlySpan<byte> expected,
                        stated.Slice(authenticatorAt, 16)
                    )
                )
            then
                error authenticatorAt RadiusProblem.WrongAuthenticator
            else
                let valueAt = messageAuthenticatorAt stated

                if
                    valueAt > 0
                    && not (
                        CryptographicOperations.FixedTimeEquals(
                            ReadOnlySpan<byte>(mac secret before stated valueAt),
                            stated.Slice(valueAt, 16)
                        )
                    )
                then
                    error valueAt RadiusProblem.WrongMessageAuthenticator
                else
                    Ok packet

    /// Reads an Accounting-Request, and checks that its sender has the same secret.
    let verifyRequest (secret: Secret) (octets: byte[]) : Result<RadiusPacket, RadiusError> =
        verify secret zeros octets

    /// Reads a response, and checks that its sender has the same secret and saw the request with this authenticator.
    let verifyResponse
        (secret: Secret)
        (requestAuthenticator: byte[])
        (octets: byte[])
        : Result<RadiusPacket, RadiusError> =
        verify secret requestAuthenticator octets
