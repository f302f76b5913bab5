/// What a walk amounts to, each judgement by itself: in a whole audit another one may hide that it fails.
module CallServer.Tests.Audit.WalkVerdictTests

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Protocols.Snmp
open CallServer.Tests
open CallServer.Tests.Ledger.Build

let private parse (text: string) : Profile =
    ProfileJson.parse "mine" text |> Result.defaultWith (fun mistakes -> failwith $"{mistakes}")

let private reply (second: float) (upTime: uint32) : SnmpReply =
    { Sent = at second
      Received = at (second + 0.01)
      UpTime = ValueSome upTime
      Clock = ValueNone
      Counts = [||] }

let private piece (instance: string) (cells: Value list) (reply: SnmpReply) : Piece =
    { Instance = Oid.parse instance
      Cells = Array.ofList cells
      Reply = reply
      IsBrief = false }

let private text (value: string) : Value = OctetString(Text.Encoding.ASCII.GetBytes value)

let private unreadable (profile: Profile) (pieces: Piece list) : string =
    let findings = WalkVerdict.find profile ValueNone false (Scalars.none (at 0.0)) pieces
    findings.Observations |> Check.isEmpty

    match findings.Shortfalls with
    | [ Unreadable detail ] -> detail
    | other -> failtest $"%A{other}"

let ``an instance that does not fit the index is told`` =
    example (fun () ->
        let profile =
            parse
                """{ "index": [{ "name": "a" }, { "name": "b" }], "columns": { "x": "1.3.6.1.4.1.99999.7.2" },
                 "identity": "x", "id": "x" }"""

        unreadable profile [ piece "5" [ Integer 1L ] (reply 0.0 100u) ]
        |> Check.says "do not fit the index: 5")

let ``a row that cannot be named is told`` =
    example (fun () ->
        let profile =
            parse
                """{ "index": [{ "name": "a" }],
                 "columns": { "x": "1.3.6.1.4.1.99999.7.2", "y": "1.3.6.1.4.1.99999.7.3" },
                 "identity": "x", "id": "y" }"""

        unreadable profile [ piece "5" [ Integer 1L; Null ] (reply 0.0 100u) ]
        |> Check.says "without a usable identity: 5")

let ``a row that does not tell which of the calls of its id it is, is told`` =
    example (fun () ->
        let profile =
            parse
                """{ "index": [{ "name": "a" }],
                 "columns": { "x": "1.3.6.1.4.1.99999.7.2", "y": "1.3.6.1.4.1.99999.7.3" },
                 "identity": "x", "id": "a", "stamp": "y", "reusesIds": true }"""

        unreadable profile [ piece "5" [ Integer 1L; Null ] (reply 0.0 100u) ] |> Check.says "used again")

let ``of a copy that the agent made at the first request, the first count is the one to hold it against`` =
    example (fun () ->
        let freeSwitch = (Profiles.tryFind "freeswitch").Value
        let listed = [| for number in 1..4 -> observation $"{number}" 0.5 |]

        // Newest first: one channel came after the copy was made.
        CountProof.judge freeSwitch (Map [ 0, [ 5L; 4L ] ]) ValueNone listed [||]
        |> Check.equal [ CountProof.Agrees ])

let ``an up-time that was reset in mid-walk dates nothing`` =
    examples
        [ 3000u, true // It went on.
          50u, false ]
        (fun (last: uint32, isClock: bool) ->
            let pieces =
                [ reply 20.0 last; reply 10.0 2000u; reply 0.0 1000u ] |> List.map (piece "5" [ Integer 1L ])

            (SnmpObserving.origin pieces).IsSome |> Check.equal isClock)

let ``an up-time clock is believed no further than its crystal`` =
    example (fun () ->
        let pieces = [ reply 50.0 6000u; reply 0.0 1000u ] |> List.map (piece "5" [ Integer 1L ])
        let origin = (SnmpObserving.origin pieces).Value
        // Each reply alone leaves 20 ms; 200 ppm of 50 s are 10 ms more on each side.
        Interval.width origin.At
        |> Check.between (TimeSpan.FromMilliseconds 40.0) (TimeSpan.FromMilliseconds 41.0))

let ``of two rows that name one call, what the newer reply says stands, wherever it stands`` =
    let profile =
        parse
            """{ "index": [{ "name": "a" }],
                 "columns": { "x": "1.3.6.1.4.1.99999.7.2", "y": "1.3.6.1.4.1.99999.7.3" },
                 "identity": "x", "id": "x", "originator": "y", "positional": true }"""

    examples [ 1, 2, "second"; 2, 1, "first" ] (fun (first: int, second: int, newest: string) ->
        let told (order: int) = reply (float order) (uint32 order * 100u)

        let pieces =
            [ piece "5" [ Integer 7L; text "first" ] (told first)
              piece "6" [ Integer 7L; text "second" ] (told second) ]

        let findings = WalkVerdict.find profile ValueNone false (Scalars.none (at 0.0)) pieces

        [ for o in findings.Observations -> o.Facts.Originator ] |> Check.equal [ ValueSome newest ])

let ``the first row of the next range is left to that range`` =
    example (fun () ->
        let profile =
            parse
                """{ "index": [{ "name": "a" }], "columns": { "x": "1.3.6.1.4.1.99999.7.2" },
                 "identity": "x", "id": "x" }"""

        let range = { WalkRange.below Oid.empty [| 0 |] with Before = ValueSome(Oid.parse "5") }

        let rows =
            [| for row in [ 3; 4; 5; 6 ] ->
                   VarBind.create (Oid.parse $"1.3.6.1.4.1.99999.7.2.{row}") (Integer(int64 row)) |]

        match WalkStep.read profile.Columns 0 range 4 rows with
        | Advanced advance ->
            [ for struct (instance, _) in advance.Rows -> string instance ] |> Check.equal [ "3"; "4" ]
        | other -> failtest $"%A{other}")

let ``a column's end is not believed where the reply itself shows an earlier name`` =
    let profile =
        parse
            """{ "index": [{ "name": "a" }],
                 "columns": { "x": "1.3.6.1.4.1.99999.7.2", "y": "1.3.6.1.4.1.99999.7.3" },
                 "identity": "x", "id": "x" }"""

    // x has ended if the next name is y's first; y.9 is not, where y.3 stands beside it.
    examples [ 3, true; 4, false ] (fun (next: int, ended: bool) ->
        let range = WalkRange.below Oid.empty [| 0; 1 |]

        let varBinds =
            [| for name in [ "2.3"; "3.3"; $"3.{next}"; "3.5" ] ->
                   VarBind.create (Oid.parse $"1.3.6.1.4.1.99999.7.{name}") (Integer 1L) |]

        match WalkStep.read profile.Columns 0 range 2 varBinds with
        | Advanced _ -> ended |> Check.isTrue
        | Backwards(_, name, passed) ->
            ended |> Check.isFalse
            string name |> Check.equal $"1.3.6.1.4.1.99999.7.3.{next}"
            passed.IsSome |> Check.isTrue
        | other -> failtest $"%A{other}")
