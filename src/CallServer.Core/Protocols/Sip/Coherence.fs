namespace CallServer.Protocols.Sip

open System.Linq
open CallServer.Model
open CallServer.Wire

/// The dialogs of one notifier of a watch, put together from its documents in the order in which it sent them (CSeq).
/// RFC 4235 §4.3 orders them by their version; but versions that never grow, or begin anew, are seen in the field, and a
/// whole document that was sent later is the later state whatever its version.
type internal Coherence =
    {
        Version: int64 voption
        /// A document with state="full" lies under it, and every one since then came.
        IsWhole: bool
        /// Of each dialog that goes on what was told last, which an update need not repeat.
        Reports: DialogReport[]
        /// Told before, and left out by an update that did not say that they ended.
        Doubted: DialogReport[]
        /// Told in an earlier subscription, and not yet in this one: they complete what an update does not repeat, and are told of
        /// nobody, since nobody has said since that they go on.
        Earlier: DialogReport[]
        /// Told of before, and told by the last document to have ended.
        Over: DialogReport[]
    }

/// What a document is to who watches.
[<RequireQualifiedAccess>]
type internal DocumentPlace =
    /// The first one of a subscription, or the one that a renewal asked for.
    | Answer
    /// Told because something changed.
    | Update

/// What a document did.
type internal Viewing =
    | Applied of Coherence
    /// An update is missing before it, or its version does not follow: the notifier has to be asked for the whole state.
    | Gap of Coherence
    /// A notifier that was asked for the whole state told a part, and an old one.
    | Stuck

module internal Coherence =
    /// No notification yet.
    let none: Coherence =
        { Version = ValueNone
          IsWhole = false
          Reports = [||]
          Doubted = [||]
          Earlier = [||]
          Over = [||] }

    /// A new subscription, whose versions begin anew.
    let anew (view: Coherence) : Coherence =
        { none with Earlier = Array.concat [ view.Reports; view.Doubted; view.Earlier ] }

    /// What a notification without a body says: there is no dialog (Kamailio writes no empty document).
    let nothing: DialogInfo = { Version = ValueNone; IsFull = true; Entity = ""; Dialogs = [||] }

    let private isOver (report: DialogReport) = report.Dialog.State = DialogState.Terminated

    /// Those of one dialog's id among them.
    let private byId (reports: DialogReport[]) : ILookup<string, DialogReport> =
        reports.ToLookup(fun report -> report.Dialog.Id)

    let private same (report: DialogReport) (among: ILookup<string, DialogReport>) : DialogReport list =
        [ for one in among[report.Dialog.Id] do
              if DialogIdentity.mayBeSame one.Dialog report.Dialog then
                  one ]

    /// A dialog's state only goes on (RFC 4235 §3.7.1): FreeSWITCH can be told to write `early` for a call on hold.
    let private onward (known: DialogReport) (told: DialogReport) : DialogReport =
        if DialogIdentity.rank told.Dialog < DialogIdentity.rank known.Dialog then
            { told with Dialog = { told.Dialog with State = known.Dialog.State } }
        else
            told

    /// Takes in a document that was true at some moment within; leavesOut says that updates of this notifier list only
    /// what changed, whatever they say.
    let apply
        (place: DocumentPlace)
        (leavesOut: bool)
        (within: Interval)
        (info: DialogInfo)
        (view: Coherence)
        : Viewing =
        let known = byId (Array.concat [ view.Reports; view.Doubted; view.Earlier ])

        // With what only earlier documents told. A report that may be of several known dialogs tells of none of them.
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

    /// The notifier has left out dialogs that go on: its updates list only what changed.
    let hasLeftOut (before: Coherence) (after: Coherence) : bool =
        let going = byId after.Reports
        before.Doubted |> Array.exists (fun report -> not (same report going).IsEmpty)
