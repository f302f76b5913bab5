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
        { Name = "h248"
          UsesStreams = false
          ViceWords = H248Vices.known
          Create =
            fun settings words ->
                Words.addAll H248Vices.words words H248Vices.none
                |> Result.map (fun vices ->
                    let domain = settings.Domain
                    let sender = if domain.StartsWith '[' then domain else $"<{domain}>"

                    fun _ ->
                        H248Responder.create { H248Options.standard with Sender = sender; Vices = vices }) }

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
        { Name = "ng"
          UsesStreams = true
          ViceWords = NgVices.known
          Create =
            fun settings words ->
                Words.addAll NgVices.words words NgVices.none
                |> Result.map (fun vices ->
                    let vices = { vices with ClockAhead = vices.ClockAhead + settings.ClockSkew }

                    fun table ->
                        NgResponder.create { NgOptions.standard with Vices = vices } table |> NgHttp.serve) }

    let private jsonRpc: Protocol =
        { Name = "jsonrpc"
          UsesStreams = true
          ViceWords = KamailioVices.known
          Create =
            fun settings words ->
                Words.addAll KamailioVices.words words KamailioVices.none
                |> Result.map (fun vices ->
                    let vices = { vices with ClockAhead = vices.ClockAhead + settings.ClockSkew }

                    fun table ->
                        KamailioResponder.create { KamailioOptions.standard with Vices = vices } table
                        |> KamailioResponder.serve) }

    let private esl: Protocol =
        { Name = "esl"
          UsesStreams = true
          ViceWords = EslVices.known
          Create =
            fun settings words ->
                Words.addAll EslVices.words words EslVices.none
                |> Result.map (fun vices ->
                    let standard = EslOptions.standard

                    EslResponder.create
                        { standard with
                            Password =
                                (if isNull settings.EslPassword then
                                     standard.Password
                                 else
                                     settings.EslPassword)
                            Seed = settings.Seed
                            Vices = { vices with ClockAhead = vices.ClockAhead + settings.ClockSkew } }) }

    let private ari: Protocol =
        { Name = "ari"
          UsesStreams = true
          ViceWords = AriVices.known
          Create =
            fun settings words ->
                Words.addAll AriVices.words words AriVices.none
                |> Result.map (fun vices ->
                    let vices = { vices with ClockAhead = vices.ClockAhead + settings.ClockSkew }

                    fun table ->
                        AriResponder.create { AriOptions.standard with Vices = vices } table
                        |> AriResponder.serve) }

    let private mi: Protocol =
        { Name = "mi"
          UsesStreams = true
          ViceWords = OpenSipsVices.known
          Create =
            fun settings words ->
                Words.addAll OpenSipsVices.words words OpenSipsVices.none
                |> Result.map (fun vices ->
                    let vices = { vices with ClockAhead = vices.ClockAhead + settings.ClockSkew }

                    fun table ->
                        OpenSipsResponder.create { OpenSipsOptions.standard with Vices = vices } table
                        |> OpenSipsResponder.serve) }

    let private restconf: Protocol =
        { Name = "restconf"
          UsesStreams = true
          ViceWords = RestconfVices.known
          Create =
            fun settings words ->
                Words.addAll RestconfVices.words words RestconfVices.none
                |> Result.map (fun vices ->
                    let vices = { vices with ClockAhead = vices.ClockAhead + settings.ClockSkew }

                    fun table ->
                        RestconfResponder.create { RestconfOptions.standard with Vices = vices } table
                        |> RestconfResponder.serve) }

    let all: Protocol list = [ mgcp; h248; sip; ng; jsonRpc; esl; ari; mi; restconf ]

    let tryFind (name: string) : Protocol option = all |> List.tryFind (fun protocol -> protocol.Name = name)

    /// The names of SNMP and all other protocols.
    let names: string list = "snmp" :: (all |> List.map _.Name)
