namespace CallServer.Protocols.OpenSips

open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// What a response says.
[<RequireQualifiedAccess; NoEquality; NoComparison>]
type internal OpenSipsAnswer =
    | Result of JsonView
    /// An error of the command, of JSON-RPC or of HTTP: its code, and its words.
    | Refused of code: int * words: string
    /// It is no answer of OpenSIPS to this request.
    | Foreign of what: string

/// The requests to an OpenSIPS. One is in flight at a time: each answer is needed before the next question.
module internal OpenSipsLink =
    /// A limit, in case a gateway answers for ever.
    [<Literal>]
    let private MaxRequests = 20_000

    [<Literal>]
    let private Json = "application/json"

    let private parameters (question: OpenSipsQuestion) : (string * JsonRpcParameter) list =
        match question with
        | OpenSipsQuestion.UpTime -> []
        | OpenSipsQuestion.Processed -> [ "statistics", JsonRpcParameter.Texts [ OpenSipsReplies.Processed ] ]
        | OpenSipsQuestion.Rows(first, most) ->
            [ "index", JsonRpcParameter.Number first; "counter", JsonRpcParameter.Number(int64 most) ]

    let private quoted (id: string) : string = "\"" + id + "\""

    let private body (id: string) (question: OpenSipsQuestion) : byte[] =
        JsonRpc.encodeNamed (quoted id) (string question) (parameters question)

    /// A request of no audit.
    let knock (path: string) : byte[] =
        HttpMessage.encodeRequest
            { Target = path
              Headers = [ "Content-Type", Json; "Accept", Json ]
              Body = body "0" OpenSipsQuestion.UpTime }

    let start (target: OpenSipsGateway) (given: AuditStart) : HttpLink<OpenSipsQuestion, Snapshot> =
        HttpLink.start
            { Speaker = "OpenSIPS"
              Target = fun _ -> target.Path
              Accept = Json
              Body = fun id question -> ValueSome(struct (Json, body id question))
              Login = ValueNone
              Timeout = target.Timeout
              Attempts = target.Attempts
              IsUnready = HttpLink.isUnready
              // The bodies of its errors are empty, or pages for people.
              Words = fun _ -> ValueNone }
            MaxRequests
            (Pace.create 1.0)
            given

    /// The Date of a response is of OpenSIPS's own clock: its server (libmicrohttpd) writes it, and names itself nowhere. A reverse proxy that
    /// writes its own names itself.
    let isItsOwnClock (response: HttpResponse) : bool =
        [ "Server"; "Via" ]
        |> List.forall (fun name -> (HttpMessage.tryHeader name response.Headers).IsNone)

    /// What a response says. mi_http answers 200 whatever the command says.
    let read (response: HttpResponse) (link: HttpLink<OpenSipsQuestion, 'Outcome>) : OpenSipsAnswer =
        let id = HttpMessage.tryHeader HttpMessage.Id response.Headers |> ValueOption.defaultValue ""

        if response.Status <> 200 then
            OpenSipsAnswer.Refused(response.Status, HttpLink.words link response)
        else
            match JsonRpc.decodeView response.Body with
            | Ok { Id = told } when told <> quoted id -> OpenSipsAnswer.Foreign "an answer to another request"
            | Ok { Body = JsonRpcBody.Result result } -> OpenSipsAnswer.Result result
            | Ok { Body = JsonRpcBody.Refused(code, words) } -> OpenSipsAnswer.Refused(code, words)
            | Ok { Body = JsonRpcBody.Request _ } -> OpenSipsAnswer.Foreign "a request"
            | Error error ->
                let kind =
                    HttpMessage.tryHeader "Content-Type" response.Headers
                    |> ValueOption.defaultValue "something"

                OpenSipsAnswer.Foreign $"{kind}, {error}; does something else answer in its place?"
