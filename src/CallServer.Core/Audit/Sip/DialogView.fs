namespace CallServer.Audit

open CallServer.Model
open CallServer.Wire

/// A dialog as a document told of it, which was true at some moment within.
[<Struct>]
type internal DialogReport = { Dialog: Dialog; Within: Interval }

/// The dialogs of one notifier, put together from its documents by RFC 4235 §4.3.
type internal DialogView =
    {
        Version: int64 voption
        /// A document with state="full" lies under it, and every one since then came.
        IsWhole: bool
        /// Of each dialog what was told last, which a partial document need not repeat.
        Reports: DialogReport[]
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
    let none: DialogView = { Version = ValueNone; IsWhole = false; Reports = [||] }

    /// A notification without a body: there is no dialog (Kamailio writes no empty document).
    let nothing (view: DialogView) : DialogView = { view with IsWhole = true; Reports = [||] }

    /// Adds and replaces by id. A dialog that ended need not be told again.
    let private upsert (known: DialogReport[]) (told: DialogReport[]) : DialogReport[] =
        let ids = System.Collections.Generic.HashSet(told |> Seq.map (fun report -> report.Dialog.Id))
        let kept = known |> Array.filter (fun report -> not (ids.Contains report.Dialog.Id))

        Array.append kept told |> Array.filter (fun report -> report.Dialog.State <> DialogState.Terminated)

    /// Takes in a document that was true at some moment within.
    let apply (within: Interval) (info: DialogInfo) (view: DialogView) : Viewing =
        let told = info.Dialogs |> Array.map (fun dialog -> { Dialog = dialog; Within = within })
        let taken isWhole reports = { Version = info.Version; IsWhole = isWhole; Reports = reports }

        match view.Version, info.Version with
        | ValueSome last, ValueSome now when now <= last -> OldVersion
        | _ when info.IsFull -> Applied(taken true told)
        | ValueSome last, ValueSome now when now > last + 1L -> Gap(taken false (upsert view.Reports told))
        | ValueNone, _
        | ValueSome _, _ -> Applied(taken view.IsWhole (upsert view.Reports told))
