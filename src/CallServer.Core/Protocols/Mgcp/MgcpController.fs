namespace CallServer.Protocols.Mgcp

open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Asks one endpoint for its notified entity by AUEP with `F: N` (RFC 3435 §2.3.10); an audit does not change it (§4.1).
///
///   event                          what follows
///   2xx of the list                AUEP of the first endpoint on it
///   2xx of the endpoint            over: its N:
///   any other final response       over: its words
///   spent, Stopped                 over: nobody knows
module MgcpController =
    open MgcpState

    type State =
        internal
            {
                Where: EndpointName
                /// Whether it is the list of endpoints that is asked for.
                Tx: MgcpTransactions<bool>
                Asked: Instant
                Over: bool
            }

    let strays (state: State) : int = state.Tx.Strays

    let private over (outcome: Controller) (state: State) : State * Command<Controller> list =
        { state with Over = true }, [ Finished outcome ]

    let private wake (state: State) : Command<Controller> list =
        match MgcpTransactions.deadline state.Tx with
        | ValueSome at -> [ WakeAt at ]
        | ValueNone -> []

    let private ask
        (now: Instant)
        (endpoint: EndpointName)
        (state: State)
        : State * Command<Controller> list =
        let lists = EndpointName.isWild endpoint

        let command =
            Mgcp.command
                MgcpVerb.AuditEndpoint
                1
                endpoint
                (if lists then [] else [ MgcpParameter.create "F" "N" ])

        let struct (octets, tx) = MgcpTransactions.send now lists command state.Tx
        let state = { state with Where = endpoint; Tx = tx }
        state, Send octets :: wake state

    let private silence (now: Instant) (state: State) =
        Controller.NotTold(Silent $"no answer to AUEP {state.Where} in {Silence.seconds state.Asked now} s")

    let private answered now (lists: bool) (response: MgcpResponse) (state: State) =
        if ReturnCode.classify response.Code <> Success then
            over
                (Controller.NotTold(
                    Refused(RefusalCause.Code response.Code, $"AUEP {state.Where}: {words response}")
                ))
                state
        elif lists then
            let first =
                MgcpParameter.all "Z" response.Parameters
                |> Array.tryPick (EndpointName.tryParseIn state.Where.Domain)
                |> Option.filter (EndpointName.isWild >> not)

            match first with
            | Some endpoint -> ask now endpoint state
            | None -> over (Controller.NotTold DoesNotList) state
        else
            let entity = MgcpParameter.tryFind "N" response.Parameters |> ValueOption.defaultValue ""

            over (Controller.Told(string state.Where, entity.Trim())) state

    let private received (now: Instant) (octets: byte[]) (state: State) : State * Command<Controller> list =
        let struct (arrival, tx) = MgcpTransactions.receive now octets state.Tx
        let state = { state with Tx = tx }
        let replies = arrival.Replies |> List.map Send

        match arrival.Finals with
        | struct (response, pending) :: _ ->
            let state, commands = answered now pending.Purpose response state
            state, replies @ commands
        | [] -> state, replies @ wake state

    let private woke (now: Instant) (state: State) : State * Command<Controller> list =
        let struct (repeats, spent, tx) = MgcpTransactions.due now state.Tx
        let state = { state with Tx = tx }

        match spent with
        | [] -> state, List.map Send repeats @ wake state
        | _ -> over (silence now state) state

    let advance (event: Event) (state: State) : State * Command<Controller> list =
        let now = event.At.Steady

        match event with
        | _ when state.Over -> state, []
        | Received(_, octets) -> received now octets state
        | Woke _ -> woke now state
        | Stopped _ -> over (silence now state) state
        // MGCP goes by datagrams alone.
        | Connected _
        | Arrived _
        | Broken _ -> state, []

    /// An endpoint of a connection that the record knows; where it knows none, the first one that the gateway lists.
    let start (target: MgcpGateway) (given: AuditStart) : State * Command<Controller> list =
        let known =
            given.Known
            |> Array.tryPick (fun c ->
                match tryPlace c.Id with
                | ValueSome(struct (endpoint, _)) -> Some endpoint
                | ValueNone -> None)

        let endpoint = known |> Option.defaultValue (List.head target.Patterns)
        let now = given.At.Steady

        { Where = endpoint
          Tx =
            MgcpTransactions.start
                target.Timeout
                target.Attempts
                MgcpPace.none
                0
                (MgcpDialect.create target.Version)
                given.Rng
          Asked = now
          Over = false }
        |> ask now endpoint
