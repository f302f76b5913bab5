namespace CallServer.Gateway

open CallServer.Wire

/// A protocol besides SNMP that simulated gateways speak.
[<NoComparison; NoEquality>]
type internal Protocol =
    {
        Name: string
        /// Whether it also listens for streams.
        UsesStreams: bool
        /// Its vices as the help lists them, without the protocol's name.
        ViceWords: string list
        /// Makes a responder for a table from the words of its vices; the errors name every mistake.
        Create: GatewaySettings -> string list -> Result<Table -> Responder, string list>
    }

module internal Protocols =
    /// One over streams too, whose responder is made from the settings, the vices and a table.
    let private speaking
        (name: string)
        (known: string list)
        words
        (none: 'Vices)
        (create: GatewaySettings -> 'Vices -> Table -> Responder)
        : Protocol =
        { Name = name
          UsesStreams = true
          ViceWords = known
          Create = fun settings given -> Words.addAll words given none |> Result.map (create settings) }

    let private mgcp: Protocol =
        { Name = "mgcp"
          UsesStreams = false
          ViceWords = Words.known MgcpVices.words
          Create =
            fun settings words ->
                let domain = settings.Domain

                match
                    EndpointName.tryParse ("*@" + domain), Words.addAll MgcpVices.words words MgcpVices.none
                with
                | None, _ -> Error [ $"'{domain}' cannot stand after the @ of an endpoint's name" ]
                | Some _, Error mistakes -> Error mistakes
                | Some _, Ok vices ->
                    let options =
                        { MgcpOptions.standard with
                            Domain = domain
                            CallAgent = ValueOption.ofObj settings.CallAgent
                            FirstTransaction = 1 + int (settings.Seed % 100_000_000UL)
                            Vices = vices }

                    Ok(fun table -> MgcpResponder.create options table.Now) }

    let private h248: Protocol =
        { speaking "h248" H248Vices.known H248Vices.words H248Vices.none (fun settings vices _ ->
              let domain = settings.Domain
              let sender = if domain.StartsWith '[' then domain else $"<{domain}>"
              H248Responder.create { H248Options.standard with Sender = sender; Vices = vices }) with
            UsesStreams = false }

    let private sip: Protocol =
        { Name = "sip"
          UsesStreams = true
          ViceWords = SipViceWords.known
          Create =
            fun settings words ->
                Words.addAllAs SipViceWords.Noun SipViceWords.words words SipVices.none
                |> Result.map (fun vices ->
                    let login =
                        if isNull settings.SipUser then
                            ValueNone
                        else
                            ValueSome(struct (settings.SipUser, settings.SipPassword))

                    fun _ ->
                        SipResponder.create
                            { SipOptions.standard with Login = login; Seed = settings.Seed; Vices = vices }) }

    let private ng: Protocol =
        speaking "ng" NgVices.known NgVices.words NgVices.none (fun settings vices table ->
            let vices = { vices with ClockAhead = vices.ClockAhead + settings.ClockSkew }
            NgResponder.create { NgOptions.standard with Vices = vices } table |> NgHttp.serve)

    let private jsonRpc: Protocol =
        speaking
            "jsonrpc"
            KamailioVices.known
            KamailioVices.words
            KamailioVices.none
            (fun settings vices table ->
                let vices = { vices with ClockAhead = vices.ClockAhead + settings.ClockSkew }

                KamailioResponder.create { KamailioOptions.standard with Vices = vices } table
                |> KamailioResponder.serve)

    let private esl: Protocol =
        speaking "esl" EslVices.known EslVices.words EslVices.none (fun settings vices ->
            let standard = EslOptions.standard

            EslResponder.create
                { standard with
                    Password =
                        (if isNull settings.EslPassword then standard.Password else settings.EslPassword)
                    Seed = settings.Seed
                    Vices = { vices with ClockAhead = vices.ClockAhead + settings.ClockSkew } })

    let private ari: Protocol =
        speaking "ari" AriVices.known AriVices.words AriVices.none (fun settings vices table ->
            let vices = { vices with ClockAhead = vices.ClockAhead + settings.ClockSkew }
            AriResponder.create { AriOptions.standard with Vices = vices } table |> AriResponder.serve)

    let private mi: Protocol =
        speaking "mi" OpenSipsVices.known OpenSipsVices.words OpenSipsVices.none (fun settings vices table ->
            let vices = { vices with ClockAhead = vices.ClockAhead + settings.ClockSkew }

            OpenSipsResponder.create { OpenSipsOptions.standard with Vices = vices } table
            |> OpenSipsResponder.serve)

    let private restconf: Protocol =
        speaking
            "restconf"
            RestconfVices.known
            RestconfVices.words
            RestconfVices.none
            (fun settings vices table ->
                let vices = { vices with ClockAhead = vices.ClockAhead + settings.ClockSkew }

                RestconfResponder.create { RestconfOptions.standard with Vices = vices } table
                |> RestconfResponder.serve)

    let all: Protocol list = [ mgcp; h248; sip; ng; jsonRpc; esl; ari; mi; restconf ]

    let tryFind (name: string) : Protocol option = all |> List.tryFind (fun protocol -> protocol.Name = name)

    /// The names of SNMP and all other protocols.
    let names: string list = "snmp" :: (all |> List.map _.Name)
