namespace CallServer.Gateway

/// What the two gateways at the ends of a trunk have to agree on.
[<CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module internal Trunk =
    /// 198.51.100.0 and 203.0.113.0 (RFC 5737).
    let private nearNetwork, farNetwork = 0xC6336400u, 0xCB007100u

    /// Whatever the tables at the ends are like: the calls follow from the trunk alone.
    let options (trunk: Trunk) : TableOptions =
        { TableOptions.standard with Connections = trunk.Connections; Churn = trunk.Churn }

    /// The trunk's call of that number with the media addresses of this end. No two calls at a time have one in
    /// common, and neither have two trunks whose seeds differ modulo 254.
    let place (trunk: Trunk) (number: int64) (connection: SimConnection) : SimConnection =
        let host = 1u + uint32 (trunk.Seed % 254UL)
        let port = 4 * int (number % 12288L)

        let near =
            { connection with
                LocalHost = nearNetwork + host
                LocalPort = 16384 + port
                RemoteHost = farNetwork + host
                RemotePort = 10000 + port }

        match trunk.End with
        | Near -> near
        | Far -> SimConnection.farEnd near
