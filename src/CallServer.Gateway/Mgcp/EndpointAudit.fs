namespace CallServer.Gateway

open CallServer.Wire

/// Answers AUEP (RFC 3435 §2.3.10).
module internal EndpointAudit =
    let private put = MgcpParameter.create

    /// The capabilities of an endpoint, one line per set of codecs.
    let private capabilities =
        let modes = "m:sendonly;recvonly;sendrecv;inactive;confrnce;netwloop;netwtest"

        [ put "A" $"a:PCMU;PCMA;G722;G726-32, p:10-100, e:on, s:off, v:BA;L;G, {modes}"
          put "A" $"a:G723;G728;G729;GSM;iLBC, p:20-90, e:on, s:on, v:BA;L;G, {modes}" ]

    let private connections (sight: MgcpSight) (place: int) : MgcpParameter list =
        match sight.Wiring.On[place] |> List.map MgcpView.connectionId with
        | [] -> [ put "I" "" ]
        | ids when sight.Options.Vices.CommaIds -> [ put "I" (String.concat ", " ids) ]
        | ids -> ids |> List.map (put "I")

    /// The lines for one requested parameter. A parameter that is supported but empty is still reported; one that is unknown is
    /// left out.
    let private value (sight: MgcpSight) (place: int) (code: string) : MgcpParameter list =
        let isBusy = not sight.Wiring.On[place].IsEmpty

        match code with
        | "R"
        | "D"
        | "S"
        | "T"
        | "O"
        | "B" -> [ put code "" ]
        | "X" -> [ put "X" "0" ]
        | "Q" -> [ put "Q" "process, step" ]
        | "N" -> [ put "N" sight.Notified ]
        | "I" -> connections sight place
        | "ES" -> [ put "ES" (if isBusy then "L/hd" else "L/hu") ]
        | "RM" -> [ put "RM" (if sight.Options.Vices.Disconnected then "disconnected" else "restart") ]
        | "RD" when sight.Options.Vices.Disconnected ->
            [ put "RD" (string (int64 sight.DisconnectedFor.TotalSeconds)) ]
        | "RD" -> [ put "RD" "0" ]
        | "E" -> [ put "E" "000 Endpoint OK" ]
        | "PL" when sight.Options.Vices.NoBulkAudit -> [ put "PL" "L:1, G:1" ]
        | "PL" -> [ put "PL" "L:1, G:1, BA:0" ]
        | "MD" -> [ put "MD" (string sight.Options.MaxMessage) ]
        | "A" -> capabilities
        | _ -> []

    let private one (sight: MgcpSight) (command: MgcpCommand) : MgcpAnswer =
        match MgcpNames.tryPlace sight command.Endpoint with
        | ValueNone -> MgcpAnswer.error 500
        | ValueSome place when MgcpNames.isOutOfService sight place -> MgcpAnswer.error 501
        | ValueSome place ->
            MgcpNames.requested "F" command.Parameters
            |> List.collect (value sight place)
            |> MgcpAnswer.create 200

    /// Answers with all names that match, whatever else was requested.
    let private all (sight: MgcpSight) (command: MgcpCommand) : MgcpAnswer =
        let domain =
            if sight.Options.Vices.WrongDomain then
                "elsewhere.example.net"
            else
                sight.Options.Domain

        let bare = sight.Options.Vices.NoDomains

        match MgcpNames.matching sight command.Endpoint with
        | [||] -> MgcpAnswer.error 500
        | places ->
            [ for place in places ->
                  put "Z" (sight.Wiring.Circuits.Names[place] + (if bare then "" else "@" + domain)) ]
            |> MgcpAnswer.create 200

    /// Whether a term other than the last is a wildcard.
    let private isComplicated (pattern: EndpointName) : bool =
        let terms = EndpointName.terms pattern
        terms.Length < 2 || Array.exists (fun term -> term = "*") terms[.. terms.Length - 2]

    let answer (sight: MgcpSight) (command: MgcpCommand) : MgcpAnswer =
        let vices = sight.Options.Vices

        if vices.ListsNothing then
            if MgcpNames.isOurs sight.Options.Domain command.Endpoint then
                MgcpAnswer.create 200 []
            else
                MgcpAnswer.error 500
        elif EndpointName.isAnyOf command.Endpoint then
            // The any-of wildcard must not be used here (§2.3.10).
            MgcpAnswer.error 500
        elif not (EndpointName.isAllOf command.Endpoint) then
            one sight command
        elif vices.NoWildcards then
            MgcpAnswer.error 500
        elif vices.TooComplicated && isComplicated command.Endpoint then
            MgcpAnswer.error 503
        elif not vices.NoBulkAudit && (MgcpParameter.tryFind "BA/F" command.Parameters).IsSome then
            BulkAudit.answer sight command
        else
            all sight command
