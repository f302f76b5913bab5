/// The RADIUS record of a CDR.
module CallServer.Tests.Accounting.RadiusRecordTests

open CallServer.Model
open CallServer.Wire
open CallServer.Accounting
open CallServer.Tests.Wire
open CallServer.Tests

let private nas: RadiusNas = { Identifier = "cs-a"; Address = ValueSome 0x7F000001u }
let private at = Instant.ofMicros 1_770_000_000_000_000L

let private cdr (more: string) =
    $$"""{"id":"c1","call":"call-1","gateway":"gw1","originator":"+4315051","remote":"+4319999","read_codec":"PCMU",
      "answer_stamp":"2026-01-31T10:00:00.900000Z","end_stamp":"2026-01-31T10:01:01.100000Z","billsec":60,"billsec_max":62,
      "connection":"1/2"{{more}}}"""

let private read status json =
    match RadiusRecord.read nas 5L status "c1" at json with
    | Ok entry -> entry.Attributes
    | Error reason -> failwith reason

let private number kind attributes =
    match RadiusAttribute.tryFind kind attributes with
    | ValueSome(RadiusValue.Integer value) -> ValueSome value
    | ValueSome other -> failwith $"%A{other}"
    | ValueNone -> ValueNone

let ``a stop says whose, how long at least, and why it ended`` =
    example (fun () ->
        let told =
            cdr
                ""","end_evidence":"absent","hangup_cause":"NORMAL_UNSPECIFIED",
               "counters":{"packets_sent":10,"octets_sent":4294967297,"packets_received":null,"octets_received":1600}"""
            |> read AccountingStatus.Stop

        let text kind text = { Type = kind; Value = RadiusValue.Text text }
        let integer kind value = { Type = kind; Value = RadiusValue.Integer value }

        told
        |> Check.equal
            [ integer RadiusType.AcctStatusType 2u
              text RadiusType.AcctSessionId "c1"
              text RadiusType.AcctMultiSessionId "call-1"
              text RadiusType.UserName "+4315051"
              text RadiusType.CallingStationId "+4315051"
              text RadiusType.CalledStationId "+4319999"
              text RadiusType.NasIdentifier "cs-a"
              { Type = RadiusType.NasIpAddress; Value = RadiusValue.Address 0x7F000001u }
              integer RadiusType.NasPortType 5u
              text RadiusType.NasPortId "gw1/1/2"
              text RadiusType.ConnectInfo "PCMU"
              integer RadiusType.ServiceType 1u
              { Type = RadiusType.EventTimestamp; Value = RadiusValue.Time 1769853661u }
              integer RadiusType.AcctSessionTime 60u
              integer RadiusType.AcctInputOctets 1600u
              integer RadiusType.AcctOutputOctets 1u
              integer RadiusType.AcctOutputGigawords 1u
              integer RadiusType.AcctOutputPackets 10u
              integer RadiusType.AcctTerminateCause 2u ])

let ``a cause for every evidence`` =
    examples
        [ "absent", "NORMAL_UNSPECIFIED", 2
          "gateway-restart", "NORMAL_TEMPORARY_FAILURE", 11
          "operator", "MANAGER_REQUEST", 6
          "released", "MANAGER_REQUEST", 6
          "gateway-history", "NORMAL_CLEARING", 1
          "gateway-history", "NETWORK_OUT_OF_ORDER", 3
          "gateway-history", "MEDIA_TIMEOUT", 4
          "gateway-history", "no such cause", 1 ]
        (fun (evidence: string, cause: string, expected: int) ->
            let json = cdr $",\"end_evidence\":\"{evidence}\",\"hangup_cause\":\"{cause}\""

            read AccountingStatus.Stop json
            |> number RadiusType.AcctTerminateCause
            |> Check.equal (ValueSome(uint32 expected)))

let ``a start has neither time nor cause, an interim no cause`` =
    example (fun () ->
        let start = read AccountingStatus.Start (cdr "")
        Check.equal (ValueSome 1u) (number RadiusType.AcctStatusType start)
        Check.equal ValueNone (number RadiusType.AcctSessionTime start)
        Check.equal ValueNone (number RadiusType.AcctTerminateCause start)
        // The moment from which billing counts seconds.
        Check.equal
            (ValueSome(RadiusValue.Time 1769853600u))
            (RadiusAttribute.tryFind RadiusType.EventTimestamp start)

        let interim = read AccountingStatus.Interim (cdr ",\"partial\":true")
        Check.equal (ValueSome 3u) (number RadiusType.AcctStatusType interim)
        Check.equal (ValueSome 60u) (number RadiusType.AcctSessionTime interim)
        Check.equal ValueNone (number RadiusType.AcctTerminateCause interim))

let ``what is no CDR is refused with a reason`` =
    examples [ ""; "{"; "[]" ] (fun (json: string) ->
        match RadiusRecord.read nas 1L AccountingStatus.Stop "c1" at json with
        | Error reason -> reason |> Check.isNotEmpty
        | Ok entry -> failtest $"%A{entry}")

let ``what a CDR does not say is not said`` =
    example (fun () ->
        read AccountingStatus.Stop """{"originator":null,"billsec":"x","counters":null}"""
        |> List.map _.Type
        |> Check.equal
            [ RadiusType.AcctStatusType
              RadiusType.AcctSessionId
              RadiusType.NasIdentifier
              RadiusType.NasIpAddress
              RadiusType.NasPortType
              RadiusType.ServiceType
              RadiusType.EventTimestamp
              RadiusType.AcctSessionTime
              RadiusType.AcctTerminateCause ])
