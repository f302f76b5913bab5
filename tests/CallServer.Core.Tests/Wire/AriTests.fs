/// Messages of HTTP, and what Asterisk's REST Interface answers.
module CallServer.Tests.Wire.AriTests

open System
open System.Text
open System.Text.Json.Nodes
open FsCheck
open FsCheck.FSharp
open CallServer.Model
open CallServer.Wire
open CallServer.Tests

let private utf8 (text: string) : byte[] = Encoding.UTF8.GetBytes text

let private view (json: string) : JsonView =
    let octets = utf8 json
    { Octets = octets; Start = 0; Length = octets.Length }

let private word: Gen<string> =
    Gen.elements [ "1-2@h"; "\"quoted\\ \t"; "Zoë Müller"; "😀"; ""; "a/b;c" ]

let private channel: Gen<AriChannel> =
    gen {
        let! words = Gen.arrayOfLength 6 word
        let! id = word
        let! state = Gen.elements [ "Up"; "Ring"; "Unknown (12)" ]
        let! created = Gen.choose64 (0L, 4102444800000L)
        let! isTold = Gen.elements [ true; false ]

        return
            { Id = id + "x"
              Name = words[0]
              State = state
              ProtocolId = words[1]
              Caller = words[2]
              Connected = words[3]
              Application = words[4]
              Format = words[5]
              Created = (if isTold then ValueSome(created * 1000L) else ValueNone) }
    }

/// Channels, and the offset of the zone in which they are written, in minutes.
type AnyChannels = AnyChannels of AriChannel list * zone: int

type AriArbitraries =
    static member Channels() : Arbitrary<AnyChannels> =
        gen {
            let! size = Gen.choose (0, 6)
            let! channels = Gen.listOfLength size channel
            let! quarters = Gen.choose (-48, 56)
            return AnyChannels(channels, 15 * quarters)
        }
        |> Arb.fromGen

let private texts (pairs: (string * string) list) : JsonNode =
    let all = JsonObject()

    for name, value in pairs do
        all.Add(name, JsonValue.Create value)

    all

/// As Asterisk writes it: no colon in the offset.
let private timeIn (zone: int) (micros: int64) : string =
    let local = Instant.toDateTime(Instant.ofMicros micros).ToOffset(TimeSpan.FromMinutes(float zone))

    local.ToString "yyyy-MM-dd'T'HH:mm:ss.fff" + local.ToString("zzz").Replace(":", "")

let internal octetsOf (AnyChannels(channels, zone)) : byte[] =
    let list = JsonArray()

    for channel in channels do
        let row = JsonObject()
        row["id"] <- JsonValue.Create channel.Id
        row["name"] <- JsonValue.Create channel.Name
        row["state"] <- JsonValue.Create channel.State
        row["protocol_id"] <- JsonValue.Create channel.ProtocolId
        row["caller"] <- texts [ "name", "somebody"; "number", channel.Caller ]
        row["connected"] <- texts [ "number", channel.Connected; "name", "" ]
        row["dialplan"] <- texts [ "context", "c"; "app_name", channel.Application ]

        match channel.Created with
        | ValueSome micros -> row["creationtime"] <- JsonValue.Create(timeIn zone micros)
        | ValueNone -> ()

        row["channelvars"] <- texts [ "other", "1"; AriReplies.FormatVariable, channel.Format ]
        list.Add row

    utf8 (list.ToJsonString())

let private laws = Laws.plain |> Laws.drawing [ typeof<AriArbitraries> ] |> Laws.times 500

let private viewOf (octets: byte[]) : JsonView = { Octets = octets; Start = 0; Length = octets.Length }

let private channelsOf (view: JsonView) =
    AriReplies.foldChannels (fun rows row -> row :: rows) [] view
    |> ValueOption.map (fun (struct (rows, unreadable)) -> List.rev rows, unreadable)

let ``a list is read as it was written, whatever the zone`` =
    lawBy laws (fun (AnyChannels(channels, _) as any) ->
        channelsOf (viewOf (octetsOf any)) |> Check.equal (ValueSome(channels, 0)))

let ``a list that is cut off anywhere is no list`` =
    lawBy laws (fun (any: AnyChannels) (place: uint32) ->
        let octets = octetsOf any
        channelsOf (viewOf octets[.. int (place % uint32 octets.Length) - 1]) |> Check.equal ValueNone)

let ``a response is read as it was written`` =
    lawBy laws (fun (any: AnyChannels) (NonNull(noise: string)) ->
        let body = octetsOf any
        let octets = HttpMessage.encodeResponse 200 "OK" [ "A", "b: c"; "Noise", noise ] body

        match HttpMessage.decodeResponse octets with
        | Ok response ->
            Check.equal (200, "OK") (response.Status, response.Reason)
            HttpMessage.tryHeader "a" response.Headers |> Check.equal (ValueSome "b: c")
            response.Headers.Length |> Check.equal 2
            let { Start = start; Length = length } = response.Body
            Check.equal body octets[start .. start + length - 1]
        | Error error -> failtest (string error))

let ``a request is what RFC 9112 has, and cannot be given another line`` =
    example (fun () ->
        let request =
            { Target = "/ari/channels"; Headers = [ "X-Request-Id", "0f\r\nEvil: 1" ]; Body = [||] }

        let octets = HttpMessage.encodeRequest request

        Encoding.Latin1.GetString octets
        |> Check.equal "GET /ari/channels HTTP/1.1\r\nX-Request-Id: 0fEvil: 1\r\n\r\n"

        match HttpMessage.decodeRequest octets with
        | Ok read -> read.Target |> Check.equal request.Target
        | Error error -> failtest (string error))

let ``what is no message is named`` =
    examples
        [ "", HttpError.NoHead
          "HTTP/1.1 200 OK\r\n", HttpError.NoHead
          String('x', 20_000) + "\r\n\r\n", HttpError.NoHead
          "HTTP/1.1 99 No\r\n\r\n", HttpError.NotHttp
          "HTTP/1.1 abc No\r\n\r\n", HttpError.NotHttp
          "SIP/2.0 200 OK\r\n\r\n", HttpError.NotHttp
          "GET / HTTP/1.1\r\n\r\n", HttpError.NotHttp ]
        (fun (text: string, expected: HttpError) ->
            match HttpMessage.decodeResponse (utf8 text) with
            | Ok _ -> failtest "it was read"
            | Error error -> error |> Check.equal expected)

let ``times are read in any zone, and nothing else is a time`` =
    example (fun () ->
        for text in
            [ "2026-12-02T02:22:06.123+0000"
              "2026-12-02T08:07:06.123+0545"
              "2026-12-01T22:52:06.123-0330"
              "2026-12-02T08:07:06.123+05:45" ] do
            AriTime.tryParse text |> Check.because text (Check.equal (ValueSome 1_796_178_126_123_000L))

        for text in [ ""; "2026-12-02"; "2026-13-02T02:22:06.123+0000"; "2026-12-02T02:22:06.123"; "0" ] do
            AriTime.tryParse text |> Check.because text (Check.equal ValueNone)

        AriTime.trySeconds "1796178126.000123" |> Check.equal (ValueSome 1_796_178_126_000_123L)

        for text in [ "0.000000"; "1796178126"; "1.5"; ""; "a.000000"; "1.000000.0" ] do
            AriTime.trySeconds text |> Check.because text (Check.equal ValueNone))

/// As Asterisk 22 prints them.
let ``Asterisk's small answers are read`` =
    example (fun () ->
        view
            """{"status":{"startup_time":"2026-12-02T02:22:06.123+0000","last_reload_time":"2026-12-02T02:22:06.123+0000"}}"""
        |> AriReplies.readStartup
        |> Check.equal (ValueSome 1_796_178_126_123_000L)

        view """{"message":"Channel not found"}"""
        |> AriReplies.readMessage
        |> Check.equal (ValueSome "Channel not found")

        view """{"value":"(ulaw|alaw)"}""" |> AriReplies.readValue |> Check.equal (ValueSome "(ulaw|alaw)")

        view """{"txcount":5,"rxcount":498,"txploss":0,"rxploss":2,"rxjitter":1.5e-3,"rtt":0.02}"""
        |> AriReplies.readStatistics
        |> Check.equal (
            ValueSome { Received = 498L; Lost = 2L; Jitter = ValueSome 0.0015; RoundTrip = ValueSome 0.02 }
        )

        view "<html>" |> AriReplies.readStartup |> Check.equal ValueNone
        view "{}" |> AriReplies.readStatistics |> Check.equal ValueNone)

let ``channels that lack their id are counted`` =
    example (fun () ->
        let row = """{"id":"1.2","state":"Up","caller":null,"dialplan":[1],"more":{"deep":[1]}}"""

        match channelsOf (view $"""[{row},{{"id":"1"}},7,{{"state":"Up"}}]""") with
        | ValueSome([ only ], 3) -> Check.equal ("1.2", "") (only.Id, only.Caller)
        | other -> failtest $"%A{other}"

        channelsOf (view "{}") |> Check.equal ValueNone
        channelsOf (view "[] x") |> Check.equal ValueNone)

let ``the clock is read from a date`` =
    example (fun () ->
        let dateOf (text: string) =
            match HttpMessage.decodeResponse (HttpMessage.encodeResponse 200 "OK" [ "date", text ] [||]) with
            | Ok response -> HttpMessage.date response
            | Error error -> failwith (string error)

        dateOf "Wed, 02 Dec 2026 02:22:06 GMT" |> Check.equal (ValueSome 1_796_178_126L)
        dateOf "Wednesday" |> Check.equal ValueNone)
