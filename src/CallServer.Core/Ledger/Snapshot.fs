namespace CallServer.Ledger

open System
open CallServer.Model

/// One of the facts that together prove that a snapshot lists every active connection (rule 3).
type Proof =
    /// The end of the table was seen for every range asked.
    | EndOfTable
    /// The gateway's boot identity and up-time show one and the same run before and after.
    | SameBoot
    /// The gateway's own count of active calls agrees with the rows.
    | CountAgrees
    /// The whole state came in one document that says so (RFC 4235 §4.1: state="full").
    | WholeDocument

    override this.ToString() =
        match this with
        | EndOfTable -> "end-of-table"
        | SameBoot -> "same-boot"
        | CountAgrees -> "count-agrees"
        | WholeDocument -> "whole-document"

/// The most of one gateway's data that this server is configured to take; sizes in octets.
[<RequireQualifiedAccess>]
type Limit =
    /// The size of one reply.
    | Reply of most: int64
    /// The size of all replies that one audit holds until it ends.
    | Held of most: int64
    /// The size of what arrived during one audit and answers no question.
    | Unasked of most: int64
    /// Active connections in the record.
    | Connections of most: int
    /// The size of what the audits and the record of all gateways hold together.
    | Memory of most: int64

    override this.ToString() =
        let size (octets: int64) =
            if octets % 1_000_000_000L = 0L then $"{octets / 1_000_000_000L} GB"
            elif octets >= 1_000_000L then $"{octets / 1_000_000L} MB"
            else $"{octets / 1000L} kB"

        match this with
        | Reply most -> $"polling.replyOctets: a reply of more than {size most}"
        | Held most -> $"polling.auditOctets: more than {size most} in one audit"
        | Unasked most -> $"polling.replyOctets: more than {size most} that answers nothing"
        | Connections most -> $"polling.connections: more than {most}"
        | Memory most -> $"polling.memory: all gateways together take more than {size most}"

/// Why a gateway refused to answer, as far as its answer says.
[<RequireQualifiedAccess>]
type RefusalCause =
    /// The code of its answer, in its protocol's numbering.
    | Code of int
    /// The credentials that authenticate us are wrong.
    | Proof
    /// The key that encrypts our questions is wrong.
    | Encryption
    /// It requires another security level.
    | SecurityLevel
    | UnknownUser
    /// It has no such context.
    | Context
    /// Its access rules do not let us see what we asked for.
    | AccessRules
    /// It accepts no question until somebody configures it anew.
    | WornOut
    | Unsaid

/// Why a snapshot may not list every connection.
type Shortfall =
    /// No reply came at all.
    | Silent of detail: string
    /// It answered but refused to tell: wrong community, unknown user, wrong passphrase.
    | Refused of cause: RefusalCause * detail: string
    /// It stopped answering before the end.
    | CutShort of detail: string
    /// The agent repeated an instance or went backwards.
    | NotIncreasing of where: string
    /// The table's index moved during the walk.
    | IndexMoved of detail: string
    | CountDisagrees of counted: int * listed: int
    | RestartedMeanwhile
    /// The gateway does not serve the table or column needed.
    | NotServed of what: string
    /// It shows no row, and no proof that there is none: it may hide the table from us.
    | Hidden of detail: string
    /// It says that it does not keep its table at present.
    | SwitchedOff of detail: string
    /// It answers, but has no way to list its connections.
    | DoesNotList
    /// A reply does not fit its transport and never arrives.
    | TooLarge of detail: string
    /// It sent more than this server is configured to take.
    | PastLimit of Limit
    /// It answered something that cannot be read.
    | Unreadable of detail: string
    /// A reply came from this address (HOST:PORT) and not from the one asked. This option of the gateway's
    /// URI would accept it.
    | AnsweredElsewhere of source: string * option: string
    /// Its operator declares that it never lists everything.
    | DeclaredPartial
    | Cancelled

    /// One word for scripts.
    member this.Kind =
        match this with
        | Silent _ -> "silent"
        | Refused _ -> "refused"
        | CutShort _ -> "cut-short"
        | NotIncreasing _ -> "not-increasing"
        | IndexMoved _ -> "index-moved"
        | CountDisagrees _ -> "count-disagrees"
        | RestartedMeanwhile -> "restarted-meanwhile"
        | NotServed _ -> "not-served"
        | Hidden _ -> "hidden"
        | SwitchedOff _ -> "switched-off"
        | DoesNotList -> "does-not-list-connections"
        | TooLarge _ -> "too-large"
        | PastLimit _ -> "limit"
        | Unreadable _ -> "unreadable"
        | AnsweredElsewhere _ -> "elsewhere"
        | DeclaredPartial -> "declared"
        | Cancelled -> "cancelled"

    /// Kind and detail: what the audit's `reasons` print.
    override this.ToString() =
        match this with
        | Silent detail
        | Refused(_, detail)
        | CutShort detail
        | IndexMoved detail
        | Hidden detail
        | SwitchedOff detail
        | TooLarge detail
        | Unreadable detail -> $"{this.Kind}: {detail}"
        | PastLimit limit -> $"{this.Kind}: {limit}"
        | NotIncreasing where -> $"{this.Kind}: {where}"
        | NotServed what -> $"{this.Kind}: {what}"
        | CountDisagrees(counted, listed) ->
            $"{this.Kind}: the gateway counts {counted}, its table lists {listed}"
        | AnsweredElsewhere(source, option) ->
            $"{this.Kind}: a reply came from {source}, not from the address asked; {option} takes it"
        | DeclaredPartial ->
            $"{this.Kind}: configured as never complete, so that nothing is closed by its absence"
        | RestartedMeanwhile
        | DoesNotList
        | Cancelled -> this.Kind

/// Whether a snapshot lists every active connection of its gateway, and why (rule 3).
type Completeness =
    | Complete of Proof list
    /// Holds at least one reason.
    | Partial of Shortfall list

/// Combines and explains completeness.
module Completeness =
    /// Partial for this reason, added to any reasons before: proofs no longer count. The gateway's operator
    /// may declare it, or another source that counts the same calls may contradict it.
    let refute (reason: Shortfall) (completeness: Completeness) : Completeness =
        match completeness with
        | Complete _ -> Partial [ reason ]
        | Partial reasons when List.contains reason reasons -> completeness
        | Partial reasons -> Partial(reasons @ [ reason ])

    /// Whether it is proven that the snapshot lists everything.
    let isComplete completeness =
        match completeness with
        | Complete _ -> true
        | Partial _ -> false

    /// Why it is not complete; empty if it is.
    let shortfalls completeness : Shortfall list =
        match completeness with
        | Complete _ -> []
        | Partial reasons -> reasons

    /// The reasons in words; equal ones once, with their number.
    let words (reasons: Shortfall list) : string list =
        reasons
        |> List.countBy string
        |> List.map (fun (reason, count) -> if count = 1 then reason else $"{reason} ({count} times)")

    /// Whether it is partial and one of the reasons is silence or a refusal.
    let isSilent completeness =
        match completeness with
        | Complete _ -> false
        | Partial reasons ->
            reasons
            |> List.exists (fun reason ->
                match reason with
                | Silent _
                | Refused _ -> true
                | _ -> false)

/// What a source reports: calls that are set up, or media that flows.
type SourceKind =
    | Signalling
    | Media

    override this.ToString() =
        match this with
        | Signalling -> "signalling"
        | Media -> "media"

/// The two kinds of source.
module SourceKind =
    /// The kind that this one lacks for a whole view of a call.
    let other (kind: SourceKind) =
        match kind with
        | Signalling -> Media
        | Media -> Signalling

/// Among which gateways two equal call ids name the same call.
[<RequireQualifiedAccess>]
type CallIdReach =
    /// Among all gateways: the id is unique in the world.
    | World
    /// Among the gateways of this realm, such as those of one call agent; an id long enough to be unique,
    /// among all gateways.
    | Realm of string
    /// Among all gateways if the id has the shape of one that is unique in the world, otherwise within this
    /// gateway only.
    | ByShape

/// How the connections of a source are joined with those of other sources.
type SourceTraits =
    {
        /// ValueNone if it is neither kind: its connections join, and nobody misses them.
        Kind: SourceKind voption
        CallIds: CallIdReach
    }

/// What is assumed before a source is known.
module SourceTraits =
    /// A source of which nothing is known yet.
    let unknown: SourceTraits = { Kind = ValueNone; CallIds = CallIdReach.ByShape }

/// How this kind of gateway changes the rules.
type Traits =
    {
        /// How the join treats its connections; ValueNone if the audit could not find out.
        Source: SourceTraits voption
        /// How many complete snapshots in a row must lack a connection to prove its end: 1 if the index is
        /// stable, 2 if it shifts (rule 2).
        AbsencesToClose: int
        /// Connection ids are made of the up-time, so that a restart of the agent renames the connections
        /// that live on (rule 7).
        IdsTiedToBoot: bool
        /// The gateway reuses ids, and no stamp tells the uses apart (rule 9).
        ReusesIds: bool
        /// The table may show the state of this long ago (FreeSWITCH's agent caches 5 s).
        Staleness: TimeSpan
        /// How far the gateway's clock may drift from ours before a report counts as a contradiction, in
        /// parts per million of the connection's age.
        DriftPpm: float
    }

/// The traits of an ordinary gateway.
module Traits =
    /// How far a gateway's clock may drift if nothing else is known, in parts per million.
    let usualDriftPpm = 100.0

    /// A stable index, ids that are neither tied to the boot nor reused, no cache.
    let plain: Traits =
        { Source = ValueNone
          AbsencesToClose = 1
          IdsTiedToBoot = false
          ReusesIds = false
          Staleness = TimeSpan.Zero
          DriftPpm = 0.0 }

/// How far an audit read the gateway's own history; the rows themselves are in `Snapshot.Ended`.
type HistoryRead =
    {
        /// The history has shown everything that it keeps and that ended before this moment; ValueNone if the
        /// reading was cut short.
        Until: Instant voption
        /// Where the next reading may begin, in a form that only the audit understands.
        Cursor: string voption
    }

/// What a gateway's running total counts.
[<RequireQualifiedAccess>]
type TotalOf =
    /// Each connection.
    | Connections
    /// Each call: the connections with the same call id and stamp count once.
    | Calls

/// A gateway's own count of everything that began since its start, failed set-ups included, of what its list shows. It was read before
/// the list and after it.
type RunningTotal =
    {
        Of: TotalOf
        /// Before the list was asked for.
        Before: int64
        /// After the list was told.
        After: int64
        /// It is 0 again after so many; ValueNone if no gateway lives that long.
        Wraps: int64 voption
    }

/// What one audit learnt.
type Snapshot =
    {
        Gateway: GatewayId
        /// The name under which its protocol is registered.
        Protocol: string
        /// The profile by which the gateway was read, or the variant of its protocol that it speaks.
        Profile: string
        Traits: Traits
        /// When the first request was sent.
        Asked: Instant
        /// When the last reply was received, or waiting ended.
        Answered: Instant
        Boot: Boot
        Completeness: Completeness
        /// Sorted by id, each id once.
        Observations: Observation[]
        /// Connections that are over, from the gateway's own history. Sorted by id.
        Ended: Ended[]
        /// How far that history was read; ValueNone if the gateway keeps none.
        History: HistoryRead voption
        /// Connections of the record that the gateway, asked for each by its id, says it does not have.
        /// Sorted.
        Denied: ConnectionId[]
        /// How much began since the gateway's start, by its own count; ValueNone if it does not tell.
        Total: RunningTotal voption
        /// When the standing watch began that reported this; ValueNone for an audit. A watch reports in the
        /// order of events, so the windows of its snapshots may overlap.
        Standing: Instant voption
        /// What a person should know about how the gateway was read; no rule uses it.
        Remarks: string list
        /// Datagrams sent, repeats included.
        Requests: int
    }

/// Asks about a whole snapshot.
module Snapshot =
    /// Whether it is proven that the snapshot lists everything.
    let isComplete (snapshot: Snapshot) = Completeness.isComplete snapshot.Completeness

    /// Whether silence or a refusal came before even one connection was listed.
    let isSilent (snapshot: Snapshot) =
        snapshot.Observations.Length = 0 && Completeness.isSilent snapshot.Completeness
