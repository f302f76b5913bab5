namespace CallServer.Ledger

open System
open CallServer.Model

/// At least and at most so many.
[<Struct>]
type CountRange = { Least: int64; Most: int64 }

/// What a snapshot showed for the first time, as the gateway's running total counts it.
[<Struct>]
type Sighted =
    {
        /// They began after the first total of the tally was read.
        Counted: int64
        /// How many of these the gateway told only after their end.
        Late: int64
        /// Told only after their end, and nobody knows whether they began before that total or after it.
        Perhaps: int64
    }

module Sighted =
    let nothing: Sighted = { Counted = 0L; Late = 0L; Perhaps = 0L }

module CountRange =
    let zero: CountRange = { Least = 0L; Most = 0L }

    let add (a: CountRange) (b: CountRange) : CountRange =
        { Least = a.Least + b.Least; Most = a.Most + b.Most }

/// What has begun since a complete audit, by the gateway's running total and by the record.
type Tally =
    {
        Of: TotalOf
        /// When that first audit was asked: its total was read no earlier.
        Since: Instant
        /// When it had been told: its total was read before.
        Told: Instant
        /// The total before the list of the last complete audit, and when that was asked.
        Total: int64
        At: Instant
        /// How many more had begun when the first list was told, or may have: the record may know of them otherwise, or of none.
        FirstEdge: int64
        /// By how much the total has grown.
        Begun: int64
        /// How many of those that are counted the record first saw after the first audit.
        Seen: int64
        Unseen: CountRange
    }

/// The balance of a record with its gateway's running total ("calls that add up"): what began and nobody saw.
type Balance =
    {
        /// What earlier tallies told.
        Earlier: CountRange
        /// The calls by which the record had more than the total, in all tallies.
        Surplus: int64
        Tally: Tally voption
    }

/// Total now - total before = calls that we saw begin + calls that nobody saw.
///
/// A total T is read before a list and again after it; U more have begun in between, and the list shows any of these. From the list of one
/// complete audit to that of a later one, with T and U of the first and T' and U' of the later one:
///   T' - T have begun. Of those that the record first saw in the later lists, at most U' began too late to be among them; of those that the
///   first list showed, at most U are among them.
/// So between T' - T - seen - U and T' - T - seen + U' were not seen. U of the audits in between cancel out: the bounds do not grow with time.
module Balance =
    let none: Balance = { Earlier = CountRange.zero; Surplus = 0L; Tally = ValueNone }

    /// What began and nobody saw, since the record began.
    let unseen (balance: Balance) : CountRange =
        match balance.Tally with
        | ValueSome tally -> CountRange.add balance.Earlier tally.Unseen
        | ValueNone -> balance.Earlier

    /// Closes the tally; the next complete audit opens another one.
    let close (balance: Balance) : Balance = { balance with Earlier = unseen balance; Tally = ValueNone }

    /// The record has seen these begin. Those of which the gateway told only after their end were unseen until now.
    let see (seen: Sighted) (balance: Balance) : Balance =
        match balance.Tally with
        | ValueSome tally when seen <> Sighted.nothing ->
            let least = tally.Unseen.Least - seen.Late - seen.Perhaps

            { balance with
                Tally =
                    ValueSome
                        { tally with
                            Seen = tally.Seen + seen.Counted
                            FirstEdge = tally.FirstEdge + seen.Perhaps
                            Unseen = { tally.Unseen with Least = max 0L least } } }
        | ValueSome _
        | ValueNone -> balance

    /// More calls than this in a second do not begin at any gateway: a total that went back that far is no total that wrapped.
    [<Literal>]
    let private MostPerSecond = 10_000.0

    /// How far a total went from one reading to the next; ValueNone if it was reset.
    let private growth
        (wraps: int64 voption)
        (elapsed: TimeSpan)
        (before: int64)
        (after: int64)
        : int64 voption =
        if after >= before then
            ValueSome(after - before)
        else
            match wraps with
            | ValueSome period when
                float (after - before + period) <= MostPerSecond * (1.0 + elapsed.TotalSeconds)
                ->
                ValueSome(after - before + period)
            | ValueSome _
            | ValueNone -> ValueNone

    let private opened (asked: Instant) (answered: Instant) (edge: int64) (total: RunningTotal) : Tally =
        { Of = total.Of
          Since = asked
          Told = answered
          Total = total.Before
          At = asked
          FirstEdge = edge
          Begun = 0L
          Seen = 0L
          Unseen = CountRange.zero }

    /// Takes in the total of a complete audit, after everything that it showed was counted by `see`. Where the total was reset, or the record
    /// has seen more than it, a new tally begins.
    let take (asked: Instant) (answered: Instant) (total: RunningTotal) (balance: Balance) : Balance =
        match growth total.Wraps (answered - asked) total.Before total.After with
        // It was reset while it was read: the next audit counts.
        | ValueNone -> close balance
        | ValueSome edge ->
            let anew () = { close balance with Tally = ValueSome(opened asked answered edge total) }

            match balance.Tally with
            | ValueNone -> anew ()
            | ValueSome tally when tally.Of <> total.Of -> anew ()
            | ValueSome tally ->
                match growth total.Wraps (asked - tally.At) tally.Total total.Before with
                | ValueNone -> anew ()
                | ValueSome grown ->
                    let begun = tally.Begun + grown
                    let least = max tally.Unseen.Least (begun - tally.Seen - tally.FirstEdge)
                    let most = begun - tally.Seen + edge

                    if least > most then
                        { anew () with Surplus = balance.Surplus + least - most }
                    else
                        { balance with
                            Tally =
                                ValueSome
                                    { tally with
                                        Total = total.Before
                                        At = asked
                                        Begun = begun
                                        Unseen = { Least = least; Most = most } } }
