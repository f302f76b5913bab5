namespace CallServer.Gateway

open CallServer.Model

/// A protocol besides SNMP that simulated gateways speak.
[<NoComparison; NoEquality>]
type internal Protocol =
    {
        Name: string
        /// It listens for streams too.
        UsesStreams: bool
        /// As help lists them, without the protocol's name before them.
        ViceWords: string list
        /// From its vices' words; every mistake is named.
        Create: GatewaySettings -> string list -> Instant -> Result<Responder, string list>
    }

module internal Protocols =
    let private mgcp: Protocol =
        { Name = "mgcp"
          UsesStreams = false
          ViceWords = Words.known MgcpVices.words
          Create =
            fun settings words now ->
                Words.addAll MgcpVices.words words MgcpVices.none
                |> Result.map (fun vices ->
                    MgcpResponder.create
                        { MgcpOptions.standard with
                            Domain = settings.Domain
                            CallAgent = ValueOption.ofObj settings.CallAgent
                            FirstTransaction = 1 + int (settings.Seed % 100_000_000UL)
                            Vices = vices }
                        now) }

    let all: Protocol list = [ mgcp ]

    let tryFind (name: string) : Protocol option = all |> List.tryFind (fun protocol -> protocol.Name = name)

    /// SNMP and the others.
    let names: string list = "snmp" :: (all |> List.map _.Name)
