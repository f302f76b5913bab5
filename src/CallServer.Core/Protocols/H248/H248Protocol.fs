namespace CallServer.Protocols.H248

open System
open System.Net
open CallServer.Ledger
open CallServer.Exchange
open CallServer.Protocols

/// `h248://HOST[:2944][?mid=NAME|ADDRESS:PORT&version=1|2|3]`: H.248.1, also called Megaco, in the text encoding over UDP.
module internal H248Protocol =
    let private auditing: Workings<H248Audit.State, Snapshot> =
        { Advance = H248Audit.advance
          Memory = H248Audit.memory >> box
          Strays = H248Audit.strays
          Load = fun _ -> Load.ofDatagrams
          Progress = H248Audit.progress }

    let private exchanges (sender: string voption) (version: int) (asking: Asking) : Exchanges =
        let target: H248Gateway =
            { Gateway = asking.Gateway
              Sender = sender
              Version = version
              Timeout = asking.Timeout
              Attempts = asking.Attempts
              FactsEvery = asking.FactsEvery }

        Exchanges.ofAudit (fun left given ->
            H248Audit.start target (Machine.recall H248Audit.Memory.none left) given
            |> Machine.create auditing)

    /// A controller's name, as messages write it (RFC 3525 annex B.2, mId): `<DOMAIN>:PORT` or `[ADDRESS]:PORT`.
    let private senderOf (uri: GatewayText) (name: string) : string =
        let alone = GatewayText("", "h248", 0)
        alone.ReadHost name

        for mistake in alone.Mistakes do
            uri.Fail $"mid=: {mistake}"

        let port = if alone.Port > 0 then $":{alone.Port}" else ""

        match IPAddress.TryParse alone.Host with
        | true, address -> $"[{address}]{port}"
        | _ -> $"<{alone.Host}>{port}"

    /// What to try, by the code of the error (H.248.8).
    let private advice (cause: RefusalCause) : string =
        match cause with
        | RefusalCause.Code(402 | 410 | 504 | 505) ->
            "the gateway takes commands of its controller alone: let it take audits of this server too, or ask with mid= and the controller's name"
        | RefusalCause.Code 406 -> "see which versions of H.248 it speaks"
        | RefusalCause.Code(500 | 502 | 503 | 506 | 530) -> "wait until it is less busy, and ask less often"
        | _ -> "try version=2 or version=3, and see what its log says of it"

    let private refuses (cause: RefusalCause) : RefusalSubject =
        match cause with
        | RefusalCause.Code(402 | 410 | 504 | 505) -> RefusalSubject.Credentials
        | RefusalCause.Code(400 | 401 | 403 | 406) -> RefusalSubject.Version
        | _ -> RefusalSubject.Table

    let private read (uri: GatewayText) : Reading voption =
        uri.Split()
        |> ValueOption.map (fun (struct (authority, query)) ->
            uri.ReadHost(uri.RefuseUser authority)
            let options = uri.ReadQuery(query, [ "mid"; "version" ])
            let sender = uri.ReadText(options, "mid") |> ValueOption.map (senderOf uri)

            let version =
                uri.ReadWord(options, "version", [ "1", 1; "2", 2; "3", 3 ]) |> ValueOption.defaultValue 1

            { Carrier = Carrier.Datagrams
              Profile = ValueNone
              Takes = []
              Judge = Secrets.refuseAll uri.Scheme
              TellsHistory = false
              Speaks = ValueSome $"H.248.1 version {version}, in text"
              IsProfiled = false
              Patience = Patience.usual
              IfSilent =
                "try the port, whether it speaks H.248 in text over UDP and to whom, version=3 if it has thousands of contexts, or a longer --timeout"
              IfRefused = advice
              Refuses = refuses
              Exchanges = exchanges sender version })

    let value: Protocol =
        { Name = "h248"
          Schemes = [ "h248", 2944 ]
          Forms = [ "h248://HOST[:2944][?mid=NAME&version=1|2|3]" ]
          Examples = [ "# H.248 (Megaco)"; "callserver audit h248://192.0.2.8" ]
          Speaker = "its H.248"
          // Terminations are media. Only their own gateway knows a context by its number.
          Source = { Kind = ValueSome Media; CallIds = CallIdReach.ByShape }
          Knock = "\n"B
          Releases = false
          Rehearsal = fun _ -> "h248://127.0.0.1"
          Read = read }
