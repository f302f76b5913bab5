/// Notifications: SNMPv1's trap, what a listener reads from each kind, and what it does with damaged ones.
module CallServer.Tests.Wire.TrapTests

open System
open FsCheck
open FsCheck.FSharp
open CallServer.Surface
open CallServer.Wire
open CallServer.Tests

let private trapV1: Gen<TrapV1> =
    gen {
        let! community = WireGenerators.octets 40
        let! enterprise = WireGenerators.oid
        let! address = WireGenerators.octets 6
        let! generic = WireGenerators.int32s
        let! specific = WireGenerators.int32s
        let! stamp = WireGenerators.number |> Gen.map uint32
        let! pdu = WireGenerators.pdu

        return
            { Community = community
              Enterprise = enterprise
              AgentAddress = address
              GenericTrap = generic
              SpecificTrap = specific
              TimeStamp = stamp
              VarBinds = pdu.VarBinds }
    }

type TrapArbitraries =
    static member Trap() : Arbitrary<TrapV1> = Arb.fromGen trapV1

/// A property of the codecs, with traps included.
let private trapLaws =
    Laws.plain |> Laws.drawing [ typeof<WireArbitraries>; typeof<TrapArbitraries> ] |> Laws.times 1000

let private read (octets: byte[]) =
    let mutable kind = TrapKind.Other
    let mutable reply = null
    let mutable mistake = null

    if TrapListener.TryRead(octets, &kind, &reply, &mistake) then
        Ok(kind, reply)
    else
        Error mistake

let ``what is written is read again`` =
    lawBy trapLaws (fun (trap: TrapV1) ->
        let trap = OfV1 trap
        SnmpTrap.decode (SnmpTrap.encode trap) |> Check.equal (Ok trap))

let ``messages of later versions are read as ever`` =
    lawBy wireLaws (fun (AnyMessage message) ->
        let octets = Snmp.encode message
        SnmpTrap.decode octets |> Check.equal (Snmp.decode octets |> Result.map Later))

let ``damage is told, never thrown, and takes no more memory than allowed`` =
    lawBy trapLaws (fun (trap: TrapV1) (AnyMessage other) (seed: uint64) ->
        let octets = SnmpTrap.encode (OfV1 trap)
        let other = Snmp.encode other

        for attempt in 0UL .. 19UL do
            let damaged = Mutation.some other octets (seed + attempt)
            let before = GC.GetAllocatedBytesForCurrentThread()
            SnmpTrap.decode damaged |> ignore
            let allocated = GC.GetAllocatedBytesForCurrentThread() - before

            if allocated > 65536L + 4L * int64 damaged.Length then
                failtest $"{damaged.Length} octets took {allocated}: {Convert.ToHexString damaged}"

            read damaged |> ignore)

/// As an agent writes it: coldStart with enterprise 1.3.6.1.4.1.8072.3.2.10, from 192.0.2.1, after 12.34 s.
let private coldStart =
    Hex.octets
        "30 2B 02 01 00 04 06 70 75 62 6C 69 63       # version 1, public
         A4 1E 06 0A 2B 06 01 04 01 BF 08 03 02 0A    # the enterprise
         40 04 C0 00 02 01 02 01 00 02 01 00          # the agent, coldStart, 0
         43 02 04 D2 30 00                            # the time, nothing more"

let private trap: TrapV1 =
    { Community = "public"B
      Enterprise = Oid.parse "1.3.6.1.4.1.8072.3.2.10"
      AgentAddress = [| 192uy; 0uy; 2uy; 1uy |]
      GenericTrap = GenericTrap.ColdStart
      SpecificTrap = 0
      TimeStamp = 1234u
      VarBinds = [||] }

let ``a trap of SNMPv1 is read field by field`` =
    example (fun () ->
        SnmpTrap.decode coldStart |> Check.equal (Ok(OfV1 trap))
        SnmpTrap.encode (OfV1 trap) |> Check.equal coldStart)

let ``a listener reads what SNMPv1 says`` =
    examples
        [ 0, TrapKind.ColdStart; 1, TrapKind.WarmStart; 2, TrapKind.Other; 6, TrapKind.Other ]
        (fun (generic: int, expected: TrapKind) ->
            SnmpTrap.encode (OfV1 { trap with GenericTrap = generic })
            |> read
            |> Check.equal (Ok(expected, null)))

let private notification kind told =
    let varBinds =
        [| VarBind.create (Oid.parse "1.3.6.1.2.1.1.3.0") (TimeTicks 5u)
           VarBind.create (Oid.parse "1.3.6.1.6.3.1.1.4.1.0") (ObjectIdentifier(Oid.parse told)) |]

    V2c("public"B, { Pdu.response 77 varBinds with Kind = kind })

let ``a listener reads what SNMPv2c says, and answers what wants an answer`` =
    examples
        [ "1.3.6.1.6.3.1.1.5.1", TrapKind.ColdStart
          "1.3.6.1.6.3.1.1.5.2", TrapKind.WarmStart
          "1.3.6.1.6.3.1.1.5.3", TrapKind.Other ]
        (fun (told: string, expected: TrapKind) ->
            read (Snmp.encode (notification TrapV2 told)) |> Check.equal (Ok(expected, null))

            match read (Snmp.encode (notification Inform told)) with
            | Ok(kind, reply) ->
                Check.equal expected kind
                Snmp.decode reply |> Check.equal (Ok(notification Response told))
            | Error mistake -> failtest mistake)

let ``what is no notification is named`` =
    example (fun () ->
        let said expected octets =
            match read octets with
            | Error mistake -> mistake |> Check.says (expected: string)
            | Ok told -> failtest $"%A{told}"

        said "ends too early" [||]
        said "Get where a notification is due" (Snmp.encode (V2c([||], Pdu.get 1 [])))
        said "SNMPv3, which is not read" (Snmp.encode (V3(Usm.discovery 1 1)))
        said "a Trap-PDU" (Hex.octets "30 08 02 01 00 04 01 70 A0 00"))
