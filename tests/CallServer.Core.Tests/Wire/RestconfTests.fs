/// Times of YANG, and what IOS-XE answers over RESTCONF.
module CallServer.Tests.Wire.RestconfTests

open System
open System.Text
open System.Text.Json.Nodes
open FsCheck
open FsCheck.FSharp
open CallServer.Model
open CallServer.Wire
open CallServer.Tests

let private viewOf (octets: byte[]) : JsonView = { Octets = octets; Start = 0; Length = octets.Length }

let private view (json: string) : JsonView = viewOf (Encoding.UTF8.GetBytes json)

/// A time with so many digits in its fraction.
let private timeOf (digits: int) (micros: int64) : YangTime =
    let unit = pown 10L (6 - digits)
    { Micros = micros / unit * unit; Unit = unit }

let private leg: Gen<VoiceLeg> =
    let number most = Gen.oneof [ Gen.constant ValueNone; Gen.map ValueSome (Gen.choose64 (0L, most)) ]
    let word = Gen.elements [ ""; "Zoë \"Müller\\"; "14155550100"; "😀" ]

    gen {
        let! id = Gen.choose64 (0L, 4294967295L)
        let! digits = Gen.choose (0, 6)
        let! setup = Gen.choose64 (1L, 4102444800000000L)
        let! isStamped = Gen.elements [ true; false ]
        let! bridge = number 4294967295L
        let! peer = number 2147483647L
        let! duration = number 4294967295L
        let! port = number 65535L
        let! direction = Gen.elements [ "incoming-leg"; "outgoing-leg"; "unknown-leg"; "" ]
        let! caller = word
        let! state = Gen.elements [ "active-state"; "connecting-state"; "" ]
        let! host = Gen.elements [ "192.0.2.1"; "2001:db8::1"; "" ]
        let! codec = Gen.elements [ "voip-codec-g711ulaw"; "" ]
        let stamp = timeOf digits setup

        return
            { CallId = id
              Setup = (if isStamped && stamp.Micros > 0L then ValueSome stamp else ValueNone)
              Bridge = bridge
              Peer = peer
              Direction = direction
              Number = caller
              State = state
              Duration = duration
              RemoteHost = host
              RemotePort = port
              Codec = codec }
    }

/// Legs, the offset with which their times are written, in minutes, and whether numbers are texts.
type AnyLegs = AnyLegs of VoiceLeg list * zone: int * asTexts: bool

type RestconfArbitraries =
    static member Legs() : Arbitrary<AnyLegs> =
        gen {
            let! size = Gen.choose (0, 6)
            let! legs = Gen.listOfLength size leg
            let! quarters = Gen.choose (-48, 56)
            let! asTexts = Gen.elements [ true; false ]
            return AnyLegs(legs, 15 * quarters, asTexts)
        }
        |> Arb.fromGen

let private textOf (zone: int) (time: YangTime) : string =
    let local = Instant.toDateTime(Instant.ofMicros time.Micros).ToOffset(TimeSpan.FromMinutes(float zone))
    let digits = 6 - int (Math.Log10(float time.Unit))
    let fraction = if digits = 0 then "" else "." + String('f', digits)
    local.ToString("yyyy-MM-dd'T'HH:mm:ss" + fraction + "zzz")

let internal octetsOf (AnyLegs(legs, zone, asTexts)) : byte[] =
    let number (value: int64) : JsonNode =
        if asTexts then JsonValue.Create(string value) else JsonValue.Create value

    let list = JsonArray()

    for leg in legs do
        let row = JsonObject()
        row["call-index"] <- number 1L
        row["unknown"] <- JsonObject()
        row["call-id"] <- number leg.CallId

        leg.Setup
        |> ValueOption.iter (fun time -> row["call-setuptime"] <- JsonValue.Create(textOf zone time))

        leg.Bridge |> ValueOption.iter (fun bridge -> row["bridge-id"] <- number bridge)
        leg.Peer |> ValueOption.iter (fun peer -> row["peer-id"] <- number peer)
        row["direction"] <- JsonValue.Create leg.Direction
        row["directory-number"] <- JsonValue.Create leg.Number
        row["call-state"] <- JsonValue.Create leg.State
        leg.Duration |> ValueOption.iter (fun lasted -> row["call-duration"] <- number lasted)
        row["remote-ip-address"] <- JsonValue.Create leg.RemoteHost
        leg.RemotePort |> ValueOption.iter (fun port -> row["remote-media-port"] <- number port)
        row["codec"] <- JsonValue.Create leg.Codec
        list.Add row

    let summary = JsonObject()
    summary["total-call-legs"] <- number (int64 legs.Length)

    if not legs.IsEmpty then
        summary["active-voip-call-details"] <- list

    let whole = JsonObject()
    whole["Cisco-IOS-XE-voice-oper:active-voip-call-summary"] <- summary
    Encoding.UTF8.GetBytes(whole.ToJsonString())

let private laws = Laws.plain |> Laws.drawing [ typeof<RestconfArbitraries> ] |> Laws.times 500

let private legsOf (view: JsonView) =
    RestconfReplies.foldLegs (fun legs leg -> leg :: legs) [] view
    |> ValueOption.map (fun (struct (legs, unreadable)) -> List.rev legs, unreadable)

let ``a summary is read as it was written, whatever the offset, with numbers or texts`` =
    lawBy laws (fun (AnyLegs(legs, _, _) as any) ->
        let view = viewOf (octetsOf any)
        legsOf view |> Check.equal (ValueSome(legs, 0))
        RestconfReplies.readTotal view |> Check.equal (ValueSome(int64 legs.Length)))

let ``a summary that is cut off anywhere is none, or lacks nothing`` =
    lawBy laws (fun (AnyLegs(legs, _, _) as any) (place: uint32) ->
        let octets = octetsOf any

        match legsOf (viewOf octets[.. int (place % uint32 octets.Length) - 1]) with
        | ValueNone -> ()
        | whole -> whole |> Check.equal (ValueSome(legs, 0)))

let ``a time is as exact as it is written`` =
    examples
        [ "2026-12-02T02:22:06Z", 1_796_178_126_000_000L, 1_000_000L
          "2026-12-02T02:22:06+00:00", 1_796_178_126_000_000L, 1_000_000L
          "2026-12-02T02:22:06.1Z", 1_796_178_126_100_000L, 100_000L
          "2026-12-02T08:07:06.123+05:45", 1_796_178_126_123_000L, 1000L
          "2026-12-01T22:52:06.123456-03:30", 1_796_178_126_123_456L, 1L
          "2026-12-02T02:22:06.123456789-00:00", 1_796_178_126_123_456L, 1L ]
        (fun (text, micros, unit) ->
            YangTime.tryParse text |> Check.equal (ValueSome { Micros = micros; Unit = unit }))

let ``nothing else is a time, and 1970 is none`` =
    examples
        [ ""
          "0"
          "2026-12-02"
          "2026-12-02T02:22:06"
          "2026-12-02T02:22:06.Z"
          "2026-12-02T02:22:06.123"
          "2026-12-02T02:22:06.123+0000"
          "2026-12-02T02:22:06 Z"
          "2026-13-02T02:22:06Z"
          "1970-01-01T00:00:00+00:00"
          "2026-12-02T02:22:06." + String('0', 80) + "Z" ]
        (fun text -> YangTime.tryParse text |> Check.equal ValueNone)

let ``the times of the device are read`` =
    example (fun () ->
        let reply times =
            view (
                """{"Cisco-IOS-XE-device-hardware-oper:device-system-data":{"software-version":"17","""
                + times
                + "}}"
            )

        reply "\"current-time\":\"2026-12-02T02:22:06+00:00\",\"boot-time\":\"2026-12-02T02:22:05.5+00:00\""
        |> RestconfReplies.readTimes
        |> Check.equal (
            ValueSome
                { Current = { Micros = 1_796_178_126_000_000L; Unit = 1_000_000L }
                  Booted = { Micros = 1_796_178_125_500_000L; Unit = 100_000L } }
        )

        reply "\"current-time\":\"2026-12-02T02:22:06+00:00\""
        |> RestconfReplies.readTimes
        |> Check.equal ValueNone)

let ``errors are read, those of before the RFC too`` =
    examples
        [ """{"ietf-restconf:errors":{"error":[{"error-tag":"invalid-value","error-message":"uri keypath not found"}]}}""",
          ValueSome "uri keypath not found"
          """{"errors":{"error":[{"error-tag":"access-denied"}]}}""", ValueSome "access-denied"
          """{"errors":{"error":[]}}""", ValueNone
          "<html>", ValueNone ]
        (fun (body, words) -> view body |> RestconfReplies.readError |> Check.equal words)

let ``legs that lack their number are counted, and fields of another kind are not told`` =
    example (fun () ->
        let summary legs =
            view (
                """{"Cisco-IOS-XE-voice-oper:active-voip-call-summary":{"active-voip-call-details":"""
                + legs
                + "}}"
            )

        match
            legsOf (summary """[{"call-id":7,"call-duration":{"ms":1},"codec":null},{"call-id":-1},{},5]""")
        with
        | ValueSome([ only ], 3) ->
            (only.CallId, only.Duration, only.Codec) |> Check.equal (7L, ValueNone, "")
        | other -> failtest $"%A{other}"

        legsOf (summary "{}") |> Check.equal ValueNone
        legsOf (view """{"active-voip-call-summary":{}}""") |> Check.equal ValueNone
        RestconfReplies.readTotal (summary "[]") |> Check.equal ValueNone)
