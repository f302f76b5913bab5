namespace CallServer.Protocols.Ng

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Where a release stands; the table of transitions is at the top of NgRelease.
[<RequireQualifiedAccess>]
type NgReleasePhase =
    | Connecting
    | Deleting
    | Verifying
    | Over

[<NoEquality; NoComparison>]
type NgReleaseState =
    internal
        {
            Target: NgGateway
            Connection: ConnectionId
            /// The call's key and the tag's octets.
            Call: string
            Tag: byte[]
            Rng: Rng
            Phase: NgReleasePhase
            Asked: Instant
            Cookie: string
            Job: NgJob voption
            Requests: int
            Strays: int
            Stream: NgFraming
            Trouble: string
            /// The connection as the gateway told it when it deleted it.
            Deleted: Ended voption
            Outbox: Command<Release> list
        }

/// Ends the call of one connection over ng, by hand only.
///
///   phase       request in flight              answered                            given up
///   Connecting  none (TCP: the stream opens)   -> Deleting                         over: not released
///   Deleting    delete, the party's tag, no    with the call's last state:         over: nobody knows
///               delay                          -> Verifying; a warning or an
///                                              error: over, not released
///   Verifying   query                          unknown, or without the tag: over,  over: released, for
///                                              released; else over, not released   the gateway said so
///   Over        none; every event changes nothing
///
/// A delete ends the party's whole call where it has two; the other party's connection is then found gone by
/// the next audit.
module NgRelease =
    type State = NgReleaseState

    let strays (state: State) : int = state.Strays

    let internal load (state: State) : Load = { Load.ofDatagrams with Unread = NgFraming.unread state.Stream }

    let private finish (outcome: Release) (state: State) : State =
        { state with
            Phase = NgReleasePhase.Over
            Job = ValueNone
            Outbox = Finished outcome :: state.Outbox }

    let private notReleased (shortfall: Shortfall) (state: State) : State =
        finish (Release.NotReleased shortfall) state

    let private request (phase: NgReleasePhase) : State -> NgRequest =
        fun state ->
            let call = NgObserving.octetsOf state.Call

            match phase with
            | NgReleasePhase.Deleting -> NgRequest.Delete(call, state.Tag)
            | NgReleasePhase.Connecting
            | NgReleasePhase.Verifying
            | NgReleasePhase.Over -> NgRequest.Query call

    let private begin' (now: Instant) (phase: NgReleasePhase) (state: State) : State =
        let struct (cookie, rng) = NgRequests.cookie state.Rng
        let message = Ng.encodeRequest cookie (request phase state)

        let job =
            { Purpose = NgPurpose.Call state.Call
              Message = message
              First = now
              Last = now
              Tries = 1
              Deadline = NgRequests.deadlineOf now 0 0.0 state.Target }

        { state with
            Rng = rng
            Phase = phase
            Cookie = cookie
            Job = ValueSome job
            Requests = state.Requests + 1
            Outbox = NgRequests.carry state.Target.Transport message :: state.Outbox }

    let private hasTag (state: State) (tag: NgTag) : bool =
        tag.Tag.Span.SequenceEqual(ReadOnlySpan state.Tag)
        || tag.Key.Span.SequenceEqual(ReadOnlySpan state.Tag)

    /// What the gateway's reply says of the party that it let go.
    let private ended (now: Instant) (job: NgJob) (call: NgCall) (state: State) : Ended voption =
        let seen = { Call = call; Heard = Interval.create job.First now }

        let bounds =
            GatewayClock.believed (
                GatewayClock.stamped (NgObserving.latestStamp call) now GatewayClock.unknown
            )

        let struct (observations, _) = NgObserving.observe false bounds state.Call seen

        observations
        |> List.tryFind (fun observation -> observation.Id = state.Connection)
        |> Option.map (fun observation ->
            { Observation = observation
              End = Timing.reported seen.Heard
              Cause = ValueNone
              Counters =
                call.Tags
                |> Array.tryFind (hasTag state)
                |> ValueOption.ofOption
                |> ValueOption.bind NgObserving.countersOf
              IsRenamed = false
              Row = ValueNone })
        |> ValueOption.ofOption

    let private deleted (now: Instant) (job: NgJob) (body: BencodeView) (state: State) : State =
        match Ng.result body with
        | NgResult.Refused reason
        | NgResult.Done(ValueSome reason) ->
            notReleased (Shortfall.Refused(RefusalCause.Unsaid, $"the gateway says: {reason}")) state
        | NgResult.Done ValueNone ->
            match NgReplies.readCall body with
            | Error error -> notReleased (Shortfall.Unreadable $"delete: {error}") state
            | Ok call ->
                match ended now job call state with
                | ValueNone ->
                    notReleased (Shortfall.Unreadable $"delete: a reply without {state.Connection}") state
                | known -> begin' now NgReleasePhase.Verifying { state with Deleted = known }

    let private released (state: State) : State =
        match state.Deleted with
        | ValueSome ended -> finish (Release.Ended ended) state
        | ValueNone -> invalidOp "verified before it was deleted"

    let private verified (body: BencodeView) (state: State) : State =
        match Ng.result body with
        | NgResult.Refused reason when NgAnswers.isUnknownCall reason -> released state
        | NgResult.Refused _ -> released state
        | NgResult.Done _ ->
            match NgReplies.readCall body with
            | Ok call when Array.exists (hasTag state) call.Tags ->
                notReleased
                    (Shortfall.Refused(
                        RefusalCause.Unsaid,
                        "the gateway said yes, and still has the connection"
                    ))
                    state
            | Ok _
            | Error _ -> released state

    let private received (now: Instant) (octets: byte[]) (state: State) : State =
        match state.Job, Ng.peek octets with
        | ValueSome job, ValueSome cookie when cookie = state.Cookie ->
            match Ng.decode octets, state.Phase with
            | Ok message, NgReleasePhase.Deleting -> deleted now job message.Body state
            | Ok message, NgReleasePhase.Verifying -> verified message.Body state
            | Error error, NgReleasePhase.Deleting ->
                notReleased (Shortfall.Unreadable $"delete: {error}") state
            | Error _, NgReleasePhase.Verifying -> released state
            | _, (NgReleasePhase.Connecting | NgReleasePhase.Over) -> state
        | _ -> { state with Strays = state.Strays + 1 }

    let private unanswered (state: State) : Shortfall =
        let trouble = if state.Trouble = "" then "" else $"; {state.Trouble}"

        match state.Phase with
        | NgReleasePhase.Connecting -> Silent $"the stream does not open{trouble}"
        | NgReleasePhase.Deleting
        | NgReleasePhase.Verifying
        | NgReleasePhase.Over ->
            Silent $"no answer to {state.Requests} requests to delete: it may have happened{trouble}"

    /// No answer will come.
    let private giveUp (state: State) : State =
        match state.Phase with
        | NgReleasePhase.Verifying -> released state
        | NgReleasePhase.Connecting
        | NgReleasePhase.Deleting
        | NgReleasePhase.Over -> notReleased (unanswered state) state

    let private woke (now: Instant) (state: State) : State =
        match state.Job with
        | ValueSome job when job.Deadline <= now ->
            if state.Target.Transport = NgTransport.Tcp || job.Tries >= state.Target.Attempts then
                giveUp state
            else
                let job =
                    { job with
                        Last = now
                        Tries = job.Tries + 1
                        Deadline = NgRequests.deadlineOf now job.Tries 0.0 state.Target }

                { state with
                    Job = ValueSome job
                    Requests = state.Requests + 1
                    Outbox = NgRequests.carry state.Target.Transport job.Message :: state.Outbox }
        | ValueNone when now >= state.Asked + NgRequests.patience state.Target -> giveUp state
        | ValueSome _
        | ValueNone -> state

    let private arrived (now: Instant) (octets: byte[]) (state: State) : State =
        match NgFraming.feed octets state.Stream with
        | Ok(struct (stream, messages)) ->
            ({ state with Stream = stream }, messages)
            ||> List.fold (fun state message -> received now message state)
        | Error error -> giveUp { state with Trouble = $"the stream cannot be read: {error}" }

    let private broken (reason: string) (state: State) : State =
        match state.Target.Transport with
        | NgTransport.Udp
        | NgTransport.Http -> { state with Trouble = reason }
        | NgTransport.Tcp -> giveUp { state with Trouble = reason }

    let private commit (state: State) : State * Command<Release> list =
        let wake =
            match state.Phase, state.Job with
            | NgReleasePhase.Over, _ -> ValueNone
            | _, ValueSome job -> ValueSome job.Deadline
            | _, ValueNone -> ValueSome(state.Asked + NgRequests.patience state.Target)

        { state with Outbox = [] }, Command.inOrder state.Outbox wake

    /// One event in; all of its commands are to be carried out before the next.
    let advance (event: Event) (state: State) : State * Command<Release> list =
        let now = event.At.Steady

        match state.Phase, event with
        | NgReleasePhase.Over, _ -> state, []
        | _, Received(_, octets) -> commit (received now octets state)
        | NgReleasePhase.Connecting, Connected _ -> commit (begin' now NgReleasePhase.Deleting state)
        | (NgReleasePhase.Deleting | NgReleasePhase.Verifying), Connected _ -> commit state
        | _, Arrived(_, octets) -> commit (arrived now octets state)
        | _, Event.Broken(_, reason) -> commit (broken reason state)
        | _, Woke _ -> commit (woke now state)
        | _, Stopped _ -> commit (giveUp { state with Trouble = "given up" })

    /// Its call and its tag: as the record knows them, else by the connection's name.
    let private nameOf (known: Connection[]) (connection: ConnectionId) : struct (string * byte[]) voption =
        let name = string connection

        let call =
            known
            |> Array.tryFind (fun known -> known.Id = connection)
            |> Option.bind (fun known -> ValueOption.toOption known.Facts.Call)

        let split =
            match call with
            | Some call when name.StartsWith(string call + ";", StringComparison.Ordinal) ->
                (string call).Length
            | Some _
            | None -> name.LastIndexOf ';'

        if split <= 0 || split = name.Length - 1 then
            ValueNone
        else
            let tag = Text.Encoding.UTF8.GetBytes name[split + 1 ..]
            ValueSome(struct (NgObserving.keyOfCall (CallId.create name[.. split - 1]), tag))

    /// Begins to end one connection.
    let start
        (target: NgGateway)
        (connection: ConnectionId)
        (given: AuditStart)
        : State * Command<Release> list =
        let now = given.At.Steady

        let state: State =
            { Target = target
              Connection = connection
              Call = ""
              Tag = [||]
              Rng = given.Rng
              Phase = NgReleasePhase.Connecting
              Asked = now
              Cookie = ""
              Job = ValueNone
              Requests = 0
              Strays = 0
              Stream = NgFraming.empty
              Trouble = ""
              Deleted = ValueNone
              Outbox = [] }

        match nameOf given.Known connection with
        | ValueNone ->
            commit (
                notReleased (Shortfall.Refused(RefusalCause.Unsaid, $"{connection} is no CALLID;TAG")) state
            )
        | ValueSome(struct (call, tag)) ->
            let state = { state with Call = call; Tag = tag }

            match target.Transport with
            | NgTransport.Tcp -> commit { state with Outbox = [ Connect ] }
            | NgTransport.Udp
            | NgTransport.Http -> commit (begin' now NgReleasePhase.Deleting state)
