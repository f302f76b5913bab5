namespace CallServer.Gateway

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Prelude

[<CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Table =
    let private seconds (seconds: float) = int64 (seconds * 1e6)

    let private exponential (mean: float) (rng: Rng) : struct (int64 * Rng) =
        let struct (fraction, rng) = Rng.fraction rng
        struct (int64 (-Math.Log(1.0 - fraction) * mean), rng)

    let private uniform (struct (low: TimeSpan, high: TimeSpan)) (rng: Rng) : struct (int64 * Rng) =
        let struct (fraction, rng) = Rng.fraction rng
        struct (seconds (low.TotalSeconds + fraction * (high - low).TotalSeconds), rng)

    let private logUniform (struct (low: TimeSpan, high: TimeSpan)) (rng: Rng) : struct (int64 * Rng) =
        let struct (fraction, rng) = Rng.fraction rng
        let low = Math.Log(max 1e-6 low.TotalSeconds)
        let high = Math.Log(max 1e-6 high.TotalSeconds)
        struct (seconds (Math.Exp(low + fraction * (high - low))), rng)

    let private after (micros: int64) (instant: Instant) : Instant =
        Instant.ofMicros (instant.Micros + micros)

    /// The first microsecond from there on that nobody uses: true times differ, so that events have one
    /// order.
    let rec private free (instant: Instant) (used: Map<int64, SimConnection>) : Instant =
        if used.ContainsKey instant.Micros then
            free (after 1L instant) used
        else
            instant

    /// Next to the last setup within 10 ms another index, else the first: unique on any grid of hundredths.
    let private indexAt (setup: Instant) (lastSetup: Instant) (lastIndex: int) : int =
        if lastIndex > 0 && setup.Micros - lastSetup.Micros < 10_000L then
            lastIndex + 1
        else
            1

    /// The next arrival's start and end, and the one after it.
    let private arrive (options: TableOptions) (setup: Instant) (rng: Rng) =
        let struct (ring, rng) = uniform options.Ringing rng
        let struct (life, rng) = exponential (TableOptions.meanLifetime options) rng
        let struct (gap, rng) = exponential (1e6 / options.Churn) rng
        let start = after ring setup
        struct (start, after life start, after (gap + 1L) setup, rng)

    /// A connection of these times with the next serial number, not yet in any list.
    let private number (setup: Instant) start ends (table: Table) : struct (SimConnection * Table) =
        let index = indexAt setup table.LastSetup table.LastIndex
        let made = SimConnection.draw table.Seed table.Options.Codecs table.NextSerial index setup start ends

        struct (made, { table with NextSerial = table.NextSerial + 1L; LastSetup = setup; LastIndex = index })

    let private mergeBySerial (listed: SimConnection[]) (opened: SimConnection[]) (closed: HashSet<int64>) =
        let kept =
            if closed.Count = 0 then
                listed
            else
                Array.filter
                    (fun (connection: SimConnection) -> not (closed.Contains connection.Serial))
                    listed

        let opened = Array.sortBy (fun (connection: SimConnection) -> connection.Serial) opened

        if opened.Length = 0 then
            kept
        elif kept.Length = 0 || kept[kept.Length - 1].Serial < opened[0].Serial then
            Array.append kept opened
        else
            let merged = Array.zeroCreate (kept.Length + opened.Length)
            let mutable left = 0
            let mutable right = 0

            for place in 0 .. merged.Length - 1 do
                if
                    right = opened.Length || (left < kept.Length && kept[left].Serial < opened[right].Serial)
                then
                    merged[place] <- kept[left]
                    left <- left + 1
                else
                    merged[place] <- opened[right]
                    right <- right + 1

            merged

    /// The table after these events, which are in the order of time.
    let private apply (events: List<TruthEvent>) (table: Table) : Table =
        let opened = Dictionary<int64, SimConnection>()
        let closed = HashSet<int64>()
        let past = List<struct (SimConnection * Instant)>(table.Past)

        for event in events do
            match event with
            | Opened connection -> opened[connection.Serial] <- connection
            | Closed(connection, at) ->
                past.Add(struct (connection, at))

                if not (opened.Remove connection.Serial) then
                    closed.Add connection.Serial |> ignore

        let surplus = max 0 (past.Count - table.Options.History)
        past.RemoveRange(0, surplus)

        { table with
            Listed =
                (if opened.Count = 0 && closed.Count = 0 then
                     table.Listed
                 else
                     mergeBySerial table.Listed (Seq.toArray opened.Values) closed)
            Past = past.ToArray() }

    let private earliest (queue: Map<int64, SimConnection>) : int64 =
        if queue.IsEmpty then Int64.MaxValue else fst (Map.minKeyValue queue)

    /// Lists a connection: from now on it can end.
    let private list (connection: SimConnection) (table: Table) : struct (SimConnection * Table) =
        if connection.Ends = Instant.distantFuture then
            struct (connection, table)
        else
            let ends = free connection.Ends table.Ending
            let connection = { connection with Ends = ends }
            struct (connection, { table with Ending = table.Ending.Add(ends.Micros, connection) })

    /// Keeps a connection until its start.
    let private wait (connection: SimConnection) (table: Table) : struct (SimConnection * Table) =
        let start = free connection.Start table.Waiting
        let connection = { connection with Start = start; Ends = Instant.max start connection.Ends }
        struct (connection, { table with Waiting = table.Waiting.Add(start.Micros, connection) })

    /// The next thing that happens by itself, where it happens by then.
    let rec private step (until: Instant) (events: List<TruthEvent>) (table: Table) : Table =
        let ends = earliest table.Ending
        let starts = earliest table.Waiting
        let next = min ends (min starts table.NextSetup.Micros)

        if next > until.Micros || next = Int64.MaxValue then
            table
        elif next = ends then
            events.Add(Closed(table.Ending[ends], Instant.ofMicros ends))
            step until events { table with Ending = table.Ending.Remove ends }
        elif next = starts then
            let struct (connection, table) =
                list table.Waiting[starts] { table with Waiting = table.Waiting.Remove starts }

            events.Add(Opened connection)
            step until events table
        else
            let setup = table.NextSetup
            let struct (start, ends, following, rng) = arrive table.Options setup table.Arrivals
            let table = { table with NextSetup = following; Arrivals = rng }
            let struct (connection, table) = number setup start ends table

            if table.Options.ShowRinging then
                let struct (connection, table) = list connection table
                events.Add(Opened connection)
                step until events table
            else
                let struct (_, table) = wait connection table
                step until events table

    /// The table at that instant, and what truly happened until then, in the order of time. By way of however
    /// many instants between, the outcome is the same. An earlier instant changes nothing.
    let advance (until: Instant) (table: Table) : struct (Table * TruthEvent list) =
        if until <= table.Clock then
            struct (table, [])
        else
            let events = List<TruthEvent>()
            let after = step until events { table with Clock = until }
            let after = if events.Count = 0 then after else apply events after
            struct (after, List.ofSeq events)

    /// The setups, starts and ends with which a table begins: those that were active before, then those that
    /// ring.
    let private first (options: TableOptions) (now: Instant) (rng: Rng) =
        let times = List<struct (Instant * Instant * Instant)>()
        let mutable rng = rng
        let mutable next = Instant.distantFuture

        for _ in 1 .. options.Connections do
            let struct (age, rest) = logUniform options.Ages rng
            let struct (ring, rest) = uniform options.Ringing rest
            let start = after (-age) now

            if options.Churn > 0.0 then
                let struct (life, rest) = exponential (TableOptions.meanLifetime options) rest
                rng <- rest
                times.Add(struct (after (-ring) start, start, after (life + 1L) now))
            else
                rng <- rest
                times.Add(struct (after (-ring) start, start, Instant.distantFuture))

        if options.Churn > 0.0 then
            let struct (_, longest) = options.Ringing
            let struct (gap, rest) = exponential (1e6 / options.Churn) rng
            rng <- rest
            next <- after gap (now - longest)

            while next <= now do
                let struct (start, ends, following, rest) = arrive options next rng

                if start > now then
                    times.Add(struct (next, start, ends))

                next <- following
                rng <- rest

        struct (times, next, rng)

    /// The connections of a gateway that has been in service for a while, at that instant.
    let create (seed: uint64) (options: TableOptions) (now: Instant) : Table =
        if options.Connections < 0 || not (options.Churn >= 0.0) || options.Codecs.Length = 0 then
            invalidArg
                (nameof options)
                "connections and churn are at least 0, and there is at least one codec"

        let struct (own, arrivals) = Rng.split (Rng.create seed)
        let struct (attributes, _) = Rng.next own
        let struct (times, next, rng) = first options now arrivals
        times.Sort(fun (struct (a, _, _)) (struct (b, _, _)) -> compare a.Micros b.Micros)

        let mutable table =
            { Seed = attributes
              Options = options
              Clock = now
              Listed = [||]
              Waiting = Map.empty
              Ending = Map.empty
              Arrivals = rng
              NextSetup = next
              NextSerial = 0L
              LastSetup = Instant.distantPast
              LastIndex = 0
              Past = [||] }

        let listed = List<SimConnection>(options.Connections)

        for struct (setup, start, ends) in times do
            let struct (connection, numbered) = number setup start ends table

            if start <= now || options.ShowRinging then
                let struct (connection, rest) = list connection numbered
                listed.Add connection
                table <- rest
            else
                let struct (_, rest) = wait connection numbered
                table <- rest

        { table with Listed = listed.ToArray() }

    /// The listed connection of that serial number.
    let tryFind (serial: int64) (table: Table) : SimConnection voption =
        let mutable low = 0
        let mutable high = table.Listed.Length

        while low < high do
            let middle = (low + high) / 2

            if table.Listed[middle].Serial < serial then
                low <- middle + 1
            else
                high <- middle

        if low < table.Listed.Length && table.Listed[low].Serial = serial then
            ValueSome table.Listed[low]
        else
            ValueNone

    /// Advances to that instant, then sets up one more connection, which starts after that ringing and ends
    /// only when it is closed.
    let openOne
        (ringing: TimeSpan)
        (at: Instant)
        (table: Table)
        : struct (Table * SimConnection * TruthEvent list) =
        let struct (table, before) = advance at table
        let setup = Instant.max at table.LastSetup
        let struct (connection, table) = number setup (setup + ringing) Instant.distantFuture table

        if ringing > TimeSpan.Zero && not table.Options.ShowRinging then
            let struct (connection, table) = wait connection table
            struct (table, connection, before)
        else
            let events = List<TruthEvent>([ Opened connection ])
            struct (apply events table, connection, before @ List.ofSeq events)

    let private close (at: Instant) (connections: SimConnection seq) (table: Table) =
        let events = List<TruthEvent>(Seq.map (fun connection -> Closed(connection, at)) connections)

        let ending =
            (table.Ending, connections)
            ||> Seq.fold (fun ending connection -> ending.Remove connection.Ends.Micros)

        struct (apply events { table with Ending = ending }, List.ofSeq events)

    /// Advances to that instant, then ends one connection; nothing where it is not listed.
    let closeOne (serial: int64) (at: Instant) (table: Table) : struct (Table * TruthEvent list) =
        let struct (table, before) = advance at table

        match tryFind serial table with
        | ValueNone -> struct (table, before)
        | ValueSome connection ->
            let struct (table, events) = close at [ connection ] table
            struct (table, before @ events)

    /// Advances to that instant, then ends all, also those that ring: what a reboot of the gateway does.
    let closeAll (at: Instant) (table: Table) : struct (Table * TruthEvent list) =
        let struct (table, before) = advance at table
        let struct (table, events) = close at table.Listed { table with Waiting = Map.empty }
        struct (table, before @ events)

    /// No call is set up before that instant: the gateway is down.
    let rest (until: Instant) (table: Table) : Table =
        { table with NextSetup = Instant.max until table.NextSetup }
