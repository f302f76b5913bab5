namespace CallServer.Ledger

open System
open CallServer.Model

/// One connection among those of all gateways. A gateway may reuse an id, so the moment it was first heard is
/// part of the key.
[<Struct; CustomEquality; CustomComparison>]
type LegKey =
    {
        Gateway: GatewayId
        Id: ConnectionId
        /// When it was first heard.
        Since: Instant
    }

    /// As users see it: GATEWAY/ID.
    override this.ToString() = $"{this.Gateway}/{this.Id}"

    /// Orders legs by gateway, id and the moment first heard.
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

/// Makes keys.
module LegKey =
    /// The key of a gateway's connection.
    let ofConnection (gateway: GatewayId) (c: Connection) : LegKey =
        { Gateway = gateway; Id = c.Id; Since = c.FirstHeard }

/// A connection as part of a call.
[<NoComparison; NoEquality>]
type Leg =
    {
        Key: LegKey
        Source: SourceTraits
        Connection: Connection
        /// When it ended; ValueNone while it is active. It is proven, never concluded from silence.
        Gone: Interval voption
        /// When it was first heard; if that was before this server started, when the server began to know of
        /// it.
        Known: Instant
        /// Since when its codec is known to be the present one.
        CodecSince: Instant
        /// Since when its media addresses are known to be the present ones.
        MediaSince: Instant
        /// How far its gateway's clock may drift, in parts per million.
        DriftPpm: float
    }

    /// Signalling or media; ValueNone if its source is neither.
    member this.Kind = this.Source.Kind

    /// Whether it is active.
    member this.IsLive = this.Gone.IsNone

    /// Whether the newest audit listed it. Only such legs count as proof against another.
    member this.IsConfirmed = this.Gone.IsNone && this.Connection.Status = Status.Confirmed

    /// The earliest moment at which it is proven to have been there.
    member this.AliveBy = Instant.min this.Connection.Start.Within.Latest this.Connection.FirstHeard

/// How the sources of one call disagree.
type FindingKind =
    /// A leg is over, and what it was joined with is still up.
    | OneSided
    | MediaWithoutSignalling
    | SignallingWithoutMedia
    | CodecMismatch
    | AddressMismatch
    | StartMismatch

    /// One word for scripts: part of the command line's contract.
    override this.ToString() =
        match this with
        | OneSided -> "one-sided"
        | MediaWithoutSignalling -> "media-without-signalling"
        | SignallingWithoutMedia -> "signalling-without-media"
        | CodecMismatch -> "codec-mismatch"
        | AddressMismatch -> "address-mismatch"
        | StartMismatch -> "start-mismatch"

/// The kinds of finding.
module FindingKind =
    /// All kinds, in the order in which they are listed.
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
        /// Who says what, for people.
        Text: string
    }

/// Connections that belong together. A call in a list has at least one live leg.
[<ReferenceEquality>]
type Call =
    {
        /// The most telling call id of its legs; ValueNone if no leg has one.
        Id: CallId voption
        /// Active legs, sorted.
        Live: LegKey[]
        /// Legs that are over and were joined with a live one, sorted.
        Gone: LegKey[]
        /// Both a signalling and a media source report it, or did.
        HasBothKinds: bool
        /// Every pair of a signalling and a media gateway that share it, in both orders.
        Pairs: struct (GatewayId * GatewayId)[]
        /// Ordered by kind.
        Findings: Finding list
        /// The next report about one of its legs may make or clear a finding.
        IsWatched: bool
    }

/// What one step did to the findings.
[<NoComparison>]
type CallChange =
    | Found of Call * Finding
    | Cleared of Call * Finding

/// How patient the join is. No period runs on silence: it has passed once a connection was heard alive that
/// much later.
type CallRules =
    {
        /// How long two ends of one call may differ in when they end.
        Grace: TimeSpan
        /// How much later the other kind of source may learn of a call.
        Patience: TimeSpan
        /// How long a call may ring before it is answered or forwarded: timer C of RFC 3261 §16.6, T301 of
        /// Q.931 §9.5.1.
        Ringing: TimeSpan
        /// How long a leg that is over is remembered for sources that have not reported yet.
        Retention: TimeSpan
        /// How many legs that are over are remembered per gateway. Legs that end beyond this number are
        /// forgotten at once.
        MostGone: int
        /// How many calls of a gateway must have both kinds of source, and nine of ten of them, before a call
        /// with one kind is a finding.
        Usual: int
    }

/// The rules of the join.
module CallRules =
    /// The rules that apply unless a test says otherwise.
    let standard: CallRules =
        { Grace = TimeSpan.FromSeconds 2.0
          Patience = TimeSpan.FromSeconds 30.0
          Ringing = TimeSpan.FromSeconds 180.0
          Retention = TimeSpan.FromSeconds 120.0
          MostGone = 20_000
          Usual = 3 }
