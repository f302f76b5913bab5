/// What proves that a walk saw the end of its table, and that an empty table is empty.
module CallServer.Tests.Audit.ConfirmingTests

open System
open FsCheck
open FsCheck.FSharp
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Protocols.Snmp
open CallServer.Tests.Audit
open CallServer.Tests

let private steady = Network.steady (TimeSpan.FromMilliseconds 2.0)
let private table = Oid.parse "1.3.6.1.4.1.99999.1"

let private profile (more: string) : Profile =
    let json =
        $"""{{ "index": [{{ "name": "a" }}], "columns": {{ "x": "{table}.1", "y": "{table}.2", "z": "{table}.3" }},
               "identity": "x", "id": "instance" {more} }}"""

    match ProfileJson.parse "small" json with
    | Ok profile -> profile
    | Error mistakes -> failwith $"{mistakes}"

let private cells (rows: uint32 list) : VarBind list =
    [ for row in rows do
          for column in 1u .. 3u -> VarBind.create (Oid.append table [| column; row |]) (Integer 7L) ]

let private agent (now: Instant) (rows: uint32 list) : SmallAgent =
    CiscoTable.scalars (Bench.start - TimeSpan.FromDays 1.0) now 1 0 @ cells rows |> SmallAgent.create

/// An audit of an agent that answers about its table as `answer` says, and correctly about everything else.
let private audited
    (profile: Profile)
    (known: Connection[])
    (answer: Instant -> Pdu -> Pdu option)
    : Snapshot =
    (Bench.runKnown
        known
        ValueNone
        Bench.start
        1UL
        steady
        (Bench.v2c "public" answer)
        (Bench.target (Some profile))
        SnmpAudit.Memory.none)
        .Snapshot

let private kinds (snapshot: Snapshot) : string list =
    match snapshot.Completeness with
    | Complete _ -> []
    | Partial reasons -> [ for reason in reasons -> reason.Kind ] |> List.distinct

/// Rewrites Get's answers for the names that satisfy `isMeant`.
let private saying
    (isMeant: Oid -> bool)
    (value: Value)
    (rows: uint32 list)
    (now: Instant)
    (request: Pdu)
    : Pdu option =
    SmallAgent.answer (agent now rows) request
    |> Option.map (fun answer ->
        if request.Kind <> Get then
            answer
        else
            { answer with
                VarBinds =
                    answer.VarBinds
                    |> Array.map (fun varBind ->
                        if isMeant varBind.Name then { varBind with Value = value } else varBind) })

let private inTable (name: Oid) = Oid.isPrefixOf table name

let ``an empty table is believed of an agent that has no such instance, at no request more`` =
    example (fun () ->
        let snapshot =
            audited (profile "") [||] (fun now request -> SmallAgent.answer (agent now []) request)

        Snapshot.isComplete snapshot |> Check.because $"{snapshot.Completeness}" Check.isTrue
        snapshot.Requests |> Check.equal 3)

let ``an empty table is not believed where the agent does not say noSuchInstance of it`` =
    example (fun () ->
        for value in [ NoSuchObject; EndOfMibView; Null ] do
            let snapshot = audited (profile "") [||] (saying inTable value [])

            kinds snapshot
            |> Check.because $"{value}: {snapshot.Completeness}" (Check.sameItems [ "hidden" ]))

let ``an empty table is not believed of an agent that says noSuchInstance of everything`` =
    example (fun () ->
        let snapshot =
            audited
                (profile "")
                [||]
                (saying (fun name -> not (Oid.isPrefixOf (Oid.parse "1.3.6.1.2.1.1") name)) NoSuchInstance [])

        kinds snapshot |> Check.because $"{snapshot.Completeness}" (Check.contains "hidden"))

let ``a row that cannot be and is there refutes an empty table`` =
    example (fun () ->
        let snapshot = audited (profile "") [||] (saying inTable (Integer 7L) [])
        kinds snapshot |> Check.sameItems [ "cut-short" ])

let ``an agent that answers errors to a Get of what is not there proves no empty table`` =
    example (fun () ->
        for status in [ ErrorStatus.NoSuchName; ErrorStatus.GenErr; ErrorStatus.TooBig ] do
            let answer now (request: Pdu) =
                let asksBelow = request.VarBinds |> Array.exists (fun varBind -> inTable varBind.Name)

                if request.Kind = Get && asksBelow then
                    Some(Pdu.errorResponse request.RequestId status 1 request.VarBinds)
                else
                    SmallAgent.answer (agent now []) request

            let snapshot = audited (profile "") [||] answer

            kinds snapshot
            |> Check.because $"{status}: {snapshot.Completeness}" (Check.sameItems [ "hidden" ]))

let ``rows of which a Get tells nothing stand at the end only where the count agrees`` =
    example (fun () ->
        let counted = """, "count": { "scalars": ["1.3.6.1.4.1.99999.9.0"] }"""
        let count = Oid.parse "1.3.6.1.4.1.99999.9.0"
        let rows = [ 1u; 2u ]

        let answer now (request: Pdu) =
            let objects = Array.append (agent now rows).Objects [| VarBind.create count (Gauge32 2u) |]

            SmallAgent.answer (SmallAgent.create objects) request
            |> Option.map (fun answer ->
                { answer with
                    VarBinds =
                        answer.VarBinds
                        |> Array.map (fun varBind ->
                            if request.Kind = Get && inTable varBind.Name then
                                { varBind with Value = Null }
                            else
                                varBind) })

        kinds (audited (profile "") [||] answer) |> Check.equal [ "cut-short" ]
        Snapshot.isComplete (audited (profile counted) [||] answer) |> Check.isTrue)

let ``a gateway that restarts under the walk is named, though its agent goes on`` =
    example (fun () ->
        let token = Oid.parse "1.3.6.1.4.1.99999.9.0"
        let own = $""", "boot": {{ "token": ["{token}"], "scope": "gateway" }}"""
        let isWalked = ref false

        let answer restarts now (request: Pdu) =
            if request.Kind = GetBulk then
                isWalked.Value <- true

            let run = if restarts && isWalked.Value then "second" else "first"

            let objects =
                VarBind.create token (CiscoTable.text run) :: List.ofArray (agent now [ 1u; 2u ]).Objects

            SmallAgent.answer (SmallAgent.create objects) request

        (audited (profile own) [||] (answer true)).Completeness
        |> Check.equal (Partial [ RestartedMeanwhile ])

        isWalked.Value <- false
        Snapshot.isComplete (audited (profile own) [||] (answer false)) |> Check.isTrue)

let ``an agent declared to say the same of hidden rows needs a count`` =
    example (fun () ->
        let answer now request = SmallAgent.answer (agent now []) request
        let counted = """, "count": { "scalars": ["1.3.6.1.4.1.9.9.63.1.3.8.2.0"] }"""
        let declared = """, "emptyNeedsCount": true"""
        kinds (audited (profile declared) [||] answer) |> Check.sameItems [ "hidden" ]
        Snapshot.isComplete (audited (profile (declared + counted)) [||] answer) |> Check.isTrue)

let ``a table whose switch is not served is not believed empty`` =
    example (fun () ->
        let switch = """, "trust": { "scalar": "1.3.6.1.4.1.99999.9.0", "value": 1, "name": "switch" }"""
        let answer rows now request = SmallAgent.answer (agent now rows) request
        kinds (audited (profile switch) [||] (answer [])) |> Check.sameItems [ "hidden" ]
        Snapshot.isComplete (audited (profile switch) [||] (answer [ 4u ])) |> Check.isTrue)

let ``rows that lack the column that decides about them are no empty table`` =
    example (fun () ->
        let filter = """, "where": { "z": [7] }"""

        let hiding hidden now (request: Pdu) =
            let column = Oid.child 3u table
            let whole = agent now [ 4u; 5u ]

            let objects =
                whole.Objects |> Array.filter (fun v -> not (hidden && Oid.isPrefixOf column v.Name))

            if hidden && request.Kind = Get then
                saying (Oid.isPrefixOf column) NoSuchObject [ 4u; 5u ] now request
            else
                SmallAgent.answer { whole with Objects = objects } request

        let snapshot = audited (profile filter) [||] (hiding true)
        kinds snapshot |> Check.sameItems [ "unreadable"; "hidden" ]
        (audited (profile filter) [||] (hiding false)).Observations.Length |> Check.equal 2)

let ``a column that a view hides is named, and not asked for row by row`` =
    example (fun () ->
        let both = profile "" |> fun profile -> { profile with Identity = [| 0; 2 |] }
        let column = Oid.child 3u table

        let answer now (request: Pdu) =
            let whole = agent now [ 1u .. 40u ]

            let shown =
                { whole with
                    Objects = whole.Objects |> Array.filter (fun v -> not (Oid.isPrefixOf column v.Name)) }

            if request.Kind = Get then
                saying (Oid.isPrefixOf column) NoSuchObject [ 1u .. 40u ] now request
            else
                SmallAgent.answer shown request

        let snapshot = audited both [||] answer
        kinds snapshot |> Check.because $"{snapshot.Completeness}" (Check.contains "hidden")
        snapshot.Requests |> Check.below 10)

/// Connections on record, by the ids of their rows.
let private onRecord (rows: uint32 list) : Connection[] =
    let shown = audited (profile "") [||] (fun now request -> SmallAgent.answer (agent now rows) request)
    let struct (ledger, _) = Reconcile.apply shown (GatewayLedger.empty shown.Gateway)
    ledger.Connections

/// An agent whose walk and whose Get see different rows.
let private twoFaced
    (walked: Instant -> uint32 list)
    (got: Instant -> uint32 list)
    now
    (request: Pdu)
    : Pdu option =
    SmallAgent.answer (agent now (if request.Kind = Get then got now else walked now)) request

let ``a row on record that the walk did not list and a Get finds refutes the end`` =
    example (fun () ->
        let rows = [ 1u .. 30u ]
        let answer = twoFaced (fun _ -> [ 1u .. 15u ]) (fun _ -> rows)
        let known = onRecord rows
        kinds (audited (profile "") known answer) |> Check.sameItems [ "cut-short" ]

        kinds (audited (profile "") [||] answer)
        |> Check.because "nobody can know without the record" Check.isEmpty)

let ``connections that ended are confirmed to have ended, in few requests`` =
    example (fun () ->
        let known = onRecord [ 1u .. 200u ]

        let snapshot =
            audited (profile "") known (fun now request ->
                SmallAgent.answer (agent now [ 1u .. 150u ]) request)

        Snapshot.isComplete snapshot |> Check.because $"{snapshot.Completeness}" Check.isTrue
        snapshot.Requests |> Check.below 20)

let ``a table that a view hides until it is walked is walked again`` =
    example (fun () ->
        let walks = ref 0

        let answer now (request: Pdu) =
            if request.Kind = GetBulk then
                walks.Value <- walks.Value + 1

            // Hidden from the first request until the first walk is done.
            let whole = agent now [ 1u .. 5u ]
            let isHidden = walks.Value = 0 || walks.Value = 1 && request.Kind = GetBulk
            let shown = whole.Objects |> Array.filter (fun v -> not (isHidden && inTable v.Name))
            let implemented = if isHidden then [] else whole.Implemented
            SmallAgent.answer { whole with Objects = shown; Implemented = implemented } request

        let snapshot = audited (profile "") [||] answer
        Snapshot.isComplete snapshot |> Check.because $"{snapshot.Completeness}" Check.isTrue
        snapshot.Observations.Length |> Check.equal 5)

let ``what is confirmed is asked in parts where the whole is never answered`` =
    example (fun () ->
        // Less fits into a message than when the walk was made.
        let answer now (request: Pdu) =
            if request.Kind = Get && request.VarBinds.Length > 8 then
                None
            else
                SmallAgent.answer (agent now [ 1u .. 150u ]) request

        let snapshot = audited (profile "") (onRecord [ 1u .. 200u ]) answer
        Snapshot.isComplete snapshot |> Check.because $"{snapshot.Completeness}" Check.isTrue)

let ``a row on record that a view hides is not taken for one that ended`` =
    example (fun () ->
        let hidden = Oid.append table [| 1u; 3u |]

        let answer now (request: Pdu) =
            if request.Kind = Get then
                saying (fun name -> name = hidden) NoSuchObject [ 1u; 2u ] now request
            else
                SmallAgent.answer (agent now [ 1u; 2u ]) request

        kinds (audited (profile "") (onRecord [ 1u .. 3u ]) answer) |> Check.sameItems [ "hidden" ])

let ``an agent that says noSuchObject of any row that is not there may still end connections`` =
    example (fun () ->
        let gone (name: Oid) =
            inTable name && name[name.Length - 1] > 2u || name[name.Length - 1] = 0u && inTable name

        let snapshot = audited (profile "") (onRecord [ 1u .. 5u ]) (saying gone NoSuchObject [ 1u; 2u ])
        Snapshot.isComplete snapshot |> Check.because $"{snapshot.Completeness}" Check.isTrue)

let ``a table that vanishes under the walk is not taken for its end`` =
    example (fun () ->
        // The walk reaches row 5; from then on nothing of the table is served.
        let left = ref true

        let answer now (request: Pdu) =
            let whole = agent now [ 1u .. 30u ]

            let isFar =
                request.VarBinds
                |> Array.exists (fun varBind ->
                    inTable varBind.Name && varBind.Name.Length > 9 && varBind.Name[9] > 4u)

            if isFar then
                left.Value <- false

            let objects =
                if left.Value then
                    whole.Objects
                else
                    whole.Objects |> Array.filter (fun v -> not (inTable v.Name))

            SmallAgent.answer { whole with Objects = objects; MostRows = 5; Implemented = [] } request

        let snapshot = audited (profile "") [||] answer
        Snapshot.isComplete snapshot |> Check.because $"{snapshot.Completeness}" Check.isFalse)

/// An agent that ends its MIB after a row, in every column, wherever a walk begins.
let private endingAfter (row: uint32) (most: int) (rows: uint32 list) now (request: Pdu) : Pdu option =
    let whole = { agent now rows with MostRows = most }

    if request.Kind = Get then
        SmallAgent.answer whole request
    else
        SmallAgent.answer whole request
        |> Option.map (fun answer ->
            { answer with
                VarBinds =
                    answer.VarBinds
                    |> Array.map (fun varBind ->
                        if inTable varBind.Name && varBind.Name[varBind.Name.Length - 1] > row then
                            VarBind.create varBind.Name EndOfMibView
                        else
                            varBind) })

let ``an end that other columns refute is not believed, wherever it falls`` =
    lawBy (Laws.plain |> Laws.times 300 |> Laws.seeded 20261122UL 1123UL) (fun () ->
        let cases =
            gen {
                let! rows = Gen.choose (2, 60)
                let! row = Gen.choose (1, rows - 1)
                let! most = Gen.choose (1, 30)
                return rows, row, most
            }

        Prop.forAll (Arb.fromGen cases) (fun (rows, row, most) ->
            let snapshot = audited (profile "") [||] (endingAfter (uint32 row) most [ 1u .. uint32 rows ])
            kinds snapshot = [ "cut-short" ] |> Prop.label $"{snapshot.Completeness}"))

let ``rows that come and go under a walk do not make it partial`` =
    lawBy (Laws.plain |> Laws.times 300 |> Laws.seeded 20261122UL 1123UL) (fun () ->
        let cases =
            gen {
                let! first = Gen.choose (1, 20)
                let! rows = Gen.choose (0, 40)
                let! step = Gen.choose (0, 3)
                let! most = Gen.choose (2, 30)
                return first, rows, step, most
            }

        // As with calls ordered by setup: the oldest end, and new ones come after the last.
        Prop.forAll (Arb.fromGen cases) (fun (first, rows, step, most) ->
            let at (now: Instant) =
                let passed = int ((now - Bench.start).TotalMilliseconds / 20.0) * step
                [ uint32 (first + passed) .. uint32 (first + passed + rows - 1) ]

            let answer now request = SmallAgent.answer { agent now (at now) with MostRows = most } request

            let snapshot = audited (profile "") [||] answer

            Snapshot.isComplete snapshot |> Prop.label $"{snapshot.Completeness}"))
