namespace CallServer.Audit

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// What one notifier told in answer to a fetch: a SUBSCRIBE that forks has several.
type internal Told =
    {
        Tag: string
        View: DialogView
        /// Why what it told may not be all.
        Faults: Shortfall list
        /// CSeq numbers of its notifications: repeats are answered again, and not taken in again.
        Seen: Set<int64>
    }

/// One way on which the gateway is asked: a subscription of its own Call-ID.
[<NoComparison>]
type internal Try =
    /// A stream is being opened.
    | Opening of deadline: Instant
    /// The stream carries SIP; what of it is not yet a message.
    | OnStream of Subscription * SipStream
    | OnDatagrams of Subscription

type SipPhase =
    /// No notification that would end it has come.
    | Fetching
    /// One has: others of a forked SUBSCRIBE may follow.
    | Gathering of until: Instant
    | Over

/// What is carried from one audit of a gateway to the next. It saves time, and proves nothing.
type SipMemory =
    internal
        {
            /// Over UDP its notification did not come, over TCP it did.
            NeedsTcp: bool
            /// It takes no word besides the event package.
            IsPlain: bool
        }

[<NoComparison; NoEquality>]
type SipAuditState =
    internal
        {
            Gateway: SipGateway
            Rng: Rng
            /// Our end for datagrams.
            Local: string
            Began: Instant
            Phase: SipPhase
            /// Under way, the newest first: at most one of each kind.
            Tries: Try list
            /// Ways not yet tried: true for a stream.
            Left: bool list
            /// Why a try failed, newest first.
            Failures: Shortfall list
            /// The subscription that was notified of, and by whom.
            Winner: Subscription voption
            Told: Told list
            LastReply: Instant voption
            Requests: int
            Strays: int
            Memory: SipMemory
            Outbox: Command list
        }

module internal SipState =
    let subscriptionOf (attempt: Try) : Subscription voption =
        match attempt with
        | Opening _ -> ValueNone
        | OnStream(s, _)
        | OnDatagrams s -> ValueSome s

    let isStream (attempt: Try) : bool =
        match attempt with
        | Opening _
        | OnStream _ -> true
        | OnDatagrams _ -> false

    let replace (was: Try) (now: Try) (state: SipAuditState) : SipAuditState =
        { state with
            Tries = state.Tries |> List.map (fun one -> if isStream one = isStream was then now else one) }

    let put (command: Command) (state: SipAuditState) : SipAuditState =
        { state with Outbox = command :: state.Outbox }

    let stray (state: SipAuditState) : SipAuditState = { state with Strays = state.Strays + 1 }

    /// A message over the way of a try.
    let send (overStream: bool) (octets: byte[]) (state: SipAuditState) : SipAuditState =
        put (if overStream then Write octets else Send octets) state

    let request (overStream: bool) (octets: byte[]) (state: SipAuditState) : SipAuditState =
        send overStream octets { state with Requests = state.Requests + 1 }

    /// A try whose SUBSCRIBE is to be sent now.
    let sendNew (s: Subscription) (state: SipAuditState) : SipAuditState =
        match s.Request with
        | ValueSome waiting -> request s.IsStream waiting.Octets state
        | ValueNone -> state

    let private finish (now: Instant) (reasons: Shortfall list) (state: SipAuditState) : SipAuditState =
        let unfinished =
            [ for told in List.rev state.Told do
                  yield! told.Faults

                  if not told.View.IsWhole && told.Faults.IsEmpty then
                      SipSnapshot.partialDocument ]

        let asked =
            match state.Winner with
            | ValueSome s -> s.Began
            | ValueNone -> state.Began

        let answered = state.LastReply |> ValueOption.defaultValue now

        let reports = List.rev state.Told |> List.map _.View.Reports |> Array.concat

        let snapshot =
            SipSnapshot.make state.Gateway asked answered state.Requests (reasons @ unfinished) reports

        put (Finished snapshot) { state with Phase = SipPhase.Over; Tries = [] }

    /// Over, with what was told.
    let conclude (now: Instant) (state: SipAuditState) : SipAuditState =
        let missing =
            match state.Winner with
            // The notifier that the 2xx came from told nothing, though others did.
            | ValueSome { AcceptedBy = ValueSome tag } when
                not (state.Told |> List.exists (fun told -> told.Tag = tag))
                ->
                [ CutShort "the notifier that accepted the SUBSCRIBE sent no notification" ]
            | ValueSome _
            | ValueNone -> []

        finish now missing state

    /// Over, with whatever was learnt so far. A gateway that answered is not silent, whatever failed later.
    let giveUp (now: Instant) (reasons: Shortfall list) (state: SipAuditState) : SipAuditState =
        let said reason =
            match reason with
            | Silent words when state.LastReply.IsSome -> CutShort words
            | other -> other

        finish now (List.map said reasons) state
