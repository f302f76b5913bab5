namespace CallServer.Protocols.Kamailio

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// A reading of Kamailio's clock: it showed so many whole seconds since 1970 at some moment within the interval.
[<Struct>]
type internal KamailioClock = { Shown: int64; Within: Interval }

/// Makes observations from Kamailio's dialogs. A dialog is one connection: Kamailio is between both parties.
module internal KamailioObserving =
    let private second = TimeSpan.FromSeconds 1.0

    /// A hundred years, in seconds. No stamp is older.
    [<Literal>]
    let private LongestAge = 3153600000L

    /// When something happened, on our timeline, that Kamailio stamped. Stamp and clock are of one clock, so it does not matter how far that
    /// is from ours. It was told in a reply that had come by then.
    let private happened (clock: KamailioClock voption) (told: Instant) (stamp: int64) : Interval voption =
        match clock with
        | ValueSome clock when stamp > 0L && clock.Shown >= stamp && clock.Shown - stamp < LongestAge ->
            let age = TimeSpan.FromSeconds(float (clock.Shown - stamp))

            let at = Ago.ofDifference clock.Within.Earliest clock.Within.Latest age second second
            ValueSome(Ago.until told at.Earliest at.Latest)
        | _ -> ValueNone

    /// When the call began. A dialog that Kamailio loaded from its database was made at its own start, so a row that is younger than its
    /// answer says nothing.
    let private setupOf clock (heard: Interval) (dialog: KamailioDialog) : Timing voption =
        if dialog.Answered = 0L || dialog.Created <= dialog.Answered then
            happened clock heard.Latest dialog.Created |> ValueOption.map Timing.reported
        else
            ValueNone

    let private startOf clock (heard: Interval) (setup: Timing voption) (dialog: KamailioDialog) : Timing =
        let since =
            match setup with
            | ValueSome setup -> Instant.min setup.Within.Earliest heard.Latest
            | ValueNone -> Instant.distantPast

        match dialog.State with
        | KamailioState.Unconfirmed
        | KamailioState.Early -> Timing.reported (Interval.from heard.Earliest)
        | KamailioState.ConfirmedWithoutAck
        | KamailioState.Confirmed
        | KamailioState.Deleted ->
            match happened clock heard.Latest dialog.Answered with
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
    let observe
        (clock: KamailioClock voption)
        (heard: Interval)
        (dialog: KamailioDialog)
        : Observation option =
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
