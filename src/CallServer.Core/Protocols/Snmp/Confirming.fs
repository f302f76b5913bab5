namespace CallServer.Protocols.Snmp

open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// What is asked by name when a walk is done.
type internal Confirmations =
    {
        /// Ends that the walk itself casts doubt on, each with a cell that cannot be there if the agent is right about that end.
        Refuting: struct (End * Oid) list
        /// Cells of rows that the walk listed.
        Seen: Oid list
        /// Cells of connections that are on record and that the walk did not list, each with a cell of the same column that cannot be
        /// there.
        Missing: struct (Oid * Oid) list
        /// More are missing than are asked for.
        IsSample: bool
        /// The other cells of those rows, if the walk did not read their columns: a row of which any cell is there is not over.
        Unread: Oid list
        /// Of columns of which nothing was shown: an instance that cannot be there.
        Unseen: Oid list
    }

/// A walk shows what GetNext leads to. Get asks by name, and tells an object that is not served, or hidden, from one that has no
/// such instance (RFC 3416 section 4.2.1, cases 2 and 3). At its end a walk is held against what Get says of rows that it showed, of
/// those on record that it did not show, and where it showed nothing, of a row that cannot be.
module internal Confirming =
    let none: Confirmations =
        { Refuting = []; Seen = []; Missing = []; IsSample = false; Unread = []; Unseen = [] }

    /// mib-2 numbers its children from 1. An agent that says noSuchInstance of this does not tell the two apart (net-snmp does; a
    /// `pass` script of it does not, for what is below its own root).
    let nobodys = Oid.parse "1.3.6.1.2.1.0.0"

    /// No more connections than this are asked for one by one.
    [<Literal>]
    let private MaxMissing = 512

    /// No more rows that were shown than this are asked for once more.
    [<Literal>]
    let private MaxSeen = 3

    let private cellOf (profile: Profile) (column: int) (instance: Oid) : Oid =
        Oid.append profile.Columns[column].Oid (Oid.arcs instance)

    /// A row of this index cannot be: numbers begin at 1, no address is 0.0.0.0, no key is empty. Where one is all the same, an empty
    /// table is not empty.
    let private impossible (profile: Profile) : Oid =
        profile.Index
        |> Array.collect (fun part ->
            match part.Kind with
            | IndexAddress -> Array.zeroCreate 4
            | IndexNumber
            | IndexTimeStamp
            | IndexText -> Array.zeroCreate 1)
        |> Oid.ofArcs

    /// The instances that a connection of that id may have; none where the index does not tell the id.
    let private instancesOf (profile: Profile) (id: ConnectionId) : Oid list =
        let parsed = Oid.tryParse (ConnectionId.value id) |> Option.toList
        let isPlain (source: Source) = source.Shape = AsText && source.Names.IsEmpty && source.When.IsEmpty

        match profile.Id with
        | [ source ] when isPlain source ->
            match source.Field with
            | Instance -> parsed
            | Part 0 when profile.Index.Length = 1 && profile.Index[0].Kind <> IndexText -> parsed
            // Its other parts are told by the sub-trees.
            | Part part when
                part = profile.Index.Length - 1
                && profile.Subtrees |> Array.forall (fun root -> root.Length = part)
                ->
                [ for root in profile.Subtrees do
                      for tail in parsed -> Oid.append root (Oid.arcs tail) ]
            | Part _
            | Column _
            | Words _ -> []
        | _ -> []

    /// At most this many of them, at even distances, the first and the last among them.
    let private spread (most: int) (items: 'T[]) : 'T list =
        if items.Length <= most then
            List.ofArray items
        else
            [ for number in 0 .. most - 1 -> items[number * (items.Length - 1) / (most - 1)] ]

    /// The first and the last cell of each column that the walk showed, as names.
    let private extremes (profile: Profile) (pieces: Piece list) : struct (Oid * Oid) list =
        let ends (column: int) =
            (ValueNone, pieces)
            ||> List.fold (fun known piece ->
                match piece.Cells[column], known with
                | Null, _ -> known
                | _, ValueNone -> ValueSome(struct (piece.Instance, piece.Instance))
                | _, ValueSome(struct (least: Oid, most: Oid)) ->
                    if piece.Instance.CompareTo least < 0 then
                        ValueSome(struct (piece.Instance, most))
                    elif piece.Instance.CompareTo most > 0 then
                        ValueSome(struct (least, piece.Instance))
                    else
                        known)

        [ for column in 0 .. profile.Columns.Length - 1 do
              match ends column with
              | ValueSome(struct (least, most)) ->
                  struct (cellOf profile column least, cellOf profile column most)
              | ValueNone -> () ]

    /// A cell that the walk showed although, by what the agent said at that end, nothing lies there. It may have come or gone since.
    let private refuting (cells: struct (Oid * Oid) list) (ended: End) : struct (End * Oid) list =
        let isBetween (name: Oid) =
            name.CompareTo ended.After > 0 && (ended.Until.IsNone || name.CompareTo ended.Until.Value < 0)

        cells
        |> List.collect (fun (struct (least, most)) -> [ least; most ])
        |> List.filter isBetween
        |> List.distinct
        |> List.truncate 2
        |> List.map (fun name -> struct (ended, name))

    /// Columns without which there is no row: those of its identity, and those that decide whether it is a connection.
    let private needed (profile: Profile) : int list =
        [ yield! profile.Identity
          for condition in profile.Where do
              match condition.Field with
              | Column column when profile.Columns[column].Joint = SameIndex -> yield column
              | Column _
              | Part _
              | Instance
              | Words _ -> () ]
        |> List.distinct

    let private control (profile: Profile) (column: int) : Oid = cellOf profile column (impossible profile)

    /// What is asked before a walk, too: a table that is served after it, and was not before, may have shown nothing for that reason.
    let controls (profile: Profile) : Oid[] = needed profile |> List.map (control profile) |> Array.ofList

    /// What to ask about a walk that read these columns.
    let plan
        (profile: Profile)
        (columns: int[])
        (pieces: Piece list)
        (ends: End list)
        (known: Connection[])
        : Confirmations =
        let identity = profile.Identity[0]
        let shown = HashSet()

        for piece in pieces do
            if piece.Cells[identity] <> Null then
                shown.Add piece.Instance |> ignore

        let rows = Array.ofSeq shown
        rows |> Array.sortInPlaceWith Oid.compare

        let missing =
            [| for connection in known do
                   let instances = instancesOf profile connection.Id

                   if not (List.exists shown.Contains instances) then
                       yield! instances |]

        let asked = spread MaxMissing missing
        let isShown column = pieces |> List.exists (fun piece -> piece.Cells[column] <> Null)

        { Refuting = ends |> List.collect (refuting (extremes profile pieces)) |> List.truncate 8
          Seen = spread MaxSeen rows |> List.map (cellOf profile identity)
          Missing =
            asked
            |> List.map (fun instance -> struct (cellOf profile identity instance, control profile identity))
          IsSample = missing.Length > MaxMissing
          Unread =
            [ for instance in asked do
                  for column in Profile.ownColumns profile do
                      if not (Array.contains column columns) then
                          cellOf profile column instance ]
          Unseen =
            needed profile
            |> List.filter (fun column -> rows.Length = 0 || not (isShown column))
            |> List.map (control profile) }

    /// The names to ask for.
    let names (confirmations: Confirmations) : Oid list =
        [ yield! confirmations.Unseen
          if not confirmations.Unseen.IsEmpty then
              yield nobodys
          yield! confirmations.Seen
          for struct (_, cell) in confirmations.Refuting do
              yield cell
          for struct (cell, control) in confirmations.Missing do
              yield control
              yield cell
          yield! confirmations.Unread ]
        |> List.distinct

    /// What Get said of a name.
    type private Said =
        | There
        | NotThere
        | NotServed
        /// Nothing that tells.
        | Untold

    let private said (told: Map<Oid, Value>) (name: Oid) : Said =
        match Map.tryFind name told with
        | Some NoSuchInstance -> NotThere
        | Some NoSuchObject -> NotServed
        | None
        | Some Null
        | Some EndOfMibView -> Untold
        | Some _ -> There

    /// Why the walk may not be whole. Of some reasons another walk may be free.
    type Doubts = { Passing: Shortfall list; Lasting: Shortfall list }

    /// The walk showed no row, or nothing of a column without which there is none.
    let private ofUnseen (profile: Profile) (told: Map<Oid, Value>) (unseen: Oid list) : Shortfall list =
        let what = "the table shows no row"

        let doubt name =
            match said told name with
            | NotThere -> []
            | There -> [ CutShort $"{what}, and yet {name} is there" ]
            | NotServed ->
                [ Hidden
                      $"{what}, and the agent says noSuchObject of {name}: not served, or not to whoever asks" ]
            | Untold -> [ Hidden $"{what}, and the agent does not say whether it serves {name}" ]

        match unseen |> List.collect doubt with
        | first :: _ -> [ first ]
        | [] when unseen.IsEmpty -> []
        | [] when said told nobodys <> NotServed ->
            [ Hidden $"{what}, and the agent says noSuchInstance of objects that nobody has, too" ]
        | [] when profile.EmptyNeedsCount ->
            [ Hidden $"{what}, and agents of this profile say of a hidden one what they say of an empty one" ]
        | [] -> []

    let private ofMissing (told: Map<Oid, Value>) (missing: struct (Oid * Oid) list) : Doubts =
        let kinds =
            missing
            |> List.map (fun (struct (cell, control)) ->
                match said told cell, said told control with
                | There, _ -> struct (1, cell)
                | NotThere, _
                // It says so of every row that is not there.
                | NotServed, NotServed -> struct (0, cell)
                | NotServed, _ -> struct (2, cell)
                | Untold, _ -> struct (3, cell))

        let first kind reason =
            kinds
            |> List.tryPick (fun (struct (its, cell)) ->
                if its = kind then Some(reason (cell: Oid)) else None)
            |> Option.toList

        { Passing = first 1 (fun cell -> CutShort $"the walk did not list {cell}, which is there")
          Lasting =
            first 2 (fun cell -> Hidden $"the agent says noSuchObject of {cell}, which is on record")
            @ first 3 (fun cell ->
                CutShort $"the agent does not say whether {cell} is there, which is on record") }

    /// A count that agrees does so within what came and went meanwhile: it says nothing of a table that vanished.
    let private ofSeen (told: Map<Oid, Value>) (countAgrees: bool) (seen: Oid list) : Shortfall list =
        let answers = seen |> List.map (said told)

        if seen.IsEmpty || List.contains There answers then
            []
        elif countAgrees && List.forall (fun answer -> answer = Untold) answers then
            []
        else
            [ CutShort $"{seen.Head} had been shown, and at the end no row that was asked for was there" ]

    /// What the answers leave in doubt. Where the gateway's count agrees, a table may be empty whatever else is said of it.
    let judge
        (profile: Profile)
        (confirmations: Confirmations)
        (before: Map<Oid, Value>)
        (told: Map<Oid, Value>)
        (countAgrees: bool)
        : Doubts =
        let appeared =
            confirmations.Unseen
            |> List.filter (fun name ->
                not countAgrees && said told name = NotThere && said before name <> NotThere)
            |> List.map (fun name ->
                CutShort $"the walk showed no row, and whether {name} was served when it began is not known")
            |> List.truncate 1

        let refuted =
            confirmations.Refuting
            |> List.filter (fun (struct (_, cell)) -> said told cell = There)
            |> List.map (fun (struct (ended, cell)) ->
                CutShort $"the agent ends after {ended.After}, and yet {cell} is there")
            |> List.truncate 1

        let missing = ofMissing told confirmations.Missing

        let inPart =
            confirmations.Unread
            |> List.tryFind (fun cell -> said told cell = There)
            |> Option.map (fun cell -> CutShort $"the walk did not list {cell}, which is there")
            |> Option.toList

        let passing = appeared @ refuted @ missing.Passing @ ofSeen told countAgrees confirmations.Seen

        { Passing = passing @ inPart
          Lasting = missing.Lasting @ (if countAgrees then [] else ofUnseen profile told confirmations.Unseen) }
