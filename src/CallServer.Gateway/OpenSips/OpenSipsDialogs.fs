namespace CallServer.Gateway

open System.Globalization
open System.Text.Json.Nodes
open CallServer.Model

/// Describes connections of the table as OpenSIPS's module dialog does.
module internal OpenSipsDialogs =
    /// OpenSIPS writes hexadecimal digits from the last to the first.
    let private reversed (number: int64) : string =
        number.ToString("x", CultureInfo.InvariantCulture) |> Seq.rev |> Seq.toArray |> System.String

    let private id (connection: SimConnection) : string =
        reversed (int64 (ProxyDialogs.bucket connection)) + "." + reversed (ProxyDialogs.number connection)

    let identify (connection: SimConnection) : Identity =
        { Id = $"{connection.CallId};{id connection}"
          Call = Some connection.CallId
          Endpoint = None
          Originator = Some(ProxyDialogs.uri connection.Calling) }

    /// What OpenSIPS's clock shows at an instant, if somebody set it at the other one.
    let clock (vices: OpenSipsVices) (setAt: Instant) (instant: Instant) : Instant =
        instant + vices.ClockAhead + (if instant >= setAt then vices.ClockSet else System.TimeSpan.Zero)

    /// When it was answered, as its row says; 0 for one that was not.
    let private answered vices setAt (now: Instant) (connection: SimConnection) : int64 =
        if
            connection.Start <= now && not (Words.isNth vices.UndatedEvery (int (connection.Serial % 1000L)))
        then
            ProxyDialogs.seconds (clock vices setAt connection.Start)
        else
            0L

    let private sdp (vices: OpenSipsVices) (name: string) (text: string) : (string * JsonNode) list =
        if vices.NoSdp then [] else [ name, JsonNodes.text text ]

    /// A row of `dlg_list`.
    let describe
        (vices: OpenSipsVices)
        (setAt: Instant)
        (now: Instant)
        (ended: Instant voption)
        (connection: SimConnection)
        : JsonNode =
        // What it tells does not change any more once it is over.
        let last = ValueOption.defaultValue now ended
        let bucket, number = int64 (ProxyDialogs.bucket connection), ProxyDialogs.number connection
        let answered = answered vices setAt last connection
        let isAnswered = SimConnection.isActive last connection
        let isNameless = Words.isNth vices.NamelessEvery (int (connection.Serial % 1000L))

        let callee =
            [ "callee_tag", JsonNodes.text (ProxyDialogs.calleeTag connection)
              "callee_contact",
              JsonNodes.text ("sip:" + SimConnection.hostText connection.RemoteHost + ":5060")
              "caller_cseq", JsonNodes.text "1"
              "callee_route_set", JsonNodes.text ""
              "callee_bind_addr", (null: JsonNode)
              yield! sdp vices "callee_sdp" (SimSession.remote connection) ]

        JsonNodes.object
            [ "ID", JsonNodes.text (id connection)
              "db_id", JsonNodes.text (string (bucket * 4294967296L + number))
              "state", JsonNodes.number (int64 (ProxyDialogs.state now ended connection))
              "user_flags", JsonNodes.text ""
              "timestart", JsonNodes.number answered
              if answered > 0L then
                  "datestart", JsonNodes.text (ProxyDialogs.text answered)
              "timeout", JsonNodes.number (if answered = 0L then 0L else answered + 43200L)
              if not isNameless then
                  "callid", JsonNodes.text connection.CallId
              "from_uri", JsonNodes.text (ProxyDialogs.uri connection.Calling)
              "to_uri", JsonNodes.text (ProxyDialogs.uri connection.Called)
              "caller_tag", JsonNodes.text (ProxyDialogs.callerTag connection)
              "caller_contact",
              JsonNodes.text ("sip:" + SimConnection.hostText connection.LocalHost + ":5060")
              "callee_cseq", JsonNodes.text "0"
              "caller_route_set", JsonNodes.text ""
              "caller_bind_addr", JsonNodes.text "udp:192.0.2.1:5060"
              yield! sdp vices "caller_sdp" (SimSession.local connection)
              "CALLEES", (if isAnswered then JsonArray [| JsonNodes.object callee |] else JsonArray()) ]
