/// Whatever comes from the network: no exception, and no more memory than allowed.
module CallServer.Tests.Wire.DamageTests

open System
open CallServer.Prelude
open CallServer.Wire
open CallServer.Tests

/// How much decoding may allocate for this many octets.
let private bound (size: int) : int64 = 65536L + 4L * int64 size

/// How much decoding allocates on this thread, in octets.
let private allocated (decode: byte[] -> unit) (octets: byte[]) : int64 =
    let before = GC.GetAllocatedBytesForCurrentThread()
    decode octets
    GC.GetAllocatedBytesForCurrentThread() - before

let private decode (octets: byte[]) = Snmp.decode octets |> ignore
let private peek (octets: byte[]) = Snmp.peek octets |> ignore

let private verify (keys: LocalKeys) (octets: byte[]) = Usm.verify keys octets |> ignore

let private measure (decoders: (byte[] -> unit) list) (octets: byte[]) : unit =
    for decoder in decoders do
        let allocated = allocated decoder octets

        if allocated > bound octets.Length then
            failtest $"{octets.Length} octets took {allocated}: {Convert.ToHexString octets}"

/// Caches are filled before anything else is measured.
let private madeOnce =
    lazy (measure [ decode; peek; verify WireGenerators.allKeys[0] ] (Snmp.encode (V3(Usm.discovery 1 1))))

let private check (decoders: (byte[] -> unit) list) (octets: byte[]) : unit =
    madeOnce.Force()
    measure decoders octets

let ``damaged messages`` =
    lawBy wireLaws (fun (AnyMessage message) (AnyMessage other) (seed: uint64) ->
        let octets = Snmp.encode message
        let other = Snmp.encode other

        for attempt in 0UL .. 19UL do
            check [ decode; peek ] (Mutation.some other octets (seed + attempt)))

let ``damaged messages that were secured`` =
    lawBy (wireLaws |> Laws.times 1000) (fun (one: SecurableMessage) (AnyMessage other) (seed: uint64) ->
        let octets = Usm.secure one.Keys one.Boots one.Time one.Salt one.Message
        let other = Snmp.encode other

        for attempt in 0UL .. 19UL do
            check [ decode; peek; verify one.Keys ] (Mutation.some other octets (seed + attempt)))

let ``noise`` =
    lawBy wireLaws (fun (Anywhere seed) (size: byte) ->
        let octets = Array.zeroCreate (int size)
        System.Random(int seed).NextBytes octets
        check [ decode; peek; verify WireGenerators.allKeys[0] ] octets)

let ``64 KiB of noise, also as the content of a message`` =
    example (fun () ->
        let mutable rng = Rng.create 2UL

        for _ in 1..200 do
            let noise = Array.zeroCreate<byte> 65536

            for index in 0 .. noise.Length - 1 do
                let struct (octet, next) = Rng.below 256 rng
                noise[index] <- byte octet
                rng <- next

            check [ decode; peek ] noise

            let head =
                Hex.octets
                    "30 83 00 FF F8 02 01 01 04 01 63 A2 83 00 FF E0 02 01 01 02 01 00 02 01 00 30 83 00 FF D0"

            check [ decode; peek ] (Array.append head noise[head.Length - 3 ..]))

/// A response with the same variable binding many times.
let private repeated (count: int) (varBind: string) : byte[] =
    let one = Hex.octets varBind
    let writer = BerWriter 65536

    for _ in 1..count do
        writer.Octets(ReadOnlySpan<byte> one)

    writer.Close(BerTag.Sequence, 0)
    writer.Integer(BerTag.Integer, 0L)
    writer.Integer(BerTag.Integer, 0L)
    writer.Integer(BerTag.Integer, 1L)
    writer.Close(0xA2uy, 0)
    writer.OctetString(BerTag.OctetString, ReadOnlySpan<byte>.Empty)
    writer.Integer(BerTag.Integer, 1L)
    writer.Close(BerTag.Sequence, 0)
    writer.ToArray()

let ``messages as dense as can be stay within the bound at every size`` =
    examples
        [ "30 04 06 00 05 00"
          "30 04 06 00 04 00"
          "30 05 06 00 04 01 41"
          "30 06 06 01 2B 04 01 41"
          "30 06 06 01 2B 02 01 41"
          "30 06 06 01 2B 41 01 41"
          "30 06 06 01 2B 06 01 2B"
          "30 07 06 02 2B 06 06 01 2B"
          "30 0B 06 06 2B 06 01 02 01 01 06 01 2B"
          "30 00" ]
        (fun (varBind: string) ->
            for count in [ 1; 10; 100; 500; 900; 1000; 1500; 2000; 3000; 5000; 8000 ] do
                check [ decode ] (repeated count varBind))

let ``what would take more memory than allowed is refused by name`` =
    example (fun () ->
        match Snmp.decode (repeated 8000 "30 06 06 01 2B 04 01 41") with
        | Error { Problem = TooManyVarBinds 8000 } -> ()
        | other -> failtest $"%A{other}")

let ``a full datagram of a gateway's table is not too much`` =
    example (fun () ->
        // A column of CISCO-VOICE-DIAL-CONTROL-MIB, a row from the last days of sysUpTime, a small number.
        let name = Oid.parse "1.3.6.1.4.1.9.9.63.1.3.2.1.5.4294967295.1"
        let varBinds = Array.create 2500 (VarBind.create name (Gauge32 1u))
        let octets = Snmp.encode (V2c([||], Pdu.response 1 varBinds))
        octets.Length |> Check.between 65000 65507
        Snmp.decode octets |> Check.equal (Ok(V2c([||], Pdu.response 1 varBinds)))
        check [ decode ] octets)

let ``what is authentic may take twice as much, for its decryption`` =
    example (fun () ->
        let keys = WireGenerators.allKeys |> Array.find (fun keys -> keys.Level = AuthPriv)

        let varBinds =
            Array.create
                2400
                (VarBind.create (Oid.parse "1.3.6.1.4.1.9.9.63.1.3.2.1.5.4294967295.1") (Gauge32 1u))

        let message =
            { Usm.discovery 1 1 with
                Level = AuthPriv
                Data = Plain { ContextEngineId = [||]; ContextName = [||]; Pdu = Pdu.response 1 varBinds } }

        let octets = Usm.secure keys 1 2 3UL message
        Usm.verify keys octets |> Result.isOk |> Check.isTrue
        allocated (verify keys) octets |> Check.below (2L * bound octets.Length))
