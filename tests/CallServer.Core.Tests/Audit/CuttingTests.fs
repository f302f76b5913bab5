/// How the table of a far gateway is cut into ranges that are walked at once: that this saves round trips wherever its rows stand, and
/// that it loses none.
module CallServer.Tests.Audit.CuttingTests

open System
open FsCheck
open FsCheck.FSharp
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Protocols.Snmp
open CallServer.Tests.Audit
open CallServer.Tests

let private ms (number: float) = TimeSpan.FromMilliseconds number

/// A round trip of 20 ms, and one of 2 ms.
let private far = Network.steady (ms 10.0)
let private near = Network.steady (ms 1.0)

[<Literal>]
let private Columns = 12

/// Rows of a reply of 100 variable bindings, of which two are sysUpTime and the count.
[<Literal>]
let private RowsOfReply = 8

let private boot = Bench.start - TimeSpan.FromDays 1.0

/// sysUpTime when the audit begins, in 1/100 s.
let private now = 8_640_000u

/// A table that is indexed by a number of this kind and another one.
let private profile (kind: string) (isCounted: bool) : Profile =
    let column number = $"\"c{number}\": \"1.3.6.1.4.1.99999.1.{number}\""
    let columns = String.Join(", ", List.map column [ 1..Columns ])

    let count =
        if isCounted then
            """, "count": [{ "scalars": ["1.3.6.1.4.1.9.9.63.1.3.8.2.0"] }]"""
        else
            ""

    let json =
        $"""{{ "index": [{{ "name": "a", "kind": "{kind}" }}, {{ "name": "b" }}], "columns": {{ {columns} }},
               "identity": "c1", "id": "instance"{count} }}"""

    match ProfileJson.parse "cut" json with
    | Ok profile -> profile
    | Error mistakes -> failwith $"{mistakes}"

let private stamped = profile "timeStamp" true
let private counted = profile "number" true
let private uncounted = profile "number" false

let private cells (struct (a: uint32, b: uint32)) : VarBind list =
    [ for column in 1..Columns ->
          VarBind.create (Oid.parse $"1.3.6.1.4.1.99999.1.{column}.{a}.{b}") (Integer 1L) ]

let private scalars (at: Instant) (count: int) = CiscoTable.scalars boot at 1 count

let private serve (mostVarBinds: int) (rows: struct (uint32 * uint32) list) : Bench.Server =
    let objects = scalars Bench.start rows.Length @ List.collect cells rows
    let agent = { SmallAgent.create objects with MostVarBinds = mostVarBinds }

    Bench.v2c "public" (fun at request ->
        SmallAgent.answer (SmallAgent.at (scalars at rows.Length) agent) request)

let private idsOf (rows: struct (uint32 * uint32) list) : string list =
    [ for struct (a, b) in rows -> $"{a}.{b}" ]
    |> List.sortWith (fun a b -> String.CompareOrdinal(a, b))

let private listed (snapshot: Snapshot) : string list =
    [ for observation in snapshot.Observations -> string observation.Id ]

let private audit network profile rows =
    let run = Bench.run 1UL network (serve 100 rows) (Bench.target (Some profile))
    listed run.Snapshot |> Check.equal (idsOf rows)
    Snapshot.isComplete run.Snapshot |> Check.because (string run.Snapshot.Completeness) Check.isTrue
    run

/// Ages of calls in 1/100 s, by the share of calls that are older.
let private shapes: (string * (float -> float)) list =
    [ "evenly over two hours", (fun share -> 500.0 + share * 720_000.0)
      "most of them new", (fun share -> -18_000.0 * Math.Log share)
      "few of them, and very old",
      (fun share -> if share < 0.03 then share * 2.8e8 else -18_000.0 * Math.Log share)
      "half of them in three seconds",
      (fun share -> if share < 0.5 then share * 720_000.0 else 360_000.0 + share * 600.0) ]

let private rowsOf (age: float -> float) (count: int) : struct (uint32 * uint32) list =
    [ for number in 1..count ->
          let share = (float number - 0.5) / float count
          struct (now - uint32 (min (float now) (age share)), uint32 number) ]

let ``wherever the rows of a far table stand, few round trips list them, and few requests more than one after the other`` =
    namedExamples shapes (fun age ->
        let run = audit far stamped (rowsOf age 1000)
        let least = 1000 / RowsOfReply
        say $"{run.Took}, {run.Snapshot.Requests} requests"
        // 125 replies one after the other take 2.5 s.
        run.Took |> Check.below (ms 600.0)
        run.Snapshot.Requests |> Check.below (least + least / 3))

let ``so does a table that is indexed by numbers, where the gateway counts its rows`` =
    examples [ 1u; 1000u ] (fun (apart: uint32) ->
        let rows = [ for number in 1u .. 1000u -> struct (number * apart, 1u) ]
        let run = audit far counted rows
        run.Took |> Check.below (ms 500.0)
        // Nothing tells how far an uncounted one goes.
        (audit far uncounted rows).Took |> Check.above (ms 2500.0))

let ``a small table is not cut, however far it is`` =
    namedExamples shapes (fun age ->
        let rows = rowsOf age 16
        let struct (away, here) = struct (audit far stamped rows, audit near stamped rows)
        away.Snapshot.Requests |> Check.equal here.Snapshot.Requests)

let ``a near table costs as many requests as the cuts that it had before, at most`` =
    namedExamples shapes (fun age ->
        let run = audit near stamped (rowsOf age 1000)
        say $"{run.Took}, {run.Snapshot.Requests} requests"
        run.Snapshot.Requests |> Check.below (1000 / RowsOfReply + 26))

let ``rows whose index begins with the same number are walked in one range`` =
    example (fun () ->
        let run = audit far stamped [ for number in 1u .. 200u -> struct (now - 100u, number) ]
        run.Snapshot.Requests |> Check.below (200 / RowsOfReply + 6))

// Whatever the table.

type private Case =
    { Profile: Profile
      Rows: struct (uint32 * uint32) list
      Most: int
      Loss: float
      Seed: int }

let private caseGen: Gen<Case> =
    gen {
        let! profile = Gen.elements [ stamped; counted; uncounted ]
        let! size = Gen.choose (0, 400)
        // Close together or far apart, before now and after it, and at the ends of what a number can be.
        let! from = Gen.elements [ 0u; 1u; now - 5000u; now - 50u; now + 10u; 0xFFFF0000u ]
        let! span = Gen.elements [ 0; 1; 40; 5000; 60_000 ]
        let! arcs = Gen.listOfLength size (Gen.zip (Gen.choose (0, span)) (Gen.choose (0, 3)))
        let! strays = Gen.listOf (Gen.elements [ 0u; 7u; 4_000_000u; now; 0x80000000u; 0xFFFFFFFFu ])
        let! most = Gen.elements [ 14; 30; 100; 400 ]
        let! loss = Gen.choose (0, 30)
        let! seed = Gen.choose (0, 1_000_000)

        return
            { Profile = profile
              Rows =
                List.distinct
                    [ for a, b in arcs -> struct (from + min (0xFFFFFFFFu - from) (uint32 a), uint32 b)
                      for stray in strays -> struct (stray, 0u) ]
              Most = most
              Loss = float loss / 100.0
              Seed = seed }
    }

let private run network case =
    Bench.run (uint64 case.Seed) network (serve case.Most case.Rows) (Bench.target (Some case.Profile))

let ``whatever the table, exactly its rows are listed`` =
    lawBy (Laws.plain |> Laws.times 120) (fun () ->
        Prop.forAll (Arb.fromGen caseGen) (fun case ->
            let run = run far case

            (listed run.Snapshot = idsOf case.Rows && Snapshot.isComplete run.Snapshot)
            |> Prop.label $"{run.Snapshot.Completeness}"))

let ``loss and overtaking make a walk partial at worst, never wrong`` =
    lawBy (Laws.plain |> Laws.times 120) (fun () ->
        Prop.forAll (Arb.fromGen caseGen) (fun case ->
            let run = run (Network.rough case.Loss (ms 80.0)) case
            let rows = Set.ofList (idsOf case.Rows)

            match run.Snapshot.Completeness with
            | Complete _ -> listed run.Snapshot = idsOf case.Rows
            | Partial _ -> List.forall rows.Contains (listed run.Snapshot)))

let ``rows that come and go meanwhile hide none that was there all the time`` =
    lawBy (Laws.plain |> Laws.times 80) (fun () ->
        let churnGen =
            gen {
                let! size = Gen.choose (20, 300)
                // Milliseconds from the beginning of the audit to the row's, and to its end.
                let! rows =
                    Gen.listOfLength size (Gen.zip (Gen.choose (-20_000, 400)) (Gen.choose (0, 2000)))

                let! most = Gen.elements [ 30; 100 ]
                return struct (rows, most)
            }

        Prop.forAll (Arb.fromGen churnGen) (fun (struct (rows, most)) ->
            let rows =
                rows
                |> List.mapi (fun number (from, until) ->
                    struct (Bench.start + ms (float from),
                            Bench.start + ms (float (max from until)),
                            struct (now + uint32 (from / 10), uint32 number)))

            let server =
                Bench.v2c "public" (fun at request ->
                    let there =
                        [ for struct (from, until, row) in rows do
                              if from <= at && at < until then
                                  yield! cells row ]

                    let objects = scalars at 0 @ there
                    let agent = { SmallAgent.create objects with MostVarBinds = most }
                    SmallAgent.answer agent request)

            let stamped = profile "timeStamp" false
            let run = Bench.run 1UL far server (Bench.target (Some stamped))
            let seen = Set.ofList (listed run.Snapshot)
            let over = Bench.start + run.Took

            let throughout =
                [ for struct (from, until, row) in rows do
                      if from <= Bench.start && until > over then
                          row ]

            let all = rows |> List.map (fun struct (_, _, row) -> row)

            (Set.isSubset seen (Set.ofList (idsOf all))
             && (not (Snapshot.isComplete run.Snapshot) || Set.isSubset (Set.ofList (idsOf throughout)) seen))
            |> Prop.label $"{run.Snapshot.Completeness}"))

let ``a cut leaves every row in one of the two ranges`` =
    law
        (fun (cursor: uint32) (before: uint32 option) (last: uint32) (others: struct (uint32 * uint32) list) ->
            let range =
                { WalkRange.below Oid.empty [| 0 |] with
                    Cursor = Oid.ofArcs [| cursor; 1u |]
                    Before =
                        before
                        |> ValueOption.ofOption
                        |> ValueOption.map (fun arc -> Oid.ofArcs [| arc; 0u |])
                    Density = ValueSome 1.0 }

            let isIn (range: WalkRange) (instance: Oid) =
                instance.CompareTo range.Cursor > 0
                && (range.Before.IsNone || instance.CompareTo range.Before.Value < 0)

            match WalkRange.middle WalkRange.noHints (ValueSome(int64 last)) range with
            | ValueNone -> true
            | ValueSome(struct (rows, at)) ->
                let struct (lower, upper) = WalkRange.cut WalkRange.noHints at range

                let instances =
                    [ for struct (a, b) in others do
                          Oid.ofArcs [| a; b |]
                          Oid.ofArcs [| a |]
                      at
                      Oid.child 0u at
                      Oid.child 1u at ]

                rows > 0.0
                && instances
                   |> List.forall (fun instance ->
                       (isIn lower instance || isIn upper instance) = isIn range instance
                       && not (isIn lower instance && isIn upper instance)))
