namespace CallServer.Wire

open System
open System.Buffers
open System.Text
open System.Text.Encodings.Web
open System.Text.Json
open System.Text.Json.Nodes

/// What is wrong with a message of JSON-RPC 2.0.
[<RequireQualifiedAccess>]
type JsonRpcProblem =
    /// It is no whole JSON value, or is nested too deep.
    | NotJson
    /// It is neither a request nor a reply.
    | NotMessage
    /// It has no id, or one that is neither text nor number.
    | NoId

/// What is wrong, and at which octet of the message, counted from 0.
type JsonRpcError =
    { Offset: int
      Problem: JsonRpcProblem }

    override this.ToString() =
        match this.Problem with
        | JsonRpcProblem.NotJson -> $"no whole JSON, at octet {this.Offset}"
        | JsonRpcProblem.NotMessage -> "neither a request nor a reply of JSON-RPC"
        | JsonRpcProblem.NoId -> "no id"

/// What a message says.
[<RequireQualifiedAccess; NoEquality; NoComparison>]
type JsonRpcBody =
    /// The parameters are an array or an object; nothing if there are none.
    | Request of name: string * parameters: JsonView voption
    | Result of JsonView
    /// The error's code and message; code 0 if it states none.
    | Refused of code: int * message: string

/// One message (jsonrpc.org/specification, sections 4 and 5). The id is written as it stands in the message, quotes included, so that a
/// text and a number never match.
[<NoEquality; NoComparison>]
type JsonRpcMessage = { Id: string; Body: JsonRpcBody }

/// A parameter of a request.
[<RequireQualifiedAccess>]
type JsonRpcParameter =
    | Text of string
    | Number of int64
    | Texts of string list

/// Reads and writes messages of JSON-RPC 2.0. Batches are not read: neither Kamailio nor OpenSIPS has any.
module JsonRpc =
    /// The longest id that is read, in octets with its quotes.
    [<Literal>]
    let MaxId = 72

    let private nothing: JsonView = { Octets = [||]; Start = 0; Length = 0 }

    /// A message's id as written.
    let private idOf (view: JsonView) : string voption =
        let isId =
            view.Length > 0
            && view.Length <= MaxId
            && (let first = view.Octets[view.Start] in
                first = '"'B || first = '-'B || (first >= '0'B && first <= '9'B))

        if isId then
            ValueSome(Encoding.UTF8.GetString(view.Octets, view.Start, view.Length))
        else
            ValueNone

    let private bodyOf (name: JsonView) (parameters: JsonView) (result: JsonView) (error: JsonView) =
        let isThere (view: JsonView) = view.Length > 0

        if isThere error then
            let code = JsonView.tryNumber "code" error |> ValueOption.defaultValue 0L
            let message = JsonView.tryText "message" error |> ValueOption.defaultValue ""
            ValueSome(JsonRpcBody.Refused(int (max -99999L (min 99999L code)), message))
        elif isThere result then
            ValueSome(JsonRpcBody.Result result)
        else
            JsonView.asText name
            |> ValueOption.map (fun name ->
                let parameters = if isThere parameters then ValueSome parameters else ValueNone
                JsonRpcBody.Request(name, parameters))

    /// Reads one message, which is the whole of the view. Of a member that stands there twice, the last one counts; `"error": null` beside
    /// a result is no error.
    let decodeView (message: JsonView) : Result<JsonRpcMessage, JsonRpcError> =
        let mutable reader = JsonView.reader message
        let mutable id, name, parameters = nothing, nothing, nothing
        let mutable result, error = nothing, nothing

        let failed offset problem = Error { Offset = offset; Problem = problem }

        try
            if not (reader.Read()) || reader.TokenType <> JsonTokenType.StartObject then
                failed 0 JsonRpcProblem.NotMessage
            else
                while reader.Read() && reader.TokenType = JsonTokenType.PropertyName do
                    let isId = reader.ValueTextEquals "id"
                    let isName = reader.ValueTextEquals "method"
                    let isParameters = reader.ValueTextEquals "params"
                    let isResult = reader.ValueTextEquals "result"
                    let isError = reader.ValueTextEquals "error"
                    reader.Read() |> ignore
                    let start = int reader.TokenStartIndex
                    let isNull = reader.TokenType = JsonTokenType.Null
                    reader.Skip()

                    let value =
                        { message with
                            Start = message.Start + start
                            Length = int reader.BytesConsumed - start }

                    if isId then
                        id <- value
                    elif isName then
                        name <- value
                    elif isParameters then
                        parameters <- value
                    elif isResult then
                        result <- value
                    elif isError && not isNull then
                        error <- value

                // Throws if anything but white space follows.
                reader.Read() |> ignore

                match idOf id, bodyOf name parameters result error with
                | _, ValueNone -> failed 0 JsonRpcProblem.NotMessage
                | ValueNone, _ -> failed 0 JsonRpcProblem.NoId
                | ValueSome id, ValueSome body -> Ok { Id = id; Body = body }
        with
        | :? JsonException
        | :? InvalidOperationException -> failed (int reader.BytesConsumed) JsonRpcProblem.NotJson

    /// The same of octets.
    let decode (octets: byte[]) : Result<JsonRpcMessage, JsonRpcError> =
        decodeView { Octets = octets; Start = 0; Length = octets.Length }

    let private write (settings: JsonWriterOptions) (put: Utf8JsonWriter -> unit) : byte[] =
        let into = ArrayBufferWriter<byte>()
        use writer = new Utf8JsonWriter(into, settings)
        writer.WriteStartObject()
        writer.WriteString("jsonrpc", "2.0")
        put writer
        writer.WriteEndObject()
        writer.Flush()
        into.WrittenSpan.ToArray()

    /// Nothing is escaped that need not be, so that Kamailio's log shows what was asked.
    let private compact = JsonWriterOptions(Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping)

    /// Kamailio's layout, unless it is told otherwise (jsonrpcs, pretty_format).
    let private pretty = JsonWriterOptions(Indented = true, IndentCharacter = '\t', IndentSize = 1)

    let private writeParameter (writer: Utf8JsonWriter) (parameter: JsonRpcParameter) : unit =
        match parameter with
        | JsonRpcParameter.Text text -> writer.WriteStringValue text
        | JsonRpcParameter.Number number -> writer.WriteNumberValue number
        | JsonRpcParameter.Texts texts ->
            writer.WriteStartArray()
            List.iter (fun (text: string) -> writer.WriteStringValue text) texts
            writer.WriteEndArray()

    let private request (id: string) (name: string) (putParameters: Utf8JsonWriter -> unit) : byte[] =
        write compact (fun writer ->
            writer.WriteString("method", name)
            putParameters writer
            writer.WritePropertyName "id"
            writer.WriteRawValue id)

    /// A request. The id is written as it is, so it has to be a JSON text with its quotes or a JSON number.
    let encodeRequest (id: string) (name: string) (parameters: JsonRpcParameter list) : byte[] =
        request id name (fun writer ->
            if not parameters.IsEmpty then
                writer.WriteStartArray "params"
                List.iter (writeParameter writer) parameters
                writer.WriteEndArray())

    /// The same with parameters by their names.
    let encodeNamed (id: string) (name: string) (parameters: (string * JsonRpcParameter) list) : byte[] =
        request id name (fun writer ->
            if not parameters.IsEmpty then
                writer.WriteStartObject "params"

                for parameter, value in parameters do
                    writer.WritePropertyName parameter
                    writeParameter writer value

                writer.WriteEndObject())

    /// A reply with a result.
    let encodeResult (id: string) (result: JsonNode) : byte[] =
        write pretty (fun writer ->
            writer.WritePropertyName "result"

            if isNull result then writer.WriteNullValue() else result.WriteTo writer

            writer.WritePropertyName "id"
            writer.WriteRawValue id)

    /// A reply with an error.
    let encodeError (id: string) (code: int) (message: string) : byte[] =
        write pretty (fun writer ->
            writer.WriteStartObject "error"
            writer.WriteNumber("code", code)
            writer.WriteString("message", message)
            writer.WriteEndObject()
            writer.WritePropertyName "id"
            writer.WriteRawValue id)
