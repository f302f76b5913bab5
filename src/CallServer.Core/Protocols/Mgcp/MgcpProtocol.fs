namespace CallServer.Protocols.Mgcp

open System.Net
open CallServer.Model
open CallServer.Ledger
open CallServer.Exchange
open CallServer.Protocols
open CallServer.Wire

/// `mgcp://HOST[:2427][?endpoints=PATTERN,PATTERN…][&verify=mdcx][&version=0.1|ncs|tgcp]`. A pattern is an endpoint's name, `LOCAL` or
/// `LOCAL@DOMAIN`, with the all-of wildcard `*` for whole terms (RFC 3435 §2.1.2) and ranges such as `aaln/[1-24]` (RFC 3624 §2).
module internal MgcpProtocol =
    /// Each side of the @ (RFC 3435 §3.2.1.3).
    [<Literal>]
    let private LongestPart = 255

    /// Splits a list of patterns at the commas that are not inside a range.
    let private split (list: string) : string list =
        let parts = ResizeArray<string>()
        let mutable start = 0
        let mutable isRange = false

        for at in 0 .. list.Length - 1 do
            match list[at] with
            | '['
            | ']' as bracket -> isRange <- (bracket = '[')
            | ',' when not isRange ->
                parts.Add(list.Substring(start, at - start))
                start <- at + 1
            | _ -> ()

        parts.Add(list.Substring start)
        List.ofSeq parts

    let private rangeMistake (local: string) : string voption =
        match MgcpBulk.expand MgcpEndpoints.MaxEndpoints local with
        | Ok _ -> ValueNone
        | Error { Problem = TooManyEndpoints } ->
            ValueSome $"stands for more than {MgcpEndpoints.MaxEndpoints} endpoints"
        | Error _ -> ValueSome "has a range that cannot be read: [1-24] is expected, or [1-4,7]"

    let private mistakeIn (pattern: string) : string voption =
        let struct (local, domain) = Cut.atFirst '@' pattern
        let domainIs test = domain |> ValueOption.exists test
        let terms = local.Split '/'

        if pattern |> Seq.exists (fun c -> c <= ' ' || c > '~') then
            ValueSome "is no endpoint: printable ASCII without spaces is expected"
        elif pattern.Contains '$' then
            ValueSome "has the wildcard $, which means any one endpoint: an audit asks for all of them with *"
        elif local.Length = 0 || domainIs (fun domain -> domain.Length = 0) then
            ValueSome "is no endpoint: LOCAL or LOCAL@DOMAIN is expected"
        elif domainIs (fun domain -> domain.Contains '@') then
            ValueSome "has more than one @"
        elif local.Length > LongestPart || domainIs (fun domain -> domain.Length > LongestPart) then
            ValueSome $"is longer than the {LongestPart} characters that MGCP allows on either side of the @"
        elif terms |> Array.exists (fun term -> term.Length = 0) then
            ValueSome "has an empty term between slashes"
        elif terms |> Array.exists (fun term -> term.Length > 1 && term.Contains '*') then
            ValueSome "has a * within a term: it stands for a whole one, as in aaln/*"
        else
            rangeMistake local

    let private readPatterns (uri: GatewayText) (options: Map<string, string>) : string list =
        match Map.tryFind "endpoints" options with
        | None -> [ "*" ]
        | Some list ->
            let patterns = split list |> List.map (fun part -> uri.Decode(part, "endpoints="))

            for pattern in patterns do
                match mistakeIn pattern with
                | ValueSome mistake -> uri.Fail $"endpoints=: '{pattern}' {mistake}"
                | ValueNone -> ()

            for pattern, count in List.countBy id patterns do
                if count > 1 then
                    uri.Fail $"endpoints=: '{pattern}' stands there twice"

            patterns

    /// The domain of an endpoint's name. An address is written in brackets (RFC 3435 §3.2.1.3).
    let private domainOf (host: string) : string =
        match IPAddress.TryParse(host.Trim('[', ']')) with
        | true, address -> $"[{address}]"
        | false, _ -> host

    let private endpointOf (host: string) (pattern: string) : EndpointName =
        let full = if pattern.Contains '@' then pattern else $"{pattern}@{domainOf host}"

        match EndpointName.tryParse full with
        | Some name when not (EndpointName.isAnyOf name) -> name
        | Some _
        | None -> invalidArg "endpoints" $"neither an endpoint nor an all-of wildcard: {pattern}"

    let private workings advance strays memory : Workings<'State, 'Outcome> =
        { Advance = advance
          Memory = memory
          Strays = strays
          Load = fun _ -> Load.ofDatagrams
          Progress = fun _ -> Progress.none }

    let private auditing =
        { workings MgcpAudit.advance MgcpAudit.strays (MgcpAudit.memory >> box) with
            Progress = MgcpAudit.progress }

    let private releasing = workings MgcpRelease.advance MgcpRelease.strays (fun _ -> null)
    let private controlling = workings MgcpController.advance MgcpController.strays (fun _ -> null)

    let private exchanges
        (patterns: EndpointName list)
        (verify: bool)
        (version: string)
        (asking: Asking)
        : Exchanges =
        let target: MgcpGateway =
            { Gateway = asking.Gateway
              Patterns = patterns
              Verify = verify
              Version = version
              Timeout = asking.Timeout
              Attempts = asking.Attempts }

        let audit left given =
            MgcpAudit.start target (Machine.recall MgcpAudit.Memory.none left) given
            |> Machine.create auditing

        { Exchanges.ofAudit audit with
            Release =
                ValueSome(fun connection given ->
                    MgcpRelease.start target connection given |> Machine.create releasing)
            Controller =
                ValueSome(fun given -> MgcpController.start target given |> Machine.create controlling) }

    /// What to try next, by the return code of the refusal (RFC 3435 §2.4).
    let private advice (cause: RefusalCause) : string =
        match cause with
        | RefusalCause.Code 500 -> "try endpoints= in the URI with names as the gateway has them"
        | RefusalCause.Code(510 | 528) ->
            "try version=0.1, version=ncs or version=tgcp, or see which one it speaks"
        | RefusalCause.Code 521 ->
            "try the address of the gateway itself, and see which call agent controls it"
        | _ -> "try again, and see whether the gateway takes commands of this call agent"

    let private refuses (cause: RefusalCause) : RefusalSubject =
        match cause with
        | RefusalCause.Code(510 | 528) -> RefusalSubject.Version
        | RefusalCause.Code 500 -> RefusalSubject.Table
        // The others are about whose commands it takes.
        | _ -> RefusalSubject.Credentials

    let private read (uri: GatewayText) : Reading voption =
        uri.Split()
        |> ValueOption.map (fun (struct (authority, query)) ->
            uri.ReadHost(uri.RefuseUser authority)
            let options = uri.ReadQuery(query, [ "endpoints"; "verify"; "version" ])
            let patterns = readPatterns uri options
            let verify = uri.ReadWord(options, "verify", [ "mdcx", true ]).IsSome

            let version =
                uri.ReadWord(
                    options,
                    "version",
                    [ "0.1", MgcpDialect.Old; "ncs", MgcpDialect.Ncs; "tgcp", MgcpDialect.Tgcp ]
                )
                |> ValueOption.defaultValue Mgcp.Version

            let host = uri.Host

            { Carrier = Carrier.Datagrams
              Profile = ValueNone
              Takes = []
              Judge = Secrets.refuseAll uri.Scheme
              TellsHistory = false
              Speaks = ValueSome version
              IsProfiled = false
              // Each wait is twice as long as the one before: five of them take 31 times the first wait.
              Patience = { Waits = 36.0; Attempts = 5 }
              IfSilent = "try the port, which call agents it answers, or a longer --timeout"
              IfRefused = advice
              Refuses = refuses
              Exchanges =
                fun asking ->
                    exchanges (patterns |> List.map (endpointOf host) |> List.distinct) verify version asking })

    let value: Protocol =
        { Name = "mgcp"
          Schemes = [ "mgcp", 2427 ]
          Forms = [ "mgcp://HOST[:2427][?endpoints=PATTERN,...]" ]
          Examples = [ "# MGCP"; "callserver audit 'mgcp://192.0.2.2?endpoints=aaln/*'" ]
          Speaker = "its MGCP"
          // Connections are media. A call id is unique among the gateways of one call agent (RFC 3435 §2.1.5).
          Source = { Kind = ValueSome Media; CallIds = CallIdReach.Realm "mgcp" }
          Knock = "\n"B
          Releases = true
          Rehearsal = fun _ -> "mgcp://127.0.0.1"
          Read = read }
