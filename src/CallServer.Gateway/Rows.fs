namespace CallServer.Gateway

open System
open System.Collections.Generic
open CallServer.Model

/// The rows of one moment, in the order in which the agent serves them.
[<NoComparison; ReferenceEquality>]
type internal Rows =
    {
        Items: Row[]
        /// The connections that the rows were made from.
        Source: SimConnection[]
        /// The ended connections at that time, if the table shows them among the others.
        Past: struct (SimConnection * Instant)[]
        Clock: AgentClock
        MadeAt: Instant
        /// Until then the agent shows these rows, whatever the table does.
        FrozenUntil: Instant
        /// From then on the rows are made anew, even if the table has not changed.
        ValidUntil: Instant
    }

module internal Rows =
    let compareInstances (first: uint32[]) (second: uint32[]) : int =
        ReadOnlySpan<uint32>(first).SequenceCompareTo(ReadOnlySpan<uint32> second)

    let private byFirst (a: Row) (b: Row) = compareInstances a.Instances[0] b.Instances[0]

    let private sorted (rows: Row[]) : Row[] =
        let ordered = Seq.pairwise rows |> Seq.forall (fun (a, b) -> byFirst a b < 0)

        if not ordered then
            Array.sortInPlaceWith byFirst rows

        rows

    let private rowOf instances clock (connection: SimConnection) =
        Cell.ofConnection connection (instances clock connection)

    /// The connections that came and went between two tables, both sorted by serial number.
    let private difference (before: SimConnection[]) (after: SimConnection[]) =
        let came = List<SimConnection>()
        let gone = HashSet<int64>()
        let mutable old = 0
        let mutable fresh = 0

        while old < before.Length || fresh < after.Length do
            if fresh = after.Length || (old < before.Length && before[old].Serial < after[fresh].Serial) then
                gone.Add before[old].Serial |> ignore
                old <- old + 1
            elif old = before.Length || after[fresh].Serial < before[old].Serial then
                came.Add after[fresh]
                fresh <- fresh + 1
            else
                old <- old + 1
                fresh <- fresh + 1

        struct (came, gone)

    /// Merges two arrays in order.
    let private merge (kept: Row[]) (came: Row[]) : Row[] =
        let merged = Array.zeroCreate (kept.Length + came.Length)
        let mutable left = 0
        let mutable right = 0

        for place in 0 .. merged.Length - 1 do
            if right = came.Length || (left < kept.Length && byFirst kept[left] came[right] < 0) then
                merged[place] <- kept[left]
                left <- left + 1
            else
                merged[place] <- came[right]
                right <- right + 1

        merged

    let build (layout: Layout) (clock: AgentClock) (now: Instant) (table: Table) : Rows =
        let connections = table.Connections

        let made items frozenUntil validUntil =
            { Items = items
              Source = connections
              Past = table.Ended
              Clock = clock
              MadeAt = now
              FrozenUntil = frozenUntil
              ValidUntil = validUntil }

        match layout with
        | Keyed instances ->
            made (sorted (Array.map (rowOf instances clock) connections)) now Instant.distantFuture
        | Numbered(order, cachedFor) ->
            let items =
                order clock connections
                |> Array.mapi (fun place connection ->
                    Cell.ofConnection connection [| [| uint32 (place + 1) |] |])

            made items (now + cachedFor) Instant.distantFuture
        | Free rows ->
            let struct (items, validUntil) = rows clock now table
            made items now validUntil

    /// The rows at this instant. Returns the given ones if nothing has changed; otherwise remakes only what is needed.
    let refresh (layout: Layout) (clock: AgentClock) (now: Instant) (table: Table) (rows: Rows) : Rows =
        // A connection that came and went in between leaves the list of connections as it was.
        let showsMore =
            match layout with
            | Free _ -> not (obj.ReferenceEquals(rows.Past, table.Ended))
            | Keyed _
            | Numbered _ -> false

        if clock <> rows.Clock || now >= rows.ValidUntil || showsMore then
            build layout clock now table
        elif obj.ReferenceEquals(rows.Source, table.Connections) || now < rows.FrozenUntil then
            rows
        else
            match layout with
            | Numbered _
            | Free _ -> build layout clock now table
            | Keyed instances ->
                let struct (came, gone) = difference rows.Source table.Connections
                let kept = rows.Items |> Array.filter (fun row -> not (gone.Contains row.Connection.Serial))

                let fresh = came.ToArray() |> Array.map (rowOf instances clock) |> sorted

                { rows with
                    Items = merge kept fresh
                    Source = table.Connections
                    MadeAt = now
                    FrozenUntil = now }

/// The rows of an agent's history, made from the connections that a table remembers.
[<NoComparison; ReferenceEquality>]
type internal PastRows =
    {
        /// Sorted for each index shape.
        Items: Row[][]
        Source: struct (SimConnection * Instant)[]
        Clock: AgentClock
    }

module internal PastRows =
    let private build (history: MibHistory) (clock: AgentClock) (table: Table) : PastRows =
        let ended = table.Ended
        let first = table.EndedTotal - int64 ended.Length + 1L

        let rows: Row[] =
            ended
            |> Array.mapi (fun place (struct (connection, at)) ->
                { Connection = connection
                  Closed = ValueSome at
                  Instances = history.Instances clock (first + int64 place) connection })

        let shapes = history.Tables |> List.map _.Shape |> List.fold max 0

        let sorted shape =
            rows |> Array.sortWith (fun a b -> Rows.compareInstances a.Instances[shape] b.Instances[shape])

        { Items = Array.init (shapes + 1) sorted; Source = ended; Clock = clock }

    /// The rows at this instant: the given ones if nothing has changed.
    let refresh (history: MibHistory) (clock: AgentClock) (table: Table) (rows: PastRows voption) : PastRows =
        match rows with
        | ValueSome rows when obj.ReferenceEquals(rows.Source, table.Ended) && rows.Clock = clock -> rows
        | ValueSome _
        | ValueNone -> build history clock table

    /// The rows that are not too old to be shown.
    let shown (now: Instant) (rows: PastRows) : Row[][] =
        let oldest = now - TimeSpan.FromMinutes(float MibHistory.RetainedMinutes)

        let isKept (row: Row) =
            match row.Closed with
            | ValueSome at -> at >= oldest
            | ValueNone -> true

        if rows.Items.Length = 0 || Array.forall isKept rows.Items[0] then
            rows.Items
        else
            rows.Items |> Array.map (Array.filter isKept)
