/// What a profile can express beyond columns of one table: building on another profile, tables that rows point to,
/// times as text.
module CallServer.Tests.Audit.ProfileLanguageTests

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Protocols.Snmp
open CallServer.Tests.Audit
open CallServer.Tests

let private read (text: string) : Profile =
    match ProfileJson.parse "mine" text with
    | Ok profile -> profile
    | Error mistakes -> failwith $"{mistakes}"

let private mistakes (text: string) : (string * int) list =
    match ProfileJson.parse "mine" text with
    | Ok _ -> []
    | Error mistakes -> [ for mistake in mistakes -> mistake.Path, mistake.Line ]

let private audit (profile: Profile) (objects: Instant -> VarBind list) =
    let server =
        Bench.v2c "public" (fun now request -> SmallAgent.answer (SmallAgent.create (objects now)) request)

    Bench.run 1UL (Network.steady (TimeSpan.FromMilliseconds 5.0)) server (Bench.target (Some profile))

let private system now = CiscoTable.scalars (Bench.start - TimeSpan.FromHours 1.0) now 1 0

let private ago (seconds: float) = Bench.start - TimeSpan.FromSeconds seconds

let ``a profile may be a built-in one elsewhere, with values of its own`` =
    example (fun () ->
        let profile =
            read
                """{
  "as": "h3c-voice",
  "roots": { "1.3.6.1.4.1.25506": "1.3.6.1.4.1.11.2.14.11.15" },
  "about": "HP's own arc",
  "absencesToClose": 2,
  "history": null
}"""

        let bottom = (Profiles.tryFind "h3c-voice").Value
        profile.About |> Check.equal "HP's own arc"
        profile.Traits.AbsencesToClose |> Check.equal 2
        profile.Traits.IdsTiedToBoot |> Check.isTrue
        profile.History.IsNone |> Check.isTrue
        (profile.Start = bottom.Start) |> Check.isTrue
        profile.Columns.Length |> Check.equal bottom.Columns.Length
        string profile.Columns[0].Oid |> Check.equal "1.3.6.1.2.1.10.21.1.3.1.1.3"
        string profile.Columns[5].Oid |> Check.equal "1.3.6.1.4.1.11.2.14.11.15.2.39.15.1.1.1.1"
        string profile.Serves[0] |> Check.equal "1.3.6.1.4.1.11.2.14.11.15.2.39")

let ``mistakes of a profile that is made of another stand where it says so`` =
    example (fun () ->
        let text =
            """{
  "as": "dial-control",
  "columns": { "connectTime": "1.3.6.1.4.1.9.1" },
  "history": null
}"""

        let found = mistakes text
        found |> Check.contains ("identity[1]", 2)
        found |> Check.contains ("endpoint.field", 2)
        found |> List.exists (fun (path, _) -> path.StartsWith "history") |> Check.isFalse
        (mistakes """{ "as": "cisco" }""" = [ "as", 1 ]) |> Check.isTrue
        (mistakes """{ "as": "cisco-voice", "roots": { "x": "1.3" } }""" = [ "roots.x", 1 ]) |> Check.isTrue
        (mistakes """{ "roots": { "1.3": "1.4" } }""" = [ "roots", 1 ]) |> Check.isTrue)

/// A profile whose connections are identified by an index that its history lacks; the arguments are further members
/// of each table.
let private withHistory (active: string) (over: string) =
    $$"""{
  "index": [{ "name": "slot" }, { "name": "number" }],
  "columns": { "setup": "1.3.6.1.4.1.99999.1.2", "from": "1.3.6.1.4.1.99999.1.3" },
  "identity": "setup", {{active}}
  "id": "instance",
  "history": {
    "order": "end",
    "index": [{ "name": "number" }],
    "columns": { "setup": "1.3.6.1.4.1.99999.2.2", "from": "1.3.6.1.4.1.99999.2.3", "over": "1.3.6.1.4.1.99999.2.4" },
    "identity": ["setup", "over"], {{over}}
    "end": { "kind": "timeStamp", "field": "over" }
  }
}"""

let ``a history whose rows lead to no connection is refused`` =
    example (fun () ->
        let stamp = "\"stamp\": \"setup\","
        let ofNumber = "\"id\": \"number\","
        let refused = [ "history.id", 10 ]

        for fact in [ "call"; "originator"; "remote" ] do
            let told = $"\"{fact}\": \"from\","

            (mistakes (withHistory (stamp + told) (ofNumber + "\"like\": [\"stamp\", \"" + fact + "\"],")) = [])
            |> Check.because fact Check.isTrue

            (mistakes (withHistory (stamp + told) (ofNumber + stamp)) = refused)
            |> Check.because fact Check.isTrue

            (mistakes (withHistory stamp (ofNumber + stamp + told)) = refused)
            |> Check.because fact Check.isTrue

            (mistakes (withHistory told (ofNumber + stamp + told)) = refused)
            |> Check.because fact Check.isTrue

            (mistakes (withHistory (stamp + told) (ofNumber + told)) = refused)
            |> Check.because fact Check.isTrue

        // The column of ids is found through the stamp.
        let ids = "\"ids\": \"1.3.6.1.4.1.99999.3.1\","
        (mistakes (withHistory stamp (ofNumber + stamp + ids)) = []) |> Check.isTrue
        (mistakes (withHistory stamp (ofNumber + ids)) = refused) |> Check.isTrue
        // The same id in both.
        (mistakes ((withHistory "" ofNumber).Replace("\"instance\"", "\"number\"")) = []) |> Check.isTrue)

let private legs =
    read
        """{
  "index": [{ "name": "leg" }],
  "columns": { "callIndex": "1.3.6.1.4.1.99999.1.2", "flows": "1.3.6.1.4.1.99999.1.3" },
  "joined": { "callIndex": { "callId": "1.3.6.1.4.1.99999.2.2", "seconds": "1.3.6.1.4.1.99999.2.3" } },
  "identity": ["callIndex", "flows"],
  "id": "leg",
  "call": "callId",
  "mayRing": { "flows": [0] },
  "setup": { "kind": "duration", "field": "seconds", "unit": "1s" }
}"""

let private leg (number: int) (call: int) (flows: int) =
    [ CiscoTable.scalar $"1.3.6.1.4.1.99999.1.2.{number}" (Gauge32(uint32 call))
      CiscoTable.scalar $"1.3.6.1.4.1.99999.1.3.{number}" (Integer(int64 flows)) ]

let private call (number: int) (id: string) (began: Instant) (now: Instant) =
    [ CiscoTable.scalar $"1.3.6.1.4.1.99999.2.2.{number}" (CiscoTable.text id)
      CiscoTable.scalar $"1.3.6.1.4.1.99999.2.3.{number}" (Gauge32(uint32 (now - began).TotalSeconds)) ]

let private known (run: Bench.Run) =
    Map.ofList [ for seen in run.Snapshot.Observations -> string seen.Id, seen ]

let ``rows tell what stands where they point to, several of them the same`` =
    example (fun () ->
        let objects now =
            system now
            @ leg 1 7 1
            @ leg 2 7 1
            @ leg 3 9 0
            @ leg 4 8 1
            @ call 7 "seven" (ago 30.0) now
            @ call 9 "nine" (ago 5.0) now

        let run = audit legs objects
        Snapshot.isComplete run.Snapshot |> Check.because $"{run.Snapshot.Completeness}" Check.isTrue
        let seen = known run

        let expect id (callId: string option) (began: Instant option) =
            let one = seen[id]

            one.Facts.Call
            |> ValueOption.map string
            |> ValueOption.toOption
            |> Check.because id (Check.equal callId)

            match one.Setup, began with
            | ValueSome setup, Some began ->
                Interval.contains began setup.Within |> Check.because id Check.isTrue
            | ValueNone, None -> ()
            | setup, _ -> failtest $"{id}: {setup}"

        expect "1" (Some "seven") (Some(ago 30.0))
        expect "2" (Some "seven") (Some(ago 30.0))
        expect "3" (Some "nine") (Some(ago 5.0))
        // Its call is not listed: the leg is, and nothing is known of its times.
        expect "4" None None
        // A leg with media has started; a leg that may be ringing has not, as far as anybody knows.
        (seen["1"].Start.Value.Within.Latest < Instant.distantFuture) |> Check.isTrue
        (seen["3"].Start.Value.Within.Latest = Instant.distantFuture) |> Check.isTrue)

let ``of a leg that went to another call since the walk the new one is told`` =
    example (fun () ->
        // After the first row is read, every reply shows the leg in another call, and its old call's index reused by
        // a new call.
        let walked = ref false

        let server =
            Bench.v2c "public" (fun now request ->
                if request.Kind = GetBulk then
                    walked.Value <- true

                let objects =
                    if request.Kind <> GetBulk && walked.Value then
                        system now
                        @ leg 1 8 1
                        @ call 7 "another" (ago 1.0) now
                        @ call 8 "moved" (ago 40.0) now
                    else
                        system now @ leg 1 7 1 @ call 7 "first" (ago 30.0) now

                SmallAgent.answer (SmallAgent.create objects) request)

        let run =
            Bench.run 1UL (Network.steady (TimeSpan.FromMilliseconds 5.0)) server (Bench.target (Some legs))

        let seen = Array.exactlyOne run.Snapshot.Observations
        (seen.Facts.Call |> ValueOption.map string = ValueSome "moved") |> Check.isTrue
        Interval.contains (ago 40.0) seen.Setup.Value.Within |> Check.isTrue)

let ``an agent that answers little at a time tells all the same`` =
    example (fun () ->
        let objects now =
            system now
            @ List.collect (fun number -> leg number (100 + number) 1) [ 1..30 ]
            @ List.collect (fun number -> call (100 + number) $"call-{number}" (ago 30.0) now) [ 1..30 ]

        let server =
            Bench.v2c "public" (fun now request ->
                SmallAgent.answer { SmallAgent.create (objects now) with SilentAbove = 12 } request)

        let run =
            Bench.run 1UL (Network.steady (TimeSpan.FromMilliseconds 5.0)) server (Bench.target (Some legs))

        Snapshot.isComplete run.Snapshot |> Check.because $"{run.Snapshot.Completeness}" Check.isTrue
        run.Snapshot.Observations |> Array.forall (fun seen -> seen.Setup.IsSome) |> Check.isTrue)

let ``what a row points to may not decide whether it is listed`` =
    example (fun () ->
        let text =
            """{
  "index": [{ "name": "leg" }],
  "columns": { "callIndex": "1.3.6.1.4.1.99999.1.2" },
  "joined": { "callIndex": { "media": "1.3.6.1.4.1.99999.2.3" }, "nothing": { "x": "1.3.6.1" } },
  "identity": "callIndex",
  "id": "leg",
  "where": { "media": [1] }
}"""

        mistakes text |> Check.contains ("joined.nothing", 4)
        let alone = text.Replace(", \"nothing\": { \"x\": \"1.3.6.1\" }", "")
        (mistakes alone = [ "where", 7 ]) |> Check.isTrue)

let ``a row that does not tell whether it is listed is asked again, and not left out`` =
    example (fun () ->
        let profile =
            read
                """{
  "index": [{ "name": "leg" }],
  "columns": { "name": "1.3.6.1.4.1.99999.1.2", "status": "1.3.6.1.4.1.99999.1.3" },
  "identity": "name",
  "id": "leg",
  "where": { "status": [4] }
}"""

        let objects now =
            system now @ leg 1 7 4 @ leg 2 7 3 @ [ CiscoTable.scalar "1.3.6.1.4.1.99999.1.2.3" (Gauge32 5u) ]

        match (audit profile objects).Snapshot.Completeness with
        | Partial [ Unreadable detail ] -> detail |> Check.says "lacks"
        | other -> failtest (string other))

let ``a start by the clock on the wall is read in words, as the gateway's own clock is`` =
    example (fun () ->
        let profile =
            read
                """{
  "index": [{ "name": "channel" }],
  "columns": { "since": "1.3.6.1.4.1.99999.1.2", "lasts": "1.3.6.1.4.1.99999.1.3" },
  "identity": "since",
  "id": "channel",
  "clock": { "scalar": "1.3.6.1.4.1.99999.9.0" },
  "start": [
    { "kind": "dateAndTime", "field": "since" },
    { "kind": "duration", "field": "lasts", "unit": "1s" }
  ]
}"""

        // The gateway's clock is a little more than seven hours behind.
        let wall (at: Instant) =
            (Instant.toDateTime (at - TimeSpan.FromMinutes 432.5)).ToString("ddd MMM dd HH:mm:ss yyyy")

        let row number (since: string) (lasts: string) =
            [ CiscoTable.scalar $"1.3.6.1.4.1.99999.1.2.{number}" (CiscoTable.text since)
              CiscoTable.scalar $"1.3.6.1.4.1.99999.1.3.{number}" (CiscoTable.text lasts) ]

        let objects now =
            system now
            @ [ CiscoTable.scalar "1.3.6.1.4.1.99999.9.0" (CiscoTable.text (wall now)) ]
            @ row 1 (wall (ago 100.0)) "never"
            @ row 2 "01/02/2026 03:04" "0 days, 00:00:50"
            @ row 3 "idle" "soon"

        let seen = known (audit profile objects)

        for id, age in [ "1", 100.0; "2", 50.0 ] do
            let within = seen[id].Start.Value.Within
            Interval.contains (ago age) within |> Check.because id Check.isTrue
            Interval.width within |> Check.because id (Check.atMost (TimeSpan.FromSeconds 2.1))

        // A time that does not parse says nothing: the leg existed when it was heard, and no more is known.
        (seen["3"].Start.Value.Within.Earliest = Instant.distantPast) |> Check.isTrue)
