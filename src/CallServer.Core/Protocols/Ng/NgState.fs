namespace CallServer.Protocols.Ng

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Where an ng audit stands; the table of transitions is at the top of NgAudit.
[<RequireQualifiedAccess>]
type NgPhase =
    /// The stream is not open yet.
    | Connecting
    /// The statistics before the list.
    | Opening
    | Listing
    /// The statistics right after the list.
    | Checking
    | Querying
    /// Until media has come in for calls that are asked once more, to read the gateway's clock.
    | Waiting of until: Instant
    | Sampling
    /// The statistics at the end.
    | Closing
    | Over

/// What is carried from one audit of a gateway to the next. It saves requests and narrows times, and proves
/// nothing.
type NgMemory =
    {
        Pace: Pace
        /// What was known of its clock, and when.
        Clock: ClockBounds
        ClockAt: Instant
        /// The newest call's creation by the gateway's clock in the last complete list, and when that was
        /// asked for: what is created later was made after it.
        Newest: struct (int64 * Instant) voption
        Sizes: NgSizes voption
    }

[<RequireQualifiedAccess>]
type internal NgPurpose =
    | Statistics
    /// Limited to so many; a probe is to show how long the Call-IDs are.
    | List of limit: int * isProbe: bool
    | Call of key: string

/// A request until its answer. Repeats are the very same message: rtpengine answers a cookie that it knows
/// from its memory.
type internal NgJob =
    { Purpose: NgPurpose
      Message: byte[]
      First: Instant
      Last: Instant
      Tries: int
      Deadline: Instant }

[<NoEquality; NoComparison>]
type internal NgReading = { Told: NgStatistics; Sent: Instant; Received: Instant }

[<NoEquality; NoComparison>]
type NgAuditState =
    internal
        {
            Target: NgGateway
            /// What the record holds of the gateway.
            Known: Connection[]
            Memory: NgMemory
            Rng: Rng
            Phase: NgPhase
            Asked: Instant
            LastReply: Instant voption
            Requests: int
            Strays: int
            LastStray: string
            /// Why the way to the gateway broke last.
            Trouble: string
            Stream: NgFraming
            IsOpen: bool
            /// The stream is given up by then if it is not open.
            OpenBy: Instant
            Reopened: int
            Queue: NgPurpose list
            /// By their cookies.
            Jobs: Map<string, NgJob>
            Pace: Pace
            Readings: NgReading list
            /// The statistics before the present list.
            Before: NgReading voption
            Rounds: int
            Limit: int
            /// Distinct Call-IDs of the newest list, and when that was asked for and told.
            Listed: string[]
            ListedAt: Interval voption
            Sizes: NgSizes voption
            CountAgrees: bool
            EndSeen: bool
            Seen: Map<string, NgSeen>
            /// Octets of memory that the list and the calls told so far take, roughly.
            ListCost: int64
            SeenCost: int64
            /// Listed, but ended when they were asked for.
            Gone: Set<string>
            /// Calls that were not told, and why.
            Untold: struct (string * string) list
            /// Replies of before the sampling, by call.
            Samples: Map<string, NgSeen>
            /// What this audit showed of the gateway's clock.
            Clock: ClockBounds
            Faults: Shortfall list
            Outbox: Command list
        }

module internal NgState =
    let fault (shortfall: Shortfall) (state: NgAuditState) : NgAuditState =
        if List.contains shortfall state.Faults then
            state
        else
            { state with Faults = shortfall :: state.Faults }

    let stray (reason: string) (state: NgAuditState) : NgAuditState =
        { state with Strays = state.Strays + 1; LastStray = reason }

    let enqueue (purposes: NgPurpose list) (state: NgAuditState) : NgAuditState =
        { state with Queue = purposes @ state.Queue }

    let isDatagrams (state: NgAuditState) = state.Target.Transport = NgTransport.Udp

    let untold (key: string) (reason: string) (state: NgAuditState) : NgAuditState =
        { state with Untold = struct (key, reason) :: state.Untold }

    /// Of one string as a key, and of one party besides its texts.
    [<Literal>]
    let private KeyCost = 64L

    [<Literal>]
    let private TagCost = 512L

    let costOfKeys (keys: string[]) : int64 = keys |> Array.sumBy (fun key -> KeyCost + 2L * int64 key.Length)

    let costOfCall (call: NgCall) : int64 =
        let octets (tag: NgTag) =
            tag.Key.Length
            + tag.Tag.Length
            + (tag.Label |> ValueOption.map _.Length |> ValueOption.defaultValue 0)

        call.Tags |> Array.sumBy (fun tag -> TagCost + int64 (octets tag))

    let load (state: NgAuditState) : Load =
        { Unread = NgFraming.unread state.Stream
          Kept = ValueSome(2L * NgFraming.unread state.Stream + state.ListCost + state.SeenCost) }

    /// All that is known of the gateway's clock.
    let clock (now: Instant) (state: NgAuditState) : ClockBounds =
        let held = GatewayClock.aged (now - state.Memory.ClockAt) state.Memory.Clock
        GatewayClock.learn held state.Clock
