namespace CallServer.Ledger

open System
open System.Collections.Generic
open System.Collections.Immutable
open CallServer.Model

/// Legs with the same call id, or with the same socket.
[<NoComparison; NoEquality>]
type internal Bucket = { Live: ImmutableSortedSet<LegKey>; Gone: ImmutableSortedSet<LegKey> }

module internal Bucket =
    let empty = { Live = ImmutableSortedSet.Empty; Gone = ImmutableSortedSet.Empty }

/// What the book knows about one gateway.
[<NoComparison; NoEquality>]
type internal CallSource =
    {
        Gateway: GatewayId
        Source: SourceTraits
        DriftPpm: float
        /// Since when the book watches it; what it reported earlier is known only from a store.
        Began: Instant
        /// The newest audit was complete.
        IsComplete: bool
        /// When the newest complete audit was asked.
        Asked: Instant
        /// Active connections, sorted by id.
        Connections: Connection[]
        /// Since when codec and media addresses are the present ones, for legs where that is later than when
        /// they were first heard.
        Told: ImmutableDictionary<LegKey, struct (Instant * Instant)>
        /// Legs whose next report may change a finding.
        Watched: ImmutableHashSet<LegKey>
        /// How many of its legs are over and remembered.
        Gone: int
        /// How many calls it has, and how many of them have both kinds of source; Lonely are those that have
        /// one.
        Total: int
        Joined: int
        Lonely: ImmutableHashSet<Call>
        /// Gateways of the other kind, and how many calls it shares with each.
        Partners: ImmutableDictionary<GatewayId, int>
        /// Its calls usually have both kinds of source.
        IsUsual: bool
        /// Another server keeps it, and the book holds those of its connections that may belong to calls of this one.
        IsElsewhere: bool
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
          IsUsual = false
          IsElsewhere = false }

    /// The active connection with this id.
    let withId (id: ConnectionId) (source: CallSource) : Connection voption =
        let id = ConnectionId.value id

        let rec search low high =
            if low > high then
                ValueNone
            else
                let middle = low + (high - low) / 2
                let candidate = source.Connections[middle]

                match String.CompareOrdinal(id, ConnectionId.value candidate.Id) with
                | 0 -> ValueSome candidate
                | order when order < 0 -> search low (middle - 1)
                | _ -> search (middle + 1) high

        search 0 (source.Connections.Length - 1)

    /// The connection with this key as it is now, and not another under the same id.
    let tryFind (key: LegKey) (source: CallSource) : Connection voption =
        match withId key.Id source with
        | ValueSome c when c.FirstHeard = key.Since -> ValueSome c
        | ValueSome _
        | ValueNone -> ValueNone

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

/// The order in which calls are listed: by call id, those without one first, then by the first leg.
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
        expiries: ImmutableSortedSet<Expiry>,
        heardElsewhere: Instant,
        met: LegKey[]
    ) =
    /// The rules by which it joins.
    member _.Rules = rules
    member internal _.Sources = sources
    /// Legs that are over and not forgotten.
    member internal _.Ghosts = ghosts
    member internal _.ById = byId
    member internal _.BySocket = bySocket
    /// The call of every leg, live or over.
    member internal _.CallOf = callOf
    /// Calls with a live leg.
    member internal _.Calls = calls
    /// Calls with findings.
    member internal _.Findings = findings
    member internal _.Expiries = expiries
    /// Whatever other servers wrote up to then, and may belong to a call of this one, is in the book.
    member internal _.HeardElsewhere = heardElsewhere
    /// Legs of other servers' gateways in calls of this one which the newest step made or changed.
    member internal _.Met = met
