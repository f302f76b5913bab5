namespace CallServer.Gateway

open System
open CallServer.Wire

/// AUCX (RFC 3435 §2.3.11), MDCX (§2.3.6), DLCX (§2.3.7), and commands that concern no connection.
module internal ConnectionCommands =
    let private put = MgcpParameter.create

    let private find (sight: MgcpSight) (place: int) (id: string) : SimConnection option =
        sight.Wiring.On[place] |> List.tryFind (fun connection -> MgcpView.connectionId connection = id)

    let private isOf (call: string) (connection: SimConnection) =
        String.Equals(MgcpView.callId connection, call, StringComparison.OrdinalIgnoreCase)

    /// The lines for one requested parameter. Session descriptions follow separately.
    let private value (sight: MgcpSight) (connection: SimConnection) (code: string) : MgcpParameter list =
        let vices = sight.Options.Vices

        match code with
        | "C" -> [ put "C" (MgcpView.callId connection) ]
        | "N" -> [ put "N" sight.Notified ]
        | "L" when vices.NoOptions -> [ put "L" "" ]
        | "L" -> [ put "L" (LocalConnectionOptions.encode (MgcpView.options connection)) ]
        | "M" -> [ put "M" (MgcpView.mode connection) ]
        | "P" ->
            let counters = MgcpView.counters vices.SaturatedCounters sight.Now connection
            [ put "P" (ConnectionParameters.encode counters) ]
        | _ -> []

    /// A description that was requested but does not exist is `v=0` alone.
    let private descriptor (sight: MgcpSight) (text: string) : string =
        if sight.Options.Vices.NoSessions then Sdp.encode Sdp.absent else text

    let audit (sight: MgcpSight) (command: MgcpCommand) : MgcpAnswer =
        let asks code = MgcpParameter.tryFind code command.Parameters

        if EndpointName.isWild command.Endpoint then
            MgcpAnswer.error 510
        else
            match MgcpNames.tryPlace sight command.Endpoint, asks "I", asks "F" with
            | ValueNone, _, _ -> MgcpAnswer.error 500
            | ValueSome place, _, _ when MgcpNames.isOutOfService sight place -> MgcpAnswer.error 501
            | _, ValueNone, _
            | _, _, ValueNone -> MgcpAnswer.error 510
            | ValueSome place, ValueSome id, ValueSome _ ->
                match find sight place id with
                | None -> MgcpAnswer.error 515
                | Some connection ->
                    let asked = MgcpNames.requested "F" command.Parameters |> List.distinct

                    { MgcpAnswer.create 200 (asked |> List.collect (value sight connection)) with
                        Sessions =
                            [ if List.contains "LC" asked then
                                  yield descriptor sight (SimSession.local connection)
                              if List.contains "RC" asked then
                                  yield descriptor sight (SimSession.remote connection) ] }

    /// Answers MDCX. This gateway refuses every change, so only an MDCX that changes nothing succeeds.
    let modify (sight: MgcpSight) (command: MgcpCommand) : MgcpAnswer =
        let asks code = MgcpParameter.tryFind code command.Parameters

        match MgcpNames.tryPlace sight command.Endpoint, asks "C", asks "I" with
        | ValueNone, _, _ -> MgcpAnswer.error 500
        | ValueSome place, _, _ when MgcpNames.isOutOfService sight place -> MgcpAnswer.error 501
        | _, ValueNone, _
        | _, _, ValueNone -> MgcpAnswer.error 510
        | ValueSome place, ValueSome call, ValueSome id ->
            match find sight place id with
            | None -> MgcpAnswer.error 515
            | Some connection when not (isOf call connection) -> MgcpAnswer.error 516
            | Some _ when (asks "M").IsSome || (asks "L").IsSome || command.Sessions.Length > 0 ->
                MgcpAnswer.error 507
            | Some connection ->
                { MgcpAnswer.create 200 [] with
                    Sessions = [ descriptor sight (SimSession.local connection) ]
                    Notify = asks "N" }

    /// Answers DLCX. It deletes one connection of a call, all connections of the call on an endpoint, or all connections on one
    /// or several endpoints.
    let delete (sight: MgcpSight) (command: MgcpCommand) : MgcpAnswer =
        let asks code = MgcpParameter.tryFind code command.Parameters

        let places =
            if EndpointName.isAllOf command.Endpoint then
                MgcpNames.matching sight command.Endpoint |> Array.toList
            else
                MgcpNames.tryPlace sight command.Endpoint |> ValueOption.toList

        let ending (connections: SimConnection list) (answer: MgcpAnswer) =
            { answer with Ends = connections; Notify = asks "N" }

        match places, asks "C", asks "I" with
        | [], _, _ -> MgcpAnswer.error 500
        | [ place ], _, _ when MgcpNames.isOutOfService sight place -> MgcpAnswer.error 501
        | [ place ], ValueSome call, ValueSome id ->
            match find sight place id with
            | None -> MgcpAnswer.error 515
            | Some connection when not (isOf call connection) -> MgcpAnswer.error 516
            | Some connection ->
                let counters = MgcpView.counters sight.Options.Vices.SaturatedCounters sight.Now connection

                MgcpAnswer.create 250 [ put "P" (ConnectionParameters.encode counters) ]
                |> ending [ connection ]
        | _, _, ValueSome _ -> MgcpAnswer.error 510
        | places, call, ValueNone ->
            let isMeant connection = call |> ValueOption.forall (fun call -> isOf call connection)

            MgcpAnswer.create 250 []
            |> ending (places |> List.collect (fun place -> sight.Wiring.On[place]) |> List.filter isMeant)

    /// Answers RQNT and EPCF. Nothing is watched or configured here, but the command names the call agent.
    let accept (sight: MgcpSight) (command: MgcpCommand) : MgcpAnswer =
        let isKnown =
            (MgcpNames.tryPlace sight command.Endpoint).IsSome
            || (EndpointName.isAllOf command.Endpoint
                && (MgcpNames.matching sight command.Endpoint).Length > 0)

        if isKnown then
            { MgcpAnswer.create 200 [] with Notify = MgcpParameter.tryFind "N" command.Parameters }
        else
            MgcpAnswer.error 500
