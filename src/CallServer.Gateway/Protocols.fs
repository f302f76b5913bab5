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
    let all: Protocol list = []

    let tryFind (name: string) : Protocol option = all |> List.tryFind (fun protocol -> protocol.Name = name)

    /// SNMP and the others.
    let names: string list = "snmp" :: (all |> List.map _.Name)
