/// Audits of an rtpengine whose every answer is written here: what no simulated one says.
module CallServer.Tests.Audit.NgAnswersTests

open System
open System.Collections.Generic
open System.Text
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange
open CallServer.Protocols.Ng
open CallServer.Tests
open CallServer.Tests.Wire

/// What the gateway says to each question.
type private Answers =
    {
        /// Calls, ended calls and up-time of each reading; the last one stands for those that follow.
        Readings: (int64 * int64 * int64) list
        Listed: string list
        /// The answer to each query.
        Calls: (string * Bencode) list
    }

let private start = Instant.ofMicros 1_790_000_000_000_000L
let private ok members = Bencode.Members(members @ [ "result", Bencode.ofString "ok" ])

/// A call with these parties, each with its own `created`, in seconds since 1970.
let private call (created: Instant) (parties: (string * Instant) list) : Bencode =
    let party (tag: string, joined: Instant) =
        tag,
        Bencode.Members [ "tag", Bencode.ofString tag; "created", Bencode.Number(joined.Micros / 1_000_000L) ]

    ok [ "created_ts", Bencode.Number created.Micros; "tags", Bencode.Members(List.map party parties) ]

/// An audit that begins then; each answer takes a millisecond.
let private audit
    (from: Instant)
    (memory: NgAudit.Memory)
    (answers: Answers)
    : struct (Snapshot * NgAudit.Memory) =
    let readings = Queue answers.Readings
    let read () = if readings.Count > 1 then readings.Dequeue() else readings.Peek()

    let answer (octets: byte[]) : byte[] =
        match Ng.decode octets with
        | Error problem -> failwith $"{problem}"
        | Ok message ->
            let body =
                match Ng.readRequest message.Body with
                | Ok NgRequest.Statistics ->
                    let sessions, managed, upTime = read ()

                    ok
                        [ "statistics",
                          Bencode.Members
                              [ "currentstatistics",
                                Bencode.Members [ "sessionstotal", Bencode.Number sessions ]
                                "totalstatistics",
                                Bencode.Members
                                    [ "uptime", Bencode.Number upTime
                                      "managedsessions", Bencode.Number managed ] ] ]
                | Ok(NgRequest.List _) ->
                    ok [ "calls", Bencode.Items(List.map Bencode.ofString answers.Listed) ]
                | Ok(NgRequest.Query id) ->
                    answers.Calls |> List.find (fun (name, _) -> name = Encoding.UTF8.GetString id) |> snd
                | other -> failwith $"%A{other}"

            Ng.encode message.Cookie AsBencode body

    let requests = Queue<byte[]>()
    let mutable now = from
    let wake = ref from
    let finished = ref ValueNone

    let perform (commands: Command list) =
        for command in commands do
            match command with
            | Send octets -> requests.Enqueue octets
            | WakeAt at -> wake.Value <- at
            | Finished snapshot -> finished.Value <- ValueSome snapshot
            | Connect
            | Write _
            | Told _ -> failwith $"%A{command}"

    let mutable state, commands =
        NgAudit.start
            (NgBench.target NgTransport.Udp)
            memory
            { At = Moment.at from
              Rng = CallServer.Prelude.Rng.create 1UL
              Local = ""
              Known = [||]
              Afresh = false
              History = ValueNone }

    perform commands

    while finished.Value.IsNone do
        let event =
            if requests.Count > 0 then
                now <- now + TimeSpan.FromMilliseconds 1.0
                Received(Moment.at now, answer (requests.Dequeue()))
            else
                now <- Instant.max now wake.Value
                Woke(Moment.at now)

        let next, commands = NgAudit.advance event state
        state <- next
        perform commands

    struct (finished.Value.Value, NgAudit.memory state)

let private one (answers: Answers) : Snapshot =
    let struct (snapshot, _) = audit start NgAudit.Memory.none answers
    snapshot

let private kinds (snapshot: Snapshot) : string list =
    match snapshot.Completeness with
    | Complete _ -> []
    | Partial reasons -> reasons |> List.map _.Kind

let private before seconds = start - TimeSpan.FromSeconds(float<int> seconds)

// Counts.

/// Whether a list of this many calls agrees with a reading before it and one after it: calls, and ended calls.
let private agreesIf (endSeen: bool) (opening: int64 * int64) (closing: int64 * int64) (listed: int) : bool =
    let told (at: Instant) (sessions, managed) =
        NgProof.told
            at
            at
            { Sessions = ValueSome sessions
              Foreign = ValueSome 0L
              Managed = ValueSome managed
              UpTime = ValueSome 9000L }

    NgProof.none
    |> told start opening
    |> NgProof.beforeList
    |> told (start + TimeSpan.FromSeconds 1.0) closing
    |> NgProof.judge endSeen listed
    |> (=) CountVerdict.Agrees

let private agrees = agreesIf true

/// How many calls there were at first and after each step, in which one begins (true) or ends.
let private counted (first: byte) (steps: bool list) : int64 list =
    (int64 (first % 5uy), steps)
    ||> List.scan (fun calls begins -> if begins then calls + 1L else max 0L (calls - 1L))

let ``whatever begins and ends between two readings, a list made in between agrees with them`` =
    law (fun (first: byte) (steps: bool list) (moment: byte) ->
        let counts = counted first steps
        let ended = List.pairwise counts |> List.filter (fun (earlier, later) -> later < earlier)
        let listed = int counts[int moment % counts.Length]
        agrees (counts.Head, 7L) (List.last counts, 7L + int64 ended.Length) listed)

let ``mirrored calls are not counted when they end, and their list agrees all the same`` =
    law (fun (first: byte) (ends: byte) (moment: byte) ->
        let counts = counted first (List.replicate (int ends % 6) false)
        agrees (counts.Head, 7L) (List.last counts, 7L) (int counts[int moment % counts.Length]))

let ``a list that what began and ended does not explain disagrees`` =
    example (fun () ->
        for opening, closing, listed in
            [ (5L, 7L), (5L, 7L), 4
              (5L, 7L), (5L, 7L), 6
              (5L, 7L), (5L, 9L), 2
              (5L, 7L), (5L, 9L), 8
              (5L, 7L), (3L, 7L), 2
              (5L, 7L), (3L, 7L), 6 ] do
            agrees opening closing listed |> Check.because $"{opening} {closing} {listed}" Check.isFalse)

let ``a full list agrees only if it lists as many calls as there can have been`` =
    law (fun (first: byte) (steps: bool list) (listed: byte) ->
        let counts = counted first steps
        let began = List.pairwise counts |> List.filter (fun (earlier, later) -> later > earlier)
        let ended = List.pairwise counts |> List.filter (fun (earlier, later) -> later < earlier)
        let listed = int listed % 12

        agreesIf false (counts.Head, 7L) (List.last counts, 7L + int64 ended.Length) listed
        |> (=) (int64 listed = counts.Head + int64 began.Length))

// Restarts.

let ``a restart within the second that an up-time is exact to shows in what the gateway counts`` =
    example (fun () ->
        let told readings =
            one
                { Readings = readings
                  Listed = [ "a" ]
                  Calls = [ "a", call (before 1) [ "1", before 1; "2", before 1 ] ] }

        (told [ 1L, 7L, 2L ]).Completeness |> Check.equal (Complete [ EndOfTable; SameBoot; CountAgrees ])

        for later in [ 1L, 7L, 1L; 1L, 0L, 2L ] do
            (told [ 1L, 7L, 2L; later ]).Completeness
            |> Check.because $"{later}" (Check.equal (Partial [ RestartedMeanwhile ])))

// Names and times.

let ``a party whose name is too long for a name is missing, and the list says so`` =
    example (fun () ->
        let long = String('x', 1100)

        let snapshot =
            one
                { Readings = [ 1L, 7L, 9000L ]
                  Listed = [ "a" ]
                  Calls = [ "a", call (before 60) [ "1", before 60; long, before 60 ] ] }

        kinds snapshot |> Check.equal [ "unreadable" ]
        snapshot.Observations |> Array.map (fun o -> string o.Id) |> Check.equal [| "a;1" |])

let ``a party that joined later has a setup of its own`` =
    example (fun () ->
        let snapshot =
            one
                { Readings = [ 1L, 7L, 9000L ]
                  Listed = [ "a" ]
                  Calls = [ "a", call (before 60) [ "1", before 60; "2", before 60; "3", before 20 ] ] }

        kinds snapshot |> Check.isEmpty

        for observation, joined in Array.zip snapshot.Observations [| before 60; before 60; before 20 |] do
            let setup = observation.Setup.Value.Within
            Interval.contains joined setup |> Check.because $"{observation.Id}: {setup}" Check.isTrue
            // The second of its stamp, and a second either way for the clock.
            Interval.width setup |> Check.atMost (TimeSpan.FromSeconds 3.1))

let ``a call that a partial list left out is not taken for one that began since`` =
    example (fun () ->
        let calls =
            [ for name, age in [ "a", 100; "b", 50 ] ->
                  name, call (before age) [ "1", before age; "2", before age ] ]

        let answers = { Readings = [ 2L, 7L, 9000L ]; Listed = [ "a" ]; Calls = calls }
        let struct (partial, memory) = audit start NgAudit.Memory.none answers
        kinds partial |> Check.equal [ "count-disagrees" ]

        let struct (whole, _) =
            audit
                (start + TimeSpan.FromSeconds 10.0)
                memory
                { answers with Readings = [ 2L, 7L, 9010L ]; Listed = [ "a"; "b" ] }

        kinds whole |> Check.isEmpty

        for observation, age in Array.zip whole.Observations [| 100; 100; 50; 50 |] do
            let setup = observation.Setup.Value.Within
            Interval.contains (before age) setup |> Check.because $"{observation.Id}: {setup}" Check.isTrue)
