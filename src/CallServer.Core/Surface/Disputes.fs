namespace CallServer.Surface

open System
open System.Collections.Generic
open System.Runtime.InteropServices
open System.Text.Json
open CallServer.Model
open CallServer.Ledger
open CallServer.Disputes

/// When numbers rule out that a connection is the call that a partner claims.
type NumberRule =
    /// All four numbers are told, and none is on both sides.
    | OneAgrees = 0
    /// The partner tells both numbers, the gateway one or both, and none is on both sides.
    | ToldAgrees = 1
    /// Never.
    | Never = 2

/// What a partner's claims are judged by.
[<NoComparison>]
type DisputeTerms =
    {
        /// How far the partner's clock and ours may be apart, either way.
        Skew: TimeSpan
        /// The unit to which the partner rounds durations, up or down.
        Rounding: TimeSpan
        /// How long a call may ring where a row tells when it began but not when it was answered.
        Ring: TimeSpan
        /// When numbers rule out that a connection is a claimed call.
        Numbers: NumberRule
        /// How many complete looks at every gateway it takes to say that a call was not there.
        Looks: int
        /// What a call costs; null if nobody said.
        Rate: CallRate
    }

/// What a call costs.
and [<Sealed; AllowNullLiteral>] CallRate private (rate: Rate) =
    /// What a rate looks like, in words for messages.
    static member Expected = Rate.expected

    /// Such as `EUR`; empty if it was not given.
    member _.Currency = rate.Currency

    member internal _.Counted lasted = Rate.counted rate lasted
    member internal _.Price counted = Rate.price rate counted

    /// False if the text is no rate.
    static member TryParse(text: string, [<Out>] read: byref<CallRate>) : bool =
        match Rate.tryParse text with
        | Some rate ->
            read <- CallRate rate
            true
        | None -> false

/// A complete look at a gateway, in which a claimed call was not there. Times are UTC with microseconds.
[<NoComparison>]
type DisputeLook = { Gateway: string; Asked: string; Answered: string }

/// The claimed seconds, and the bounds of the connection that belongs to the claim; null if they are not known.
[<NoComparison>]
type DisputeSeconds = { Claimed: decimal; Min: Nullable<int64>; Max: Nullable<int64> }

/// What a claim costs: as claimed, and how much of that is disproved. By the rate, without rounding.
[<NoComparison>]
type DisputeMoney = { Claimed: decimal; Disproved: decimal }

/// What the record says about one row of a partner's file.
[<NoComparison>]
type DisputeView =
    {
        /// From 1, without the header.
        Row: int
        /// `proved`, `possible`, `disproved` or `unknown`.
        Verdict: string
        /// The id of the CDR of the connection that belongs to it; null if there is none, or it goes on.
        Cdr: string
        /// Why, in words.
        Why: string
        Seconds: DisputeSeconds
        /// A word for why: docs/disputes.md lists them.
        Reason: string
        /// When the call is said to have been answered, at the earliest; null if the row cannot be read.
        Start: string
        /// As the partner writes them.
        Caller: string
        Called: string
        /// Null without a rate.
        Money: DisputeMoney
        /// What disproves it.
        Looks: IReadOnlyList<DisputeLook>
    }

/// The sum over rows with the same verdict for the same reason.
[<NoComparison>]
type DisputeTotal =
    {
        Verdict: string
        Reason: string
        Rows: int
        Seconds: decimal
        /// Null without a rate.
        Money: DisputeMoney
    }

/// The judged rows of a partner's file.
[<Sealed>]
type DisputeVerdicts
    internal
    (
        terms: DisputeTerms,
        gateways: string[],
        legs: Leg[],
        claims: Claim[],
        texts: IReadOnlyList<struct (string * string)>,
        verdicts: Verdict[],
        unreadable: IReadOnlyList<struct (int * string)>
    ) =
    let show = Views.time TimeSpan.Zero

    let clock (instant: Instant) =
        match show instant with
        | null -> "an unknown time"
        | text -> text.Substring(0, 19).Replace('T', ' ')

    /// Whole seconds of a connection, as its CDR bounds them.
    let bounds (leg: Leg) : struct (int64 * Nullable<int64>) =
        let least =
            if leg.End.Earliest <= leg.Start.Latest then
                0L
            else
                int64 (Math.Floor (leg.End.Earliest - leg.Start.Latest).TotalSeconds)

        let most =
            if leg.Start.Earliest = Instant.distantPast || leg.End.Latest = Instant.distantFuture then
                Nullable()
            else
                Nullable(int64 (Math.Ceiling (leg.End.Latest - leg.Start.Earliest).TotalSeconds))

        struct (least, most)

    let looksOf (witnesses: Witness[]) =
        [| for witness in witnesses do
               for look in witness.Looks do
                   { Gateway = gateways[witness.Gateway]
                     Asked = show look.Earliest
                     Answered = show look.Latest } |]
        :> IReadOnlyList<DisputeLook>

    let seen (witnesses: Witness[]) =
        let first = witnesses[0]
        let at = clock first.Looks[0].Earliest

        let others =
            match witnesses.Length with
            | 1 -> ""
            | 2 -> ", and so did 1 other gateway in that time"
            | count -> $", and so did {count - 1} other gateways in that time"

        $"at {at} {gateways[first.Gateway]} listed everything it carried{others}"

    let bounded (leg: Leg) =
        $"answered {clock leg.Start.Earliest} to {clock leg.Start.Latest}, over {clock leg.End.Earliest} to {clock leg.End.Latest}"

    let words (verdict: Verdict) : struct (string * string * string) =
        match verdict with
        | Verdict.Proved leg -> struct ("proved", "inside-bounds", bounded legs[leg])
        | Verdict.Possible(ValueSome leg, Doubt.OpenBounds) when legs[leg].End.Latest = Instant.distantFuture ->
            struct ("possible", "open-bounds", "our connection goes on, or its end is not known yet")
        | Verdict.Possible(_, Doubt.OpenBounds) ->
            struct ("possible", "open-bounds", "nobody knows when our connection began")
        | Verdict.Possible(_, Doubt.OneNumber) ->
            struct ("possible", "one-number", "our connection fits in time, but only one number agrees")
        | Verdict.Possible(_, Doubt.Shared row) ->
            struct ("possible", "shared", $"the connection that it could be belongs better to row {row}")
        | Verdict.Possible(_, Doubt.NotRuledOut) ->
            struct ("possible", "not-ruled-out", "a connection was up then that may be this call")
        | Verdict.Disproved(Disproof.NotThere witnesses) ->
            struct ("disproved", "not-there", $"{seen witnesses}; this call was not there")
        | Verdict.Disproved(Disproof.TooLong(leg, witnesses)) ->
            struct ("disproved", "too-long", $"{bounded legs[leg]}; {seen witnesses}, and it was not there")
        | Verdict.Disproved(Disproof.Repeated(row, _)) ->
            struct ("disproved",
                    "repeated",
                    $"row {row} claims the same call, and there were fewer such calls than rows")
        | Verdict.Unknown(ValueSome leg, Gap.Unwatched gateway) ->
            struct ("unknown",
                    "unwatched",
                    $"beyond our connection ({bounded legs[leg]}) {gateways[gateway]} was not looked at often enough")
        | Verdict.Unknown(ValueNone, Gap.Unwatched gateway) ->
            struct ("unknown", "unwatched", $"{gateways[gateway]} was not looked at often enough in that time")
        | Verdict.Unknown(_, Gap.TooShort) -> struct ("unknown", "too-short", "too short to be seen for sure")

    let legOf (verdict: Verdict) : int voption =
        match verdict with
        | Verdict.Proved leg
        | Verdict.Disproved(Disproof.TooLong(leg, _)) -> ValueSome leg
        | Verdict.Possible(leg, _)
        | Verdict.Unknown(leg, _) -> leg
        | Verdict.Disproved(Disproof.NotThere _ | Disproof.Repeated _) -> ValueNone

    /// How much of the claimed time is disproved: all of it, but for what our connection may have lasted.
    let allowed (claim: Claim) (verdict: Verdict) : TimeSpan =
        match verdict with
        | Verdict.Disproved(Disproof.TooLong(leg, _)) ->
            let struct (_, most) = bounds legs[leg]

            if most.HasValue then
                min claim.Lasted (TimeSpan.FromSeconds most.Value)
            else
                claim.Lasted
        | Verdict.Disproved(Disproof.NotThere _ | Disproof.Repeated _) -> TimeSpan.Zero
        | Verdict.Proved _
        | Verdict.Possible _
        | Verdict.Unknown _ -> claim.Lasted

    let counted (claim: Claim) (verdict: Verdict) : struct (int64 * int64) =
        match terms.Rate with
        | null -> struct (0L, 0L)
        | rate ->
            let claimed = rate.Counted claim.Lasted
            struct (claimed, claimed - rate.Counted(allowed claim verdict))

    let money (claimed: int64) (disproved: int64) : DisputeMoney =
        match terms.Rate with
        | null -> Unchecked.defaultof<DisputeMoney>
        | rate -> { Claimed = rate.Price claimed; Disproved = rate.Price disproved }

    let view at : DisputeView =
        let claim, verdict = claims[at], verdicts[at]
        let struct (caller, called) = texts[at]
        let struct (word, reason, why) = words verdict
        let struct (claimed, disproved) = counted claim verdict
        let leg = legOf verdict

        let struct (least, most) =
            match leg with
            | ValueSome leg ->
                let struct (least, most) = bounds legs[leg]
                struct (Nullable least, most)
            | ValueNone -> struct (Nullable(), Nullable())

        { Row = claim.Row
          Verdict = word
          Cdr =
            match leg with
            | ValueSome leg when legs[leg].Cdr <> Guid.Empty -> string legs[leg].Cdr
            | _ -> null
          Why = why
          Seconds = { Claimed = decimal claim.Lasted.TotalSeconds; Min = least; Max = most }
          Reason = reason
          Start = show claim.Start.Earliest
          Caller = caller
          Called = called
          Money = money claimed disproved
          Looks =
            match verdict with
            | Verdict.Disproved(Disproof.NotThere witnesses)
            | Verdict.Disproved(Disproof.TooLong(_, witnesses))
            | Verdict.Disproved(Disproof.Repeated(_, witnesses)) -> looksOf witnesses
            | Verdict.Proved _
            | Verdict.Possible _
            | Verdict.Unknown _ -> [||] }

    let unread (row: int) (mistake: string) : DisputeView =
        { Row = row
          Verdict = "unknown"
          Cdr = null
          Why = $"the row cannot be judged: {mistake}"
          Seconds = { Claimed = 0m; Min = Nullable(); Max = Nullable() }
          Reason = "unreadable"
          Start = null
          Caller = null
          Called = null
          Money = money 0L 0L
          Looks = [||] }

    /// Claims by their index, and rows that cannot be judged by the complement of theirs, in the order of the file.
    let order =
        let order = Array.zeroCreate (claims.Length + unreadable.Count)
        let mutable bad = 0

        for at in 0 .. order.Length - 1 do
            let isBad =
                bad < unreadable.Count
                && (at - bad >= claims.Length
                    || (let struct (row, _) = unreadable[bad]
                        row < claims[at - bad].Row))

            order[at] <- if isBad then ~~~bad else at - bad
            bad <- if isBad then bad + 1 else bad

        order

    /// Every row in the order of the file.
    member _.Rows: IEnumerable<DisputeView> =
        order
        |> Seq.map (fun at ->
            if at >= 0 then
                view at
            else
                let struct (row, mistake) = unreadable[~~~at]
                unread row mistake)

    /// Sums by verdict and reason, in the order of the words in docs/disputes.md.
    member _.Totals: IReadOnlyList<DisputeTotal> =
        let sums = Dictionary<struct (string * string), struct (int * TimeSpan * int64 * int64)>()

        for at in 0 .. claims.Length - 1 do
            let struct (word, reason, _) = words verdicts[at]
            let struct (claimed, disproved) = counted claims[at] verdicts[at]
            let key = struct (word, reason)

            sums[key] <-
                match sums.TryGetValue key with
                | true, struct (rows, lasted, all, wrong) ->
                    struct (rows + 1, lasted + claims[at].Lasted, all + claimed, wrong + disproved)
                | _ -> struct (1, claims[at].Lasted, claimed, disproved)

        if unreadable.Count > 0 then
            sums[struct ("unknown", "unreadable")] <- struct (unreadable.Count, TimeSpan.Zero, 0L, 0L)

        let order =
            [ "proved", [ "inside-bounds" ]
              "possible", [ "open-bounds"; "one-number"; "shared"; "not-ruled-out" ]
              "disproved", [ "not-there"; "too-long"; "repeated" ]
              "unknown", [ "unwatched"; "too-short"; "unreadable" ] ]

        [| for word, reasons in order do
               for reason in reasons do
                   match sums.TryGetValue(struct (word, reason)) with
                   | true, struct (rows, lasted, claimed, disproved) ->
                       { Verdict = word
                         Reason = reason
                         Rows = rows
                         Seconds = decimal lasted.TotalSeconds
                         Money = money claimed disproved }
                   | _ -> () |]

/// Gathers what the record knows and what a partner claims, and judges it.
[<Sealed>]
type DisputeBook(terms: DisputeTerms, gateways: IReadOnlyList<string>) =
    let numbers = Dictionary<string, int>()
    let looks = Array.init gateways.Count (fun _ -> List<Interval>())
    let legs = List<Leg>()
    let claims = List<Claim>()
    let texts = List<struct (string * string)>()
    let unreadable = List<struct (int * string)>()

    // What was gathered is moved here as soon as it is asked for, and not held twice.
    let mutable gathered = struct ([||], [||])

    let gather () =
        if legs.Count > 0 || claims.Count > 0 then
            let struct (earlierLegs, earlierClaims) = gathered

            gathered <-
                struct (Array.append earlierLegs (legs.ToArray()),
                        Array.append earlierClaims (claims.ToArray()))

            legs.Clear()
            legs.TrimExcess()
            claims.Clear()
            claims.TrimExcess()

        gathered

    do
        for at in 0 .. gateways.Count - 1 do
            numbers[gateways[at]] <- at

    let tolerance: Tolerance = { Skew = terms.Skew; Rounding = terms.Rounding; Ring = terms.Ring }

    let measure: Measure =
        { Tolerance = tolerance
          Trust =
            match terms.Numbers with
            | NumberRule.ToldAgrees -> ToldAgrees
            | NumberRule.Never -> NeverTrusted
            | _ -> OneAgrees
          Looks = terms.Looks }

    // Looks before this time were made by a clock that was wrong, or reach further back than the CDRs that are kept.
    let mutable watchedFrom = Instant.distantPast

    /// FNV-1a in 64 bits; never 0. Two ids with the same hash would only be taken for one another.
    let hash (text: string) : uint64 =
        let mutable hash = 14695981039346656037UL

        for c in text do
            hash <- (hash ^^^ uint64 c) * 1099511628211UL

        max 1UL hash

    /// Only ids that no other system counts to as well tell that two records are of one call.
    let callOf (text: string) : uint64 =
        match (if isNull text then None else CallId.tryCreate text) with
        | Some id ->
            match CallsKeys.ofId (CallIdReach.Realm "-") (GatewayId.create "-") id with
            | ValueSome { Realm = ""; Id = id } -> hash id
            | ValueSome _
            | ValueNone -> 0UL
        | None -> 0UL

    let text (item: JsonElement) (name: string) : string =
        match item.TryGetProperty name with
        | true, value when value.ValueKind = JsonValueKind.String -> value.GetString()
        | _ -> null

    let instant (item: JsonElement) (name: string) (whenOpen: Instant) : Instant =
        match item.TryGetProperty name with
        | true, value when value.ValueKind = JsonValueKind.String ->
            Instant.ofDateTime (value.GetDateTimeOffset())
        | _ -> whenOpen

    let from item name = instant item name Instant.distantPast
    let until item name = instant item name Instant.distantFuture

    let parties caller called : Parties =
        { Caller = PartyNumber.ofText caller; Called = PartyNumber.ofText called }

    let add (item: JsonElement) (cdr: Guid) (start: Interval) (over: Interval) =
        match numbers.TryGetValue(text item "gateway") with
        | true, gateway ->
            legs.Add
                { Cdr = cdr
                  Gateway = gateway
                  Start = start
                  End = over
                  Parties = parties (text item "originator") (text item "remote")
                  Call = callOf (text item "call") }
        | _ -> ()

    /// When the earliest claim begins, UTC; null if there is none that can be read.
    member _.Since: Nullable<DateTimeOffset> =
        if claims.Count = 0 then
            Nullable()
        else
            let mutable first = claims[0].Start.Earliest

            for claim in claims do
                first <- Instant.min first claim.Start.Earliest

            Nullable(Instant.toDateTime first)

    /// Adds one row of the partner's file. What it does not have is null.
    member _.AddClaim
        (
            row: int,
            answer: Nullable<Interval>,
            setup: Nullable<Interval>,
            over: Nullable<Interval>,
            talk: Nullable<TimeSpan>,
            duration: Nullable<TimeSpan>,
            caller: string,
            called: string,
            call: string
        ) : unit =
        let told: Told =
            { Answer = ValueOption.ofNullable answer
              Setup = ValueOption.ofNullable setup
              End = ValueOption.ofNullable over
              Talk = ValueOption.ofNullable talk
              Duration = ValueOption.ofNullable duration }

        match Claim.times tolerance told with
        | Ok(struct (start, over, lasted)) ->
            claims.Add
                { Row = row
                  Start = start
                  End = over
                  Lasted = lasted
                  Parties = parties caller called
                  Call = callOf call }

            texts.Add(struct (caller, called))
        | Error mistake -> unreadable.Add(struct (row, mistake))

    /// Adds a row that cannot be read, and why.
    member _.AddUnreadable(row: int, mistake: string) : unit = unreadable.Add(struct (row, mistake))

    /// Adds an audit as `/v1/audits` lists it. Those that are not complete are no looks.
    member _.AddAudit(item: JsonElement) : unit =
        match numbers.TryGetValue(text item "gateway"), item.TryGetProperty "complete" with
        | (true, gateway), (true, complete) when complete.ValueKind = JsonValueKind.True ->
            match Interval.tryCreate (from item "asked") (until item "answered") with
            | ValueSome look when Interval.isBounded look -> looks[gateway].Add look
            | ValueSome _
            | ValueNone -> ()
        | _ -> ()

    /// Adds an active connection as `/v1/connections` lists it.
    member _.AddConnection(item: JsonElement) : unit =
        let start =
            match item.TryGetProperty "start" with
            | true, bounds when bounds.ValueKind = JsonValueKind.Object ->
                Interval.tryCreate (from bounds "earliest") (until bounds "latest")
            | _ -> ValueNone

        add item Guid.Empty (ValueOption.defaultValue Interval.unbounded start) Interval.unbounded

    /// Adds a CDR as `/v1/cdrs` lists it.
    member _.AddCdr(item: JsonElement) : unit =
        let start = Interval.tryCreate (from item "answer_stamp_min") (until item "answer_stamp_max")
        let over = Interval.tryCreate (from item "end_stamp_min") (until item "end_stamp_max")

        match item.TryGetProperty "clock_steps" with
        | true, steps when steps.ValueKind = JsonValueKind.Array ->
            for step in steps.EnumerateArray() do
                match step.TryGetProperty "ms" with
                | true, ms when abs (ms.GetDouble()) > terms.Skew.TotalMilliseconds ->
                    let at = instant step "at" Instant.distantPast

                    watchedFrom <-
                        Instant.max watchedFrom (at + TimeSpan.FromMilliseconds(abs (ms.GetDouble())))
                | _ -> ()
        | _ -> ()

        match Guid.TryParse(text item "id") with
        | true, id ->
            add
                item
                id
                (ValueOption.defaultValue Interval.unbounded start)
                (ValueOption.defaultValue Interval.unbounded over)
        | _ -> ()

    /// Looks that began before this time count for nothing: CDRs of that time may no longer be kept.
    member _.WatchedFrom(time: DateTimeOffset) : unit =
        watchedFrom <- Instant.max watchedFrom (Instant.ofDateTime time)

    /// How much later than ours the partner's times are in the middle, beyond the skew, over the calls that can be told by
    /// their id or numbers alone; null if they agree or there are too few such calls.
    member _.ClockOffset: Nullable<TimeSpan> =
        let struct (legs, claims) = gather ()

        match ClockOffset.median legs claims with
        | ValueSome(struct (offset, _)) when offset <> TimeSpan.Zero -> Nullable offset
        | ValueSome _
        | ValueNone -> Nullable()

    /// Judges all rows together.
    member _.Judge() : DisputeVerdicts =
        let struct (legs, claims) = gather ()

        let looks =
            looks
            |> Array.map (fun looks ->
                looks |> Seq.filter (fun look -> look.Earliest >= watchedFrom) |> Seq.toArray)

        DisputeVerdicts(
            terms,
            Seq.toArray gateways,
            legs,
            claims,
            texts,
            Judging.judge measure looks legs claims,
            unreadable
        )
