/// Each finding of a call by an example, and what must not be one.
module CallServer.Tests.Ledger.FindingsTests

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Tests
open CallServer.Tests.Ledger.Build

/// Gateways by protocol, and what each reports in each of its audits.
type private Fleet(rules: CallRules) =
    let mutable table = CallBook.empty rules
    let ledgers = Collections.Generic.Dictionary<string, GatewayLedger>()

    let ledger name =
        match ledgers.TryGetValue name with
        | true, ledger -> ledger
        | _ -> GatewayLedger.empty (GatewayId.create name)

    let apply name (snapshot: Snapshot) =
        let snapshot = { snapshot with Gateway = GatewayId.create name; Protocol = name.Split('-')[0] }
        let struct (next, changes) = Reconcile.apply snapshot (ledger name)
        ledgers[name] <- next

        let struct (after, found) =
            CallBook.apply
                { Gateway = snapshot.Gateway
                  Source = Asked.source snapshot.Protocol
                  DriftPpm = 100.0
                  Audit = ValueSome { Asked = snapshot.Asked; IsComplete = Snapshot.isComplete snapshot }
                  Connections = next.Connections
                  Changes = changes }
                table

        table <- after
        found

    new() = Fleet CallRules.standard

    /// A complete audit of NAME, PROTOCOL-ANYTHING, heard at this many seconds.
    member _.Hear(name: string, at: float, observations: Observation list) =
        apply
            name
            (complete
                (at - 0.1)
                at
                (observations |> List.map (fun o -> { o with Heard = between (at - 0.05) at })))

    member _.Silence(name: string, at: float) = apply name (silent (at - 0.1) at)

    /// What other servers wrote up to so many seconds has come; nothing of it concerns these gateways.
    member _.HearElsewhere(until: float) =
        let struct (after, _) = CallsElsewhere.import (at until) [] table
        table <- after

    member _.Tick(at': float) =
        let struct (after, _) = CallBook.tick (at at') table
        table <- after

    member _.Calls =
        CallBook.calls table
        |> Seq.map (fun call -> call.Live |> Array.map string |> List.ofArray)
        |> List.ofSeq

    member _.Findings: (string * Instant) list =
        [ for call in CallBook.calls table do
              for finding in call.Findings -> string finding.Kind, finding.Since ]

    member this.Kinds = this.Findings |> List.map fst

let private leg id call = observation id 0.0 |> called call
let private bare id = observation id 0.0

let private media (local: string) (remote: string) (o: Observation) =
    let address (text: string) = MediaAddress.tryParse text |> Option.toValueOption

    { o with
        Facts = { o.Facts with LocalMedia = address local; RemoteMedia = address remote } }

let private codec name (o: Observation) =
    { o with Facts = { o.Facts with Codec = ValueSome(Codec.ofName name) } }

let private setup earliest latest (o: Observation) =
    { o with Setup = ValueSome(Timing.reported (between earliest latest)) }

let private call = "7d1c9f04@example.net"

// Joining

let private video (local: string) (remote: string) (o: Observation) =
    let address (text: string) = MediaAddress.tryParse text |> Option.toValueOption

    let medium = { Kind = "video"; Codec = ValueNone; Local = address local; Remote = address remote }

    { o with Facts = { o.Facts with OtherMedia = ValueSome [ medium ] } }

let ``each medium's addresses join, and say nothing against the others`` =
    example (fun () ->
        let fleet = Fleet()
        // The audio of both goes through a third party, their video directly from one to the other.
        let x = bare "x" |> media "192.0.2.1:4000" "203.0.113.7:1" |> video "192.0.2.1:4002" "192.0.2.9:5002"
        let y = bare "y" |> media "192.0.2.9:5000" "203.0.113.8:2" |> video "192.0.2.9:5002" "192.0.2.1:4002"
        fleet.Hear("ng-a", 1.0, [ x ]) |> ignore
        fleet.Hear("ng-b", 2.0, [ y ]) |> ignore
        (fleet.Calls = [ [ "ng-a/x"; "ng-b/y" ] ]) |> Check.isTrue
        fleet.Hear("ng-a", 11.0, [ x ]) |> ignore
        fleet.Hear("ng-b", 12.0, [ y ]) |> ignore
        fleet.Tick 60.0
        fleet.Kinds.IsEmpty |> Check.isTrue
        // Without its video nothing joins it.
        fleet.Hear("ng-b", 22.0, [ { y with Facts = { y.Facts with OtherMedia = ValueSome [] } } ])
        |> ignore

        (fleet.Calls = [ [ "ng-a/x" ]; [ "ng-b/y" ] ]) |> Check.isTrue)

let ``one Call-ID joins dialog and media legs across gateways`` =
    example (fun () ->
        let fleet = Fleet()
        fleet.Hear("sip-a", 1.0, [ leg "d" call ]) |> ignore
        fleet.Hear("ng-a", 2.0, [ leg "x" call; leg "y" call; leg "z" "other@example.net" ]) |> ignore
        (fleet.Calls = [ [ "ng-a/x"; "ng-a/y"; "sip-a/d" ]; [ "ng-a/z" ] ]) |> Check.isTrue)

let ``of a gateway so many legs that are over are remembered`` =
    example (fun () ->
        // Calls whose media ends while their dialogs go on, and whose dialogs end later.
        let lost (fleet: Fleet) (from: float) (calls: string list) =
            let dialogs = calls |> List.map (fun call -> leg $"d-{call}" call)
            fleet.Hear("sip-a", from, dialogs) |> ignore
            fleet.Hear("ng-a", from + 1.0, calls |> List.map (fun call -> leg $"m-{call}" call)) |> ignore
            fleet.Hear("ng-a", from + 10.0, []) |> ignore
            fleet.Hear("sip-a", from + 20.0, dialogs) |> ignore
            let found = fleet.Findings.Length
            fleet.Hear("sip-a", from + 30.0, []) |> ignore
            fleet.Tick(from + 300.0)
            found

        let two = [ "a@example.net"; "b@example.net" ]
        let all = lost (Fleet()) 1.0 two
        all |> Check.above 0
        let fleet = Fleet { CallRules.standard with MostGone = 1 }
        lost fleet 1.0 two |> Check.equal (all / 2)
        // Forgotten calls make room.
        lost fleet 401.0 [ "c@example.net"; "e@example.net" ] |> Check.equal (all / 2))

let ``an id joins as far as it is unique`` =
    examples
        [ "sip-a", "ng-a", "1", true
          "mgcp-a", "mgcp-b", "1", true
          "snmp-a", "snmp-b", "1", false
          "snmp-a", "snmp-b", "20771312", false
          "snmp-a", "mgcp-b", "1F", false
          "snmp-a", "mgcp-b", "a3c47f21456789f0", true
          "mgcp-a", "sip-b", "1F", false
          "sip-a", "sip-b", "00000000-0000-0000-0000-000000000000", false ]
        (fun (first: string, second: string, id: string, joins: bool) ->
            let fleet = Fleet()
            fleet.Hear(first, 1.0, [ leg "x" id ]) |> ignore
            fleet.Hear(second, 2.0, [ leg "y" id ]) |> ignore
            fleet.Calls.Length |> Check.equal (if joins then 1 else 2))

let ``a GUID is one however it is written`` =
    example (fun () ->
        let fleet = Fleet()
        fleet.Hear("snmp-a", 1.0, [ leg "x" "6f9619ff8b86d011b42d00c04fc964ff" ]) |> ignore
        fleet.Hear("snmp-b", 2.0, [ leg "y" "{6F9619FF-8B86-D011-B42D-00C04FC964FF}" ]) |> ignore
        fleet.Calls.Length |> Check.equal 1)

let ``mirrored media joins, and only what is mirrored`` =
    examples
        [ "192.0.2.1:4000", "192.0.2.9:5000", "192.0.2.9:5000", "192.0.2.1:4000", true
          "192.0.2.1:4000", "192.0.2.9:5000", "192.0.2.9:5000", "192.0.2.1:4002", false
          "192.0.2.1:0", "192.0.2.9:5000", "192.0.2.9:5000", "192.0.2.1:0", false
          "0.0.0.0:4000", "192.0.2.9:5000", "192.0.2.9:5000", "0.0.0.0:4000", false
          "127.0.0.1:4000", "127.0.0.1:5000", "127.0.0.1:5000", "127.0.0.1:4000", false
          "169.254.0.1:4000", "169.254.0.9:5000", "169.254.0.9:5000", "169.254.0.1:4000", false
          "[2001:db8::1]:4000", "[2001:db8::9]:5000", "[2001:db8::9]:5000", "[2001:db8::1]:4000", true
          "10.0.0.1:4000", "203.0.113.5:5000", "203.0.113.5:5000", "198.51.100.7:61000", false ]
        (fun (local: string, remote: string, local2: string, remote2: string, joins: bool) ->
            let fleet = Fleet()
            fleet.Hear("mgcp-a", 1.0, [ bare "x" |> media local remote ]) |> ignore
            fleet.Hear("snmp-b", 2.0, [ bare "y" |> media local2 remote2 ]) |> ignore
            fleet.Calls.Length |> Check.equal (if joins then 1 else 2))

let ``within one gateway loopback joins as well`` =
    example (fun () ->
        let fleet = Fleet()

        fleet.Hear(
            "mgcp-a",
            1.0,
            [ bare "x" |> media "127.0.0.1:4000" "127.0.0.1:5000"
              bare "y" |> media "127.0.0.1:5000" "127.0.0.1:4000" ]
        )
        |> ignore

        fleet.Calls.Length |> Check.equal 1)

let ``a socket that two live connections have joins nothing, and one that is theirs no more joins again`` =
    example (fun () ->
        let fleet = Fleet()
        let x = bare "x" |> media "10.0.0.1:4000" "10.0.0.9:5000"
        let y = bare "y" |> media "10.0.0.9:5000" "10.0.0.1:4000"
        let other = bare "other" |> media "10.0.0.1:4000" "10.0.0.8:6000"
        fleet.Hear("mgcp-a", 1.0, [ x ]) |> ignore
        fleet.Hear("mgcp-b", 2.0, [ y ]) |> ignore
        fleet.Hear("mgcp-c", 3.0, [ other ]) |> ignore
        fleet.Calls.Length |> Check.equal 3
        fleet.Hear("mgcp-c", 4.0, []) |> ignore
        fleet.Calls.Length |> Check.equal 1)

// One-sided

/// A call with one leg on each of two gateways, the first of which was heard twice, at the third second at last.
let private twoSided () =
    let fleet = Fleet()
    fleet.Hear("mgcp-a", 1.0, [ leg "x" call ]) |> ignore
    fleet.Hear("mgcp-b", 2.0, [ leg "y" call ]) |> ignore
    fleet.Hear("mgcp-a", 3.0, [ leg "x" call ]) |> ignore
    fleet

let ``a leg that is over leaves a one-sided call, once the other was heard alive after the grace`` =
    example (fun () ->
        let fleet = twoSided ()
        fleet.Hear("mgcp-a", 11.0, []) |> ignore
        fleet.Kinds |> Check.isEmpty
        fleet.Hear("mgcp-b", 12.0, [ leg "y" call ]) |> ignore
        fleet.Kinds |> Check.because "a second later is no matter" Check.isEmpty
        fleet.Hear("mgcp-b", 22.0, [ leg "y" call ]) |> ignore
        (fleet.Findings = [ "one-sided", at 11.0 ]) |> Check.isTrue
        fleet.Tick 1000.0
        fleet.Kinds |> Check.because "as long as it is so" (Check.equal [ "one-sided" ])
        fleet.Hear("mgcp-b", 32.0, []) |> ignore
        fleet.Calls |> Check.isEmpty)

let ``silence makes no call one-sided, on neither side`` =
    example (fun () ->
        let fleet = twoSided ()
        // The other gateway is silent for hours.
        for t in 10.0..10.0..10000.0 do
            fleet.Silence("mgcp-b", t) |> ignore
            fleet.Hear("mgcp-a", t + 1.0, [ leg "x" call ]) |> ignore

        fleet.Kinds |> Check.isEmpty
        // One ends while the other gateway is silent: nobody knows about the other leg.
        fleet.Hear("mgcp-a", 10010.0, []) |> ignore
        fleet.Silence("mgcp-b", 10020.0) |> ignore
        fleet.Kinds |> Check.isEmpty
        fleet.Hear("mgcp-b", 10030.0, [ leg "y" call ]) |> ignore
        fleet.Kinds |> Check.equal [ "one-sided" ])

let ``a leg that falls silent proves no longer that it outlived another`` =
    example (fun () ->
        let fleet = twoSided ()
        fleet.Hear("mgcp-a", 11.0, []) |> ignore
        fleet.Hear("mgcp-b", 22.0, [ leg "y" call ]) |> ignore
        fleet.Kinds |> Check.equal [ "one-sided" ]
        fleet.Silence("mgcp-b", 32.0) |> ignore
        fleet.Kinds |> Check.isEmpty
        fleet.Hear("mgcp-b", 42.0, [ leg "y" call ]) |> ignore
        fleet.Kinds |> Check.equal [ "one-sided" ])

let ``a leg that another took the place of is not missed, nor one of three`` =
    example (fun () ->
        let fleet = Fleet()
        let both third = [ leg "x" call; leg third call ]
        fleet.Hear("mgcp-a", 1.0, both "y") |> ignore
        fleet.Hear("mgcp-a", 10.0, both "y") |> ignore
        fleet.Hear("mgcp-a", 20.0, both "transferred") |> ignore
        fleet.Hear("mgcp-a", 30.0, both "transferred") |> ignore
        fleet.Kinds |> Check.isEmpty
        fleet.Hear("mgcp-a", 40.0, leg "conference" call :: both "transferred") |> ignore
        fleet.Hear("mgcp-a", 50.0, leg "conference" call :: both "transferred") |> ignore
        fleet.Hear("mgcp-a", 60.0, both "transferred") |> ignore
        fleet.Hear("mgcp-a", 70.0, both "transferred") |> ignore
        fleet.Kinds |> Check.isEmpty
        fleet.Hear("mgcp-a", 80.0, [ leg "x" call ]) |> ignore
        fleet.Hear("mgcp-a", 90.0, [ leg "x" call ]) |> ignore
        fleet.Kinds |> Check.equal [ "one-sided" ])

let ``the id of a call that is over says nothing of a later one`` =
    example (fun () ->
        let fleet = Fleet()
        fleet.Hear("mgcp-a", 1.0, [ leg "x" "A1" ]) |> ignore
        fleet.Hear("mgcp-a", 5.0, []) |> ignore
        fleet.Hear("mgcp-b", 6.0, [ leg "y" "A1" |> started 5.2 5.3 ]) |> ignore
        fleet.Hear("mgcp-b", 60.0, [ leg "y" "A1" |> started 5.2 5.3 ]) |> ignore
        fleet.Kinds |> Check.isEmpty)

// Signalling and media

let ``a dialog whose media session is deleted is without media, and one-sided`` =
    example (fun () ->
        let fleet = Fleet()
        fleet.Hear("sip-a", 1.0, [ leg "d" call ]) |> ignore
        fleet.Hear("ng-a", 2.0, [ leg "x" call; leg "y" call ]) |> ignore
        fleet.Hear("ng-a", 4.0, [ leg "x" call; leg "y" call ]) |> ignore
        fleet.Hear("ng-a", 7.0, []) |> ignore
        fleet.Kinds |> Check.because "the dialog may end with it" Check.isEmpty
        fleet.Hear("sip-a", 10.0, [ leg "d" call ]) |> ignore
        fleet.Kinds |> Check.equal [ "one-sided"; "signalling-without-media" ]
        fleet.Hear("ng-a", 12.0, [ leg "x2" call; leg "y2" call ]) |> ignore
        fleet.Kinds |> Check.because "its media is back" Check.isEmpty)

let ``one kind of source alone is never told to lack the other`` =
    example (fun () ->
        let fleet = Fleet()

        for t in 0.0..10.0..1000.0 do
            fleet.Hear("snmp-a", t + 1.0, [ for i in 1..20 -> leg $"a{i}" $"{i}@example.net" ]) |> ignore
            fleet.Hear("sip-a", t + 2.0, [ for i in 1..30 -> leg $"b{i}" $"{i}@example.net" ]) |> ignore

        fleet.Kinds |> Check.isEmpty)

let ``a call without media is told of where nine of ten have it`` =
    examples [ 27, 3, true; 26, 3, false; 2, 0, false ] (fun (joined: int, lonely: int, told: bool) ->
        let fleet = Fleet()
        let dialogs = [ for i in 1 .. joined + lonely -> leg $"d{i}" $"{i}@example.net" ]
        let sessions = [ for i in 1..joined -> leg $"m{i}" $"{i}@example.net" ]
        fleet.Hear("sip-a", 1.0, dialogs) |> ignore
        fleet.Hear("ng-a", 2.0, sessions) |> ignore
        fleet.Hear("sip-a", 21.0, dialogs) |> ignore
        fleet.Hear("ng-a", 22.0, sessions) |> ignore
        fleet.Kinds |> Check.because "not before the patience is over" Check.isEmpty
        fleet.Hear("sip-a", 41.0, dialogs) |> ignore
        fleet.Kinds |> Check.because "not before the media gateway was asked again" Check.isEmpty
        fleet.Silence("ng-a", 51.0) |> ignore
        fleet.Kinds |> Check.because "nor from its silence" Check.isEmpty
        fleet.Hear("ng-a", 61.0, sessions) |> ignore
        let expected = if told then List.replicate lonely "signalling-without-media" else []
        fleet.Kinds |> Check.equal expected
        fleet.Silence("ng-a", 71.0) |> ignore
        fleet.Kinds |> Check.isEmpty)

let ``a call may be on a gateway of a server whose news are still to come`` =
    examples [ 39.0, false; 41.0, true ] (fun (until: float, told: bool) ->
        let fleet = Fleet()
        let dialogs = [ for i in 1..30 -> leg $"d{i}" $"{i}@example.net" ]
        fleet.HearElsewhere 1.0
        fleet.Hear("ng-a", 2.0, [ for i in 1..29 -> leg $"m{i}" $"{i}@example.net" ]) |> ignore

        for t in 0.0..20.0..60.0 do
            fleet.HearElsewhere(min until t)
            fleet.Hear("sip-a", t + 10.0, dialogs) |> ignore

            fleet.Hear("ng-a", t + 11.0, [ for i in 1..29 -> leg $"m{i}" $"{i}@example.net" ]) |> ignore

        fleet.Kinds |> Check.equal (if told then [ "signalling-without-media" ] else []))

let ``media without signalling likewise`` =
    example (fun () ->
        let fleet = Fleet()
        let dialogs = [ for i in 1..9 -> leg $"d{i}" $"{i}@example.net" ]
        let sessions = [ for i in 1..10 -> leg $"m{i}" $"{i}@example.net" ]

        for t in 0.0..20.0..80.0 do
            fleet.Hear("sip-a", t + 1.0, dialogs) |> ignore
            fleet.Hear("ng-a", t + 2.0, sessions) |> ignore

        (fleet.Findings = [ "media-without-signalling", at 2.0 ]) |> Check.isTrue)

// Mismatches

let ``codecs are compared where both are known`` =
    examples
        [ "PCMU", "PCMU", false
          "PCMU", "PCMA", true
          "PCMU", "g711ulaw or so", false
          "PCMU", "telephone-event", false ]
        (fun (here: string, there: string, told: bool) ->
            let fleet = Fleet()

            for t in 0.0..10.0..20.0 do
                fleet.Hear("sip-a", t + 1.0, [ leg "d" call |> codec here ]) |> ignore
                fleet.Hear("ng-a", t + 2.0, [ leg "x" call |> codec there ]) |> ignore

            fleet.Kinds |> Check.equal (if told then [ "codec-mismatch" ] else []))

let ``what lies between may translate, but one stream has one codec`` =
    example (fun () ->
        let hear x =
            let fleet = Fleet()

            for t in 0.0..10.0..20.0 do
                fleet.Hear(
                    "mgcp-a",
                    t + 1.0,
                    [ bare "p" |> media "192.0.2.1:4000" "192.0.2.9:5000" |> codec "PCMU" ]
                )
                |> ignore

                fleet.Hear(
                    "ng-a",
                    t + 2.0,
                    [ leg "x" call |> media "192.0.2.9:5000" "192.0.2.1:4000" |> codec x
                      leg "y" call |> media "192.0.2.9:5002" "198.51.100.3:7000" |> codec "opus" ]
                )
                |> ignore

            fleet.Kinds

        hear "PCMU" |> Check.isEmpty
        hear "G729" |> Check.equal [ "codec-mismatch" ])

let ``a change of codec is a mismatch only once both have told theirs again`` =
    example (fun () ->
        let fleet = Fleet()
        let a name = [ leg "d" call |> codec name ]
        let b name = [ leg "x" call |> codec name ]
        fleet.Hear("sip-a", 1.0, a "PCMU") |> ignore
        fleet.Hear("ng-a", 2.0, b "PCMU") |> ignore
        fleet.Hear("sip-a", 11.0, a "G722") |> ignore
        fleet.Kinds |> Check.isEmpty
        fleet.Hear("ng-a", 12.0, b "PCMU") |> ignore
        fleet.Hear("sip-a", 21.0, a "G722") |> ignore

        fleet.Kinds
        |> Check.because "the other was heard a second after the change at the most" Check.isEmpty

        fleet.Hear("ng-a", 22.0, b "PCMU") |> ignore
        (fleet.Findings = [ "codec-mismatch", at 10.95 ]) |> Check.isTrue)

let ``what a silent source said is held against no other`` =
    let mismatch (here: Observation) (there: Observation) =
        let fleet = Fleet()

        for t in 0.0..10.0..20.0 do
            fleet.Hear("snmp-a", t + 1.0, [ here ]) |> ignore
            fleet.Hear("snmp-b", t + 2.0, [ there ]) |> ignore

        let loud = fleet.Kinds
        fleet.Silence("snmp-a", 31.0) |> ignore
        fleet.Hear("snmp-b", 32.0, [ there ]) |> ignore
        let silent = fleet.Kinds
        fleet.Hear("snmp-a", 41.0, [ here ]) |> ignore
        loud, silent, fleet.Kinds

    example (fun () ->
        mismatch (leg "p" call |> codec "PCMU") (leg "x" call |> codec "G722")
        |> Check.equal ([ "codec-mismatch" ], [], [ "codec-mismatch" ])

        mismatch
            (leg "p" call |> setup -99.0 -98.0 |> started -90.0 -89.0)
            (leg "x" call |> setup -50.0 -49.0)
        |> Check.equal ([ "start-mismatch" ], [], [ "start-mismatch" ]))

let ``a change of address is a mismatch only once both have told theirs again`` =
    example (fun () ->
        let fleet = Fleet()
        let a port = [ leg "p" call |> media $"192.0.2.1:{port}" "192.0.2.9:5000" ]
        let b = [ leg "x" call |> media "192.0.2.9:5000" "192.0.2.1:4000" ]
        fleet.Hear("mgcp-a", 1.0, a 4000) |> ignore
        fleet.Hear("ng-a", 2.0, b) |> ignore
        fleet.Hear("mgcp-a", 11.0, a 4002) |> ignore
        fleet.Kinds |> Check.isEmpty
        fleet.Hear("mgcp-a", 21.0, a 4002) |> ignore
        fleet.Hear("ng-a", 22.0, b) |> ignore
        (fleet.Findings = [ "address-mismatch", at 10.95 ]) |> Check.isTrue)

let ``a socket that two legs of a gateway have says nothing of where media goes`` =
    example (fun () ->
        let fleet = Fleet()

        for t in 0.0..10.0..20.0 do
            fleet.Hear("mgcp-a", t + 1.0, [ leg "p" call |> media "192.0.2.1:4000" "192.0.2.9:5000" ])
            |> ignore

            fleet.Hear(
                "ng-a",
                t + 2.0,
                [ leg "x" call |> media "192.0.2.9:5000" "198.51.100.3:7000"
                  leg "y" call |> media "192.0.2.9:5000" "192.0.2.1:4000" ]
            )
            |> ignore

        fleet.Kinds |> Check.isEmpty)

let ``media that is sent elsewhere is a mismatch, but for address translation`` =
    examples
        [ "192.0.2.1:4000", "192.0.2.1:4000", false
          "192.0.2.1:4000", "192.0.2.1:4002", true
          "192.0.2.1:4000", "198.51.100.3:4000", true
          "10.0.0.1:4000", "198.51.100.3:61000", false
          "10.0.0.1:4000", "10.0.0.1:4002", true ]
        (fun (own: string, told: string, isFound: bool) ->
            let fleet = Fleet()

            for t in 0.0..10.0..20.0 do
                fleet.Hear("mgcp-a", t + 1.0, [ leg "p" call |> media own "192.0.2.9:5000" ]) |> ignore
                fleet.Hear("ng-a", t + 2.0, [ leg "x" call |> media "192.0.2.9:5000" told ]) |> ignore

            fleet.Kinds |> Check.equal (if isFound then [ "address-mismatch" ] else []))

let ``starts are compared from setup to answer`` =
    examples
        [ 0.0, 0.1, false
          4.9, 5.1, false
          // Clocks of whole seconds, and their drift in the half minute since: 5 ms.
          6.0, 6.1, false
          6.104, 6.2, false
          6.2, 6.3, true
          20.0, 20.1, true ]
        (fun (earliest: float, latest: float, isFound: bool) ->
            let fleet = Fleet()

            for t in 30.0..10.0..50.0 do
                fleet.Hear("snmp-a", t + 1.0, [ leg "p" call |> setup 0.0 0.1 |> started 5.0 5.1 ]) |> ignore

                fleet.Hear("snmp-b", t + 2.0, [ leg "x" call |> setup earliest latest |> started 25.0 25.1 ])
                |> ignore

            fleet.Kinds |> Check.equal (if isFound then [ "start-mismatch" ] else []))

let ``where only one time is told it may be either end of the ringing`` =
    examples [ 0.0, false; 100.0, false; 3600.0, true ] (fun (later: float, isFound: bool) ->
        let fleet = Fleet()

        for t in 4000.0..10.0..4020.0 do
            fleet.Hear("ng-a", t + 1.0, [ leg "p" call |> started 0.0 0.1 ]) |> ignore
            fleet.Hear("snmp-b", t + 2.0, [ leg "x" call |> started later (later + 0.1) ]) |> ignore

        fleet.Kinds |> Check.equal (if isFound then [ "start-mismatch" ] else []))

// A call as a whole

let private legOf kind id (o: Observation) : Leg =
    let ledger, _ = replay [ complete 90.0 100.0 [ { o with Id = ConnectionId.create id } ] ]
    let c = only ledger

    { Key = LegKey.ofConnection gateway c
      Source = { SourceTraits.unknown with Kind = ValueSome kind }
      Connection = c
      Gone = ValueNone
      Known = c.FirstHeard
      CodecSince = c.FirstHeard
      MediaSince = c.FirstHeard
      DriftPpm = 0.0 }

let private from' originator (o: Observation) =
    { o with Facts = { o.Facts with Originator = ValueSome originator } }

let ``a call's originator and start are those of the leg that offered it, narrowed by those that mean the same`` =
    example (fun () ->
        let heard id = observation id 95.0
        let offering = heard "a" |> setup 0.0 0.1 |> started 5.0 6.0 |> from' "+41" |> legOf Signalling "a"
        let second = heard "b" |> setup 1.0 1.1 |> started 5.5 7.0 |> from' "+42" |> legOf Signalling "b"
        let media = heard "c" |> started 0.2 0.3 |> from' "192.0.2.1:4000" |> legOf Media "c"

        for legs in [ [| offering; second; media |]; [| media; second; offering |] ] do
            CallsSummary.originator legs |> Check.equal (ValueSome "+41")
            (CallsSummary.start legs).Within |> Check.equal (between 5.5 6.0)

        let other = heard "d" |> setup 1.0 1.1 |> started 50.0 51.0 |> legOf Signalling "d"
        (CallsSummary.start [| other; offering |]).Within |> Check.equal (between 5.0 6.0)
        (CallsSummary.start [| media |]).Within |> Check.equal (between 0.2 0.3))
