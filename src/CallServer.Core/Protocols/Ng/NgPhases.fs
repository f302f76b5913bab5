namespace CallServer.Protocols.Ng

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// What follows when a phase of an audit is done.
module internal NgPhases =
    open NgState

    /// So often the calls are listed in one audit before a disagreement is reported.
    [<Literal>]
    let private MaxRounds = 4

    /// Calls that begin while they are listed.
    let private slack (sessions: int) : int = 50 + sessions / 8

    /// Calls that are asked twice to read the gateway's clock, how well it may be known without, and how long
    /// media is waited for.
    [<Literal>]
    let private MaxSamples = 4

    [<Literal>]
    let private WellKnown = 250_000L

    let private mediaTime = TimeSpan.FromMilliseconds 60.0

    let private askList limit isProbe (state: NgAuditState) : NgAuditState =
        enqueue [ NgPurpose.List(limit, isProbe) ] { state with Phase = NgPhase.Listing }

    let private sessions (state: NgAuditState) : int voption =
        match state.Before with
        | ValueSome { Told = { Sessions = ValueSome sessions } } ->
            ValueSome(int (min sessions (int64 NgAnswers.MaxCalls)))
        | ValueSome _
        | ValueNone -> ValueNone

    /// The reply would not come: said beforehand, and as many calls are asked for as one datagram surely
    /// tells.
    let private askWhatFits (sizes: NgSizes) (calls: int) (state: NgAuditState) : NgAuditState =
        let fitting = NgSizes.fitting sizes

        let foreseen =
            $"a list of {calls} calls takes some {int (NgSizes.octets sizes calls)} octets and a datagram brings {NgSizes.MaxDatagram}: "
            + $"asked for {fitting}; ng+tcp and ng+http have no such limit"

        state |> fault (TooLarge foreseen) |> askList fitting false

    /// The limit that fits: foreseen from the count and from how long the Call-IDs are.
    let private beginList (state: NgAuditState) : NgAuditState =
        match state.Target.Transport, sessions state, state.Sizes with
        | (NgTransport.Tcp | NgTransport.Http), _, _ -> askList NgAnswers.MaxCalls false state
        | NgTransport.Udp, ValueSome calls, _ when calls + slack calls <= NgSizes.Safe ->
            askList (calls + slack calls) false state
        | NgTransport.Udp, _, ValueNone -> askList NgSizes.Safe true state
        | NgTransport.Udp, ValueSome calls, ValueSome sizes ->
            let fitting = NgSizes.fitting sizes

            if fitting < calls then
                askWhatFits sizes calls state
            else
                askList (min fitting (calls + slack calls)) false state
        | NgTransport.Udp, ValueNone, ValueSome sizes -> askList (NgSizes.fitting sizes) false state

    let private opened (state: NgAuditState) : NgAuditState =
        let state =
            { state with
                Before = List.tryHead state.Readings |> ValueOption.ofOption
                Rounds = state.Rounds + 1 }

        beginList state

    /// Every call of the list that is not known yet.
    let private beginQueries (state: NgAuditState) : NgAuditState =
        let open' =
            state.Listed
            |> Array.filter (fun key -> not (state.Seen.ContainsKey key || state.Gone.Contains key))

        enqueue [ for key in open' -> NgPurpose.Call key ] { state with Phase = NgPhase.Querying }

    /// A list that cannot be whole is made up for by asking for what the record knows.
    let private withKnown (state: NgAuditState) : NgAuditState =
        let known =
            state.Known
            |> Array.choose (fun connection ->
                match connection.Facts.Call with
                | ValueSome call -> Some(NgObserving.keyOfCall call)
                | ValueNone -> None)

        { state with Listed = Array.distinct (Array.append state.Listed known) }

    let private beginStatistics (phase: NgPhase) (state: NgAuditState) : NgAuditState =
        enqueue [ NgPurpose.Statistics ] { state with Phase = phase }

    let private isProbed (state: NgAuditState) =
        isDatagrams state && not state.EndSeen && state.Limit = NgSizes.Safe

    let private listed (state: NgAuditState) : NgAuditState =
        if isProbed state && state.Faults.IsEmpty then
            match sessions state with
            // Not told how many there are: as many as fit, and the list's end shows whether that was all.
            | ValueNone when NgSizes.fitting state.Sizes.Value > state.Limit -> beginList state
            | ValueSome calls when calls > state.Limit -> beginList state
            | ValueSome _
            | ValueNone -> beginStatistics NgPhase.Checking state
        else
            beginStatistics NgPhase.Checking state

    let private checkedCount (state: NgAuditState) : NgAuditState =
        let after =
            match state.Readings with
            | latest :: _ when Some latest.Sent <> (state.Before |> ValueOption.toOption |> Option.map _.Sent) ->
                ValueSome latest
            | _ -> ValueNone

        let verdict = NgVerdict.count state.Before after state.Listed.Length
        let mayAgain = state.Rounds < MaxRounds && state.Faults.IsEmpty

        match verdict with
        | NgVerdict.CountVerdict.Agrees -> beginQueries { state with CountAgrees = true }
        | NgVerdict.CountVerdict.Disagrees _ when mayAgain ->
            // The reading after this list is the one before the next.
            opened state
        | NgVerdict.CountVerdict.Disagrees _ when not state.Faults.IsEmpty ->
            state |> withKnown |> beginQueries
        | NgVerdict.CountVerdict.Disagrees counted ->
            state
            |> fault (CountDisagrees(int (min counted 2147483647L), state.Listed.Length))
            |> withKnown
            |> beginQueries
        | NgVerdict.CountVerdict.Untold when state.EndSeen -> beginQueries state
        | NgVerdict.CountVerdict.Untold ->
            state |> fault (TooLarge $"a list of more than {state.Limit} calls") |> withKnown |> beginQueries

    /// The calls whose media came last: they show the gateway's clock.
    let private samplesOf (state: NgAuditState) : (string * NgSeen) list =
        let stamps =
            [ for KeyValue(key, seen) in state.Seen do
                  match NgObserving.lastPacket seen.Call with
                  | ValueSome at -> at, (key, seen)
                  | ValueNone -> () ]

        match stamps with
        | [] -> []
        | _ ->
            let newest = stamps |> List.map fst |> List.max

            stamps
            |> List.filter (fun (at, _) -> at >= newest - 2L)
            |> List.map snd
            |> List.truncate MaxSamples

    let private queried (now: Instant) (state: NgAuditState) : NgAuditState =
        let samples =
            if GatewayClock.width (clock now state) <= WellKnown then
                []
            else
                samplesOf state

        match samples with
        | [] -> beginStatistics NgPhase.Closing state
        | _ -> { state with Samples = Map.ofList samples; Phase = NgPhase.Waiting(now + mediaTime) }

    let private beginSampling (state: NgAuditState) : NgAuditState =
        enqueue
            [ for KeyValue(key, _) in state.Samples -> NgPurpose.Call key ]
            { state with Phase = NgPhase.Sampling }

    /// Nothing is in flight and nothing waits: the phase is done.
    let rec private settle (now: Instant) (state: NgAuditState) : NgAuditState =
        if not (Map.isEmpty state.Jobs) then
            state
        elif state.Phase <> NgPhase.Over && state.Requests >= NgRequests.MaxRequests then
            NgVerdict.finish now [ CutShort $"more than {NgRequests.MaxRequests} requests" ] state
        elif not state.Queue.IsEmpty then
            state
        else
            match state.Phase with
            | NgPhase.Connecting when state.IsOpen -> settle now (beginStatistics NgPhase.Opening state)
            | NgPhase.Connecting -> state
            | NgPhase.Opening -> settle now (opened state)
            | NgPhase.Listing -> settle now (listed state)
            | NgPhase.Checking -> settle now (checkedCount state)
            | NgPhase.Querying -> settle now (queried now state)
            | NgPhase.Waiting until -> if until <= now then settle now (beginSampling state) else state
            | NgPhase.Sampling -> settle now (beginStatistics NgPhase.Closing state)
            | NgPhase.Closing -> NgVerdict.finish now [] state
            | NgPhase.Over -> state

    /// Sends what may be sent, and says when to wake up; the commands in the order in which they came about.
    let commit (now: Instant) (state: NgAuditState) : NgAuditState * Command list =
        let state = state |> settle now |> NgRequests.pump now
        { state with Outbox = [] }, Command.inOrder state.Outbox (NgRequests.deadline state)
