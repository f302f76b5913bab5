namespace CallServer.Audit

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
        (names: Oid[])
        (varBinds: VarBind[])
        (state: SnmpAuditState)
        =
        let told =
            { Sent = attempt.Sent
              Received = now
              UpTime = ValueNone
              Clock = ValueNone
              Count = ValueNone }

        let readings =
            (state.Readings, varBinds)
            ||> Array.fold (fun readings varBind ->
                if Array.contains varBind.Name names then
                    match varBind.Value with
                    | Null
                    | NoSuchObject
                    | NoSuchInstance
                    | EndOfMibView -> readings
                    | value -> Map.add varBind.Name (struct (value, told)) readings
                else
                    readings)

        let state = { state with Readings = readings }

        if state.Heads.Length > 0 then
            sample (exchangeOfGet state attempt.Sent now varBinds) state
        else
            state

    let private reread now (attempt: Attempt) (instance: Oid) (varBinds: VarBind[]) (state: SnmpAuditState) =
        let profile = profile state
        let cells = Array.create profile.Columns.Length Null

        for varBind in varBinds do
            match varBind.Value with
            | Null
            | NoSuchObject
            | NoSuchInstance
            | EndOfMibView -> ()
            | value ->
                for column in Requests.ownColumns profile do
                    match Oid.suffix profile.Columns[column].Oid varBind.Name with
                    | ValueSome suffix when suffix = instance -> cells[column] <- value
                    | _ -> ()

        let told = exchangeOfGet state attempt.Sent now varBinds

        let piece = { Instance = instance; Cells = cells; Told = told }

        let state = sample told { state with Walk = { state.Walk with Pieces = piece :: state.Walk.Pieces } }

        // Nothing of it is left: it ended under the walk. Something of it, without what names it: a row that
        // cannot be listed.
        let isLeft = cells |> Array.exists (fun cell -> cell <> Null)
        let isNamed = profile.Identity |> Array.forall (fun column -> cells[column] <> Null)

        if isLeft && not isNamed then
            broken (Unreadable $"a row that lacks what every row has, at {instance}") state
        else
            state

    let private isServed (asked: Oid) (varBind: VarBind) : bool =
        match varBind.Value with
        | EndOfMibView
        | NoSuchObject
        | NoSuchInstance -> false
        | _ -> Oid.isPrefixOf asked varBind.Name

    let private choose (now: Instant) (varBinds: VarBind[]) (state: SnmpAuditState) : SnmpAuditState =
        let probes = Requests.profileProbes.Value

        let served index =
            index < varBinds.Length
            && isServed (let struct (_, oid, _) = probes[index] in oid) varBinds[index]

        let answers =
            Profiles.builtIn.Value
            |> Array.map (fun profile ->
                let hits isColumn =
                    probes
                    |> Seq.indexed
                    |> Seq.exists (fun (index, struct (owner, _, column)) ->
                        column = isColumn && Object.ReferenceEquals(owner, profile) && served index)

                struct (profile, hits true, profile.Serves.Length = 0 || hits false))

        let withRows = answers |> Array.tryFind (fun struct (_, rows, mib) -> rows && mib)

        let withMib = answers |> Array.tryFind (fun struct (_, _, mib) -> mib)

        match withRows |> Option.orElse withMib with
        | Some(struct (profile, _, _)) -> { state with Profile = ValueSome profile }
        | None ->
            giveUp
                now
                (NotServed "the table of any built-in profile; the community or user may not see it")
                state

    let answered now (attempt: Attempt) (job: Job) (pdu: Pdu) (state: SnmpAuditState) : SnmpAuditState =
        match job.Purpose with
        | Probing -> choose now pdu.VarBinds state
        | Reading names -> readScalars now attempt names pdu.VarBinds state
        | Stepping strand -> stepped now attempt strand pdu.VarBinds state
        | Rereading instance -> reread now attempt instance pdu.VarBinds state
        | Peeking(column, _) ->
            { state with
                Proven = state.Proven |> ValueOption.map (Recall.peeked column pdu.VarBinds state) }
        | Naming names ->
            match state.Proven, (history state).Ids with
            | ValueSome proven, ValueSome column ->
                let struct (proven, more) = Recall.named names pdu.VarBinds column proven
                enqueue more { state with Proven = ValueSome proven }
            | _ -> state
        | AskingServed ->
            let profile = profile state

            let served =
                Array.exists2
                    isServed
                    (Array.truncate pdu.VarBinds.Length profile.Serves)
                    (Array.truncate profile.Serves.Length pdu.VarBinds)

            if served then
                state
            else
                broken
                    (NotServed $"{profile.Name}: nothing of its MIB is there, or may be seen by whoever asks")
                    state

    let private mayNot (credentials: Credentials) : string =
        match credentials with
        | Community _ -> "this community may not read here; widen its view, or ask with another"
        | User({ Auth = None } as user, _) ->
            $"user '{Rows.textOfOctets user.Name}' may not read without authentication: give auth and priv"
        | User({ Priv = None } as user, _) ->
            $"user '{Rows.textOfOctets user.Name}' may not read without privacy: give priv, or widen its view"
        | User(user, _) -> $"user '{Rows.textOfOctets user.Name}' may not read here; widen its view"

    /// A response with an error status.
    let failed now (attempt: Attempt) (job: Job) (pdu: Pdu) (state: SnmpAuditState) : SnmpAuditState =
        let error = ErrorStatus.name pdu.ErrorStatus

        if pdu.ErrorStatus = ErrorStatus.AuthorizationError || pdu.ErrorStatus = ErrorStatus.NoAccess then
            giveUp now (Refused $"the agent answers {error}: {mayNot state.Target.Credentials}") state
        else
            match job.Purpose with
            | Probing
            | AskingServed -> giveUp now (CallServer.Ledger.Unreadable $"the agent answers {error}") state
            | Reading names when names.Length > 1 ->
                let half = names.Length / 2
                enqueue [ Reading names[.. half - 1]; Reading names[half..] ] state
            // A scalar that cannot be read is one that is not served.
            | Reading _ -> state
            | Peeking _
            | Naming _ -> broken (CutShort $"{error} at the history") state
            | Stepping strand -> ease attempt 0 error strand state
            | Rereading instance -> broken (CutShort $"{error} at row {instance}") state
