namespace CallServer.Gateway

open System
open CallServer.Model
open CallServer.Prelude

/// Which end of a trunk's calls a gateway carries.
type TrunkEnd =
    | Near
    | Far

/// Calls that two gateways share, each carrying one end of every one. Both name the same seed, connections and churn, and
/// their tables begin at the same instant: then both carry the same calls with the same Call-ID, GUID, times and
/// codec, and what is the local media address of one is the remote one of the other.
type Trunk =
    {
        Seed: uint64
        /// As in the table's own options.
        Connections: int
        Churn: float
        End: TrunkEnd
    }

/// How many connections a simulated gateway carries, and how they come and go.
type TableOptions =
    {
        /// At the beginning exactly, later about so many.
        Connections: int
        /// Connections opened a second, and as many closed: two Poisson streams. 0: nothing ever changes by
        /// itself.
        Churn: float
        /// How long the first ones have been active at the beginning, youngest and oldest; log-uniform
        /// between them.
        Ages: struct (TimeSpan * TimeSpan)
        /// From a call's setup to its start, shortest and longest; uniform between them.
        Ringing: struct (TimeSpan * TimeSpan)
        /// List a connection from its setup on, as call tables do, and not only from its start, as media
        /// tables do.
        ShowRinging: bool
        Codecs: SimCodec[]
        /// Calls on top of these whose other ends are at other gateways, which count and churn by themselves.
        Trunks: Trunk list
        /// Ended connections that are remembered for gateways whose table shows them.
        History: int
    }

module TableOptions =
    let standard: TableOptions =
        { Connections = 100
          Churn = 0.0
          Ages = struct (TimeSpan.FromSeconds 5.0, TimeSpan.FromHours 2.0)
          Ringing = struct (TimeSpan.FromSeconds 0.5, TimeSpan.FromSeconds 25.0)
          ShowRinging = false
          Codecs = SimCodec.common
          Trunks = []
          History = 64 }

    /// Mean time from start to end in microseconds.
    let internal meanLifetime (options: TableOptions) : float =
        float (max 1 options.Connections) / options.Churn * 1e6

/// What truly happened to the connections of a gateway.
[<NoComparison>]
type TruthEvent =
    /// A connection was listed: at its start, or already at its setup where ringing connections are listed.
    /// Its true start may then lie ahead.
    | Opened of SimConnection
    /// It ended; before its start where it was given up while it rang.
    | Closed of SimConnection * at: Instant

/// Where calls come from: the table's own, or a trunk.
[<NoComparison>]
type internal Source =
    {
        Trunk: Trunk voption
        /// Decides what is particular to each call.
        Seed: uint64
        /// How many, how often, how long.
        Options: TableOptions
        Arrivals: Rng
        NextSetup: Instant
        /// Calls that it brought forth so far.
        Drawn: int64
    }

/// The connections of a simulated gateway at one moment. Immutable; all that happens later follows from it.
[<NoComparison; ReferenceEquality>]
type Table =
    internal
        {
            Options: TableOptions
            Clock: Instant
            /// The table's own first, then the trunks.
            Sources: Source[]
            /// Listed, sorted by serial number. Another array whenever it holds other connections.
            Listed: SimConnection[]
            /// Set up, but not yet listed, by the microsecond of their start.
            Waiting: Map<int64, SimConnection>
            /// Listed ones by the microsecond of their end.
            Ending: Map<int64, SimConnection>
            /// Circuits that are free below the first that was never used.
            FreeSlots: Set<int>
            NextSlot: int
            /// The gateway takes no call before: it is down.
            RestsUntil: Instant
            NextSerial: int64
            LastSetup: Instant
            LastIndex: int
            /// Newest last.
            Past: struct (SimConnection * Instant)[]
            /// Connections that ended since the gateway began.
            PastTotal: int64
        }

    member this.Now = this.Clock
    /// The connections that the gateway has, sorted by serial number, which is the order of setup. Not to be
    /// written to.
    member this.Connections = this.Listed
    member this.Count = this.Listed.Length
    /// Ended connections with their true end, newest last; at most as many as the options say.
    member this.Ended = this.Past
    /// How many ended since the gateway began; those of a history are numbered up to this.
    member this.EndedTotal = this.PastTotal
    /// How many were listed since the gateway began.
    member this.ListedTotal = this.PastTotal + int64 this.Listed.Length
