namespace CallServer.Audit

open System
open CallServer.Ledger
open CallServer.Wire

/// The walk: its ranges, and what each reply does to one.
module internal Stepping =
    open AuditState

    /// More rows than this no gateway has.
    [<Literal>]
    let private MaxRows = 200_000

    /// No request asks for more columns than the agent answers one row of.
    let private narrow (width: int) (strand: Strand) : Purpose list =
        strand.Columns
        |> Array.chunkBySize (max 1 width)
        |> Array.map (fun columns -> Stepping { strand with Columns = columns })
        |> List.ofArray

    let beginStage (strands: Strand list) (state: SnmpAuditState) : SnmpAuditState =
        enqueue (List.collect (narrow state.Pace.Width) strands) state

    /// One strand for each gap between the hints, as many as there are requests in flight.
    let private cutAtHints (state: SnmpAuditState) (strand: Strand) : Strand list =
        let ranges = min (Pace.slots state.Pace) (state.Hints.Length + 1)

        let cuts =
            [ for number in 1 .. ranges - 1 -> state.Hints[number * state.Hints.Length / ranges] ]
            |> List.distinct

        let starts = strand.Cursor :: cuts
        let ends = [ for cut in cuts -> ValueSome(Oid.child 0u cut) ] @ [ strand.Before ]
        List.map2 (fun start before -> { strand with Cursor = start; Before = before }) starts ends

    /// All instances below a root.
    let rangeOf (columns: int[]) (root: Oid) : Strand =
        let arcs = Oid.arcs root

        { Columns = columns
          Cursor = root
          Before =
            (if arcs.Length = 0 || arcs[arcs.Length - 1] = UInt32.MaxValue then
                 ValueNone
             else
                 arcs[arcs.Length - 1] <- arcs[arcs.Length - 1] + 1u
                 ValueSome(Oid.ofArcs arcs)) }

    let beginWalk (state: SnmpAuditState) : SnmpAuditState =
        let profile = profile state
        let own = Requests.ownColumns profile
        let nested = [| 0 .. profile.Columns.Length - 1 |] |> Array.except own

        // Nested tables have an index and an order of their own: one strand a column.
        let alone = [ for column in nested -> rangeOf [| column |] Oid.empty ]

        let stages =
            if profile.Subtrees.Length = 0 then
                [ cutAtHints state (rangeOf own Oid.empty) @ alone ]
            else
                [ for root in profile.Subtrees -> [ rangeOf own root ] ] @ [ alone ]

        let carried =
            match state.Walk.Samples with
            | latest :: _ -> [ latest ]
            | [] -> []

        { state with
            Phase = Walking
            Walks = state.Walks + 1
            Walk = { freshWalk with Later = stages.Tail; Samples = carried } }
        |> beginStage stages.Head

    let where (profile: Profile) (strand: Strand) : string =
        let column = profile.Columns[strand.Columns[0]].Name

        if strand.Cursor.Length = 0 then
            $"the beginning of {column}"
        else
            $"{column}.{strand.Cursor}"

    /// The agent gives less than a row of all columns, or an error: asks for fewer rows, then for fewer
    /// columns, then not at all.
    let ease
        (attempt: Attempt)
        (answered: int)
        (why: string)
        (strand: Strand)
        (state: SnmpAuditState)
        : SnmpAuditState =
        let columns = strand.Columns.Length

        let reduce width =
            let pace = { state.Pace with Width = min state.Pace.Width (max 1 width) }
            enqueue (narrow pace.Width strand) { state with Pace = pace }

        if answered > 0 && answered < columns then
            reduce answered
        elif attempt.Repetitions > 1 then
            enqueue [ Stepping strand ] { state with Pace = Pace.refused attempt.Repetitions state.Pace }
        elif columns > 1 then
            reduce (columns / 2)
        else
            broken (CutShort $"{why} at {where (profile state) strand}") state

    let stepped now (attempt: Attempt) (strand: Strand) (varBinds: VarBind[]) (state: SnmpAuditState) =
        match attempt.Purpose with
        | Stepping asked ->
            let profile = profile state
            let heads = state.Heads |> Array.map (fun struct (_, name) -> name)

            match Walk.read profile.Columns heads asked strand attempt.Repetitions varBinds with
            | Backwards name -> broken (NotIncreasing $"{name} after {where profile strand}") state
            | TooNarrow answered -> ease attempt answered "an empty reply" strand state
            | Advanced advance ->
                let told = exchange state attempt.Sent now advance.Heads

                let pieces =
                    (state.Walk.Pieces, advance.Rows)
                    ||> Array.fold (fun pieces (struct (instance, cells)) ->
                        { Instance = instance; Cells = cells; Told = told } :: pieces)

                let pace =
                    if advance.Whole then
                        Pace.whole asked.Columns.Length attempt.Repetitions state.Pace
                    elif asked.Columns.Length = profile.Columns.Length then
                        Pace.cut advance.Repetitions state.Pace
                    else
                        state.Pace

                let state =
                    sample
                        told
                        { state with
                            Pace = pace
                            Walk =
                                { state.Walk with
                                    Pieces = pieces
                                    Rows = state.Walk.Rows + advance.Rows.Length } }

                if advance.Open.Length = 0 then
                    state
                elif state.Walk.Rows > MaxRows then
                    broken (CutShort $"more than {MaxRows} rows") state
                else
                    enqueue [ Stepping { strand with Columns = advance.Open; Cursor = advance.Cursor } ] state
        | Probing
        | Reading _
        | Rereading _
        | AskingServed
        | Peeking _
        | Naming _ -> invalidOp "an attempt at another request"
