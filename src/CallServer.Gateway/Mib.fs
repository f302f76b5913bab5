namespace CallServer.Gateway

open System
open System.Text
open CallServer.Model
open CallServer.Wire

/// One row of an agent's tables.
[<NoComparison; ReferenceEquality>]
type Row =
    {
        Connection: SimConnection
        /// When the connection ended, if the table shows ended connections too.
        Closed: Instant voption
        /// Its instance in each of the MIB's index shapes, such as {setup time, index}.
        Instances: uint32[][]
    }

/// What an agent needs to answer one request.
[<NoComparison; ReferenceEquality>]
type Sight =
    {
        Now: Instant
        Clock: AgentClock
        /// The number of connections that the MIB's counts report.
        Counted: int
        /// Connections listed since the gateway began.
        Listed: int64
        EngineId: byte[]
        /// usmStats, in the order of `UsmReport.all`.
        UsmStats: uint32[]
        /// About one connection in this many reports an impossible answer time.
        GarbageStamps: int voption
    }

[<NoComparison; NoEquality>]
type Column =
    {
        Arc: uint32
        /// `ValueNone` if the agent has no such cell.
        Read: Sight -> Row -> Value voption
    }

[<NoComparison; NoEquality>]
type MibTable =
    {
        Entry: Oid
        /// Which of a row's instances serves as the index.
        Shape: int
        /// Ascending by arc.
        Columns: Column list
    }

[<NoComparison; NoEquality>]
type Scalar =
    {
        /// The full name, including the instance.
        Name: Oid
        Read: Sight -> Value
    }

/// How the connections become the rows of a MIB.
[<NoComparison; NoEquality>]
type Layout =
    /// Each connection has its own instance in each index shape. Rows are in the order of the first shape.
    | Keyed of (AgentClock -> SimConnection -> uint32[][])
    /// The instance is the row's number from 1, in this order. The view may be this old.
    | Numbered of order: (AgentClock -> SimConnection[] -> SimConnection[]) * cachedFor: TimeSpan
    /// Rows in their final order, and the instant until which they stay valid if the table does not change.
    | Free of (AgentClock -> Instant -> Table -> struct (Row[] * Instant))

/// The names that an audit gives a connection of this MIB, as the command line shows them.
type Identity = { Id: string; Call: string option; Endpoint: string option; Originator: string option }

/// The tables of ended connections.
[<NoComparison; NoEquality>]
type MibHistory =
    {
        Tables: MibTable list
        /// A row's instance in each of the index shapes. Ended connections are numbered from 1.
        Instances: AgentClock -> int64 -> SimConnection -> uint32[][]
    }

module MibHistory =
    /// callHistoryRetainTimer (RFC 2128): the agent deletes older rows.
    [<Literal>]
    let RetainedMinutes = 15

/// A vendor's view of a connection table.
[<NoComparison; NoEquality>]
type Mib =
    {
        Profile: string
        Description: string
        ObjectId: Oid
        Layout: Layout
        /// True if its table lists calls from their setup on; false if it lists only the media of answered calls.
        ListsRinging: bool
        Tables: MibTable list
        /// `ValueNone` if it keeps no history, or lists ended connections among the active ones.
        History: MibHistory voption
        Scalars: Scalar list
        Codecs: SimCodec[]
        Identity: AgentClock -> SimConnection -> Identity
    }

/// Short functions for the vendors' files.
module internal Cell =
    let column arc (read: Sight -> Row -> Value) : Column =
        { Arc = arc; Read = fun sight row -> ValueSome(read sight row) }

    /// A cell that depends on the connection alone.
    let fixedly arc (read: SimConnection -> Value) : Column = column arc (fun _ row -> read row.Connection)

    let constant arc (value: Value) : Column = column arc (fun _ _ -> value)

    let scalar (name: string) (read: Sight -> Value) : Scalar =
        { Name = Oid.child 0u (Oid.parse name); Read = read }

    let text (words: string) : Value = OctetString(Encoding.UTF8.GetBytes words)

    /// No cell if the text is empty, as in agents without zero-length strings.
    let textUnlessEmpty arc (read: SimConnection -> string) : Column =
        { Arc = arc
          Read =
            fun _ row ->
                match read row.Connection with
                | "" -> ValueNone
                | words -> ValueSome(text words) }

    let int (number: int) : Value = Integer(int64 number)

    /// A number as a 32-bit counter or gauge, which wraps.
    let wrapped (number: int64) : uint32 = uint32 (uint64 number)

    let ofConnection (connection: SimConnection) instances : Row =
        { Connection = connection; Closed = ValueNone; Instances = instances }

    let hostOctets (host: uint32) : Value = OctetString(SimConnection.hostOctets host)

    let ipAddress (host: uint32) : Value = IpAddress(SimConnection.hostOctets host)

    let hostArcs (host: uint32) : uint32[] = SimConnection.hostOctets host |> Array.map uint32

    let dotted (arcs: uint32[]) : string = String.Join('.', arcs)

    /// HOST-RESOURCES-MIB as net-snmp serves it when it is the master agent: hrSystemUptime, and hrSystemDate in whole seconds.
    let hostResources: Scalar list =
        let wholeSecond (instant: Instant) = Instant.ofMicros (instant.Micros / 1_000_000L * 1_000_000L)

        [ scalar "1.3.6.1.2.1.25.1.1" (fun sight -> TimeTicks(AgentClock.ticks sight.Now sight.Clock))
          scalar "1.3.6.1.2.1.25.1.2" (fun sight ->
              OctetString(AgentClock.dateAndTime (wholeSecond sight.Now) sight.Clock)) ]
