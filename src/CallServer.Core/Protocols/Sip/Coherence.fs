namespace CallServer.Protocols.Sip

open System.Linq
open CallServer.Model
open CallServer.Wire

/// The dialogs of one notifier of a watch, put together from its documents in the order in which it sent them (CSeq).
/// RFC 4235 §4.3 orders documents by version. But some notifiers in the field never raise the version, or start it again,
/// and a full document that was sent later is the later state whatever its version.
type internal Coherence =
    {
        /// Of the last document that stated one.
        Version: int64 voption
        /// The state rests on a document with state="full", and no update since then is missing.
        IsWhole: bool
        /// The last report of each dialog that goes on. An update need not repeat all of it.
        Reports: DialogReport[]
        /// Dialogs reported before, which an update left out without saying that they ended.
        Doubted: DialogReport[]
        /// Dialogs reported in an earlier subscription and not yet in this one. They fill in what an update does not repeat, but
        /// are not reported themselves: nothing has said since then that they go on.
        Earlier: DialogReport[]
        /// Known dialogs that the last document reported as terminated.
        Over: DialogReport[]
    }

/// What a document is to the subscriber.
[<RequireQualifiedAccess>]
type internal DocumentPlace =
    /// The first document of a subscription, or the one that a renewal asked for.
    | Answer
    /// The notifier sent it because something changed.
    | Update

/// What became of a document.
type internal Viewing =
    | Applied of Coherence
    /// An update is missing, or the version does not follow the last one (a version gap): the notifier has to be asked for its
    /// full state.
    | Gap of Coherence
    /// The notifier was asked for its full state, and sent a partial document whose version does not follow the last one.
    | Stuck

module internal Coherence =
    /// Before the first notification.
    let none: Coherence =
        { Version = ValueNone
          IsWhole = false
          Reports = [||]
          Doubted = [||]
          Earlier = [||]
          Over = [||] }

    /// A new subscription, whose versions start again. What was known so far becomes `Earlier`.
    let anew (view: Coherence) : Coherence =
        { none with Earlier = Array.concat [ view.Reports; view.Doubted; view.Earlier ] }

    /// What a notification without a body means: there is no dialog (Kamailio writes no empty document).
    let nothing: DialogInfo = { Version = ValueNone; IsFull = true; Entity = ""; Dialogs = [||] }

    let private isOver (report: DialogReport) = report.Dialog.State = DialogState.Terminated

    let private byId (reports: DialogReport[]) : ILookup<string, DialogReport> =
        reports.ToLookup(fun report -> report.Dialog.Id)

    let private same (report: DialogReport) (among: ILookup<string, DialogReport>) : DialogReport list =
        [ for one in among[report.Dialog.Id] do
              if DialogIdentity.mayBeSame one.Dialog report.Dialog then
                  one ]

    /// A dialog's state only moves forward (RFC 4235 §3.7.1). A report that goes back keeps the known state: FreeSWITCH can be
    /// configured to write `early` for a call on hold.
    let private onward (known: DialogReport) (told: DialogReport) : DialogReport =
        if DialogIdentity.rank told.Dialog < DialogIdentity.rank known.Dialog then
            { told with Dialog = { told.Dialog with State = known.Dialog.State } }
        else
            told

    /// Takes in a document whose contents were true at some moment within the interval. leavesOut: the updates of this notifier
    /// list only what changed, whether or not they say state="full".
    let apply
        (place: DocumentPlace)
        (leavesOut: bool)
        (within: Interval)
        (info: DialogInfo)
        (view: Coherence)
        : Viewing =
        let known = byId (Array.concat [ view.Reports; view.Doubted; view.Earlier ])

        // Fills in what only earlier documents said. A report that fits several known dialogs is dropped.
        let told =
            info.Dialogs
            |> Array.map (fun dialog -> { Dialog = dialog; Within = within })
            |> DialogIdentity.distinct
            |> Array.choose (fun report ->
                match same report known with
                | [] -> Some report
                | [ one ] ->
                    Some(onward one { report with Dialog = DialogIdentity.merge one.Dialog report.Dialog })
                | _ -> None)

        let tells = byId told
        let isTold report = not (same report tells).IsEmpty
        let over, going = told |> Array.partition isOver
        let leftOut = view.Reports |> Array.filter (isTold >> not)
        let earlier = view.Earlier |> Array.filter (isTold >> not)
        let isFirst = view.Version.IsNone && not view.IsWhole

        let follows =
            match view.Version, info.Version with
            | ValueSome last, ValueSome now -> now = last + 1L
            | ValueNone, _
            | ValueSome _, ValueNone -> true

        let next reports =
            { Version = (if info.Version.IsSome then info.Version else view.Version)
              IsWhole = view.IsWhole
              Reports = reports
              Doubted = view.Doubted |> Array.filter (isTold >> not)
              Earlier = earlier
              Over = over |> Array.filter (fun report -> not (same report known).IsEmpty) }

        match place with
        | DocumentPlace.Answer when info.IsFull ->
            Applied { next going with IsWhole = true; Doubted = [||]; Earlier = [||] }
        | DocumentPlace.Answer when not follows && not isFirst -> Stuck
        | DocumentPlace.Update when info.IsFull && leftOut.Length = 0 && earlier.Length = 0 ->
            Applied { next going with IsWhole = true }
        | DocumentPlace.Update when info.IsFull && not leavesOut ->
            let view = next going
            Applied { view with Doubted = Array.concat [ view.Doubted; leftOut; earlier ]; Earlier = [||] }
        | DocumentPlace.Answer
        | DocumentPlace.Update ->
            let view = next (Array.append leftOut going)
            if follows then Applied view else Gap { view with IsWhole = false }

    /// Whether a dialog that an update left out goes on after all: then this notifier's updates list only what changed.
    let hasLeftOut (before: Coherence) (after: Coherence) : bool =
        let going = byId after.Reports
        before.Doubted |> Array.exists (fun report -> not (same report going).IsEmpty)
