namespace CallServer.Protocols.Kamailio

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Makes observations from Kamailio's dialogs. A dialog is one connection: Kamailio is between both parties.
module internal KamailioObserving =
    /// Kamailio loaded it from its database, and made its row then: at its own start, so that the row is younger than its answer.
    let private isLoaded (dialog: KamailioDialog) : bool =
        dialog.Answered > 0L && dialog.Created > dialog.Answered

    /// When the call began.
    let private setupOf (clock: StampClock) (heard: Interval) (dialog: KamailioDialog) : Timing voption =
        if isLoaded dialog then
            ValueNone
        else
            KamailioClock.happened heard.Latest dialog.Created clock |> ValueOption.map Timing.reported

    let private startOf
        (clock: StampClock)
        (heard: Interval)
        (setup: Timing voption)
        (dialog: KamailioDialog)
        : Timing =
        let since =
            match setup with
            | ValueSome setup -> Instant.min setup.Within.Earliest heard.Latest
            | ValueNone -> Instant.distantPast

        match dialog.State with
        | KamailioState.Unconfirmed
        | KamailioState.Early -> Timing.reported (Interval.from heard.Earliest)
        // Nobody answered it.
        | KamailioState.Deleted when dialog.Answered = 0L -> Timing.reported (Interval.from heard.Earliest)
        | KamailioState.ConfirmedWithoutAck
        | KamailioState.Confirmed
        | KamailioState.Deleted ->
            match KamailioClock.happened heard.Latest dialog.Answered clock with
            | ValueSome at -> Timing.reported at
            | ValueNone -> Timing.bounded (Interval.create since heard.Latest)
        | KamailioState.Other _ -> Timing.bounded (Interval.create since Instant.distantFuture)

    /// Whether `dlg.stats_active` counts it.
    let isCounted (dialog: KamailioDialog) : bool =
        match dialog.State with
        | KamailioState.Unconfirmed
        | KamailioState.Early
        | KamailioState.ConfirmedWithoutAck
        | KamailioState.Confirmed -> true
        | KamailioState.Deleted
        | KamailioState.Other _ -> false

    let isOver (dialog: KamailioDialog) : bool = dialog.State = KamailioState.Deleted

    /// Whether it can show the clock.
    let isAnswered (dialog: KamailioDialog) : bool =
        dialog.Answered > 0L && dialog.Ended = 0L && isCounted dialog

    let private word (state: KamailioState) : string =
        match state with
        | KamailioState.Unconfirmed -> "unconfirmed"
        | KamailioState.Early -> "early"
        | KamailioState.ConfirmedWithoutAck -> "confirmed-na"
        | KamailioState.Confirmed -> "confirmed"
        | KamailioState.Deleted -> "deleted"
        | KamailioState.Other number -> string number

    let private text (words: string) : string voption = if words = "" then ValueNone else ValueSome words

    /// A bucket's numbers begin anew, at random, when Kamailio starts; with the Call-ID a name means one dialog.
    let nameOf (dialog: KamailioDialog) : ConnectionId option =
        ConnectionId.tryCreate $"{dialog.CallId};{dialog.Entry}:{dialog.Number}"

    /// The connection of a dialog; nothing if it has no name that could be kept.
    let observe (clock: StampClock) (heard: Interval) (dialog: KamailioDialog) : Observation option =
        nameOf dialog
        |> Option.map (fun id ->
            let setup = setupOf clock heard dialog

            { Id = id
              // The caller's tag: it stays when Kamailio loads the dialog from its database, which its times do not.
              Stamp = text dialog.FromTag
              Heard = heard
              Setup = setup
              Start = ValueSome(startOf clock heard setup dialog)
              MinimumAge = TimeSpan.Zero
              Facts =
                { Facts.none with
                    Call = CallId.tryCreate dialog.CallId |> ValueOption.ofOption
                    Originator = text dialog.From
                    Remote = text dialog.To
                    State = ValueSome(word dialog.State) } })

    /// When a dialog ended that is over. One that was over when Kamailio loaded it from its database has the time of that instead.
    let private endOf (clock: StampClock) (heard: Interval) (dialog: KamailioDialog) : Timing voption =
        if isLoaded dialog && dialog.Ended <= dialog.Created + 1L then
            ValueNone
        else
            KamailioClock.happened heard.Latest dialog.Ended clock |> ValueOption.map Timing.reported

    /// The end of a dialog that is over; nothing where Kamailio does not say when that was.
    let ended (clock: StampClock) (heard: Interval) (dialog: KamailioDialog) : Ended option =
        match observe clock heard dialog, endOf clock heard dialog with
        | Some observation, ValueSome over ->
            Some
                { Observation = observation
                  End = over
                  Cause = ValueNone
                  Counters = ValueNone
                  IsRenamed = false
                  Row = ValueNone }
        | _ -> None
