namespace CallServer.Protocols.Ng

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// What proves, or refutes, that a list told every call (rule 3), and how an audit ends.
module internal NgVerdict =
    open NgState

    [<RequireQualifiedAccess>]
    type CountVerdict =
        | Untold
        | Agrees
        | Disagrees of counted: int64

    /// rtpengine counts its calls (sessionstotal) and those that ended (managedsessions). Between two
    /// readings D calls ended and U began, so that a list made between them holds from c0 - D to c0 + U
    /// calls. Calls that it mirrors for others are not counted when they end: the total's own fall says how
    /// many at least.
    let count (before: NgReading voption) (after: NgReading voption) (listed: int) : CountVerdict =
        match before, after with
        | ValueSome { Told = { Sessions = ValueSome first } as opening },
          ValueSome { Told = { Sessions = ValueSome last } as closing } ->
            let ended =
                match opening.Managed, closing.Managed with
                | ValueSome before, ValueSome after when after >= before -> after - before
                | _ -> 0L

            let ended = max ended (max 0L (first - last))
            let begun = max 0L (last - first + ended)

            if first - ended <= int64 listed && int64 listed <= first + begun then
                CountVerdict.Agrees
            else
                CountVerdict.Disagrees last
        | _ -> CountVerdict.Untold

    /// Up-time is the difference of two times in whole seconds, by a clock that may be stale: so much either
    /// way.
    let private coarse = TimeSpan.FromSeconds 1.0

    let private beganOf (reading: NgReading) : Interval voption =
        match reading.Told.UpTime with
        | ValueSome seconds when seconds < 10_000_000_000L ->
            let upTime = TimeSpan.FromSeconds(float seconds)
            let stale = TimeSpan.FromMicroseconds(float GatewayClock.Staleness)

            let latest = Instant.min reading.Received (reading.Received - upTime + coarse)
            ValueSome(Interval.create (reading.Sent - upTime - coarse - stale) latest)
        | ValueSome _
        | ValueNone -> ValueNone

    let private bootOf (began: Interval voption) (readAt: Instant) : Boot =
        { Token = ValueNone
          Scope = OfGateway
          Began = began
          Period = ValueNone
          ReadAt = readAt }

    /// Whether all readings are of one run, and what they tell of its beginning. Newest first.
    let boot (now: Instant) (readings: NgReading list) : struct (Boot * Shortfall voption) =
        let judge (struct (boot: Boot, shortfall: Shortfall voption)) (earlier: NgReading, later: NgReading) =
            let wentBack (of': NgStatistics -> int64 voption) =
                match of' earlier.Told, of' later.Told with
                | ValueSome before, ValueSome after -> after < before
                | _ -> false

            match boot.Began, beganOf later with
            | ValueSome known, ValueSome told ->
                let next = bootOf (ValueSome told) later.Received

                match Boot.judge boot next with
                | Restarted _ -> struct (next, ValueSome RestartedMeanwhile)
                | _ when wentBack _.UpTime || wentBack _.Managed ->
                    struct (next, ValueSome RestartedMeanwhile)
                | SameRun
                | CounterWrapped
                | AgentReloaded
                | BootVerdict.Untold ->
                    let began = Interval.intersect known told |> ValueOption.defaultValue told
                    struct ({ next with Began = ValueSome began }, shortfall)
            | _ -> struct (boot, shortfall)

        let told = readings |> List.filter (fun reading -> (beganOf reading).IsSome) |> List.rev

        match told with
        | [] ->
            struct (bootOf ValueNone now,
                    ValueSome(NotServed "statistics with an up-time, which tells a restart during the audit"))
        | first :: _ ->
            List.pairwise told |> List.fold judge (struct (bootOf (beganOf first) first.Received, ValueNone))

    /// The newest connection ids come last: sorted, each once.
    let private distinct (observations: Observation[]) : Observation[] =
        observations |> Array.sortBy _.Id |> Array.distinctBy _.Id

    let private observations (now: Instant) (state: NgAuditState) : struct (Observation[] * int) =
        let bounds = GatewayClock.believed (clock now state)

        let told =
            state.Listed
            |> Array.choose (fun key ->
                Map.tryFind key state.Seen
                |> Option.map (NgObserving.observe state.Target.MediaAnswers bounds key))

        let found =
            [| for struct (observations, _) in told do
                   yield! observations |]

        struct (distinct found, told |> Array.sumBy (fun (struct (_, unnamed)) -> unnamed))

    /// Connections of the record whose call the gateway, asked for it, does not have.
    let private denied (state: NgAuditState) : ConnectionId[] =
        if state.Gone.IsEmpty then
            [||]
        else
            state.Known
            |> Array.filter (fun connection ->
                match connection.Facts.Call with
                | ValueSome call -> state.Gone.Contains(NgObserving.keyOfCall call)
                | ValueNone -> false)
            |> Array.map _.Id
            |> Array.sort

    let private untoldShortfalls (state: NgAuditState) : Shortfall list =
        match state.Untold with
        | [] -> []
        | untold ->
            let shown =
                untold
                |> List.truncate 3
                |> List.map (fun (struct (key, reason)) -> $"{NgObserving.displayKey key} ({reason})")

            let more = if untold.Length > 3 then $" and {untold.Length - 3} more" else ""
            [ CutShort("calls that were not told: " + String.Join(", ", shown) + more) ]

    /// What is carried on: a list that was not complete does not say what is new.
    let memory (now: Instant) (isComplete: bool) (state: NgAuditState) : NgMemory =
        let newest () = state.Seen |> Map.fold (fun newest _ seen -> max newest seen.Call.Created) 0L

        { Pace = state.Pace
          Clock = clock now state
          ClockAt = now
          Newest =
            (match state.ListedAt with
             | ValueSome listed when isComplete -> ValueSome(struct (newest (), listed.Earliest))
             | ValueSome _
             | ValueNone -> state.Memory.Newest)
          Sizes = (if state.Sizes.IsSome then state.Sizes else state.Memory.Sizes) }

    /// Over. Without reasons it is complete.
    let finish (now: Instant) (reasons: Shortfall list) (state: NgAuditState) : NgAuditState =
        let struct (boot, restarted) = boot now state.Readings
        let struct (observations, nameless) = observations now state

        let known =
            [ yield! reasons
              yield! List.rev state.Faults
              yield! untoldShortfalls state
              if nameless > 0 then
                  Shortfall.Unreadable $"{nameless} parties without a usable name" ]

        let reasons =
            match restarted with
            | ValueSome RestartedMeanwhile -> known @ [ RestartedMeanwhile ]
            // It goes without saying where something else is amiss.
            | ValueSome shortfall when known.IsEmpty -> [ shortfall ]
            | ValueSome _
            | ValueNone -> known
            |> List.distinct

        let completeness =
            match reasons with
            | [] ->
                Complete
                    [ if state.EndSeen then
                          EndOfTable
                      SameBoot
                      if state.CountAgrees then
                          CountAgrees ]
            | _ -> Partial reasons

        let snapshot =
            { Gateway = state.Target.Gateway
              Protocol = "ng"
              Profile = "rtpengine"
              Traits = { Traits.plain with DriftPpm = 200.0 }
              Asked = state.Asked
              Answered = (if state.LastReply.IsSome then state.LastReply.Value else now)
              Boot = boot
              Completeness = completeness
              Observations = observations
              Ended = [||]
              History = ValueNone
              Denied = denied state
              Standing = ValueNone
              Remarks = []
              Requests = state.Requests }

        { state with
            Phase = NgPhase.Over
            Memory = memory now (Completeness.isComplete completeness) state
            Queue = []
            Jobs = Map.empty
            Outbox = Finished snapshot :: state.Outbox }

    /// It does not answer, or does no longer.
    let silence (now: Instant) (state: NgAuditState) : Shortfall =
        let asked = Silence.asked state.Requests "requests" state.Asked now

        let unbelieved = Silence.strays state.Strays state.LastStray

        let trouble = if state.Trouble = "" then "" else $"; {state.Trouble}"

        if state.LastReply.IsSome then
            CutShort $"{asked}, of which some were answered{trouble}{unbelieved}"
        else
            Silent $"{asked}: wrong address or port, or rtpengine is down{trouble}{unbelieved}"
