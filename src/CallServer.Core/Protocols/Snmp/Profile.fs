namespace CallServer.Protocols.Snmp

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

// What an SNMP profile says: which columns a gateway's table of connections has, and what they mean. Profiles
// are data: the built-in ones and the user's own are read from the same JSON by ProfileJson.

/// How one part of a row's index is written as arcs (RFC 2578 section 7.7).
type IndexKind =
    | IndexNumber
    /// A number that is sysUpTime at some event: 1/100 s, modulo 2^32.
    | IndexTimeStamp
    /// An IpAddress: four arcs.
    | IndexAddress
    /// Octets, their number in the arc before them.
    | IndexText

type IndexPart = { Name: string; Kind: IndexKind }

/// Something that a row tells.
type Field =
    /// The number of a column in `Profile.Columns`.
    | Column of int
    /// The number of a part in `Profile.Index`.
    | Part of int
    /// The whole index, dotted.
    | Instance
    /// Always these words.
    | Words of string

/// How a field's value becomes text. Numbers are decimal; octets are text where they are printable, else
/// lower-case hex.
type Shape =
    | AsText
    | AsHex
    /// Octets of a network cause (Q.931 section 4.5.12, or the value alone) as ITU-T Q.850's name.
    | AsCause
    /// What stands before the first such mark, and nothing where there is none.
    | Before of mark: string
    | After of mark: string

/// True where the field's plain text is one of these.
type Condition = { Field: Field; Among: string[] }

/// One way to learn a fact.
type Source =
    {
        Field: Field
        Shape: Shape
        /// What the gateway's values are called; a value that is not named stays as it is.
        Names: Map<string, string>
        /// Texts that tell nothing, such as "0" for an unknown interface. An empty text never tells anything.
        Absent: string[]
        /// All of them must hold.
        When: Condition list
        /// A second field: both texts in ordinal order, so that two rows that name each other tell the same.
        PairedWith: Field voption
    }

type CodecSource =
    /// The text is an encoding's name; a second source may tell the clock rate in Hz.
    | CodecName of Source * clockRate: Source voption
    /// A static RTP payload type.
    | CodecPayloadType of Source

type AddressSource =
    /// Octets, an IpAddress or text; port 0 where no port is told.
    | HostAndPort of host: Source * port: Source voption
    /// A TAddress of snmpUDPDomain: four octets of address, two of port (RFC 3417 section 3).
    | TransportAddress of Source

type QosSources = { Dscp: Source list; Service: Source list; Reported: Source list }

/// A column that says how long ago something happened.
type DurationColumn =
    {
        /// A number, or a text such as `0 days, 00:01:23`.
        Source: Source
        /// A number counts in whole units of this; a text says its own.
        Unit: TimeSpan
        /// How much it may lag behind, at least a unit: one that is counted by packets is as coarse as they
        /// are.
        Resolution: TimeSpan
        /// At or above so many units the counter tells a minimum only.
        LocksAt: int64 voption
        /// It is the difference of two clock readings that are each cut off, so it may be too long by a unit.
        IsDifference: bool
    }

/// One way to learn when something happened (rule 4).
type TimeSource =
    /// sysUpTime when it happened; 0 is "not yet" where so marked. Needs sysUpTime in the same PDU.
    | UpTimeStamp of Source * zeroIsUnset: bool
    /// How long ago it happened.
    | Duration of DurationColumn
    /// DateAndTime by the gateway's own clock (RFC 2579) or the same as text, told to this resolution. Needs `Profile.Clock` in
    /// the same PDU.
    | ClockStamp of Source * resolution: TimeSpan
    /// Seconds since 1970 at the head of a text such as Asterisk's UniqueId. Needs `Profile.Clock`.
    | EpochStamp of Source

/// A scalar with date and time: the gateway's clock, and how coarse it is.
type ClockScalar = { Oid: Oid; Resolution: TimeSpan }

/// A count of the gateway's own of the connections that its table lists.
type CountCheck =
    {
        /// Scalars that are added up; those that are not served count nothing, and where none is, there is no
        /// such proof.
        Scalars: Oid[]
        /// Columns whose few instances are added up too: one for each engine of a gateway.
        Columns: Oid[]
        /// Rows of the table for each one counted.
        RowsPerUnit: int
        /// The table may list more: a gauge of calls where a row is a leg, or of one protocol among several.
        AtLeast: bool
    }

/// A switch of the gateway without which its table tells nothing.
type Precondition =
    {
        /// What the MIB calls it.
        Name: string
        Scalar: Oid
        /// The table is kept while the scalar's plain text is one of these.
        Among: string[]
    }

type BootEvidence =
    {
        /// Scalars that together change with every start.
        Token: Oid[]
        Scope: BootScope
        /// TimeTicks since that start.
        UpTime: Oid
    }

/// Whose instances a column has.
type Joint =
    /// The row's own.
    | SameIndex
    /// Instances that begin with the row's: the first of them speaks for the row (an RTP session's senders).
    | BeginsWithIndex
    /// Of another table: the one whose index is the number that the row has in this column of its own.
    | PointedToBy of column: int

/// Where a history tells what was counted of a connection's media.
type CounterSources =
    {
        PacketsSent: Source list
        OctetsSent: Source list
        PacketsReceived: Source list
        OctetsReceived: Source list
        PacketsLost: Source list
        /// In milliseconds.
        Jitter: Source list
        /// In milliseconds.
        Latency: Source list
    }

/// In which order the rows of a history stand, which says where a reading may begin.
type HistoryOrder =
    /// The index grows with every end: behind the last row that was read.
    | ByEnd
    /// The index is that of the table of connections and begins with the setup's time stamp: whatever is new was set up since the
    /// last reading, or was known, and is asked for by its instance.
    | BySetup
    /// The whole of it; or, as long as the values of this column stay the same, known connections alone.
    | Unordered of moved: Oid voption

type ColumnDefinition = { Name: string; Oid: Oid; Joint: Joint }

type Profile =
    {
        Name: string
        About: string
        Index: IndexPart[]
        Columns: ColumnDefinition[]
        /// Columns that every row has, those of `Where` among them: a row without them was read while it came or went.
        Identity: int[]
        /// Sub-trees of each column, by the first arcs of the instance, walked one after the other; none: the
        /// whole column.
        Subtrees: Oid[]
        /// The index is a position in a live list: it may move under the walk.
        Positional: bool
        /// Rows that hold all of these (`true` in the JSON: every row) may be legs that ring, or not: nothing bounds their start
        /// from above.
        MayRing: Condition list voption
        /// Rows that do not hold all of these are no media connections.
        Where: Condition list
        Id: Source list
        Stamp: Source list
        Call: Source list
        Endpoint: Source list
        Originator: Source list
        Remote: Source list
        /// `incoming` or `outgoing`; any other text tells nothing.
        Direction: Source list
        Codec: CodecSource list
        Qos: QosSources
        Mode: Source list
        State: Source list
        LocalMedia: AddressSource list
        RemoteMedia: AddressSource list
        Setup: TimeSource list
        Start: TimeSource list
        /// Rows that hold all of these are active: they have started. Where `Start` can tell "not yet", none
        /// are needed.
        Active: Condition list
        Clock: ClockScalar voption
        /// Every one that is served is held against the rows, and one that disagrees is enough. The first that is served is asked
        /// with every step of a walk, the others before and after it.
        Counts: CountCheck[]
        /// All of them must hold where they are served, and be served for an empty table to be believed.
        Trust: Precondition[]
        /// The agent says of rows that it hides what it says of rows that are not there: only a count proves an empty table.
        EmptyNeedsCount: bool
        Boot: BootEvidence
        /// An agent that serves this profile has at least one object below one of these, even without a
        /// connection.
        Serves: Oid[]
        /// What the gateway tells of connections that are over.
        History: HistoryTable voption
        Traits: Traits
    }

/// A table of connections that are over.
and HistoryTable =
    {
        /// Its shape and what its columns tell; a row has the id that its connection had while it was active.
        Table: Profile
        Order: HistoryOrder
        End: TimeSource list
        Cause: Source list
        Counters: CounterSources
        /// Where the rows have an index of their own: a column with the index of the table of connections and the value of the
        /// first source of `End`, whose instances tell the ids. It is asked by the stamp with which they begin.
        Ids: Oid voption
    }

module Profile =
    /// What a source reads, by the names that the profile gives.
    let private naming (profile: Profile) (source: Source) =
        let name (field: Field) =
            match field with
            | Column column -> profile.Columns[column].Name
            | Part part -> profile.Index[part].Name
            | Instance -> profile.Index |> Array.map _.Name |> String.concat "."
            | Words words -> $"'{words}'"

        struct (name source.Field, source.Shape, source.Names, source.PairedWith |> ValueOption.map name)

    /// Whether a history gives its rows the ids that their connections had while they were active: it makes them of parts and
    /// columns of the same names. Otherwise the id of a row may be anything, and its stamp and facts tell whose it is.
    let historyTellsIds (profile: Profile) (history: HistoryTable) : bool =
        List.map (naming profile) profile.Id = List.map (naming history.Table) history.Table.Id

    /// SNMPv2-MIB, TimeTicks: the time base of every reply.
    let sysUpTime = Oid.parse "1.3.6.1.2.1.1.3.0"

    /// SNMP-FRAMEWORK-MIB snmpEngineID and snmpEngineBoots.
    let engineToken = [| Oid.parse "1.3.6.1.6.3.10.2.1.1.0"; Oid.parse "1.3.6.1.6.3.10.2.1.2.0" |]

    let agentBoot: BootEvidence = { Token = engineToken; Scope = OfAgent; UpTime = sysUpTime }

    /// The columns of the row itself.
    let ownColumns (profile: Profile) : int[] =
        [| for column in 0 .. profile.Columns.Length - 1 do
               match profile.Columns[column].Joint with
               | SameIndex -> column
               | BeginsWithIndex
               | PointedToBy _ -> () |]

    /// A row at the same place may be another connection's at the next reply: rows move up, or ids are used again.
    let placesChange (profile: Profile) : bool = profile.Positional || profile.Traits.ReusesIds

    /// The columns that these sources read, or hang on.
    let rec internal columnsOf (sources: Source list) : int list =
        [ for source in sources do
              yield! columnOf source.Field
              yield! ValueOption.fold (fun _ field -> columnOf field) [] source.PairedWith
              yield! source.When |> List.collect (fun condition -> columnOf condition.Field) ]

    and private columnOf (field: Field) : int list =
        match field with
        | Column column -> [ column ]
        | Part _
        | Instance
        | Words _ -> []

    /// Whether a row is listed, and what it is called, hangs on this column.
    let decides (column: int) (profile: Profile) : bool =
        Array.contains column profile.Identity
        || List.contains column (columnsOf profile.Id)
        || List.contains column (columnsOf profile.Stamp)
        || profile.Where |> List.exists (fun condition -> List.contains column (columnOf condition.Field))
