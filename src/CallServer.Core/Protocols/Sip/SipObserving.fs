namespace CallServer.Protocols.Sip

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Makes observations from dialogs.
module internal SipObserving =
    /// How old a report may be, 1 s: a presence server (Kamailio) learns of each dialog by a PUBLISH, which takes time.
    let staleness = TimeSpan.FromSeconds 1.0

    let private second = TimeSpan.FromSeconds 1.0

    /// Durations of this many seconds or more, a hundred years, are ignored.
    [<Literal>]
    let private LongestDuration = 3153600000L

    /// `duration` counts from the INVITE, in whole seconds. Most notifiers subtract two clock readings in whole seconds, so it may be
    /// too long or too short by one.
    let private setup (heard: Interval) (dialog: Dialog) : Timing voption =
        match dialog.Duration with
        | ValueSome seconds when seconds < LongestDuration ->
            let age = TimeSpan.FromSeconds(float seconds)

            Ago.ofDifference heard.Earliest heard.Latest age second second |> Timing.reported |> ValueSome
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
        // The start is no earlier than the setup, if that is known, and no later than the report.
        | DialogState.Confirmed
        | DialogState.Terminated ->
            ValueSome(Timing.bounded (Interval.create (Instant.min since heard.Latest) heard.Latest))
        // A state that RFC 4235 does not have: the call may still be ringing.
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

    /// Our side's first codec that the other side names too; otherwise the first one of our side, or of the only side that is known.
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
            // RFC 8866 §6.7: without a direction, sendrecv is meant.
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
            Direction =
                dialog.Direction
                |> ValueOption.map (function
                    | DialogDirection.Initiator -> Outgoing
                    | DialogDirection.Recipient -> Incoming)
            Codec = codec ours theirs
            Mode = mode ours
            State = text (DialogInfo.stateWord dialog.State)
            LocalMedia = ours |> ValueOption.bind Sdp.address
            RemoteMedia = theirs |> ValueOption.bind Sdp.address }

    /// The connection was alive within the window; its state and duration are as of the document that reported it.
    let private observe (heard: Interval) (id: ConnectionId) (report: DialogReport) : Observation =
        let dialog = report.Dialog
        let setup = setup report.Within dialog

        { Id = id
          // The same id with another Call-ID is another dialog.
          Stamp = text dialog.CallId
          Heard = heard
          Setup = setup
          Start = start report.Within setup dialog.State
          MinimumAge = TimeSpan.Zero
          Facts = facts dialog }

    /// What the reports of one or more notifiers say together.
    type Seen =
        {
            /// One for each dialog that goes on, sorted by id; each id once.
            Observations: Observation[]
            /// Names of dialogs that were reported as ended and that no other report lists as going on; sorted.
            Over: ConnectionId[]
            /// The names of the dialogs that go on.
            Names: DialogNames
            /// Why the list may not be complete.
            Shortfalls: Shortfall list
            /// Some dialog has no Call-ID, so its id may be that of a line (Asterisk's is the extension).
            ReusesIds: bool
        }

    let private isOver (report: DialogReport) = report.Dialog.State = DialogState.Terminated

    /// Why dialogs without a name of their own cannot be listed: some have no name at all; others share a name with a call that goes
    /// on too, and one of the two would be lost.
    let private unnamed (reports: DialogReport[]) : Shortfall list =
        let keys = reports |> Array.map (fun report -> DialogIdentity.key report.Dialog)
        let nameless = keys |> Array.filter (fun key -> key = "")
        let clashing = keys |> Array.filter (fun key -> key <> "") |> Array.distinct

        [ if nameless.Length > 0 then
              Unreadable $"{nameless.Length} dialogs without an id that could be kept"
          if clashing.Length > 0 then
              let some = String.Join(", ", Seq.truncate 3 clashing)
              Unreadable $"several dialogs are called {some}" ]

    /// One observation, alive within the window, for each dialog that has not ended. A presence server that aggregates can list a
    /// dialog more than once: under several entities, or with a report that a later one has overtaken. Dialogs keep the names that
    /// they had. isKnown says whether the record has a connection of that name.
    let see
        (heard: Interval)
        (isKnown: ConnectionId -> bool)
        (names: DialogNames)
        (reports: DialogReport[])
        : Seen =
        let over, going = DialogIdentity.distinct reports |> Array.partition isOver

        let named, nameless =
            going
            |> Array.groupBy (fun report -> DialogIdentity.key report.Dialog)
            |> Array.collect (fun (_, group) -> DialogIdentity.name isKnown names group)
            |> Array.partition (fun struct (id, _) -> id.IsSome)

        let named =
            named
            |> Array.map (fun struct (id, report) -> struct (id.Value, report))
            |> Array.sortBy (fun struct (id, _) -> id)

        let present = HashSet(named |> Seq.map (fun struct (id, _) -> id))

        { Observations = named |> Array.map (fun struct (id, report) -> observe heard id report)
          Over =
            over
            |> Array.choose (fun report -> DialogIdentity.tryName report.Dialog names |> ValueOption.toOption)
            |> Array.filter (present.Contains >> not)
            |> Array.distinct
            |> Array.sort
          Names =
            named
            |> Array.groupBy (fun struct (_, report) -> DialogIdentity.key report.Dialog)
            |> Array.map (fun (key, group) ->
                key, [ for struct (id, report) in group -> struct (report.Dialog, id) ])
            |> Map.ofArray
          Shortfalls = nameless |> Array.map (fun struct (_, report) -> report) |> unnamed
          ReusesIds = going |> Array.exists (fun report -> report.Dialog.CallId = "") }

    let traits (memory: SipMemory) (seen: Seen) : Traits =
        { Traits.plain with
            AbsencesToClose = (if memory.TakesTwo then 2 else 1)
            ReusesIds = seen.ReusesIds
            Staleness = staleness
            DriftPpm = Traits.usualDriftPpm }

/// Makes a snapshot from what notifications reported.
module internal SipSnapshot =
    let partialDocument = CutShort "the notification says state=\"partial\": it need not list every dialog"

    /// A snapshot of dialogs that were as reported at some moment from asked to answered, and the memory with their names.
    let make
        (gateway: SipGateway)
        (memory: SipMemory)
        (isKnown: ConnectionId -> bool)
        (asked: Instant)
        (answered: Instant)
        (requests: int)
        (reasons: Shortfall list)
        (reports: DialogReport[])
        : struct (Snapshot * SipMemory) =
        let seen = SipObserving.see (Interval.create asked answered) isKnown memory.Names reports
        let reasons = List.distinct (reasons @ seen.Shortfalls)

        let names =
            if reasons.IsEmpty then
                seen.Names
            else
                (memory.Names, seen.Names) ||> Map.fold (fun names key named -> names.Add(key, named))

        struct ({ Gateway = gateway.Gateway
                  Protocol = "sip"
                  Profile = "dialog"
                  Traits = SipObserving.traits memory seen
                  Asked = asked
                  Answered = answered
                  Boot = Boot.untold answered
                  Completeness = (if reasons.IsEmpty then Complete [ WholeDocument ] else Partial reasons)
                  Observations = seen.Observations
                  Ended = [||]
                  History = ValueNone
                  Denied = seen.Over
                  Total = ValueNone
                  Standing = ValueNone
                  Remarks = []
                  Requests = requests },
                { memory with Names = names })
