namespace CallServer.Protocols.Kamailio

open CallServer.Ledger
open CallServer.Exchange

/// What Kamailio's counts tell besides the list.
module internal KamailioProof =
    /// Older versions print the lower half of the total, with its sign.
    [<Literal>]
    let private Period = 4294967296L

    /// The total of dialogs that began since the start, those that were never answered included. What Kamailio loaded from its database is
    /// not counted.
    let total (before: CallCounts) (after: CallCounts) : RunningTotal voption =
        match before.Begun, after.Begun with
        | ValueSome before, ValueSome after ->
            ValueSome
                { Of = TotalOf.Connections
                  Before = before &&& (Period - 1L)
                  After = after &&& (Period - 1L)
                  Wraps = ValueSome Period }
        | _ -> ValueNone
