namespace CallServer.Protocols

open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// What dialogs of Kamailio and OpenSIPS tell in the same way.
module internal ProxyDialogs =
    let word (state: ProxyDialogState) : string =
        match state with
        | ProxyDialogState.Unconfirmed -> "unconfirmed"
        | ProxyDialogState.Early -> "early"
        | ProxyDialogState.ConfirmedWithoutAck -> "confirmed-na"
        | ProxyDialogState.Confirmed -> "confirmed"
        | ProxyDialogState.Deleted -> "deleted"
        | ProxyDialogState.Other number -> string number

    /// A text that is told; nothing where it is empty.
    let text (words: string) : string voption = if words = "" then ValueNone else ValueSome words

    /// When a dialog became active, whose 2xx the proxy stamped with these seconds, or with 0 where none came. setup: when its INVITE came.
    let startOf
        (clock: StampClock)
        (heard: Interval)
        (setup: Timing voption)
        (state: ProxyDialogState)
        (answered: int64)
        : Timing =
        let since =
            match setup with
            | ValueSome setup -> Instant.min setup.Within.Earliest heard.Latest
            | ValueNone -> Instant.distantPast

        match state with
        | ProxyDialogState.Unconfirmed
        | ProxyDialogState.Early -> Timing.reported (Interval.from heard.Earliest)
        // Nobody answered it.
        | ProxyDialogState.Deleted when answered = 0L -> Timing.reported (Interval.from heard.Earliest)
        | ProxyDialogState.ConfirmedWithoutAck
        | ProxyDialogState.Confirmed
        | ProxyDialogState.Deleted ->
            match SecondClock.happened heard.Latest answered clock with
            | ValueSome at -> Timing.reported at
            | ValueNone -> Timing.bounded (Interval.create since heard.Latest)
        | ProxyDialogState.Other _ -> Timing.bounded (Interval.create since Instant.distantFuture)
