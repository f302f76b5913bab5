namespace CallServer.Ledger

open System
open CallServer.Model

/// One of the things that together prove that a snapshot lists every active connection (rule 3).
type Proof =
    /// The end of the table was seen for every range asked.
    | EndOfTable
    /// The gateway's boot identity and up-time were those of one run before and after.
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

/// What of one gateway this server is configured to take at most; sizes in octets.
[<RequireQualifiedAccess>]
type Limit =
    /// One reply.
    | Reply of most: int64
    /// What one audit holds of replies until it ends.
    | Held of most: int64
    /// What came during one audit and answers nothing that was asked.
    | Unasked of most: int64
    /// Active connections in the record.
    | Connections of most: int
    /// What the audits and the record of all gateways hold together.
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

/// Why a gateway would not tell, as far as its answer says.
[<RequireQualifiedAccess>]
type RefusalCause =
    /// The code of its answer, as its protocol numbers them.
    | Code of int
    /// What proves who asks is wrong.
    | Proof
    /// What encrypts the question is wrong.
    | Encryption
    /// It wants another level of protection.
    | SecurityLevel
    | UnknownUser
    /// It knows no such part of itself.
    | Context
    /// Whoever asks may not see what was asked for.
    | AccessRules
    /// It takes no question any more until somebody configures it anew.
    | WornOut
    | Unsaid

/// Why a snapshot may not list everything.
type Shortfall =
    /// Nothing came back at all.
    | Silent of detail: string
    /// It answered, and would not tell: wrong community, unknown user, wrong passphrase.
    | Refused of cause: RefusalCause * detail: string
    /// It stopped answering before the end.
    | CutShort of detail: string
    /// The agent repeated an instance or went backwards.
    | NotIncreasing of where: string
    /// The table's index moved under the walk.
    | IndexMoved of detail: string
    | CountDisagrees of counted: int * listed: int
    | RestartedMeanwhile
    /// The gateway does not serve the table or column that tells.
    | NotServed of what: string
    /// It shows no row, and no proof that there is none: the table may be hidden from whoever asks.
    | Hidden of detail: string
    /// It says that it does not keep its table at present.
    | SwitchedOff of detail: string
    /// It answers, but has no way to list its connections.
    | DoesNotList
    /// A reply would not fit the way that it takes, and does not come.
    | TooLarge of detail: string
    /// It told more than this server is configured to take.
    | PastLimit of Limit
    /// It answered something that cannot be read.
    | Unreadable of detail: string
    /// A reply came from here (HOST:PORT), and not from the address asked; this option of the gateway's URI would take it.
    | AnsweredElsewhere of source: string * option: string
    /// Its operator declares that what it lists is never all of it.
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

type Completeness =
    | Complete of Proof list
    /// At least one reason.
    | Partial of Shortfall list

module Completeness =
    /// The same where something else tells that it is not complete: whatever was proven before, nothing is now. The gateway's
    /// operator may say so, or another source that counts the same calls.
    let refute (reason: Shortfall) (completeness: Completeness) : Completeness =
        match completeness with
        | Complete _ -> Partial [ reason ]
        | Partial reasons when List.contains reason reasons -> completeness
        | Partial reasons -> Partial(reasons @ [ reason ])

    let isComplete completeness =
        match completeness with
        | Complete _ -> true
        | Partial _ -> false

    /// Why it is not complete; nothing where it is.
    let shortfalls completeness : Shortfall list =
        match completeness with
        | Complete _ -> []
        | Partial reasons -> reasons

    /// In words; what is there several times is told once, with their number.
    let words (reasons: Shortfall list) : string list =
        reasons
        |> List.countBy string
        |> List.map (fun (reason, count) -> if count = 1 then reason else $"{reason} ({count} times)")

    /// It was silent or refused.
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

/// What a source tells of: calls that are set up, or media that flows.
type SourceKind =
    | Signalling
    | Media

    override this.ToString() =
        match this with
        | Signalling -> "signalling"
        | Media -> "media"

module SourceKind =
    let other (kind: SourceKind) =
        match kind with
        | Signalling -> Media
        | Media -> Signalling

/// Between whom two equal call ids name the same call.
[<RequireQualifiedAccess>]
type CallIdReach =
    /// Everybody: the id is unique in the world.
    | World
    /// Everybody in this realm, such as the gateways of one call agent; a long id reaches everybody.
    | Realm of string
    /// Everybody where the id has the shape of one that is unique in the world, else this gateway alone.
    | ByShape

/// How the connections of a source are joined with those of others.
type SourceTraits =
    {
        /// Nothing where it is neither: what it tells joins, and is never missed.
        Kind: SourceKind voption
        CallIds: CallIdReach
    }

module SourceTraits =
    /// A source of which nothing is known yet.
    let unknown: SourceTraits = { Kind = ValueNone; CallIds = CallIdReach.ByShape }

/// What the gateway's kind means for the rules.
type Traits =
    {
        /// How the join treats what it tells; nothing where the audit could not tell.
        Source: SourceTraits voption
        /// Absences from complete snapshots in a row that prove an end: 1 where the index is stable, 2 where it shifts (rule 2).
        AbsencesToClose: int
        /// Connection ids are made of the up-time, so that a restart of the agent renames the connections that live on (rule 7).
        IdsTiedToBoot: bool
        /// Ids are used again and no stamp tells the uses apart (rule 9).
        ReusesIds: bool
        /// The table may show the state of this long ago (FreeSWITCH's agent caches 5 s).
        Staleness: TimeSpan
        /// How far the gateway's clock may drift from ours before a report counts as a contradiction, in parts per million
        /// of the connection's age.
        DriftPpm: float
    }

module Traits =
    /// How far a gateway's crystal may be off where nothing else is known, in parts per million.
    let usualDriftPpm = 100.0

    let plain: Traits =
        { Source = ValueNone
          AbsencesToClose = 1
          IdsTiedToBoot = false
          ReusesIds = false
          Staleness = TimeSpan.Zero
          DriftPpm = 0.0 }

/// How far an audit read the gateway's own history, besides the rows themselves (`Snapshot.Ended`).
type HistoryRead =
    {
        /// Whatever ended before this moment, and is kept at all, has been told by now; nothing where the reading was cut short.
        Until: Instant voption
        /// Where the next reading may begin, in words that the audit understands.
        Cursor: string voption
    }

/// What one audit learnt.
type Snapshot =
    {
        Gateway: GatewayId
        /// The name under which its protocol is registered.
        Protocol: string
        /// By which profile the gateway was read, or which variant of its protocol it speaks.
        Profile: string
        Traits: Traits
        /// The first request was sent.
        Asked: Instant
        /// The last reply was received, or waiting ended.
        Answered: Instant
        Boot: Boot
        Completeness: Completeness
        /// Sorted by id, each id once.
        Observations: Observation[]
        /// What the gateway's own history tells of connections that are over. Sorted by id.
        Ended: Ended[]
        /// How far that history was read; nothing where the gateway keeps none.
        History: HistoryRead voption
        /// Connections of the record that the gateway, asked for each by its id, says it does not have. Sorted.
        Denied: ConnectionId[]
        /// Of a standing watch: when that began. What it tells comes in the order in which it was true, so that the windows of
        /// such snapshots may overlap. Nothing for an audit.
        Standing: Instant voption
        /// What a person should know of how the gateway was read; no rule goes by it.
        Remarks: string list
        /// Datagrams sent, repeats included.
        Requests: int
    }

module Snapshot =
    let isComplete (snapshot: Snapshot) = Completeness.isComplete snapshot.Completeness

    /// Silence or a refusal, and not one connection was told before it.
    let isSilent (snapshot: Snapshot) =
        snapshot.Observations.Length = 0 && Completeness.isSilent snapshot.Completeness
