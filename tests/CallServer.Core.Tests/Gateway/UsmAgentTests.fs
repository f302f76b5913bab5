module CallServer.Tests.Gateway.UsmAgentTests

open System
open System.Text
open CallServer.Model
open CallServer.Wire
open CallServer.Gateway
open CallServer.Tests.Gateway.Asking
open CallServer.Tests

let private octets (text: string) = Encoding.UTF8.GetBytes text

let private user name auth isPrivate : UsmUser =
    { Name = octets name
      Auth = Some(struct (auth, Secret.ofText "authpass12345"))
      Priv = if isPrivate then Some(struct (Aes128, Secret.ofText "privpass12345")) else None }

let private protocols =
    [ "md5", Md5; "sha1", Sha1; "sha256", Sha256; "sha384", Sha384; "sha512", Sha512 ]

let private users =
    [ for name, protocol in protocols do
          user name protocol true
          user $"{name}-noprv" protocol false ]

let private agent =
    let options =
        { AgentOptions.ofMib Mibs.CiscoVoice.mib "gw1" with
            Users = users
            Boots = 3
            Uptime = seconds 1000.5 }

    Gateways.create 1UL { TableOptions.standard with Connections = 5 } options epoch

let private send now (octets: byte[]) state =
    match SnmpAgent.respond now octets state with
    | struct (state, [ reply ]) -> struct (state, reply.Datagram)
    | struct (_, replies) -> failwith $"{replies.Length} replies"

let private v3 (octets: byte[]) : V3Message =
    match Snmp.decode octets with
    | Ok(V3 message) -> message
    | other -> failwith $"not SNMPv3: %A{other}"

let private reportOf (message: V3Message) =
    match message.Data with
    | Plain scoped -> UsmReport.tryOfPdu scoped.Pdu
    | Encrypted _ -> ValueNone

let private request level (name: string) pdu : V3Message =
    { MessageId = 77
      MaxSize = 65507
      Reportable = true
      Level = level
      SecurityModel = SecurityModel.Usm
      Security = { UsmParameters.empty with EngineId = agent.Options.EngineId; UserName = octets name }
      Data = Plain { ContextEngineId = agent.Options.EngineId; ContextName = [||]; Pdu = pdu } }

let private getUptime = Pdu.get 5 [ Oid.parse "1.3.6.1.2.1.1.3.0" ]

let ``tells its engine to who does not know it`` =
    example (fun () ->
        let discovery = Snmp.encode (V3(Usm.discovery 7 8))
        let struct (_, datagram) = send (epoch + seconds 2.0) discovery agent
        let report = v3 datagram
        (reportOf report = ValueSome UnknownEngineIds) |> Check.isTrue
        report.MessageId |> Check.equal 7
        (report.Security.EngineId = agent.Options.EngineId) |> Check.isTrue
        report.Security.EngineBoots |> Check.equal 3
        report.Security.EngineTime |> Check.equal 1002)

let ``answers under every algorithm with and without privacy`` =
    example (fun () ->
        for name, protocol in protocols do
            for isPrivate in [ true; false ] do
                let name = if isPrivate then name else $"{name}-noprv"
                let keys = Usm.localize (user name protocol isPrivate) agent.Options.EngineId
                let asked = Usm.secure keys 3 1001 1UL (request keys.Level name getUptime)
                let struct (_, datagram) = send (epoch + seconds 2.0) asked agent

                match Usm.verify keys datagram with
                | Ok { MessageId = 77; Security = security; Data = Plain { Pdu = pdu } } ->
                    (pdu.VarBinds[0].Value = TimeTicks 100250u) |> Check.isTrue
                    struct (security.EngineBoots, security.EngineTime) |> Check.equal (struct (3, 1002))
                | other -> failtest $"{name}: %A{other}")

let ``reports what is wrong, and counts it`` =
    example (fun () ->
        let keys = Usm.localize (user "sha256" Sha256 true) agent.Options.EngineId

        let wrongPassphrase =
            { user "sha256" Sha256 true with
                Auth = Some(struct (Sha256, Secret.ofText "wrongpass123")) }

        let wrongKeys = Usm.localize wrongPassphrase agent.Options.EngineId
        let stranger = { user "nobody" Sha256 true with Name = octets "nobody" }
        let strangersKeys = Usm.localize stranger agent.Options.EngineId
        let noPrivacy = Usm.localize (user "md5-noprv" Md5 true) agent.Options.EngineId
        let asked = request AuthPriv "sha256" getUptime

        let cases =
            [ UnknownUserNames, Usm.secure strangersKeys 3 1001 1UL (request AuthPriv "nobody" getUptime)
              WrongDigests, Usm.secure wrongKeys 3 1001 1UL asked
              NotInTimeWindows, Usm.secure keys 0 0 1UL asked
              NotInTimeWindows, Usm.secure keys 3 (1001 + 400) 1UL asked
              NotInTimeWindows, Usm.secure keys 2 1001 1UL asked
              UnsupportedSecLevels, Usm.secure noPrivacy 3 1001 1UL (request AuthPriv "md5-noprv" getUptime) ]

        for expected, datagram in cases do
            let struct (state, reply) = send epoch datagram agent
            let report = v3 reply
            (reportOf report = ValueSome expected) |> Check.because $"{expected}" Check.isTrue
            // Only the report that tells the time is authenticated.
            (report.Level = (if expected = NotInTimeWindows then AuthNoPriv else NoAuthNoPriv))
            |> Check.isTrue

            (value epoch (string (UsmReport.oid expected)) state = Counter32 1u)
            |> Check.because $"{expected}" Check.isTrue)

let ``tells its time so that it can be believed`` =
    example (fun () ->
        let keys = Usm.localize (user "sha256" Sha256 true) agent.Options.EngineId
        let asked = Usm.secure keys 0 0 1UL (request AuthPriv "sha256" getUptime)
        let struct (_, reply) = send epoch asked agent

        match Usm.verifyFrom AuthNoPriv keys reply with
        | Ok message ->
            struct (message.Security.EngineBoots, message.Security.EngineTime)
            |> Check.equal (struct (3, 1000))
        | Error error -> failtest $"{error}")

let ``does not report what was not asked to be`` =
    example (fun () ->
        let unreportable = { Usm.discovery 7 8 with Reportable = false }
        let struct (_, replies) = SnmpAgent.respond epoch (Snmp.encode (V3 unreportable)) agent
        replies |> Check.isEmpty)

let ``refuses a user without its protection`` =
    example (fun () ->
        let struct (_, reply) = send epoch (Snmp.encode (V3(request NoAuthNoPriv "sha256" getUptime))) agent

        match (v3 reply).Data with
        | Plain scoped -> scoped.Pdu.ErrorStatus |> Check.equal ErrorStatus.AuthorizationError
        | Encrypted _ -> failtest "encrypted")

let ``keeps to the asker's largest message`` =
    example (fun () ->
        let keys = Usm.localize (user "sha512" Sha512 true) agent.Options.EngineId
        let bulk = Pdu.getBulk 5 0 100 [ everything ]
        let asked = Usm.secure keys 3 1000 1UL { request AuthPriv "sha512" bulk with MaxSize = 700 }
        let struct (_, reply) = send epoch asked agent
        reply.Length |> Check.between 400 700)

let ``never throws at a damaged message`` =
    lawBy (Laws.plain |> Laws.times 1000) (fun (FsCheck.PositiveInt at) (replacement: byte) ->
        let keys = Usm.localize (user "sha1-noprv" Sha1 false) agent.Options.EngineId
        let asked = Usm.secure keys 3 1000 1UL (request AuthNoPriv "sha1-noprv" getUptime)

        let struct (_, replies) =
            SnmpAgent.respond epoch (Array.updateAt (at % asked.Length) replacement asked) agent

        replies.Length <= 1)
