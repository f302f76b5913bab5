namespace CallServer.Protocols.Ng

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// One reading of a gateway's statistics.
[<NoEquality; NoComparison>]
type internal NgReading = { Told: NgStatistics; Sent: Instant; Received: Instant }

/// What the gateway's statistics prove.
[<NoEquality; NoComparison>]
type internal NgProof =
    {
        /// Newest first.
        Readings: NgReading list
        /// The statistics read before the current list.
        Before: NgReading voption
        /// The statistics read after the list with which they agree.
        After: NgReading voption
        /// How often calls were listed.
        Rounds: int
        CountAgrees: bool
    }

/// Proves or refutes that a list contains every call (rule 3). Uses the gateway's own count, and its up-time, which reveals a
/// restart.
module internal NgProof =
    /// How often one audit lists the calls before it reports a disagreement.
    [<Literal>]
    let private MaxRounds = 4

    let none: NgProof =
        { Readings = []; Before = ValueNone; After = ValueNone; Rounds = 0; CountAgrees = false }

    let told (now: Instant) (sent: Instant) (statistics: NgStatistics) (proof: NgProof) : NgProof =
        { proof with
            Readings = { Told = statistics; Sent = sent; Received = now } :: proof.Readings }

    /// A list is about to be requested: the newest reading becomes the one before it.
    let beforeList (proof: NgProof) : NgProof =
        { proof with
            Before = List.tryHead proof.Readings |> ValueOption.ofOption
            Rounds = proof.Rounds + 1 }

    /// The list that was told last agrees with the statistics before and after it.
    let agreed (proof: NgProof) : NgProof =
        { proof with
            After = List.tryHead proof.Readings |> ValueOption.ofOption
            CountAgrees = true }

    /// How many calls began since the start: those that go on and those that have ended. Calls that rtpengine only mirrors leave without being
    /// counted, so that there is no such total while it has any.
    let total (proof: NgProof) : RunningTotal voption =
        let begun (reading: NgReading voption) =
            match reading with
            | ValueSome { Told = { Sessions = ValueSome sessions
                                   Managed = ValueSome managed
                                   Foreign = foreign } } when ValueOption.defaultValue 0L foreign = 0L ->
                ValueSome(sessions + managed)
            | ValueSome _
            | ValueNone -> ValueNone

        match begun proof.Before, begun proof.After with
        | ValueSome before, ValueSome after ->
            ValueSome { Of = TotalOf.Calls; Before = before; After = after; Wraps = ValueNone }
        | _ -> ValueNone

    let mayAgain (proof: NgProof) : bool = proof.Rounds < MaxRounds

    /// How many calls the gateway counted before the list.
    let sessions (proof: NgProof) : int voption =
        proof.Before
        |> ValueOption.bind _.Told.Sessions
        |> ValueOption.map (fun sessions -> int (min sessions (int64 NgCallList.MaxCalls)))

    /// Compares a list with rtpengine's counts of its calls (sessionstotal) and of those that ended (managedsessions). If D calls
    /// ended and U began between two readings, a list made in between holds from c0 - D to c0 + U calls. Calls that rtpengine
    /// mirrors for another instance are not counted when they end; the fall of the total shows at least how many those were.
    /// A list that is full, perhaps of calls that it names twice, may leave out any call that there can be besides.
    let private count
        (before: NgReading voption)
        (after: NgReading voption)
        (endSeen: bool)
        (listed: int)
        : CountVerdict =
        match before, after with
        | ValueSome { Told = { Sessions = ValueSome first } as opening },
          ValueSome { Told = { Sessions = ValueSome last } as closing } ->
            let ended =
                match opening.Managed, closing.Managed with
                | ValueSome before, ValueSome after when after >= before -> after - before
                | _ -> 0L

            let ended = max ended (max 0L (first - last))
            let begun = max 0L (last - first + ended)

            let least = if endSeen then first - ended else first + begun

            if least <= int64 listed && int64 listed <= first + begun then
                CountVerdict.Agrees
            else
                CountVerdict.Disagrees last
        | _ -> CountVerdict.Untold

    /// The error of an up-time, either way: it is the difference of two times in whole seconds.
    let private coarse = TimeSpan.FromSeconds 1.0

    let private beganOf (reading: NgReading) : Interval voption =
        match reading.Told.UpTime with
        | ValueSome seconds when seconds < 10_000_000_000L ->
            let upTime = TimeSpan.FromSeconds(float seconds)
            let stale = TimeSpan.FromMicroseconds(float NgClock.Staleness)

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

    /// Whether all readings are from one run of the gateway, and when that run began. Readings are newest first.
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

    /// Whether the readings before and after the current list agree with this many listed calls. `endSeen` tells that the list
    /// had room for more.
    let judge (endSeen: bool) (listed: int) (proof: NgProof) : CountVerdict =
        let after =
            match proof.Readings, proof.Before with
            | latest :: _, ValueSome before when latest.Sent = before.Sent -> ValueNone
            | latest :: _, _ -> ValueSome latest
            | [], _ -> ValueNone

        count proof.Before after endSeen listed
