namespace CallServer.Protocols.Snmp

open CallServer.Model
open CallServer.Wire

/// What one reply says about all that it carries: the truth was as told at some moment from Sent to Received.
type Exchange =
    {
        /// When the very request was sent that this reply answers.
        Sent: Instant
        Received: Instant
        /// sysUpTime, in 1/100 s.
        UpTime: uint32 voption
        /// The gateway's clock, a DateAndTime.
        Clock: byte[] voption
        /// The gateway's own counts in rows, in the order of the profile's; as many as the reply told.
        Counts: int64 voption[]
    }

    member this.Heard = Interval.create this.Sent this.Received

/// What one reply told of one row: a cell for each column of the profile, `Null` where it did not tell.
type Piece = { Instance: Oid; Cells: Value[]; Told: Exchange }

/// A range of the table that is walked row by row, and how far the walk has come.
type Strand =
    {
        /// The numbers of the columns whose end has not been seen in this range.
        Columns: int[]
        /// Everything up to here is known.
        Cursor: Oid
        /// The range ends before this instance; nothing: at the end of the columns.
        Before: Oid voption
        /// The next row is asked by GetNext: a GetBulk at this cursor brought nothing of use.
        Singly: bool
    }

/// One row that is asked for once more, column by column where all of them at once bring an error.
type internal Asked =
    {
        Instance: Oid
        /// The numbers of the columns of this request, and of those after it.
        Columns: int[]
        Later: int[]
        /// What was told before, a cell for each column.
        Told: Value[]
    }

/// A row that points into other tables: the columns that point, and the arcs to which they do.
type Pointing =
    {
        Row: Oid
        At: struct (int * uint32)[]
        /// It pointed elsewhere when it was read last.
        HasMoved: bool
    }

/// Why a request is made.
type internal Purpose =
    /// Which of the built-in profiles does the agent serve? What stands next after each of these names.
    | Probing of Oid[]
    /// A Get of scalars.
    | Reading of Oid[]
    | Stepping of Strand
    /// A Get of one row that was read while it came or went.
    | Rereading of Asked
    /// A Get of rows together with what they point to.
    | Joining of Pointing[]
    /// Does the agent serve the profile's objects at all? What stands next after each of these names.
    | AskingServed of Oid[]
    /// The few instances of a column whose sum is a count. What was told so far, where they are asked one by one.
    | Finding of column: Oid * told: VarBind list
    /// A few values of one column after a name: whether there is anything new. What was told so far, where they are asked
    /// one by one.
    | Peeking of column: Oid * after: Oid * told: VarBind list
    /// What stands next after each of these names: the ids of rows in the history.
    | Naming of Oid[]

/// What exactly one datagram asked.
type internal Attempt =
    {
        Id: int
        Sent: Instant
        /// As it stood when the datagram was made: a strand's range may have become smaller since.
        Purpose: Purpose
        /// Rows that a GetBulk asks for; 0 where it is none.
        Repetitions: int
    }

/// A request until its answer, with every datagram that may still bring it.
type internal Job =
    {
        Purpose: Purpose
        /// Newest first, at least one.
        Attempts: Attempt list
        TimeOuts: int
        Deadline: Instant
    }
