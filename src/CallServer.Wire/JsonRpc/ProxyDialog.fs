namespace CallServer.Wire

/// How far a dialog has come, as Kamailio and OpenSIPS number it (modules/dialog/dlg_hash.h, DLG_STATE_*).
[<RequireQualifiedAccess>]
type ProxyDialogState =
    /// 1: the INVITE was relayed, and nobody has answered anything.
    | Unconfirmed
    /// 2: a provisional answer came.
    | Early
    /// 3: a 2xx came, and no ACK yet.
    | ConfirmedWithoutAck
    /// 4: the ACK came.
    | Confirmed
    /// 5: it is over. The proxy keeps the row a little longer.
    | Deleted
    /// A number that is not documented.
    | Other of int64

module ProxyDialogState =
    /// The state that is written as this number.
    let ofNumber (number: int64) : ProxyDialogState =
        match number with
        | 1L -> ProxyDialogState.Unconfirmed
        | 2L -> ProxyDialogState.Early
        | 3L -> ProxyDialogState.ConfirmedWithoutAck
        | 4L -> ProxyDialogState.Confirmed
        | 5L -> ProxyDialogState.Deleted
        | other -> ProxyDialogState.Other other

    /// The number as which a state is written.
    let toNumber (state: ProxyDialogState) : int64 =
        match state with
        | ProxyDialogState.Unconfirmed -> 1L
        | ProxyDialogState.Early -> 2L
        | ProxyDialogState.ConfirmedWithoutAck -> 3L
        | ProxyDialogState.Confirmed -> 4L
        | ProxyDialogState.Deleted -> 5L
        | ProxyDialogState.Other other -> other

/// What `core.uptime` of Kamailio and `uptime` of OpenSIPS say.
[<Struct>]
type ProxyUpTime =
    {
        /// When the proxy started, as it writes it: local time, to the second, the same text until it starts again.
        Since: string
        /// Whole seconds since then: the difference of two truncated times.
        Seconds: int64
    }
