namespace CallServer.Gateway

open System
open CallServer.Model
open CallServer.Wire

/// Answers a request, whichever version of SNMP it came in.
module internal Answering =
    let private refreshed (now: Instant) (state: AgentState) : struct (AgentState * Rows) =
        let layout = state.Settings.Mib.Layout

        let rows =
            match state.Rows with
            | ValueSome rows -> Rows.refresh layout state.Clocks now state.Served rows
            | ValueNone -> Rows.build layout state.Clocks now state.Served

        let struct (_, countedAt) = state.Counted

        let counted =
            match state.Settings.Vices.Counting with
            | LagsBy lag when now < countedAt + lag -> state.Counted
            | LagsBy _
            | Honest
            | OffBy _ -> struct (state.Served.Count, now)

        struct ({ state with Rows = ValueSome rows; Counted = counted }, rows)

    /// Whether the twin carries the connection too.
    let private isTwins (row: Row) : bool = row.Connection.Serial % 2L = 0L

    let private sight (now: Instant) (rows: Rows) (state: AgentState) : Sight =
        let struct (counted, _) = state.Counted

        let counted =
            if state.IsTwin then
                rows.Items |> Array.filter isTwins |> Array.length
            else
                counted

        { Now = now
          Clock = state.Clocks
          Counted =
            (match state.Settings.Vices.Counting with
             | OffBy error -> max 0 (counted + error)
             | Honest
             | LagsBy _ -> counted)
          Listed = state.Served.ListedTotal
          EngineId = state.Settings.EngineId
          UsmStats = state.UsmStats
          GarbageStamps = state.Settings.Vices.GarbageStamps }

    let private isMissing (vices: Vices) : uint32 -> SimConnection -> bool =
        match vices.MissingCells with
        | ValueNone -> fun _ _ -> false
        | ValueSome every ->
            fun arc connection ->
                let mixed = (uint64 connection.Serial * 31UL + uint64 arc) * 0x9E3779B97F4A7C15UL
                // Of every two neighbouring columns, one is kept. A row without any cell would not be a row, and nobody could
                // miss it.
                let isKept = every > 1 && (uint64 connection.Serial + uint64 arc) % 2UL = 0UL
                not isKept && (mixed >>> 40) % uint64 (max 1 every) = 0UL

    /// Not there yet.
    let private isLate (now: Instant) (vices: Vices) : Oid -> SimConnection -> bool =
        match vices.Late with
        | ValueNone -> fun _ _ -> false
        | ValueSome(struct (columns, after)) ->
            fun column connection -> now < connection.Setup + after && columns.Contains column

    let private asNow (now: Instant) (vices: Vices) (rows: Row[]) : Row[] =
        match vices.Renegotiates with
        | ValueNone -> rows
        | ValueSome after ->
            rows
            |> Array.map (fun row ->
                { row with Connection = SimConnection.renegotiated after now row.Connection })

    /// The reply to a request that was understood and allowed, with at most this many octets of variable bindings.
    let answer (now: Instant) (room: int) (pdu: Pdu) (state: AgentState) : struct (AgentState * Pdu voption) =
        let vices = state.Settings.Vices
        let state = { state with Requests = state.Requests + 1 }

        let state =
            match vices.RenumbersEvery with
            | ValueSome every when state.Requests % max 1 every = 0 -> AgentState.renumber state
            | ValueSome _
            | ValueNone -> state

        let struct (state, rows) = refreshed now state

        let past =
            state.Settings.Mib.History
            |> ValueOption.map (fun history -> PastRows.refresh history state.Clocks state.Served state.Past)

        let state = { state with Past = past }

        let isHidden =
            let struct (burst, _) = state.Burst

            vices.HidesTableAfter |> ValueOption.exists (fun most -> state.Requests > most)
            || vices.HidesTableFor |> ValueOption.exists (fun most -> burst <= most)

        let regions =
            if isHidden then
                state.Regions |> Array.filter (fun region -> not region.IsOfColumn)
            else
                state.Regions

        let view =
            { Regions = regions
              Rows = asNow now vices (if state.IsTwin then Array.filter isTwins rows.Items else rows.Items)
              Past = past |> ValueOption.map (PastRows.shown now) |> ValueOption.defaultValue [||]
              Sight = sight now rows state
              IsMissing =
                let isMissing, isLate = isMissing vices, isLate now vices

                fun column arc connection -> isMissing arc connection || isLate column connection }

        let refusal status place =
            let place = if vices.BlamesNobody then 0 else place
            Pdu.errorResponse pdu.RequestId status place pdu.VarBinds

        let telling (varBinds: VarBind[]) =
            match Answers.culprit vices pdu varBinds with
            | ValueSome place -> refusal ErrorStatus.GenErr place
            | ValueNone -> Pdu.response pdu.RequestId varBinds

        let fitting (varBinds: VarBind[]) =
            if Array.sumBy Sizes.varBind varBinds > room then
                Pdu.errorResponse pdu.RequestId ErrorStatus.TooBig 0 [||]
            else
                telling varBinds

        let asksFor =
            match pdu.Kind with
            | GetBulk -> pdu.VarBinds.Length * max 1 pdu.MaxRepetitions
            | _ -> pdu.VarBinds.Length

        let reply =
            match pdu.Kind, vices.ErrorEvery with
            | GetBulk, _ when vices.BulkRefusal = ValueSome Unanswered -> ValueNone
            | (Get | GetNext | GetBulk), _ when
                ValueOption.exists (fun most -> asksFor > most) vices.TooBigAbove
                ->
                ValueSome(Pdu.errorResponse pdu.RequestId ErrorStatus.TooBig 0 [||])
            | (Get | GetNext | GetBulk), ValueSome(struct (every, status)) when
                state.Requests % max 1 every = 0
                ->
                ValueSome(refusal status 1)
            | Get, _ -> ValueSome(fitting (Answers.get view pdu))
            | GetNext, _ -> ValueSome(fitting (Answers.getNext vices view pdu))
            | GetBulk, _ when vices.BulkRefusal.IsSome ->
                match vices.BulkRefusal with
                | ValueSome(AnsweredBy status) ->
                    ValueSome(Pdu.errorResponse pdu.RequestId status 0 pdu.VarBinds)
                | _ -> ValueNone
            | GetBulk, _ -> ValueSome(telling (Answers.getBulk vices view room pdu))
            | Set, _ -> ValueSome(Pdu.errorResponse pdu.RequestId ErrorStatus.NotWritable 1 pdu.VarBinds)
            | (Response | Report | TrapV2 | Inform), _ -> ValueNone

        match reply, vices.AnswersOnly with
        | ValueSome _, ValueSome most when state.Answered >= most -> struct (state, ValueNone)
        | ValueSome reply, _ ->
            let reply =
                if vices.WrongRequestIds then
                    { reply with RequestId = reply.RequestId ^^^ 0x5A5A }
                else
                    reply

            struct ({ state with Answered = state.Answered + 1 }, ValueSome reply)
        | ValueNone, _ -> struct (state, ValueNone)

    let sent (varBinds: int) (datagram: byte[]) (state: AgentState) : Reply list =
        let vices = state.Settings.Vices

        match vices.SilentAbove with
        | ValueSome most when datagram.Length > most -> []
        | ValueSome _
        | ValueNone ->
            [ { After = vices.DelayPerRequest + float varBinds * vices.DelayPerVarBind
                Datagram = datagram } ]
