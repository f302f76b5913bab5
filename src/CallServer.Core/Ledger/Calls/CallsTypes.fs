namespace CallServer.Ledger

open System
open CallServer.Model

/// One connection among all gateways, this very one: an id may be used again, but not since the same moment.
[<Struct; CustomEquality; CustomComparison>]
type LegKey =
    {
        Gateway: GatewayId
        Id: ConnectionId
        /// When it was first heard.
        Since: Instant
    }

    /// As it is shown: GATEWAY/ID.
    override this.ToString() = $"{this.Gateway}/{this.Id}"

    static member Compare(a: LegKey, b: LegKey) =
        match String.CompareOrdinal(GatewayId.value a.Gateway, GatewayId.value b.Gateway) with
        | 0 ->
            match String.CompareOrdinal(ConnectionId.value a.Id, ConnectionId.value b.Id) with
            | 0 -> compare a.Since.Micros b.Since.Micros
            | order -> order
        | order -> order

    override this.Equals(other: obj) =
        match other with
        | :? LegKey as key -> LegKey.Compare(this, key) = 0
        | _ -> false

    override this.GetHashCode() =
        HashCode.Combine(
            GatewayId.value(this.Gateway).GetHashCode(),
            ConnectionId.value(this.Id).GetHashCode(),
            this.Since.Micros
        )

    interface IEquatable<LegKey> with
        member this.Equals(other) = LegKey.Compare(this, other) = 0

    interface IComparable with
        member this.CompareTo(other) = LegKey.Compare(this, unbox<LegKey> other)

module LegKey =
    let ofConnection (gateway: GatewayId) (c: Connection) : LegKey =
        { Gateway = gateway; Id = c.Id; Since = c.FirstHeard }

/// A connection as part of a call.
[<NoComparison; NoEquality>]
type Leg =
    {
        Key: LegKey
        Source: SourceTraits
        Connection: Connection
        /// When it ended, where it has: proven, never silence.
        Gone: Interval voption
        /// When it was first heard, or, where that was before this server's start, when the server began to know of it.
        Known: Instant
        /// Since when its codec is known to have been told as it is now.
        CodecSince: Instant
        /// Since when its media addresses are.
        MediaSince: Instant
        /// How far its gateway's clock may drift, in parts per million.
        DriftPpm: float
    }

    member this.Kind = this.Source.Kind

    member this.IsLive = this.Gone.IsNone

    /// Only what the newest audit confirmed is held against anybody.
    member this.IsConfirmed = this.Gone.IsNone && this.Connection.Status = Status.Confirmed

    /// The earliest moment at which it is proven to have been there.
    member this.AliveBy = Instant.min this.Connection.Start.Within.Latest this.Connection.FirstHeard

/// What sources of one call say against each other.
type FindingKind =
    /// A leg is over, and what it was joined with is still up.
    | OneSided
    | MediaWithoutSignalling
    | SignallingWithoutMedia
    | CodecMismatch
    | AddressMismatch
    | StartMismatch

    /// One word for scripts: the command line's contract.
    override this.ToString() =
        match this with
        | OneSided -> "one-sided"
        | MediaWithoutSignalling -> "media-without-signalling"
        | SignallingWithoutMedia -> "signalling-without-media"
        | CodecMismatch -> "codec-mismatch"
        | AddressMismatch -> "address-mismatch"
        | StartMismatch -> "start-mismatch"

module FindingKind =
    let all: FindingKind list =
        [ OneSided
          MediaWithoutSignalling
          SignallingWithoutMedia
          CodecMismatch
          AddressMismatch
          StartMismatch ]

/// One disagreement. A call has at most one of each kind.
type Finding =
    {
        Kind: FindingKind
        /// Since when it is known to be so.
        Since: Instant
        /// Who says what.
        Text: string
    }

/// Connections that belong together. At least one of them is live where it is listed.
[<ReferenceEquality>]
type Call =
    {
        /// The most telling call id of its legs.
        Id: CallId voption
        /// Sorted.
        Live: LegKey[]
        /// Legs that are over and were joined with a live one. Sorted.
        Gone: LegKey[]
        /// Both signalling and media tell of it, or told.
        HasBothKinds: bool
        /// Every pair of a signalling and a media gateway that share it, either first.
        Pairs: struct (GatewayId * GatewayId)[]
        /// By kind.
        Findings: Finding list
        /// The next word of one of its legs may make or end a finding.
        IsWatched: bool
    }

/// What a step did to the findings.
[<NoComparison>]
type CallChange =
    | Found of Call * Finding
    | Cleared of Call * Finding

/// How patient the join is. None of these is ever measured on silence: a connection was heard alive that long after.
type CallRules =
    {
        /// What ends at two places ends there at two moments.
        Grace: TimeSpan
        /// The other kind of source may learn of a call later.
        Patience: TimeSpan
        /// A call may ring this long before it is answered or forwarded: timer C of RFC 3261 §16.6, T301 of Q.931 §9.5.1.
        Ringing: TimeSpan
        /// How long a leg that is over is remembered for those that have not spoken yet.
        Retention: TimeSpan
        /// So many of them are remembered of one gateway: of those that end while there are as many, nobody else's word is
        /// waited for.
        MostGone: int
        /// So many calls of a gateway must have both kinds before a call with one is worth a word; and nine of ten.
        Usual: int
    }

module CallRules =
    let standard: CallRules =
        { Grace = TimeSpan.FromSeconds 2.0
          Patience = TimeSpan.FromSeconds 30.0
          Ringing = TimeSpan.FromSeconds 180.0
          Retention = TimeSpan.FromSeconds 120.0
          MostGone = 20_000
          Usual = 3 }
