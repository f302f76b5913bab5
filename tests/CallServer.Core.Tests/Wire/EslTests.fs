module CallServer.Tests.Wire.EslTests

open System.Text
open System.Text.Json.Nodes
open FsCheck
open FsCheck.FSharp
open CallServer.Wire
open CallServer.Tests

let private utf8 (text: string) = Encoding.UTF8.GetBytes text

let private rowOf (row: EslChannel) : JsonNode =
    let json = JsonObject()
    json["uuid"] <- JsonValue.Create row.Uuid
    json["direction"] <- JsonValue.Create row.Direction
    json["created_epoch"] <- JsonValue.Create "1790000000"
    json["name"] <- JsonValue.Create row.Name
    json["callstate"] <- JsonValue.Create row.CallState
    json["cid_num"] <- JsonValue.Create row.Caller
    json["dest"] <- JsonValue.Create row.Destination
    json["read_codec"] <- JsonValue.Create row.ReadCodec
    json["read_rate"] <- JsonValue.Create(string row.ReadRate)
    json["call_uuid"] <- JsonValue.Create row.CallUuid
    json

/// A list as FreeSWITCH prints it.
let internal listOf (rows: EslChannel list) : byte[] =
    if rows.IsEmpty then
        "{\"row_count\": 0}\n"B
    else
        let all, list = JsonObject(), JsonArray()

        for row in rows do
            list.Add(rowOf row)

        all["row_count"] <- JsonValue.Create rows.Length
        all["rows"] <- list
        utf8 (all.ToJsonString())

/// What FreeSWITCH says of a channel, shortened.
let internal detailsOctets =
    utf8
        """{"command":"channelData","data":{"uuid":"a"},"status":"success","response":{"channelData":{
    "core-uuid":"c","channel_data":{"state":"CS_EXECUTE"},
    "callStats":{"audio":{"inbound":{"packet_count":7,"jitter_loss_rate":0.25,"mos":4.5},"outbound":{}}},
    "variables":{"sip_call_id":"1@h","local_media_ip":"192.0.2.1","local_media_port":"16384","remote_media_ip":"198.51.100.7","remote_media_port":"20200"},
    "callflow":[{"caller_profile":{},"times":{"created_time":"1790000000000001","answered_time":"1790000002000000","resurrect_time":"0"}},
      {"times":{"created_time":"1","answered_time":"2"}}]}}}"""

let private word: Gen<string> =
    Gen.elements [ "a-1"; "\"quoted\\ \t"; "Zoë Müller"; "😀"; "sofia/internal/1000@192.0.2.1" ]

let private channel: Gen<EslChannel> =
    gen {
        let! texts = Gen.arrayOfLength 8 word
        let! rate = Gen.choose (0, 48000)

        return
            { Uuid = texts[0]
              CallUuid = texts[1]
              Direction = texts[2]
              Name = texts[3]
              CallState = texts[4]
              Caller = texts[5]
              Destination = texts[6]
              ReadCodec = texts[7]
              ReadRate = rate }
    }

/// The rows of a list.
type AnyChannels = AnyChannels of EslChannel list

type EslArbitraries =
    static member Channels() : Arbitrary<AnyChannels> =
        Gen.choose (0, 6)
        >>= (fun size -> Gen.listOfLength size channel)
        |> Gen.map AnyChannels
        |> Arb.fromGen

let private laws = Laws.plain |> Laws.drawing [ typeof<EslArbitraries> ] |> Laws.times 500

let private rows (body: byte[]) =
    EslReplies.foldChannels (fun rows row -> row :: rows) [] body
    |> ValueOption.map (fun (struct (count, rows, nameless)) -> count, List.rev rows, nameless)

let ``a list is read as it was written`` =
    lawBy laws (fun (AnyChannels channels) ->
        rows (listOf channels) |> Check.equal (ValueSome(int64 channels.Length, channels, 0)))

let ``a list that is cut off anywhere is none`` =
    lawBy laws (fun (AnyChannels channels) (place: uint32) ->
        let octets = Encoding.UTF8.GetBytes((Encoding.UTF8.GetString(listOf channels)).Trim())
        rows octets[.. int (place % uint32 (octets.Length - 1)) - 1] |> Check.equal ValueNone)

let ``an error and the empty list after it are no empty list`` =
    example (fun () ->
        let printed = "-ERR SQL Error [database is locked]\n{\"row_count\": 0}\n"B
        EslReplies.tryError printed |> Check.equal (ValueSome "SQL Error [database is locked]")
        rows printed |> Check.equal ValueNone
        EslReplies.tryError "{\"row_count\": 0}\n"B |> Check.equal ValueNone)

let private feedIn = Pieces.feed Esl.feed Esl.empty

let ``a stream gives its messages however it is cut`` =
    lawBy laws (fun (bodies: AnyChannels list) (sizes: int list) ->
        let bodies = bodies |> List.map (fun (AnyChannels rows) -> listOf rows)

        let all =
            [ Esl.encode [ "Content-Type", "auth/request" ] [||]
              for body in bodies do
                  Esl.encode [ "Content-Type", "api/response" ] body ]
            |> Array.concat

        match feedIn sizes all with
        | Ok(greeting :: answers) ->
            Esl.content greeting |> Check.equal EslContent.AuthRequest
            answers |> List.map _.Body |> Check.equal bodies
        | other -> failtest $"%A{other}")

let ``commands are read however they are cut, from people too`` =
    example (fun () ->
        let struct (commands, outcome) =
            Esl.feedCommands "auth ClueCon\r\n\r\napi status\nX: y\n\nexit"B Esl.empty

        commands |> Check.equal [ "auth ClueCon"; "api status" ]
        let struct (last, _) = Esl.feedCommands "\n\n"B (Result.defaultValue Esl.empty outcome)
        last |> Check.equal [ "exit" ])

let ``what is announced too long, or is no header, ends a stream`` =
    examples
        [ "Content-Length: 268435457\n\n", EslProblem.BadLength
          "Content-Length: -1\n\n", EslProblem.BadLength
          "HTTP/1.1 400 Bad Request\n\n", EslProblem.NotHeader
          "a: " + String.replicate 70000 "x", EslProblem.HeadTooLong ]
        (fun (text: string, problem: EslProblem) ->
            match Esl.feed (utf8 text) Esl.empty with
            | struct ([], Error error) -> error.Problem |> Check.equal problem
            | other -> failtest $"%A{other}")

let ``what is announced weighs what it will weigh`` =
    example (fun () ->
        match Esl.feed "Content-Length: 200000000\n\n{"B Esl.empty with
        | struct ([], Ok stream) -> Esl.unread stream |> Check.equal 200000027L
        | other -> failtest $"%A{other}")

let ``messages are told apart`` =
    examples
        [ "Content-Type: command/reply\nReply-Text: +OK accepted\n\n", EslContent.Reply "+OK accepted"
          "Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n",
          EslContent.Rejection "Access Denied, go away."
          "Content-Type: text/disconnect-notice\nContent-Length: 2\n\n..", EslContent.Disconnection
          "Content-Length: 2\nContent-Type: text/event-plain\n\nab", EslContent.Other "text/event-plain" ]
        (fun (text: string, content: EslContent) ->
            match Esl.feed (utf8 text) Esl.empty with
            | struct ([ message ], Ok _) -> Esl.content message |> Check.equal content
            | other -> failtest $"%A{other}")

let ``a channel's times are those of its newest profile`` =
    example (fun () ->
        match EslReplies.readChannel detailsOctets with
        | EslChannelAnswer.Told data ->
            data.Created |> Check.equal 1790000000000001L
            data.Answered |> Check.equal 1790000002000000L
            data.Recovered |> Check.equal 0L
            data.SipCallId |> Check.equal "1@h"
            data.Local |> Check.equal (ValueSome { Host = "192.0.2.1"; Port = 16384 })
            data.Remote |> Check.equal (ValueSome { Host = "198.51.100.7"; Port = 20200 })
            data.Quality |> Check.equal "mos 4.50, loss 0.3 %"
        | other -> failtest $"%A{other}")

let ``a channel that is over is told apart from one that is not told`` =
    examples
        [ """{"status":"error","response":{"response":"Session does not exist"}}""", EslChannelAnswer.Gone
          """{"status":"error","response":{"response":"INVALID INPUT"}}""",
          EslChannelAnswer.NotTold "INVALID INPUT"
          """{"status":"success","response":{"channelData":{}}}""",
          EslChannelAnswer.NotTold "an answer without the channel's times"
          "nothing", EslChannelAnswer.NotTold "an answer without what it always has" ]
        (fun (text: string, answer: EslChannelAnswer) ->
            EslReplies.readChannel (utf8 text) |> Check.equal answer)

let ``status is read with an up-time of years`` =
    example (fun () ->
        """{"response":{"uptime":{"years":1,"days":2,"hours":3,"minutes":4,"seconds":5,"milliseconds":6,"microseconds":7},
        "sessions":{"count":{"total":12,"active":3,"peak":4}}}}"""
        |> utf8
        |> EslReplies.readStatus
        |> Check.equal (
            ValueSome
                { UpTime = ((365L + 2L) * 86400L + 3L * 3600L + 245L) * 1_000_000L + 6007L
                  Total = 12L
                  Active = 3L }
        ))
