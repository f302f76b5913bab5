namespace CallServer.Protocols.Snmp

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// What proves, or refutes, that a walk listed every connection (rule 3).
module internal Proving =
    /// Scalars as they were read, and when.
    type Readings = Map<Oid, struct (Value * Exchange)>

    let private told (oid: Oid) (readings: Readings) : struct (Value * Exchange) voption =
        match readings.TryGetValue oid with
        | true, reading -> ValueSome reading
        | _ -> ValueNone

    let private began (oid: Oid) (readings: Readings) : struct (Interval * Instant) voption =
        match told oid readings with
        | ValueSome(struct (value, exchange)) ->
            match Rows.numberOf value with
            | ValueSome ticks when ticks <= int64 UInt32.MaxValue ->
                let within = TimeEvidence.began exchange.Sent exchange.Received (uint32 ticks)
                ValueSome(struct (within, exchange.Received))
            | _ -> ValueNone
        | ValueNone -> ValueNone

    let private token (profile: Profile) (readings: Readings) : string voption =
        let texts =
            profile.Boot.Token
            |> Array.map (fun oid ->
                match told oid readings with
                | ValueSome(struct (value, _)) -> Rows.textOf value
                | ValueNone -> "")

        if texts.Length = 0 || Array.contains "" texts then
            ValueNone
        else
            ValueSome(String.Join(':', texts))

    /// The gateway's boot; where the profile's own evidence is not served, that of the agent.
    let boot (profile: Profile) (engine: string voption) (readAt: Instant) (readings: Readings) : Boot =
        let asToken text =
            text |> ValueOption.bind (fun text -> BootToken.tryCreate text |> ValueOption.ofOption)

        let own = began profile.Boot.UpTime readings
        let ownToken = token profile readings

        let scope = if own.IsNone && ownToken.IsNone then OfAgent else profile.Boot.Scope

        let began, readAt =
            match own, began Profile.sysUpTime readings with
            | ValueSome(struct (within, at)), _ -> ValueSome within, at
            | ValueNone, ValueSome(struct (within, at)) when scope = OfAgent -> ValueSome within, at
            | ValueNone, _ -> ValueNone, readAt

        { Token =
            (if ownToken.IsSome || scope = OfGateway then
                 asToken ownToken
             else
                 asToken engine)
          Scope = scope
          Began = began
          Period = (if began.IsSome then ValueSome Boot.timeTicksPeriod else ValueNone)
          ReadAt = readAt }

    /// sysUpTime in two replies of one run differs by what passed between them; more than this is another
    /// run.
    let private tolerance = TimeSpan.FromSeconds 2.0

    /// sysUpTime said the very same although a tenth of a second or more had passed: a recorded answer, not a
    /// clock. One that was reset would have to strike the same hundredth again.
    let stoodStill (first: Exchange) (later: Exchange) : bool =
        first.UpTime.IsSome
        && first.UpTime = later.UpTime
        && later.Sent - first.Received >= TimeSpan.FromMilliseconds 100.0

    /// Whether sysUpTime went on between two exchanges as time did: a counter that wraps does, one that was
    /// reset does not.
    let wentOn (first: Exchange) (later: Exchange) : bool =
        match first.UpTime, later.UpTime with
        | ValueSome before, ValueSome after when before <> after ->
            let ticked = float (TimeEvidence.ticksSince before after) * TimeEvidence.hundredth
            let drift = (later.Received - first.Sent) * 0.001
            let least = later.Sent - first.Received - tolerance - drift
            let most = later.Received - first.Sent + tolerance + drift
            ticked >= least && ticked <= most
        | _ -> true

    /// What the samples of the gateway's count say about n listed rows.
    type CountVerdict =
        | Untold
        | Agrees
        /// The table lists fewer rows than were counted.
        | Misses of counted: int
        /// It lists more.
        | Exceeds of counted: int

    let private toInt (count: int64) = int (min count (int64 Int32.MaxValue))

    /// What samples, oldest first, went up and down by in all.
    let moves (samples: int64 list) : struct (int64 * int64) =
        (struct (0L, 0L), List.pairwise samples)
        ||> List.fold (fun (struct (ups, downs)) (before, after) ->
            struct (ups + max 0L (after - before), downs + max 0L (before - after)))

    /// Rows that were there all along are listed; those that opened or closed meanwhile may be or not. With D and U what the samples,
    /// oldest first, went down and up by in all, or `others` did that were taken more often, c0 - D <= n <= c0 + U. `young` rows are
    /// known by their stamps to have opened since the first sample: then at least as many ups happened, and the downs that balance
    /// them. `pending` rows are not connected yet: a gateway may count them or not.
    let count
        (samples: int64 list)
        (struct (otherUps, otherDowns))
        (listed: int)
        (young: int)
        (pending: int)
        : CountVerdict =
        match samples with
        | [] -> Untold
        | first :: _ ->
            let last = List.last samples
            let struct (ups, downs) = moves samples
            let ups = max (max ups otherUps) (int64 young)
            let downs = max (max downs otherDowns) (first - last + ups)
            let most = int64 listed
            let least = int64 (listed - pending)

            if first - downs > most then Misses(toInt last)
            elif least > first + ups then Exceeds(toInt last)
            else Agrees

    /// The table's index moves, so that only a walk during which nothing moved is sure: every sample is the
    /// same, or where the agent answers from a copy made at the first request, that sample alone.
    let countAtRest (samples: int64 list) (cached: bool) (listed: int) : CountVerdict =
        match samples with
        | [] -> Untold
        | first :: rest ->
            let moved = not cached && List.exists (fun sample -> sample <> first) rest

            if moved || first > int64 listed then Misses(toInt first)
            elif first < int64 listed then Exceeds(toInt first)
            else Agrees
