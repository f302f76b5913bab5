/// Accounting to a RADIUS server: whatever the network does, no record is left out, and none is repeated needlessly.
module CallServer.Tests.Accounting.RadiusExchangeTests

open System
open CallServer.Model
open CallServer.Wire
open CallServer.Accounting
open CallServer.Tests
open CallServer.Tests.Wire

let private secret = Secret.ofText "secret"
let private settings = { Secret = secret; Timeout = TimeSpan.FromSeconds 1.0; Window = 4 }
let private zero = 1_770_000_000_000_000L
let private at (seconds: float) = Moment.at (Instant.ofMicros (zero + int64 (seconds * 1e6)))

let private entry (sequence: int) (session: string) : RadiusEntry =
    { Sequence = int64 sequence
      Session = session
      At = (at 0.0).Wall
      Attributes = RadiusAttribute.text RadiusType.AcctSessionId session }

let private offer seconds entries state =
    RadiusExchange.advance (RadiusEvent.Offered(at seconds, entries |> List.map Ok)) state

let private wake seconds state = RadiusExchange.advance (RadiusEvent.Woke(at seconds)) state

let private sent commands =
    commands
    |> List.choose (function
        | RadiusCommand.Send octets -> Some octets
        | _ -> None)

let private marks commands =
    commands
    |> List.choose (function
        | RadiusCommand.Done sequence -> Some sequence
        | _ -> None)

let private read (octets: byte[]) =
    match RadiusCodec.verifyRequest secret octets with
    | Ok packet -> packet
    | Error error -> failwith $"%A{error}"

let private session octets =
    match RadiusAttribute.tryFind RadiusType.AcctSessionId (read octets).Attributes with
    | ValueSome(RadiusValue.Text text) -> text
    | other -> failwith $"%A{other}"

let private delay octets =
    match RadiusAttribute.tryFind RadiusType.AcctDelayTime (read octets).Attributes with
    | ValueSome(RadiusValue.Integer seconds) -> int seconds
    | other -> failwith $"%A{other}"

let private answerWith secret (octets: byte[]) =
    RadiusCodec.encodeResponse
        secret
        (RadiusCodec.authenticator octets)
        { Code = RadiusCode.AccountingResponse; Identifier = octets[1]; Attributes = [] }

let private answer seconds octets state =
    RadiusExchange.advance (RadiusEvent.Received(at seconds, answerWith secret octets)) state

let private start () = RadiusExchange.start settings 254uy

let ``as many as the window has room for, one of a session at a time, and the mark in order`` =
    example (fun () ->
        let entries = [ entry 1 "a"; entry 2 "a"; entry 3 "b"; entry 4 "c"; entry 6 "d"; entry 7 "e" ]
        let state, commands = start () |> offer 0.0 entries
        let first = sent commands
        Check.equal [ "a"; "b"; "c"; "d" ] (first |> List.map session)
        // Identifiers wrap around, and none is used twice at a time.
        Check.equal [ 254uy; 255uy; 0uy; 1uy ] (first |> List.map (fun octets -> octets[1]))
        let state, commands = answer 0.1 first[1] state
        Check.equal [ "e" ] (sent commands |> List.map session)
        Check.equal [] (marks commands)
        let last = sent commands
        let state, commands = answer 0.2 first[0] state
        // Now the next record of the same session is sent.
        Check.equal [ "a" ] (sent commands |> List.map session)
        Check.equal [ 1L ] (marks commands)
        let again = sent commands
        let state, commands = answer 0.3 again[0] state
        Check.equal [ 3L ] (marks commands)
        let state, _ = answer 0.4 last[0] state
        let state, _ = answer 0.5 first[2] state
        let state, commands = answer 0.6 first[3] state
        Check.equal [ 7L ] (marks commands)
        Check.equal 0 (RadiusExchange.outstanding state))

let ``an unanswered packet is repeated octet by octet, and made anew when it says too little of its delay`` =
    example (fun () ->
        let state, commands = start () |> offer 0.0 [ entry 1 "a" ]
        let first = (sent commands).Head
        let state, commands = wake 0.9 state
        Check.equal [] (sent commands)
        let state, commands = wake 1.0 state
        Check.equal [ first ] (sent commands)
        let state, commands = wake 3.0 state
        Check.equal [ first ] (sent commands)
        RadiusExchange.isAway state |> Check.isFalse
        let state, commands = wake 7.0 state
        let renewed = (sent commands).Head
        RadiusExchange.isAway state |> Check.isTrue
        renewed[1] |> Check.notEqual first[1]
        Check.equal (0, 7) (delay first, delay renewed)

        // The answer to either packet will do, and counts once.
        let state, commands = answer 7.1 first state
        Check.equal [ 1L ] (marks commands)
        RadiusExchange.isAway state |> Check.isFalse
        let state, commands = answer 7.2 renewed state
        Check.equal [] (marks commands)
        Check.equal 1L (RadiusExchange.tally state).Answered)

let ``while the server is away one entry at a time asks for it, and all say how late they are when it is back`` =
    example (fun () ->
        let state, commands = start () |> offer 0.0 [ for n in 1..9 -> entry n $"s{n}" ]
        Check.equal 4 (sent commands).Length
        let state, _ = wake 1.0 state
        let state, _ = wake 3.0 state
        let state, commands = wake 7.0 state
        Check.equal [ "s1" ] (sent commands |> List.map session)
        let state, commands = wake 8.0 state
        Check.equal [ "s1" ] (sent commands |> List.map session)
        // While the server is away, attempts are never more than two time-outs apart.
        let state, commands = wake 10.0 state
        Check.equal [ "s1" ] (sent commands |> List.map session)
        let state, commands = wake 12.0 state
        let probe = (sent commands).Head
        let state, commands = answer 12.5 probe state
        let rest = sent commands
        Check.equal [ "s2"; "s3"; "s4"; "s5" ] (rest |> List.map session)
        Check.equal [ 12; 12; 12; 12 ] (rest |> List.map delay)
        RadiusExchange.isAway state |> Check.isFalse)

let ``only who has the secret can say that an entry was taken`` =
    example (fun () ->
        let state, commands = start () |> offer 0.0 [ entry 1 "a" ]
        let packet = (sent commands).Head

        let hear octets state =
            let state, commands = RadiusExchange.advance (RadiusEvent.Received(at 0.1, octets)) state
            Check.equal [] (marks commands)
            state

        let state = hear (answerWith (Secret.ofText "other") packet) state
        let state = hear packet state
        let state = hear [| 5uy; 1uy |] state
        let tally = RadiusExchange.tally state
        Check.equal (2L, 1L) (tally.Forged, tally.Strays)
        let _, commands = answer 0.2 packet state
        Check.equal [ 1L ] (marks commands))

let ``what cannot be told counts as done, and what is known is not taken twice`` =
    example (fun () ->
        let state, commands =
            RadiusExchange.advance
                (RadiusEvent.Offered(
                    at 0.0,
                    [ Error 1L; Ok(entry 2 "a"); Error 3L; Error 2L; Ok(entry 2 "a") ]
                ))
                (start ())

        Check.equal [ 1L ] (marks commands)
        Check.equal 1 (sent commands).Length
        let _, commands = answer 0.1 (sent commands).Head state
        Check.equal [ 3L ] (marks commands))

let ``one that is never answered holds back the mark, and not the others`` =
    example (fun () ->
        let mutable state, commands = start () |> offer 0.0 [ for n in 1..100 -> entry n $"s{n}" ]
        let mutable pending = sent commands
        let mutable clock = 0.0

        while not pending.IsEmpty do
            clock <- clock + 0.01
            let packet, rest = pending.Head, pending.Tail

            if session packet = "s1" then
                pending <- rest
            else
                let next, commands = answer clock packet state
                Check.equal [] (marks commands)
                state <- next
                pending <- rest @ sent commands

        Check.equal 1 (RadiusExchange.outstanding state)
        RadiusExchange.wanted state |> Check.above 100)

let private both = [ 1UL .. 150UL ]

let private plan = { Sessions = 40; Loss = 0.25; LossesInRow = 2; Duplication = 0.1; Crashes = false }

/// Holds for every run: no record is left out or forgotten early, each session is in order, and the delays are true.
let private checkRun (world: RadiusWorld) (why: string) =
    world.Run() |> Check.because $"{why}: the outbox is not empty after a day" Check.isTrue
    world.ForgottenEarly |> Check.because why Check.isEmpty
    let first = Collections.Generic.Dictionary<struct (string * uint32), int>()

    for index in 0 .. world.Taken.Count - 1 do
        let taken = world.Taken[index]
        first.TryAdd(struct (taken.Session, taken.Status), index) |> ignore
        let late = taken.Waited - taken.Delay

        if late < TimeSpan.Zero || late > world.Settings.Timeout * 7.0 + TimeSpan.FromSeconds 1.5 then
            failtest $"{why}: {taken.Session} waited {taken.Waited} and says {taken.Delay}"

    for number in 1 .. plan.Sessions do
        let session = $"s{number}"
        let started = first[struct (session, 1u)]
        let stopped = first[struct (session, 2u)]
        started |> Check.because $"{why}: {session}" (Check.below stopped)

let ``every record is taken, and once by a server that drops repeats and answers what it took`` =
    example (fun () ->
        for seed in both do
            let world = RadiusWorld(seed, plan)
            checkRun world $"seed {seed}"
            Check.equal world.Entries.Length world.Taken.Count)

let ``through crashes of both every record is taken, and what comes twice has the same id and status`` =
    example (fun () ->
        let mutable twice = 0

        for seed in both do
            let world = RadiusWorld(seed, { plan with Crashes = true; LossesInRow = Int32.MaxValue })
            checkRun world $"seed {seed}"

            let distinct =
                world.Taken |> Seq.distinctBy (fun taken -> taken.Session, taken.Status) |> Seq.length

            Check.equal world.Entries.Length distinct
            twice <- twice + world.Taken.Count - distinct

        // Makes sure that the world is as bad as intended.
        twice |> Check.above 0)

let ``events out of place change nothing that is owed`` =
    law (fun (seed: uint64) ->
        let mutable rng = CallServer.Prelude.Rng.create seed
        let state, commands = start () |> offer 0.0 [ for n in 1..3 -> entry n $"s{n}" ]
        let packets = sent commands
        let mutable state = state

        for step in 1..20 do
            let struct (pick, next) = CallServer.Prelude.Rng.below packets.Length rng
            rng <- next
            let octets = Mutation.some packets[pick] (answerWith secret packets[pick]) (seed + uint64 step)

            if
                octets <> answerWith secret packets[pick]
                && octets.Length >= 20
                && octets[..19] <> (answerWith secret packets[pick])[..19]
            then
                let now, commands = RadiusExchange.advance (RadiusEvent.Received(at 0.1, octets)) state
                Check.equal [] (marks commands)
                state <- now

        Check.equal 3 (RadiusExchange.outstanding state))
