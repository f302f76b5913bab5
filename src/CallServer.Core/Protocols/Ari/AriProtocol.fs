namespace CallServer.Protocols.Ari

open System
open System.Globalization
open CallServer.Ledger
open CallServer.Protocols
open CallServer.Wire
open CallServer.Exchange

/// Asterisk's channels by its REST Interface: `ari://[USER@]HOST[:8088][?prefix=…&details=…&answered=cdr]`.
module internal AriProtocol =
    [<Literal>]
    let private PasswordsComeFrom = "the password comes from --auth-from, or \"auth\" in the configuration"

    /// Of how many channels an audit asks more than the list tells, if the URI does not say.
    [<Literal>]
    let private UsualDetails = 32

    /// More would be a burden for any Asterisk.
    [<Literal>]
    let private MostDetails = 10_000

    type private Options = { User: string voption; Prefix: string; Details: int; AsksAnswers: bool }

    let private auditing: Workings<AriAudit.State, Snapshot> =
        { Advance = AriAudit.advance
          Memory = AriAudit.memory >> box
          Strays = AriAudit.strays
          Load = AriAudit.load
          Progress = AriAudit.progress }

    let private exchanges (options: Options) (asking: Asking) : Exchanges =
        let target: AriGateway =
            { Gateway = asking.Gateway
              Prefix = options.Prefix
              Login =
                (match options.User, asking.Secrets.Auth with
                 | ValueSome user, ValueSome password -> ValueSome(struct (user, Secret.ofBytes password))
                 | _ -> ValueNone)
              Timeout = asking.Timeout
              Attempts = asking.Attempts
              Details = options.Details
              AsksAnswers = options.AsksAnswers }

        Exchanges.ofAudit (fun left given ->
            AriAudit.start target (Machine.recall AriAudit.Memory.none left) given |> Machine.create auditing)

    /// What to try, by the status of Asterisk's answer.
    let private advice (isAnonymous: bool) (cause: RefusalCause) : string =
        match cause with
        | RefusalCause.Code 401 when isAnonymous ->
            "try ari://USER@HOST with a user of ari.conf, and --auth-from with that one's password"
        | RefusalCause.Code 401 -> "try --auth-from, and the user before the @"
        | RefusalCause.Code 403 -> "see the user's acl in ari.conf, or what stands in front of Asterisk"
        | RefusalCause.Code(502 | 503 | 504) -> "wait until Asterisk has started, and ask again"
        | _ -> "try what Asterisk's log says of it"

    let private refuses (cause: RefusalCause) : RefusalSubject =
        match cause with
        | RefusalCause.Code(401 | 403) -> RefusalSubject.Credentials
        | _ -> RefusalSubject.Table

    let private judge (isAnonymous: bool) (secrets: Secrets) : (SecretName * string) list =
        Secrets.unwanted
            [ SecretName.Community; SecretName.Priv ]
            "is for SNMP: an ari gateway takes \"auth\" alone"
            secrets
        @ (match isAnonymous, secrets.Auth with
           | true, ValueSome _ ->
               [ SecretName.Auth, "is a user's password, and the URI names none: ari://USER@HOST" ]
           | false, ValueNone ->
               [ SecretName.Auth, "the URI names a user of ari.conf, and no password is given" ]
           | _ -> [])

    let private readDetails (uri: GatewayText) (options: Map<string, string>) : int =
        match uri.ReadText(options, "details") with
        | ValueNone -> UsualDetails
        | ValueSome text ->
            match Int32.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture) with
            | true, number when number <= MostDetails -> number
            | _ ->
                uri.Fail $"details={text} is no number of channels from 0 to {MostDetails}"
                UsualDetails

    let private readAll (uri: GatewayText) (authority: string) (query: string voption) : Reading =
        let struct (user, host) = uri.TakeUser(authority, PasswordsComeFrom)
        let user = user |> ValueOption.map (fun user -> uri.Decode(user, "the user before @"))
        uri.ReadHost host
        let options = uri.ReadQuery(query, [ "prefix"; "details"; "answered" ])

        let read =
            { User = user
              Prefix =
                uri.ReadPath(options, "prefix", "http.conf's prefix=asterisk") |> ValueOption.defaultValue ""
              Details = readDetails uri options
              AsksAnswers = (uri.ReadWord(options, "answered", [ "cdr", true ])).IsSome }

        // RFC 7617 parts user and password at the first colon.
        if user |> ValueOption.exists _.Contains(':') then
            uri.Fail "the user before @ cannot hold a colon"

        { Carrier = Carrier.Http HttpForm.Requests
          Profile = ValueNone
          Takes = (if user.IsSome then [ SecretName.Auth ] else [])
          Judge = judge user.IsNone
          TellsHistory = false
          Speaks = ValueSome "HTTP, the REST Interface of Asterisk"
          IsProfiled = false
          Patience = Patience.usual
          IfSilent = "try the bindport of http.conf, whether it is enabled there, or a longer --timeout"
          IfRefused = advice user.IsNone
          Refuses = refuses
          Exchanges = exchanges read }

    let private read (uri: GatewayText) : Reading voption =
        uri.Split() |> ValueOption.map (fun (struct (authority, query)) -> readAll uri authority query)

    let value: Protocol =
        { Name = "ari"
          Schemes = [ "ari", 8088 ]
          Forms = [ "ari://[USER@]HOST[:8088][?answered=cdr]" ]
          Examples =
            [ "# Asterisk's channels"
              "callserver audit ari://callserver@192.0.2.6 --auth-from env:ARI_PASSWORD" ]
          Speaker = "Asterisk"
          // A channel is a leg of a call; its protocol id is the Call-ID, which is unique worldwide (RFC 3261 §8.1.1.4).
          Source = { Kind = ValueSome Signalling; CallIds = CallIdReach.World }
          Knock =
            HttpMessage.encodeRequest { Target = "/ari/asterisk/info?only=status"; Headers = []; Body = [||] }
          Releases = false
          Rehearsal = fun _ -> "ari://127.0.0.1"
          Read = read }
