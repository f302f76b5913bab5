namespace CallServer.Protocols.Snmp

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// The table that is walked.
type internal WalkedTable =
    {
        Profile: Profile
        /// Scalars that go with every request.
        Heads: Oid[]
        /// Every column counts; otherwise those by which a row is listed, and called.
        NeedsAll: bool
        /// The row's own columns that the walk reads.
        Columns: int[]
        /// They are the key columns only.
        IsBrief: bool
    }

/// What a walk asks for.
[<RequireQualifiedAccess>]
type internal WalkRequest =
    | Step of WalkRange
    /// A Get of one row that was read while it came or went.
    | Reread of TornRow
    /// A Get of rows of which only the key columns were read.
    | Fill of Oid[]
    /// A Get of rows together with what they point to.
    | Join of Pointing[]

/// Why a range of columns was left.
type internal Failing =
    /// No more rows came of it.
    | Barren of why: string
    /// The next of it cannot be read.
    | Unread of why: string
    /// The agent repeated an instance or went backwards.
    | Wandering

/// One walk over a table.
type internal TableWalk =
    {
        /// Where this one may be cut into ranges.
        Hints: WalkHints
        /// Walks of this table begun in this audit.
        Number: int
        /// Ranges that begin when those before them are done.
        Later: WalkRange list list
        /// Newest first.
        Pieces: Piece list
        Rows: int
        Replies: int
        /// What the agent said where columns ended.
        Ends: End list
        /// Ranges that were cut in two.
        Cuts: int
        /// Why the walk may not be whole, newest first.
        Broken: Shortfall list
        /// The same of single ranges, and where; newest first.
        Failing: struct (Failing * string) list
        /// Columns that were left in a range, on which no row hangs, and why; newest first.
        Spared: struct (string * string) list
    }

/// A walk at one of its answers, or at the lack of one.
type internal WalkTurn =
    {
        Table: WalkedTable
        Walk: TableWalk
        Pace: WalkPace
        /// What is asked next.
        Next: WalkRequest list
        /// What the reply said of itself, where it was of use.
        Read: SnmpReply voption
    }

/// Walks a table range by range: where it is cut, what is asked next, and what is asked otherwise where that brings nothing.
module internal TableWalk =
    /// No gateway has more rows than this.
    [<Literal>]
    let private MaxRows = 200_000

    /// No more rows than this are asked for one by one.
    [<Literal>]
    let private MaxReread = 500

    /// More rows than this do not happen to be read while they come or go, all of them without the same column.
    [<Literal>]
    let private MaxTornAlone = 8

    /// Variable bindings of one request for whole rows.
    [<Literal>]
    let private MaxFilled = 100

    let none (hints: WalkHints) : TableWalk =
        { Hints = hints
          Number = 0
          Later = []
          Pieces = []
          Rows = 0
          Replies = 0
          Ends = []
          Cuts = 0
          Broken = []
          Failing = []
          Spared = [] }

    let private cellsOf (profile: Profile) (rows: Oid[]) : Oid[] =
        let own = Profile.ownColumns profile

        [| for row in rows do
               let arcs = Oid.arcs row

               for column in own -> Oid.append profile.Columns[column].Oid arcs |]

    let query (table: WalkedTable) (request: WalkRequest) : Query =
        match request with
        | WalkRequest.Step range ->
            let names = WalkStep.names table.Profile.Columns table.Heads range
            Query.Rows(table.Heads.Length, names, range.Singly, WalkRange.most range)
        | WalkRequest.Reread row -> Query.Get(Array.append table.Heads (TornRow.names table.Profile row))
        | WalkRequest.Fill rows -> Query.Get(Array.append table.Heads (cellsOf table.Profile rows))
        | WalkRequest.Join pointings ->
            Query.Get(Array.append table.Heads (RowJoin.names table.Profile pointings))

    /// Something that another walk might mend.
    let broken (shortfall: Shortfall) (walk: TableWalk) : TableWalk =
        if List.contains shortfall walk.Broken then
            walk
        else
            { walk with Broken = shortfall :: walk.Broken }

    let private failing (what: Failing) (place: string) (walk: TableWalk) : TableWalk =
        { walk with Failing = struct (what, place) :: walk.Failing }

    /// Why this walk may not be whole: what befell several ranges is told once.
    let shortfalls (walk: TableWalk) : Shortfall list =
        let ranges =
            List.rev walk.Failing
            |> List.groupBy (fun struct (what, _) -> what)
            |> List.map (fun (what, all) ->
                let struct (_, first) = all.Head

                let where =
                    match all.Length - 1 with
                    | 0 -> first
                    | 1 -> $"{first}, and at one more place"
                    | more -> $"{first}, and at {more} more places"

                match what with
                | Barren why -> CutShort $"{why} at {where}"
                | Unread why -> CallServer.Ledger.Unreadable $"{why}, after {where}"
                | Wandering -> NotIncreasing where)

        List.rev walk.Broken @ ranges

    /// Columns that are not told for every row. Where rows themselves could not be told, that says enough.
    let spared (walk: TableWalk) : string list =
        if walk.Failing.IsEmpty then
            List.rev walk.Spared
            |> List.groupBy (fun struct (_, why) -> why)
            |> List.map (fun (why, columns) ->
                let names = columns |> List.map (fun struct (name, _) -> name) |> List.distinct
                let list = String.Join(", ", names)
                $"not told for every row: {list} ({why})")
        else
            []

    /// The first steps over these ranges.
    let steps (pace: WalkPace) (ranges: WalkRange list) : WalkRequest list =
        ranges |> List.collect (WalkRange.narrow pace.Width) |> List.map WalkRequest.Step

    /// Begins the next walk of the audit, and gives its first requests.
    let begin'
        (table: WalkedTable)
        (pace: WalkPace)
        (walk: TableWalk)
        : struct (TableWalk * WalkRequest list) =
        let profile = table.Profile
        let own = table.Columns

        // Nested tables have an index and an order of their own: one range a column.
        let nested =
            [ for column in 0 .. profile.Columns.Length - 1 do
                  if not table.IsBrief && profile.Columns[column].Joint = BeginsWithIndex then
                      WalkRange.below Oid.empty [| column |] ]

        let cut = WalkRange.below Oid.empty own |> WalkRange.atHints walk.Hints pace

        let stages, cuts =
            if profile.Subtrees.Length = 0 then
                [ cut @ nested ], cut.Length - 1
            else
                [ for root in profile.Subtrees -> [ WalkRange.below root own ] ] @ [ nested ], 0

        struct ({ none walk.Hints with Number = walk.Number + 1; Later = stages.Tail; Cuts = cuts },
                steps pace stages.Head)

    /// How many rows the gateway counted that are not told yet; nothing where it counts none. `first` is the walk's first reply.
    let private untold (profile: Profile) (first: SnmpReply voption) (walk: TableWalk) : float voption =
        match first with
        | ValueSome reply when reply.Counts.Length > 0 && not profile.Counts[0].AtLeast ->
            reply.Counts[0] |> ValueOption.map (fun count -> float (max 0L (count - int64 walk.Rows)))
        | ValueSome _
        | ValueNone -> ValueNone

    /// Cuts in two the range in flight of which most is left: the number of its request, what is left to that, and the new range.
    /// `first` is the walk's first reply.
    let cut
        (profile: Profile)
        (pace: WalkPace)
        (first: SnmpReply voption)
        (inFlight: struct (int * WalkRange) list)
        (walk: TableWalk)
        : struct (TableWalk * int * WalkRange * WalkRange) voption =
        let untold = untold profile first walk

        // Where the table ends: a time is past, and rows that are counted stand as close together as those that are told.
        let lastOf: WalkRange -> int64 voption =
            match profile.Index[0].Kind, untold with
            | IndexTimeStamp, _ ->
                let now = first |> ValueOption.bind _.UpTime |> ValueOption.map int64
                fun _ -> now
            | IndexNumber, ValueSome rows when Pace.isFar pace.Requests ->
                let before = inFlight |> List.sumBy (fun struct (_, range) -> WalkRange.rowsBefore range)
                WalkRange.lastOf (max 0.0 (rows - before))
            | _ -> fun _ -> ValueNone

        let candidates =
            [ if walk.Cuts < WalkPace.cuts walk.Replies pace then
                  for struct (number, range) in inFlight do
                      if profile.Columns[range.Columns[0]].Joint = SameIndex then
                          match WalkRange.middle walk.Hints (lastOf range) range with
                          | ValueSome(struct (rows, at)) -> struct (rows, number, range, at)
                          | ValueNone -> () ]

        match candidates with
        | [] -> ValueNone
        | _ ->
            let struct (rows, number, range, at) =
                candidates |> List.maxBy (fun struct (rows, _, _, _) -> rows)

            let rows = untold |> ValueOption.fold min rows

            if WalkPace.isWorthCut rows pace then
                let struct (lower, upper) = WalkRange.cut walk.Hints at range
                ValueSome(struct ({ walk with Cuts = walk.Cuts + 1 }, number, lower, upper))
            else
                ValueNone

    let private where (profile: Profile) (range: WalkRange) : string =
        let column = profile.Columns[range.Columns[0]].Name

        if range.Cursor.Length = 0 then
            $"the beginning of {column}"
        else
            $"{column}.{range.Cursor}"

    /// A name as a person looks for it: an object of the profile by the name that this gives it.
    let private called (profile: Profile) (name: Oid) : string =
        let ofColumn (column: ColumnDefinition) =
            match Oid.suffix column.Oid name with
            | ValueSome instance when instance.Length = 0 -> Some column.Name
            | ValueSome instance -> Some $"{column.Name}.{instance}"
            | ValueNone -> None

        profile.Columns |> Array.tryPick ofColumn |> Option.defaultValue (string name)

    /// Why a step brought nothing of use.
    type private Setback =
        /// Only this many of the columns were answered, and not one row of them all.
        | Narrow of answered: int
        /// An error; where its error-index names one of the columns, the place of that among them.
        | Faulted of status: int * culprit: int voption
        | Astray of last: Oid * at: Oid * passed: Oid voption
        /// A name that cannot be read.
        | Illegible of why: string

    let private wayOf (setback: Setback) : string =
        match setback with
        | Narrow _ -> "an empty reply"
        | Faulted(status, _) -> ErrorStatus.name status
        | Illegible why -> why
        | Astray _ -> "a step backwards"

    let private isDecisive (table: WalkedTable) (column: int) : bool =
        table.NeedsAll || Profile.decides column table.Profile

    let private change (how: TableWalk -> TableWalk) (turn: WalkTurn) : WalkTurn =
        { turn with Walk = how turn.Walk }

    let private ask (next: WalkRequest list) (turn: WalkTurn) : WalkTurn = { turn with Next = next }

    /// A column that is asked alone brings nothing: it has ended, as version 1 says that (RFC 1157 section 4.1.3), or the agent cannot
    /// tell.
    let private leave (setback: Setback) (range: WalkRange) (turn: WalkTurn) : WalkTurn =
        let column = range.Columns[0]
        let definition = turn.Table.Profile.Columns[column]
        let place = where turn.Table.Profile range

        turn
        |> change (
            match setback with
            | Faulted(ErrorStatus.NoSuchName, _) ->
                let after = Oid.append definition.Oid (Oid.arcs range.Cursor)
                fun walk -> { walk with Ends = { After = after; Until = ValueNone } :: walk.Ends }
            | Illegible why when isDecisive turn.Table column -> failing (Unread why) place
            | _ when isDecisive turn.Table column -> failing (Barren(wayOf setback)) place
            | _ -> fun walk -> { walk with Spared = struct (definition.Name, wayOf setback) :: walk.Spared }
        )

    /// A step that asked for `repetitions` rows (0: by GetNext) brought nothing of use. The walk asks for fewer rows; then for one by
    /// GetNext, which some agents answer that do not answer GetBulk, or not well; then for fewer columns, the one that an error names
    /// apart from the others; then not at all.
    let private retreat (repetitions: int) (setback: Setback) (range: WalkRange) (turn: WalkTurn) : WalkTurn =
        let columns = range.Columns.Length
        let isBulk = repetitions > 0
        let isSpeaking = turn.Pace.Bulk = Answers

        let isTooBig =
            match setback with
            | Faulted(status, _) -> status = ErrorStatus.TooBig
            | Narrow _
            | Astray _
            | Illegible _ -> false

        let again (columns: int[]) singly = WalkRequest.Step { range with Columns = columns; Singly = singly }
        let wander place = change (failing Wandering place) turn
        let name = called turn.Table.Profile

        let reduce width =
            let pace = { turn.Pace with Width = min turn.Pace.Width (max 1 width) }
            ask (steps pace [ range ]) { turn with Pace = pace }

        match setback with
        | Narrow answered when answered > 0 && answered < columns -> reduce answered
        | Faulted(status, ValueSome culprit) when
            status <> ErrorStatus.TooBig && columns > 1 && (not isBulk || isSpeaking)
            ->
            let others = again (Array.removeAt culprit range.Columns) (not isBulk)
            ask [ others; again [| range.Columns[culprit] |] true ] turn
        | Narrow _
        | Faulted _ when repetitions > 1 && (isTooBig || isSpeaking) ->
            ask [ WalkRequest.Step range ] { turn with Pace = WalkPace.refused repetitions turn.Pace }
        | _ when isBulk -> ask [ again range.Columns true ] turn
        | Astray(last, at, ValueNone) ->
            let told = if at = last then "itself" else name last
            wander $"{name at} after {told}"
        | Astray(last, at, ValueSome passed) ->
            wander $"{name at} after {name last}, which leaves out {name passed}"
        | Narrow _ when columns > 1 -> reduce (columns / 2)
        | Faulted(ErrorStatus.TooBig, _) when columns > 1 -> reduce (columns / 2)
        | Illegible _
        | Faulted _ when columns > 1 ->
            let half = columns / 2
            ask [ again range.Columns[.. half - 1] true; again range.Columns[half..] true ] turn
        | Narrow _
        | Illegible _
        | Faulted _ -> leave setback range turn

    /// How many rows the agent gives, by the reply to a step.
    let private learn (answer: Answer<'P>) (range: WalkRange) (advance: Advance) (turn: WalkTurn) : WalkPace =
        if answer.Repetitions = 0 then
            WalkPace.singly (range.Singly || answer.WasBulk) turn.Pace
        elif advance.Whole then
            WalkPace.whole range.Columns.Length answer.Repetitions turn.Pace
        elif range.Columns.Length = turn.Table.Columns.Length then
            WalkPace.cut advance.Repetitions turn.Pace
        else
            { turn.Pace with Bulk = Answers }

    let private stepped
        (reply: SnmpReply)
        (answer: Answer<'P>)
        (range: WalkRange)
        (turn: WalkTurn)
        : WalkTurn =
        let columns = turn.Table.Profile.Columns
        let asked = max 1 answer.Repetitions

        match WalkStep.read columns turn.Table.Heads.Length range asked answer.Pdu.VarBinds with
        | Backwards(last, name, passed) -> retreat answer.Repetitions (Astray(last, name, passed)) range turn
        | TooNarrow answered -> retreat answer.Repetitions (Narrow answered) range turn
        | Advanced advance ->
            let pieces =
                (turn.Walk.Pieces, advance.Rows)
                ||> Array.fold (fun pieces (struct (instance, cells)) ->
                    { Instance = instance; Cells = cells; Reply = reply; IsBrief = turn.Table.IsBrief }
                    :: pieces)

            let walk =
                { turn.Walk with
                    Pieces = pieces
                    Ends = advance.Ends @ turn.Walk.Ends
                    Rows = turn.Walk.Rows + advance.Rows.Length
                    Replies = turn.Walk.Replies + 1 }

            let next =
                { range with
                    Columns = advance.Open
                    Cursor = advance.Cursor
                    Singly = false
                    Expected = WalkRange.expectAfter advance.Rows.Length range
                    Density = WalkRange.densityAfter advance.Rows range }

            let turn =
                { turn with Walk = walk; Pace = learn answer range advance turn; Read = ValueSome reply }

            if advance.Open.Length = 0 then
                turn
            elif walk.Rows > MaxRows then
                change (broken (CutShort $"more than {MaxRows} rows")) turn
            else
                ask [ WalkRequest.Step next ] turn

    /// Once more a row with all of its columns.
    let reread (profile: Profile) (instance: Oid) : WalkRequest =
        WalkRequest.Reread(TornRow.whole profile instance)

    let private rereadOn (row: TornRow) (next: TornNext) (turn: WalkTurn) : WalkTurn =
        match next with
        | TornNext.Ask row -> ask [ WalkRequest.Reread row ] turn
        | TornNext.Told -> turn
        | TornNext.Nameless ->
            let what = $"a row that lacks what every row has, at {row.Instance}"
            change (broken (Unreadable what)) turn
        | TornNext.Left why -> change (failing (Barren why) $"row {row.Instance}") turn

    /// Rows that were too much for one request: in two, and one alone as a row that is read again.
    let private refill (profile: Profile) (rows: Oid[]) : WalkRequest list =
        match rows with
        | [||] -> []
        | [| row |] -> [ reread profile row ]
        | _ -> Array.splitInto 2 rows |> Array.map WalkRequest.Fill |> List.ofArray

    /// Whole rows. One of which nothing is told has ended since the walk, if the reply is whole: what the walk told of it stands.
    let private filled (reply: SnmpReply) (rows: Oid[]) (varBinds: VarBind[]) (turn: WalkTurn) : WalkTurn =
        let profile = turn.Table.Profile
        let own = Profile.ownColumns profile
        let isWhole = varBinds.Length >= turn.Table.Heads.Length + rows.Length * own.Length
        let values = RowJoin.toldValues varBinds
        let pieces = ResizeArray<Piece>()
        let torn = ResizeArray<Oid>()
        let untold = ResizeArray<Oid>()

        for row in rows do
            let arcs = Oid.arcs row
            let cells = Array.create profile.Columns.Length Null

            for column in own do
                match values.TryGetValue(Oid.append profile.Columns[column].Oid arcs) with
                | true, value -> cells[column] <- value
                | _ -> ()

            if not isWhole && own |> Array.exists (fun column -> cells[column] = Null) then
                untold.Add row
            elif profile.Identity |> Array.forall (fun column -> cells[column] <> Null) then
                pieces.Add { Instance = row; Cells = cells; Reply = reply; IsBrief = false }
            elif own |> Array.exists (fun column -> cells[column] <> Null) then
                torn.Add row

        { turn with
            Walk = { turn.Walk with Pieces = List.ofSeq pieces @ turn.Walk.Pieces }
            Read = ValueSome reply }
        |> ask (
            [ for row in torn -> reread profile row ]
            // One that comes back short even alone is read column by column.
            @ refill profile (untold.ToArray())
        )

    let private askHalves (pointings: Pointing[]) (turn: WalkTurn) : WalkTurn =
        ask (RowJoin.halves pointings |> List.map WalkRequest.Join) turn

    let private joined
        (reply: SnmpReply)
        (pointings: Pointing[])
        (varBinds: VarBind[])
        (turn: WalkTurn)
        : WalkTurn =
        let profile = turn.Table.Profile
        let asked = turn.Table.Heads.Length + (RowJoin.names profile pointings).Length
        let isWhole = varBinds.Length >= asked
        let joined = RowJoin.read profile reply isWhole pointings varBinds

        let kept =
            if joined.Gone.Count = 0 then
                turn.Walk.Pieces
            else
                turn.Walk.Pieces |> List.filter (fun piece -> not (joined.Gone.Contains piece.Instance))

        let moved = if joined.Moved.Length > 0 then [ joined.Moved ] else []
        let untold = if isWhole then [] else RowJoin.halves pointings

        { turn with
            Walk = { turn.Walk with Pieces = joined.Pieces @ kept }
            Read = ValueSome reply }
        |> ask (List.map WalkRequest.Join (moved @ untold))

    /// Takes an answer; `reply` is what it says of itself.
    let answered (reply: SnmpReply) (answer: Answer<'P>) (request: WalkRequest) (turn: WalkTurn) : WalkTurn =
        let varBinds = answer.Pdu.VarBinds

        match request with
        | WalkRequest.Step range -> stepped reply answer range turn
        | WalkRequest.Reread row ->
            let struct (cells, next) = TornRow.answered turn.Table.Profile varBinds row
            let piece = { Instance = row.Instance; Cells = cells; Reply = reply; IsBrief = false }

            { turn with Read = ValueSome reply }
            |> change (fun walk -> { walk with Pieces = piece :: walk.Pieces })
            |> rereadOn row next
        | WalkRequest.Fill rows -> filled reply rows varBinds turn
        | WalkRequest.Join pointings -> joined reply pointings varBinds turn

    /// Takes an error.
    let failed (answer: Answer<'P>) (request: WalkRequest) (turn: WalkTurn) : WalkTurn =
        let status = answer.Pdu.ErrorStatus
        // Where the error-index names no scalar: the place of the column among those asked.
        let culprit = answer.Pdu.ErrorIndex - 1 - turn.Table.Heads.Length

        match request with
        | WalkRequest.Step range ->
            let isColumn = culprit >= 0 && culprit < range.Columns.Length
            let setback = Faulted(status, (if isColumn then ValueSome culprit else ValueNone))
            retreat answer.Repetitions setback range turn
        | WalkRequest.Reread row ->
            let next = TornRow.failed turn.Table.Profile (isDecisive turn.Table) status culprit row
            rereadOn row next turn
        | WalkRequest.Fill rows -> ask (refill turn.Table.Profile rows) turn
        | WalkRequest.Join pointings -> askHalves pointings turn

    /// The answer to a step cannot be read. Another one may be, if it is smaller, or tells less.
    let illegible (why: string) (repetitions: int) (range: WalkRange) (turn: WalkTurn) : WalkTurn =
        retreat repetitions (Illegible why) range turn

    /// A request was not answered, although others were.
    let unanswered (times: int) (request: WalkRequest) (turn: WalkTurn) : WalkTurn =
        let why = Barren $"no answer to {times} requests"

        match request with
        | WalkRequest.Step range -> change (failing why (where turn.Table.Profile range)) turn
        | WalkRequest.Reread row -> change (failing why $"row {row.Instance}") turn
        | WalkRequest.Fill rows -> ask (refill turn.Table.Profile rows) turn
        | WalkRequest.Join pointings -> askHalves pointings turn

    /// All ranges are done: rows that lack a column that every row has were read while they came or went, and are asked once more,
    /// unless there are too many of them.
    let mend (profile: Profile) (walk: TableWalk) : Result<WalkRequest list, Shortfall> =
        let struct (rows, _) = Rows.assemble profile walk.Pieces
        let torn = rows |> Array.filter (fun row -> not (Rows.isWhole profile row))

        // A column of which nothing at all was shown is not asked for row by row.
        let lacksColumn =
            torn.Length > MaxTornAlone
            && profile.Identity
               |> Array.exists (fun column ->
                   walk.Pieces |> List.forall (fun piece -> piece.Cells[column] = Null))

        if torn.Length > MaxReread || lacksColumn then
            Error(CutShort $"{torn.Length} rows were told in part only")
        else
            Ok [ for row in torn -> reread profile row.Instance ]

    /// These rows are read with all of their columns, as many at once as fit the replies that the agent has given whole.
    let fill (table: WalkedTable) (pace: WalkPace) (rows: Oid[]) : WalkRequest list =
        let width = (Profile.ownColumns table.Profile).Length
        let size = max 1 (min MaxFilled (max 1 pace.Proven * table.Columns.Length) / width)
        rows |> Array.chunkBySize size |> Array.map WalkRequest.Fill |> List.ofArray

    /// Rows that point into another table are read together with what stands there.
    let join (profile: Profile) (pace: WalkPace) (walk: TableWalk) : WalkRequest list =
        let struct (rows, _) = Rows.assemble profile walk.Pieces

        rows
        |> Array.filter (fun row ->
            Rows.isWhole profile row && not (Rows.isBrief row) && Rows.holds profile profile.Where row)
        |> RowJoin.plan profile (max 1 pace.Proven)
        |> List.map WalkRequest.Join
