namespace CallServer.Audit

open CallServer.Wire

/// The dialogs of one notifier, put together from its documents by RFC 4235 §4.3.
type internal DialogView =
    {
        Version: int64 voption
        /// A document with state="full" lies under it, and every one since then came.
        IsWhole: bool
        Dialogs: Dialog[]
    }

/// What a document did.
type internal Viewing =
    | Applied of DialogView
    /// A version is missing before it: the notifier has to be asked for the whole state.
    | Gap of DialogView
    /// Older than what is known, or a repeat of it: discarded.
    | OldVersion

module internal DialogView =
    /// No notification yet.
    let none: DialogView = { Version = ValueNone; IsWhole = false; Dialogs = [||] }

    /// A notification without a body: there is no dialog (Kamailio writes no empty document).
    let nothing (view: DialogView) : DialogView =
        { view with IsWhole = true; Dialogs = [||] }

    /// Adds and replaces by id. A dialog that ended need not be told again.
    let private upsert (known: Dialog[]) (told: Dialog[]) : Dialog[] =
        let ids = System.Collections.Generic.HashSet(told |> Seq.map (fun dialog -> dialog.Id))
        let kept = known |> Array.filter (fun dialog -> not (ids.Contains dialog.Id))
        Array.append kept told |> Array.filter (fun dialog -> dialog.State <> DialogState.Terminated)

    let apply (info: DialogInfo) (view: DialogView) : Viewing =
        let taken isWhole dialogs = { Version = info.Version; IsWhole = isWhole; Dialogs = dialogs }

        match view.Version, info.Version with
        | ValueSome last, ValueSome now when now <= last -> OldVersion
        | _ when info.IsFull -> Applied(taken true info.Dialogs)
        | ValueSome last, ValueSome now when now > last + 1L -> Gap(taken false (upsert view.Dialogs info.Dialogs))
        | ValueNone, _
        | ValueSome _, _ -> Applied(taken view.IsWhole (upsert view.Dialogs info.Dialogs))
