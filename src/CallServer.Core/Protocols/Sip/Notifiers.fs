namespace CallServer.Protocols.Sip

open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// What one notifier sent in answer to one SUBSCRIBE.
type internal Told =
    {
        Tag: string
        /// Where requests to the notifier go, and through which proxies.
        Target: string
        Routes: string list
        /// Every dialog that its documents listed, each true at some moment in the window. An update that comes beside the full
        /// state takes nothing away.
        Reports: DialogReport[]
        /// A document said state="full", or a notification without a body said that there is no dialog.
        IsWhole: bool
        HasDocument: bool
        /// A notification had no body: either there is no dialog, or the notifier does not answer a fetch with its state.
        MayHide: bool
        /// The notifier said that the subscription is over.
        IsOver: bool
        /// Why its dialogs may not be all.
        Faults: Shortfall list
        /// CSeq numbers of its notifications. A repeat is answered again, but not taken in again.
        Seen: Set<int64>
    }

/// The notifiers that answered one SUBSCRIBE, newest first. A SUBSCRIBE that forks has several.
type internal Notifiers = Told list

module internal Notifiers =
    let none: Notifiers = []

    let private isKnown (tag: string) (notifiers: Notifiers) =
        notifiers |> List.exists (fun told -> told.Tag = tag)

    let private takeIn (within: Interval) (notice: Notification) (known: Told) : Told =
        let isOver =
            match notice.State with
            | SubscriptionState.Terminated _ -> true
            | SubscriptionState.Active _
            | SubscriptionState.Pending -> known.IsOver

        let known = { known with Seen = known.Seen.Add notice.CSeq; IsOver = isOver }
        let fault why = { known with Faults = [ why ] }
        let refused detail = fault (Refused(RefusalCause.Unsaid, detail))

        match notice.State, notice.Document with
        | SubscriptionState.Pending, _ -> refused "nobody at the gateway has allowed this subscription yet"
        | SubscriptionState.Terminated("rejected", _), _ -> refused "the gateway rejected the subscription"
        | _, Error why -> fault why
        | _, Ok(ValueSome info) ->
            let told = info.Dialogs |> Array.map (fun dialog -> { Dialog = dialog; Within = within })

            { known with
                Reports = Array.append known.Reports told
                IsWhole = known.IsWhole || info.IsFull
                HasDocument = true
                Faults = [] }
        // Once there was a document, the notification that ends the subscription need not repeat it.
        | _, Ok ValueNone when known.HasDocument -> known
        | SubscriptionState.Terminated("noresource", _), Ok ValueNone ->
            { refused "the gateway ended the subscription: noresource" with MayHide = true }
        | SubscriptionState.Terminated(reason, _), Ok ValueNone when reason <> "" && reason <> "timeout" ->
            { fault (CutShort $"the gateway ended the subscription: {Sip.textOf reason}") with
                MayHide = true }
        // Kamailio writes no empty document.
        | (SubscriptionState.Active _ | SubscriptionState.Terminated _), Ok ValueNone ->
            { known with IsWhole = true; MayHide = true }

    /// Takes in a notification that was written at some moment within the interval.
    let take (within: Interval) (notice: Notification) (s: Subscription) (notifiers: Notifiers) : Notifiers =
        match notifiers |> List.tryFind (fun told -> told.Tag = notice.From) with
        | Some told when told.Seen.Contains notice.CSeq -> notifiers
        | Some told ->
            takeIn within notice told :: List.filter (fun other -> other.Tag <> notice.From) notifiers
        | None ->
            takeIn
                within
                notice
                { Tag = notice.From
                  Target = notice.Target |> ValueOption.defaultValue s.Target
                  Routes = notice.Routes
                  Reports = [||]
                  IsWhole = false
                  HasDocument = false
                  MayHide = false
                  IsOver = false
                  Faults = []
                  Seen = Set.empty }
            :: notifiers

    /// No notifier sent a document: either the gateway has no dialog, or it does not answer a fetch with its state.
    let isEmpty (notifiers: Notifiers) : bool =
        notifiers |> List.forall (fun told -> told.MayHide && not told.HasDocument)

    /// A notification is still owed: by the notifier that sent the 2xx, or because fewer notifiers have answered than did before.
    let isAwaited (s: Subscription) (before: int) (notifiers: Notifiers) : bool =
        List.length notifiers < before
        || s.AcceptedBy |> ValueOption.exists (fun tag -> not (isKnown tag notifiers))

    /// Why the dialogs reported so far may not be all.
    let shortfalls (s: Subscription) (before: int) (notifiers: Notifiers) : Shortfall list =
        [ for told in List.rev notifiers do
              yield! told.Faults

              if not told.IsWhole && told.Faults.IsEmpty then
                  SipSnapshot.partialDocument

          let count = List.length notifiers

          if s.AcceptedBy |> ValueOption.exists (fun tag -> not (isKnown tag notifiers)) then
              CutShort "the notifier that accepted the SUBSCRIBE sent no notification"
          elif count < before then
              CutShort $"{count} of {before} notifiers that one SUBSCRIBE had before sent a notification" ]

    let reports (notifiers: Notifiers) : DialogReport[] =
        List.rev notifiers |> List.map _.Reports |> Array.concat

    /// The subscription as each notifier holds it, for those that have not ended it.
    let subscriptions (s: Subscription) (notifiers: Notifiers) : Subscription list =
        [ for told in notifiers do
              if not told.IsOver then
                  { s with RemoteTag = ValueSome told.Tag; Target = told.Target; Routes = told.Routes } ]
