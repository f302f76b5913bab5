module CallServer.Tests.Wire.UsmTests

open System
open System.Security.Cryptography
open System.Text
open FsCheck.FSharp
open CallServer.Wire
open CallServer.Tests

let private octets (text: string) = Encoding.UTF8.GetBytes text

// Keys.

/// RFC 3414 A.3.
let ``makes the keys of RFC 3414`` =
    examples
        [ 0, "9faf3283884e92834ebc9847d8edd963", "526f5eed9fcce26f8964c2930787d82b"
          1, "9fb5cc0381497b3793528939ff788d5d79145211", "6695febc9288e36282235fc7151f128497b38f3f" ]
        (fun (protocol: int, key: string, localized: string) ->
            let protocol = if protocol = 0 then Md5 else Sha1
            let engine = Hex.octets "00 00 00 00 00 00 00 00 00 00 00 02"
            UsmCrypto.passphraseToKey protocol (octets "maplesyrup") |> Check.equal (Hex.octets key)
            Usm.localizeKey protocol (octets "maplesyrup") engine |> Check.equal (Hex.octets localized))

let ``makes keys of every algorithm as the RFC words it`` =
    example (fun () ->
        let hash (protocol: AuthProtocol) (data: byte[]) =
            match protocol with
            | Md5 -> MD5.HashData data
            | Sha1 -> SHA1.HashData data
            | Sha256 -> SHA256.HashData data
            | Sha384 -> SHA384.HashData data
            | Sha512 -> SHA512.HashData data

        let engine = Hex.octets "80 00 1F 88 04"

        for protocol in WireGenerators.authProtocols do
            for passphrase in [ "x"; "maplesyrup"; String('p', 64); String('q', 5000) ] do
                let passphrase = octets passphrase

                let key =
                    hash protocol (Array.init 1048576 (fun index -> passphrase[index % passphrase.Length]))

                Usm.localizeKey protocol passphrase engine
                |> Check.equal (hash protocol (Array.concat [ key; engine; key ])))

let ``a key for privacy is made with the algorithm of authentication`` =
    example (fun () ->
        let engine = Hex.octets "80 00 1F 88 04"
        let secret = Secret.ofText "a passphrase"
        let user auth priv : UsmUser = { Name = octets "u"; Auth = auth; Priv = priv }
        let keys = Usm.localize (user (Some(struct (Sha256, secret))) (Some(struct (Aes128, secret)))) engine
        let expected = Secret.ofBytes (Usm.localizeKey Sha256 (octets "a passphrase") engine)
        keys.Auth |> Check.equal (Some(struct (Sha256, expected)))
        keys.Priv |> Check.equal (Some(struct (Aes128, expected)))

        Check.throws<ArgumentException> (fun () ->
            Usm.localize (user None (Some(struct (Aes128, secret)))) engine |> ignore))

let ``no secret is ever printed`` =
    example (fun () ->
        let secret = Secret.ofText "hunter2"
        let user: UsmUser = { Name = [||]; Auth = Some(struct (Sha1, secret)); Priv = None }
        let keys = Usm.localize user (Hex.octets "80 00 1F 88 04")
        string secret |> Check.equal "<secret>"
        $"%A{user}" |> Check.says "<secret>"
        $"%A{keys}" |> Check.says "<secret>"
        $"{user}{keys}" |> Check.says "<secret>")

// Encryption.

/// NIST SP 800-38A F.3.13, CFB128-AES128: the vector's first octets are the boots and the time.
let ``encrypts as NIST does, also where the last block is not whole`` =
    example (fun () ->
        let key = Hex.octets "2b7e151628aed2a6abf7158809cf4f3c"
        let boots, time, salt = 0x00010203, 0x04050607, Hex.octets "08090a0b0c0d0e0f"
        let plain = Hex.octets "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51"
        let encrypted = Hex.octets "3b3fd92eb72dad20333449f8e83cfb4a c8a64537a0b3a93fcde3cdad9f1ce58b"

        for length in 0 .. plain.Length do
            UsmCrypto.encrypt key boots time salt plain[.. length - 1]
            |> Check.equal encrypted[.. length - 1]

            UsmCrypto.decrypt key boots time salt encrypted[.. length - 1]
            |> Check.equal plain[.. length - 1])

// Messages.

let private secured (one: SecurableMessage) = Usm.secure one.Keys one.Boots one.Time one.Salt one.Message

/// A message as it comes out of verification: with the security parameters that were set when it was secured.
let private withSecurityOf (received: V3Message) (sent: V3Message) =
    { sent with Security = received.Security }

let ``a secured message verifies and reads back`` =
    lawBy wireLaws (fun (one: SecurableMessage) ->
        match Usm.verify one.Keys (secured one) with
        | Error _ -> false
        | Ok message ->
            message = withSecurityOf message one.Message
            && message.Security.EngineId = one.Keys.Engine
            && message.Security.UserName = one.Keys.User
            && message.Security.EngineBoots = one.Boots
            && message.Security.EngineTime = one.Time)

let ``an encrypted message shows nothing of its scoped PDU`` =
    lawBy wireLaws (fun (one: SecurableMessage) ->
        match Snmp.decode (secured one), one.Message.Level with
        | Ok(V3 { Data = Encrypted hidden }), AuthPriv ->
            match one.Message.Data with
            | Plain scoped ->
                let plain = SnmpCodec.writeScoped scoped
                hidden.Length = plain.Length && hidden <> plain
            | Encrypted _ -> false
        | Ok(V3 { Data = Plain _ }), (NoAuthNoPriv | AuthNoPriv) -> true
        | _ -> false)

let ``a signed message with any one bit changed is not accepted`` =
    lawBy wireLaws (fun (one: SecurableMessage) (Anywhere place) ->
        let octets = secured one
        let bit = int (place % uint32 (8 * octets.Length))
        octets[bit / 8] <- octets[bit / 8] ^^^ (1uy <<< bit % 8)

        match one.Keys.Level, Usm.verify one.Keys octets with
        | NoAuthNoPriv, _ -> true
        | (AuthNoPriv | AuthPriv), Error _ -> true
        // A message that now claims to be an unauthenticated Report is accepted as one, and says so.
        | (AuthNoPriv | AuthPriv), Ok message -> message.Level = NoAuthNoPriv)

let ``another user's keys accept nothing of a signed message`` =
    lawBy wireLaws (fun (one: SecurableMessage) (Anywhere index) ->
        let others = WireGenerators.allKeys |> Array.filter (fun keys -> keys.Auth <> one.Keys.Auth)
        let other = others[int (index % uint32 others.Length)]
        let octets = secured one

        match one.Keys.Level with
        | NoAuthNoPriv -> true
        | AuthNoPriv
        | AuthPriv ->
            match Usm.verifyFrom NoAuthNoPriv { other with User = one.Keys.User } octets with
            | Error WrongDigest
            | Error(UnsupportedLevel _) -> true
            | Error _
            | Ok _ -> false)

let private keysOf (auth: AuthProtocol) (level: SecurityLevel) : LocalKeys =
    WireGenerators.allKeys
    |> Array.find (fun keys ->
        keys.Level = level
        && (match keys.Auth with
            | Some(struct (protocol, _)) -> protocol = auth
            | None -> level = NoAuthNoPriv))

let private request (level: SecurityLevel) (pdu: Pdu) : V3Message =
    { Usm.discovery 7 9 with
        Level = level
        Data = Plain { ContextEngineId = [||]; ContextName = [||]; Pdu = pdu } }

let private anyGet = Pdu.get 9 [ Oid.parse "1.3.6.1.2.1.1.3.0" ]

let private outcome (keys: LocalKeys) (octets: byte[]) =
    Usm.verify keys octets |> Result.map (fun message -> message.Level)

let ``each reason not to trust a message has its name`` =
    example (fun () ->
        let keys = keysOf Sha256 AuthPriv
        let send level = Usm.secure keys 1 2 3UL (request level anyGet)
        let signOnly = keysOf Sha256 AuthNoPriv
        outcome keys (send AuthPriv) |> Check.equal (Ok AuthPriv)
        outcome keys (send AuthNoPriv) |> Check.equal (Error(LevelTooLow AuthNoPriv))
        outcome keys (send NoAuthNoPriv) |> Check.equal (Error(LevelTooLow NoAuthNoPriv))
        outcome signOnly (send AuthPriv) |> Check.equal (Error(UnsupportedLevel AuthPriv))

        outcome { keys with Engine = [| 1uy |] } (send AuthPriv)
        |> Check.equal (Error(WrongEngine keys.Engine))

        outcome { keys with User = [| 1uy |] } (send AuthPriv) |> Check.equal (Error(WrongUser keys.User))

        outcome
            { keys with
                Auth = signOnly.Auth |> Option.map (fun struct (_, key) -> struct (Sha1, key)) }
            (send AuthPriv)
        |> Check.equal (Error WrongDigest)

        outcome
            { keys with Priv = Some(struct (Aes128, Secret.ofText "not the right key, but long")) }
            (send AuthPriv)
        |> Check.equal (Error Undecryptable)

        outcome keys (Snmp.encode (V2c([||], anyGet))) |> Check.equal (Error NotVersion3)
        outcome keys [||] |> Check.equal (Error(Malformed { Offset = 0; Problem = EndOfInput })))

let ``a verifier may ask for less than its keys allow`` =
    example (fun () ->
        let keys = keysOf Sha1 AuthPriv
        let send level = Usm.secure keys 1 2 3UL (request level anyGet)

        for minimum in [ NoAuthNoPriv; AuthNoPriv; AuthPriv ] do
            for level in [ NoAuthNoPriv; AuthNoPriv; AuthPriv ] do
                Usm.verifyFrom minimum keys (send level) |> Result.isOk |> Check.equal (level >= minimum))

let ``a Report may be less protected, but not less authentic than it claims`` =
    example (fun () ->
        let keys = keysOf Sha384 AuthPriv
        let report = Pdu.report 9 [| VarBind.create (UsmReport.oid NotInTimeWindows) (Counter32 1u) |]
        let send level = Usm.secure keys 1 2 3UL (request level report)
        outcome keys (send NoAuthNoPriv) |> Check.equal (Ok NoAuthNoPriv)
        outcome keys (send AuthNoPriv) |> Check.equal (Ok AuthNoPriv)
        let forged = send AuthNoPriv
        forged[forged.Length - 1] <- forged[forged.Length - 1] + 1uy
        outcome keys forged |> Check.equal (Error WrongDigest)
        outcome { keys with Engine = [| 1uy |] } (send NoAuthNoPriv) |> Check.equal (Ok NoAuthNoPriv))

let ``a truncated digest is a wrong one`` =
    example (fun () ->
        let keys = keysOf Md5 AuthNoPriv
        let sent = Usm.secure keys 1 2 3UL (request AuthNoPriv anyGet)

        match Snmp.decode sent with
        | Ok(V3 message) ->
            let security =
                { message.Security with
                    AuthenticationParameters = message.Security.AuthenticationParameters[..0] }

            outcome keys (Snmp.encode (V3 { message with Security = security }))
            |> Check.equal (Error WrongDigest)
        | other -> failtest $"%A{other}")

let ``octets after a signed message do not harm it`` =
    example (fun () ->
        let keys = keysOf Sha512 AuthPriv
        let sent = Usm.secure keys 1 2 3UL (request AuthPriv anyGet)
        outcome keys (Array.append sent [| 0uy; 0uy |]) |> Check.equal (Ok AuthPriv))

let ``keys that do not allow a message's level are our own mistake`` =
    example (fun () ->
        let secure keys message () = Usm.secure keys 1 2 3UL message |> ignore

        let signOnly = keysOf Md5 AuthNoPriv
        secure signOnly (request AuthPriv anyGet) |> Check.throws<ArgumentException>
        secure (keysOf Md5 NoAuthNoPriv) (request AuthNoPriv anyGet) |> Check.throws<ArgumentException>
        let twice = { request AuthNoPriv anyGet with Data = Encrypted [||] }
        secure signOnly twice |> Check.throws<ArgumentException>)

// Reports.

let ``a Report is known by its counter`` =
    example (fun () ->
        for report in UsmReport.all do
            let name = UsmReport.oid report
            UsmReport.tryOfOid name |> Check.equal (ValueSome report)

            UsmReport.tryOfOid (Oid.ofArcs (Oid.arcs name |> Array.take (name.Length - 1)))
            |> Check.equal (ValueSome report)

            UsmReport.tryOfPdu (Pdu.report 1 [| VarBind.create name (Counter32 1u) |])
            |> Check.equal (ValueSome report)

            UsmReport.tryOfPdu (Pdu.response 1 [| VarBind.create name (Counter32 1u) |])
            |> Check.equal ValueNone

        Check.equal (Oid.parse "1.3.6.1.6.3.15.1.1.5.0") (UsmReport.oid WrongDigests)
        UsmReport.tryOfOid (Oid.parse "1.3.6.1.6.3.15.1.1.7.0") |> Check.equal ValueNone
        UsmReport.tryOfPdu (Pdu.report 1 [||]) |> Check.equal ValueNone)
