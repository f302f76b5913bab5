namespace CallServer.Wire

open System
open System.Globalization
open System.Text.Json

/// One row of `dlg_list`.
[<Struct>]
type OpenSipsDialog =
    {
        /// The bucket of the hash table and the number within it, as OpenSIPS writes them: the dialog's name in other requests.
        Id: string
        CallId: string
        /// The caller's tag; empty where it is not told.
        FromTag: string
        From: string
        To: string
        State: ProxyDialogState
        /// When the 2xx came, in seconds since 1970 by OpenSIPS's own clock; 0 if none came.
        Answered: int64
        /// What the caller sent to describe its media (RFC 8866); empty where it is not kept.
        CallerSdp: string
        /// The same of the called party; empty too where there are several of them, of which OpenSIPS does not say who answered.
        CalleeSdp: string
    }

/// Reads the results of OpenSIPS's MI commands, as versions 3.0 to 4.0 print them (modules/dialog/dlg_hash.c, mi/mi_core.c, statistics.c).
module OpenSipsReplies =
    /// The statistic that counts the dialogs that began since the start.
    [<Literal>]
    let Processed = "dialog:processed_dialogs"

    /// Reads the array of called parties at the reader's position: how many there are, and what the first one sent.
    let private readCallees (reader: byref<Utf8JsonReader>) : struct (int * string) =
        let mutable callees = 0
        let mutable sdp = ""

        if reader.TokenType = JsonTokenType.StartArray then
            while reader.Read() && reader.TokenType <> JsonTokenType.EndArray do
                callees <- callees + 1

                if reader.TokenType = JsonTokenType.StartObject then
                    while reader.Read() && reader.TokenType = JsonTokenType.PropertyName do
                        let isSdp = callees = 1 && reader.ValueTextEquals "callee_sdp"
                        reader.Read() |> ignore

                        if isSdp then
                            sdp <- JsonView.textOrEmpty &reader

                        reader.Skip()

        struct (callees, sdp)

    /// Reads the row whose beginning the reader has just read; nothing where it lacks its name, its Call-ID or its state.
    let private readDialog (reader: byref<Utf8JsonReader>) : OpenSipsDialog voption =
        let mutable state, answered = ValueNone, ValueNone
        let mutable id, callId, tag, from, into = "", "", "", "", ""
        let mutable callerSdp, calleeSdp = "", ""

        while reader.Read() && reader.TokenType = JsonTokenType.PropertyName do
            if reader.ValueTextEquals "ID" then
                reader.Read() |> ignore
                id <- JsonView.textOrEmpty &reader
            elif reader.ValueTextEquals "state" then
                reader.Read() |> ignore
                state <- JsonView.numberAt &reader
            elif reader.ValueTextEquals "timestart" then
                reader.Read() |> ignore
                answered <- JsonView.numberAt &reader
            elif reader.ValueTextEquals "callid" then
                reader.Read() |> ignore
                callId <- JsonView.textOrEmpty &reader
            elif reader.ValueTextEquals "from_uri" then
                reader.Read() |> ignore
                from <- JsonView.textOrEmpty &reader
            elif reader.ValueTextEquals "to_uri" then
                reader.Read() |> ignore
                into <- JsonView.textOrEmpty &reader
            elif reader.ValueTextEquals "caller_tag" then
                reader.Read() |> ignore
                tag <- JsonView.textOrEmpty &reader
            elif reader.ValueTextEquals "caller_sdp" then
                reader.Read() |> ignore
                callerSdp <- JsonView.textOrEmpty &reader
            elif reader.ValueTextEquals "CALLEES" then
                reader.Read() |> ignore
                let struct (callees, sdp) = readCallees &reader
                calleeSdp <- if callees = 1 then sdp else ""
            else
                reader.Read() |> ignore

            // Of what should be a number, a text or an array and is not.
            reader.Skip()

        match state with
        | ValueSome state when id <> "" && callId <> "" ->
            ValueSome
                { Id = id
                  CallId = callId
                  FromTag = tag
                  From = from
                  To = into
                  State = ProxyDialogState.ofNumber state
                  Answered = ValueOption.defaultValue 0L answered
                  CallerSdp = callerSdp
                  CalleeSdp = calleeSdp }
        | ValueSome _
        | ValueNone -> ValueNone

    /// Takes the rows of `dlg_list` in order, and counts those that cannot be read; nothing where the result has no list.
    let foldDialogs
        (take: 'State -> OpenSipsDialog -> 'State)
        (state: 'State)
        (result: JsonView)
        : struct ('State * int) voption =
        JsonView.tryMember "Dialogs" result
        |> ValueOption.bind (fun list ->
            JsonView.foldObjects (JsonObjectReader(fun reader -> readDialog &reader)) take state list)

    /// How many rows the whole table has, those of dialogs that are over included, from the result of a `dlg_list` that asks for a part of it.
    let readCount (result: JsonView) : int64 voption = JsonView.tryNumber "count" result

    /// How many dialogs began since the start, from the result of `get_statistics`. A dialog that OpenSIPS loaded from its database is not
    /// counted.
    let readProcessed (result: JsonView) : int64 voption = JsonView.tryNumber Processed result

    [<Literal>]
    let private Unit = " [sec]"

    /// Reads the result of `uptime`.
    let readUpTime (result: JsonView) : ProxyUpTime voption =
        match JsonView.tryText "Up since" result, JsonView.tryText "Up time" result with
        | ValueSome since, ValueSome time when since <> "" && time.EndsWith(Unit, StringComparison.Ordinal) ->
            match
                Int64.TryParse(
                    time.AsSpan(0, time.Length - Unit.Length),
                    NumberStyles.None,
                    CultureInfo.InvariantCulture
                )
            with
            | true, seconds -> ValueSome { Since = since; Seconds = seconds }
            | _ -> ValueNone
        | _ -> ValueNone
