/// Audits that read, of connections on record, only what shows that they are there and the same.
module CallServer.Tests.Audit.BriefTests

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Gateway
open CallServer.Protocols.Snmp
open CallServer.Tests.Audit
open CallServer.Tests

let private steady = Network.steady (TimeSpan.FromMilliseconds 2.0)
let private interval = TimeSpan.FromSeconds 10.0

/// An agent, a record of it, and what its audits ask.
type private Watched(profile: Profile, serve: Bench.Server) =
    let mutable asked = 0
    let mutable ledger = GatewayLedger.empty (GatewayId.create "gw")
    let mutable memory = SnmpAudit.Memory.none
    let mutable at = Bench.start

    let count (octets: byte[]) =
        match Snmp.decode octets with
        | Ok(V2c(_, pdu)) when pdu.Kind = GetBulk ->
            asked <- asked + pdu.NonRepeaters + pdu.MaxRepetitions * (pdu.VarBinds.Length - pdu.NonRepeaters)
        | Ok(V2c(_, pdu)) -> asked <- asked + pdu.VarBinds.Length
        | _ -> ()

    let server: Bench.Server =
        fun now octets ->
            count octets
            serve now octets

    member _.Ledger
        with get () = ledger
        and set next = ledger <- next

    /// Audits it and takes the snapshot into the record; returns that, the changes, and how many varbinds were asked for.
    member _.Audit() =
        asked <- 0
        let target = Bench.target (Some profile)
        let run = Bench.runKnown ledger.Connections ledger.History at 3UL steady server target memory
        memory <- SnmpAudit.memory run.State
        let struct (next, changes) = Reconcile.apply run.Snapshot ledger
        ledger <- next
        at <- at + run.Took + interval
        struct (run.Snapshot, changes, asked)

    /// Audits it until the record knows its rows well enough.
    member this.Settle() =
        for _ in 1..2 do
            this.Audit() |> ignore

let private simulated (profile: string) (table: TableOptions) : Bench.Server =
    let mib = Gateways.mibs |> List.find (fun mib -> mib.Profile = profile)
    let agent = ref (Gateways.create 5UL table (AgentOptions.ofMib mib "gw") Bench.start)

    fun now octets ->
        let struct (moved, _) = AgentState.advance now agent.Value
        let struct (next, replies) = SnmpAgent.respond now octets moved
        agent.Value <- next
        replies |> List.map _.Datagram

let private still (connections: int) = { TableOptions.standard with Connections = connections; Churn = 0.0 }

/// Parts of a whole walk that a brief one asks for at most, in per cent.
let private parts =
    [ "cisco-voice", 25
      "h3c-voice", 25
      "3com-voice", 25
      "adtran-rtp", 25
      "avaya-rtp", 25
      "adtran-vqm", 30
      "dial-control", 45
      "cisco-xgcp", 45 ]

/// The state is read each time, and some agents' states come and go.
let private isOfState (change: Change) =
    match change with
    | Updated(before, after) -> { after.Facts with State = before.Facts.State } = before.Facts
    | _ -> false

let ``a steady audit of a thousand connections asks for a fraction of the first one's varbinds`` =
    examples parts (fun (profile, most) ->
        let watched = Watched((Profiles.tryFind profile).Value, simulated profile (still 1000))
        let struct (_, _, first) = watched.Audit()
        let struct (_, _, second) = watched.Audit()
        let struct (snapshot, changes, third) = watched.Audit()

        say $"{profile}: {first} varbinds, then {second}, then {third}: {100 * third / first} %%"
        Snapshot.isComplete snapshot |> Check.isTrue
        snapshot.Observations.Length |> Check.equal 1000
        changes |> Array.filter (isOfState >> not) |> Check.equal [||]
        (third * 100 <= first * most) |> Check.because $"{profile}: {third} of {first}" Check.isTrue)

/// A row of a table that uses its index again; the line stamps it, and stands in for the number where there is none.
/// One without a stamp lacks all of its key cells.
type private Line = { Index: int; Stamp: string; Number: string; Codec: string }

let private lines: Profile =
    let json =
        """{ "index": [{ "name": "index" }],
             "columns": { "up": "1.3.6.1.4.1.99999.1.1", "stamp": "1.3.6.1.4.1.99999.1.2",
                          "number": "1.3.6.1.4.1.99999.1.3", "codec": "1.3.6.1.4.1.99999.1.4",
                          "dscp": "1.3.6.1.4.1.99999.1.5" },
             "identity": "up", "id": "index", "stamp": "stamp", "originator": ["number", "stamp"],
             "codec": { "field": "codec" }, "qos": { "dscp": "dscp" }, "reusesIds": true }"""

    match ProfileJson.parse "lines" json with
    | Ok profile -> profile
    | Error mistakes -> failwith $"{mistakes}"

let private text (words: string) = OctetString(Text.Encoding.UTF8.GetBytes words)

/// Serves these rows, by an agent that began so many times.
let private serving (boots: int ref) (rows: Line list ref) : Bench.Server =
    Bench.v2c "public" (fun now request ->
        let began = Bench.start - TimeSpan.FromDays 1.0
        let began = if boots.Value > 1 then now - TimeSpan.FromSeconds 1.0 else began

        let cell (line: Line) column value =
            VarBind.create (Oid.parse $"1.3.6.1.4.1.99999.1.{column}.{line.Index}") value

        CiscoTable.scalars began now boots.Value 0
        @ [ for line in rows.Value do
                if line.Stamp <> "" then
                    cell line 1 (Integer 1L)
                    cell line 2 (text line.Stamp)

                cell line 3 (text line.Number)
                cell line 4 (text line.Codec)
                cell line 5 (Integer 46L) ]
        |> SmallAgent.create
        |> fun agent -> SmallAgent.answer agent request)

let private twenty =
    [ for index in 1..20 ->
          { Index = index; Stamp = $"monday {index}"; Number = $"44{index}"; Codec = "PCMU" } ]

let private watchLines () =
    let boots, rows = ref 1, ref twenty
    let watched = Watched(lines, serving boots rows)
    watched.Settle()
    watched, boots, rows

let private codecOf (watched: Watched) (index: int) =
    let id = ConnectionId.create (string index)
    (GatewayLedger.tryFind id watched.Ledger).Value.Facts.Codec.Value.Name

let ``what is not read is neither taken for nothing nor for what stands in for it`` =
    example (fun () ->
        let watched, _, _ = watchLines ()
        let before = watched.Ledger.Connections |> Array.map _.Facts
        let struct (snapshot, changes, asked) = watched.Audit()

        // It was no whole walk.
        asked |> Check.below (20 * 5)

        snapshot.Observations
        |> Array.map _.Facts.Originator
        |> Array.distinct
        |> Check.equal [| ValueNone |]

        changes |> Check.equal [||]
        watched.Ledger.Connections |> Array.map _.Facts |> Check.equal before)

let ``a codec that changes between two whole audits is told by the next of them, once`` =
    example (fun () ->
        let watched, _, rows = watchLines ()
        rows.Value <- rows.Value |> List.map (fun line -> { line with Codec = "G729" })
        let struct (_, first, _) = watched.Audit()
        first |> Check.equal [||]
        codecOf watched 7 |> Check.equal "PCMU"

        let updates =
            [ for _ in 2..10 do
                  let struct (_, changes, _) = watched.Audit()
                  changes |> Array.filter _.IsUpdated |> Array.length ]

        updates |> List.filter (fun count -> count > 0) |> Check.equal [ 20 ]
        codecOf watched 7 |> Check.equal "G729")

let ``an index that is used again in the same state is noticed at once, and its row read whole`` =
    example (fun () ->
        let watched, _, rows = watchLines ()

        rows.Value <-
            rows.Value
            |> List.map (fun line ->
                if line.Index = 7 then
                    { line with Stamp = "tuesday 7"; Number = "33"; Codec = "G729" }
                else
                    line)

        let struct (_, changes, asked) = watched.Audit()
        asked |> Check.below (20 * 5)
        [ for change in changes -> change.Kind ] |> List.sort |> Check.equal [ "closed"; "opened" ]
        codecOf watched 7 |> Check.equal "G729"

        (GatewayLedger.tryFind (ConnectionId.create "7") watched.Ledger).Value.Facts.Originator
        |> Check.equal (ValueSome "33"))

let ``after a restart of the agent, of the server, or an audit that was partial, everything is read`` =
    example (fun () ->
        let isWhole (watched: Watched) =
            let struct (_, _, asked) = watched.Audit()
            asked |> Check.above (20 * 5)

        let rebooted, boots, _ = watchLines ()
        boots.Value <- 2
        isWhole rebooted

        let restarted, _, _ = watchLines ()
        restarted.Ledger <- GatewayLedger.restore restarted.Ledger
        isWhole restarted

        let silent = ref false
        let serve = serving (ref 1) (ref twenty)
        let doubted = Watched(lines, (fun now octets -> if silent.Value then [] else serve now octets))
        doubted.Settle()
        silent.Value <- true
        doubted.Audit() |> ignore
        silent.Value <- false
        isWhole doubted)

let ``where so many are gone that not each is asked for by name, everything is read`` =
    example (fun () ->
        let line index = { Index = index; Stamp = $"monday {index}"; Number = "44"; Codec = "PCMU" }
        let rows = ref [ for index in 1..1200 -> line index ]
        let watched = Watched(lines, serving (ref 1) rows)
        watched.Settle()
        rows.Value <- List.take 600 rows.Value
        let struct (snapshot, _, asked) = watched.Audit()
        Snapshot.isComplete snapshot |> Check.isTrue
        watched.Ledger.Connections.Length |> Check.equal 600
        asked |> Check.above (600 * 5 + 600 * 2))

let ``while connections of an earlier run are on record, everything is read`` =
    example (fun () ->
        let watched, _, _ = watchLines ()
        let known = watched.Ledger.Connections
        (Brief.create lines known).IsSome |> Check.isTrue
        let before = known |> Array.mapi (fun place c -> if place = 3 then { c with Run = c.Run - 1 } else c)
        (Brief.create lines before).IsSome |> Check.isFalse)

let ``a row that lacks its key cells is not over`` =
    example (fun () ->
        let watched, _, rows = watchLines ()

        rows.Value <-
            rows.Value |> List.map (fun line -> if line.Index = 7 then { line with Stamp = "" } else line)

        let struct (snapshot, _, _) = watched.Audit()
        Snapshot.isComplete snapshot |> Check.isFalse
        (GatewayLedger.tryFind (ConnectionId.create "7") watched.Ledger).IsSome |> Check.isTrue)
