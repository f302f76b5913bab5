namespace CallServer.Protocols.Kamailio

open CallServer.Ledger
open CallServer.Exchange
open CallServer.Protocols

/// Kamailio's dialogs by JSON-RPC: `jsonrpc://HOST[:8090]` over UDP, `jsonrpc+http://HOST[:5060]`.
module internal KamailioProtocol =
    let private auditing: Workings<KamailioAudit.State, Snapshot> =
        { Advance = KamailioAudit.advance
          Memory = KamailioAudit.memory >> box
          Strays = KamailioAudit.strays
          Load = KamailioAudit.load
          Progress = KamailioAudit.progress }

    let private releasing: Workings<KamailioRelease.State, Release> =
        { Advance = KamailioRelease.advance
          Memory = fun _ -> null
          Strays = KamailioRelease.strays
          Load = fun _ -> Load.ofDatagrams
          Progress = fun _ -> Progress.none }

    let private exchanges (transport: KamailioTransport) (asking: Asking) : Exchanges =
        let target: KamailioGateway =
            { Gateway = asking.Gateway
              Transport = transport
              Timeout = asking.Timeout
              Attempts = asking.Attempts }

        let audit left given =
            KamailioAudit.start target (Machine.recall KamailioAudit.Memory.none left) given
            |> Machine.create auditing

        { Exchanges.ofAudit audit with
            Release =
                ValueSome(fun connection given ->
                    KamailioRelease.start target connection given |> Machine.create releasing) }

    /// Where the configurations in Kamailio's documentation accept JSON-RPC over HTTP (modules xhttp and jsonrpcs).
    let private form: HttpForm =
        HttpForm.Bodies { Path = "/RPC"; ContentType = "application/json"; ErrorsAnswer = true }

    let private read (uri: GatewayText) : Reading voption =
        uri.Split()
        |> ValueOption.map (fun (struct (authority, query)) ->
            uri.ReadHost(uri.RefuseUser authority)
            uri.ReadQuery(query, []) |> ignore

            let transport, carrier, ifSilent =
                match uri.Scheme with
                | "jsonrpc+http" ->
                    KamailioTransport.Http,
                    Carrier.Http form,
                    "try a TCP port that it listens on, whether its xhttp:request takes /RPC from here, or a longer --timeout"
                | _ ->
                    KamailioTransport.Udp,
                    Carrier.Datagrams,
                    "try the port of jsonrpcs' dgram_socket, or jsonrpc+http:// on a TCP port of its SIP, or a longer --timeout"

            { Carrier = carrier
              Profile = ValueNone
              Takes = []
              Judge = Secrets.refuseAll uri.Scheme
              TellsHistory = true
              Speaks = ValueSome "JSON-RPC 2.0, the dialogs of Kamailio"
              IsProfiled = false
              Patience = Patience.usual
              IfSilent = ifSilent
              IfRefused = fun _ -> "try what Kamailio's log says of it"
              Refuses = fun _ -> RefusalSubject.Table
              Exchanges = exchanges transport })

    let value: Protocol =
        { Name = "jsonrpc"
          // The datagrams' port is that of the example in Kamailio's documentation; HTTP comes to the port of SIP.
          Schemes = [ "jsonrpc", 8090; "jsonrpc+http", 5060 ]
          Forms = [ "jsonrpc://HOST[:8090], jsonrpc+http://HOST[:5060]" ]
          Examples = [ "# Kamailio's dialogs"; "callserver audit jsonrpc+http://192.0.2.4" ]
          Speaker = "Kamailio"
          // Dialogs are calls. A Call-ID is unique worldwide (RFC 3261 §8.1.1.4).
          Source = { Kind = ValueSome Signalling; CallIds = CallIdReach.World }
          Knock = "{\"jsonrpc\":\"2.0\",\"method\":\"core.uptime\",\"id\":0}"B
          Releases = true
          Rehearsal =
            fun carrier ->
                match carrier with
                | Carrier.Http _ -> "jsonrpc+http://127.0.0.1"
                | Carrier.Datagrams
                | Carrier.DatagramsThenStream
                | Carrier.Stream -> "jsonrpc://127.0.0.1"
          Read = read }
