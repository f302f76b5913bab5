module CallServer.Tests.Wire.JsonRpcTests

open System.Text
open System.Text.Json.Nodes
open FsCheck
open FsCheck.FSharp
open CallServer.Wire
open CallServer.Tests

let private utf8 (text: string) = Encoding.UTF8.GetBytes text

let private decoded (octets: byte[]) : JsonRpcMessage =
    match JsonRpc.decode octets with
    | Ok message -> message
    | Error error -> failwith (string error)

let private problem (text: string) =
    match JsonRpc.decode (utf8 text) with
    | Ok _ -> failwith "read"
    | Error error -> error.Problem, error.Offset

let private resultOf (octets: byte[]) : JsonView =
    match (decoded octets).Body with
    | JsonRpcBody.Result view -> view
    | JsonRpcBody.Request _
    | JsonRpcBody.Refused _ -> failwith "no result"

let private result (json: string) : JsonView =
    resultOf (utf8 ("{\"jsonrpc\":\"2.0\",\"result\":" + json + ",\"id\":1}"))

let internal rowOf (dialog: KamailioDialog) : JsonNode =
    let row = JsonObject()
    row["h_entry"] <- JsonValue.Create dialog.Entry
    row["h_id"] <- JsonValue.Create dialog.Number
    row["call-id"] <- JsonValue.Create dialog.CallId
    row["from_tag"] <- JsonValue.Create dialog.FromTag
    row["from_uri"] <- JsonValue.Create dialog.From
    row["to_uri"] <- JsonValue.Create dialog.To
    row["state"] <- JsonValue.Create(ProxyDialogState.toNumber dialog.State)
    row["init_ts"] <- JsonValue.Create dialog.Created
    row["start_ts"] <- JsonValue.Create dialog.Answered
    row["end_ts"] <- JsonValue.Create dialog.Ended
    row

let internal listOf (rows: KamailioDialog list) : JsonNode =
    let list = JsonArray()

    for row in rows do
        list.Add(rowOf row)

    list

let private word: Gen<string> =
    Gen.elements [ "1-2@h"; "\"quoted\\ \t"; "Zoë Müller"; "😀"; ""; "sip:a@192.0.2.1;x=\u0001" ]

let private dialog: Gen<KamailioDialog> =
    gen {
        let! entry = Gen.choose64 (0L, 4095L)
        let! number = Gen.choose64 (0L, 4294967295L)
        let! callId = word |> Gen.map (fun text -> text + "x")
        let! tag = word
        let! from = word
        let! into = word
        let! state = Gen.choose (1, 7)
        let! times = Gen.arrayOfLength 3 (Gen.choose64 (0L, 4294967295L))

        let state =
            match state with
            | 1 -> ProxyDialogState.Unconfirmed
            | 2 -> ProxyDialogState.Early
            | 3 -> ProxyDialogState.ConfirmedWithoutAck
            | 4 -> ProxyDialogState.Confirmed
            | 5 -> ProxyDialogState.Deleted
            | other -> ProxyDialogState.Other(int64 other)

        return
            { Entry = entry
              Number = number
              CallId = callId
              FromTag = tag
              From = from
              To = into
              State = state
              Created = times[0]
              Answered = times[1]
              Ended = times[2] }
    }

/// The rows of a list.
type AnyDialogs = AnyDialogs of KamailioDialog list

type JsonRpcArbitraries =
    static member Dialogs() : Arbitrary<AnyDialogs> =
        Gen.choose (0, 6)
        >>= (fun size -> Gen.listOfLength size dialog)
        |> Gen.map AnyDialogs
        |> Arb.fromGen

let private laws = Laws.plain |> Laws.drawing [ typeof<JsonRpcArbitraries> ] |> Laws.times 500

let private rows (view: JsonView) =
    KamailioReplies.foldDialogs (fun rows row -> row :: rows) [] view
    |> ValueOption.map (fun (struct (rows, unreadable)) -> List.rev rows, unreadable)

let ``a list is read as it was written`` =
    lawBy laws (fun (AnyDialogs dialogs) ->
        let octets = JsonRpc.encodeResult "\"ab\"" (listOf dialogs)
        Check.equal "\"ab\"" (decoded octets).Id
        rows (resultOf octets) |> Check.equal (ValueSome(dialogs, 0)))

let ``a list that is cut off anywhere is an error`` =
    lawBy laws (fun (AnyDialogs dialogs) (place: uint32) ->
        let octets = JsonRpc.encodeResult "7" (listOf dialogs)

        match JsonRpc.decode octets[.. int (place % uint32 (octets.Length - 1)) - 1] with
        | Ok _ -> failtest "it was read"
        | Error _ -> ())

let ``a request is read as it was meant`` =
    lawBy laws (fun (NonNull(name: string)) (number: int64) (NonNull(text: string)) ->
        // Lone surrogates are no text that could be sent.
        let sendable (text: string) = Encoding.UTF8.GetString(utf8 text)
        let name, text = sendable name, sendable text

        let octets =
            JsonRpc.encodeRequest
                "\"0f\""
                name
                [ JsonRpcParameter.Number number; JsonRpcParameter.Text text ]

        match (decoded octets).Body with
        | JsonRpcBody.Request(told, ValueSome parameters) ->
            Check.equal name told

            match JsonView.items 9 parameters with
            | [| first; second |] ->
                JsonView.asNumber first |> Check.equal (ValueSome number)
                JsonView.asText second |> Check.equal (ValueSome text)
            | other -> failtest $"{other.Length} parameters"
        | _ -> failtest "another body")

let ``a request is what the specification has`` =
    example (fun () ->
        JsonRpc.encodeRequest "\"0f\"" "dlg.briefing" [ JsonRpcParameter.Text "cF" ]
        |> Encoding.UTF8.GetString
        |> Check.equal """{"jsonrpc":"2.0","method":"dlg.briefing","params":["cF"],"id":"0f"}"""

        JsonRpc.encodeRequest "7" "core.uptime" []
        |> Encoding.UTF8.GetString
        |> Check.equal """{"jsonrpc":"2.0","method":"core.uptime","id":7}""")

let ``errors are told from results`` =
    example (fun () ->
        let refused (text: string) =
            match (decoded (utf8 text)).Body with
            | JsonRpcBody.Refused(code, message) -> struct (code, message)
            | JsonRpcBody.Request _
            | JsonRpcBody.Result _ -> failwith "no error"

        refused (Encoding.UTF8.GetString(JsonRpc.encodeError "7" 500 "Method Not Found"))
        |> Check.equal (struct (500, "Method Not Found"))

        refused """{"error":{},"id":7,"result":[]}""" |> Check.equal (struct (0, ""))
        // Of older versions of the protocol, where both members stand in every reply.
        resultOf (utf8 """{"result":[],"error":null,"id":7}""") |> rows |> Check.equal (ValueSome([], 0)))

let ``what is no message is named`` =
    example (fun () ->
        problem "" |> fst |> Check.equal JsonRpcProblem.NotJson
        problem "[]" |> Check.equal (JsonRpcProblem.NotMessage, 0)
        problem "{}" |> Check.equal (JsonRpcProblem.NotMessage, 0)
        problem """{"id":7}""" |> fst |> Check.equal JsonRpcProblem.NotMessage
        problem """{"id":null,"result":1}""" |> fst |> Check.equal JsonRpcProblem.NoId
        problem """{"id":{},"result":1}""" |> fst |> Check.equal JsonRpcProblem.NoId
        problem """{"result":1}""" |> fst |> Check.equal JsonRpcProblem.NoId
        problem """{"id":7,"result":1} x""" |> fst |> Check.equal JsonRpcProblem.NotJson
        problem """{"id":7,"result":[1""" |> fst |> Check.equal JsonRpcProblem.NotJson

        let id = String.replicate 80 "1"
        problem $$"""{"id":{{id}},"result":1}""" |> fst |> Check.equal JsonRpcProblem.NoId

        let deep = String.replicate 40 "[" + String.replicate 40 "]"
        problem ("{\"id\":7,\"result\":" + deep + "}") |> fst |> Check.equal JsonRpcProblem.NotJson)

let ``text that is no UTF-8, and escapes of no character, are read as far as they go`` =
    example (fun () ->
        let octets =
            Array.concat
                [ utf8
                      """{"id":7,"result":[{"h_entry":1,"h_id":2,"state":4,"call-id":"a","from_uri":"sip:Z"""
                  [| 0xEBuy |]
                  utf8 """@h","to_uri":"\ud800"}]}""" ]

        match rows (resultOf octets) with
        | ValueSome([ row ], 0) ->
            Check.equal "sip:Z\ufffd@h" row.From
            Check.equal "\\ud800" row.To
        | other -> failtest $"%A{other}")

let ``rows that lack their name are counted`` =
    example (fun () ->
        let row = """{"h_entry":"1","h_id":2,"call-id":"a","state":4,"more":{"deep":[1]},"from_tag":null}"""

        let unnamed =
            """{"h_entry":1,"h_id":2,"state":4},{},7,{"h_entry":1,"call-id":"a","h_id":[1],"state":4}"""

        match rows (result $"[{row},{unnamed}]") with
        | ValueSome([ only ], 4) ->
            Check.equal (1L, 2L, "a", "") (only.Entry, only.Number, only.CallId, only.FromTag)
            Check.equal ProxyDialogState.Confirmed only.State
        | other -> failtest $"%A{other}"

        rows (result "{}") |> Check.equal ValueNone
        rows (result "null") |> Check.equal ValueNone)

/// As Kamailio 5.6.3 prints them.
let ``Kamailio's small replies are read`` =
    example (fun () ->
        result
            """{ "now": "Tue Dec  1 18:57:29 2026", "up_since": "Tue Dec  1 18:57:23 2026", "uptime": 6 }"""
        |> KamailioReplies.readUpTime
        |> Check.equal (ValueSome { Since = "Tue Dec  1 18:57:23 2026"; Seconds = 6L })

        result """{ "starting": 1, "connecting": 0, "answering": 0, "ongoing": 3, "all": 4 }"""
        |> KamailioReplies.readActive
        |> Check.equal (ValueSome 4L)

        for number in [ "12"; "\"12\"" ] do
            result $$"""{ "dialog.processed_dialogs": {{number}} }"""
            |> KamailioReplies.readProcessed
            |> Check.equal (ValueSome 12L)

        let clock = KamailioReplies.readClock

        result """{ "start_ts": 100, "init_ts": 90, "end_ts": 0, "duration": 7, "caller": { "tag": "a" } }"""
        |> clock
        |> Check.equal (ValueSome 107L)

        result """{ "start_ts": 0, "end_ts": 0, "duration": 0 }""" |> clock |> Check.equal ValueNone
        result """{ "start_ts": 100, "end_ts": 105, "duration": 5 }""" |> clock |> Check.equal ValueNone
        // It does not have the dialog.
        result "{}" |> clock |> Check.equal ValueNone)
