namespace CallServer.Protocols.Snmp

open System
open CallServer.Wire

/// What an agent says where a column ends: that nothing lies between these names.
type internal End =
    {
        /// The last cell, or where the walk stood.
        After: Oid
        /// The name that follows; nothing where its MIB ends.
        Until: Oid voption
    }

/// What the reply to one step of a walk brought.
type internal Advance =
    {
        /// Rows after the old cursor and up to the new one: their instances, ascending, and their cells.
        Rows: struct (Oid * Value[])[]
        Cursor: Oid
        /// The columns whose end has not been seen; none left: the range is done.
        Open: int[]
        /// What the reply said at the ends that it showed.
        Ends: End list
        /// As many repetitions as were asked for, or the end of every column.
        Whole: bool
        /// Repetitions that are there in all columns.
        Repetitions: int
    }

type internal StepOutcome =
    | Advanced of Advance
    /// Not one whole row of all columns: only this many columns were answered.
    | TooNarrow of answered: int
    /// The agent repeated an instance or went backwards: it told `at` after `last`. Or it left something out: it told `at` after
    /// `last`, although `passed` stands between them.
    | Backwards of last: Oid * at: Oid * passed: Oid voption

/// One step: a GetBulk over all columns of a range at one cursor (RFC 3416 section 4.2.3), or a GetNext for one row of them, and
/// how its reply is read. Cells are put together by instance. Only what is proven counts: rows up to the smallest last
/// instance of the columns that go on.
module internal WalkStep =
    /// The greatest name before a scalar's: what GetNext answers with the scalar itself.
    let predecessor (scalar: Oid) : Oid =
        let last = scalar[scalar.Length - 1]
        let parent = Oid.ofArcs (Array.sub (Oid.arcs scalar) 0 (scalar.Length - 1))

        if last = 0u then parent else Oid.append parent [| last - 1u; UInt32.MaxValue |]

    /// The names of a step's request: the scalars, then each open column at the cursor.
    let names (columns: ColumnDefinition[]) (heads: Oid[]) (range: WalkRange) : Oid[] =
        let cursor = Oid.arcs range.Cursor

        Array.append
            (Array.map predecessor heads)
            (Array.map (fun column -> Oid.append columns[column].Oid cursor) range.Columns)

    let private valueOf (value: Value) : Value = if Rows.isTold value then value else Null

    /// One column of a reply.
    [<NoEquality; NoComparison>]
    type private Lane =
        {
            Column: int
            /// Ascending, within the range.
            Cells: struct (Oid * Value)[]
            Last: Oid
            Ended: bool
            /// Where the column ended in another column's rows: the name that said so.
            Next: Oid voption
            /// The agent said that its MIB ends here.
            IsLast: bool
        }

    let private isBeyond (range: WalkRange) (instance: Oid) =
        match range.Before with
        | ValueSome before -> instance.CompareTo before >= 0
        | ValueNone -> false

    /// The greatest name of an object in a reply of fewer varbinds than asked; nothing where it is whole.
    let private greatest (asked: int) (varBinds: VarBind[]) : Oid =
        let mutable name = Oid.empty
        let varBinds = if varBinds.Length < asked then varBinds else [||]

        for varBind in varBinds do
            if Rows.isTold varBind.Value && varBind.Name.CompareTo name > 0 then
                name <- varBind.Name

        name

    /// Reads every `stride`th varbind from `first`; the name at which the agent went backwards, if it did, and the one before it.
    let private readLane
        (column: Oid)
        (number: int)
        (range: WalkRange)
        (varBinds: VarBind[])
        (known: Oid)
        first
        stride
        =
        let cells = ResizeArray<struct (Oid * Value)>()
        let mutable last = range.Cursor
        let mutable ended = false
        let mutable next = ValueNone
        let mutable isLast = false
        let mutable backwards = ValueNone
        let mutable at = first
        let mutable cut = false

        while at < varBinds.Length && not ended && not cut && backwards.IsNone do
            let varBind = varBinds[at]

            match varBind.Value, Oid.suffix column varBind.Name with
            // Not the end of anything where greater objects are told: the agent fills up a shortened reply.
            | EndOfMibView, _ when
                at = varBinds.Length - 1 && known.CompareTo(Oid.append column (Oid.arcs last)) > 0
                ->
                cut <- true
            | EndOfMibView, _ ->
                ended <- true
                isLast <- true
            | NoSuchObject, _ -> ended <- true
            // Some agents know no end, and say that the very name that was asked is not there.
            | NoSuchInstance, ValueSome instance when instance = last -> ended <- true
            | _, ValueSome instance when instance.CompareTo last <= 0 -> backwards <- ValueSome varBind.Name
            | _, ValueSome instance when isBeyond range instance -> ended <- true
            | value, ValueSome instance ->
                cells.Add(struct (instance, valueOf value))
                last <- instance
            | _, ValueNone when varBind.Name.CompareTo column < 0 -> backwards <- ValueSome varBind.Name
            | _, ValueNone ->
                ended <- true
                next <- ValueSome varBind.Name

            at <- at + stride

        match backwards with
        | ValueSome name -> Error(struct (Oid.append column (Oid.arcs last), name))
        | ValueNone ->
            Ok
                { Column = number
                  Cells = cells.ToArray()
                  Last = last
                  Ended = ended
                  Next = next
                  IsLast = isLast }

    /// An end that is refuted: the name after the column's last is said to be an instance of another column, although that column has
    /// an earlier one in this reply. Such a reply left something out.
    let private refuted (columns: ColumnDefinition[]) (lanes: Lane[]) : struct (Oid * Oid * Oid) option =
        let nameOf (lane: Lane) (instance: Oid) = Oid.append columns[lane.Column].Oid (Oid.arcs instance)

        let refutes (name: Oid) (lane: Lane) =
            match Oid.suffix columns[lane.Column].Oid name with
            | ValueSome instance when lane.Cells.Length > 0 ->
                let struct (first, _) = lane.Cells[0]
                if first.CompareTo instance < 0 then Some(nameOf lane first) else None
            | _ -> None

        lanes
        |> Array.tryPick (fun lane ->
            match lane.Next with
            | ValueSome name ->
                lanes
                |> Array.tryPick (refutes name)
                |> Option.map (fun passed -> struct (nameOf lane lane.Last, name, passed))
            | ValueNone -> None)

    let private endOf (columns: ColumnDefinition[]) (lane: Lane) : End list =
        if lane.IsLast || lane.Next.IsSome then
            [ { After = Oid.append columns[lane.Column].Oid (Oid.arcs lane.Last); Until = lane.Next } ]
        else
            []

    /// Merges the lanes row by row, up to and including `upTo` (nothing: all).
    let private joinRows (width: int) (lanes: Lane[]) (upTo: Oid voption) : struct (Oid * Value[])[] =
        let rows = ResizeArray<struct (Oid * Value[])>()
        let heads = Array.zeroCreate<int> lanes.Length
        let mutable more = true

        while more do
            let mutable least = ValueNone

            for index in 0 .. lanes.Length - 1 do
                let lane = lanes[index]

                if heads[index] < lane.Cells.Length then
                    let struct (instance, _) = lane.Cells[heads[index]]

                    match least with
                    | ValueSome(known: Oid) when known.CompareTo instance <= 0 -> ()
                    | _ -> least <- ValueSome instance

            match least with
            | ValueSome instance when upTo.IsNone || instance.CompareTo upTo.Value <= 0 ->
                let cells = Array.create width Null

                for index in 0 .. lanes.Length - 1 do
                    let lane = lanes[index]

                    if heads[index] < lane.Cells.Length then
                        let struct (candidate, value) = lane.Cells[heads[index]]

                        if candidate = instance then
                            cells[lane.Column] <- value
                            heads[index] <- heads[index] + 1

                rows.Add(struct (instance, cells))
            | _ -> more <- false

        rows.ToArray()

    /// Reads the reply to a step, after the scalars that stand first in it. The range may have become smaller since the step was asked.
    let read
        (columns: ColumnDefinition[])
        (scalars: int)
        (range: WalkRange)
        (repetitions: int)
        (varBinds: VarBind[])
        : StepOutcome =
        let width = range.Columns.Length
        let bodies = varBinds.Length - scalars
        let known = greatest (scalars + width * repetitions) varBinds

        let lanes =
            range.Columns
            |> Array.mapi (fun index column ->
                readLane columns[column].Oid column range varBinds known (scalars + index) width)

        let faults =
            lanes
            |> Array.tryPick (fun lane ->
                match lane with
                | Error names -> Some names
                | Ok _ -> None)

        match faults with
        | Some(struct (last, name)) -> Backwards(last, name, ValueNone)
        | None ->
            let lanes =
                lanes
                |> Array.choose (fun lane ->
                    match lane with
                    | Ok lane -> Some lane
                    | Error _ -> None)

            let going = lanes |> Array.filter (fun lane -> not lane.Ended)

            match refuted columns lanes with
            | Some(struct (last, name, passed)) -> Backwards(last, name, ValueSome passed)
            | None when bodies < width && going.Length > 0 -> TooNarrow(max 0 bodies)
            | None when going.Length = width && Array.exists (fun lane -> lane.Cells.Length = 0) going ->
                TooNarrow 0
            | None ->
                let frontier =
                    if going.Length = 0 then
                        ValueNone
                    else
                        going
                        |> Array.map (fun lane -> lane.Last)
                        |> Array.reduce (fun a b -> if a.CompareTo b <= 0 then a else b)
                        |> ValueSome

                // A column of few cells may end while others go on: its cells beyond the last row that is proven are asked again
                // with that row's.
                let isDone (lane: Lane) =
                    match frontier with
                    | ValueSome upTo when upTo.CompareTo range.Cursor > 0 ->
                        lane.Ended && lane.Last.CompareTo upTo <= 0
                    | ValueSome _
                    | ValueNone -> lane.Ended

                let isOpen = isDone >> not

                Advanced
                    { Rows = joinRows columns.Length lanes frontier
                      Cursor = ValueOption.defaultValue range.Cursor frontier
                      Open = lanes |> Array.filter isOpen |> Array.map (fun lane -> lane.Column)
                      Ends = lanes |> Array.filter isDone |> List.ofArray |> List.collect (endOf columns)
                      Whole = going.Length = 0 || bodies >= width * repetitions
                      Repetitions = bodies / width }
