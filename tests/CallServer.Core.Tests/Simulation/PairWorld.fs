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
        /// Of the server's timeline, when it was made.
        Anchor: TimeSpan
        /// When it was held, or written; by the server's timeline.
        At: Instant
    }

/// What a server keeps over a restart. Every change is one commit.
type PairDisk(gateways: GatewayId[]) =
    member val Epoch = 0 with get, set
    member val Acted: bool voption = ValueNone with get, set
    /// What the wall clock was stepped by (ADR 2).
    member val Correction = TimeSpan.Zero with get, set
    member val Ledgers = gateways |> Array.map GatewayLedger.empty
    member val Written = Dictionary<Guid, KeptCdr>()
    member val Held = Dictionary<Guid, KeptCdr>()

/// What the world gives a server, and is told by it.
[<NoComparison; NoEquality>]
type PairWorld =
    {
        Clock: Clockwork
        Gateways: PairGateway[]
        /// When acting; a standby audits this many times more slowly.
        Interval: TimeSpan
        /// Between two questions of a standby about what it holds.
        Settles: TimeSpan
        /// What nobody else knows is written after so long.
        Grace: TimeSpan
        Reaches: int -> int -> bool
        /// Carries something from one server to the other.
        Send: int -> (unit -> unit) -> unit
        /// Somebody on the way may read a question that a server sends, and answer in the other's place; ends in the other one.
        Ask: int -> Letter -> (Reply -> unit) -> unit
        Opened: GatewayId -> Connection -> unit
        Took: int -> TimeSpan -> GatewayLedger -> unit
        Ended: int -> KeptCdr -> unit
        TookOver: int -> Takeover -> unit
        Fail: string -> unit
    }
