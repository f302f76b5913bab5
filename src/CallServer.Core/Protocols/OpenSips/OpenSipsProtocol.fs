namespace CallServer.Protocols.OpenSips

open CallServer.Ledger
open CallServer.Protocols
open CallServer.Exchange

/// OpenSIPS's dialogs by its Management Interface: `mi://HOST[:8888][?root=…]`.
module internal OpenSipsProtocol =
    /// What mi_http calls its root, if its configuration does not say.
    [<Literal>]
    let private UsualPath = "/mi"

    let private auditing: Workings<OpenSipsAudit.State, Snapshot> =
        { Advance = OpenSipsAudit.advance
          Memory = OpenSipsAudit.memory >> box
          Strays = OpenSipsAudit.strays
          Load = OpenSipsAudit.load
          Progress = OpenSipsAudit.progress }

    let private exchanges (path: string) (asking: Asking) : Exchanges =
        let target: OpenSipsGateway =
            { Gateway = asking.Gateway
              Path = path
              Timeout = asking.Timeout
              Attempts = asking.Attempts }

        Exchanges.ofAudit (fun left given ->
            OpenSipsAudit.start target (Machine.recall OpenSipsAudit.Memory.none left) given
            |> Machine.create auditing)

    /// What to try, by the status or the code of OpenSIPS's answer.
    let private advice (cause: RefusalCause) : string =
        match cause with
        | RefusalCause.Code(401 | 403) -> "see what stands in front of OpenSIPS: it refuses nobody itself"
        | RefusalCause.Code(500 | -32000) ->
            "give OpenSIPS more private memory (-M), or httpd a larger buf_size: not even eight dialogs fit"
        | _ -> "try what OpenSIPS's log says of it"

    let private read (uri: GatewayText) : Reading voption =
        uri.Split()
        |> ValueOption.map (fun (struct (authority, query)) ->
            uri.ReadHost(uri.RefuseUser authority)
            let options = uri.ReadQuery(query, [ "root" ])

            let path =
                uri.ReadPath(options, "root", "mi_http's root=mi") |> ValueOption.defaultValue UsualPath

            { Carrier = Carrier.Http HttpForm.Requests
              Profile = ValueNone
              Takes = []
              Judge = Secrets.refuseAll uri.Scheme
              TellsHistory = false
              Speaks = ValueSome "HTTP, the Management Interface of OpenSIPS"
              IsProfiled = false
              Patience = Patience.usual
              IfSilent =
                "try the port of its module httpd, whether its module mi_http is loaded, or a longer --timeout"
              IfRefused = advice
              Refuses = fun _ -> RefusalSubject.Table
              Exchanges = exchanges path })

    let value: Protocol =
        { Name = "mi"
          // The port of httpd, if its configuration does not say.
          Schemes = [ "mi", 8888 ]
          Forms = [ "mi://HOST[:8888][?root=PATH]" ]
          Examples = [ "# OpenSIPS's dialogs"; "callserver audit mi://192.0.2.7" ]
          Speaker = "OpenSIPS"
          // Dialogs are calls. A Call-ID is unique worldwide (RFC 3261 §8.1.1.4).
          Source = { Kind = ValueSome Signalling; CallIds = CallIdReach.World }
          Knock = OpenSipsLink.knock UsualPath
          Releases = false
          Rehearsal = fun _ -> "mi://127.0.0.1"
          Read = read }
