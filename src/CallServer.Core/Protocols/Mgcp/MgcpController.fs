namespace CallServer.Protocols.Mgcp

open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Asks one endpoint for its notified entity by AUEP with `F: N` (RFC 3435 §2.3.10). An audit does not change it (§4.1).
///
///   event                          what follows
///   2xx with the list              AUEP of the first endpoint on it
///   2xx from the endpoint          over: the N: line
///   any other final response       over: the response in words
///   spent, Stopped                 over: unknown
module MgcpController =
    /// The endpoint that is asked. The purpose is true if the command asks for the list of endpoints.
    type State = MgcpDialogue<EndpointName, bool, Controller>

    let strays (state: State) : int = MgcpDialogue.strays state

    let private ask (now: Instant) (endpoint: EndpointName) (state: State) : State =
        let lists = EndpointName.isWild endpoint
        let parameters = if lists then [] else [ MgcpParameter.create "F" "N" ]

        { state with About = endpoint }
        |> MgcpDialogue.send now lists (Mgcp.command MgcpVerb.AuditEndpoint 1 endpoint parameters)

    let private answered now (response: MgcpResponse) (pending: MgcpPending<bool>) (state: State) : State =
        if not (MgcpReply.succeeded response) then
            let said = $"AUEP {state.About}: {MgcpReply.words response}"
            let reason = Refused(RefusalCause.Code response.Code, said)
            MgcpDialogue.finish (Controller.NotTold reason) state
        elif pending.Purpose then
            let first =
                MgcpParameter.all "Z" response.Parameters
                |> Array.tryPick (EndpointName.tryParseIn state.About.Domain)
                |> Option.filter (EndpointName.isWild >> not)

            match first with
            | Some endpoint -> ask now endpoint state
            | None -> MgcpDialogue.finish (Controller.NotTold DoesNotList) state
        else
            let entity = MgcpParameter.tryFind "N" response.Parameters |> ValueOption.defaultValue ""
            MgcpDialogue.finish (Controller.Told(string state.About, entity.Trim())) state

    let private unanswered (now: Instant) (state: State) : Controller =
        let seconds = Silence.seconds state.Tx.Window.Began now
        Controller.NotTold(Silent $"no answer to AUEP {state.About} in {seconds} s")

    /// Takes in one event. Carry out all returned commands before the next event.
    let advance (event: Event) (state: State) : State * Command<Controller> list =
        MgcpDialogue.advance answered unanswered event state

    /// Asks an endpoint that has a connection on record. If there is none, asks the first endpoint that the gateway lists.
    let start (target: MgcpGateway) (given: AuditStart) : State * Command<Controller> list =
        let endpoint =
            given.Known
            |> Array.tryPick (fun known ->
                match MgcpName.tryPlace known.Id with
                | ValueSome(struct (endpoint, _)) -> Some endpoint
                | ValueNone -> None)
            |> Option.defaultValue (List.head target.Patterns)

        MgcpDialogue.create target given endpoint |> ask given.At.Steady endpoint |> MgcpDialogue.commit
