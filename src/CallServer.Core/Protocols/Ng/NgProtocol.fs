namespace CallServer.Protocols.Ng

open CallServer.Ledger
open CallServer.Exchange
open CallServer.Protocols

/// rtpengine's control protocol: `ng://HOST[:2223][?answered=media]` over UDP, `ng+tcp://`, `ng+http://`.
module internal NgProtocol =
    let private auditing: Workings<NgAudit.State, Snapshot> =
        { Advance = NgAudit.advance
          Memory = NgAudit.memory >> box
          Strays = NgAudit.strays
          Load = NgAudit.load
          Progress = NgAudit.progress }

    let private releasing: Workings<NgRelease.State, Release> =
        { Advance = NgRelease.advance
          Memory = fun _ -> null
          Strays = NgRelease.strays
          Load = NgRelease.load
          Progress = fun _ -> Progress.none }

    let private exchanges (transport: NgTransport) (mediaAnswers: bool) (asking: Asking) : Exchanges =
        let target: NgGateway =
            { Gateway = asking.Gateway
              Transport = transport
              MediaAnswers = mediaAnswers
              Timeout = asking.Timeout
              Attempts = asking.Attempts }

        let audit left given =
            NgAudit.start target (Machine.recall NgAudit.Memory.none left) given |> Machine.create auditing

        { Exchanges.ofAudit audit with
            Release =
                ValueSome(fun connection given ->
                    NgRelease.start target connection given |> Machine.create releasing) }

    /// rtpengine answers 404 to any other content type.
    let private form: HttpForm =
        HttpForm.Bodies { Path = "/ng"; ContentType = "application/x-rtpengine-ng"; ErrorsAnswer = false }

    let private read (uri: GatewayText) : Reading voption =
        uri.Split()
        |> ValueOption.map (fun (struct (authority, query)) ->
            uri.ReadHost(uri.RefuseUser authority)
            let options = uri.ReadQuery(query, [ "answered" ])
            let mediaAnswers = uri.ReadWord(options, "answered", [ "media", true ]).IsSome

            let transport, carrier, ifSilent =
                match uri.Scheme with
                | "ng+tcp" ->
                    NgTransport.Tcp, Carrier.Stream, "try its listen-tcp-ng port, or a longer --timeout"
                | "ng+http" ->
                    NgTransport.Http, Carrier.Http form, "try its listen-http port, or a longer --timeout"
                | _ ->
                    NgTransport.Udp,
                    Carrier.Datagrams,
                    "try its listen-ng port, or ng+tcp:// or ng+http:// on theirs, or a longer --timeout"

            { Carrier = carrier
              Profile = ValueNone
              Takes = []
              Judge = Secrets.refuseAll uri.Scheme
              TellsHistory = false
              Speaks = ValueNone
              IsProfiled = false
              Patience = Patience.usual
              IfSilent = ifSilent
              IfRefused = fun _ -> "try what rtpengine's log says of it"
              Refuses = fun _ -> RefusalSubject.Table
              Exchanges = exchanges transport mediaAnswers })

    let value: Protocol =
        { Name = "ng"
          Schemes = [ "ng", 2223; "ng+tcp", 2223; "ng+http", 2223 ]
          Forms = [ "ng://, ng+tcp://, ng+http://HOST[:2223]" ]
          Examples = [ "# rtpengine"; "callserver audit ng+tcp://192.0.2.3" ]
          Speaker = "rtpengine"
          // Tags are media. rtpengine gets SIP's Call-ID, which is globally unique (RFC 3261 §8.1.1.4).
          Source = { Kind = ValueSome Media; CallIds = CallIdReach.World }
          // The same cookie always brings the same answer, which is all that is asked for.
          Knock = "knock d7:command4:pinge"B
          Releases = true
          Rehearsal =
            fun carrier ->
                match carrier with
                | Carrier.Stream -> "ng+tcp://127.0.0.1"
                | Carrier.Http _ -> "ng+http://127.0.0.1"
                | Carrier.Datagrams
                | Carrier.DatagramsThenStream -> "ng://127.0.0.1"
          Read = read }
