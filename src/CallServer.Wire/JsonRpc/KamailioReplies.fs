namespace CallServer.Wire

open System
open System.Text.Json

/// One row of `dlg.briefing` with the format `KamailioReplies.BriefFormat`. Times are seconds since 1970 by Kamailio's own clock, 0 for
/// what has not happened.
[<Struct>]
type KamailioDialog =
    {
        /// The bucket of the hash table, and the number within it: the dialog's name in other requests.
        Entry: int64
        Number: int64
        CallId: string
        /// The caller's tag; empty where it is not told.
        FromTag: string
        From: string
        To: string
        State: ProxyDialogState
        /// When Kamailio made the row: at the INVITE, or at its own start if it loaded the dialog from its database.
        Created: int64
        /// When the 2xx came.
        Answered: int64
        Ended: int64
    }

/// Reads the results of Kamailio's RPC commands, as version 5.6 prints them.
module KamailioReplies =
    /// What a row of the briefing tells: Call-ID, the caller's tag, both URIs, state, and its three times. The callee's tag is not asked
    /// for: Kamailio prints the caller's in its place.
    [<Literal>]
    let BriefFormat = "cFftsISE"

    /// Reads the row whose beginning the reader has just read; nothing where it lacks its name, its Call-ID or its state.
    let private readDialog (reader: byref<Utf8JsonReader>) : KamailioDialog voption =
        let mutable entry, number, state = ValueNone, ValueNone, ValueNone
        let mutable created, answered, ended = ValueNone, ValueNone, ValueNone
        let mutable callId, tag, from, into = "", "", "", ""

        while reader.Read() && reader.TokenType = JsonTokenType.PropertyName do
            if reader.ValueTextEquals "h_entry" then
                reader.Read() |> ignore
                entry <- JsonView.numberAt &reader
            elif reader.ValueTextEquals "h_id" then
                reader.Read() |> ignore
                number <- JsonView.numberAt &reader
            elif reader.ValueTextEquals "call-id" then
                reader.Read() |> ignore
                callId <- JsonView.textOrEmpty &reader
            elif reader.ValueTextEquals "from_tag" then
                reader.Read() |> ignore
                tag <- JsonView.textOrEmpty &reader
            elif reader.ValueTextEquals "from_uri" then
                reader.Read() |> ignore
                from <- JsonView.textOrEmpty &reader
            elif reader.ValueTextEquals "to_uri" then
                reader.Read() |> ignore
                into <- JsonView.textOrEmpty &reader
            elif reader.ValueTextEquals "state" then
                reader.Read() |> ignore
                state <- JsonView.numberAt &reader
            elif reader.ValueTextEquals "init_ts" then
                reader.Read() |> ignore
                created <- JsonView.numberAt &reader
            elif reader.ValueTextEquals "start_ts" then
                reader.Read() |> ignore
                answered <- JsonView.numberAt &reader
            elif reader.ValueTextEquals "end_ts" then
                reader.Read() |> ignore
                ended <- JsonView.numberAt &reader
            else
                reader.Read() |> ignore

            // Of what should be a number or a text and is not.
            reader.Skip()

        match entry, number, state with
        | ValueSome entry, ValueSome number, ValueSome state when callId <> "" ->
            ValueSome
                { Entry = entry
                  Number = number
                  CallId = callId
                  FromTag = tag
                  From = from
                  To = into
                  State = ProxyDialogState.ofNumber state
                  Created = ValueOption.defaultValue 0L created
                  Answered = ValueOption.defaultValue 0L answered
                  Ended = ValueOption.defaultValue 0L ended }
        | _ -> ValueNone

    /// Takes the rows of `dlg.briefing` in order, and counts those that cannot be read; nothing where the result is no list.
    let foldDialogs
        (take: 'State -> KamailioDialog -> 'State)
        (state: 'State)
        (result: JsonView)
        : struct ('State * int) voption =
        JsonView.foldObjects (JsonObjectReader(fun reader -> readDialog &reader)) take state result

    /// Reads the result of `core.uptime`.
    let readUpTime (result: JsonView) : ProxyUpTime voption =
        match JsonView.tryText "up_since" result, JsonView.tryNumber "uptime" result with
        | ValueSome since, ValueSome seconds when since <> "" && seconds >= 0L ->
            ValueSome { Since = since; Seconds = seconds }
        | _ -> ValueNone

    /// How many dialogs go on, from the result of `dlg.stats_active`: those in the states 1 to 4.
    let readActive (result: JsonView) : int64 voption = JsonView.tryNumber "all" result

    /// How many dialogs began since the start, from the result of `stats.fetchn` for `processed_dialogs`.
    let readProcessed (result: JsonView) : int64 voption =
        JsonView.tryNumber "dialog.processed_dialogs" result

    /// What Kamailio's clock showed when it printed a dialog that goes on (`dlg.dlg_list`), in seconds since 1970: it prints when the dialog
    /// was answered, and how long ago that is. Nothing for a dialog that is over, or was not answered.
    let readClock (result: JsonView) : int64 voption =
        match
            JsonView.tryNumber "start_ts" result,
            JsonView.tryNumber "duration" result,
            JsonView.tryNumber "end_ts" result
        with
        | ValueSome answered, ValueSome age, ValueSome 0L when
            answered > 0L && age >= 0L && answered < Int64.MaxValue / 2L && age < Int64.MaxValue / 2L
            ->
            ValueSome(answered + age)
        | _ -> ValueNone
