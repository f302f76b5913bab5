namespace CallServer.Protocols.Snmp

open System
open CallServer.Model
open CallServer.Exchange

/// Whether an agent answers GetBulk: some do not, and others with an error.
type BulkHabit =
    | Untried
    | Answers
    /// It did not, `times` times in a row, and answered GetNext. GetBulk is tried again after `rest` steps by GetNext.
    | Refuses of times: int * rest: int

/// How hard a gateway is asked: requests in flight, rows and columns a request. Kept from one audit to the
/// next.
type WalkPace =
    {
        Requests: Pace
        /// Rows that the next GetBulk asks for.
        Repetitions: int
        /// The most rows that a reply has brought whole: where no more were asked, the network lost it.
        Proven: int
        /// More rows than this were cut off by the agent, or never came.
        Ceiling: int
        /// Columns a request: fewer where the agent does not answer one row of all.
        Width: int
        Bulk: BulkHabit
    }

module internal WalkPace =
    [<Literal>]
    let private FirstWindow = 2.0

    /// Rows of a first request.
    [<Literal>]
    let private FirstRepetitions = 25

    /// Variable bindings of a first reply: net-snmp gives no more than 100 unless told to.
    [<Literal>]
    let private FirstVarBinds = 100

    /// Variable bindings of any reply: about 10 KiB.
    [<Literal>]
    let private MaxVarBinds = 400

    let none: WalkPace =
        { Requests = Pace.create FirstWindow
          Repetitions = 0
          Proven = 0
          Ceiling = Int32.MaxValue
          Width = Int32.MaxValue
          Bulk = Untried }

    /// For the columns of a profile; whatever stopped the growth last time is tried again, a little.
    let start (columns: int) (pace: WalkPace) : WalkPace =
        if pace.Repetitions = 0 then
            { pace with Repetitions = max 1 (min FirstRepetitions (FirstVarBinds / max 1 columns)) }
        else
            { pace with
                Requests = Pace.resume FirstWindow Pace.Gentle pace.Requests
                Ceiling =
                    (if pace.Ceiling < 1024 then
                         pace.Ceiling + max 1 (pace.Ceiling / 4)
                     else
                         pace.Ceiling) }

    let slots (pace: WalkPace) : int = Pace.slots pace.Requests

    /// Rows are asked by GetNext for now.
    let isSingle (pace: WalkPace) : bool =
        match pace.Bulk with
        | Refuses(_, rest) -> rest > 0
        | Untried
        | Answers -> false

    /// Steps by GetNext before GetBulk is tried again: the first refusal may have been an accident, and an agent that has none
    /// is not to be asked in vain at every audit.
    let private patience (times: int) : int = 4 <<< min 12 (4 * (times - 1))

    /// A step by GetNext was answered; `instead`: after a GetBulk that was not.
    let singly (instead: bool) (pace: WalkPace) : WalkPace =
        match pace.Bulk with
        | Refuses(times, rest) when rest > 0 -> { pace with Bulk = Refuses(times, rest - 1) }
        | Refuses(times, _) when instead -> { pace with Bulk = Refuses(times + 1, patience (times + 1)) }
        | Untried
        | Answers when instead -> { pace with Bulk = Refuses(1, patience 1) }
        | Refuses _
        | Untried
        | Answers -> pace

    /// One cut more is worth it for this many replies: each may cost a request whose rows another range has had, or that has none.
    [<Literal>]
    let private RepliesPerCut = 8

    [<Literal>]
    let private MaxCuts = 24

    /// The same where each round trip takes long, which several ranges share.
    [<Literal>]
    let private RepliesPerFarCut = 3

    /// Cuts of a far gateway's table before its replies have shown much.
    [<Literal>]
    let private FirstFarCuts = 4

    [<Literal>]
    let private MaxFarCuts = 256

    /// A range with fewer replies left is not worth a cut.
    [<Literal>]
    let private MinRepliesLeft = 4

    /// Cuts that are worth it in a walk of this many replies.
    let cuts (replies: int) (pace: WalkPace) : int =
        if Pace.isFar pace.Requests then
            min MaxFarCuts (FirstFarCuts + replies / RepliesPerFarCut)
        else
            min MaxCuts (replies / RepliesPerCut)

    /// Whether a range with about so many rows left is worth a cut.
    let isWorthCut (rows: float) (pace: WalkPace) : bool = rows >= float (MinRepliesLeft * pace.Repetitions)

    /// A request was answered after `took`, when as many were in flight.
    let answered (timeout: TimeSpan) (inFlight: int) (took: TimeSpan) (pace: WalkPace) : WalkPace =
        { pace with Requests = Pace.answered timeout inFlight took pace.Requests }

    /// A request of that many rows (0 where it was no GetBulk) was not answered in time.
    let lost (at: Instant) (burst: TimeSpan) (repetitions: int) (pace: WalkPace) : WalkPace =
        let smaller = { pace with Requests = Pace.lost at burst pace.Requests }

        if repetitions > max 1 smaller.Proven then
            { smaller with
                Ceiling = min smaller.Ceiling (repetitions - 1)
                Repetitions = max 1 (min smaller.Repetitions (repetitions / 2)) }
        else
            smaller

    /// A reply brought all the rows that were asked, of that many columns.
    let whole (columns: int) (repetitions: int) (pace: WalkPace) : WalkPace =
        let most = max 1 (min pace.Ceiling (MaxVarBinds / max 1 columns))

        { pace with
            Bulk = Answers
            Proven = max pace.Proven repetitions
            Repetitions =
                (if repetitions >= pace.Repetitions then
                     min most (repetitions * 2)
                 else
                     pace.Repetitions) }

    /// The agent cut a reply off after that many rows: asking for more is of no use.
    let cut (rows: int) (pace: WalkPace) : WalkPace =
        { pace with
            Bulk = Answers
            Proven = max pace.Proven rows
            Ceiling = max 1 rows
            Repetitions = max 1 rows }

    /// The agent could not answer a request of that many rows: asks for half.
    let refused (repetitions: int) (pace: WalkPace) : WalkPace =
        { pace with
            Ceiling = max 1 (min pace.Ceiling (repetitions - 1))
            Repetitions = max 1 (min pace.Repetitions (repetitions / 2)) }
