namespace CallServer.Protocols.Snmp

open System
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// The walk: its ranges, and what each reply does to one.
module internal Stepping =
    open AuditState

    /// More rows than this no gateway has.
    [<Literal>]
    let private MaxRows = 200_000

    /// Hints are so many replies apart, or more.
    [<Literal>]
    let RepliesPerHint = 2

    /// No request asks for more columns than the agent answers one row of.
    let private narrow (width: int) (strand: Strand) : Purpose list =
        strand.Columns
        |> Array.chunkBySize (max 1 width)
        |> Array.map (fun columns -> Stepping { strand with Columns = columns })
        |> List.ofArray

    let beginStage (strands: Strand list) (state: SnmpAuditState) : SnmpAuditState =
        enqueue (List.collect (narrow state.Pace.Width) strands) state

    /// One strand for each gap between the hints, as many as there are requests in flight, and as are worth it.
    let private cutAtHints (state: SnmpAuditState) (strand: Strand) : Strand list =
        let worth = WalkPace.cuts (state.Hints.Length * RepliesPerHint) state.Pace
        let ranges = min (WalkPace.slots state.Pace) (min worth state.Hints.Length + 1)

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
          Singly = false
          Before =
            (if arcs.Length = 0 || arcs[arcs.Length - 1] = UInt32.MaxValue then
                 ValueNone
             else
                 arcs[arcs.Length - 1] <- arcs[arcs.Length - 1] + 1u
                 ValueSome(Oid.ofArcs arcs)) }

    let beginWalk (state: SnmpAuditState) : SnmpAuditState =
        let profile = profile state
        let own = Profile.ownColumns profile

        let nested =
            [| for column in 0 .. profile.Columns.Length - 1 do
                   if profile.Columns[column].Joint = BeginsWithIndex then
                       column |]

        // Nested tables have an index and an order of their own: one strand a column.
        let alone = [ for column in nested -> rangeOf [| column |] Oid.empty ]

        let cut = cutAtHints state (rangeOf own Oid.empty)

        let stages, splits =
            if profile.Subtrees.Length = 0 then
                [ cut @ alone ], cut.Length - 1
            else
                [ for root in profile.Subtrees -> [ rangeOf own root ] ] @ [ alone ], 0

        let carried = state.Walk.Samples |> Map.map (fun _ samples -> List.truncate 1 samples)

        { state with
            Phase = Walking
            Walks = state.Walks + 1
            Walk =
                { freshWalk with
                    Later = stages.Tail
                    Samples = carried
                    Splits = splits
                    Before = state.Walk.Told } }
        |> beginStage stages.Head

    let where (profile: Profile) (strand: Strand) : string =
        let column = profile.Columns[strand.Columns[0]].Name

        if strand.Cursor.Length = 0 then
            $"the beginning of {column}"
        else
            $"{column}.{strand.Cursor}"

    /// A name as a person looks for it: an object of the profile by the name that this gives it.
    let private called (profile: Profile) (name: Oid) : string =
        let ofColumn (column: ColumnDefinition) =
            match Oid.suffix column.Oid name with
            | ValueSome instance when instance.Length = 0 -> Some column.Name
            | ValueSome instance -> Some $"{column.Name}.{instance}"
            | ValueNone -> None

        profile.Columns |> Array.tryPick ofColumn |> Option.defaultValue (string name)

    /// Why a step brought nothing of use.
    type Setback =
        /// So many of the columns were answered, and not one row of them all.
        | Narrow of answered: int
        /// An error; where its error-index names one of the columns, the place of that among them.
        | Faulted of status: int * culprit: int voption
        | Astray of last: Oid * at: Oid * passed: Oid voption
        /// A name that cannot be read.
        | Illegible of why: string

    let private isTooBig (setback: Setback) : bool =
        match setback with
        | Faulted(status, _) -> status = ErrorStatus.TooBig
        | Narrow _
        | Astray _
        | Illegible _ -> false

    let private wayOf (setback: Setback) : string =
        match setback with
        | Narrow _ -> "an empty reply"
        | Faulted(status, _) -> ErrorStatus.name status
        | Illegible why -> why
        | Astray _ -> "a step backwards"

    /// The column alone has nothing more: the end, as version 1 knows it (RFC 1157 section 4.1.3); or the agent cannot tell.
    let private leave (setback: Setback) (strand: Strand) (state: SnmpAuditState) : SnmpAuditState =
        let column = strand.Columns[0]

        match setback with
        | Faulted(ErrorStatus.NoSuchName, _) ->
            let after = Oid.append (profile state).Columns[column].Oid (Oid.arcs strand.Cursor)
            let ended: End = { After = after; Until = ValueNone }
            { state with Walk = { state.Walk with Ends = ended :: state.Walk.Ends } }
        | Illegible why when isDecisive column state ->
            failing (Unread why) (where (profile state) strand) state
        | _ when isDecisive column state ->
            failing (Barren(wayOf setback)) (where (profile state) strand) state
        | _ ->
            let name = (profile state).Columns[column].Name

            { state with
                Walk = { state.Walk with Spared = struct (name, wayOf setback) :: state.Walk.Spared } }

    /// A step brought nothing of use: asks for fewer rows; then for one by GetNext, which some answer that do not answer GetBulk,
    /// or not well; then for fewer columns, the one that an error names apart from the others; then not at all.
    let retreat
        (attempt: Attempt)
        (setback: Setback)
        (strand: Strand)
        (state: SnmpAuditState)
        : SnmpAuditState =
        let columns = strand.Columns.Length
        let isBulk = attempt.Repetitions > 0
        let again (columns: int[]) singly = Stepping { strand with Columns = columns; Singly = singly }

        let reduce width =
            let pace = { state.Pace with Width = min state.Pace.Width (max 1 width) }
            enqueue (narrow pace.Width strand) { state with Pace = pace }

        let fewer () =
            enqueue [ Stepping strand ] { state with Pace = WalkPace.refused attempt.Repetitions state.Pace }

        match setback with
        | Narrow answered when answered > 0 && answered < columns -> reduce answered
        | Faulted(status, ValueSome culprit) when
            status <> ErrorStatus.TooBig && columns > 1 && (not isBulk || state.Pace.Bulk = Answers)
            ->
            enqueue
                [ again (Array.removeAt culprit strand.Columns) (not isBulk)
                  again [| strand.Columns[culprit] |] true ]
                state
        | Narrow _
        | Faulted _ when attempt.Repetitions > 1 && (isTooBig setback || state.Pace.Bulk = Answers) ->
            fewer ()
        | _ when isBulk -> enqueue [ again strand.Columns true ] state
        | Astray(last, at, ValueNone) ->
            let name = called (profile state)
            let told = if at = last then "itself" else name last
            failing Wandering $"{name at} after {told}" state
        | Astray(last, at, ValueSome passed) ->
            let name = called (profile state)
            failing Wandering $"{name at} after {name last}, which leaves out {name passed}" state
        | Narrow _ when columns > 1 -> reduce (columns / 2)
        | Faulted(ErrorStatus.TooBig, _) when columns > 1 -> reduce (columns / 2)
        | Illegible _
        | Faulted _ when columns > 1 ->
            let half = columns / 2
            enqueue [ again strand.Columns[.. half - 1] true; again strand.Columns[half..] true ] state
        | Narrow _
        | Illegible _
        | Faulted _ -> leave setback strand state

    let stepped
        now
        (attempt: Attempt)
        (job: Job)
        (strand: Strand)
        (varBinds: VarBind[])
        (state: SnmpAuditState)
        =
        match attempt.Purpose with
        | Stepping asked ->
            let profile = profile state
            let heads = state.Heads |> Array.map (fun struct (_, name) -> name)

            match Walk.read profile.Columns heads asked strand (max 1 attempt.Repetitions) varBinds with
            | Backwards(last, name, passed) -> retreat attempt (Astray(last, name, passed)) strand state
            | TooNarrow answered -> retreat attempt (Narrow answered) strand state
            | Advanced advance ->
                let told = exchange state attempt.Sent now advance.Heads

                let pieces =
                    (state.Walk.Pieces, advance.Rows)
                    ||> Array.fold (fun pieces (struct (instance, cells)) ->
                        { Instance = instance; Cells = cells; Told = told } :: pieces)

                let pace =
                    if attempt.Repetitions = 0 then
                        let wasBulk (other: Attempt) = other.Repetitions > 0
                        WalkPace.singly (asked.Singly || List.exists wasBulk job.Attempts) state.Pace
                    elif advance.Whole then
                        WalkPace.whole asked.Columns.Length attempt.Repetitions state.Pace
                    elif asked.Columns.Length = (Profile.ownColumns profile).Length then
                        WalkPace.cut advance.Repetitions state.Pace
                    else
                        { state.Pace with Bulk = Answers }

                let state =
                    sample
                        told
                        { state with
                            Pace = pace
                            Walk =
                                { state.Walk with
                                    Pieces = pieces
                                    Ends = advance.Ends @ state.Walk.Ends
                                    Rows = state.Walk.Rows + advance.Rows.Length
                                    Replies = state.Walk.Replies + 1 } }

                if advance.Open.Length = 0 then
                    state
                elif state.Walk.Rows > MaxRows then
                    broken (CutShort $"more than {MaxRows} rows") state
                else
                    enqueue
                        [ Stepping
                              { strand with Columns = advance.Open; Cursor = advance.Cursor; Singly = false } ]
                        state
        | Probing _
        | Reading _
        | Rereading _
        | Purpose.Joining _
        | AskingServed _
        | Finding _
        | Peeking _
        | Naming _ -> invalidOp "an attempt at another request"
