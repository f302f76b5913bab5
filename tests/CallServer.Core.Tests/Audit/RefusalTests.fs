/// Agents that answer some requests with an error, or not at all, and can be read all the same.
module CallServer.Tests.Audit.RefusalTests

open System
open FsCheck
open FsCheck.FSharp
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Protocols.Snmp
open CallServer.Protocols.Mgcp
open CallServer.Protocols.Ng
open CallServer.Protocols.Sip
open CallServer.Tests.Audit
open CallServer.Tests

let private steady = Network.steady (TimeSpan.FromMilliseconds 2.0)
let private boot = Bench.start - TimeSpan.FromDays 3.0
let private legs count = CiscoTable.legs 7 Bench.start count
let private cisco = Profiles.tryFind "cisco-voice"

/// An agent with these rows at all times.
let private agentOf (legs: Leg list) : Instant -> SmallAgent =
    let agent = CiscoTable.agent boot Bench.start legs
    fun now -> SmallAgent.at (CiscoTable.scalars boot now 1 legs.Length) agent

/// An agent that answers as `vice` says, or correctly if `vice` says nothing. Records what was asked.
let private serve legs (vice: Pdu -> Pdu option voption) (asked: ResizeArray<Pdu>) : Bench.Server =
    let agent = agentOf legs

    Bench.v2c "public" (fun now request ->
        asked.Add request

        match vice request with
        | ValueSome answer -> answer
        | ValueNone -> SmallAgent.answer (agent now) request)

let private ask profile legs vice =
    let asked = ResizeArray()
    let run = Bench.run 5UL steady (serve legs vice asked) (Bench.target profile)
    struct (run, asked)

let private bulks (asked: ResizeArray<Pdu>) =
    asked |> Seq.filter (fun request -> request.Kind = GetBulk) |> Seq.length

let private isAllOf (legs: Leg list) (snapshot: Snapshot) =
    let ids = set [ for observation in snapshot.Observations -> string observation.Id ]
    Snapshot.isComplete snapshot && ids = set (List.map (CiscoTable.id boot) legs)

let private reasons (snapshot: Snapshot) =
    match snapshot.Completeness with
    | Complete _ -> ""
    | Partial reasons -> String.Join(", ", reasons)

let private error status place (request: Pdu) =
    ValueSome(Some(Pdu.errorResponse request.RequestId status place request.VarBinds))

/// What an agent does instead of answering a GetBulk.
let private refusals: (string * (Pdu -> Pdu option voption)) list =
    [ "silence", fun _ -> ValueSome None
      "genErr", error ErrorStatus.GenErr 0
      "genErr at the first name", error ErrorStatus.GenErr 1
      "genErr at a column", error ErrorStatus.GenErr 4
      "genErr beyond the names", error ErrorStatus.GenErr 99
      "tooBig", error ErrorStatus.TooBig 0
      "noSuchName", error ErrorStatus.NoSuchName 2
      "nothing", fun request -> ValueSome(Some(Pdu.response request.RequestId [||]))
      "its own names", fun request -> ValueSome(Some(Pdu.response request.RequestId request.VarBinds)) ]

let private withoutBulk refusal (request: Pdu) = if request.Kind = GetBulk then refusal request else ValueNone

let ``without GetBulk a table is walked by GetNext, and the next audits do not ask for it in vain`` =
    example (fun () ->
        for name, refusal in refusals do
            for count in [ 0; 1; 30; 90 ] do
                let legs = legs count
                let struct (first, _) = ask cisco legs (withoutBulk refusal)

                isAllOf legs first.Snapshot
                |> Check.because $"{name}, {count} legs: {reasons first.Snapshot}" Check.isTrue

                let mutable memory = SnmpAudit.memory first.State
                let mutable vain = 0

                for audit in 1..20 do
                    let asked = ResizeArray()

                    let next =
                        Bench.runAt
                            Bench.start
                            (uint64 audit)
                            steady
                            (serve legs (withoutBulk refusal) asked)
                            (Bench.target cisco)
                            memory

                    vain <- vain + bulks asked
                    memory <- SnmpAudit.memory next.State

                    isAllOf legs next.Snapshot
                    |> Check.because $"{name}, {count} legs: {reasons next.Snapshot}" Check.isTrue

                    next.Snapshot.Requests
                    |> Check.because $"{name}, {count} legs" (Check.below (count + count / 4 + 30))

                // A few trials, ever further apart.
                vain |> Check.because $"{name}, {count} legs" (Check.below 40))

let ``an agent that begins to answer GetBulk again is asked so again`` =
    example (fun () ->
        let legs = legs 300
        let asked = ResizeArray<Pdu>()

        let vice (request: Pdu) =
            if request.Kind = GetBulk && bulks asked < 3 then
                error ErrorStatus.GenErr 0 request
            else
                ValueNone

        let run = Bench.run 5UL steady (serve legs vice asked) (Bench.target cisco)
        isAllOf legs run.Snapshot |> Check.because (reasons run.Snapshot) Check.isTrue
        run.Snapshot.Requests |> Check.below 150)

/// The number of names that a request asks for.
let private size (request: Pdu) =
    request.VarBinds.Length * (if request.Kind = GetBulk then max 1 request.MaxRepetitions else 1)

let ``detection splits what is too big, and leaves out what an error names`` =
    example (fun () ->
        let legs = legs 12
        let asterisk = Oid.parse "1.3.6.1.4.1.22736"

        let faulty status (placed: int -> int) (request: Pdu) =
            match
                request.VarBinds |> Array.tryFindIndex (fun varBind -> Oid.isPrefixOf asterisk varBind.Name)
            with
            | Some place when request.Kind = GetNext -> error status (placed (place + 1)) request
            | _ -> ValueNone

        let vices: (string * (Pdu -> Pdu option voption)) list =
            [ for most in [ 3; 7; 25 ] do
                  $"tooBig above {most}",
                  fun request ->
                      if size request > most then error ErrorStatus.TooBig 0 request else ValueNone
              for status in [ ErrorStatus.GenErr; ErrorStatus.NoSuchName ] do
                  $"{ErrorStatus.name status} by its place", faulty status id
                  $"{ErrorStatus.name status} at 0", faulty status (fun _ -> 0)
                  $"{ErrorStatus.name status} beyond", faulty status (fun place -> place + 1000)
                  $"{ErrorStatus.name status} at another", faulty status (fun place -> max 1 (place - 1)) ]

        for name, vice in vices do
            let struct (run, _) = ask None legs vice
            run.Snapshot.Profile |> Check.because name (Check.equal "cisco-voice")
            isAllOf legs run.Snapshot |> Check.because $"{name}: {reasons run.Snapshot}" Check.isTrue
            run.Snapshot.Requests |> Check.because name (Check.below 250))

let ``an agent that serves no known table says who it is`` =
    example (fun () ->
        let server =
            Bench.v2c "public" (fun now request ->
                [ CiscoTable.scalar "1.3.6.1.2.1.1.1.0" (CiscoTable.text "a toaster")
                  CiscoTable.scalar "1.3.6.1.2.1.1.2.0" (ObjectIdentifier(Oid.parse "1.3.6.1.4.1.99998.7"))
                  CiscoTable.scalar "1.3.6.1.2.1.1.3.0" (TimeTicks(uint32 (now - boot).TotalSeconds)) ]
                |> SmallAgent.create
                |> fun agent -> SmallAgent.answer agent request)

        let run = Bench.run 5UL steady server (Bench.target None)
        reasons run.Snapshot |> Check.startsWith "not-served"

        for word in [ "a toaster"; "1.3.6.1.4.1.99998.7"; "cisco-voice"; "?profile=" ] do
            reasons run.Snapshot |> Check.says word)

/// A leg's cell.
let private at column (leg: Leg) = Oid.append (Oid.parse column) (CiscoTable.instance boot leg)

[<Literal>]
let private Originator = "1.3.6.1.2.1.10.21.1.3.1.1.3"

[<Literal>]
let private State = "1.3.6.1.2.1.10.21.1.3.1.1.9"

/// genErr for every request that asks for this object or runs into it.
let private faultyAt (legs: Leg list) (name: Oid) : Pdu -> Pdu option voption =
    let agent = agentOf legs Bench.start

    fun request ->
        match SmallAgent.answer agent request with
        | Some answer ->
            match answer.VarBinds |> Array.tryFindIndex (fun varBind -> varBind.Name = name) with
            | Some place ->
                let heads = if request.Kind = GetBulk then request.NonRepeaters else place + 1
                let width = max 1 (request.VarBinds.Length - heads)
                let place = if place < heads then place else heads + (place - heads) % width
                error ErrorStatus.GenErr (place + 1) request
            | None -> ValueNone
        | None -> ValueNone

let ``an error at one cell costs that column, or the proof where rows hang on it`` =
    example (fun () ->
        let legs = legs 40 |> List.sortBy (fun leg -> leg.Setup)
        let struct (whole, _) = ask cisco legs (fun _ -> ValueNone)
        let struct (spare, _) = ask cisco legs (faultyAt legs (at Originator legs[20]))
        isAllOf legs spare.Snapshot |> Check.because (reasons spare.Snapshot) Check.isTrue

        let remote (run: Bench.Run) =
            run.Snapshot.Observations |> Array.filter (fun o -> o.Facts.Remote.IsSome)

        (remote spare).Length |> Check.between 20 ((remote whole).Length - 1)
        let struct (decisive, _) = ask cisco legs (faultyAt legs (at State legs[20]))
        reasons decisive.Snapshot |> Check.startsWith "cut-short: genErr"
        decisive.Snapshot.Observations.Length |> Check.atLeast 20)

let ``an end that is told as version 1 tells it is an end`` =
    example (fun () ->
        let legs = legs 25

        let agent = agentOf legs Bench.start

        // There is nothing after the last object: noSuchName (RFC 1157 section 4.1.3).
        let vice (request: Pdu) =
            match SmallAgent.answer agent request with
            | Some answer when request.Kind = GetBulk || request.Kind = GetNext ->
                match
                    answer.VarBinds |> Array.tryFindIndex (fun varBind -> varBind.Value = EndOfMibView)
                with
                | Some place -> error ErrorStatus.NoSuchName (place % request.VarBinds.Length + 1) request
                | None -> ValueNone
            | _ -> ValueNone

        let struct (run, _) = ask cisco legs vice
        isAllOf legs run.Snapshot |> Check.because (reasons run.Snapshot) Check.isTrue)

type private Sized = { Legs: int; Most: int; MostRows: int; Near: bool; Seed: int }

let private sizes =
    gen {
        let! legs = Gen.frequency [ 3, Gen.choose (0, 60); 2, Gen.choose (61, 400); 1, Gen.choose (401, 900) ]
        let! most = Gen.frequency [ 2, Gen.choose (20, 100); 1, Gen.constant 100; 1, Gen.constant 1000 ]
        let! mostRows = Gen.frequency [ 1, Gen.choose (1, 8); 3, Gen.constant 1000 ]
        let! near = Gen.elements [ true; false ]
        let! seed = Gen.choose (0, 1_000_000)
        return { Legs = legs; Most = most; MostRows = mostRows; Near = near; Seed = seed }
    }

/// Legs spread over three days, or all within one second.
let private spread (case: Sized) : Leg list =
    let random = Random case.Seed
    let burst = random.NextInt64(60_000_000L, 250_000_000_000L)

    CiscoTable.legs case.Seed Bench.start case.Legs
    |> List.map (fun leg ->
        let age =
            if case.Near then
                burst + random.NextInt64 1_000_000L
            else
                random.NextInt64(30_000_000L, 250_000_000_000L)

        { leg with Setup = Bench.start - TimeSpan.FromMicroseconds(float age) })

let ``requests are in proportion to rows, wherever their indexes lie`` =
    lawBy (Laws.plain |> Laws.times 150 |> Laws.seeded 20261122UL 1123UL) (fun () ->
        Prop.forAll (Arb.fromGen sizes) (fun case ->
            let legs = spread case
            let columns = (Profile.ownColumns cisco.Value).Length
            // The varbinds in one reply: the agent's limit, or the most that is ever asked for.
            let room = (min case.Most 400 - 2) / columns
            let perReply = max 1 (min case.MostRows room)
            let needed = (case.Legs + perReply) / perReply

            let agent = agentOf legs

            let server: Bench.Server =
                Bench.v2c "public" (fun now request ->
                    SmallAgent.answer
                        { agent now with MostVarBinds = case.Most; MostRows = case.MostRows }
                        request)

            let first = Bench.run (uint64 case.Seed) steady server (Bench.target cisco)

            let again =
                Bench.runAt
                    Bench.start
                    7UL
                    steady
                    server
                    (Bench.target cisco)
                    (SnmpAudit.memory first.State)

            let most = needed + needed / 8 + 6

            (isAllOf legs first.Snapshot
             && isAllOf legs again.Snapshot
             && first.Snapshot.Requests <= most
             && again.Snapshot.Requests <= most)
            |> Prop.label
                $"{first.Snapshot.Requests} and {again.Snapshot.Requests} requests where {needed} bring the rows"))

/// The octets of the arc 4294967295, and of one that is too large by some bits.
let private most = [| 0x8Fuy; 0xFFuy; 0xFFuy; 0xFFuy; 0x7Fuy |]

let ``an index beyond 32 bits is named, and costs the rows after it alone`` =
    example (fun () ->
        let legs = legs 9
        let agent = CiscoTable.agent boot Bench.start legs

        let beyond =
            CiscoTable.rows boot legs[0]
            |> List.map (fun cell ->
                let arcs = Oid.arcs cell.Name

                VarBind.create
                    (Oid.ofArcs [| yield! arcs[.. arcs.Length - 3]; UInt32.MaxValue; 1u |])
                    cell.Value)

        let agent = SmallAgent.create (List.ofArray agent.Objects @ beyond)

        let honest =
            Bench.v2c "public" (fun now request ->
                SmallAgent.answer (SmallAgent.at (CiscoTable.scalars boot now 1 10) agent) request)

        let server: Bench.Server =
            fun now octets ->
                [ for answer in honest now octets do
                      let answer = Array.copy answer

                      for at in 0 .. answer.Length - most.Length do
                          if answer[at .. at + most.Length - 1] = most then
                              answer[at] <- 0x9Fuy

                      answer ]

        let run = Bench.run 5UL steady server (Bench.target cisco)
        run.Snapshot.Observations.Length |> Check.equal 9
        reasons run.Snapshot |> Check.says "an arc above 4294967295"
        run.Took |> Check.below (TimeSpan.FromSeconds 1.0))

let ``a column that never reads as what it should be is said once`` =
    example (fun () ->
        let legs = legs 20
        let connect = Oid.parse "1.3.6.1.2.1.10.21.1.3.1.1.8"

        let agent =
            CiscoTable.agent boot Bench.start legs
            |> fun agent ->
                SmallAgent.create (
                    agent.Objects
                    |> Array.map (fun cell ->
                        if Oid.isPrefixOf connect cell.Name then
                            VarBind.create cell.Name (CiscoTable.text "soon")
                        else
                            cell)
                )

        let server =
            Bench.v2c "public" (fun now request ->
                SmallAgent.answer (SmallAgent.at (CiscoTable.scalars boot now 1 20) agent) request)

        let run = Bench.run 5UL steady server (Bench.target cisco)
        isAllOf legs run.Snapshot |> Check.because (reasons run.Snapshot) Check.isTrue

        match run.Snapshot.Remarks with
        | [ remark ] -> remark |> Check.startsWith "connectTime never reads as a time stamp: 'soon'"
        | other -> failtest $"{other}"

        let struct (honest, _) = ask cisco legs (fun _ -> ValueNone)
        honest.Snapshot.Remarks |> Check.isEmpty)
