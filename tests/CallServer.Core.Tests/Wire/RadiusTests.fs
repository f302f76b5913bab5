/// Packets of RADIUS accounting (RFC 2865, 2866, 2869).
module CallServer.Tests.Wire.RadiusTests

open System
open System.Text
open FsCheck
open FsCheck.FSharp
open CallServer.Wire
open CallServer.Tests

let private secret = Secret.ofText "testing123"

let private attribute: Gen<RadiusAttribute> =
    let texts =
        [ RadiusType.UserName
          RadiusType.AcctSessionId
          RadiusType.NasIdentifier
          RadiusType.CalledStationId ]

    let numbers =
        [ RadiusType.AcctStatusType
          RadiusType.AcctDelayTime
          RadiusType.AcctSessionTime
          RadiusType.AcctInputGigawords ]

    let word = Gen.choose64 (0L, 0xFFFFFFFFL) |> Gen.map uint32

    let text = Gen.elements [ "a"; "+43 1 5051"; "sip:ö@example"; "😀"; String('x', 253); String('ß', 126) ]

    let octets =
        Gen.choose (1, 253)
        |> Gen.bind (fun size -> Gen.arrayOfLength size (Gen.choose (0, 255) |> Gen.map byte))

    let make kinds value =
        Gen.map2 (fun number value -> { Type = number; Value = value }) (Gen.elements kinds) value

    Gen.oneof
        [ make texts (Gen.map RadiusValue.Text text)
          make numbers (Gen.map RadiusValue.Integer word)
          make [ RadiusType.NasIpAddress ] (Gen.map RadiusValue.Address word)
          make [ RadiusType.EventTimestamp ] (Gen.map RadiusValue.Time word)
          make [ RadiusType.VendorSpecific; RadiusType.Class; 200uy ] (Gen.map RadiusValue.Octets octets) ]

let private packet: Gen<RadiusPacket> =
    gen {
        let! size = Gen.choose (0, 15)
        let! attributes = Gen.listOfLength size attribute
        let! identifier = Gen.choose (0, 255)

        return
            { Code = RadiusCode.AccountingRequest
              Identifier = byte identifier
              Attributes = attributes }
    }

type Packets =
    static member Packet() = Arb.fromGen packet

let private radiusLaws = Laws.plain |> Laws.drawing [ typeof<Packets> ] |> Laws.times 500

let ``a request is read as it was written, by who has the secret`` =
    lawBy radiusLaws (fun (packet: RadiusPacket) (padding: byte) ->
        let octets = RadiusCodec.encodeRequest secret packet
        RadiusCodec.decode octets |> Check.equal (Ok packet)
        RadiusCodec.verifyRequest secret octets |> Check.equal (Ok packet)
        // Whatever follows the stated length in a datagram is padding.
        Array.append octets (Array.zeroCreate (int padding))
        |> RadiusCodec.verifyRequest secret
        |> Check.equal (Ok packet)

        RadiusCodec.verifyRequest (Secret.ofText "testing124") octets
        |> Check.equal (Error { Place = 4; Fault = RadiusProblem.WrongAuthenticator }))

let ``a response answers its own request alone`` =
    lawBy radiusLaws (fun (request: RadiusPacket) (other: RadiusPacket) ->
        let asked = RadiusCodec.encodeRequest secret request |> RadiusCodec.authenticator

        let response =
            { Code = RadiusCode.AccountingResponse; Identifier = request.Identifier; Attributes = [] }

        let octets = RadiusCodec.encodeResponse secret asked response
        RadiusCodec.verifyResponse secret asked octets |> Check.equal (Ok response)
        RadiusCodec.verifyResponse (Secret.ofText "other") asked octets |> Result.isError |> Check.isTrue

        if other <> request then
            let others = RadiusCodec.encodeRequest secret other |> RadiusCodec.authenticator
            RadiusCodec.verifyResponse secret others octets |> Result.isError |> Check.isTrue)

let ``a Message-Authenticator is filled in and held against the packet`` =
    lawBy radiusLaws (fun (packet: RadiusPacket) ->
        let packet =
            { packet with
                Attributes =
                    { Type = RadiusType.MessageAuthenticator
                      Value = RadiusValue.Octets(Array.zeroCreate 16) }
                    :: (packet.Attributes |> List.truncate 10) }

        let octets = RadiusCodec.encodeRequest secret packet
        RadiusCodec.verifyRequest secret octets |> Result.isOk |> Check.isTrue

        // A forger who could make only the other authenticator.
        octets[22] <- octets[22] ^^^ 1uy

        let hashed =
            Array.concat
                [ octets[..3]; Array.zeroCreate 16; octets[20..]; Encoding.UTF8.GetBytes "testing123" ]

        Security.Cryptography.MD5.HashData(hashed).CopyTo(octets, 4)

        RadiusCodec.verifyRequest secret octets
        |> Check.equal (Error { Place = 22; Fault = RadiusProblem.WrongMessageAuthenticator }))

let ``damage is an error with its place, or another packet, and never authentic`` =
    lawBy radiusLaws (fun (packet: RadiusPacket) (other: RadiusPacket) (seed: uint64) ->
        let octets = RadiusCodec.encodeRequest secret packet
        let other = RadiusCodec.encodeRequest secret other

        for attempt in 0UL .. 19UL do
            let damaged = Mutation.some other octets (seed + attempt)

            match RadiusCodec.decode damaged with
            | Ok read -> RadiusCodec.encodeRequest secret read |> Check.isNotEmpty
            | Error error -> error.Place |> Check.between 0 damaged.Length

            match RadiusCodec.verifyRequest secret damaged with
            | Ok read -> (read = packet || Ok read = RadiusCodec.verifyRequest secret other) |> Check.isTrue
            | Error _ -> ())

let ``what is wrong is told with its place`` =
    examples
        [ "", 0
          "04 07 00 13 00000000000000000000000000000000", 2
          "04 07 00 15 00000000000000000000000000000000", 2
          "04 07 00 15 00000000000000000000000000000000 2C", 20
          "04 07 00 16 00000000000000000000000000000000 2C 02", 21
          "04 07 00 16 00000000000000000000000000000000 2C 03", 21
          "04 07 00 19 00000000000000000000000000000000 28 05 00 00 01", 22 ]
        (fun (hex: string, offset: int) ->
            match RadiusCodec.decode (Hex.octets hex) with
            | Error error -> Check.equal offset error.Place
            | Ok packet -> failtest $"%A{packet}")

let ``the octets are those that another program makes`` =
    example (fun () ->
        // Computed by a few lines of Python from RFC 2866 §3; FreeRADIUS accepts the packet.
        { Code = RadiusCode.AccountingRequest
          Identifier = 7uy
          Attributes =
            [ RadiusAttribute.integer RadiusType.AcctStatusType 2L
              { Type = RadiusType.AcctSessionId; Value = RadiusValue.Text "sess1" }
              { Type = RadiusType.NasIdentifier; Value = RadiusValue.Text "nas" } ] }
        |> RadiusCodec.encodeRequest secret
        |> Check.equal (
            Hex.octets
                "04 07 00 26 56 9A C4 61 7B 96 30 14 3B 94 F1 79 67 22 C0 91
             28 06 00 00 00 02 2C 07 73 65 73 73 31 20 05 6E 61 73"
        ))

let ``a long text is cut between characters, a number kept in its range`` =
    example (fun () ->
        let octets text =
            match RadiusAttribute.text RadiusType.UserName text with
            | [ { Value = RadiusValue.Text cut } ] ->
                text.StartsWith(cut, StringComparison.Ordinal) |> Check.isTrue
                Encoding.UTF8.GetByteCount cut
            | other -> failwith $"%A{other}"

        Check.equal 253 (octets (String('x', 300)))
        Check.equal 252 (octets (String('ß', 300)))
        Check.equal 252 (octets (String.replicate 100 "😀"))
        Check.equal 253 (octets ("x" + String.replicate 100 "😀"))
        Check.equal [] (RadiusAttribute.text RadiusType.UserName "")
        Check.equal (RadiusValue.Integer 0u) (RadiusAttribute.integer 41uy -1L).Value
        Check.equal (RadiusValue.Integer UInt32.MaxValue) (RadiusAttribute.integer 46uy Int64.MaxValue).Value)
