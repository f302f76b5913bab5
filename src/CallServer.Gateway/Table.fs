namespace CallServer.Gateway

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Prelude

[<CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Table =
    /// The first unused microsecond from this instant on. No two true times are equal, so that events have one order.
    let rec private free (instant: Instant) (used: Map<int64, SimConnection>) : Instant =
        if used.ContainsKey instant.Micros then
            free (instant + TimeSpan.FromMicroseconds 1.0) used
        else
            instant

    /// The next index if the last setup was within 10 ms, otherwise the first one. This keeps it unique on any grid of
    /// hundredths.
    let private indexAt (setup: Instant) (lastSetup: Instant) (lastIndex: int) : int =
        if lastIndex > 0 && setup.Micros - lastSetup.Micros < 10_000L then
            lastIndex + 1
        else
            1

    let private withSource (place: int) (source: Source) (table: Table) : Table =
        { table with Sources = Array.updateAt place source table.Sources }

    /// Gives a connection the next serial number and a circuit. It is not in any list yet.
    let private number (connection: SimConnection) (table: Table) : struct (SimConnection * Table) =
        let index = indexAt connection.Setup table.LastSetup table.LastIndex

        let slot =
            if table.FreeSlots.IsEmpty then
                table.NextSlot
            else
                table.FreeSlots.MinimumElement

        struct ({ connection with Serial = table.NextSerial; Index = index; Slot = slot },
                { table with
                    NextSerial = table.NextSerial + 1L
                    LastSetup = connection.Setup
                    LastIndex = index
                    FreeSlots = table.FreeSlots.Remove slot
                    NextSlot = max table.NextSlot (slot + 1) })

    let private release (connection: SimConnection) (table: Table) : Table =
        { table with FreeSlots = table.FreeSlots.Add connection.Slot }

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

    /// The table after these events, which must be in order of time.
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
            Past = past.ToArray()
            PastTotal = table.PastTotal + int64 (past.Count - table.Past.Length + surplus) }

    let private earliest (queue: Map<int64, SimConnection>) : int64 =
        if queue.IsEmpty then Int64.MaxValue else fst (Map.minKeyValue queue)

    /// Lists a connection; from now on it can end.
    let private list (connection: SimConnection) (table: Table) : struct (SimConnection * Table) =
        if connection.Ends = Instant.distantFuture then
            struct (connection, table)
        else
            let ends = free connection.Ends table.Ending
            let connection = { connection with Ends = ends }
            struct (connection, { table with Ending = table.Ending.Add(ends.Micros, connection) })

    /// Holds a connection back until its start.
    let private wait (connection: SimConnection) (table: Table) : struct (SimConnection * Table) =
        let start = free connection.Start table.Waiting
        let connection = { connection with Start = start; Ends = Instant.max start connection.Ends }
        struct (connection, { table with Waiting = table.Waiting.Add(start.Micros, connection) })

    /// The source whose next call is set up first.
    let private nextSource (table: Table) : int =
        let mutable first = 0

        for place in 1 .. table.Sources.Length - 1 do
            if table.Sources[place].NextSetup < table.Sources[first].NextSetup then
                first <- place

        first

    /// When something may happen by itself next: a connection begins or ends, or a call is set up. The distant future if nothing
    /// does.
    let next (table: Table) : Instant =
        let setup = table.Sources[nextSource table].NextSetup

        Instant.ofMicros (min setup.Micros (min (earliest table.Ending) (earliest table.Waiting)))

    /// Carries out, one after the other, everything that happens by itself until then.
    let rec private step (until: Instant) (events: List<TruthEvent>) (table: Table) : Table =
        let ends = earliest table.Ending
        let starts = earliest table.Waiting
        let place = nextSource table
        let setup = table.Sources[place].NextSetup
        let next = min ends (min starts setup.Micros)

        if next > until.Micros || next = Int64.MaxValue then
            table
        elif next = ends then
            let ended = table.Ending[ends]
            events.Add(Closed(ended, Instant.ofMicros ends))
            step until events (release ended { table with Ending = table.Ending.Remove ends })
        elif next = starts then
            let struct (connection, table) =
                list table.Waiting[starts] { table with Waiting = table.Waiting.Remove starts }

            events.Add(Opened connection)
            step until events table
        else
            let struct (start, ends, source) = Source.arrive table.Sources[place]
            let struct (connection, source) = Source.draw source setup start ends
            let table = withSource place source table

            // The other end of the trunk goes on. Its calls do not wait for this gateway, so this gateway misses them.
            if setup < table.RestsUntil then
                step until events table
            else
                let struct (connection, table) = number connection table

                if table.Options.ShowRinging then
                    let struct (connection, table) = list connection table
                    events.Add(Opened connection)
                    step until events table
                else
                    let struct (_, table) = wait connection table
                    step until events table

    /// The table at this instant, and what truly happened until then, in order of time. The outcome is the same however many
    /// steps lead there. An earlier instant changes nothing.
    let advance (until: Instant) (table: Table) : struct (Table * TruthEvent list) =
        if until <= table.Clock then
            struct (table, [])
        else
            let events = List<TruthEvent>()
            let after = step until events { table with Clock = until }
            let after = if events.Count = 0 then after else apply events after
            struct (after, List.ofSeq events)

    let private isSound (connections: int) (churn: float) = connections >= 0 && churn >= 0.0

    /// The connections of a gateway that has already been in service for a while at this instant.
    let create (seed: uint64) (options: TableOptions) (now: Instant) : Table =
        if
            not (isSound options.Connections options.Churn)
            || options.Codecs.Length = 0
            || options.Trunks |> List.exists (fun trunk -> not (isSound trunk.Connections trunk.Churn))
        then
            invalidArg
                (nameof options)
                "connections and churn are at least 0, and there is at least one codec"

        let opened =
            [| yield Source.create now seed ValueNone options

               for trunk in options.Trunks do
                   yield Source.create now trunk.Seed (ValueSome trunk) (Trunk.options trunk) |]

        let mutable table =
            { Options = options
              Clock = now
              Sources = opened |> Array.map (fun (struct (_, source)) -> source)
              Listed = [||]
              Waiting = Map.empty
              Ending = Map.empty
              FreeSlots = Set.empty
              NextSlot = 0
              RestsUntil = Instant.distantPast
              NextSerial = 0L
              LastSetup = Instant.distantPast
              LastIndex = 0
              Past = [||]
              PastTotal = 0L }

        let listed = List<SimConnection>(options.Connections)

        let bySetup =
            opened
            |> Array.collect (fun (struct (calls, _)) -> calls)
            |> Array.sortBy (fun (connection: SimConnection) -> connection.Setup.Micros)

        for call in bySetup do
            let struct (connection, numbered) = number call table

            if connection.Start <= now || options.ShowRinging then
                let struct (connection, rest) = list connection numbered
                listed.Add connection
                table <- rest
            else
                let struct (_, rest) = wait connection numbered
                table <- rest

        { table with Listed = listed.ToArray() }

    /// Whether connections are listed from their setup on.
    let listsRinging (table: Table) : bool = table.Options.ShowRinging

    /// The listed connection with this serial number; ValueNone if there is none.
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

    /// Advances to this instant, then sets up one more connection. It rings for this long, and ends only when it is closed.
    let openOne
        (ringing: TimeSpan)
        (at: Instant)
        (table: Table)
        : struct (Table * SimConnection * TruthEvent list) =
        let struct (table, before) = advance at table
        let setup = Instant.max at table.LastSetup

        let struct (connection, source) =
            Source.draw table.Sources[0] setup (setup + ringing) Instant.distantFuture

        let struct (connection, table) = number connection (withSource 0 source table)

        if ringing > TimeSpan.Zero && not table.Options.ShowRinging then
            let struct (connection, table) = wait connection table
            struct (table, connection, before)
        else
            let events = List<TruthEvent>([ Opened connection ])
            struct (apply events table, connection, before @ List.ofSeq events)

    let private close (at: Instant) (connections: SimConnection seq) (table: Table) =
        let events = List<TruthEvent>(Seq.map (fun connection -> Closed(connection, at)) connections)

        let table =
            (table, connections)
            ||> Seq.fold (fun table connection ->
                release connection { table with Ending = table.Ending.Remove connection.Ends.Micros })

        struct (apply events table, List.ofSeq events)

    /// Advances to this instant, then ends one connection, if it is listed.
    let closeOne (serial: int64) (at: Instant) (table: Table) : struct (Table * TruthEvent list) =
        let struct (table, before) = advance at table

        match tryFind serial table with
        | ValueNone -> struct (table, before)
        | ValueSome connection ->
            let struct (table, events) = close at [ connection ] table
            struct (table, before @ events)

    /// Advances to this instant, then ends all connections, including ringing ones, as a reboot of the gateway does.
    let closeAll (at: Instant) (table: Table) : struct (Table * TruthEvent list) =
        let struct (table, before) = advance at table
        let table = (table, table.Waiting) ||> Map.fold (fun table _ ringing -> release ringing table)
        let struct (table, events) = close at table.Listed { table with Waiting = Map.empty }
        struct (table, before @ events)

    /// Forgets the ended connections: a reboot clears the history and starts its numbers again.
    let forget (table: Table) : Table = { table with Past = [||]; PastTotal = 0L }

    /// Sets up no calls before this instant, because the gateway is down.
    let rest (until: Instant) (table: Table) : Table =
        let delayed (source: Source) =
            match source.Trunk with
            | ValueNone -> { source with NextSetup = Instant.max until source.NextSetup }
            | ValueSome _ -> source

        { table with RestsUntil = until; Sources = Array.map delayed table.Sources }
