namespace CallServer.Protocols.Snmp

open CallServer.Wire

/// One row that is asked for once more: it was read while it came or went.
type internal TornRow =
    {
        Instance: Oid
        /// The numbers of the columns of this request, and of those after it.
        Columns: int[]
        Later: int[]
        /// What was told, a cell for each column.
        Known: Value[]
    }

/// What comes after an answer about a row.
[<RequireQualifiedAccess>]
type internal TornNext =
    | Ask of TornRow
    /// All is told; nothing of it where the row ended under the walk.
    | Told
    /// Something of the row is there, and not what names it.
    | Nameless
    /// It cannot be read.
    | Left of why: string

/// Reads a row again with all of its columns, apart from each other where all of them at once bring an error.
module internal TornRow =
    let whole (profile: Profile) (instance: Oid) : TornRow =
        { Instance = instance
          Columns = Profile.ownColumns profile
          Later = [||]
          Known = Array.create profile.Columns.Length Null }

    let names (profile: Profile) (row: TornRow) : Oid[] =
        let arcs = Oid.arcs row.Instance
        row.Columns |> Array.map (fun column -> Oid.append profile.Columns[column].Oid arcs)

    let private next (profile: Profile) (row: TornRow) : TornNext =
        if row.Later.Length > 0 then
            TornNext.Ask { row with Columns = row.Later; Later = [||] }
        elif
            Array.forall (fun cell -> cell = Null) row.Known
            || profile.Identity |> Array.forall (fun column -> row.Known[column] <> Null)
        then
            TornNext.Told
        else
            TornNext.Nameless

    /// The cells that an answer tells.
    let answered (profile: Profile) (varBinds: VarBind[]) (row: TornRow) : struct (Value[] * TornNext) =
        let cells = Array.create profile.Columns.Length Null

        for varBind in varBinds do
            if Rows.isTold varBind.Value then
                for column in row.Columns do
                    match Oid.suffix profile.Columns[column].Oid varBind.Name with
                    | ValueSome suffix when suffix = row.Instance -> cells[column] <- varBind.Value
                    | _ -> ()

        let known =
            if Profile.placesChange profile then
                cells
            else
                Array.map2 (fun before cell -> if cell = Null then before else cell) row.Known cells

        struct (cells, next profile { row with Known = known })

    /// The answer was an error, which may name one of the columns. A column that cannot be read alone has nothing there, as version 1
    /// says it (RFC 1157 section 4.1.2), or the row is left if it hangs on that column.
    let failed
        (profile: Profile)
        (isDecisive: int -> bool)
        (status: int)
        (culprit: int)
        (row: TornRow)
        : TornNext =
        if profile.Positional then
            TornNext.Left(ErrorStatus.name status)
        else
            match SnmpNames.splitAt status culprit row.Columns with
            | [ first; rest ] ->
                TornNext.Ask { row with Columns = first; Later = Array.append rest row.Later }
            | _ when status = ErrorStatus.NoSuchName || not (isDecisive row.Columns[0]) -> next profile row
            | _ -> TornNext.Left(ErrorStatus.name status)
