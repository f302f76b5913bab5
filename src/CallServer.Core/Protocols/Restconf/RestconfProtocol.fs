namespace CallServer.Protocols.Restconf

open System
open System.Net
open CallServer.Ledger
open CallServer.Protocols
open CallServer.Wire
open CallServer.Exchange

/// The call legs of a Cisco IOS-XE over RESTCONF: `restconf://[USER@]HOST[:443][?pin=…&ca=…&idle=absent]`.
module internal RestconfProtocol =
    [<Literal>]
    let private PasswordsComeFrom = "the password comes from --auth-from, or \"auth\" in the configuration"

    /// Only a proxy on this machine, or a simulated gateway, is asked without TLS.
    [<Literal>]
    let private InClear = "restconf+http"

    type private Options = { User: string voption; IdleIsAbsent: bool }

    let private auditing: Workings<RestconfAudit.State, Snapshot> =
        { Advance = RestconfAudit.advance
          Memory = RestconfAudit.memory >> box
          Strays = RestconfAudit.strays
          Load = RestconfAudit.load
          Progress = RestconfAudit.progress }

    let private exchanges (options: Options) (asking: Asking) : Exchanges =
        let target: RestconfGateway =
            { Gateway = asking.Gateway
              Login =
                (match options.User, asking.Secrets.Auth with
                 | ValueSome user, ValueSome password -> ValueSome(struct (user, Secret.ofBytes password))
                 | _ -> ValueNone)
              Timeout = asking.Timeout
              Attempts = asking.Attempts
              IdleIsAbsent = options.IdleIsAbsent }

        Exchanges.ofAudit (fun left given ->
            RestconfAudit.start target (Machine.recall RestconfAudit.Memory.none left) given
            |> Machine.create auditing)

    /// What to try, by the status of the gateway's answer.
    let private advice (isAnonymous: bool) (cause: RefusalCause) : string =
        match cause with
        | RefusalCause.Code 401 when isAnonymous ->
            "try restconf://USER@HOST with a user of privilege 15, and --auth-from with that one's password"
        | RefusalCause.Code 401 -> "try --auth-from, and the user before the @; the user needs privilege 15"
        | RefusalCause.Code 403 -> "see the user's privilege, and the rules of ietf-netconf-acm"
        | RefusalCause.Code(409 | 429 | 502 | 503 | 504) ->
            "wait until it is less busy, and ask less often; see show platform software yang-management process"
        | _ -> "try what its log says of it"

    let private refuses (cause: RefusalCause) : RefusalSubject =
        match cause with
        | RefusalCause.Code(401 | 403) -> RefusalSubject.Credentials
        | _ -> RefusalSubject.Table

    let private judge (isAnonymous: bool) (secrets: Secrets) : (SecretName * string) list =
        Secrets.unwanted
            [ SecretName.Community; SecretName.Priv ]
            "is for SNMP: a restconf gateway takes \"auth\" alone"
            secrets
        @ (match isAnonymous, secrets.Auth with
           | true, ValueSome _ ->
               [ SecretName.Auth, "is a user's password, and the URI names none: restconf://USER@HOST" ]
           | false, ValueNone -> [ SecretName.Auth, "the URI names a user, and no password is given" ]
           | _ -> [])

    let private isOfThisMachine (host: string) : bool =
        match IPAddress.TryParse host with
        | true, address -> IPAddress.IsLoopback address
        | _ -> host.Equals("localhost", StringComparison.OrdinalIgnoreCase)

    let private readForm (uri: GatewayText) (options: Map<string, string>) : HttpForm =
        match HttpTrust.read uri options with
        | trust when uri.Scheme <> InClear -> HttpForm.SecureRequests trust
        | HttpTrust.OfMachine ->
            if uri.Host <> "" && not (isOfThisMachine uri.Host) then
                uri.Fail
                    $"over http everybody on the way to {uri.Host} could read the password: restconf://… is expected, or a proxy with TLS on this machine"

            HttpForm.Requests
        | _ ->
            uri.Fail $"pin= and ca= are for TLS, which {InClear}:// does not use"
            HttpForm.Requests

    let private readAll (uri: GatewayText) (authority: string) (query: string voption) : Reading =
        let struct (user, host) = uri.TakeUser(authority, PasswordsComeFrom)
        let user = user |> ValueOption.map (fun user -> uri.Decode(user, "the user before @"))
        uri.ReadHost host
        let options = uri.ReadQuery(query, HttpTrust.options @ [ "idle" ])

        // RFC 7617 parts user and password at the first colon.
        if user |> ValueOption.exists _.Contains(':') then
            uri.Fail "the user before @ cannot hold a colon"

        let read = { User = user; IdleIsAbsent = (uri.ReadWord(options, "idle", [ "absent", true ])).IsSome }

        { Carrier = Carrier.Http(readForm uri options)
          Profile = ValueNone
          Takes = (if user.IsSome then [ SecretName.Auth ] else [])
          Judge = judge user.IsNone
          TellsHistory = false
          Speaks = ValueSome "RESTCONF (RFC 8040), the call legs of Cisco IOS-XE"
          IsProfiled = false
          Patience = Patience.usual
          IfSilent =
            "try ip http secure-server and restconf in its configuration, its certificate (pin= or ca=), or a longer --timeout"
          IfRefused = advice user.IsNone
          Refuses = refuses
          Exchanges = exchanges read }

    let private read (uri: GatewayText) : Reading voption =
        uri.Split() |> ValueOption.map (fun (struct (authority, query)) -> readAll uri authority query)

    let value: Protocol =
        { Name = "restconf"
          Schemes = [ "restconf", 443; InClear, 80 ]
          Forms = [ "restconf://[USER@]HOST[:443][?pin=SHA256|ca=FILE]" ]
          Examples =
            [ "# The call legs of a Cisco IOS-XE"
              "callserver audit restconf://ops@192.0.2.7 --auth-from env:GW_PASSWORD" ]
          Speaker = "RESTCONF"
          // As of Cisco's legs over SNMP. A bridge-id means nothing to another gateway.
          Source = { Kind = ValueSome Signalling; CallIds = CallIdReach.ByShape }
          Knock =
            HttpMessage.encodeRequest
                { Target = "/restconf/data/ietf-yang-library:modules-state/module-set-id"
                  Headers = []
                  Body = [||] }
          Releases = false
          Rehearsal = fun _ -> $"{InClear}://127.0.0.1"
          Read = read }
