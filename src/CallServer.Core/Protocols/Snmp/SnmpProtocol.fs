namespace CallServer.Protocols.Snmp

open System
open System.Text
open CallServer.Ledger
open CallServer.Exchange
open CallServer.Protocols
open CallServer.Prelude
open CallServer.Wire

/// `snmp://HOST[:161][?profile=NAME]`, or `snmp://USER@HOST[:161]?auth=WORD[&priv=aes128][&context=NAME][&profile=NAME]`.
module internal SnmpProtocol =
    let private auths = [ "md5", Md5; "sha1", Sha1; "sha256", Sha256; "sha384", Sha384; "sha512", Sha512 ]

    let private privs = [ "aes128", Aes128 ]

    /// SnmpAdminString SIZE(1..32), RFC 3414 usmUserName.
    [<Literal>]
    let private LongestUser = 32

    /// RFC 3414 §11.2: a passphrase is at least eight octets.
    [<Literal>]
    let private ShortestPassphrase = 8

    /// Whom the URI names, and how messages are protected.
    type private Asked =
        { User: string
          Auth: (string * AuthProtocol) voption
          Priv: (string * PrivProtocol) voption
          Context: string }

    let private word (words: (string * 'T) list) =
        words |> List.map (fun (word, meaning) -> word, (word, meaning))

    let private judgeUser (asked: Asked) (secrets: Secrets) : (SecretName * string) list =
        let passphrase (name: SecretName) (word: string voption) (secret: byte[] voption) =
            match word, secret with
            | ValueSome word, ValueNone ->
                [ name, $"the URI's {name}={word} needs a passphrase, and none is given" ]
            | ValueNone, ValueSome _ -> [ name, $"a passphrase is given, and the URI has no {name}=" ]
            | ValueSome _, ValueSome secret when secret.Length < ShortestPassphrase ->
                [ name, $"the passphrase is shorter than the {ShortestPassphrase} octets that SNMPv3 asks" ]
            | _ -> []

        Secrets.unwanted [ SecretName.Community ] "is for SNMPv2c, and the URI names an SNMPv3 user" secrets
        @ passphrase SecretName.Auth (asked.Auth |> ValueOption.map fst) secrets.Auth
        @ passphrase SecretName.Priv (asked.Priv |> ValueOption.map fst) secrets.Priv

    let private judgeCommunity (secrets: Secrets) : (SecretName * string) list =
        Secrets.unwanted
            [ SecretName.Auth ]
            "is for SNMPv3, and the URI names no user: snmp://USER@HOST?auth=…"
            secrets
        @ Secrets.unwanted
            [ SecretName.Priv ]
            "is for SNMPv3, and the URI names no user: snmp://USER@HOST?auth=…&priv=…"
            secrets

    let private credentials (asked: Asked voption) (secrets: Secrets) : Credentials =
        match asked with
        | ValueNone -> Community(secrets.Community |> ValueOption.defaultValue "public"B |> Array.copy)
        | ValueSome asked ->
            let keyed (protocol: (string * 'T) voption) (secret: byte[] voption) =
                match protocol, secret with
                | ValueSome(_, protocol), ValueSome secret -> Some(struct (protocol, Secret.ofBytes secret))
                | ValueSome(name, _), ValueNone -> invalidArg "secrets" $"{name} needs a passphrase"
                | ValueNone, _ -> None

            let user: UsmUser =
                { Name = Encoding.UTF8.GetBytes asked.User
                  Auth = keyed asked.Auth secrets.Auth
                  Priv = keyed asked.Priv secrets.Priv }

            User(user, Encoding.UTF8.GetBytes asked.Context)

    let private workings: Workings<SnmpAudit.State, Snapshot> =
        { Advance = SnmpAudit.advance
          Memory = SnmpAudit.memory >> box
          Strays = SnmpAudit.strays
          Load = fun _ -> Load.ofDatagrams
          Progress = SnmpAudit.progress }

    let private exchanges
        (asked: Asked voption)
        (profile: Profile option)
        (candidates: Lazy<Profile[]>)
        (asking: Asking)
        : Exchanges =
        let target: SnmpTarget =
            { Gateway = asking.Gateway
              Credentials = credentials asked asking.Secrets
              Profile = profile
              // They are tried only where none is named.
              Candidates = if profile.IsSome then [||] else candidates.Value
              Timeout = asking.Timeout
              Attempts = asking.Attempts
              FactsEvery = asking.FactsEvery }

        Exchanges.ofAudit (fun left given ->
            SnmpAudit.begin' target (Machine.recall SnmpAudit.Memory.none left) given
            |> Machine.create workings)

    let private advice (cause: RefusalCause) : string =
        match cause with
        | RefusalCause.Proof -> "try --auth-from, and auth= as the agent has it for that user"
        | RefusalCause.Encryption -> "try --priv-from, and priv= as the agent has it for that user"
        | RefusalCause.SecurityLevel -> "try auth= and priv= in the URI as the agent wants them of that user"
        | RefusalCause.UnknownUser -> "try the user's name in the URI"
        | RefusalCause.WornOut -> "try to configure the agent's SNMPv3 engine anew"
        | RefusalCause.Context -> "try context= in the URI as the agent has it"
        | RefusalCause.AccessRules -> "try what the agent's access rules (views) let it see"
        | RefusalCause.Code _
        | RefusalCause.Unsaid -> "try again, and see what the agent's log says of it"

    let private refuses (cause: RefusalCause) : RefusalSubject =
        match cause with
        | RefusalCause.Context
        | RefusalCause.AccessRules -> RefusalSubject.Table
        | RefusalCause.Code _
        | RefusalCause.Proof
        | RefusalCause.Encryption
        | RefusalCause.SecurityLevel
        | RefusalCause.UnknownUser
        | RefusalCause.WornOut
        | RefusalCause.Unsaid -> RefusalSubject.Credentials

    let private speaks (asked: Asked voption) : string =
        match asked with
        | ValueNone -> "SNMPv2c: the community is not protected"
        | ValueSome { Auth = ValueSome(auth, _); Priv = ValueSome(priv, _) } ->
            $"SNMPv3, authenticated by {auth} and encrypted by {priv}"
        | ValueSome { Auth = ValueSome(auth, _) } -> $"SNMPv3, authenticated by {auth}, not encrypted"
        | ValueSome _ -> "SNMPv3, neither authenticated nor encrypted"

    let private readUser (uri: GatewayText) (user: string) : string =
        let user = uri.Decode(user, "the user")

        if Encoding.UTF8.GetByteCount user > LongestUser then
            uri.Fail $"the user is longer than the {LongestUser} octets that SNMPv3 allows"

        user

    let private read
        (profiles: (string * Lazy<Profile>)[])
        (candidates: Lazy<Profile[]>)
        (uri: GatewayText)
        : Reading voption =
        uri.Split()
        |> ValueOption.map (fun (struct (authority, query)) ->
            let struct (user, authority) =
                uri.TakeUser(
                    authority,
                    "passphrases come from --auth-from and --priv-from, or \"auth\" and \"priv\" in the configuration"
                )

            let user = user |> ValueOption.map (readUser uri)
            uri.ReadHost authority
            let options = uri.ReadQuery(query, [ "profile"; "auth"; "priv"; "context" ])
            let auth = uri.ReadWord(options, "auth", word auths)
            let priv = uri.ReadWord(options, "priv", word privs)
            let context = uri.ReadText(options, "context")

            if user.IsNone then
                for option in [ "auth"; "priv"; "context" ] do
                    if options.ContainsKey option then
                        uri.Fail $"{option}= is for SNMPv3 and needs a user: snmp://USER@HOST?{option}=…"
            elif priv.IsSome && not (options.ContainsKey "auth") then
                uri.Fail "priv= needs auth= too: SNMPv3 encrypts only what it authenticates"

            let named = uri.ReadText(options, "profile")

            let profile =
                match named with
                | ValueNone -> None
                | ValueSome name ->
                    match profiles |> Array.tryFind (fst >> (=) name) with
                    | Some(_, profile) -> Some profile.Value
                    | None ->
                        let names = profiles |> Array.map fst
                        let known = String.concat ", " names
                        uri.Fail $"there is no profile '{name}'{Nearest.hint name names}; known are {known}"
                        None

            let asked =
                user
                |> ValueOption.map (fun user ->
                    { User = user; Auth = auth; Priv = priv; Context = ValueOption.defaultValue "" context })

            { Carrier = Carrier.Datagrams
              Profile = named
              Takes =
                [ if user.IsNone then
                      SecretName.Community
                  if auth.IsSome then
                      SecretName.Auth
                  if priv.IsSome then
                      SecretName.Priv ]
              Judge =
                (match asked with
                 | ValueSome asked -> judgeUser asked
                 | ValueNone -> judgeCommunity)
              TellsHistory = true
              Speaks = ValueSome(speaks asked)
              IsProfiled = true
              Patience = Patience.usual
              IfSilent =
                (if user.IsNone then
                     "try --community-from, the agent's access list, or a longer --timeout"
                 else
                     "try whether it speaks SNMPv3, its access list, or a longer --timeout")
              IfRefused = advice
              Refuses = refuses
              Exchanges = exchanges asked profile candidates })

    /// A gateway is read by one of these profiles: what its tables are called, and what their columns mean.
    let create (profiles: (string * Lazy<Profile>)[]) : Protocol =
        { Name = "snmp"
          Schemes = [ "snmp", 161 ]
          Forms =
            [ "snmp://HOST[:161][?profile=NAME]"
              "snmp://USER@HOST[:161]?auth=sha256&priv=aes128[&context=NAME][&profile=NAME]" ]
          Examples =
            [ "# a Cisco gateway, its community from the environment"
              "callserver audit 'snmp://192.0.2.1?profile=cisco-voice' \\"
              "    --community-from env:GW_COMMUNITY"
              ""
              "# SNMPv3 with authentication and privacy"
              "callserver audit 'snmp://ops@192.0.2.1?auth=sha256&priv=aes128' \\"
              "    --auth-from file:/run/secrets/auth --priv-from file:/run/secrets/priv" ]
          Speaker = "the agent"
          // Call tables tell of calls. Their call ids may be GUIDs, Call-IDs or the gateway's own count.
          Source = { Kind = ValueSome Signalling; CallIds = CallIdReach.ByShape }
          Knock = "\n"B
          Releases = false
          Rehearsal = fun _ -> "snmp://127.0.0.1?profile=cisco-voice"
          Read = read profiles (lazy (profiles |> Array.map (fun (_, profile) -> profile.Value))) }
