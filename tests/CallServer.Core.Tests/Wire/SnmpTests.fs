module CallServer.Tests.Wire.SnmpTests

open System
open System.Text
open CallServer.Wire
open CallServer.Tests

let private octets (text: string) = Encoding.ASCII.GetBytes text

let ``a message reads back`` =
    lawBy wireLaws (fun (AnyMessage message) -> Snmp.decode (Snmp.encode message) = Ok message)

let ``a message reads back with octets after it`` =
    lawBy wireLaws (fun (AnyMessage message) (padding: byte[]) ->
        Snmp.decode (Array.append (Snmp.encode message) padding) = Ok message)

let ``every part of a message is a problem`` =
    lawBy (wireLaws |> Laws.times 1000) (fun (AnyMessage message) ->
        let encoded = Snmp.encode message

        [ 0 .. encoded.Length - 1 ]
        |> List.forall (fun length -> Result.isError (Snmp.decode encoded[.. length - 1])))

let ``a peek finds the id that decoding finds`` =
    lawBy wireLaws (fun (AnyMessage message) ->
        let expected =
            match message with
            | V2c(_, pdu) -> RequestId pdu.RequestId
            | V3 message -> MessageId message.MessageId

        Snmp.peek (Snmp.encode message) = Ok expected)

// Messages written by hand, octet by octet.

let private sysUpTime = Oid.parse "1.3.6.1.2.1.1.3.0"

/// RFC 2128, callActiveConnectTime: a row that was set up at sysUpTime 2147483650.
let private connectTime = Oid.parse "1.3.6.1.2.1.10.21.1.3.1.1.8.2147483650.7"

let private golden (name: string) (text: string) (message: Message) = name, (text, message)

let private goldenMessages =
    [ golden
          "a v2c Get"
          "30 26                               # SEQUENCE, 38 octets
             02 01 01                          # version: 1, SNMPv2c
             04 06 70 75 62 6C 69 63           # community: public
             A0 19                             # GetRequest-PDU, 25 octets
               02 01 2A                        # request-id: 42
               02 01 00                        # error-status: noError
               02 01 00                        # error-index: 0
               30 0E                           # VarBindList, 14 octets
                 30 0C                         # VarBind, 12 octets
                   06 08 2B 06 01 02 01 01 03 00   # sysUpTime.0
                   05 00                       # NULL"
          (V2c(octets "public", Pdu.get 42 [ sysUpTime ]))
      golden
          "a v2c GetBulk"
          "30 3C                               # SEQUENCE, 60 octets
             02 01 01                          # version: 1, SNMPv2c
             04 06 70 75 62 6C 69 63           # community: public
             A5 2F                             # GetBulkRequest-PDU, 47 octets
               02 04 7F FF FF FF               # request-id: 2147483647
               02 01 01                        # non-repeaters: 1
               02 01 19                        # max-repetitions: 25
               30 21                           # VarBindList, 33 octets
                 30 0C                         # VarBind, 12 octets
                   06 08 2B 06 01 02 01 01 03 00   # sysUpTime.0
                   05 00                       # NULL
                 30 11                         # VarBind, 17 octets
                   06 0D                       # 13 octets: callActiveConnectTime.0
                     2B 06 01 02 01 0A 15 01 03 01 01 08 00
                   05 00                       # NULL"
          (V2c(
              octets "public",
              Pdu.getBulk 2147483647 1 25 [ sysUpTime; Oid.parse "1.3.6.1.2.1.10.21.1.3.1.1.8.0" ]
          ))
      golden
          "a v2c Response with values of several kinds"
          "30 81 81                            # SEQUENCE, 129 octets
             02 01 01                          # version: 1, SNMPv2c
             04 01 63                          # community: c
             A2 79                             # Response-PDU, 121 octets
               02 01 FF                        # request-id: -1
               02 01 00                        # error-status: noError
               02 01 00                        # error-index: 0
               30 6E                           # VarBindList, 110 octets
                 30 11                         # VarBind, 17 octets
                   06 08 2B 06 01 02 01 01 03 00   # sysUpTime.0
                   43 05 00 80 00 00 64        # TimeTicks: 2147483748
                 30 19                         # VarBind, 25 octets
                   06 12 2B 06 01 02 01 0A 15 01 03 01 01 08   # callActiveConnectTime
                     88 80 80 80 02            # .2147483650
                     07                        # .7
                   43 03 01 E2 40              # TimeTicks: 123456
                 30 0D                         # VarBind, 13 octets
                   06 03 2B 06 01              # 1.3.6.1
                   04 06 34 32 30 31 32 33     # OCTET STRING: 420123
                 30 0B                         # VarBind, 11 octets
                   06 03 2B 06 01              # 1.3.6.1
                   40 04 0A 00 00 FE           # IpAddress: 10.0.0.254
                 30 10                         # VarBind, 16 octets
                   06 03 2B 06 01              # 1.3.6.1
                   46 09 00 FF FF FF FF FF FF FF FF   # Counter64: 2^64 - 1
                 30 07                         # VarBind, 7 octets
                   06 03 2B 06 01              # 1.3.6.1
                   82 00                       # endOfMibView
                 30 07                         # VarBind, 7 octets
                   06 03 2B 06 01              # 1.3.6.1
                   81 00                       # noSuchInstance"
          (let internet = Oid.parse "1.3.6.1"

           V2c(
               octets "c",
               Pdu.response
                   -1
                   [| VarBind.create sysUpTime (TimeTicks 2147483748u)
                      VarBind.create connectTime (TimeTicks 123456u)
                      VarBind.create internet (OctetString(octets "420123"))
                      VarBind.create internet (IpAddress [| 10uy; 0uy; 0uy; 254uy |])
                      VarBind.create internet (Counter64 UInt64.MaxValue)
                      VarBind.create internet EndOfMibView
                      VarBind.create internet NoSuchInstance |]
           ))
      golden
          "a v3 discovery"
          "30 3C                               # SEQUENCE, 60 octets
             02 01 03                          # version: 3
             30 0F                             # msgGlobalData, 15 octets
               02 02 03 E8                     # msgID: 1000
               02 03 00 FF E3                  # msgMaxSize: 65507
               04 01 04                        # msgFlags: reportable
               02 01 03                        # msgSecurityModel: USM
             04 10                             # msgSecurityParameters, 16 octets
               30 0E                           # UsmSecurityParameters, 14 octets
                 04 00                         # msgAuthoritativeEngineID
                 02 01 00                      # msgAuthoritativeEngineBoots
                 02 01 00                      # msgAuthoritativeEngineTime
                 04 00                         # msgUserName
                 04 00                         # msgAuthenticationParameters
                 04 00                         # msgPrivacyParameters
             30 14                             # ScopedPDU, 20 octets
               04 00                           # contextEngineID
               04 00                           # contextName
               A0 0E                           # GetRequest-PDU, 14 octets
                 02 04 00 BC 61 4E             # request-id: 12345678
                 02 01 00                      # error-status: noError
                 02 01 00                      # error-index: 0
                 30 00                         # VarBindList, empty"
          (V3(Usm.discovery 1000 12345678))
      golden
          "a v3 Report of an unknown engine id"
          "30 61                               # SEQUENCE, 97 octets
             02 01 03                          # version: 3
             30 0F                             # msgGlobalData, 15 octets
               02 02 03 E8                     # msgID: 1000
               02 03 00 FF E3                  # msgMaxSize: 65507
               04 01 00                        # msgFlags: none
               02 01 03                        # msgSecurityModel: USM
             04 1B                             # msgSecurityParameters, 27 octets
               30 19                           # UsmSecurityParameters, 25 octets
                 04 09 80 00 1F 88 04 63 61 6C 6C   # msgAuthoritativeEngineID
                 02 01 07                      # msgAuthoritativeEngineBoots: 7
                 02 03 01 51 80                # msgAuthoritativeEngineTime: 86400
                 04 00                         # msgUserName
                 04 00                         # msgAuthenticationParameters
                 04 00                         # msgPrivacyParameters
             30 2E                             # ScopedPDU, 46 octets
               04 09 80 00 1F 88 04 63 61 6C 6C   # contextEngineID
               04 00                           # contextName
               A8 1F                           # Report-PDU, 31 octets
                 02 04 00 BC 61 4E             # request-id: 12345678
                 02 01 00                      # error-status: noError
                 02 01 00                      # error-index: 0
                 30 11                         # VarBindList, 17 octets
                   30 0F                       # VarBind, 15 octets
                     06 0A 2B 06 01 06 03 0F 01 01 04 00   # usmStatsUnknownEngineIDs.0
                     41 01 03                  # Counter32: 3"
          (let engine = Hex.octets "80 00 1F 88 04 63 61 6C 6C"

           V3
               { Usm.discovery 1000 0 with
                   Reportable = false
                   Security =
                       { UsmParameters.empty with EngineId = engine; EngineBoots = 7; EngineTime = 86400 }
                   Data =
                       Plain
                           { ContextEngineId = engine
                             ContextName = [||]
                             Pdu =
                               Pdu.report
                                   12345678
                                   [| VarBind.create (UsmReport.oid UnknownEngineIds) (Counter32 3u) |] } }) ]

let ``reads a message written by hand`` =
    namedExamples goldenMessages (fun (text: string, message: Message) ->
        Snmp.decode (Hex.octets text) |> Check.equal (Ok message))

let ``writes a message as by hand`` =
    namedExamples goldenMessages (fun (text: string, message: Message) ->
        Snmp.encode message |> Check.equal (Hex.octets text))

// What is refused, and where.

let private refused (name: string) (text: string) (offset: int) (problem: DecodeProblem) =
    name, (text, offset, problem)

let private refusedMessages =
    let v3 = "30 3C 02 01 03 30 0F 02 02 03 E8 02 03 00 FF E3"

    let rest =
        "04 10 30 0E 04 00 02 01 00 02 01 00 04 00 04 00 04 00 30 14 "
        + "04 00 04 00 A0 0E 02 04 00 BC 61 4E 02 01 00 02 01 00 30 00"

    [ refused
          "SNMPv1"
          "30 1A 02 01 00 04 01 63 A0 12 02 01 01 02 01 00 02 01 00 30 07 30 05 06 01 2B 05 00"
          2
          Version1
      refused "version 2" "30 03 02 01 02" 2 (UnknownVersion 2)
      refused "no message" "41 01 00" 0 (UnexpectedTag(0x41uy, "a message"))
      refused "an indefinite length" "30 80 02 01 01 00 00" 1 IndefiniteLength
      refused "a length beyond the message" "30 04 02 01 01" 1 (LengthBeyondEnd(4, 3))
      refused "a length beyond the message's last octet" "30 06 02 01 01 04 02 63" 6 (LengthBeyondEnd(2, 1))
      refused
          "a length beyond the container, though not beyond the message"
          "30 15 02 01 01 04 01 63 A0 0B 02 01 01 02 01 00 02 01 00 30 02 05 00"
          20
          (LengthBeyondEnd(2, 0))
      refused "the trap of SNMPv1" "30 08 02 01 01 04 01 63 A4 00" 8 (UnknownPdu 0xA4uy)
      refused "no PDU" "30 06 02 01 01 04 01 63" 8 EndOfInput
      refused
          "a request-id of more than 32 bits"
          "30 11 02 01 01 04 01 63 A0 09 02 05 00 80 00 00 00 30 00"
          12
          (NumberOutOfRange 5)
      refused
          "octets after the variable bindings"
          "30 16 02 01 01 04 01 63 A0 0E 02 01 01 02 01 00 02 01 00 30 00 05 00 00"
          21
          (TrailingOctets 3)
      refused
          "octets after a value"
          "30 1A 02 01 01 04 01 63 A0 12 02 01 01 02 01 00 02 01 00 30 07 30 05 06 00 05 00 00"
          27
          (TrailingOctets 1)
      refused
          "octets after the PDU"
          "30 15 02 01 01 04 01 63 A0 0B 02 01 01 02 01 00 02 01 00 30 00 05 00"
          21
          (TrailingOctets 2)
      refused "privacy without authentication" $"{v3} 04 01 02 02 01 03 {rest}" 16 InvalidFlags
      refused
          "two octets of flags"
          "30 13 02 01 03 30 0E 02 01 01 02 02 08 00 04 02 00 00 02 01 03"
          14
          InvalidFlags
      refused "another security model" $"{v3} 04 01 00 02 01 02 {rest}" 19 (UnknownSecurityModel 2) ]

let ``refuses`` =
    namedExamples refusedMessages (fun (text: string, offset: int, problem: DecodeProblem) ->
        Snmp.decode (Hex.octets text) |> Check.equal (Error { Offset = offset; Problem = problem }))

let ``a bomb of nested sequences is refused at its second layer`` =
    example (fun () ->
        let bomb = Array.init 60000 (fun index -> if index % 2 = 0 then 0x30uy else 0x80uy)
        Snmp.decode bomb |> Check.equal (Error { Offset = 1; Problem = IndefiniteLength })

        let mutable nested = [||]

        while nested.Length < 60000 do
            let writer = BerWriter 16
            writer.OctetString(BerTag.Sequence, ReadOnlySpan<byte> nested)
            nested <- writer.ToArray()

        match Snmp.decode nested with
        | Error { Problem = UnexpectedTag(0x30uy, "a version") } -> ()
        | other -> failtest $"%A{other}")

let ``a problem says what and where`` =
    example (fun () ->
        let text problem = string { Offset = 12; Problem = problem }

        text (UnexpectedTag(0x41uy, "a name")) |> Check.equal "tag 0x41 where a name is due, at octet 12"

        text (LengthBeyondEnd(9, 4)) |> Check.equal "a length of 9 octets where 4 are left, at octet 12")

let ``an error status has the name of RFC 3416`` =
    examples
        [ 0, "noError"
          5, "genErr"
          16, "authorizationError"
          18, "inconsistentName"
          19, "errorStatus(19)"
          -1, "errorStatus(-1)" ]
        (fun (status: int, name: string) -> ErrorStatus.name status |> Check.equal name)
