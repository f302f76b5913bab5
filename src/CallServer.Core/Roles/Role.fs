namespace CallServer.Roles

open System
open CallServer.Model
open CallServer.Polling

/// What a server is to the pair.
type Role =
    /// It has just started and asks its peer before it says what it is. For others it is no more than a standby.
    | Joining
    /// It acts, as it is configured to, and nobody has taken over from it.
    | Primary
    /// It acts, because it took over.
    | Active
    /// The other one acts; it watches it.
    | Standby

    /// It audits at full pace and writes CDRs.
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
    /// It audits the gateways itself, more slowly.
    | Warm
    /// It audits nothing until it takes over.
    | Cold

/// How long a standby waits for the one that acts.
[<Struct>]
type Patience =
    {
        /// Between two heartbeats; above zero.
        Heartbeat: TimeSpan
        /// So many without an answer, one after the other, and it takes over; at least 1.
        Misses: int
    }

/// What one server tells the other, in every heartbeat and in every answer to one.
type Greeting =
    {
        /// Its name; two servers of a pair have two names.
        Server: string
        /// The epoch that it acts under, or the highest that it has met.
        Epoch: int
        Role: Role
        /// It acts, and wants the other to take over now.
        HandsOver: bool
        /// An operator gave it this epoch for both: the other one takes it as it is, also where its own is higher.
        Anew: bool
        /// Told by the one that is configured as a backup: the other one has the same as a standby.
        Patience: Patience voption
    }

/// How often a server is to audit, and what becomes of the CDRs of connections that it sees end.
[<Struct>]
type Duty =
    {
        Rate: AuditRate
        /// They are written; otherwise they are held, as the other one writes them.
        WritesCdrs: bool
    }

/// Why a server took over.
type TakeoverCause =
    /// So many heartbeats in a row without an answer.
    | PeerSilent of misses: int
    /// The other one answered, and does not act either.
    | NobodyActed
    /// The other one handed over, as its operator had told it.
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
        /// When the server that acted before was last heard to act; nothing where this server never heard it.
        LastHeard: Instant voption
    }

type Order =
    | TakeOver
    /// Acts under this epoch, and has the other one agree on it, whatever either had before.
    | ActUnder of epoch: int
    | StepDown

type RoleSettings =
    {
        Name: string
        /// Its own where it is a backup; else its backup's, once that has told it, as far as LongestWait allows.
        Patience: Patience
        /// Heartbeat times misses of a patience that the other one tells is cut to this; at least a second.
        LongestWait: TimeSpan
        /// What it does as a standby.
        Readiness: Readiness
        /// Configured as a backup: it begins as a standby where its store does not say otherwise.
        IsBackup: bool
    }

/// What a server kept over its restart.
type Remembered =
    {
        /// 0 where there is nothing.
        Epoch: int
        /// Whether it acted; nothing where there is nothing.
        Acted: bool voption
    }

type RoleEvent =
    /// The asked wake-up time has passed; one that comes too early or twice changes nothing.
    | Woke of at: Instant
    /// The peer answered a heartbeat, or sent one.
    | Heard of at: Instant * Greeting
    /// An operator's word.
    | Ordered of at: Instant * Order

type RoleCommand =
    /// Send a heartbeat with the present greeting to this address.
    | AskPeer of url: string
    /// Send Woke at this instant; a later WakeAt replaces an earlier one.
    | WakeAt of Instant
    /// Keep this over a restart, on the disk before the next command is carried out; a disk that fails holds nothing up.
    | Keep of epoch: int * acts: bool
    /// Audit and write CDRs like this from now on.
    | Assume of Duty
    /// Ask the gateways that can tell who controls them, and log it: a takeover may follow.
    | LookAround
    /// Audit every gateway at once, and report what came of it.
    | Recover of Takeover
    /// For the log: what changed, and why.
    | Say of string
    /// The answer to an order; nothing is wrong, or why it is refused.
    | Answer of refusal: string voption
