namespace CallServer.Audit

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
        /// The gateway's own count, in rows.
        Count: int64 voption
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
    }

/// Why a request is made.
type internal Purpose =
    /// Which of the built-in profiles does the agent serve?
    | Probing
    /// A Get of scalars.
    | Reading of Oid[]
    | Stepping of Strand
    /// A Get of one row that was read while it came or went.
    | Rereading of Oid
    /// Does the agent serve the profile's objects at all?
    | AskingServed
    /// A few values of one column after a name: whether there is anything new.
    | Peeking of column: Oid * after: Oid
    /// What stands next after each of these names: the ids of rows in the history.
    | Naming of Oid[]

/// What exactly one datagram asked.
type internal Attempt =
    {
        Id: int
        Sent: Instant
        /// As it stood when the datagram was made: a strand's range may have become smaller since.
        Purpose: Purpose
        /// GetBulk only.
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
