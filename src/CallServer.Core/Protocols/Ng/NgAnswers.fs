namespace CallServer.Protocols.Ng

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// What the answer to each request does, and its absence.
module internal NgAnswers =
    open NgState

    /// More calls than this no rtpengine has.
    [<Literal>]
    let MaxCalls = 200_000

    /// rtpengine's words for a command that it does not know, and for a call that it does not have.
    let private isUnknownCommand (reason: string) =
        reason.Contains("Unrecognized command", StringComparison.OrdinalIgnoreCase)

    let isUnknownCall (reason: string) : bool =
        reason.Contains("Unknown call-id", StringComparison.OrdinalIgnoreCase)

    let private statistics now (job: NgJob) (told: NgStatistics) (state: NgAuditState) : NgAuditState =
        let reading = { Told = told; Sent = job.First; Received = now }
        { state with Readings = reading :: state.Readings }

    let private listed
        now
        (job: NgJob)
        limit
        isProbe
        (ids: ResizeArray<string>)
        (state: NgAuditState)
        : NgAuditState =
        let keys = Seq.distinct ids |> Array.ofSeq
        let sizes = NgSizes.ofIds keys

        { state with
            Limit = limit
            Listed = keys
            ListCost = costOfKeys keys
            ListedAt = ValueSome(Interval.create job.First now)
            // A list of everything knows better than a probe.
            Sizes =
                (if sizes.IsSome && (not isProbe || state.Sizes.IsNone) then
                     sizes
                 else
                     state.Sizes)
            EndSeen = ids.Count < limit }

    let private told now (job: NgJob) (key: string) (call: NgCall) (state: NgAuditState) : NgAuditState =
        let seen = { Call = call; Heard = Interval.create job.First now }
        let clock = GatewayClock.stamped (NgObserving.latestStamp call) now state.Clock

        let clock =
            match state.Memory.Newest with
            | ValueSome(struct (newest, listed)) when call.Created > newest ->
                let high = call.Created + call.Resolution - 1L + GatewayClock.Staleness
                GatewayClock.read call.Created high listed now clock
            | ValueSome _
            | ValueNone -> clock

        let clock =
            match Map.tryFind key state.Samples with
            | Some before -> NgObserving.compare before seen clock
            | None -> clock

        { state with
            Seen = Map.add key seen state.Seen
            SeenCost = state.SeenCost + costOfCall call
            Clock = clock }

    let private refused now (job: NgJob) (reason: string) (state: NgAuditState) : NgAuditState =
        match job.Purpose with
        | NgPurpose.Statistics when isUnknownCommand reason ->
            fault (NotServed "statistics, which count its calls and tell its up-time") state
        | NgPurpose.List _ when isUnknownCommand reason ->
            NgVerdict.finish now [ NotServed "list, which names its calls" ] state
        | NgPurpose.Statistics
        | NgPurpose.List _ ->
            NgVerdict.finish
                now
                [ Shortfall.Refused(RefusalCause.Unsaid, $"the gateway says: {reason}") ]
                state
        | NgPurpose.Call key when isUnknownCall reason ->
            { state with Gone = Set.add key state.Gone; Seen = Map.remove key state.Seen }
        | NgPurpose.Call key -> untold key reason state

    let private unreadable now (job: NgJob) (error: NgError) (state: NgAuditState) : NgAuditState =
        match job.Purpose with
        | NgPurpose.Statistics -> NgVerdict.finish now [ Shortfall.Unreadable $"statistics: {error}" ] state
        | NgPurpose.List _ -> NgVerdict.finish now [ Shortfall.Unreadable $"list: {error}" ] state
        | NgPurpose.Call key -> untold key (string error) state

    let private understood now (job: NgJob) (body: BencodeView) (state: NgAuditState) : NgAuditState =
        let lacking what : NgError = { Offset = body.Start; Problem = NgProblem.Lacks what }

        match Ng.result body, job.Purpose with
        | NgResult.Refused reason, _ -> refused now job reason state
        | NgResult.Done _, NgPurpose.Statistics -> statistics now job (NgReplies.readStatistics body) state
        | NgResult.Done _, NgPurpose.List(limit, isProbe) ->
            let take (ids: ResizeArray<string>) (id: Slice) =
                if ids.Count <= MaxCalls then
                    ids.Add(NgObserving.keyOf id)

                ids

            match NgReplies.foldCallIds take (ResizeArray()) body with
            | ValueSome ids when ids.Count > MaxCalls ->
                NgVerdict.finish now [ CutShort $"more than {MaxCalls} calls" ] state
            | ValueSome ids -> listed now job limit isProbe ids state
            | ValueNone -> unreadable now job (lacking "calls") state
        | NgResult.Done _, NgPurpose.Call key ->
            match NgReplies.readCall body with
            | Ok call -> told now job key call state
            | Error error -> unreadable now job error state

    /// A message from the gateway.
    let received (now: Instant) (octets: byte[]) (state: NgAuditState) : NgAuditState =
        match Ng.peek octets with
        | ValueNone -> stray "without a cookie" state
        | ValueSome cookie ->
            match Map.tryFind cookie state.Jobs with
            | None -> stray "an answer to no request of this audit" state
            | Some job ->
                let prompt = now - job.Last <= state.Target.Timeout * 0.5

                let state =
                    { state with
                        Jobs = Map.remove cookie state.Jobs
                        LastReply = ValueSome now
                        Pace = (if prompt then NgPace.prompt state.Pace else state.Pace) }

                match Ng.decode octets with
                | Ok message -> understood now job message.Body state
                | Error error -> unreadable now job error state

    /// A probe, after a list that did not come.
    [<Literal>]
    let private FewCalls = 32

    /// A request that is not answered however often it is sent.
    let private spent (now: Instant) (cookie: string) (job: NgJob) (state: NgAuditState) : NgAuditState =
        let state = { state with Jobs = Map.remove cookie state.Jobs }

        let answeredSince =
            match state.LastReply with
            | ValueSome reply -> reply > job.First
            | ValueNone -> false

        let tries = if job.Tries = 1 then "1 request" else $"{job.Tries} requests"

        match job.Purpose with
        | NgPurpose.Call key when answeredSince -> untold key $"no answer to {tries}" state
        | NgPurpose.List(limit, _) when limit > FewCalls && state.LastReply.IsSome ->
            state
            |> fault (
                CutShort $"no answer to {tries} for a list of up to {limit} calls: too long for its way?"
            )
            |> enqueue [ NgPurpose.List(FewCalls, false) ]
        | NgPurpose.Call _
        | NgPurpose.List _
        | NgPurpose.Statistics -> NgVerdict.finish now [ NgVerdict.silence now state ] state

    /// The stream cannot be had, or nothing that comes on it can be read.
    let private lost (now: Instant) (reason: string) (state: NgAuditState) : NgAuditState =
        NgVerdict.finish now [ NgVerdict.silence now { state with Trouble = reason } ] state

    let woke (now: Instant) (state: NgAuditState) : NgAuditState =
        let due =
            [ for KeyValue(cookie, job) in state.Jobs do
                  if job.Deadline <= now then
                      cookie, job ]

        let state =
            if not state.IsOpen && state.OpenBy <= now && due.IsEmpty then
                lost now (if state.Trouble = "" then "the stream does not open" else state.Trouble) state
            else
                state

        (state, due)
        ||> List.fold (fun state (cookie, job) ->
            if state.Phase = NgPhase.Over then state
            elif NgRequests.isSpent job state then spent now cookie job state
            else NgRequests.repeat now cookie job state)

    /// Once more, a stream that worked is opened anew.
    [<Literal>]
    let private MaxReopened = 2

    let broken (now: Instant) (reason: string) (state: NgAuditState) : NgAuditState =
        match state.Target.Transport with
        // Datagrams and requests over HTTP are repeated in any case.
        | NgTransport.Udp
        | NgTransport.Http -> { state with Trouble = reason }
        | NgTransport.Tcp when state.IsOpen && state.LastReply.IsSome && state.Reopened < MaxReopened ->
            { state with
                Trouble = reason
                IsOpen = false
                OpenBy = now + NgRequests.patience state.Target
                Reopened = state.Reopened + 1
                Stream = NgFraming.empty
                Outbox = Connect :: state.Outbox }
        | NgTransport.Tcp -> lost now reason state

    let connected (now: Instant) (state: NgAuditState) : NgAuditState =
        if state.IsOpen then
            state
        else
            NgRequests.resend now { state with IsOpen = true }

    let arrived (now: Instant) (octets: byte[]) (state: NgAuditState) : NgAuditState =
        match NgFraming.feed octets state.Stream with
        | Ok(struct (stream, messages)) ->
            ({ state with Stream = stream }, messages)
            ||> List.fold (fun state message ->
                if state.Phase = NgPhase.Over then state else received now message state)
        | Error error -> NgVerdict.finish now [ Shortfall.Unreadable $"the stream: {error}" ] state
