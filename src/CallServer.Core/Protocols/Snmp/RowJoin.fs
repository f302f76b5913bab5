namespace CallServer.Protocols.Snmp

open System
open System.Collections.Generic
open CallServer.Wire

/// A row that points into other tables: the columns that point, and the arcs to which they do.
type internal Pointing =
    {
        Row: Oid
        At: struct (int * uint32)[]
        /// It pointed elsewhere when it was read last.
        HasMoved: bool
    }

/// What one reply says of rows that point into other tables.
[<NoEquality; NoComparison>]
type internal Joined =
    {
        /// Rows that are still there, with what they point to.
        Pieces: Piece list
        /// Rows that ended since the walk.
        Gone: HashSet<Oid>
        /// Rows that point elsewhere by now.
        Moved: Pointing[]
    }

/// Rows that point into another table: each is read once more, in one Get with the cells that it points to, so that both speak of one
/// moment. A call's index may have gone to another call since the walk.
module internal RowJoin =
    /// Variable bindings of one request.
    [<Literal>]
    let private MaxVarBinds = 100

    let private arcOf (value: Value) : uint32 voption =
        match Rows.numberOf value with
        | ValueSome number when number <= int64 UInt32.MaxValue -> ValueSome(uint32 number)
        | ValueSome _
        | ValueNone -> ValueNone

    /// Where a row points, by its cells; nothing where it points nowhere.
    let private pointing
        (profile: Profile)
        (row: Oid)
        (hasMoved: bool)
        (cell: int -> Value)
        : Pointing voption =
        let pointers =
            profile.Columns
            |> Array.choose (fun column ->
                match column.Joint with
                | PointedToBy pointer -> Some pointer
                | SameIndex
                | BeginsWithIndex -> None)
            |> Array.distinct

        let arcs =
            [| for column in pointers do
                   match arcOf (cell column) with
                   | ValueSome arc -> struct (column, arc)
                   | ValueNone -> () |]

        if arcs.Length = 0 then
            ValueNone
        else
            ValueSome { Row = row; At = arcs; HasMoved = hasMoved }

    /// The rows of each request for what they point to: as many as fit the replies that the agent has given whole.
    let plan (profile: Profile) (rowsPerReply: int) (rows: Row[]) : Pointing[] list =
        let width = profile.Columns.Length
        let own = (Profile.ownColumns profile).Length
        let size = max 1 (min (MaxVarBinds / width) (rowsPerReply * own / width))

        rows
        |> Array.choose (fun row ->
            pointing profile row.Instance false (fun column -> Rows.cell column row) |> ValueOption.toOption)
        |> Array.chunkBySize size
        |> List.ofArray

    /// A request that was too much for the agent, in two. One row that is too much is left without what it points to.
    let halves (pointings: Pointing[]) : Pointing[] list =
        if pointings.Length < 2 then
            []
        else
            let half = pointings.Length / 2
            [ pointings[.. half - 1]; pointings[half..] ]

    /// The cells of one row, and of the rows that it points to: the column's number and the instance's name.
    let private cells (profile: Profile) (pointing: Pointing) : struct (int * Oid)[] =
        [| for column in 0 .. profile.Columns.Length - 1 do
               let definition = profile.Columns[column]

               match definition.Joint with
               | SameIndex -> struct (column, Oid.append definition.Oid (Oid.arcs pointing.Row))
               | BeginsWithIndex -> ()
               | PointedToBy pointer ->
                   for struct (by, arc) in pointing.At do
                       if by = pointer then
                           struct (column, Oid.child arc definition.Oid) |]

    let names (profile: Profile) (pointings: Pointing[]) : Oid[] =
        pointings
        |> Array.collect (cells profile >> Array.map (fun struct (_, name) -> name))
        |> Array.distinct

    /// The values that a reply tells, by their names.
    let toldValues (varBinds: VarBind[]) : Dictionary<Oid, Value> =
        let values = Dictionary<Oid, Value>()

        for varBind in varBinds do
            if Rows.isTold varBind.Value then
                values[varBind.Name] <- varBind.Value

        values

    /// A row as the reply tells it. Cells of another table count only where the row points there now.
    let private cellsOf (profile: Profile) (values: Dictionary<Oid, Value>) (asked: Pointing) : Value[] =
        let row = Array.create profile.Columns.Length Null

        let pointsThere pointer =
            asked.At |> Array.exists (fun struct (by, arc) -> by = pointer && arcOf row[by] = ValueSome arc)

        for struct (column, name) in cells profile asked do
            match values.TryGetValue name with
            | true, value -> row[column] <- value
            | _ -> ()

        for column in 0 .. row.Length - 1 do
            match profile.Columns[column].Joint with
            | PointedToBy pointer when not (pointsThere pointer) -> row[column] <- Null
            | PointedToBy _
            | SameIndex
            | BeginsWithIndex -> ()

        row

    /// A reply that is not whole says of no row that it is gone.
    let read (profile: Profile) (reply: SnmpReply) (isWhole: bool) (asked: Pointing[]) (varBinds: VarBind[]) =
        let values = toldValues varBinds
        let gone = HashSet<Oid>()
        let pieces = ResizeArray<Piece>()
        let moved = ResizeArray<Pointing>()

        for one in asked do
            let row = cellsOf profile values one

            if Array.forall (fun cell -> cell = Null) row then
                if isWhole then
                    gone.Add one.Row |> ignore
            elif profile.Identity |> Array.forall (fun column -> row[column] <> Null) then
                pieces.Add { Instance = one.Row; Cells = row; Reply = reply; IsBrief = false }

                match pointing profile one.Row true (fun column -> row[column]) with
                | ValueSome now when now.At <> one.At && not one.HasMoved -> moved.Add now
                | ValueSome _
                | ValueNone -> ()

        { Pieces = List.ofSeq pieces; Gone = gone; Moved = moved.ToArray() }
