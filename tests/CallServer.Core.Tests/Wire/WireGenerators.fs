namespace CallServer.Tests.Wire

open System
open System.Text
open FsCheck
open FsCheck.FSharp
open CallServer.Prelude
open CallServer.Wire
open CallServer.Tests

/// Octets written in hexadecimal; on each line, what follows a `#` is a remark.
module Hex =
    let octets (text: string) : byte[] =
        text.Split '\n'
        |> Array.map (fun line -> (line.Split '#')[0])
        |> String.concat ""
        |> String.filter (Char.IsWhiteSpace >> not)
        |> Convert.FromHexString

/// Streams that are cut anywhere.
module Pieces =
    /// Feeds a reader of a stream with pieces of these sizes in turn; returns the messages, or the first error.
    let feed
        (read: byte[] -> 'Stream -> struct ('Message list * Result<'Stream, 'Error>))
        (empty: 'Stream)
        (sizes: int list)
        (all: byte[])
        : Result<'Message list, 'Error> =
        let sizes = List.toArray (if sizes.IsEmpty then [ 1 ] else sizes)

        let rec go at turn stream found =
            if at >= all.Length then
                Ok(List.rev found)
            else
                let size = min (1 + abs sizes[turn % sizes.Length] % 700) (all.Length - at)
                let struct (messages, outcome) = read (Array.sub all at size) stream
                let found = List.rev messages @ found

                match outcome with
                | Ok stream -> go (at + size) (turn + 1) stream found
                | Error wrong -> Error wrong

        go 0 0 empty []

/// An OID that can be in a message: its first two arcs are among those that BER allows.
type WireOid = WireOid of Oid

/// A message as it arrives: without privacy, or with encrypted octets that nobody can read.
type AnyMessage = AnyMessage of Message

/// A message to be secured, and the keys for it.
type SecurableMessage = { Keys: LocalKeys; Boots: int; Time: int; Salt: uint64; Message: V3Message }

/// A number from the whole range, not only small ones.
type Anywhere = Anywhere of uint32

/// Octets that are nearly an element: a tag, a length, and some content.
type NearElement = NearElement of byte[]

module WireGenerators =
    let private arc: Gen<uint32> =
        let edges =
            [ 0u
              39u
              40u
              79u
              80u
              127u
              128u
              16383u
              16384u
              2097151u
              2097152u
              268435455u
              268435456u
              2147483647u
              2147483648u
              4294967295u ]

        Gen.frequency
            [ 4, Gen.choose (0, 127) |> Gen.map uint32
              2, Gen.elements edges
              1, Gen.choose64 (0L, 4294967295L) |> Gen.map uint32 ]

    let arcs (fewest: int) (most: int) : Gen<uint32[]> =
        gen {
            let! size = Gen.frequency [ 9, Gen.choose (fewest, min most 20); 1, Gen.choose (fewest, most) ]
            return! Gen.arrayOfLength size arc
        }

    let oid: Gen<Oid> =
        gen {
            let! root = Gen.choose (0, 2) |> Gen.map uint32
            let! second = if root = 2u then arc else Gen.choose (0, 39) |> Gen.map uint32
            let! rest = arcs 0 126
            return Oid.ofArcs (Array.append [| root; second |] rest)
        }

    let octets (most: int) : Gen<byte[]> =
        gen {
            let! size = Gen.choose (0, most)
            return! Gen.arrayOfLength size (Gen.choose (0, 255) |> Gen.map byte)
        }

    /// Numbers of every width, with both signs, and their neighbours.
    let number: Gen<int64> =
        gen {
            let! bits = Gen.choose (0, 63)
            let! offset = Gen.choose (-2, 2) |> Gen.map int64
            let! any = Gen.choose64 (Int64.MinValue, Int64.MaxValue)
            let! edge = Gen.elements [ true; false ]
            return if edge then (1L <<< bits) + offset else any >>> bits
        }

    let int32s: Gen<int> = number |> Gen.map int

    let value: Gen<Value> =
        Gen.oneof
            [ number |> Gen.map Integer
              octets 300 |> Gen.map OctetString
              oid |> Gen.map ObjectIdentifier
              Gen.arrayOfLength 4 (Gen.choose (0, 255) |> Gen.map byte) |> Gen.map IpAddress
              number |> Gen.map (uint32 >> Counter32)
              number |> Gen.map (uint32 >> Gauge32)
              number |> Gen.map (uint32 >> TimeTicks)
              octets 20 |> Gen.map Opaque
              number |> Gen.map (uint64 >> Counter64)
              Gen.elements [ Null; NoSuchObject; NoSuchInstance; EndOfMibView ] ]

    let pdu: Gen<Pdu> =
        gen {
            let! kind = Gen.elements [ Get; GetNext; GetBulk; Set; Response; Report; TrapV2; Inform ]
            let! requestId = int32s
            let! status = int32s
            let! index = int32s
            let! count = Gen.choose (0, 12)
            let! names = Gen.arrayOfLength count oid
            let! values = Gen.arrayOfLength count value

            return
                { Kind = kind
                  RequestId = requestId
                  ErrorStatus = status
                  ErrorIndex = index
                  VarBinds = Array.map2 VarBind.create names values }
        }

    let scopedPdu: Gen<ScopedPdu> =
        gen {
            let! engine = octets 32
            let! name = octets 20
            let! pdu = pdu

            return { ContextEngineId = engine; ContextName = name; Pdu = pdu }
        }

    let level: Gen<SecurityLevel> = Gen.elements [ NoAuthNoPriv; AuthNoPriv; AuthPriv ]

    let v3: Gen<V3Message> =
        gen {
            let! messageId = int32s
            let! maxSize = int32s
            let! reportable = Gen.elements [ true; false ]
            let! level = level
            let! engine = octets 32
            let! boots = int32s
            let! time = int32s
            let! user = octets 32
            let! authentication = octets 48
            let! privacy = octets 8
            let! data = Gen.oneof [ Gen.map Plain scopedPdu; Gen.map Encrypted (octets 300) ]

            return
                { MessageId = messageId
                  MaxSize = maxSize
                  Reportable = reportable
                  Level = level
                  SecurityModel = SecurityModel.Usm
                  Security =
                    { EngineId = engine
                      EngineBoots = boots
                      EngineTime = time
                      UserName = user
                      AuthenticationParameters = authentication
                      PrivacyParameters = privacy }
                  Data = data }
        }

    let message: Gen<Message> =
        let v2c = Gen.map2 (fun community pdu -> V2c(community, pdu)) (octets 20) pdu
        Gen.oneof [ v2c; Gen.map V3 v3 ]

    let authProtocols = [ Md5; Sha1; Sha256; Sha384; Sha512 ]

    /// A user of every algorithm and level; made once, because each costs milliseconds.
    let allKeys: LocalKeys[] =
        let engine = Hex.octets "80 00 1F 88 04 63 61 6C 6C"
        let passphrase = Secret.ofText "a long enough passphrase"
        let secret = Secret.ofText "another long passphrase"
        let named (text: string) = Encoding.UTF8.GetBytes text

        [| Usm.localize { Name = named "nobody"; Auth = None; Priv = None } engine

           for auth in authProtocols do
               for priv in [ None; Some(struct (Aes128, secret)) ] do
                   let user: UsmUser =
                       { Name = named $"user of {auth}"; Auth = Some(struct (auth, passphrase)); Priv = priv }

                   Usm.localize user engine |]

    let keys: Gen<LocalKeys> = Gen.elements allKeys

    let securable: Gen<SecurableMessage> =
        gen {
            let! keys = keys
            let! boots = int32s
            let! time = int32s
            let! salt = number
            let! message = v3
            let! scoped = scopedPdu

            return
                { Keys = keys
                  Boots = boots
                  Time = time
                  Salt = uint64 salt
                  Message = { message with Level = keys.Level; Data = Plain scoped } }
        }

    /// An element with a tag that SNMP knows, mostly with the right length, sometimes with a strange form of it.
    let nearElement: Gen<byte[]> =
        gen {
            let! tag = Gen.elements [ 0x02uy; 0x04uy; 0x05uy; 0x06uy; 0x30uy; 0x41uy; 0x46uy; 0x24uy ]
            let! content = octets 12
            let! zeros = Gen.frequency [ 3, Gen.constant -1; 1, Gen.choose (0, 4) ]
            let! wrong = Gen.frequency [ 5, Gen.constant 0; 1, Gen.choose (-3, 3) ]
            let length = byte (max 0 (content.Length + wrong))

            let header =
                if zeros < 0 then
                    [| length |]
                else
                    Array.concat [ [| byte (0x81 + zeros) |]; Array.zeroCreate zeros; [| length |] ]

            return Array.concat [ [| tag |]; header; content ]
        }

/// The generators of the wire's types.
type WireArbitraries =
    static member WireOid() = Arb.fromGen (Gen.map WireOid WireGenerators.oid)

    static member Oid() = Arb.fromGen (WireGenerators.arcs 0 128 |> Gen.map Oid.ofArcs)
    static member Anywhere() = Gen.choose64 (0L, 4294967295L) |> Gen.map (uint32 >> Anywhere) |> Arb.fromGen

    static member Value() = Arb.fromGen WireGenerators.value
    static member Pdu() = Arb.fromGen WireGenerators.pdu
    static member AnyMessage() = Arb.fromGen (Gen.map AnyMessage WireGenerators.message)
    static member Securable() = Arb.fromGen WireGenerators.securable
    static member NearElement() = Arb.fromGen (Gen.map NearElement WireGenerators.nearElement)

[<AutoOpen>]
module WireLaws =
    /// Laws of the wire, tried with its generators on two thousand cases.
    let wireLaws = Laws.plain |> Laws.drawing [ typeof<WireArbitraries> ] |> Laws.times 2000

/// Damages messages, from a seed.
module Mutation =
    let private telling =
        [| 0x00uy; 0x01uy; 0x02uy; 0x04uy; 0x06uy; 0x30uy; 0x7Fuy; 0x80uy; 0x81uy; 0x84uy; 0xA2uy; 0xFFuy |]

    let private splice (octets: byte[]) (start: int) (removed: int) (inserted: byte[]) : byte[] =
        Array.concat [ octets[.. start - 1]; inserted; octets[start + removed ..] ]

    /// One damage: a flipped bit; a changed octet; lost, repeated or invented octets; a truncation; a piece of
    /// another message.
    let once (other: byte[]) (octets: byte[]) (rng: Rng) : struct (byte[] * Rng) =
        let struct (kind, rng) = Rng.below 7 rng
        let struct (place, rng) = Rng.below (octets.Length + 1) rng
        let struct (size, rng) = Rng.below 16 rng
        let struct (bits, rng) = Rng.next rng
        let size = min size (octets.Length - place)
        let at = min place (octets.Length - 1)

        let damaged =
            if octets.Length = 0 then
                other
            else
                match kind with
                | 0 -> splice octets at 1 [| octets[at] ^^^ (1uy <<< int (bits &&& 7UL)) |]
                | 1 -> splice octets at 1 [| telling[int (bits % uint64 telling.Length)] |]
                | 2 -> splice octets place size [||]
                | 3 -> splice octets place 0 octets[place .. place + size - 1]
                | 4 -> splice octets place 0 (BitConverter.GetBytes bits)
                | 5 -> octets[.. place - 1]
                | _ ->
                    let start = int (bits % uint64 (other.Length + 1))
                    splice octets place size other[start..]

        struct (damaged, rng)

    /// One to four damages.
    let some (other: byte[]) (octets: byte[]) (seed: uint64) : byte[] =
        let struct (count, rng) = Rng.below 4 (Rng.create seed)
        let mutable octets = octets
        let mutable rng = rng

        for _ in 0..count do
            let struct (damaged, next) = once other octets rng
            octets <- damaged
            rng <- next

        octets
