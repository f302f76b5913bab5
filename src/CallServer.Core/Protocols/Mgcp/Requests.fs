namespace CallServer.Protocols.Mgcp

open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// From what is to be asked to commands, as many at a time as the gateway bears.
module internal MgcpRequests =
    open MgcpState

    let private parameter code value = MgcpParameter.create code value

    /// The command without its transaction id, which is given when it is sent.
    let commandOf (purpose: MgcpPurpose) : MgcpCommand =
        match purpose with
        | ListEndpoints pattern
        | ListAgain pattern -> Mgcp.command MgcpVerb.AuditEndpoint 1 pattern []
        | AskPackages endpoint -> Mgcp.command MgcpVerb.AuditEndpoint 1 endpoint [ parameter "F" "PL" ]
        | CountConnections(pattern, from, most) ->
            Mgcp.command
                MgcpVerb.AuditEndpoint
                1
                pattern
                [ parameter "BA/F" "BA/C"
                  match from with
                  | ValueSome place -> parameter "BA/SE" place
                  | ValueNone -> ()
                  if most > 0 then
                      parameter "BA/NU" (string most) ]
        | AskConnections endpoint -> Mgcp.command MgcpVerb.AuditEndpoint 1 endpoint [ parameter "F" "I" ]
        | AuditListed(endpoint, id)
        | AuditKnown(endpoint, id, _) ->
            Mgcp.command
                MgcpVerb.AuditConnection
                1
                endpoint
                [ parameter "I" id; parameter "F" MgcpObserving.Asked ]
        | ModifyKnown(endpoint, id, known) ->
            Mgcp.command
                MgcpVerb.ModifyConnection
                1
                endpoint
                [ match known.Facts.Call with
                  | ValueSome call -> parameter "C" (string call)
                  | ValueNone -> ()
                  parameter "I" id ]

    let private transmit (now: Instant) (task: MgcpTask) (state: MgcpAuditState) : MgcpAuditState =
        let struct (octets, tx) = MgcpTransactions.send now task (commandOf task.Purpose) state.Tx
        send octets { state with Tx = tx }

    /// Before the gateway was heard, one: whatever it is, one question shows it.
    let private slots (state: MgcpAuditState) : int =
        if state.Tx.LastReply.IsNone then 1 else Pace.slots state.Tx.Pace

    /// Sends what waits, as far as the window allows.
    let rec pump (now: Instant) (state: MgcpAuditState) : MgcpAuditState =
        if
            state.Phase = MgcpPhase.Over
            || state.Tx.Pending.Count >= slots state
            || state.Tx.Requests >= MaxRequests
        then
            state
        else
            match state.Queue with
            | task :: rest -> pump now (transmit now task { state with Queue = rest })
            | [] -> state

    /// What was put off and whose time has come waits like the rest.
    let recall (now: Instant) (state: MgcpAuditState) : MgcpAuditState =
        let ready, later = state.Later |> List.partition (fun (struct (at, _)) -> at <= now)

        if ready.IsEmpty then
            state
        else
            { state with
                Later = later
                Queue = [ for struct (_, task) in ready -> task ] @ state.Queue }

    let deadline (state: MgcpAuditState) : Instant voption =
        let later = state.Later |> List.map (fun (struct (at, _)) -> at)

        match MgcpTransactions.deadline state.Tx, later with
        | ValueNone, [] -> ValueNone
        | ValueNone, times -> ValueSome(List.min times)
        | ValueSome at, times -> ValueSome(List.fold Instant.min at times)
