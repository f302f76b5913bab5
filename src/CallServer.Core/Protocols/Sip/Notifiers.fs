namespace CallServer.Protocols.Sip

open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// What one notifier told in answer to one SUBSCRIBE.
type internal Told =
    {
        Tag: string
        /// Where requests to it go, and by which proxies.
        Target: string
        Routes: string list
        /// All that its documents listed, each within the window: an update that came beside the state takes nothing away.
        Reports: DialogReport[]
        /// One document said that it is the state, or a notification without a body that there is none.
        IsWhole: bool
        HasDocument: bool
        /// A notification had no body: there is no dialog, or it answers no fetch with its state.
        MayHide: bool
        /// It says that the subscription is over.
        IsOver: bool
        /// Why what it told may not be all.
        Faults: Shortfall list
        /// CSeq numbers of its notifications: repeats are answered again, and not taken in again.
        Seen: Set<int64>
    }

/// Those who answered one SUBSCRIBE, the newest first: one that forks has several notifiers.
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
        // After a document, the notification that ends the subscription need not repeat it.
        | _, Ok ValueNone when known.HasDocument -> known
        | SubscriptionState.Terminated("noresource", _), Ok ValueNone ->
            { refused "the gateway ended the subscription: noresource" with MayHide = true }
        | SubscriptionState.Terminated(reason, _), Ok ValueNone when reason <> "" && reason <> "timeout" ->
            { fault (CutShort $"the gateway ended the subscription: {Sip.textOf reason}") with
                MayHide = true }
        // Kamailio writes no empty document.
        | (SubscriptionState.Active _ | SubscriptionState.Terminated _), Ok ValueNone ->
            { known with IsWhole = true; MayHide = true }

    /// Takes in a notification that was written at some moment within.
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

    /// Nobody wrote a document: the gateway has no dialog, or does not answer a fetch with its state.
    let isEmpty (notifiers: Notifiers) : bool =
        notifiers |> List.forall (fun told -> told.MayHide && not told.HasDocument)

    /// The one that sent the 2xx, or one of as many as answered before, has not told yet.
    let isAwaited (s: Subscription) (before: int) (notifiers: Notifiers) : bool =
        List.length notifiers < before
        || s.AcceptedBy |> ValueOption.exists (fun tag -> not (isKnown tag notifiers))

    /// Why what they told may not be all.
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

    /// The subscription as each of them has it that goes on.
    let subscriptions (s: Subscription) (notifiers: Notifiers) : Subscription list =
        [ for told in notifiers do
              if not told.IsOver then
                  { s with RemoteTag = ValueSome told.Tag; Target = told.Target; Routes = told.Routes } ]
