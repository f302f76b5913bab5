namespace CallServer.Tests.Simulation

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger
open CallServer.Roles

/// A CDR as one server has it.
type KeptCdr =
    {
        Cdr: Cdr
        /// The anchor of the server's timeline when the CDR was made.
        Anchor: TimeSpan
        /// When it was held or written, on the server's timeline.
        At: Instant
    }

/// What a server keeps over a restart. Every change is one commit.
type PairDisk(gateways: GatewayId[]) =
    member val Epoch = 0 with get, set
    member val Acted: bool voption = ValueNone with get, set
    /// The total of the wall clock's steps (ADR 2).
    member val Correction = TimeSpan.Zero with get, set
    member val Ledgers = gateways |> Array.map GatewayLedger.empty
    member val Written = Dictionary<Guid, KeptCdr>()
    member val Held = Dictionary<Guid, KeptCdr>()

/// What the world gives a server, and learns from it.
[<NoComparison; NoEquality>]
type PairWorld =
    {
        Clock: Clockwork
        Gateways: PairGateway[]
        /// The acting server's interval; a standby audits this many times more slowly.
        Interval: TimeSpan
        /// Time between two questions of a standby about what it holds.
        Settles: TimeSpan
        /// After how long a server writes what nobody else knows.
        Grace: TimeSpan
        Reaches: int -> int -> bool
        /// Carries something from one server to the other.
        Send: int -> (unit -> unit) -> unit
        /// Carries a server's question. Somebody on the way may read it and answer in the other server's place;
        /// normally it reaches the other server.
        Ask: int -> Letter -> (Reply -> unit) -> unit
        Opened: GatewayId -> Connection -> unit
        Took: int -> TimeSpan -> GatewayLedger -> unit
        Ended: int -> KeptCdr -> unit
        TookOver: int -> Takeover -> unit
        Fail: string -> unit
    }
