/// What a store keeps while audits merely confirm: the gateway's row tells it, and nothing is lost by that.
module CallServer.Tests.Ledger.KeepingTests

open System
open FSharp.Reflection
open CallServer.Model
open CallServer.Ledger
open CallServer.Surface
open CallServer.Tests
open CallServer.Tests.Ledger.Build

/// What may happen to a record, small enough that ids meet again and again.
type private Happening =
    /// An audit that listed these, the second of each pair being what it told of the codec.
    | Audit of complete: bool * listed: (byte * bool) list
    | Restarted
    | Released of byte
    | Left of byte
    | TakenOver
    | ServerRestarts

let private named (id: byte) = $"c{id % 6uy}"

/// The record after a happening at this second, with the store beside it.
let private happen (store: StoredLedger) (ledger: GatewayLedger) (now: float) (happening: Happening) =
    let written isSnapshot next =
        store.Write(isSnapshot, ledger, next) |> ignore
        next

    match happening with
    | Audit(isComplete, listed) ->
        let listed =
            [ for place, (id, spoken) in List.indexed listed ->
                  let o = observation (named id) (now + 0.1 * float (place % 7))
                  let codec = if spoken then ValueSome(Codec.ofName "opus") else ValueNone
                  { o with Facts = { o.Facts with Codec = codec } } ]

        let snapshot = (if isComplete then complete else partial) now (now + 1.0) listed
        let struct (next, _) = Reconcile.apply snapshot ledger
        written true next
    | Restarted ->
        let struct (next, _) = Reconcile.restarted (Interval.upTo (at now)) ledger
        written false next
    | Released id ->
        let ended: Ended =
            { Observation = observation (named id) now
              End = Timing.reported (between (now - 0.1) now)
              Cause = ValueNone
              Counters = ValueNone
              IsRenamed = false
              Row = ValueNone }

        match Reconcile.released ended { By = "operator"; Reason = "test" } (at now) ledger with
        | ValueSome(struct (next, _)) -> written false next
        | ValueNone -> ledger
    | Left id -> written false (GatewayLedger.leave (fun c -> string c.Id = named id) ledger)
    | TakenOver ->
        store.TakenOver()
        GatewayLedger.takenOver (at now) ledger
    | ServerRestarts -> store.Load()

/// Plays all of it, ten seconds apart, and calls `check` after each.
let private play (happenings: Happening list) (check: StoredLedger -> GatewayLedger -> unit) =
    let store = StoredLedger gateway

    (GatewayLedger.empty gateway, List.indexed happenings)
    ||> List.fold (fun ledger (place, happening) ->
        let next = happen store ledger (10.0 * float (place + 1)) happening
        check store next
        next)
    |> ignore

/// What a restart of the server does not keep, or must forget.
let private asAfterRestart (ledger: GatewayLedger) =
    GatewayLedger.restore { ledger with LastStanding = ValueNone; TakenOver = ValueNone }

let ``10 what the store holds is the record in memory, after any step`` =
    lawBy (Laws.plain |> Laws.times 2000) (fun (happenings: Happening list) ->
        play happenings (fun store ledger ->
            GatewayLedger.restore store.Ledger |> Check.equal (asAfterRestart (store.Expected ledger))))

let ``10 whatever the store calls confirmed has been listed by every audit since`` =
    lawBy (Laws.plain |> Laws.times 500) (fun (happenings: Happening list) ->
        play happenings (fun store ledger ->
            // A takeover is no step: its first one tells the store.
            if ledger.Connections |> Array.forall (fun c -> c.Status <> Status.Restored) then
                store.Ledger.Connections |> Check.equal (store.Expected ledger).Connections))

let private same count heard = [ for id in 1..count -> observation $"c%03d{id}" (heard + 0.001 * float id) ]

let ``an audit that merely confirms writes no row of a connection`` =
    examples [ true; false ] (fun isComplete ->
        let store = StoredLedger gateway
        let first, _ = apply (complete 0.0 1.0 (same 100 0.5)) (GatewayLedger.empty gateway)
        store.Write(true, GatewayLedger.empty gateway, first) |> Check.equal 100
        let mutable ledger = first

        for round in 1..20 do
            let asked = 10.0 * float round

            let snapshot =
                (if isComplete then complete else partial) asked (asked + 1.0) (same 100 (asked + 0.5))

            let next, _ = apply snapshot ledger
            store.Write(true, ledger, next) |> Check.equal 0
            ledger <- next

        store.Ledger.Connections |> Check.equal ledger.Connections
        ledger.Connections[99].ConfirmedCount |> Check.equal 21)

let ``what changed, what is missing, and it alone, is written`` =
    example (fun () ->
        let store = StoredLedger gateway
        let first, _ = apply (complete 0.0 1.0 (same 100 0.5)) (GatewayLedger.empty gateway)
        store.Write(true, GatewayLedger.empty gateway, first) |> ignore
        let told = same 100 10.5 |> List.tail |> List.mapi (fun i o -> if i = 7 then called "new" o else o)
        let second, _ = apply (partial 10.0 11.0 told) first
        store.Write(true, first, second) |> Check.equal 2
        let third, _ = apply (partial 20.0 21.0 (same 100 20.5 |> List.tail)) second
        store.Write(true, second, third) |> Check.equal 0
        store.Rows["c001"].Status |> Check.equal "unconfirmed"
        store.Ledger.Connections |> Check.equal third.Connections)

let ``10 the first step after a restart of the server writes every row, and later ones do not`` =
    example (fun () ->
        let store = StoredLedger gateway
        let first, _ = apply (complete 0.0 1.0 (same 100 0.5)) (GatewayLedger.empty gateway)
        store.Write(true, GatewayLedger.empty gateway, first) |> ignore
        let loaded = store.Load()
        let failed, _ = apply (silent 10.0 11.0) loaded
        store.Write(true, loaded, failed) |> Check.equal 100
        let again, _ = apply (silent 20.0 21.0) failed
        store.Write(true, failed, again) |> Check.equal 0
        store.Ledger |> GatewayLedger.restore |> _.Connections |> Check.equal again.Connections)

/// Another value of the same type than this one.
let rec private other (kind: Type) (value: obj) : obj =
    let cases =
        if FSharpType.IsUnion(kind, true) then
            FSharpType.GetUnionCases(kind, true)
        else
            [||]

    let made (case: UnionCaseInfo) =
        let fields = case.GetFields() |> Array.map (fun field -> other field.PropertyType null)
        FSharpValue.MakeUnion(case, fields, true)

    match value with
    | _ when kind = typeof<string> -> box (string value + "x")
    | _ when kind = typeof<int> -> box (1 + (if isNull value then 0 else unbox<int> value))
    | _ when kind = typeof<int64> -> box (1L + (if isNull value then 0L else unbox<int64> value))
    | _ when kind = typeof<bool> -> box (isNull value || not (unbox<bool> value))
    | _ when kind = typeof<Medium list> ->
        box [ { Kind = "x"; Codec = ValueNone; Local = ValueNone; Remote = ValueNone } ]
    | _ when cases.Length > 0 -> cases |> Seq.map made |> Seq.find (fun made -> made <> value)
    | _ when FSharpType.IsRecord(kind, true) ->
        FSharpValue.MakeRecord(
            kind,
            [| for field in FSharpType.GetRecordFields(kind, true) ->
                   other field.PropertyType (if isNull value then null else field.GetValue value) |],
            true
        )
    | _ -> failwith $"the test makes no {kind}"

/// The record with one field changed, for each of its fields with the field's name. A field that is a record
/// itself, or an optional one, is changed in each of its own fields too.
let rec private altered (kind: Type) (value: obj) : (string * obj) list =
    let fields = FSharpType.GetRecordFields(kind, true)
    let values = FSharpValue.GetRecordFields(value, true)

    [ for place, field in Array.indexed fields do
          let set (changed: obj) =
              FSharpValue.MakeRecord(
                  kind,
                  values |> Array.mapi (fun i v -> if i = place then changed else v),
                  true
              )

          yield field.Name, set (other field.PropertyType values[place])
          let inner = field.PropertyType

          if FSharpType.IsRecord(inner, true) then
              for name, changed in altered inner values[place] do
                  yield $"{field.Name}.{name}", set changed

          if inner.IsGenericType && inner.GetGenericTypeDefinition() = typedefof<ValueOption<_>> then
              let payload = inner.GetGenericArguments()[0]
              let case, held = FSharpValue.GetUnionFields(values[place], inner, true)

              if held.Length = 1 && FSharpType.IsRecord(payload, true) then
                  for name, changed in altered payload held[0] do
                      yield $"{field.Name}.{name}", set (FSharpValue.MakeUnion(case, [| changed |], true)) ]

/// A connection of which everything is known.
let private whole: Connection =
    let ledger, _ =
        replay
            [ complete 0.0 1.0 [ observation "a" 0.5 |> started 0.1 0.2 |> called "c" ]
              |> withBoot (boot "b" 0.0 0.5) ]

    let c = only ledger
    let media = MediaAddress.ofText "192.0.2.1" 16384 |> Option.toValueOption

    { c with
        Stamp = ValueSome "1"
        Setup = ValueSome c.Start
        LastConflict = ValueSome { At = at 0.5; Reported = between 0.0 0.1 }
        Facts =
            { c.Facts with
                Endpoint = ValueSome "e"
                Originator = ValueSome "o"
                Remote = ValueSome "r"
                Direction = ValueSome Incoming
                Codec = ValueSome { Name = "PCMU"; ClockRate = ValueSome 8000 }
                Qos = { Dscp = ValueSome 46; Service = ValueSome Guaranteed; Reported = ValueSome "b8" }
                Mode = ValueSome "sendrecv"
                State = ValueSome "active"
                LocalMedia = media
                RemoteMedia = media
                OtherMedia = ValueSome [] } }

/// The bounds as they are, if they lie within these: how near they have to be is another test.
let private narrowedTo (was: Timing) (is: Timing) =
    match Interval.intersect was.Within is.Within with
    | ValueSome both when both = is.Within -> { was with Within = is.Within }
    | _ -> was

let ``whatever else differs, a connection is not the same one heard again`` =
    namedExamples (altered typeof<Connection> whole) (fun changed ->
        let changed = changed :?> Connection

        for was, is in [ whole, Keeping.again 1 (at 10.0) changed; changed, Keeping.again 1 (at 10.0) whole ] do
            // The bounds in `whole` are a tenth of a second apart: narrower ones are told well enough.
            let narrowed =
                { was with
                    Start = narrowedTo was.Start is.Start
                    Setup = ValueOption.map2 narrowedTo was.Setup is.Setup |> ValueOption.orElse was.Setup }

            Keeping.isAgain was is |> Check.equal (is = Keeping.again 1 is.LastHeard narrowed))

/// An audit of the one connection at this second, which began between these.
let private narrowing asked (earliest: float) (latest: float) =
    complete asked (asked + 1.0) [ observation "a" (asked + 0.5) |> started earliest latest ]

/// How many rows each of these audits writes of the connection.
let private rowsWritten (audits: Snapshot list) =
    let store = StoredLedger gateway

    (GatewayLedger.empty gateway, audits)
    ||> List.mapFold (fun ledger audit ->
        let next, _ = apply audit ledger
        store.Write(true, ledger, next), next)
    |> fst

let ``bounds that an audit narrows by little are not written, and those that it halves are`` =
    example (fun () ->
        rowsWritten
            [ narrowing 100.0 10.0 90.0
              narrowing 110.0 10.0 80.0 // still more than 64 s wide
              narrowing 120.0 10.0 73.9
              narrowing 130.0 12.0 73.0
              narrowing 140.0 20.0 23.0
              narrowing 150.0 20.0 22.1
              narrowing 160.0 20.1 22.1
              narrowing 170.0 20.2 21.9
              narrowing 180.0 20.3 21.2
              narrowing 190.0 20.9 21.0 ]
        |> Check.equal [ 1; 0; 1; 0; 1; 0; 0; 1; 1; 0 ])

let ``a start that becomes known, or known better, is written`` =
    example (fun () ->
        rowsWritten
            [ complete 0.0 1.0 [ observation "a" 0.5 ]
              complete 10.0 11.0 [ observation "a" 10.5 ]
              narrowing 20.0 -5.0 0.4
              complete 30.0 31.0 [ observation "a" 30.5 ] ]
        |> Check.equal [ 1; 0; 1; 0 ])

let ``a connection heard again is the same whoever tells its facts`` =
    example (fun () ->
        // Equal in every field, and the same object in none.
        let facts = { whole.Facts with Mode = ValueSome(String("sendrecv".ToCharArray())) }
        Keeping.isAgain whole (Keeping.again 1 (at 10.0) { whole with Facts = facts }) |> Check.isTrue
        Keeping.isAgain whole (Keeping.again 2 (at 10.0) whole) |> Check.isFalse)

/// The rows of a gateway of which a later version has read more than the one that wrote last.
let private rowsOf (store: StoredLedger) = store.Own.Value, Array.ofSeq store.Rows.Values

let ``a row that nobody could read is not confirmed by what came later`` =
    example (fun () ->
        let store = StoredLedger gateway
        let first, _ = apply (complete 0.0 1.0 (same 3 0.5)) (GatewayLedger.empty gateway)
        store.Write(true, GatewayLedger.empty gateway, first) |> ignore
        let _, rows = rowsOf store
        let unreadable = rows |> Array.find (fun row -> row.Id = "c002")
        // This version leaves it out, and goes on with the others.
        store.Rows.Remove "c002" |> ignore
        let mutable ledger = store.Load()

        for asked in [ 10.0; 20.0; 30.0 ] do
            let next, _ =
                apply
                    (complete
                        asked
                        (asked + 1.0)
                        (same 3 (asked + 0.5) |> List.filter (fun o -> string o.Id <> "c002")))
                    ledger

            store.Write(true, ledger, next) |> ignore
            ledger <- next

        let own, rows = rowsOf store
        let found = StoredRows.present own (Array.append rows [| unreadable |])
        found |> Array.map _.Id |> Check.equal [| "c001"; "c002"; "c003" |]
        found[1] |> Check.equal unreadable
        found[2] |> StoredRows.toConnection |> Check.equal ledger.Connections[1])

let ``rows that somebody else deleted leave no moment that is too late, and none that is too early`` =
    example (fun () ->
        let store = StoredLedger gateway
        let first, _ = apply (complete 0.0 1.0 (same 4 0.5)) (GatewayLedger.empty gateway)
        store.Write(true, GatewayLedger.empty gateway, first) |> ignore
        let second, _ = apply (complete 10.0 11.0 (same 4 10.5)) first
        store.Write(true, first, second) |> ignore
        let own, rows = rowsOf store
        let earliest = second.Connections[0].LastHeard.Micros
        let later = (at 10.9).Micros

        let left =
            rows
            |> Array.filter (fun row -> row.Id <> "c001")
            |> Array.map (fun row -> if row.Id = "c004" then { row with LastHeard = later } else row)

        StoredRows.present own left
        |> Array.map (fun row -> row.LastHeard, row.ConfirmedCount)
        |> Check.equal [| earliest, 2; earliest, 2; later, 2 |])

let ``moments are read as they were written, in few octets if they lie close`` =
    law (fun (micros: int64 list) ->
        let instants = [| for each in micros -> Instant.ofMicros each |]
        HeardTimes.tryDecode (HeardTimes.encode (ReadOnlySpan instants)) = ValueSome instants)

let ``what is no list of moments is refused`` =
    law (fun (octets: byte[]) ->
        match HeardTimes.tryDecode octets with
        | ValueNone -> true
        | ValueSome instants ->
            instants.Length = (octets |> Array.filter (fun octet -> octet < 0x80uy)).Length)

let ``moments that are cut short make the gateway's row unreadable`` =
    example (fun () ->
        let store = StoredLedger gateway
        let first, _ = apply (complete 0.0 1.0 (same 3 0.5)) (GatewayLedger.empty gateway)
        store.Write(true, GatewayLedger.empty gateway, first) |> ignore
        let own, rows = rowsOf store
        let cut = { own with Heard = [| yield! own.Heard; 0x80uy |] }

        Check.thrown<IO.InvalidDataException> (fun () -> StoredRows.present cut rows |> ignore)
        |> _.Message
        |> Check.says "moments")
