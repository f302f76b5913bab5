namespace CallServer.Protocols.Snmp

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// What the answer to each kind of request does.
module internal Answers =
    open AuditState
    open Endings
    open Stepping

    let private readScalars
        (now: Instant)
        (attempt: Attempt)
        (isAsked: Oid -> bool)
        (varBinds: VarBind[])
        (state: SnmpAuditState)
        =
        let told =
            { Sent = attempt.Sent
              Received = now
              UpTime = ValueNone
              Clock = ValueNone
              Counts = [||] }

        let readings =
            (state.Readings, varBinds)
            ||> Array.fold (fun readings varBind ->
                if isAsked varBind.Name then
                    match varBind.Value with
                    | Null
                    | NoSuchObject
                    | NoSuchInstance
                    | EndOfMibView -> readings
                    | value -> Map.add varBind.Name (struct (value, told)) readings
                else
                    readings)

        let told =
            (state.Walk.Told, varBinds)
            ||> Array.fold (fun told varBind -> Map.add varBind.Name varBind.Value told)

        { state with Readings = readings; Walk = { state.Walk with Told = told } }

    /// What comes after a part of a row was told.
    let private rereadOn (asked: Asked) (state: SnmpAuditState) : SnmpAuditState =
        if asked.Later.Length > 0 then
            enqueue [ Rereading { asked with Columns = asked.Later; Later = [||] } ] state
        else
            // Nothing of it is left: it ended under the walk. Something of it, without what names it: a row that
            // cannot be listed.
            let isLeft = asked.Told |> Array.exists (fun cell -> cell <> Null)
            let isNamed = (profile state).Identity |> Array.forall (fun column -> asked.Told[column] <> Null)

            if isLeft && not isNamed then
                broken (Unreadable $"a row that lacks what every row has, at {asked.Instance}") state
            else
                state

    let private reread now (attempt: Attempt) (asked: Asked) (varBinds: VarBind[]) (state: SnmpAuditState) =
        let profile = profile state
        let cells = Array.create profile.Columns.Length Null

        for varBind in varBinds do
            match varBind.Value with
            | Null
            | NoSuchObject
            | NoSuchInstance
            | EndOfMibView -> ()
            | value ->
                for column in asked.Columns do
                    match Oid.suffix profile.Columns[column].Oid varBind.Name with
                    | ValueSome suffix when suffix = asked.Instance -> cells[column] <- value
                    | _ -> ()

        let told = exchangeOfGet state attempt.Sent now varBinds
        let piece = { Instance = asked.Instance; Cells = cells; Told = told }
        let state = sample told { state with Walk = { state.Walk with Pieces = piece :: state.Walk.Pieces } }

        let known =
            if Profile.placesChange profile then
                cells
            else
                Array.map2 (fun before cell -> if cell = Null then before else cell) asked.Told cells

        rereadOn { asked with Told = known } state

    let private joined now (attempt: Attempt) (pointings: Pointing[]) (varBinds: VarBind[]) state =
        let profile = profile state
        let told = exchangeOfGet state attempt.Sent now varBinds
        let asked = state.Heads.Length + (Joining.names profile pointings).Length
        let isWhole = varBinds.Length >= asked
        let joined = Joining.read profile told isWhole pointings varBinds

        let kept =
            if joined.Gone.Count = 0 then
                state.Walk.Pieces
            else
                state.Walk.Pieces |> List.filter (fun piece -> not (joined.Gone.Contains piece.Instance))

        sample told { state with Walk = { state.Walk with Pieces = joined.Pieces @ kept } }
        |> enqueue
            [ if joined.Moved.Length > 0 then
                  Purpose.Joining joined.Moved
              if not isWhole then
                  yield! Joining.halves pointings ]

    /// Something stands at or below a name.
    let private isServed (asked: Oid) (varBind: VarBind) : bool =
        match varBind.Value with
        | Null
        | EndOfMibView
        | NoSuchObject
        | NoSuchInstance -> false
        | _ -> Oid.isPrefixOf asked varBind.Name

    /// Which of these names have something below them. A reply that tells of some of them only leaves the others to be asked.
    let private found (names: Oid[]) (varBinds: VarBind[]) (again: Oid[] -> Purpose) (state: SnmpAuditState) =
        let told = min names.Length varBinds.Length

        let served =
            Array.zip (Array.truncate told names) (Array.truncate told varBinds)
            |> Array.filter (fun (asked, varBind) -> isServed asked varBind)
            |> Array.map fst

        let state =
            { state with
                Found = (state.Found, served) ||> Array.fold (fun found name -> Set.add name found) }

        if told = names.Length || (told = 0 && names.Length = 1) then
            state
        else
            let size = if told = 0 then (names.Length + 1) / 2 else told
            enqueue [ for part in Requests.parts size names[told..] -> again part ] state

    /// By GetNext the instances of a column come one by one: after which one the next is to be asked.
    let private onward (column: Oid) (told: VarBind list) (most: int) (attempt: Attempt) : Oid voption =
        match List.rev told with
        | last :: earlier when
            attempt.Repetitions = 0
            && told.Length < most
            && isServed column last
            && earlier |> List.forall (fun one -> last.Name.CompareTo one.Name > 0)
            ->
            Oid.suffix column last.Name
        | _ -> ValueNone

    let private peeked (column: Oid) (told: VarBind list) (attempt: Attempt) (state: SnmpAuditState) =
        match onward column told Requests.PeekedValues attempt with
        | ValueSome instance -> enqueue [ Peeking(column, instance, told) ] state
        | ValueNone ->
            { state with
                Proven = state.Proven |> ValueOption.map (Recall.peeked column (Array.ofList told) state) }

    let answered now (attempt: Attempt) (job: Job) (pdu: Pdu) (state: SnmpAuditState) : SnmpAuditState =
        match job.Purpose with
        | Probing names -> found names pdu.VarBinds Probing state
        | Reading names ->
            let isAsked name = Array.contains name names
            let state = readScalars now attempt isAsked pdu.VarBinds state

            if state.Heads |> Array.exists (fun struct (_, head) -> isAsked head) then
                sample (exchangeOfGet state attempt.Sent now pdu.VarBinds) state
            else
                state
        | Finding(column, told) ->
            let state = readScalars now attempt (Oid.isPrefixOf column) pdu.VarBinds state
            let told = told @ List.ofArray pdu.VarBinds

            match onward column told Requests.FoundInstances attempt with
            | ValueSome _ -> enqueue [ Finding(column, told) ] state
            | ValueNone -> state
        | Stepping strand -> stepped now attempt job strand pdu.VarBinds state
        | Rereading asked -> reread now attempt asked pdu.VarBinds state
        | Purpose.Joining pointings -> joined now attempt pointings pdu.VarBinds state
        | Peeking(column, _, told) -> peeked column (told @ List.ofArray pdu.VarBinds) attempt state
        | Naming names ->
            match state.Proven, (history state).Ids with
            | ValueSome proven, ValueSome column ->
                let struct (proven, more) = Recall.named names pdu.VarBinds column proven
                enqueue more { state with Proven = ValueSome proven }
            | _ -> state
        | AskingServed names -> found names pdu.VarBinds AskingServed state

    /// Whoever may not read what was asked for, and what that is told as.
    let private mayNot (error: string) (credentials: Credentials) : Shortfall =
        let refused cause detail = Refused(cause, $"the agent answers {error}: {detail}")
        let name (user: UsmUser) = Rows.textOfOctets user.Name

        match credentials with
        | Community _ ->
            refused
                RefusalCause.AccessRules
                "this community may not read here; widen its view, or ask with another"
        | User({ Auth = None } as user, _) ->
            refused
                RefusalCause.SecurityLevel
                $"user '{name user}' may not read without authentication: give auth and priv"
        | User({ Priv = None } as user, _) ->
            refused
                RefusalCause.Encryption
                $"user '{name user}' may not read without privacy: give priv, or widen its view"
        | User(user, [||]) ->
            refused RefusalCause.AccessRules $"user '{name user}' may not read here; widen its view"
        | User(user, context) ->
            refused
                RefusalCause.Context
                $"user '{name user}' may not read in context '{Rows.textOfOctets context}'; see context=, or widen its view"

    /// The columns of a row apart from each other. One that cannot be read alone has nothing there, as version 1 says it (RFC 1157
    /// section 4.1.2), or is left.
    let private rereadApart (pdu: Pdu) (asked: Asked) (state: SnmpAuditState) : SnmpAuditState =
        let error = ErrorStatus.name pdu.ErrorStatus

        if (profile state).Positional then
            failing (Barren error) $"row {asked.Instance}" state
        else
            let culprit = pdu.ErrorIndex - 1 - state.Heads.Length

            match Requests.splitAt pdu.ErrorStatus culprit asked.Columns with
            | [ first; rest ] ->
                enqueue
                    [ Rereading { asked with Columns = first; Later = Array.append rest asked.Later } ]
                    state
            | _ ->
                let column = asked.Columns[0]

                if pdu.ErrorStatus = ErrorStatus.NoSuchName || not (isDecisive column state) then
                    rereadOn asked state
                else
                    failing (Barren error) $"row {asked.Instance}" state

    /// An error to a step, and which of the strand's columns it names.
    let private refused (attempt: Attempt) (pdu: Pdu) (strand: Strand) (state: SnmpAuditState) =
        let at = pdu.ErrorIndex - 1 - state.Heads.Length

        let culprit =
            match attempt.Purpose with
            | Stepping asked when at >= 0 && at < asked.Columns.Length -> ValueSome at
            | _ -> ValueNone

        retreat attempt (Faulted(pdu.ErrorStatus, culprit)) strand state

    /// A response with an error status.
    let failed now (attempt: Attempt) (job: Job) (pdu: Pdu) (state: SnmpAuditState) : SnmpAuditState =
        let error = ErrorStatus.name pdu.ErrorStatus

        if pdu.ErrorStatus = ErrorStatus.AuthorizationError || pdu.ErrorStatus = ErrorStatus.NoAccess then
            giveUp now (mayNot error state.Target.Credentials) state
        else
            let apart (names: Oid[]) (again: Oid[] -> Purpose) =
                enqueue [ for part in Requests.apart pdu names -> again part ] state

            match job.Purpose with
            // What cannot be read even alone is not served.
            | Probing names -> apart names Probing
            | AskingServed names -> apart names AskingServed
            // Of one object, version 1's word for what is not there (RFC 3416 section 4.2.1 knows it no longer): it does not tell
            // why not.
            | Reading [| name |] when pdu.ErrorStatus = ErrorStatus.NoSuchName ->
                { state with Walk = { state.Walk with Told = Map.add name NoSuchObject state.Walk.Told } }
            | Reading names -> apart names Reading
            | Finding _ -> state
            | Naming names when names.Length > 1 -> apart names Naming
            | Peeking _
            | Naming _ -> broken (CutShort $"{error} at the history") state
            | Stepping strand -> refused attempt pdu strand state
            | Rereading asked -> rereadApart pdu asked state
            | Purpose.Joining pointings -> enqueue (Joining.halves pointings) state
