namespace CallServer.Gateway

open System
open CallServer.Wire

/// A place in an agent's view: a region, and within it a row. Ordered as GetNext orders the objects.
[<Struct>]
type internal Place = { Region: int; Row: int }

/// One object type of an agent's view.
[<NoComparison; NoEquality>]
type internal Region =
    | OfScalar of Scalar
    | OfColumn of prefix: Oid * shape: int * column: Column
    /// A column for ended connections.
    | OfPast of prefix: Oid * shape: int * column: Column

    /// The common beginning of its instances' names; for a scalar, its whole name.
    member this.Prefix =
        match this with
        | OfScalar scalar -> scalar.Name
        | OfColumn(prefix, _, _)
        | OfPast(prefix, _, _) -> prefix

/// Everything that an agent serves, in the order of names. Finding a place takes O(log n), stepping to the next one O(1).
[<NoComparison; NoEquality>]
type internal SnmpView =
    {
        Regions: Region[]
        Rows: Row[]
        /// The rows of the history, sorted for each of its index shapes.
        Past: Row[][]
        Sight: Sight
        /// Whether the agent lacks a cell that its MIB has, which leaves ragged columns.
        IsMissing: Oid -> uint32 -> SimConnection -> bool
    }

module internal SnmpView =
    /// The object types of a MIB and of every agent, except those below `hidden`.
    let regions (scalars: Scalar list) (tables: MibTable list) (past: MibTable list) (hidden: Oid list) =
        let columns make (tables: MibTable list) =
            tables
            |> List.collect (fun table ->
                table.Columns
                |> List.map (fun column -> make (Oid.child column.Arc table.Entry, table.Shape, column)))

        List.map OfScalar scalars @ columns OfColumn tables @ columns OfPast past
        |> List.filter (fun region ->
            not (hidden |> List.exists (fun root -> Oid.isPrefixOf root region.Prefix)))
        |> List.toArray
        |> Array.sortWith (fun a b -> Oid.compare a.Prefix b.Prefix)

    /// The rows of a column's region.
    let private rowsOf (view: SnmpView) (region: Region) : Row[] =
        match region with
        | OfScalar _ -> [||]
        | OfColumn _ -> view.Rows
        | OfPast(_, shape, _) -> view.Past[shape]

    /// The first row whose instance follows this one.
    let private rowAfter (rows: Row[]) (shape: int) (instance: uint32[]) : int =
        let mutable low = 0
        let mutable high = rows.Length

        while low < high do
            let middle = (low + high) / 2

            if Rows.compareInstances rows[middle].Instances[shape] instance <= 0 then
                low <- middle + 1
            else
                high <- middle

        low

    let private read (view: SnmpView) (place: Place) : Value voption =
        match view.Regions[place.Region] with
        | OfScalar scalar -> ValueSome(scalar.Read view.Sight)
        | OfColumn(prefix, _, column)
        | OfPast(prefix, _, column) as region ->
            let rows = rowsOf view region
            let row = rows[place.Row]

            if view.IsMissing prefix column.Arc row.Connection then
                ValueNone
            else
                column.Read view.Sight row

    let private size (view: SnmpView) (region: int) : int =
        match view.Regions[region] with
        | OfScalar _ -> 1
        | OfColumn _
        | OfPast _ as region -> (rowsOf view region).Length

    /// The first place from this one on that has a value, and the value; `ValueNone` at the end.
    let rec settle (view: SnmpView) (place: Place) : struct (Place * Value) voption =
        if place.Region >= view.Regions.Length then
            ValueNone
        elif place.Row >= size view place.Region then
            settle view { Region = place.Region + 1; Row = 0 }
        else
            match read view place with
            | ValueSome value -> ValueSome(struct (place, value))
            | ValueNone -> settle view { place with Row = place.Row + 1 }

    /// The last region whose prefix does not follow the name; -1 if all do.
    let private regionAt (view: SnmpView) (name: Oid) : int =
        let mutable low = 0
        let mutable high = view.Regions.Length

        while low < high do
            let middle = (low + high) / 2

            if Oid.compare view.Regions[middle].Prefix name <= 0 then
                low <- middle + 1
            else
                high <- middle

        low - 1

    /// The first place whose name follows this one, as GetNext needs it; O(log n). It may have no value: see `settle`.
    let after (view: SnmpView) (name: Oid) : Place =
        match regionAt view name with
        | -1 -> { Region = 0; Row = 0 }
        | region ->
            match view.Regions[region] with
            | OfScalar _ -> { Region = region + 1; Row = 0 }
            | OfColumn(prefix, shape, _)
            | OfPast(prefix, shape, _) as kind ->
                match Oid.suffix prefix name with
                | ValueSome instance ->
                    { Region = region; Row = rowAfter (rowsOf view kind) shape (Oid.arcs instance) }
                | ValueNone -> { Region = region + 1; Row = 0 }

    let nameOf (view: SnmpView) (place: Place) : Oid =
        match view.Regions[place.Region] with
        | OfScalar scalar -> scalar.Name
        | OfColumn(prefix, shape, _)
        | OfPast(prefix, shape, _) as region ->
            let rows = rowsOf view region
            Oid.append prefix rows[place.Row].Instances[shape]

    /// The place after this one; it may have no value.
    let following (place: Place) : Place = { place with Row = place.Row + 1 }

    /// The answer to Get: the value, or the exception that RFC 3416 section 4.2.1 requires.
    let get (view: SnmpView) (name: Oid) : Value =
        match regionAt view name with
        | -1 -> NoSuchObject
        | region ->
            match view.Regions[region] with
            | OfScalar scalar ->
                if scalar.Name = name then scalar.Read view.Sight
                elif Oid.isPrefixOf scalar.Name name then NoSuchInstance
                else NoSuchObject
            | OfColumn(prefix, shape, _)
            | OfPast(prefix, shape, _) as kind ->
                match Oid.suffix prefix name with
                | ValueNone -> NoSuchObject
                | ValueSome instance ->
                    let instance = Oid.arcs instance
                    let rows = rowsOf view kind
                    let row = rowAfter rows shape instance - 1

                    if row >= 0 && Rows.compareInstances rows[row].Instances[shape] instance = 0 then
                        read view { Region = region; Row = row } |> ValueOption.defaultValue NoSuchInstance
                    else
                        NoSuchInstance
