namespace CallServer.Protocols.Mgcp

open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Ends one connection by DLCX (RFC 3435 §2.3.7). No state but one command:
///
///   event                       what follows
///   2xx                         over: Ended, with the final counters of P:
///   515, 500                    over: not released, the gateway does not have it
///   any other final response    over: not released, its words
///   spent                       over: nobody knows
///   Stopped                     over: nobody knows
///
/// The command is repeated under one transaction id, so that a response that was lost is told again and not taken for 515.
module MgcpRelease =
    open MgcpState

    type State =
        internal
            { Connection: Connection
              Where: string
              Tx: MgcpTransactions<unit>
              Asked: Instant
              Over: bool }

    let strays (state: State) : int = state.Tx.Strays

    let isOver (state: State) : bool = state.Over

    let private over (outcome: Release) (state: State) : State * Command<Release> list =
        { state with Over = true }, [ Finished outcome ]

    let private ended (now: Instant) (response: MgcpResponse) (pending: MgcpPending<unit>) (state: State) =
        let c = state.Connection
        let within = Interval.create pending.First now

        let counters =
            MgcpParameter.tryFind "P" response.Parameters |> ValueOption.map ConnectionParameters.decode

        let observation: Observation =
            { Id = c.Id
              Stamp = c.Stamp
              Heard = within
              Setup = ValueNone
              Start = ValueNone
              MinimumAge = System.TimeSpan.Zero
              Facts = c.Facts }

        over
            (Release.Ended
                { Observation = observation
                  End = Timing.reported within
                  Cause = ValueSome(words response)
                  Counters = counters
                  IsRenamed = false
                  Row = ValueNone })
            state

    let private refused (response: MgcpResponse) (state: State) =
        let what =
            if response.Code = 515 || response.Code = 500 then
                "the gateway does not have it"
            else
                "the gateway would not"

        over
            (Release.NotReleased(
                Refused(RefusalCause.Code response.Code, $"DLCX {state.Where}: {what}: {words response}")
            ))
            state

    let private silence (now: Instant) (state: State) : Shortfall =
        let asked = $"no final answer to {state.Tx.Requests} datagrams in {Silence.seconds state.Asked now} s"

        if state.Tx.LastReply.IsNone then
            Silent $"{asked}: nobody knows whether it ended"
        else
            CutShort $"{asked}: nobody knows whether it ended"

    let private wake (state: State) : Command<Release> list =
        match MgcpTransactions.deadline state.Tx with
        | ValueSome at -> [ WakeAt at ]
        | ValueNone -> []

    let private received (now: Instant) (octets: byte[]) (state: State) : State * Command<Release> list =
        let struct (arrival, tx) = MgcpTransactions.receive now octets state.Tx
        let state = { state with Tx = tx }
        let replies = arrival.Replies |> List.map Send

        match arrival.Finals with
        | struct (response, pending) :: _ ->
            let state, commands =
                if ReturnCode.classify response.Code = Success then
                    ended now response pending state
                else
                    refused response state

            state, replies @ commands
        | [] -> state, replies @ wake state

    let private woke (now: Instant) (state: State) : State * Command<Release> list =
        let struct (repeats, spent, tx) = MgcpTransactions.due now state.Tx
        let state = { state with Tx = tx }

        match spent with
        | [] -> state, List.map Send repeats @ wake state
        | _ -> over (Release.NotReleased(silence now state)) state

    let advance (event: Event) (state: State) : State * Command<Release> list =
        let now = event.At.Steady

        match event with
        | _ when state.Over -> state, []
        | Received(_, octets) -> received now octets state
        | Woke _ -> woke now state
        | Stopped _ -> over (Release.NotReleased(silence now state)) state
        // MGCP goes by datagrams alone.
        | Connected _
        | Arrived _
        | Broken _ -> state, []

    /// Begins to release one connection of the record. The id must be that of an MGCP connection, and known to the record: anything
    /// else is our own mistake and throws.
    let start (target: MgcpGateway) (id: ConnectionId) (given: AuditStart) : State * Command<Release> list =
        let connection =
            match given.Known |> Array.tryFind (fun known -> known.Id = id) with
            | Some known -> known
            | None -> invalidArg (nameof id) $"the record does not hold {id}"

        match tryPlace id with
        | ValueNone -> invalidArg (nameof id) $"not ENDPOINT/CONNECTIONID: {id}"
        | ValueSome(struct (endpoint, connectionId)) ->
            let now = given.At.Steady

            let command =
                Mgcp.command
                    MgcpVerb.DeleteConnection
                    1
                    endpoint
                    [ match connection.Facts.Call with
                      | ValueSome call -> MgcpParameter.create "C" (string call)
                      | ValueNone -> ()
                      MgcpParameter.create "I" connectionId ]

            let tx =
                MgcpTransactions.start
                    target.Timeout
                    target.Attempts
                    MgcpPace.none
                    0
                    (MgcpDialect.create target.Version)
                    given.Rng

            let struct (octets, tx) = MgcpTransactions.send now () command tx

            let state = { Connection = connection; Where = string id; Tx = tx; Asked = now; Over = false }

            state, Send octets :: wake state
