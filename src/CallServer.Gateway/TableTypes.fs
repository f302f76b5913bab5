namespace CallServer.Gateway

open System
open CallServer.Model
open CallServer.Prelude

/// Which end of a trunk's calls a gateway carries.
type TrunkEnd =
    | Near
    | Far

/// Calls that two gateways share; each carries one end of every call. Both name the same seed, connections
/// and churn, and their tables begin at the same instant. Then both carry the same calls with the same
/// Call-ID, GUID, times and codec, and the local media address of one is the remote one of the other.
type Trunk =
    {
        Seed: uint64
        /// Connections and churn, as in the table's own options.
        Connections: int
        Churn: float
        End: TrunkEnd
    }

/// How many connections a simulated gateway carries, and how they come and go.
type TableOptions =
    {
        /// Exactly this many at the beginning, about as many later.
        Connections: int
        /// Connections opened per second, and as many closed: two Poisson processes. With 0 nothing changes by itself.
        Churn: float
        /// How long the first connections have been active at the beginning: youngest and oldest, distributed log-uniformly
        /// between them.
        Ages: struct (TimeSpan * TimeSpan)
        /// The time from a call's setup to its start: shortest and longest, distributed uniformly between them.
        Ringing: struct (TimeSpan * TimeSpan)
        /// True if a connection is listed from its setup on, as in call tables; false if only from its start, as in media tables.
        ShowRinging: bool
        Codecs: SimCodec[]
        /// Further calls whose other ends are at other gateways. They have their own number and churn.
        Trunks: Trunk list
        /// How many ended connections are kept, for gateways whose table shows them.
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
    /// A connection was listed: at its start, or at its setup if ringing connections are listed. In that case its true start may
    /// lie ahead.
    | Opened of SimConnection
    /// It ended. This is before its start if it was given up while ringing.
    | Closed of SimConnection * at: Instant

/// Where calls come from: the table itself, or a trunk.
[<NoComparison>]
type internal Source =
    {
        Trunk: Trunk voption
        /// Determines all properties of each call.
        Seed: uint64
        /// How many calls, how often, and how long.
        Options: TableOptions
        Arrivals: Rng
        NextSetup: Instant
        /// How many calls it has made so far.
        Drawn: int64
    }

/// The connections of a simulated gateway at one moment. Immutable; everything that happens later follows from it.
[<NoComparison; ReferenceEquality>]
type Table =
    internal
        {
            Options: TableOptions
            Clock: Instant
            /// The table's own source first, then the trunks.
            Sources: Source[]
            /// Listed connections, sorted by serial number. If the connections differ, it is another array.
            Listed: SimConnection[]
            /// Connections that are set up but not listed yet, by the microsecond of their start.
            Waiting: Map<int64, SimConnection>
            /// Listed connections by the microsecond of their end.
            Ending: Map<int64, SimConnection>
            /// Free circuits below the first one that was never used.
            FreeSlots: Set<int>
            NextSlot: int
            /// The gateway is down and takes no calls before this instant.
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
    /// The connections that the gateway has, sorted by serial number, which is the order of their setup. Do not write to the
    /// array.
    member this.Connections = this.Listed
    member this.Count = this.Listed.Length
    /// Ended connections and when they truly ended, newest last; at most as many as the options say.
    member this.Ended = this.Past
    /// How many connections ended since the gateway began. The rows of a history are numbered up to this.
    member this.EndedTotal = this.PastTotal
    /// How many connections were listed since the gateway began.
    member this.ListedTotal = this.PastTotal + int64 this.Listed.Length
