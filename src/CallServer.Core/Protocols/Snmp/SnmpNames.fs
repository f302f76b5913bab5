namespace CallServer.Protocols.Snmp

open CallServer.Wire

/// How many names a message takes, and what is asked again when it was too many.
module internal SnmpNames =
    /// The items in groups of this size.
    let parts (size: int) (items: 'Item[]) : 'Item[] list = items |> Array.chunkBySize size |> List.ofArray

    /// Two halves, the first of them the larger.
    let private halves (items: 'Item[]) : 'Item[] list = parts ((items.Length + 1) / 2) items

    /// What an error leaves to be asked apart: the item that it names and the others; halves where it names none, or the reply would
    /// not fit. Nothing where there is only one.
    let splitAt (status: int) (culprit: int) (items: 'Item[]) : 'Item[] list =
        if items.Length < 2 then
            []
        elif status <> ErrorStatus.TooBig && culprit >= 0 && culprit < items.Length then
            [ Array.removeAt culprit items; [| items[culprit] |] ]
        else
            halves items

    /// The same for the names of a request that asks nothing else.
    let apart (pdu: Pdu) (names: Oid[]) : Oid[] list = splitAt pdu.ErrorStatus (pdu.ErrorIndex - 1) names

    /// What a reply that told only of the first names leaves to be asked; half of them where it told nothing.
    let untold (told: int) (names: Oid[]) : Oid[] list =
        if told = names.Length || (told = 0 && names.Length = 1) then
            []
        else
            let size = if told = 0 then (names.Length + 1) / 2 else told
            parts size names[told..]

    /// Every agent answers this many scalars and cells at once.
    [<Literal>]
    let private FewNames = 8

    /// A Get that was lost twice, by an agent that answers others: a reply too large for its buffer or its path is never sent.
    let lost (flight: InFlight<'P>) (names: Oid[]) (requests: SnmpRequests<'P>) : Oid[] list =
        if requests.Answered && flight.TimeOuts > 0 && names.Length > FewNames then
            halves names
        else
            []

    /// About how many octets a variable binding of that name takes in a reply.
    let private octetsOf (name: Oid) : int =
        14 + name.Length + 2 * (Oid.arcs name |> Array.sumBy (fun arc -> if arc > 127u then 1 else 0))

    /// The least that every agent takes in a message (RFC 3417 section 3.2), less what stands around the variable bindings.
    [<Literal>]
    let private LeastRoom = 400

    /// The names of Gets of these scalars, all in one, and of these cells, as many in each as an agent takes for certain, or has told
    /// in one reply of `told` cells.
    let packed (told: int) (scalars: Oid[]) (cells: Oid list) : Oid[] list =
        let room = max LeastRoom (min 1200 (24 * told))

        let rec fill (batch: Oid list) (left: int) (cells: Oid list) =
            match cells with
            | [] -> [ batch ]
            | cell :: rest when batch.IsEmpty || octetsOf cell <= left ->
                fill (cell :: batch) (left - octetsOf cell) rest
            | _ -> batch :: fill [] room cells

        fill (List.rev (List.ofArray scalars)) (LeastRoom - Array.sumBy octetsOf scalars) cells
        |> List.map (List.rev >> Array.ofList)

    /// Something stands at or below a name.
    let isServed (asked: Oid) (varBind: VarBind) : bool =
        Rows.isTold varBind.Value && Oid.isPrefixOf asked varBind.Name

    /// Where GetNext tells the instances of a column one by one: the instance after which the next is to be asked. Nothing where
    /// there are enough, or no more.
    let onward (column: Oid) (told: VarBind list) (most: int) (repetitions: int) : Oid voption =
        match List.rev told with
        | last :: earlier when
            repetitions = 0
            && told.Length < most
            && isServed column last
            && earlier |> List.forall (fun one -> last.Name.CompareTo one.Name > 0)
            ->
            Oid.suffix column last.Name
        | _ -> ValueNone
