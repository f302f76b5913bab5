namespace CallServer.Protocols.Ng

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Progress of a release.
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
            Connection: ConnectionId
            /// The call's key. `Tag` holds the octets of the party's tag.
            Call: string
            Tag: byte[]
            Phase: NgReleasePhase
            /// A request has no purpose beyond that of the phase.
            Link: NgLink<unit, Release>
            /// The connection as the gateway reported it when it deleted it.
            Deleted: Ended voption
        }

/// Ends the call of one connection over ng. Only an operator starts this.
///
///   phase       request in flight              answered                            given up
///   Connecting  none (TCP: the stream opens)   -> Deleting                         over: not released
///   Deleting    delete, the party's tag, no    with the call's last state:         over: unknown
///               delay                          -> Verifying; a warning or an
///                                              error: over, not released
///   Verifying   query                          unknown, or without the tag: over,  over: released, as
///                                              released; else over, not released   the gateway said
///   Over        none; every event changes nothing
///
/// If the call has two parties, a delete ends it for both. The next audit then finds the other party's connection gone.
module NgRelease =
    type State = NgReleaseState

    let strays (state: State) : int = state.Link.Window.Strays

    let internal load (state: State) : Load =
        { Load.ofDatagrams with Unread = NgFraming.unread state.Link.Stream }

    let private finish (outcome: Release) (state: State) : State =
        { state with Phase = NgReleasePhase.Over; Link = NgLink.finish outcome state.Link }

    let private notReleased (shortfall: Shortfall) (state: State) : State =
        finish (Release.NotReleased shortfall) state

    let private ask (now: Instant) (phase: NgReleasePhase) (request: NgRequest) (state: State) : State =
        { state with Phase = phase; Link = NgLink.send now () request state.Link }

    let private delete (now: Instant) (state: State) : State =
        ask now NgReleasePhase.Deleting (NgRequest.Delete(NgObserving.octetsOf state.Call, state.Tag)) state

    let private hasTag (state: State) (tag: NgTag) : bool =
        tag.Tag.Span.SequenceEqual(ReadOnlySpan state.Tag)
        || tag.Key.Span.SequenceEqual(ReadOnlySpan state.Tag)

    /// What the gateway's reply says about the party that it released.
    let private ended (now: Instant) (asked: Instant) (call: NgCall) (state: State) : Ended voption =
        let seen = { Call = call; Heard = Interval.create asked now }

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

    let private deleted (now: Instant) (asked: Instant) (body: BencodeView) (state: State) : State =
        match Ng.result body with
        | NgResult.Refused reason
        | NgResult.Done(ValueSome reason) ->
            notReleased (Shortfall.Refused(RefusalCause.Unsaid, $"the gateway says: {reason}")) state
        | NgResult.Done ValueNone ->
            match NgReplies.readCall body with
            | Error error -> notReleased (Shortfall.Unreadable $"delete: {error}") state
            | Ok call ->
                match ended now asked call state with
                | ValueNone ->
                    notReleased (Shortfall.Unreadable $"delete: a reply without {state.Connection}") state
                | known ->
                    ask
                        now
                        NgReleasePhase.Verifying
                        (NgRequest.Query(NgObserving.octetsOf state.Call))
                        { state with Deleted = known }

    let private released (state: State) : State =
        match state.Deleted with
        | ValueSome ended -> finish (Release.Ended ended) state
        | ValueNone -> invalidOp "verified before it was deleted"

    let private verified (body: BencodeView) (state: State) : State =
        match Ng.result body with
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
        let struct (request, link) = NgLink.receive now octets state.Link
        let state = { state with Link = link }

        match request, state.Phase with
        | ValueNone, _
        | _, (NgReleasePhase.Connecting | NgReleasePhase.Over) -> state
        | ValueSome request, NgReleasePhase.Deleting ->
            match Ng.decode octets with
            | Ok message -> deleted now request.First message.Body state
            | Error error -> notReleased (Shortfall.Unreadable $"delete: {error}") state
        | ValueSome _, NgReleasePhase.Verifying ->
            match Ng.decode octets with
            | Ok message -> verified message.Body state
            | Error _ -> released state

    let private unanswered (state: State) : Shortfall =
        let trouble = if state.Link.Trouble = "" then "" else $"; {state.Link.Trouble}"

        match state.Phase with
        | NgReleasePhase.Connecting -> Silent $"the stream does not open{trouble}"
        | NgReleasePhase.Deleting
        | NgReleasePhase.Verifying
        | NgReleasePhase.Over ->
            let requests = state.Link.Window.Requests
            Silent $"no answer to {requests} requests to delete: it may have happened{trouble}"

    /// No answer will come.
    let private giveUp (state: State) : State =
        match state.Phase with
        | NgReleasePhase.Verifying -> released state
        | NgReleasePhase.Connecting
        | NgReleasePhase.Deleting
        | NgReleasePhase.Over -> notReleased (unanswered state) state

    let private giveUpFor (trouble: string) (state: State) : State =
        giveUp { state with Link = { state.Link with Trouble = trouble } }

    let private woke (now: Instant) (state: State) : State =
        match RequestWindow.late now state.Link.Window with
        | (cookie, request) :: _ when not (NgLink.isSpent request state.Link) ->
            { state with Link = NgLink.repeat now cookie request state.Link }
        | _ :: _ -> giveUp state
        | [] -> if NgLink.isOverdue now state.Link then giveUp state else state

    let private arrived (now: Instant) (octets: byte[]) (state: State) : State =
        match NgLink.feed octets state.Link with
        | Ok(struct (link, messages)) ->
            ({ state with Link = link }, messages)
            ||> List.fold (fun state message -> received now message state)
        | Error error -> giveUpFor $"the stream cannot be read: {error}" state

    let private broken (reason: string) (state: State) : State =
        match state.Link.Target.Transport with
        | NgTransport.Udp
        | NgTransport.Http -> { state with Link = { state.Link with Trouble = reason } }
        | NgTransport.Tcp -> giveUpFor reason state

    let private commit (state: State) : State * Command<Release> list =
        let struct (link, commands) = NgLink.commit (NgLink.due state.Link) state.Link
        { state with Link = link }, commands

    /// Takes in one event. Carry out all returned commands before the next event.
    let advance (event: Event) (state: State) : State * Command<Release> list =
        let now = event.At.Steady

        match state.Phase, event with
        | NgReleasePhase.Over, _ -> state, []
        | _, Received(_, octets) -> commit (received now octets state)
        | NgReleasePhase.Connecting, Connected _ ->
            commit (delete now { state with Link = NgLink.connected now state.Link })
        | (NgReleasePhase.Deleting | NgReleasePhase.Verifying), Connected _ -> commit state
        | _, Arrived(_, octets) -> commit (arrived now octets state)
        | _, Event.Broken(_, reason) -> commit (broken reason state)
        | _, Woke _ -> commit (woke now state)
        | _, Stopped _ -> commit (giveUpFor "given up" state)

    /// The call and the tag: from the record if it knows them, otherwise from the connection's name.
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
        let link = NgLink.start target false NgPace.none given

        let state: State =
            { Connection = connection
              Call = ""
              Tag = [||]
              Phase = NgReleasePhase.Connecting
              Link = link
              Deleted = ValueNone }

        match nameOf given.Known connection with
        | ValueNone ->
            let reason = Shortfall.Refused(RefusalCause.Unsaid, $"{connection} is no CALLID;TAG")
            commit (notReleased reason state)
        | ValueSome(struct (call, tag)) ->
            let state = { state with Call = call; Tag = tag }

            commit (
                if link.IsOpen then
                    delete given.At.Steady state
                else
                    { state with Link = NgLink.connect link }
            )
