module CallServer.Tests.Audit.WalkTests

open System
open FsCheck
open FsCheck.FSharp
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange
open CallServer.Protocols.Snmp
open CallServer.Tests.Audit
open CallServer.Tests

let private ms (number: float) = TimeSpan.FromMilliseconds number
let private steady = Network.steady (ms 2.0)

/// A table of up to six columns under 1.3.6.1.4.1.99999.1, indexed by two numbers; the first column is in
/// every row.
let private plain (columns: int) : Profile =
    let names = [ for column in 1..columns -> $"\"c{column}\": \"1.3.6.1.4.1.99999.1.{column}\"" ]
    let list = String.Join(", ", names)

    let json =
        $"""{{ "index": [{{ "name": "a" }}, {{ "name": "b" }}], "columns": {{ {list} }},
               "identity": "c1", "id": "instance" }}"""

    match ProfileJson.parse "plain" json with
    | Ok profile -> profile
    | Error mistakes -> failwith $"{mistakes}"

let private scalars (now: Instant) = CiscoTable.scalars (Bench.start - TimeSpan.FromDays 1.0) now 1 0

/// A row: its index, and which columns besides the first it has.
type private Row = { A: uint32; B: uint32; Has: bool list }

let private cells (columns: int) (rows: Row list) : VarBind list =
    [ for row in rows do
          for column in 1..columns do
              if column = 1 || row.Has[column - 1] then
                  let name = Oid.parse $"1.3.6.1.4.1.99999.1.{column}.{row.A}.{row.B}"
                  VarBind.create name (Integer(int64 (row.A + row.B))) ]

/// Objects before the table and after it.
let private around =
    [ CiscoTable.scalar "1.3.6.1.4.1.99998.1.0" (Integer 1L)
      CiscoTable.scalar "1.3.6.1.4.1.99999.2.1.0" (Integer 1L) ]

let private serve (adjust: SmallAgent -> SmallAgent) columns rows : Bench.Server =
    let agent = adjust (SmallAgent.create (scalars Bench.start @ cells columns rows @ around))
    Bench.v2c "public" (fun now request -> SmallAgent.answer (SmallAgent.at (scalars now) agent) request)

let private idsOf (rows: Row list) =
    [ for row in rows -> $"{row.A}.{row.B}" ] |> List.sortWith (fun a b -> String.CompareOrdinal(a, b))

let private listed (snapshot: Snapshot) =
    [ for observation in snapshot.Observations -> string observation.Id ]

let private arc =
    Gen.frequency
        [ 6, Gen.choose (0, 9) |> Gen.map uint32
          2, Gen.choose (0, 100_000) |> Gen.map uint32
          1, Gen.elements [ 0u; 0x7FFFFFFFu; 0x80000000u; 0xFFFFFFFFu ] ]

let private rowGen columns =
    gen {
        let! a = arc
        let! b = arc
        let! has = Gen.listOfLength columns (Gen.frequency [ 3, Gen.constant true; 1, Gen.constant false ])
        return { A = a; B = b; Has = has }
    }

type private Case = { Columns: int; Rows: Row list; Most: int; MostRows: int; TooBig: bool; Seed: int }

let private caseGen =
    gen {
        let! columns = Gen.choose (1, 6)
        let! size = Gen.frequency [ 1, Gen.constant 0; 5, Gen.choose (1, 12); 2, Gen.choose (13, 60) ]
        let! rows = Gen.listOfLength size (rowGen columns)
        let! most = Gen.frequency [ 2, Gen.choose (3, 12); 2, Gen.choose (13, 120) ]
        let! mostRows = Gen.frequency [ 1, Gen.choose (1, 3); 2, Gen.constant 1000 ]
        let! tooBig = Gen.frequency [ 4, Gen.constant false; 1, Gen.constant true ]
        let! seed = Gen.choose (0, 1_000_000)

        return
            { Columns = columns
              Rows = rows |> List.distinctBy (fun row -> struct (row.A, row.B))
              Most = most
              MostRows = mostRows
              TooBig = tooBig
              Seed = seed }
    }

let private adjusted case (agent: SmallAgent) =
    { agent with MostVarBinds = case.Most; MostRows = case.MostRows; TooBig = case.TooBig }

let private runCase network case =
    let server = serve (adjusted case) case.Columns case.Rows
    Bench.run (uint64 case.Seed) network server (Bench.target (Some(plain case.Columns)))

let ``whatever the table and the agent's limits, exactly its rows are listed`` =
    lawBy (Laws.plain |> Laws.times 1000 |> Laws.seeded 20261122UL 1123UL) (fun () ->
        Prop.forAll (Arb.fromGen caseGen) (fun case ->
            let run = runCase steady case

            (listed run.Snapshot = idsOf case.Rows && Snapshot.isComplete run.Snapshot)
            |> Prop.label $"{run.Snapshot.Completeness}: {listed run.Snapshot}"))

let ``loss, doubles and overtaking make a walk partial at worst, never wrong`` =
    lawBy (Laws.plain |> Laws.times 1000 |> Laws.seeded 20261122UL 1123UL) (fun () ->
        let cases =
            gen {
                let! case = caseGen
                let! loss = Gen.choose (0, 40)
                return case, float loss / 100.0
            }

        Prop.forAll (Arb.fromGen cases) (fun (case, loss) ->
            let run = runCase (Network.rough loss (ms 700.0)) case
            let rows = Set.ofList (idsOf case.Rows)
            let seen = listed run.Snapshot

            let right =
                match run.Snapshot.Completeness with
                | Complete _ -> seen = idsOf case.Rows
                | Partial _ -> List.forall rows.Contains seen

            (right && run.Finishes = 1) |> Prop.label $"{run.Snapshot.Completeness}: {seen}"))

let ``the next audit, cut into ranges by the last one's rows, lists exactly the rows too`` =
    lawBy (Laws.plain |> Laws.times 1000 |> Laws.seeded 20261122UL 1123UL) (fun () ->
        let cases = Gen.zip caseGen (Gen.listOfLength 40 (rowGen 6))

        Prop.forAll (Arb.fromGen cases) (fun (case, more) ->
            let first = runCase steady case
            // Other rows by now, which the hints of the first audit fit badly.
            let rows =
                more @ (case.Rows |> List.map (fun row -> { row with Has = List.replicate 6 true }))
                |> List.distinctBy (fun row -> struct (row.A, row.B))

            let again = { case with Columns = 6; Rows = rows }
            let server = serve (adjusted again) 6 rows
            let memory = SnmpAudit.memory first.State
            let run = Bench.runAt Bench.start 7UL steady server (Bench.target (Some(plain 6))) memory

            (listed run.Snapshot = idsOf rows && Snapshot.isComplete run.Snapshot)
            |> Prop.label $"{run.Snapshot.Completeness}: {listed run.Snapshot}"))

/// Replies that are nonsense in every way, but well-formed.
let private madGen =
    let name =
        gen {
            let! column = Gen.choose (0, 4)
            let! arcs = Gen.choose (0, 3)
            let! tail = Gen.listOfLength arcs arc
            return Oid.append (Oid.parse $"1.3.6.1.4.1.99999.1.{column}") (Array.ofList tail)
        }

    let value =
        Gen.elements
            [ Integer 1L
              TimeTicks 5u
              NoSuchObject
              NoSuchInstance
              EndOfMibView
              Null
              OctetString [| 1uy |] ]

    Gen.listOf (Gen.map2 VarBind.create name value)

let ``an agent that answers at random is left after a bounded number of requests`` =
    lawBy (Laws.plain |> Laws.times 1000 |> Laws.seeded 20261122UL 1123UL) (fun () ->
        let cases =
            gen {
                let! answers = Gen.nonEmptyListOf madGen
                let! errors = Gen.listOfLength 7 (Gen.frequency [ 5, Gen.constant 0; 1, Gen.choose (1, 20) ])
                return answers, errors
            }

        Prop.forAll (Arb.fromGen cases) (fun (answers, errors) ->
            let asked = ref 0
            let answers = Array.ofList answers

            let server: Bench.Server =
                fun now octets ->
                    match Snmp.decode octets with
                    | Ok(V2c(community, pdu)) ->
                        asked.Value <- asked.Value + 1
                        let varBinds = Array.ofList answers[asked.Value % answers.Length]
                        let honest = SmallAgent.answer (SmallAgent.create (scalars now)) pdu

                        let answer =
                            match pdu.Kind, honest with
                            | Get, Some answer when asked.Value % 3 > 0 -> answer
                            | _ ->
                                { Pdu.response pdu.RequestId varBinds with
                                    ErrorStatus = errors[asked.Value % errors.Length] }

                        [ Snmp.encode (V2c(community, answer)) ]
                    | Ok(V3 _)
                    | Error _ -> []

            let run = Bench.run 3UL steady server (Bench.target (Some(plain 3)))
            run.Snapshot.Requests < 2_000 |> Prop.label $"{run.Snapshot.Requests} requests"))

let private reasons (snapshot: Snapshot) =
    match snapshot.Completeness with
    | Complete _ -> []
    | Partial reasons -> reasons |> List.map (fun reason -> reason.Kind)

let private row a b : Row = { A = a; B = b; Has = [ true; true; true ] }

/// Rewrites the answers to requests of these kinds.
let private twistedWhere kinds columns rows (twist: Pdu -> VarBind[] -> VarBind[]) : Bench.Server =
    let table = cells columns rows @ around

    Bench.v2c "public" (fun now request ->
        let agent = SmallAgent.create (scalars now @ table)

        match SmallAgent.answer agent request with
        | Some answer when List.contains request.Kind kinds ->
            Some { answer with VarBinds = twist request answer.VarBinds }
        | answer -> answer)

let private twisted columns rows twist = twistedWhere [ GetBulk; GetNext ] columns rows twist

let ``an agent that repeats its rows for ever is named and left`` =
    example (fun () ->
        let rows = [ for number in 1u .. 30u -> row number 1u ]

        let server =
            twisted 1 rows (fun request _ ->
                [| for number in 0 .. request.NonRepeaters + 20 ->
                       VarBind.create (Oid.parse $"1.3.6.1.4.1.99999.1.1.{1 + number % 5}.1") (Integer 1L) |])

        let run = Bench.run 1UL steady server (Bench.target (Some(plain 1)))
        reasons run.Snapshot |> Check.sameItems [ "not-increasing" ]
        run.Snapshot.Requests |> Check.below 10)

let ``an agent that makes up rows without end is left`` =
    example (fun () ->
        let last = ref 0L

        let server =
            Bench.v2c "public" (fun now request ->
                match request.Kind with
                | GetBulk ->
                    [| VarBind.create
                           Profile.sysUpTime
                           (TimeTicks(uint32 ((now - Bench.start).TotalSeconds * 100.0)))
                       for _ in 1 .. request.MaxRepetitions do
                           last.Value <- last.Value + 1L
                           VarBind.create (Oid.parse $"1.3.6.1.4.1.99999.1.1.{last.Value}.1") (Integer 1L) |]
                    |> Pdu.response request.RequestId
                    |> Some
                | _ -> SmallAgent.answer (SmallAgent.create (scalars now)) request)

        let run = Bench.run 1UL steady server (Bench.target (Some(plain 1)))
        reasons run.Snapshot |> Check.contains "cut-short")

let ``one bad range does not spoil the others`` =
    example (fun () ->
        let rows = [ for number in 1u .. 400u -> row number 1u ]
        let small = serve (fun agent -> { agent with MostVarBinds = 12 }) 1 rows
        let good = Bench.run 1UL steady small (Bench.target (Some(plain 1)))

        // Between row 20 and row 60 the agent goes backwards.
        let server =
            twisted 1 rows (fun request varBinds ->
                let asked = request.VarBinds[request.VarBinds.Length - 1].Name
                let arc = if asked.Length > 9 then asked[9] else 0u

                if arc > 20u && arc < 60u then
                    Array.rev varBinds
                else
                    Array.truncate 12 varBinds)

        let memory = SnmpAudit.memory good.State
        let run = Bench.runAt Bench.start 2UL steady server (Bench.target (Some(plain 1))) memory
        List.distinct (reasons run.Snapshot) |> Check.sameItems [ "not-increasing" ]
        run.Snapshot.Observations.Length |> Check.above 200)

let ``an answer that left varbinds out is not taken for the end of a column`` =
    example (fun () ->
        let rows = [ for number in 1u .. 20u -> row number 1u ]

        // The second column's cells are missing: all others are one place too early.
        let server =
            twisted 3 rows (fun _ varBinds ->
                varBinds
                |> Array.filter (fun varBind ->
                    not (Oid.isPrefixOf (Oid.parse "1.3.6.1.4.1.99999.1.2") varBind.Name)))

        let run = Bench.run 1UL steady server (Bench.target (Some(plain 3)))
        (listed run.Snapshot = idsOf rows) |> Check.isTrue
        run.Snapshot.Remarks |> Check.hasLength 1)

let ``what GetBulk tells wrong is read by GetNext`` =
    example (fun () ->
        let rows = [ for number in 1u .. 30u -> row number 1u ]
        let reversed = twistedWhere [ GetBulk ] 3 rows (fun _ varBinds -> Array.rev varBinds)

        let ragged =
            twistedWhere [ GetBulk ] 3 rows (fun _ varBinds ->
                varBinds
                |> Array.filter (fun varBind ->
                    not (Oid.isPrefixOf (Oid.parse "1.3.6.1.4.1.99999.1.2") varBind.Name)))

        for server in [ reversed; ragged ] do
            let run = Bench.run 1UL steady server (Bench.target (Some(plain 3)))
            (listed run.Snapshot = idsOf rows) |> Check.isTrue
            Snapshot.isComplete run.Snapshot |> Check.because $"{run.Snapshot.Completeness}" Check.isTrue)

let ``a row whose identity came and went is asked once more`` =
    example (fun () ->
        let rows = [ for number in 1u .. 5u -> row number 1u ]
        let hidden = Oid.parse "1.3.6.1.4.1.99999.1.1.3.1"

        let server =
            twisted 3 rows (fun _ varBinds ->
                varBinds
                |> Array.map (fun varBind ->
                    if varBind.Name = hidden then
                        { varBind with Value = NoSuchInstance }
                    else
                        varBind))

        let run = Bench.run 1UL steady server (Bench.target (Some(plain 3)))
        (listed run.Snapshot = idsOf rows) |> Check.isTrue
        Snapshot.isComplete run.Snapshot |> Check.isTrue)

let ``a row of which only fragments were left is not listed`` =
    example (fun () ->
        let rows = [ for number in 1u .. 5u -> row number 1u ]
        let gone = Oid.parse "1.3.6.1.4.1.99999.1.1.3.1"
        let table = cells 3 rows @ around |> List.filter (fun varBind -> varBind.Name <> gone)

        let server =
            Bench.v2c "public" (fun now request ->
                SmallAgent.answer (SmallAgent.create (scalars now @ table)) request)

        let run = Bench.run 1UL steady server (Bench.target (Some(plain 3)))
        (listed run.Snapshot = idsOf (List.filter (fun row -> row.A <> 3u) rows)) |> Check.isTrue)

let ``an agent that drops large replies is asked for smaller ones`` =
    example (fun () ->
        let rows = [ for number in 1u .. 300u -> row number 1u ]
        let server = serve (fun agent -> { agent with SilentAbove = 20 }) 3 rows
        let run = Bench.run 1UL steady server (Bench.target (Some(plain 3)))
        (listed run.Snapshot = idsOf rows) |> Check.isTrue

        let again =
            Bench.runAt
                Bench.start
                2UL
                steady
                server
                (Bench.target (Some(plain 3)))
                (SnmpAudit.memory run.State)

        Snapshot.isComplete again.Snapshot |> Check.isTrue
        again.Took |> Check.because "what was learnt is remembered" (Check.below (TimeSpan.FromSeconds 2.5)))

let ``silence is told as silence, and what to look at`` =
    example (fun () ->
        let run = Bench.run 1UL steady (fun _ _ -> []) (Bench.target (Some(plain 1)))

        match run.Snapshot.Completeness with
        | Partial [ Silent detail ] -> detail |> Check.says "community"
        | other -> failtest (string other)

        run.Snapshot.Requests |> Check.equal 4
        Completeness.isSilent run.Snapshot.Completeness |> Check.isTrue)

let ``an agent that stops in mid-walk leaves a partial snapshot with what it told`` =
    example (fun () ->
        let rows = [ for number in 1u .. 300u -> row number 1u ]
        let left = ref 5
        let whole = serve id 3 rows

        let server: Bench.Server =
            fun now octets ->
                left.Value <- left.Value - 1
                if left.Value >= 0 then whole now octets else []

        let run = Bench.run 1UL steady server (Bench.target (Some(plain 3)))
        reasons run.Snapshot |> Check.sameItems [ "cut-short" ]
        run.Snapshot.Observations.Length |> Check.above 0
        run.Took |> Check.below (TimeSpan.FromSeconds 12.0))

let ``stopped by its host, an audit ends with what it has`` =
    example (fun () ->
        let state, _ =
            SnmpAudit.start
                (Bench.target (Some(plain 1)))
                SnmpAudit.Memory.none
                (Moment.at Bench.start)
                (Rng.create 1UL)

        let over, commands = SnmpAudit.advance (Stopped(Moment.at (Bench.start + ms 5.0))) state

        match commands with
        | [ Finished snapshot ] -> reasons snapshot |> Check.sameItems [ "cancelled"; "silent" ]
        | other -> failtest (string other)

        let _, later = SnmpAudit.advance (Stopped(Moment.at (Bench.start + ms 9.0))) over
        later.Length |> Check.equal 0)

let ``strangers' datagrams are counted and change nothing`` =
    example (fun () ->
        let rows = [ row 1u 1u ]
        let honest = serve id 1 rows

        let server: Bench.Server =
            fun now octets ->
                let noise = [| 0x30uy; 1uy; 2uy |]
                let foreign = Snmp.encode (V2c([| 1uy |], Pdu.response 12345 [||]))
                noise :: foreign :: honest now octets

        let run = Bench.run 1UL steady server (Bench.target (Some(plain 1)))
        Snapshot.isComplete run.Snapshot |> Check.isTrue
        SnmpAudit.strays run.State |> Check.atLeast 6)

let ``noise never throws`` =
    lawBy (Laws.plain |> Laws.times 200 |> Laws.seeded 20261122UL 1123UL) (fun (noise: byte[]) ->
        let state, _ =
            SnmpAudit.start
                (Bench.target (Some(plain 1)))
                SnmpAudit.Memory.none
                (Moment.at Bench.start)
                (Rng.create 1UL)

        let next, _ = SnmpAudit.advance (Received(Moment.at Bench.start, noise)) state
        SnmpAudit.strays next = 1)

let ``the same events from the same state give the same commands`` =
    example (fun () ->
        let rows = [ for number in 1u .. 50u -> row number 1u ]
        let server = serve id 3 rows
        let target = Bench.target (Some(plain 3))
        let rough = Network.rough 0.2 (ms 300.0)
        let first = Bench.run 9UL rough server target
        let second = Bench.run 9UL rough server target
        (first.Snapshot = second.Snapshot) |> Check.isTrue
        first.Took |> Check.equal second.Took

        // An old state is unchanged after others were made from it.
        let state, commands =
            SnmpAudit.start target SnmpAudit.Memory.none (Moment.at Bench.start) (Rng.create 1UL)

        let answers =
            commands
            |> List.collect (fun command ->
                match command with
                | Send octets -> server Bench.start octets
                | WakeAt _
                | Connect
                | Write _
                | Told _
                | Finished _ -> [])

        let event = Received(Moment.at (Bench.start + ms 3.0), answers.Head)
        let next, once = SnmpAudit.advance event state
        SnmpAudit.advance event next |> ignore
        let _, twice = SnmpAudit.advance event state
        (once = twice) |> Check.isTrue)

let ``an end of the MIB in the middle of it is not believed`` =
    example (fun () ->
        let rows = [ for number in 1u .. 40u -> row number 1u ]

        // Cuts a reply short, and fills its last place.
        let server =
            twisted 3 rows (fun request varBinds ->
                if varBinds.Length > 20 then
                    let kept = Array.truncate 18 varBinds

                    let last =
                        request.VarBinds[request.NonRepeaters + (kept.Length - request.NonRepeaters) % 3]
                            .Name

                    Array.append kept [| VarBind.create last EndOfMibView |]
                else
                    varBinds)

        let run = Bench.run 1UL steady server (Bench.target (Some(plain 3)))
        (listed run.Snapshot = idsOf rows) |> Check.isTrue
        Snapshot.isComplete run.Snapshot |> Check.because $"{run.Snapshot.Completeness}" Check.isTrue
        run.Snapshot.Requests |> Check.below 40)
