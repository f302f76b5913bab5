namespace CallServer.Protocols.Kamailio

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange
open CallServer.Protocols

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
            SecondClock.happened heard.Latest dialog.Created clock |> ValueOption.map Timing.reported

    /// Whether `dlg.stats_active` counts it.
    let isCounted (dialog: KamailioDialog) : bool =
        match dialog.State with
        | ProxyDialogState.Unconfirmed
        | ProxyDialogState.Early
        | ProxyDialogState.ConfirmedWithoutAck
        | ProxyDialogState.Confirmed -> true
        | ProxyDialogState.Deleted
        | ProxyDialogState.Other _ -> false

    let isOver (dialog: KamailioDialog) : bool = dialog.State = ProxyDialogState.Deleted

    /// Whether it can show the clock.
    let isAnswered (dialog: KamailioDialog) : bool =
        dialog.Answered > 0L && dialog.Ended = 0L && isCounted dialog

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
              Stamp = ProxyDialogs.text dialog.FromTag
              Heard = heard
              Setup = setup
              Start = ValueSome(ProxyDialogs.startOf clock heard setup dialog.State dialog.Answered)
              MinimumAge = TimeSpan.Zero
              Facts =
                { Facts.none with
                    Call = CallId.tryCreate dialog.CallId |> ValueOption.ofOption
                    Originator = ProxyDialogs.text dialog.From
                    Remote = ProxyDialogs.text dialog.To
                    State = ValueSome(ProxyDialogs.word dialog.State) } })

    /// When a dialog ended that is over. One that was over when Kamailio loaded it from its database has the time of that instead.
    let private endOf (clock: StampClock) (heard: Interval) (dialog: KamailioDialog) : Timing voption =
        if isLoaded dialog && dialog.Ended <= dialog.Created + 1L then
            ValueNone
        else
            SecondClock.happened heard.Latest dialog.Ended clock |> ValueOption.map Timing.reported

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
