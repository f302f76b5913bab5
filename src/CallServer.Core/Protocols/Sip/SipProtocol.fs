namespace CallServer.Protocols.Sip

open System
open CallServer.Ledger
open CallServer.Protocols
open CallServer.Wire
open CallServer.Exchange

/// `sip:USER@HOST[:5060][;transport=udp|tcp][?from=URI][&watch=true]`: the user whose dialogs are asked for (RFC 4235), and the URI of
/// the subscriber, whose user authenticates.
module internal SipProtocol =
    [<Literal>]
    let private DefaultPort = 5060

    [<Literal>]
    let private PasswordsComeFrom = "the password comes from --auth-from, or \"auth\" in the configuration"

    /// A header has no line breaks, and a URI is ASCII without blanks, angle brackets or quotes.
    let private isPlain (text: string) =
        text |> Seq.forall (fun c -> c > ' ' && c <= '~' && c <> '<' && c <> '>' && c <> '"')

    /// The words for a mistake repeat the domain at most: the rest may hold a password.
    let private mistakeInFrom (from: string) : string voption =
        if not (from.StartsWith("sip:", StringComparison.OrdinalIgnoreCase)) then
            ValueSome "from= is no SIP URI: sip:USER@DOMAIN is expected"
        else
            let at = from.LastIndexOf '@'
            let user = if at > 0 then from.Substring("sip:".Length, at - "sip:".Length) else ""

            if user.Contains ':' then
                ValueSome $"a secret must not stand in a URI; {PasswordsComeFrom}"
            elif user.Length = 0 || not (isPlain from) || from.IndexOfAny [| ';'; '?'; '#' |] >= 0 then
                ValueSome "from= is no SIP URI without parameters: sip:USER@DOMAIN is expected"
            else
                let domain = from.Substring(at + 1)

                if GatewayText.IsHost domain then
                    ValueNone
                else
                    ValueSome $"from=: '{domain}' is no host name or address"

    /// The user who authenticates: the part between `sip:` and `@`, without escapes.
    let private userOf (uri: string) : string =
        Uri.UnescapeDataString(uri.Substring(4, uri.LastIndexOf '@' - 4))

    let private bracketed (host: string) = if host.Contains ':' then $"[{host}]" else host

    /// Whether a message of ours is a response. A response goes back to where its request came from (RFC 3261 §18.2.2), which need not be the
    /// address that we ask.
    let private isResponse (message: byte[]) : bool = message.AsSpan().StartsWith("SIP/2.0 "B)

    let private auditing: Workings<SipAudit.State, Snapshot> =
        { Advance = SipAudit.advance
          Memory = SipAudit.memory >> box
          Strays = SipAudit.strays
          Load = SipAudit.load
          Progress = fun _ -> Progress.none }

    let private watching: Workings<SipWatch.State, Snapshot> =
        { Advance = SipWatch.advance
          Memory = SipWatch.memory >> box
          Strays = SipWatch.strays
          Load = SipWatch.load
          Progress = fun _ -> Progress.none }

    let private exchanges
        (uri: string)
        (transport: SipTransport)
        (from: string voption)
        (watch: bool)
        (asking: Asking)
        : Exchanges =
        let target: SipGateway =
            { Gateway = asking.Gateway
              Uri = uri
              Transport = transport
              From = from |> ValueOption.defaultValue "sip:anonymous@anonymous.invalid"
              Login =
                (match from, asking.Secrets.Auth with
                 | ValueSome from, ValueSome password ->
                     ValueSome(struct (userOf from, Secret.ofBytes password))
                 | _ -> ValueNone)
              Timeout = asking.Timeout
              Attempts = asking.Attempts }

        let audit left given =
            SipAudit.start target (Machine.recall SipMemory.none left) given |> Machine.create auditing

        let standing (start: WatchStart) =
            SipWatch.start target (Machine.recall SipMemory.none start.Left) start.Every start.Given
            |> Machine.create watching

        { Exchanges.ofAudit audit with
            Watch = (if watch then ValueSome standing else ValueNone)
            IsReply = isResponse }

    /// What to try, by the status of the gateway's response (RFC 3261 §21, RFC 6665 §4.2).
    let private advice (isAnonymous: bool) (cause: RefusalCause) : string =
        match cause with
        | RefusalCause.Code(401 | 407) when isAnonymous ->
            "try ?from=sip:WHO@DOMAIN in the URI, and --auth-from with that one's password"
        | RefusalCause.Code(401 | 407) -> "try --auth-from, and the user in from="
        | RefusalCause.Code 403 -> "try another user in from=, or let this one watch"
        | RefusalCause.Code(404 | 410 | 604) -> "try the user before the @"
        | RefusalCause.Code(405 | 501) ->
            "it takes no SUBSCRIBE there: try the address and port of its presence server"
        | RefusalCause.Code 489 -> "try whether the gateway offers dialog-info to subscribers"
        | RefusalCause.Code status when status < 400 -> "try the address that it names"
        | RefusalCause.Code _ -> "try again, and see what the gateway's log says of it"
        // A notification that refuses has no status.
        | _ -> "try the user before the @, another user in from=, or let this one watch"

    let private refuses (cause: RefusalCause) : RefusalSubject =
        match cause with
        | RefusalCause.Code(401 | 403 | 407) -> RefusalSubject.Credentials
        | RefusalCause.Code 505 -> RefusalSubject.Version
        | _ -> RefusalSubject.Table

    let private judge (isAnonymous: bool) (secrets: Secrets) : (SecretName * string) list =
        Secrets.unwanted
            [ SecretName.Community; SecretName.Priv ]
            "is for SNMP: a SIP gateway takes \"auth\" alone"
            secrets
        @ (if isAnonymous then
               Secrets.unwanted
                   [ SecretName.Auth ]
                   "is the digest password, and the URI names nobody whose it is: sip:USER@HOST?from=sip:WHO@DOMAIN"
                   secrets
           else
               [])

    let private readUser (uri: GatewayText) (user: string voption) : string =
        match user with
        | ValueNone ->
            uri.Fail "the user whose dialogs are asked for is missing: sip:USER@HOST is expected"
            ""
        | ValueSome user ->
            // Escapes stay as written: they belong to the SIP URI.
            if not (isPlain user) then
                uri.Fail "the user before @ holds a character that a SIP URI has to escape with %"

            user

    let private readFrom (uri: GatewayText) (options: Map<string, string>) : string voption =
        let from = uri.ReadText(options, "from")
        from |> ValueOption.bind mistakeInFrom |> ValueOption.iter uri.Fail
        from

    let private readAll (uri: GatewayText) (resource: string) (query: string voption) : Reading =
        let struct (user, rest) = uri.TakeUser(resource, PasswordsComeFrom)
        let user = readUser uri user

        let struct (host, parameters) = Cut.atFirst ';' rest
        let parameters = uri.ReadOptions(parameters, ';', [ "transport" ])
        uri.ReadHost host
        let options = uri.ReadQuery(query, [ "from"; "watch" ])
        let from = readFrom uri options
        let transport = uri.ReadWord(parameters, "transport", [ "udp", OverUdp; "tcp", OverTcp ])

        let watch =
            uri.ReadWord(options, "watch", [ "true", true; "false", false ]) |> ValueOption.defaultValue false

        // A URI without a port means 5060, and notifiers compare URIs as text.
        let port = if uri.Port = DefaultPort then "" else $":{uri.Port}"
        let asked = $"sip:{user}@{bracketed uri.Host}{port}"

        { Carrier =
            (match transport with
             | ValueSome OverUdp -> Carrier.Datagrams
             | ValueSome OverTcp -> Carrier.Stream
             | ValueSome UdpThenTcp
             | ValueNone -> Carrier.DatagramsThenStream)
          Profile = ValueNone
          Takes = (if from.IsSome then [ SecretName.Auth ] else [])
          Judge = judge from.IsNone
          TellsHistory = false
          Speaks = ValueSome "SIP/2.0, the dialog event package of RFC 4235"
          IsProfiled = false
          // SIP's own timers repeat the SUBSCRIBE until all waits are over. If the URI names no transport, two ways are tried.
          Patience = { Waits = (if transport.IsNone then 14.0 else 7.0); Attempts = 6 }
          IfSilent =
            (if transport.IsNone then
                 "try the port, whom it answers, or a longer --timeout"
             else
                 "try the other ;transport=, the port, whom it answers, or a longer --timeout")
          IfRefused = advice from.IsNone
          Refuses = refuses
          Exchanges = exchanges asked (transport |> ValueOption.defaultValue UdpThenTcp) from watch }

    let private read (uri: GatewayText) : Reading voption =
        let rest = uri.Text.Substring(uri.Scheme.Length + 1)

        if rest.StartsWith("//", StringComparison.Ordinal) then
            uri.Fail "a SIP URI has no //: sip:USER@HOST is expected"
            ValueNone
        else
            uri.TakeQuery rest
            |> ValueOption.map (fun (struct (resource, query)) -> readAll uri resource query)

    let value: Protocol =
        { Name = "sip"
          Schemes = [ "sip", DefaultPort ]
          Forms = [ "sip:USER@HOST[:5060][;transport=udp|tcp][?from=URI]" ]
          Examples =
            [ "# a SIP server that wants a password"
              "callserver audit 'sip:all@192.0.2.4?from=sip:ops@example.net' \\"
              "    --auth-from env:OPS_PASSWORD" ]
          Speaker = "its SIP"
          // Dialogs are calls. A Call-ID is unique worldwide (RFC 3261 §8.1.1.4).
          Source = { Kind = ValueSome Signalling; CallIds = CallIdReach.World }
          Knock = "\r\n\r\n"B
          Releases = false
          Rehearsal =
            fun carrier ->
                match carrier with
                | Carrier.Stream -> "sip:all@127.0.0.1;transport=tcp"
                | Carrier.Datagrams -> "sip:all@127.0.0.1;transport=udp"
                | Carrier.DatagramsThenStream
                | Carrier.Http _ -> "sip:all@127.0.0.1"
          Read = read }
