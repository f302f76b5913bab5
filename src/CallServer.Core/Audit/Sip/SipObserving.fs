namespace CallServer.Audit

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// From dialogs to observations.
module internal SipObserving =
    /// A presence server (Kamailio) hears of each dialog by a PUBLISH, which takes its time.
    let staleness = TimeSpan.FromSeconds 1.0

    let private second = TimeSpan.FromSeconds 1.0

    /// Durations of a hundred years are none.
    [<Literal>]
    let private LongestDuration = 3153600000L

    /// `duration` counts from the INVITE, in whole seconds; most notifiers subtract two clocks that they read in
    /// whole seconds, so that it may be too long or too short by one.
    let private setup (heard: Interval) (dialog: Dialog) : Timing voption =
        match dialog.Duration with
        | ValueSome seconds when seconds < LongestDuration ->
            let age = TimeSpan.FromSeconds(float seconds)

            TimeEvidence.ofDifference heard.Earliest heard.Latest age second second
            |> Timing.reported
            |> ValueSome
        | ValueSome _
        | ValueNone -> ValueNone

    let private start (heard: Interval) (setup: Timing voption) (state: DialogState) : Timing voption =
        let since =
            match setup with
            | ValueSome setup -> setup.Within.Earliest
            | ValueNone -> Instant.distantPast

        match state with
        | DialogState.Trying
        | DialogState.Proceeding
        | DialogState.Early -> ValueSome(Timing.reported (Interval.from (heard.Earliest - staleness)))
        // No earlier than its call, as far as that is told, and no later than it was heard.
        | DialogState.Confirmed
        | DialogState.Terminated ->
            ValueSome(Timing.bounded (Interval.create (Instant.min since heard.Latest) heard.Latest))
        // A word of the notifier's own: it may ring.
        | DialogState.Other _ -> ValueSome(Timing.bounded (Interval.create since Instant.distantFuture))

    let private text (words: string) : string voption = if words = "" then ValueNone else ValueSome words

    let private partyText (read: DialogParty -> string) (party: DialogParty option) : string voption =
        match party with
        | Some party -> text (read party)
        | None -> ValueNone

    let private description (party: DialogParty option) : Sdp voption =
        match party with
        | Some party when party.Session <> "" ->
            match Sdp.decode party.Session with
            | Ok sdp -> ValueSome sdp
            | Error _ -> ValueNone
        | Some _
        | None -> ValueNone

    let private isSpeech (codec: Codec) = codec.Name <> "telephone-event" && codec.Name <> "CN"

    let private codecs (sdp: Sdp) : Codec[] =
        match Sdp.callMedium sdp with
        | ValueSome medium ->
            medium.Formats
            |> Array.choose (fun format -> Sdp.formatCodec medium format |> ValueOption.toOption)
            |> Array.filter isSpeech
        | ValueNone -> [||]

    /// The first that both sides named, else the first of the one that told.
    let private codec (ours: Sdp voption) (theirs: Sdp voption) : Codec voption =
        match ours, theirs with
        | ValueSome ours, ValueSome theirs ->
            let accepted = codecs theirs |> Array.map (fun codec -> codec.Name)

            match codecs ours |> Array.tryFind (fun codec -> Array.contains codec.Name accepted) with
            | Some codec -> ValueSome codec
            | None -> Sdp.codec ours
        | ValueSome one, ValueNone
        | ValueNone, ValueSome one -> Sdp.codec one
        | ValueNone, ValueNone -> ValueNone

    let private mode (sdp: Sdp voption) : string voption =
        match sdp with
        | ValueSome sdp ->
            match Sdp.callMedium sdp with
            | ValueSome { Direction = ValueSome direction } -> ValueSome direction
            | ValueSome { Direction = ValueNone } when sdp.Direction.IsSome -> sdp.Direction
            // RFC 8866 §6.7: sendrecv is what is meant where nothing is said.
            | ValueSome _ -> ValueSome "sendrecv"
            | ValueNone -> ValueNone
        | ValueNone -> ValueNone

    let private facts (dialog: Dialog) : Facts =
        let identity = partyText _.Identity
        let ours = description dialog.Local
        let theirs = description dialog.Remote

        let originator, remote =
            match dialog.Direction with
            | ValueSome DialogDirection.Initiator -> identity dialog.Local, identity dialog.Remote
            | ValueSome DialogDirection.Recipient -> identity dialog.Remote, identity dialog.Local
            | ValueNone -> identity dialog.Remote, identity dialog.Remote

        { Facts.none with
            Call = CallId.tryCreate dialog.CallId |> ValueOption.ofOption
            Endpoint = partyText _.Target dialog.Local
            Originator = originator
            Remote = remote
            Codec = codec ours theirs
            Mode = mode ours
            State = text (DialogInfo.stateWord dialog.State)
            LocalMedia = ours |> ValueOption.bind Sdp.address
            RemoteMedia = theirs |> ValueOption.bind Sdp.address }

    /// The dialog's id; where a product leaves it out, its Call-ID with both tags.
    let private nameOf (dialog: Dialog) : string =
        if dialog.Id <> "" then dialog.Id
        elif dialog.CallId = "" then ""
        elif dialog.LocalTag = "" && dialog.RemoteTag = "" then dialog.CallId
        else $"{dialog.CallId};{dialog.LocalTag};{dialog.RemoteTag}"

    /// A dialog's state only goes on (RFC 4235 §3.7.1): of two reports the later state is the newer one.
    let private rank (dialog: Dialog) : int =
        match dialog.State with
        | DialogState.Other _ -> 0
        | DialogState.Trying -> 1
        | DialogState.Proceeding -> 2
        | DialogState.Early -> 3
        | DialogState.Confirmed -> 4
        | DialogState.Terminated -> 5

    /// Alive within the window; its state and duration as they were when a document told of it.
    let private observe (heard: Interval) (id: ConnectionId) (report: DialogReport) : Observation =
        let dialog = report.Dialog
        let setup = setup report.Within dialog

        { Id = id
          // An id that comes again with another Call-ID is another dialog.
          Stamp = text dialog.CallId
          Heard = heard
          Setup = setup
          Start = start report.Within setup dialog.State
          MinimumAge = TimeSpan.Zero
          Facts = facts dialog }

    /// What the dialogs of one or more notifiers say together.
    type Seen =
        {
            /// Sorted by id, each id once.
            Observations: Observation[]
            /// What keeps them from being a whole list.
            Shortfalls: Shortfall list
            /// Some dialog has no Call-ID: its id may be that of a line (Asterisk's is the extension).
            ReusesIds: bool
        }

    let private some (texts: string seq) : string =
        let texts = Seq.truncate 3 texts |> Seq.toArray
        String.Join(", ", texts)

    let private isOver (report: DialogReport) = report.Dialog.State = DialogState.Terminated

    /// One observation for each dialog that has not ended, alive within the window. A presence server that
    /// aggregates can list a dialog more than once, under several entities or with a report that a later one has
    /// overtaken.
    let see (heard: Interval) (reports: DialogReport[]) : Seen =
        let named, nameless =
            reports
            |> Array.map (fun report -> struct (ConnectionId.tryCreate (nameOf report.Dialog), report))
            |> Array.partition (fun struct (id, _) -> id.IsSome)

        // Of each call the newest report, without those that ended.
        let going =
            named
            |> Array.groupBy (fun struct (id, _) -> id.Value)
            |> Array.sortBy fst
            |> Array.map (fun (id, group) ->
                let calls =
                    group
                    |> Array.map (fun struct (_, report) -> report)
                    |> Array.groupBy (fun report -> report.Dialog.CallId)
                    |> Array.map (fun (_, reports) ->
                        reports |> Array.maxBy (fun report -> rank report.Dialog))
                    |> Array.filter (isOver >> not)

                struct (id, calls))
            |> Array.filter (fun struct (_, calls) -> calls.Length > 0)

        // The same id with two Call-IDs that both go on: two calls, of which one would be lost.
        let clashing = going |> Array.filter (fun struct (_, calls) -> calls.Length > 1)
        let nameless = nameless |> Array.filter (fun struct (_, report) -> not (isOver report))

        { Observations = going |> Array.map (fun struct (id, calls) -> observe heard id calls[0])
          Shortfalls =
            [ if nameless.Length > 0 then
                  Unreadable $"{nameless.Length} dialogs without an id that could be kept"
              if clashing.Length > 0 then
                  Unreadable
                      $"several dialogs are called {some (clashing |> Seq.map (fun struct (id, _) -> string id))}" ]
          ReusesIds =
            going
            |> Array.exists (fun struct (_, calls) ->
                calls |> Array.exists (fun report -> report.Dialog.CallId = "")) }

    let traits (seen: Seen) : Traits =
        { Traits.plain with
            ReusesIds = seen.ReusesIds
            Staleness = staleness
            DriftPpm = Profile.DefaultDriftPpm }

/// A snapshot of what notifications told.
module internal SipSnapshot =
    let partialDocument = CutShort "the notification says state=\"partial\": it need not list every dialog"

    /// The dialogs were as told at some moment from Asked to Answered.
    let make
        (gateway: SipGateway)
        (asked: Instant)
        (answered: Instant)
        (requests: int)
        (reasons: Shortfall list)
        (reports: DialogReport[])
        : Snapshot =
        let seen = SipObserving.see (Interval.create asked answered) reports
        let reasons = List.distinct (reasons @ seen.Shortfalls)

        { Gateway = gateway.Gateway
          Protocol = "sip"
          Profile = "dialog"
          Traits = SipObserving.traits seen
          Asked = asked
          Answered = answered
          Boot = Boot.untold answered
          Completeness = (if reasons.IsEmpty then Complete [ WholeDocument ] else Partial reasons)
          Observations = seen.Observations
          Ended = [||]
          History = ValueNone
          Denied = [||]
          Standing = ValueNone
          Requests = requests }
