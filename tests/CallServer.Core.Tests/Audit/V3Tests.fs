module CallServer.Tests.Audit.V3Tests

open System
open System.Text
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Protocols.Snmp
open CallServer.Tests.Audit
open CallServer.Tests

let private cisco = (Profiles.tryFind "cisco-voice").Value
let private steady = Network.steady (TimeSpan.FromMilliseconds 2.0)
let private boot = Bench.start - TimeSpan.FromDays 3.0
let private octets (text: string) = Encoding.UTF8.GetBytes text

let private user name auth priv : UsmUser =
    { Name = octets name
      Auth = auth |> Option.map (fun words -> struct (Sha256, Secret.ofText words))
      Priv = priv |> Option.map (fun words -> struct (Aes128, Secret.ofText words)) }

let private alice = user "alice" (Some "authentic words") (Some "private words")

/// An agent's security: its engine, which may restart, and its one user.
[<NoEquality; NoComparison>]
type private Engine =
    { Id: byte[]
      Boots: Instant -> int
      Began: Instant -> Instant
      User: UsmUser
      Keys: LocalKeys }

let private engine: Engine =
    let id = [| 0x80uy; 0uy; 0x1Fuy; 0x88uy; 1uy |]

    { Id = id
      Boots = fun _ -> 5
      Began = fun _ -> boot
      User = alice
      Keys = Usm.localize alice id }

let private message engine now id level pdu : V3Message =
    { MessageId = id
      MaxSize = 65507
      Reportable = false
      Level = level
      SecurityModel = SecurityModel.Usm
      Security =
        { UsmParameters.empty with
            EngineId = engine.Id
            EngineBoots = engine.Boots now
            EngineTime = int (now - engine.Began now).TotalSeconds }
      Data = Plain { ContextEngineId = engine.Id; ContextName = [||]; Pdu = pdu } }

let private time engine now = int (now - engine.Began now).TotalSeconds

let private report engine now (level: SecurityLevel) id which : byte[] =
    let pdu = Pdu.report 0 [| VarBind.create (UsmReport.oid which) (Counter32 1u) |]
    let message = message engine now id level pdu

    match level with
    | NoAuthNoPriv -> Snmp.encode (V3 message)
    | AuthNoPriv
    | AuthPriv -> Usm.secure engine.Keys (engine.Boots now) (time engine now) 77UL message

/// An agent of version 3 around one of version 2c.
let private serve (engine: Engine) (answer: Instant -> Pdu -> Pdu option) : Bench.Server =
    fun now octets ->
        match Snmp.decode octets with
        | Ok(V3 asked) ->
            let id = asked.MessageId
            let refuse level which = [ report engine now level id which ]

            if asked.Security.EngineId <> engine.Id then
                refuse NoAuthNoPriv UnknownEngineIds
            elif asked.Security.UserName <> engine.User.Name then
                refuse NoAuthNoPriv UnknownUserNames
            elif asked.Level > engine.Keys.Level then
                refuse NoAuthNoPriv UnsupportedSecLevels
            else
                match Usm.verifyFrom asked.Level engine.Keys octets with
                | Error WrongDigest -> refuse NoAuthNoPriv WrongDigests
                | Error Undecryptable -> refuse AuthNoPriv DecryptionErrors
                | Error other -> failwith $"the audit sent what the agent cannot read: {other}"
                | Ok received ->
                    let own = { TimeWindow.unknown with Boots = engine.Boots now; Time = time engine now }

                    let security = received.Security

                    if
                        asked.Level <> NoAuthNoPriv
                        && not (TimeWindow.judgeAtAuthority own security.EngineBoots security.EngineTime)
                    then
                        refuse AuthNoPriv NotInTimeWindows
                    else
                        match received.Data with
                        | Plain scoped ->
                            match answer now scoped.Pdu with
                            | Some pdu ->
                                let message = message engine now id asked.Level pdu
                                [ Usm.secure engine.Keys own.Boots own.Time (uint64 now.Micros) message ]
                            | None -> []
                        | Encrypted _ -> []
        | Ok(V2c _)
        | Error _ -> []

let private legs = CiscoTable.legs 1 Bench.start 40

let private table (now: Instant) (request: Pdu) = SmallAgent.answer (CiscoTable.agent boot now legs) request

let private target (user: UsmUser) : SnmpTarget =
    { Bench.target (Some cisco) with Credentials = User(user, [||]) }

let private reasons (snapshot: Snapshot) =
    match snapshot.Completeness with
    | Complete _ -> []
    | Partial reasons -> reasons

let private listsAll (run: Bench.Run) =
    Snapshot.isComplete run.Snapshot && run.Snapshot.Observations.Length = legs.Length

let private levels =
    [ "noAuthNoPriv", user "alice" None None
      "authNoPriv", user "alice" (Some "authentic words") None
      "authPriv", alice ]

let ``at every level the engine is discovered and the table listed`` =
    example (fun () ->
        for name, asking in levels do
            let engine = { engine with User = asking; Keys = Usm.localize asking engine.Id }

            let run = Bench.run 1UL steady (serve engine table) (target asking)
            listsAll run |> Check.because $"{name}: {run.Snapshot.Completeness}" Check.isTrue
            SnmpAudit.strays run.State |> Check.because name (Check.equal 0))

let ``the second audit needs no discovery, the engine's time goes on`` =
    example (fun () ->
        let server = serve engine table
        let first = Bench.run 1UL steady server (target alice)
        let later = Bench.start + TimeSpan.FromHours 7.0
        let second = Bench.runAt later 2UL steady server (target alice) (SnmpAudit.memory first.State)
        listsAll second |> Check.isTrue
        second.Snapshot.Requests |> Check.below first.Snapshot.Requests)

let ``an engine that started anew in between costs one more request`` =
    example (fun () ->
        let restarted = Bench.start + TimeSpan.FromHours 1.0

        let engine =
            { engine with
                Boots = fun now -> if now < restarted then 5 else 6
                Began = fun now -> if now < restarted then boot else restarted }

        let server = serve engine table
        let first = Bench.run 1UL steady server (target alice)
        let later = Bench.start + TimeSpan.FromHours 2.0
        let memory = SnmpAudit.memory first.State

        let calm =
            Bench.runAt (Bench.start + TimeSpan.FromMinutes 1.0) 2UL steady server (target alice) memory

        let second = Bench.runAt later 2UL steady server (target alice) (SnmpAudit.memory calm.State)
        listsAll second |> Check.because $"{second.Snapshot.Completeness}" Check.isTrue
        second.Snapshot.Requests |> Check.equal (calm.Snapshot.Requests + 1))

let ``a replaced engine is discovered anew`` =
    example (fun () ->
        let first = Bench.run 1UL steady (serve engine table) (target alice)
        let id = [| 0x80uy; 0uy; 0x1Fuy; 0x88uy; 9uy |]
        let other = { engine with Id = id; Keys = Usm.localize alice id }

        let run =
            Bench.runAt
                Bench.start
                2UL
                steady
                (serve other table)
                (target alice)
                (SnmpAudit.memory first.State)

        listsAll run |> Check.because $"{run.Snapshot.Completeness}" Check.isTrue)

let ``an engine that is another one in the middle of an audit makes it partial, whenever it changes`` =
    example (fun () ->
        let id = [| 0x80uy; 0uy; 0x1Fuy; 0x88uy; 9uy |]
        let other = { engine with Id = id; Keys = Usm.localize alice id }
        let whole = Bench.run 1UL steady (serve engine table) (target alice)

        for answers in 1 .. whole.Snapshot.Requests - 1 do
            let left = ref answers

            let server: Bench.Server =
                fun now octets ->
                    left.Value <- left.Value - 1
                    serve (if left.Value >= 0 then engine else other) table now octets

            let run = Bench.run 1UL steady server (target alice)
            Snapshot.isComplete run.Snapshot |> Check.because $"after {answers} answers" Check.isFalse

            string run.Snapshot.Completeness
            |> Check.because $"after {answers} answers" (Check.says "engine"))

let ``loss and overtaking do no harm to a session`` =
    example (fun () ->
        let run =
            Bench.run
                5UL
                (Network.rough 0.1 (TimeSpan.FromMilliseconds 300.0))
                (serve engine table)
                (target alice)

        listsAll run |> Check.because $"{run.Snapshot.Completeness}" Check.isTrue)

let private refusals =
    [ "wrong authentication passphrase",
      user "alice" (Some "other words here") (Some "private words"),
      "authentication"
      "unknown user", user "mallory" (Some "authentic words") (Some "private words"), "mallory"
      "wrong privacy passphrase", user "alice" (Some "authentic words") (Some "other words here"), "privacy" ]

let ``who is refused is told why, in one line and at once`` =
    example (fun () ->
        for name, asking, word in refusals do
            let run = Bench.run 1UL steady (serve engine table) (target asking)

            match reasons run.Snapshot with
            | [ Refused(_, detail) ] ->
                detail |> Check.because name (Check.says word)
                detail |> Check.saysNot "words"
            | other -> failtest $"{name}: {other}"

            run.Snapshot.Requests |> Check.because name (Check.below 5))

let ``a level that the agent does not offer is told`` =
    example (fun () ->
        let plain = user "alice" (Some "authentic words") None
        let engine = { engine with User = plain; Keys = Usm.localize plain engine.Id }
        let run = Bench.run 1UL steady (serve engine table) (target alice)

        match reasons run.Snapshot with
        | [ Refused(_, detail) ] -> detail |> Check.says "security level"
        | other -> failtest $"{other}")

let ``an agent that only tells its engine id is no silent one`` =
    example (fun () ->
        let server: Bench.Server =
            fun now octets ->
                match Snmp.decode octets with
                | Ok(V3 asked) when asked.Security.EngineId.Length = 0 -> serve engine table now octets
                | _ -> []

        let run = Bench.run 1UL steady server (target alice)

        match reasons run.Snapshot with
        | [ Refused(_, detail) ] -> detail |> Check.says "privacy passphrase"
        | other -> failtest $"{other}")

let ``a forged answer and a forged Report are strays`` =
    example (fun () ->
        let mallory = user "alice" (Some "guessed words") (Some "private words")
        let forger = { engine with Keys = Usm.localize mallory engine.Id }

        let server: Bench.Server =
            fun now octets ->
                let honest = serve engine table now octets

                match Snmp.decode octets with
                | Ok(V3 asked) when asked.Security.EngineId.Length > 0 ->
                    let forged = message forger now asked.MessageId AuthPriv (Pdu.response 1 [||])

                    Usm.secure forger.Keys 9999 1 1UL forged
                    :: report engine now NoAuthNoPriv asked.MessageId NotInTimeWindows
                    :: honest
                | _ -> honest

        let run = Bench.run 1UL steady server (target alice)
        listsAll run |> Check.because $"{run.Snapshot.Completeness}" Check.isTrue
        SnmpAudit.strays run.State |> Check.above 4)

let ``an engine whose boots go back is believed, and it is said`` =
    example (fun () ->
        let restarted = Bench.start + TimeSpan.FromHours 1.0

        let engine =
            { engine with
                Boots = fun now -> if now < restarted then 5 else 1
                Began = fun now -> if now < restarted then boot else restarted }

        let server = serve engine table
        let first = Bench.run 1UL steady server (target alice)
        let later = Bench.start + TimeSpan.FromHours 2.0
        let second = Bench.runAt later 2UL steady server (target alice) (SnmpAudit.memory first.State)
        listsAll second |> Check.because $"{second.Snapshot.Completeness}" Check.isTrue
        String.Join(' ', second.Snapshot.Remarks) |> Check.says "from 5 to 1"
        let third = Bench.runAt later 3UL steady server (target alice) (SnmpAudit.memory second.State)
        third.Snapshot.Remarks |> Check.isEmpty)

let ``boots that stand at their end are named, beside what was told before`` =
    example (fun () ->
        // After four answers the counter sticks at its maximum.
        let asked = ref 0

        let engine = { engine with Boots = fun _ -> if asked.Value > 4 then TimeWindow.LatchedBoots else 5 }

        let server: Bench.Server =
            fun now octets ->
                asked.Value <- asked.Value + 1
                serve engine table now octets

        let run = Bench.run 1UL steady server (target alice)
        run.Snapshot.Observations |> Check.isNotEmpty
        String.Join(' ', reasons run.Snapshot) |> Check.says "2147483647"
        Snapshot.isSilent run.Snapshot |> Check.isFalse)

let ``a context that the agent does not have is named`` =
    example (fun () ->
        let unknown = Oid.parse "1.3.6.1.6.3.12.1.5.0"

        let server =
            serve engine (fun _ request ->
                Some(Pdu.report request.RequestId [| VarBind.create unknown (Counter32 1u) |]))

        let asking = { target alice with Credentials = User(alice, octets "voice") }
        let run = Bench.run 1UL steady server asking

        match reasons run.Snapshot with
        | [ Refused(_, detail) ] ->
            detail |> Check.says "'voice'"
            detail |> Check.says "context="
        | other -> failtest $"{other}")
