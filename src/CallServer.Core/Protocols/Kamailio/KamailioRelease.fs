namespace CallServer.Protocols.Kamailio

open System
open System.Globalization
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Progress of a release.
[<RequireQualifiedAccess>]
type KamailioReleasePhase =
    | Finding
    | Ending
    | Verifying
    /// The dialog goes on: Kamailio waits for the answers to its BYEs.
    | Waiting of until: Instant
    | Over

[<NoEquality; NoComparison>]
type KamailioReleaseState =
    internal
        {
            Connection: ConnectionId
            CallId: string
            Entry: int64
            Number: int64
            Phase: KamailioReleasePhase
            Link: KamailioLink<Release>
            /// How often it was asked whether the dialog is over.
            Looks: int
            /// The connection as it was found, and when Kamailio was first asked to end it.
            Found: Observation voption
            Asked: Instant
        }

/// Ends one dialog. Only an operator starts this.
///
///   phase       question in flight   answered                                          given up
///   Finding     dlg.dlg_list         that dialog goes on -> Ending; otherwise over:    over: not released
///                                    not released
///   Ending      dlg.end_dlg          -> Verifying; an error: over, not released        over: unknown
///   Verifying   dlg.dlg_list         it is over or not there: over, released; it goes  over: unknown
///                                    on -> Waiting, at last over, not released
///   Waiting     none                 (at its time) -> Verifying                        -
///   Over        none; every event changes nothing
///
/// The Call-ID is looked up first, because bucket and number alone may name another dialog after a restart.
module KamailioRelease =
    type State = KamailioReleaseState

    /// How often and after how long it is asked whether the dialog is over: a party that does not answer a BYE holds it.
    [<Literal>]
    let private MaxLooks = 6

    let private pause = TimeSpan.FromMilliseconds 250.0

    let strays (state: State) : int = state.Link.Window.Strays

    let private finish (outcome: Release) (state: State) : State =
        { state with
            Phase = KamailioReleasePhase.Over
            Link = KamailioLink.finish outcome state.Link }

    let private notReleased (shortfall: Shortfall) (state: State) : State =
        finish (Release.NotReleased shortfall) state

    let private refuse (reason: string) (state: State) : State =
        notReleased (Refused(RefusalCause.Unsaid, reason)) state

    let private ask now phase question (state: State) : State =
        { state with Phase = phase; Link = KamailioLink.send now question state.Link }

    /// Whether the reply shows this dialog, and that it goes on.
    let private goesOn (result: JsonView) (state: State) : bool =
        JsonView.tryNumber "h_entry" result = ValueSome state.Entry
        && JsonView.tryNumber "h_id" result = ValueSome state.Number
        && JsonView.tryNumber "state" result |> ValueOption.exists (fun number -> number < 5L)

    let private released (now: Instant) (state: State) : State =
        match state.Found with
        | ValueNone -> invalidOp "verified before it was found"
        | ValueSome observation ->
            finish
                (Release.Ended
                    { Observation = observation
                      End = Timing.reported (Interval.create state.Asked now)
                      Cause = ValueNone
                      Counters = ValueNone
                      IsRenamed = false
                      Row = ValueNone })
                state

    let private found (now: Instant) (within: Interval) (result: JsonView) (state: State) : State =
        if not (goesOn result state) then
            refuse $"Kamailio has no such dialog: {state.Connection}" state
        else
            let text name = JsonView.tryText name result |> ValueOption.defaultValue ""
            let number name = JsonView.tryNumber name result |> ValueOption.defaultValue 0L

            let dialog: KamailioDialog =
                { Entry = state.Entry
                  Number = state.Number
                  CallId = state.CallId
                  // The record has it from the list.
                  FromTag = ""
                  From = text "from_uri"
                  To = text "to_uri"
                  State = ProxyDialogState.ofNumber (number "state")
                  Created = number "init_ts"
                  Answered = number "start_ts"
                  Ended = 0L }

            let clock =
                match KamailioReplies.readClock result with
                | ValueSome shown -> StampClock.learn now (SecondClock.read shown within) StampClock.unknown
                | ValueNone -> StampClock.unknown

            { state with
                Found = KamailioObserving.observe clock within dialog |> ValueOption.ofOption
                Asked = now }
            |> ask now KamailioReleasePhase.Ending (KamailioQuestion.End(state.Entry, state.Number))

    let private verify (now: Instant) (state: State) : State =
        ask
            now
            KamailioReleasePhase.Verifying
            (KamailioQuestion.Dialog state.CallId)
            { state with Looks = state.Looks + 1 }

    let private understood (now: Instant) (sent: Instant) (result: JsonView) (state: State) : State =
        match state.Phase with
        | KamailioReleasePhase.Finding -> found now (Interval.create sent now) result state
        | KamailioReleasePhase.Ending -> verify now state
        | KamailioReleasePhase.Verifying when not (goesOn result state) -> released now state
        | KamailioReleasePhase.Verifying when state.Looks < MaxLooks ->
            { state with Phase = KamailioReleasePhase.Waiting(now + pause) }
        | KamailioReleasePhase.Verifying -> refuse "Kamailio said yes, and still has the dialog" state
        | KamailioReleasePhase.Waiting _
        | KamailioReleasePhase.Over -> state

    let private received (now: Instant) (octets: byte[]) (state: State) : State =
        let struct (answer, link) = KamailioLink.receive now octets state.Link
        let state = { state with Link = link }

        match answer with
        | ValueNone -> state
        | ValueSome(struct (request, JsonRpcBody.Result result)) -> understood now request.First result state
        | ValueSome(struct (_, JsonRpcBody.Refused(code, message))) ->
            notReleased (Refused(RefusalCause.Code code, $"the gateway says: {message} ({code})")) state
        | ValueSome(struct (_, JsonRpcBody.Request _)) -> state

    /// No answer will come.
    let private giveUp (state: State) : State =
        let requests = state.Link.Window.Requests
        let trouble = KamailioLink.trouble state.Link

        match state.Phase with
        | KamailioReleasePhase.Finding ->
            notReleased (Silent $"no answer to {requests} requests{trouble}") state
        | KamailioReleasePhase.Ending
        | KamailioReleasePhase.Verifying
        | KamailioReleasePhase.Waiting _
        | KamailioReleasePhase.Over ->
            notReleased (Silent $"no answer after {requests} requests: it may have happened{trouble}") state

    let private woke (now: Instant) (state: State) : State =
        match state.Phase, RequestWindow.late now state.Link.Window with
        | KamailioReleasePhase.Waiting until, _ when until <= now -> verify now state
        | _, (id, request) :: _ when not (KamailioLink.isSpent request state.Link) ->
            { state with Link = KamailioLink.repeat now id request state.Link }
        | _, _ :: _ -> giveUp state
        | _, [] -> state

    let private commit (state: State) : State * Command<Release> list =
        let wake =
            match state.Phase with
            | KamailioReleasePhase.Waiting until -> until
            | _ -> RequestWindow.due state.Link.Window

        let struct (window, commands) = RequestWindow.commit wake state.Link.Window
        { state with Link = { state.Link with Window = window } }, commands

    /// Takes in one event. Carry out all returned commands before the next event.
    let advance (event: Event) (state: State) : State * Command<Release> list =
        let now = event.At.Steady

        match state.Phase, event with
        | KamailioReleasePhase.Over, _ -> state, []
        | _, Received(_, octets) -> commit (received now octets state)
        | _, Event.Broken(_, reason) -> commit { state with Link = { state.Link with Trouble = reason } }
        | _, Woke _ -> commit (woke now state)
        | _, Stopped _ -> commit (giveUp { state with Link = { state.Link with Trouble = "given up" } })
        | _, Connected _
        | _, Arrived _ -> state, []

    /// Call-ID, bucket and number from a connection's name.
    let private partsOf (connection: ConnectionId) : struct (string * int64 * int64) voption =
        let name = string connection
        let read (digits: string) = Int64.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture)

        match name.LastIndexOf ';' with
        | at when at > 0 ->
            match name.Substring(at + 1).Split ':' with
            | [| entry; number |] ->
                match read entry, read number with
                | (true, entry), (true, number) -> ValueSome(struct (name.Substring(0, at), entry, number))
                | _ -> ValueNone
            | _ -> ValueNone
        | _ -> ValueNone

    /// Begins to end one connection.
    let start
        (target: KamailioGateway)
        (connection: ConnectionId)
        (given: AuditStart)
        : State * Command<Release> list =
        let now = given.At.Steady

        let state: State =
            { Connection = connection
              CallId = ""
              Entry = 0L
              Number = 0L
              Phase = KamailioReleasePhase.Finding
              Link = KamailioLink.start target given
              Looks = 0
              Found = ValueNone
              Asked = now }

        match partsOf connection with
        | ValueNone -> commit (refuse $"{connection} is no CALLID;H_ENTRY:H_ID" state)
        | ValueSome(struct (callId, entry, number)) ->
            { state with CallId = callId; Entry = entry; Number = number }
            |> ask now KamailioReleasePhase.Finding (KamailioQuestion.Dialog callId)
            |> commit
