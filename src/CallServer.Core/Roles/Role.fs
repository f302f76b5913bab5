namespace CallServer.Roles

open System
open CallServer.Model
open CallServer.Polling

/// The role of a server in its pair.
type Role =
    /// It has just started and asks its peer before it decides. Others see it as a standby.
    | Joining
    /// It acts, as configured, and nobody has taken over from it.
    | Primary
    /// It acts because it took over.
    | Active
    /// The other server acts; this one watches it.
    | Standby

    /// Whether it audits at full pace and writes CDRs.
    member this.Acts =
        match this with
        | Primary
        | Active -> true
        | Joining
        | Standby -> false

    /// What status shows: primary, active, standby.
    override this.ToString() =
        match this with
        | Primary -> "primary"
        | Active -> "active"
        | Joining
        | Standby -> "standby"

/// What a standby does while it watches.
type Readiness =
    /// It audits the gateways itself, less often.
    | Warm
    /// It audits nothing until it takes over, except gateways of which its record holds connections.
    | Cold

/// How long a standby waits for the server that acts.
[<Struct>]
type Patience =
    {
        /// The time between two heartbeats; above zero.
        Heartbeat: TimeSpan
        /// It takes over after this many heartbeats in a row without an answer; at least 1.
        Misses: int
    }

/// What one server tells the other in every heartbeat and every answer to one.
type Greeting =
    {
        /// Its name; the two servers of a pair have different names.
        Server: string
        /// The epoch under which it acts, or the highest that it has met.
        Epoch: int
        Role: Role
        /// It acts, and wants the other to take over now.
        HandsOver: bool
        /// An operator gave it this epoch for both: the other adopts it, even if its own is higher.
        Anew: bool
        /// Sent by the server that is configured as a backup: the other one uses the same patience when it is
        /// the standby.
        Patience: Patience voption
    }

/// How often a server audits, and whether it writes the CDRs of connections that it sees end.
[<Struct>]
type Duty =
    {
        Rate: AuditRate
        /// It writes them; otherwise it holds them, because the other server writes them.
        WritesCdrs: bool
    }

/// Why a server took over.
type TakeoverCause =
    /// This many heartbeats in a row went unanswered.
    | PeerSilent of misses: int
    /// The other server answered, and did not act either.
    | NobodyActed
    /// The other server handed over, because its operator said so.
    | HandedOver
    | OperatorSaid

    override this.ToString() =
        match this with
        | PeerSilent _ -> "peer-silent"
        | NobodyActed -> "nobody-acted"
        | HandedOver -> "handed-over"
        | OperatorSaid -> "operator"

/// What was decided when a server took over.
type Takeover =
    {
        Epoch: int
        Cause: TakeoverCause
        /// When it was decided.
        At: Instant
        /// When the server that acted before was last heard to act; ValueNone if this server never heard it.
        LastHeard: Instant voption
    }

/// What an operator can order a server to do.
type Order =
    | TakeOver
    /// Act under this epoch, and have the other server agree on it, whatever either had before.
    | ActUnder of epoch: int
    | StepDown

/// The configuration of a server's role.
type RoleSettings =
    {
        Name: string
        /// A backup's own; for another server that of its backup, once heard, limited by LongestWait.
        Patience: Patience
        /// The most that heartbeat times misses may be in the patience that the other server sends; at least
        /// a second.
        LongestWait: TimeSpan
        /// What it does as a standby.
        Readiness: Readiness
        /// Configured as a backup: it begins as a standby unless its store says otherwise.
        IsBackup: bool
    }

/// What a server kept over its restart.
type Remembered =
    {
        /// 0 if nothing was kept.
        Epoch: int
        /// Whether it acted; ValueNone if nothing was kept.
        Acted: bool voption
    }

/// What happens to a server's role.
type RoleEvent =
    /// The wake-up time has passed; one that comes too early or twice changes nothing.
    | Woke of at: Instant
    /// The peer answered a heartbeat, or sent one.
    | Heard of at: Instant * Greeting
    /// An operator gave an order.
    | Ordered of at: Instant * Order

/// What the role machine asks its host to do.
type RoleCommand =
    /// Send a heartbeat with the present greeting to this address.
    | AskPeer of url: string
    /// Send Woke at this instant; a later WakeAt replaces an earlier one.
    | WakeAt of Instant
    /// Keep this over a restart, on disk before the next command is carried out. If the disk fails, go on.
    | Keep of epoch: int * acts: bool
    /// Audit and write CDRs like this from now on.
    | Assume of Duty
    /// Ask the gateways that can say who controls them, and log it: a takeover may follow.
    | LookAround
    /// Audit every gateway at once, and report what came of it.
    | Recover of Takeover
    /// Log what changed, and why.
    | Say of string
    /// Answer an order: ValueNone if it is carried out, otherwise why it is refused.
    | Answer of refusal: string voption
