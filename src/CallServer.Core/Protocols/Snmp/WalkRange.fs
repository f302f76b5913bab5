namespace CallServer.Protocols.Snmp

open System
open CallServer.Wire

/// Where the rows of an earlier walk were.
type WalkHints =
    {
        /// Instances, ascending, each so many rows behind the one before it.
        Places: Oid[]
        Apart: int
        /// All rows.
        Rows: int
    }

/// A range of the table that is walked row by row, and how far the walk has come.
type internal WalkRange =
    {
        /// The numbers of the columns whose end has not been seen in this range.
        Columns: int[]
        /// Everything up to here is known.
        Cursor: Oid
        /// The range ends before this instance; nothing: at the end of the columns.
        Before: Oid voption
        /// The next row is asked by GetNext: a GetBulk at this cursor brought nothing of use.
        Singly: bool
        /// By the earlier walk, how many rows stand before the cursor, and before the range's end. It decides how many are asked for,
        /// and proves nothing.
        Expected: struct (int * int) voption
        /// Where the index begins with a number: how many rows there are for each step of it, by the last reply that told several. It
        /// decides where the range is cut, and proves nothing.
        Density: float voption
    }

/// How a table is cut into ranges that are walked at once.
module internal WalkRange =
    let noHints: WalkHints = { Places = [||]; Apart = 1; Rows = 0 }

    /// Hints are at least this many replies apart.
    [<Literal>]
    let private RepliesPerHint = 2

    /// A table has no more hints than this.
    [<Literal>]
    let private MaxHints = 64

    /// All instances below a root.
    let below (root: Oid) (columns: int[]) : WalkRange =
        let arcs = Oid.arcs root

        { Columns = columns
          Cursor = root
          Singly = false
          Expected = ValueNone
          Density = ValueNone
          Before =
            (if arcs.Length = 0 || arcs[arcs.Length - 1] = UInt32.MaxValue then
                 ValueNone
             else
                 arcs[arcs.Length - 1] <- arcs[arcs.Length - 1] + 1u
                 ValueSome(Oid.ofArcs arcs)) }

    /// No request asks for more columns than the agent answers one row of.
    let narrow (width: int) (range: WalkRange) : WalkRange list =
        range.Columns
        |> Array.chunkBySize (max 1 width)
        |> Array.map (fun columns -> { range with Columns = columns })
        |> List.ofArray

    /// Instances up to and including this one: the next name after it is the instance followed by 0.
    let private upTo (instance: Oid) : Oid voption = ValueSome(Oid.child 0u instance)

    /// A range for each gap between the hints, as many as there are requests in flight, and as are worth it.
    let atHints (hints: WalkHints) (pace: WalkPace) (range: WalkRange) : WalkRange list =
        let places = hints.Places
        let worth = WalkPace.cuts (places.Length * RepliesPerHint) pace
        let ranges = min (WalkPace.slots pace) (min worth places.Length + 1)
        let cuts = [ for number in 1 .. ranges - 1 -> number * places.Length / ranges ] |> List.distinct
        let ranks = [ for cut in cuts -> (cut + 1) * hints.Apart ]
        let starts = List.zip (range.Cursor :: [ for cut in cuts -> places[cut] ]) (0 :: ranks)

        let ends =
            List.zip ([ for cut in cuts -> upTo places[cut] ] @ [ range.Before ]) (ranks @ [ hints.Rows ])

        List.map2
            (fun (start, first) (before, last) ->
                { range with
                    Cursor = start
                    Before = before
                    Expected = (if hints.Rows > 0 then ValueSome(struct (first, last)) else ValueNone) })
            starts
            ends

    /// Rows more than are expected, of which the first shows that the range has ended.
    [<Literal>]
    let private Spare = 8

    /// The most rows that a request is to ask for: what is left of the range, by the earlier walk, and some more. Where even those are
    /// there, nobody knows how many are.
    let most (range: WalkRange) : int =
        match range.Expected with
        | ValueSome(struct (before, all)) when before <= all -> all - before + max Spare ((all - before) / 16)
        | ValueSome _
        | ValueNone -> Int32.MaxValue

    /// The range after so many more rows.
    let expectAfter (rows: int) (range: WalkRange) : struct (int * int) voption =
        range.Expected |> ValueOption.map (fun (struct (before, all)) -> struct (before + rows, all))

    let private firstArc (instance: Oid) : int64 = if instance.Length = 0 then 0L else int64 instance[0]

    /// The density of the range after a reply that brought these rows, in order.
    let densityAfter (rows: struct (Oid * 'Cells)[]) (range: WalkRange) : float voption =
        if rows.Length < 2 then
            range.Density
        else
            let struct (first, _) = rows[0]
            let struct (last, _) = rows[rows.Length - 1]

            // Before the first row of all nothing is known: where the index begins says nothing of where rows do.
            let from, count =
                if range.Cursor.Length = 0 then
                    firstArc first, rows.Length - 1
                else
                    firstArc range.Cursor, rows.Length

            let span = firstArc last - from
            if span > 0L then ValueSome(float count / float span) else range.Density

    /// About how many rows are left of a range that ends before an instance.
    let rowsBefore (range: WalkRange) : float =
        match range.Before, range.Density with
        | ValueSome before, ValueSome density ->
            density * float (max 0L (firstArc before - firstArc range.Cursor))
        | _ -> 0.0

    /// The number that the index of the last row begins with, where so many rows are left as close together as the last ones.
    let lastOf (rows: float) (range: WalkRange) : int64 voption =
        range.Density
        |> ValueOption.map (fun density ->
            let last = float (firstArc range.Cursor) + rows / density
            int64 (min last (float UInt32.MaxValue)))

    /// The place at which a range may be cut in two, and about how many rows are left of it: the middle one of the hints in it, or
    /// half-way from the cursor to the end. `last` is the greatest number that the index of a row may begin with, as far as anyone can
    /// tell; nothing where it begins with no number.
    let middle (hints: WalkHints) (last: int64 voption) (range: WalkRange) : struct (float * Oid) voption =
        let inside =
            hints.Places
            |> Array.filter (fun hint ->
                hint.CompareTo range.Cursor > 0
                && (range.Before.IsNone || hint.CompareTo range.Before.Value < 0))

        if inside.Length > 0 then
            let rows =
                match range.Expected with
                | ValueSome(struct (before, all)) -> all - before
                | ValueNone -> inside.Length * hints.Apart

            ValueSome(struct (float rows, inside[inside.Length / 2]))
        else
            match last, range.Density with
            | ValueSome last, ValueSome density ->
                let from = firstArc range.Cursor
                let until = range.Before |> ValueOption.map firstArc |> ValueOption.defaultValue last

                if until - from >= 2L then
                    let half = uint32 (from + (until - from) / 2L)
                    ValueSome(struct (density * float (until - from), Oid.ofArcs [| half |]))
                else
                    ValueNone
            | _ -> ValueNone

    /// The range in two, cut there.
    let cut (hints: WalkHints) (at: Oid) (range: WalkRange) : struct (WalkRange * WalkRange) =
        let struct (lower, upper) =
            match range.Expected, Array.IndexOf(hints.Places, at) with
            | ValueSome(struct (before, all)), place when place >= 0 ->
                let rank = (place + 1) * hints.Apart
                struct (ValueSome(struct (before, rank)), ValueSome(struct (rank, all)))
            | _ -> struct (ValueNone, ValueNone)

        struct ({ range with Before = upTo at; Expected = lower },
                { range with Cursor = at; Expected = upper })

    /// Hints for the next walk: of the instances of this one, some at even distances.
    let hints (pace: WalkPace) (instances: Oid[]) : WalkHints =
        let apart = max 1 (RepliesPerHint * pace.Repetitions)
        let step = max apart ((instances.Length + MaxHints - 1) / MaxHints)

        { Places = [| for index in step - 1 .. step .. instances.Length - 2 -> instances[index] |]
          Apart = step
          Rows = instances.Length }
