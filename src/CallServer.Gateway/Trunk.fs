namespace CallServer.Gateway

/// What the two gateways at the ends of a trunk must agree on.
[<CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module internal Trunk =
    /// 198.51.100.0 and 203.0.113.0 (RFC 5737).
    let private nearNetwork, farNetwork = 0xC6336400u, 0xCB007100u

    /// Depends on the trunk alone, not on the tables at its ends, so that both ends see the same calls.
    let options (trunk: Trunk) : TableOptions =
        { TableOptions.standard with Connections = trunk.Connections; Churn = trunk.Churn }

    /// The trunk's call with this number, with the media addresses of this end. Two simultaneous calls never share an address,
    /// nor do calls of two trunks whose seeds differ modulo 254.
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
