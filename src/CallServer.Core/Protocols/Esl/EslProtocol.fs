namespace CallServer.Protocols.Esl

open System
open System.Text
open CallServer.Ledger
open CallServer.Exchange
open CallServer.Protocols

/// FreeSWITCH's event socket: `esl://HOST[:8021][?call=sip]`, over TCP.
module internal EslProtocol =
    let private auditing: Workings<EslAudit.State, Snapshot> =
        { Advance = EslAudit.advance
          Memory = EslAudit.memory >> box
          Strays = EslAudit.strays
          Load = EslAudit.load
          Progress = EslAudit.progress }

    let private exchanges (name: EslCallName) (asking: Asking) : Exchanges =
        let target: EslGateway =
            { Gateway = asking.Gateway
              Password = asking.Secrets.Auth |> ValueOption.defaultValue [||]
              CallName = name
              Timeout = asking.Timeout
              Attempts = asking.Attempts
              FactsEvery = asking.FactsEvery }

        Exchanges.ofAudit (fun left given ->
            EslAudit.start target (Machine.recall EslAudit.Memory.none left) given |> Machine.create auditing)

    let private judge (secrets: Secrets) : (SecretName * string) list =
        [ yield!
              Secrets.unwanted
                  [ SecretName.Community; SecretName.Priv ]
                  "is for SNMP: an esl gateway takes \"auth\" alone"
                  secrets

          match secrets.Auth with
          | ValueNone ->
              SecretName.Auth, "is missing: the password of FreeSWITCH's event socket (event_socket.conf.xml)"
          | ValueSome password when Encoding.UTF8.GetString password |> Seq.exists Char.IsControl ->
              SecretName.Auth, "holds a control character, which no password of an event socket has"
          | ValueSome _ -> () ]

    let private advice (cause: RefusalCause) : string =
        match cause with
        | RefusalCause.Proof -> "try --auth-from with the password of its event_socket.conf.xml"
        | RefusalCause.AccessRules ->
            "try apply-inbound-acl in its event_socket.conf.xml: without one it takes only this machine's own address"
        | _ -> "try what FreeSWITCH's log says of it"

    let private refuses (cause: RefusalCause) : RefusalSubject =
        match cause with
        | RefusalCause.Proof
        | RefusalCause.AccessRules -> RefusalSubject.Credentials
        | _ -> RefusalSubject.Table

    let private read (uri: GatewayText) : Reading voption =
        uri.Split()
        |> ValueOption.map (fun (struct (authority, query)) ->
            uri.ReadHost(uri.RefuseUser authority)
            let options = uri.ReadQuery(query, [ "call" ])

            let name =
                uri.ReadWord(options, "call", [ "uuid", EslCallName.CallUuid; "sip", EslCallName.SipCallId ])

            { Carrier = Carrier.Stream
              Profile = ValueNone
              Takes = [ SecretName.Auth ]
              Judge = judge
              TellsHistory = false
              Speaks = ValueSome "the event socket of FreeSWITCH"
              IsProfiled = false
              Patience = Patience.usual
              IfSilent = "try listen-ip and listen-port in its event_socket.conf.xml, or a longer --timeout"
              IfRefused = advice
              Refuses = refuses
              Exchanges = exchanges (name |> ValueOption.defaultValue EslCallName.CallUuid) })

    let value: Protocol =
        { Name = "esl"
          Schemes = [ "esl", 8021 ]
          Forms = [ "esl://HOST[:8021][?call=sip]" ]
          Examples =
            [ "# FreeSWITCH's channels"; "callserver audit esl://192.0.2.5 --auth-from env:ESL_PASSWORD" ]
          Speaker = "FreeSWITCH"
          // A channel is both, signalling and media. UUIDs and SIP's Call-IDs look like what is unique worldwide.
          Source = { Kind = ValueNone; CallIds = CallIdReach.ByShape }
          Knock = "\n\n"B
          Releases = false
          Rehearsal = fun _ -> "esl://127.0.0.1"
          Read = read }
