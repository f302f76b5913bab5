namespace CallServer.Ledger

open System
open System.Collections.Generic
open System.Collections.Immutable
open CallServer.Model

/// Legs that tell one call id, or one socket of theirs.
[<NoComparison; NoEquality>]
type internal Bucket = { Live: ImmutableSortedSet<LegKey>; Gone: ImmutableSortedSet<LegKey> }

module internal Bucket =
    let empty = { Live = ImmutableSortedSet.Empty; Gone = ImmutableSortedSet.Empty }

/// What the book knows of one gateway.
[<NoComparison; NoEquality>]
type internal CallSource =
    {
        Gateway: GatewayId
        Source: SourceTraits
        DriftPpm: float
        /// What it told before this is known from a store only.
        Began: Instant
        /// The newest audit was complete.
        IsComplete: bool
        /// When the newest complete audit was asked.
        Asked: Instant
        /// Active, sorted by id.
        Connections: Connection[]
        /// Where it is not since they were first heard: since when codec and addresses are told as they are.
        Told: ImmutableDictionary<LegKey, struct (Instant * Instant)>
        /// Legs whose next word may change a finding.
        Watched: ImmutableHashSet<LegKey>
        /// Its legs that are over and remembered.
        Gone: int
        /// Its calls, those of them that have both kinds of source, and those that have one.
        Total: int
        Joined: int
        Lonely: ImmutableHashSet<Call>
        /// Gateways of the other kind, and how many calls they share with it.
        Partners: ImmutableDictionary<GatewayId, int>
        /// Its calls usually have both kinds.
        IsUsual: bool
    }

module internal CallSource =
    let create (gateway: GatewayId) : CallSource =
        { Gateway = gateway
          Source = SourceTraits.unknown
          DriftPpm = 0.0
          Began = Instant.distantPast
          IsComplete = false
          Asked = Instant.distantPast
          Connections = [||]
          Told = ImmutableDictionary.Empty
          Watched = ImmutableHashSet.Empty
          Gone = 0
          Total = 0
          Joined = 0
          Lonely = ImmutableHashSet.Create<Call>(HashIdentity.Reference)
          Partners = ImmutableDictionary.Empty
          IsUsual = false }

    /// The very connection, as it is now.
    let tryFind (key: LegKey) (source: CallSource) : Connection voption =
        let id = ConnectionId.value key.Id

        let rec search low high =
            if low > high then
                ValueNone
            else
                let middle = low + (high - low) / 2
                let candidate = source.Connections[middle]

                match String.CompareOrdinal(id, ConnectionId.value candidate.Id) with
                | 0 -> if candidate.FirstHeard = key.Since then ValueSome candidate else ValueNone
                | order when order < 0 -> search low (middle - 1)
                | _ -> search (middle + 1) high

        search 0 (source.Connections.Length - 1)

    let leg (source: CallSource) (key: LegKey) (c: Connection) (gone: Interval voption) : Leg =
        let known = Instant.max key.Since source.Began

        let struct (codec, media) =
            match source.Told.TryGetValue key with
            | true, told -> told
            | _ -> struct (known, known)

        { Key = key
          Source = source.Source
          Connection = c
          Gone = gone
          Known = known
          CodecSince = codec
          MediaSince = media
          DriftPpm = source.DriftPpm }

/// In the order in which they are listed: by call id, those without one first, then by the first leg.
type internal CallOrder() =
    static member val Instance = CallOrder()

    static member Text(id: CallId voption) =
        match id with
        | ValueSome id -> CallId.value id
        | ValueNone -> ""

    interface IComparer<Call> with
        member _.Compare(a, b) =
            match String.CompareOrdinal(CallOrder.Text a.Id, CallOrder.Text b.Id) with
            | 0 -> LegKey.Compare(a.Live[0], b.Live[0])
            | order -> order

/// When a leg that is over may be forgotten.
type internal Expiry = (struct (Instant * LegKey))

type internal ExpiryOrder() =
    static member val Instance = ExpiryOrder()

    interface IComparer<Expiry> with
        member _.Compare(struct (a, keyA), struct (b, keyB)) =
            match compare a.Micros b.Micros with
            | 0 -> LegKey.Compare(keyA, keyB)
            | order -> order

/// Every call of every gateway at one moment. Immutable.
[<Sealed; AllowNullLiteral>]
type CallTable
    internal
    (
        rules: CallRules,
        sources: ImmutableDictionary<GatewayId, CallSource>,
        ghosts: ImmutableDictionary<LegKey, Leg>,
        byId: ImmutableDictionary<IdKey, Bucket>,
        bySocket: ImmutableDictionary<AddressKey, Bucket>,
        callOf: ImmutableDictionary<LegKey, Call>,
        calls: ImmutableSortedSet<Call>,
        findings: ImmutableSortedSet<Call>,
        expiries: ImmutableSortedSet<Expiry>
    ) =
    member _.Rules = rules
    member internal _.Sources = sources
    /// Legs that are over and not forgotten.
    member internal _.Ghosts = ghosts
    member internal _.ById = byId
    member internal _.BySocket = bySocket
    /// Of every leg, live or over.
    member internal _.CallOf = callOf
    /// Those with a live leg.
    member internal _.Calls = calls
    /// Those with findings.
    member internal _.Findings = findings
    member internal _.Expiries = expiries
