module CallServer.Tests.Gateway.TableTests

open System
open System.Collections.Generic
open FsCheck
open FsCheck.FSharp
open CallServer.Model
open CallServer.Gateway
open CallServer.Tests
open CallServer.Tests.Gateway.Asking

/// A table's options and times within a day of it, short enough for thousands of cases.
type Case = { Seed: uint64; Options: TableOptions; Stops: TimeSpan list }

type Cases =
    static member Case() : Arbitrary<Case> =
        gen {
            let! seed = Gen.choose64 (0L, Int64.MaxValue)
            let! connections = Gen.choose (0, 40)
            let! churn = Gen.elements [ 0.0; 0.1; 2.0; 30.0 ]
            let! ringing = Gen.elements [ true; false ]
            let! stops = Gen.listOf (Gen.choose (0, 20_000))

            return
                { Seed = uint64 seed
                  Options =
                    { TableOptions.standard with
                        Connections = connections
                        Churn = churn
                        ShowRinging = ringing }
                  Stops = stops |> List.sort |> List.map (float >> TimeSpan.FromMilliseconds) }
        }
        |> Arb.fromGen

let private tableLaws =
    Laws.plain |> Laws.drawing [ typeof<Arbitraries>; typeof<Cases> ] |> Laws.times 1000

/// A connection's content, because reference equality is of no use between two runs.
let private shape (connection: SimConnection) =
    (connection.Serial, connection.Index, connection.Setup.Micros, connection.Start.Micros),
    (connection.Ends.Micros, connection.Guid, connection.CallId, connection.RemotePort)

let private shapeOf (event: TruthEvent) =
    match event with
    | Opened connection -> "open", connection.Start.Micros, shape connection
    | Closed(connection, at) -> "close", at.Micros, shape connection

let private shapes (table: Table) = table.Connections |> Array.map shape

let private past (table: Table) =
    table.Ended |> Array.map (fun (struct (ended, at)) -> shape ended, at.Micros)

let ``arrives at the same place by whatever steps`` =
    lawBy tableLaws (fun (case: Case) ->
        let start = Table.create case.Seed case.Options epoch
        let last = List.fold max TimeSpan.Zero case.Stops
        let struct (direct, events) = Table.advance (epoch + last) start

        let struct (stepped, steps) =
            (struct (start, []), case.Stops)
            ||> List.fold (fun (struct (table, before)) stop ->
                let struct (table, events) = Table.advance (epoch + stop) table
                struct (table, before @ events))

        shapes stepped = shapes direct
        && List.map shapeOf steps = List.map shapeOf events
        && past stepped = past direct)

let ``says when something happens next, and until then nothing does`` =
    lawBy tableLaws (fun (case: Case) ->
        let finish = epoch + seconds 30.0
        let instant = TimeSpan.FromMicroseconds 1.0

        let seen = List<TruthEvent>()

        let rec follow table =
            let due = Table.next table

            if due <= finish then
                let struct (waiting, early) = Table.advance (due - instant) table
                let struct (table, events) = Table.advance due waiting
                early |> Check.because "before it was due" (List.isEmpty >> Check.isTrue)
                (Table.next table > due) |> Check.because "still due" Check.isTrue
                seen.AddRange events
                follow table

        let start = Table.create case.Seed case.Options epoch
        follow start
        let struct (_, events) = Table.advance finish start
        List.map shapeOf (List.ofSeq seen) = List.map shapeOf events)

let ``lists exactly what the truth opened and has not closed`` =
    lawBy tableLaws (fun (case: Case) ->
        let start = Table.create case.Seed case.Options epoch
        let open' = HashSet<int64>(start.Connections |> Array.map _.Serial)

        let table =
            (start, case.Stops)
            ||> List.fold (fun table stop ->
                let now = epoch + stop
                let struct (table, events) = Table.advance now table

                for event in events do
                    match event with
                    | Opened connection ->
                        open'.Add connection.Serial |> Check.because "opened twice" Check.isTrue
                    | Closed(connection, at) ->
                        open'.Remove connection.Serial |> Check.because "closed, but not open" Check.isTrue
                        (at <= now && at > epoch) |> Check.isTrue

                table)

        open'.SetEquals(table.Connections |> Array.map _.Serial))

let ``tells what happened in the order of time, never two at once`` =
    lawBy tableLaws (fun (case: Case) ->
        let struct (_, events) =
            Table.create case.Seed case.Options epoch |> Table.advance (epoch + seconds 30.0)

        let times =
            events
            |> List.map (fun event ->
                match event with
                | Opened connection when case.Options.ShowRinging -> connection.Setup.Micros
                | Opened connection -> connection.Start.Micros
                | Closed(_, at) -> at.Micros)

        List.pairwise times |> List.forall (fun (a, b) -> a <= b))

let ``gives every connection times in order and an index of its own`` =
    lawBy tableLaws (fun (case: Case) ->
        let struct (table, events) =
            Table.create case.Seed case.Options epoch |> Table.advance (epoch + seconds 30.0)

        let opened =
            events
            |> List.choose (fun event ->
                match event with
                | Opened connection -> Some connection
                | Closed _ -> None)

        let all = Seq.distinctBy _.Serial (Seq.append opened table.Connections) |> Seq.toArray

        let ordered =
            all
            |> Array.forall (fun connection ->
                connection.Setup <= connection.Start && connection.Start <= connection.Ends)

        // On any grid of hundredths.
        [ 0L; 1_234L; 9_999L ]
        |> List.forall (fun phase ->
            (all
             |> Array.distinctBy (fun connection ->
                 (connection.Setup.Micros + phase) / 10_000L, connection.Index))
                .Length = all.Length)
        && ordered
        && table.Connections |> Array.pairwise |> Array.forall (fun (a, b) -> a.Serial < b.Serial))

let ``keeps about as many connections as asked`` =
    example (fun () ->
        let options = { TableOptions.standard with Connections = 1000; Churn = 20.0 }
        let start = Table.create 7UL options epoch
        start.Count |> Check.equal 1000
        let struct (later, events) = Table.advance (epoch + TimeSpan.FromMinutes 10.0) start
        // Poisson: 10 minutes at 20 a second, and a population with a standard deviation of about 32.
        later.Count |> Check.between 840 1160
        events.Length |> Check.between 22_500 25_500)

let ``begins with ages from the youngest to the oldest`` =
    example (fun () ->
        let options = { TableOptions.standard with Connections = 2000 }
        let table = Table.create 3UL options epoch
        let ages = table.Connections |> Array.map (fun connection -> (epoch - connection.Start).TotalSeconds)
        Array.min ages |> Check.between 5.0 6.0
        Array.max ages |> Check.between 6500.0 7200.0
        // Log-uniform: half of them are younger than the geometric mean.
        let young = ages |> Array.filter (fun age -> age < sqrt (5.0 * 7200.0)) |> Array.length
        young |> Check.between 900 1100)

let ``opens and closes to order`` =
    example (fun () ->
        let table = Table.create 1UL { TableOptions.standard with Connections = 2 } epoch
        let at = epoch + seconds 10.0
        let struct (table, connection, events) = Table.openOne TimeSpan.Zero at table
        table.Count |> Check.equal 3
        List.length events |> Check.equal 1
        (connection.Start = at) |> Check.isTrue
        (Table.tryFind connection.Serial table).IsSome |> Check.isTrue
        let struct (table, events) = Table.closeOne connection.Serial (epoch + seconds 12.0) table

        match events with
        | [ Closed(closed, closedAt) ] ->
            (closed.Serial = connection.Serial && closedAt = epoch + seconds 12.0) |> Check.isTrue
        | other -> failtest $"%A{other}"

        let struct (table, events) = Table.closeAll (epoch + seconds 13.0) table
        table.Count |> Check.equal 0
        List.length events |> Check.equal 2)

let ``lists a ringing connection only where ringing is shown`` =
    example (fun () ->
        let count shown =
            let options = { TableOptions.standard with Connections = 0; ShowRinging = shown }
            let struct (table, _, _) = Table.openOne (seconds 5.0) epoch (Table.create 1UL options epoch)
            let struct (later, _) = Table.advance (epoch + seconds 5.0) table
            struct (table.Count, later.Count)

        (count false = struct (0, 1)) |> Check.isTrue
        (count true = struct (1, 1)) |> Check.isTrue)

let ``gives no two connections a media address in common, nor the one that rtpengine puts beside it`` =
    example (fun () ->
        let table = Table.create 1UL { TableOptions.standard with Connections = 30_000 } epoch

        let sockets =
            table.Connections
            |> Array.collect (fun connection ->
                [| struct (connection.LocalHost, connection.LocalPort)
                   struct (connection.LocalHost, connection.LocalPort + 2) |])

        (Array.distinct sockets).Length |> Check.equal 60_000
        sockets |> Array.forall (fun (struct (_, port)) -> port > 1023 && port < 65536) |> Check.isTrue)
