module CallServer.Tests.Wire.OpenSipsTests

open System.Text
open System.Text.Json.Nodes
open FsCheck
open FsCheck.FSharp
open CallServer.Wire
open CallServer.Tests

let private result (json: string) : JsonView =
    match
        JsonRpc.decode (Encoding.UTF8.GetBytes("{\"jsonrpc\":\"2.0\",\"result\":" + json + ",\"id\":1}"))
    with
    | Ok { Body = JsonRpcBody.Result view } -> view
    | Ok _ -> failwith "no result"
    | Error error -> failwith (string error)

/// A page of the table: how many rows that has, and the rows of the page, each with how many called parties it has.
type AnyPage = AnyPage of count: int64 * rows: struct (OpenSipsDialog * int) list

let private text (value: string) : JsonNode = JsonValue.Create value

let private rowOf (struct (dialog: OpenSipsDialog, callees: int)) : JsonNode =
    let row = JsonObject()
    row["ID"] <- text dialog.Id
    row["state"] <- JsonValue.Create(ProxyDialogState.toNumber dialog.State)
    row["timestart"] <- JsonValue.Create dialog.Answered
    row["callid"] <- text dialog.CallId
    row["from_uri"] <- text dialog.From
    row["to_uri"] <- text dialog.To
    row["caller_tag"] <- text dialog.FromTag

    if dialog.CallerSdp <> "" then
        row["caller_sdp"] <- text dialog.CallerSdp

    let all = JsonArray()

    for place in 1..callees do
        let callee = JsonObject()
        callee["callee_tag"] <- text $"t{place}"
        callee["callee_bind_addr"] <- null
        callee["callee_sdp"] <- text (if callees = 1 then dialog.CalleeSdp else $"v={place}")
        all.Add callee

    row["CALLEES"] <- all
    row

let internal pageOf (AnyPage(count, rows)) : JsonNode =
    let page = JsonObject()
    page["count"] <- JsonValue.Create count
    let all = JsonArray()

    for row in rows do
        all.Add(rowOf row)

    page["Dialogs"] <- all
    page

let private word: Gen<string> =
    Gen.elements [ "1-2@h"; "\"quoted\\ \t"; "Zoë Müller"; "😀"; ""; "v=0\r\nm=audio 1 RTP/AVP 0\r\n" ]

let private row: Gen<struct (OpenSipsDialog * int)> =
    gen {
        let! words = Gen.arrayOfLength 7 word
        let! state = Gen.choose64 (1L, 7L)
        let! answered = Gen.choose64 (0L, 4294967295L)
        let! callees = Gen.choose (0, 3)

        return
            struct ({ Id = words[0] + "x"
                      CallId = words[1] + "x"
                      FromTag = words[2]
                      From = words[3]
                      To = words[4]
                      State = ProxyDialogState.ofNumber state
                      Answered = answered
                      CallerSdp = words[5]
                      // Of several called parties nobody knows who answered.
                      CalleeSdp = (if callees = 1 then words[6] else "") },
                    callees)
    }

type OpenSipsArbitraries =
    static member Pages() : Arbitrary<AnyPage> =
        gen {
            let! count = Gen.choose64 (0L, 1_000_000L)
            let! size = Gen.choose (0, 5)
            let! rows = Gen.listOfLength size row
            return AnyPage(count, rows)
        }
        |> Arb.fromGen

let private laws = Laws.plain |> Laws.drawing [ typeof<OpenSipsArbitraries> ] |> Laws.times 500

let private rowsOf (view: JsonView) =
    OpenSipsReplies.foldDialogs (fun rows row -> row :: rows) [] view
    |> ValueOption.map (fun (struct (rows, unreadable)) -> List.rev rows, unreadable)

let ``a page is read as it was written`` =
    lawBy laws (fun (AnyPage(count, rows) as page) ->
        match JsonRpc.decode (JsonRpc.encodeResult "\"ab\"" (pageOf page)) with
        | Ok { Body = JsonRpcBody.Result view } ->
            OpenSipsReplies.readCount view |> Check.equal (ValueSome count)

            rowsOf view |> Check.equal (ValueSome(rows |> List.map (fun (struct (dialog, _)) -> dialog), 0))
        | _ -> failtest "no result")

let ``parameters go by their names`` =
    example (fun () ->
        JsonRpc.encodeNamed
            "\"0f\""
            "dlg_list"
            [ "index", JsonRpcParameter.Number 96L; "counter", JsonRpcParameter.Number 128L ]
        |> Encoding.UTF8.GetString
        |> Check.equal
            """{"jsonrpc":"2.0","method":"dlg_list","params":{"index":96,"counter":128},"id":"0f"}"""

        JsonRpc.encodeNamed "7" "get_statistics" [ "statistics", JsonRpcParameter.Texts [ "a"; "b" ] ]
        |> Encoding.UTF8.GetString
        |> Check.equal
            """{"jsonrpc":"2.0","method":"get_statistics","params":{"statistics":["a","b"]},"id":7}"""

        JsonRpc.encodeNamed "7" "uptime" []
        |> Encoding.UTF8.GetString
        |> Check.equal """{"jsonrpc":"2.0","method":"uptime","id":7}""")

let ``rows that lack their name are counted`` =
    example (fun () ->
        let row =
            """{"ID":"1.a","callid":"a","state":"4","CALLEES":{"x":[1]},"caller_tag":null,"more":[[1]]}"""

        let unnamed =
            """{"callid":"a","state":4},{},7,{"ID":[1],"callid":"a","state":4},{"ID":"1","callid":"a"}"""

        match rowsOf (result ("{\"Dialogs\":[" + row + "," + unnamed + "]}")) with
        | ValueSome([ only ], 5) ->
            Check.equal ("1.a", "a", "", 0L) (only.Id, only.CallId, only.FromTag, only.Answered)
            Check.equal ProxyDialogState.Confirmed only.State
        | other -> failtest $"%A{other}"

        for nothing in [ "{}"; "null"; "[]"; """{"Dialogs":{}}""" ] do
            rowsOf (result nothing) |> Check.equal ValueNone)

/// As mi/mi_core.c and statistics.c print them.
let ``OpenSIPS's small replies are read`` =
    example (fun () ->
        result
            """{"Now":"Wed Dec  2 18:57:29 2026","Up since":"Wed Dec  2 18:57:23 2026","Up time":"6 [sec]"}"""
        |> OpenSipsReplies.readUpTime
        |> Check.equal (ValueSome { Since = "Wed Dec  2 18:57:23 2026"; Seconds = 6L })

        for time in [ "6"; "6 sec"; "-6 [sec]"; " [sec]"; "99999999999999999999 [sec]" ] do
            result $$"""{"Up since":"x","Up time":"{{time}}"}"""
            |> OpenSipsReplies.readUpTime
            |> Check.because time (Check.equal ValueNone)

        result """{"dialog:processed_dialogs":64701}"""
        |> OpenSipsReplies.readProcessed
        |> Check.equal (ValueSome 64701L)

        // More than fits: what drifted below zero.
        result """{"dialog:processed_dialogs":1.844674e+19}"""
        |> OpenSipsReplies.readProcessed
        |> Check.equal ValueNone)

let ``a request with a body is a POST, and is read as it was written`` =
    lawBy laws (fun (AnyPage _ as page) (NonEmptyArray(noise: byte[])) ->
        let body = Array.append (JsonRpc.encodeResult "1" (pageOf page)) noise

        let request = { Target = "/mi"; Headers = [ "Content-Type", "application/json" ]; Body = body }

        let octets = HttpMessage.encodeRequest request
        Encoding.Latin1.GetString(octets, 0, 18) |> Check.equal "POST /mi HTTP/1.1\r"

        match HttpMessage.decodeRequest octets with
        | Ok read -> read |> Check.equal request
        | Error error -> failtest (string error))
