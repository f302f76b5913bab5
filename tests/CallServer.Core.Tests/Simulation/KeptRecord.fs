namespace CallServer.Tests.Simulation

open System
open System.Collections.Generic
open CallServer.Gateway
open CallServer.Model
open CallServer.Ledger
open CallServer.Surface
open CallServer.Tests.Audit
open CallServer.Tests.Ledger

/// The record that a server keeps of one simulated gateway, compared with the truth after every snapshot. `fail` is
/// told everything that is wrong. The server's timeline is true time shifted by the anchor.
type KeptRecord(gateway: GatewayId, far: FarEnd, fail: string -> unit) =
    /// Agents with DIAL-CONTROL's table, whose vice is to invent stamps, and Kamailio, whose vice is to end dialogs before they began.
    static let madeUp = [ "cisco-voice"; "dial-control"; "h3c-voice"; "3com-voice"; "jsonrpc" ]

    /// Agents that use ids again, and tell no time: which connection a row means is known to nobody.
    static let untold = [ "cisco-xgcp" ]

    /// Agents whose MIB has no number for every codec.
    static let mayNotSay (kind: string) (codec: string) =
        (kind = "h3c-voice" || kind = "3com-voice") && codec = SimCodec.name G728

    let book = TruthBook()
    // How often a connection had been heard when the record first held a fact of it that was no longer true.
    let staleSince = Dictionary<ConnectionId, int>()
    let opened = HashSet<struct (int64 * int)>()
    // Every call that began, and when; those that the record ever had.
    let begun = ResizeArray<struct (int64 * Instant)>()
    let met = HashSet<int64>()
    // When the audit was under way with which the present tally began, and whether the gateway may have told a false total since.
    let mutable tallied: struct (Instant * Interval) voption = ValueNone
    let mutable mayMiscount = false
    let mutable surplus = 0L
    let mutable declared = 0L
    // The true connection behind each one in the record.
    let meant = Dictionary<ConnectionId, Fate>()
    let records = Dictionary<struct (int64 * int), int>()
    let cdrIds = HashSet<Guid>()
    // When connections ended whose CDR has an id that matches none of the true ones.
    let unnamed = ResizeArray<Interval>()
    let mutable ledger = GatewayLedger.empty gateway
    let store = StoredLedger gateway
    let mutable agentOnlyRestarts = 0
    let mutable unseen = 0
    let mutable exact = 0
    let mutable lastMishap = Instant.distantPast
    let mutable lastRestart = Instant.distantPast
    let mutable isBad = false
    let mutable wasBad = false
    let mutable anchor = TimeSpan.Zero
    let mutable now = far.Table.Now

    let learn (events: TruthEvent list) =
        book.Record(far.Identify, events)

        for event in events do
            match event with
            | TruthEvent.Opened connection -> begun.Add(struct (connection.Serial, connection.Setup))
            | TruthEvent.Closed _ -> ()

    do learn (Truth.present far.Table)

    /// Converts from the server's timeline to true time.
    let trueInterval (interval: Interval) = Interval.shift (anchor.Negate()) interval
    let mayMissRows (snapshot: Snapshot) = snapshot.Traits.AbsencesToClose > 1
    let leg (fate: Fate) = struct (fate.Serial, fate.Leg)

    /// Whether the times in the record are true for this connection.
    let fits (c: Connection) (fate: Fate) =
        Interval.contains fate.Start (trueInterval c.Start.Within)
        && (c.Setup.IsNone || Interval.contains fate.Setup (trueInterval c.Setup.Value.Within))

    /// The true connection that the record means. An id is heard between a request and its reply, and a reply may be
    /// late: an id that is reused at once may have belonged to two connections in that time.
    let fateOf (c: Connection) (heard: Interval) =
        book.TryFindFitting(string c.Id, trueInterval heard, fits c)

    let heardBy (c: Connection) (snapshot: Snapshot) =
        Interval.create c.LastHeard (Instant.max c.LastHeard snapshot.Answered)

    let checkClosed (c: Connection) (ending: Ending) (fate: Fate) =
        for broken in TimeLaw.brokenByEnd ledger.Traits c ending do
            fail $"{c.Id}: not {broken}: {c.Setup}, {c.Start}, heard {c.LastHeard}, ended {ending.Within}"

        records[leg fate] <- 1 + records.GetValueOrDefault(leg fate)

        if not (cdrIds.Add(Cdr.id gateway c)) then
            fail $"two CDRs have the id of {c.Id}"

        match fate.End with
        | ValueNone ->
            fail
                $"{c.Id} was closed ({ending.Evidence}) and lives: setup {c.Setup}, start {c.Start}, %A{c.Facts}"
        | ValueSome ended ->
            // If nothing outlived a restart of the agent alone, the record must think that the gateway restarted (ADR
            // 3).
            let ambiguous = ending.Evidence = GatewayRestart && agentOnlyRestarts > 0

            if not (ambiguous || Interval.contains ended (trueInterval ending.Within)) then
                fail $"{c.Id} ended at {ended}, said {trueInterval ending.Within} {ending.Evidence}"

    /// Its times alone may tell which connection it was; that one must have no other CDR.
    let checkUnnamed (c: Connection) (ending: Ending) =
        let may (struct (connection: SimConnection, ended: Instant)) =
            Interval.contains ended (trueInterval ending.Within)
            && match c.Setup with
               | ValueSome setup -> Interval.contains connection.Setup (trueInterval setup.Within)
               | ValueNone -> false

        match far.Table.Ended |> Array.filter may with
        | [| struct (connection, _) |] ->
            let leg = struct (connection.Serial, 0)

            if not (opened.Add leg) then
                fail $"{c.Id} has a CDR from the history, and was known as {connection.Serial}"

            records[leg] <- 1 + records.GetValueOrDefault leg
        | _ -> unnamed.Add(trueInterval ending.Within)

    /// A connection that no audit saw: only the gateway's own history reported it.
    let checkUnseen (c: Connection) (ending: Ending) =
        // If the history does not report the id, the row has its own.
        if (string c.Id).Contains '/' then
            checkUnnamed c ending
        else
            match book.TryFind(string c.Id, trueInterval ending.Within) with
            | ValueNone -> fail $"{c.Id} has a CDR from the history and never was"
            | ValueSome fate ->
                unseen <- unseen + 1
                met.Add fate.Serial |> ignore

                if not (opened.Add(leg fate)) then
                    fail $"{c.Id} has a CDR from the history, and was known: {ending.Within}"

                checkClosed c ending fate

                if
                    fate.Start <= fate.End.Value
                    && not (far.StampsZero fate.Start)
                    // An invented zero says that it was never answered, and bills nothing.
                    && not (wasBad && c.Start.Within.Latest = Instant.distantFuture)
                    && not (Interval.contains fate.Start (trueInterval c.Start.Within))
                then
                    fail
                        $"{c.Id} started at {fate.Start}, said {trueInterval c.Start.Within} {c.Start.Evidence}"

                match c.Setup with
                | ValueSome setup when not (Interval.contains fate.Setup (trueInterval setup.Within)) ->
                    fail $"{c.Id} was set up at {fate.Setup}, said {trueInterval setup.Within}"
                | _ -> ()

    /// What the gateway still remembers must have its CDR, if it ended while somebody watched and before the history
    /// was read to its end.
    let checkHistory (snapshot: Snapshot) =
        match snapshot.History, ledger.History with
        // A gateway that lies may lie about its history too.
        | _ when isBad -> ()
        | ValueSome { Until = ValueSome until }, ValueSome mark ->
            // After a restart the first reading began where the earlier run had left off: the next one reports the
            // rest.
            let told = Instant.min until mark.ReadTo
            let watched = trueInterval (Interval.create mark.Since (Instant.max mark.Since told))

            for struct (connection, ended) in far.Table.Ended do
                if
                    ended > watched.Earliest + TimeSpan.FromSeconds 3.0
                    && ended < watched.Latest
                    && now - ended < far.Remembers
                    && ended > lastMishap
                    && connection.Setup > lastRestart + TimeSpan.FromSeconds 1.0
                    && not (far.StampsZero ended)
                    && not (records.ContainsKey(struct (connection.Serial, 0)))
                    && not (unnamed.Exists(Interval.contains ended))
                then
                    fail
                        $"connection {connection.Serial}, set up at {connection.Setup}, ended at {ended}, stands in the history, and has no CDR"
        | _ -> ()

    /// A lie about facts is not found out.
    let tellsTruth () = far.Protocol = "snmp" && not wasBad

    /// The codec in the record was true once, and is true again when so many audits have heard the connection as there are from one
    /// that reads all facts to the next.
    let checkCodec (snapshot: Snapshot) (c: Connection) (fate: Fate) =
        let asked = (trueInterval (Interval.upTo (snapshot.Asked - snapshot.Traits.Staleness))).Latest
        let nameAt (at: Instant) = SimCodec.name (far.AsAt(at, fate.Connection)).Codec
        let told = c.Facts.Codec |> ValueOption.map _.Name |> ValueOption.defaultValue ""

        if told <> "" && told <> nameAt fate.Setup && told <> nameAt now then
            fail $"{c.Id} never had the codec {told}"
        elif fate.Start > asked || fate.Setup + far.Late > asked then
            ()
        elif told = nameAt asked || told = nameAt now || mayNotSay far.Kind (nameAt asked) then
            staleSince.Remove c.Id |> ignore
        else
            match staleSince.TryGetValue c.Id with
            | true, since when c.ConfirmedCount < since -> staleSince[c.Id] <- c.ConfirmedCount
            | true, since when c.ConfirmedCount - since > far.FactsEvery ->
                fail
                    $"{c.Id} has the codec '{told}' after {c.ConfirmedCount - since} more audits, and it is {nameAt asked}"
            | true, _ -> ()
            | _ -> staleSince[c.Id] <- c.ConfirmedCount

    let checkFacts (snapshot: Snapshot) (c: Connection) (fate: Fate) =
        if Bench.codecKnown.Contains far.Kind && not (List.contains far.Kind untold) then
            checkCodec snapshot c fate

        match c.Facts.Originator, far.Identify fate.Connection with
        | ValueSome told, identity :: _ when identity.Originator <> Some told ->
            fail $"{c.Id} has the originator {told}, and it is {identity.Originator}"
        | _ -> ()

    /// Of what is not read, nothing changes; of what is read, only what the gateway changes.
    let checkUpdate (before: Facts) (after: Facts) =
        let kept (what: string) (fact: Facts -> 'T voption) =
            match fact before, fact after with
            | ValueSome was, ValueSome is when was <> is -> fail $"the {what} {was} became {is}"
            | ValueSome was, ValueNone -> fail $"the {what} {was} is forgotten"
            | _ -> ()

        kept "call" _.Call
        kept "endpoint" _.Endpoint
        kept "originator" _.Originator
        kept "remote party" _.Remote
        kept "remote media address" _.RemoteMedia
        kept "DSCP" _.Qos.Dscp

    let checkKept (snapshot: Snapshot) =
        for c in ledger.Connections do
            for broken in TimeLaw.brokenBy ledger.LastAnswered c do
                fail $"{c.Id}: not {broken}: {c.Setup}, {c.Start}, heard {c.LastHeard}"

            if c.Status = Status.Confirmed then
                let heard = Interval.create (snapshot.Asked - snapshot.Traits.Staleness) snapshot.Answered

                match fateOf c heard with
                | ValueNone -> fail $"{c.Id} is in the record and never was"
                | ValueSome fate ->
                    let within = trueInterval c.Start.Within

                    match meant.TryGetValue c.Id with
                    | true, opened when leg opened = leg fate -> ()
                    | true, opened -> fail $"{c.Id} was connection {opened.Serial} and is now {fate.Serial}"
                    | _ -> fail $"{c.Id} is in the record and was never opened"

                    if not (Interval.contains fate.Start within) then
                        fail $"{c.Id} started at {fate.Start}, said {within} {c.Start.Evidence}"

                    match c.Setup with
                    | ValueSome setup when not (Interval.contains fate.Setup (trueInterval setup.Within)) ->
                        fail $"{c.Id} was set up at {fate.Setup}, said {trueInterval setup.Within}"
                    | _ -> ()

                    if tellsTruth () then
                        checkFacts snapshot c fate

            if Snapshot.isComplete snapshot && not (mayMissRows snapshot) then
                match fateOf c (heardBy c snapshot) with
                | ValueSome { End = ValueSome ended } when
                    ended + anchor + snapshot.Traits.Staleness < snapshot.Asked
                    ->
                    fail
                        $"{c.Id} ended at {ended} and outlived the complete audit asked at {snapshot.Asked - anchor}"
                | _ -> ()

    /// Complete means complete: whatever was listed throughout the window must be in the snapshot.
    let checkComplete (snapshot: Snapshot) =
        if Snapshot.isComplete snapshot && not (mayMissRows snapshot) then
            let listed = HashSet(snapshot.Observations |> Seq.map (fun o -> string o.Id))

            let window =
                trueInterval (Interval.create (snapshot.Asked - snapshot.Traits.Staleness) snapshot.Answered)

            for connection in far.Table.Connections do
                if
                    connection.Start < window.Earliest && book.NamedSince connection.Serial < window.Earliest
                then
                    for identity in far.Identify connection do
                        if not (listed.Contains identity.Id) then
                            fail $"{identity.Id} was there throughout and a complete snapshot lacks it"

    /// What is said of calls that nobody saw is true (calls that add up).
    let checkBalance (snapshot: Snapshot) =
        let balance = ledger.Balance
        let window = trueInterval (Interval.create snapshot.Asked snapshot.Answered)
        // Sessions are a part of rtpengine's total.
        mayMiscount <- mayMiscount || (isBad && far.Kind = "ng")

        if balance.Surplus > surplus && not mayMiscount then
            fail $"has seen {balance.Surplus - surplus} calls more than the gateway counted"

        surplus <- balance.Surplus

        match balance.Tally, tallied with
        | ValueSome tally, ValueSome(struct (since, first: Interval)) when since = tally.Since ->
            if Snapshot.isComplete snapshot && snapshot.Total.IsSome && not mayMiscount then
                let unmet after until =
                    begun
                    |> Seq.filter (fun (struct (serial, at)) ->
                        after < at && at <= until && not (met.Contains serial))
                    |> Seq.length
                    |> int64

                let least = unmet first.Latest window.Earliest
                let most = unmet first.Earliest window.Latest
                let told = tally.Unseen
                declared <- declared + told.Least

                if told.Least > most || told.Most < least then
                    fail
                        $"says that {told.Least} to {told.Most} calls were not seen, and {least} to {most} were not"
        | ValueSome tally, _ ->
            tallied <- ValueSome(struct (tally.Since, window))
            mayMiscount <- isBad && far.Kind = "ng"
        | ValueNone, _ -> tallied <- ValueNone

    let take (id: ConnectionId) : Fate voption =
        match meant.TryGetValue id with
        | true, fate ->
            meant.Remove id |> ignore
            ValueSome fate
        | _ -> ValueNone

    let checkRecords () =
        let active = meant.Values |> Seq.map leg |> HashSet

        if meant.Count <> ledger.Connections.Length then
            fail
                $"{ledger.Connections.Length} connections are active, and {meant.Count} were opened and not closed"

        for leg in opened do
            let written = records.GetValueOrDefault leg

            if written > 1 then
                fail $"connection {leg} has {written} CDRs"
            elif written = 0 && not (active.Contains leg) then
                fail $"connection {leg} is neither active nor has a CDR: {book.Names leg}"

    let checkChange (snapshot: Snapshot) (change: Change) =
        match change with
        | Change.Opened c ->
            match fateOf c (heardBy c snapshot) with
            | ValueSome fate ->
                meant[c.Id] <- fate
                met.Add fate.Serial |> ignore

                if not (opened.Add(leg fate)) then
                    fail $"{c.Id} was opened twice: setup {c.Setup}, start {c.Start}, %A{c.Facts}"
            | ValueNone -> fail $"{c.Id} was opened and never was"
        | Change.Closed(c, ending) ->
            match take c.Id with
            | ValueSome fate -> checkClosed c ending fate
            | ValueNone -> fail $"{c.Id} was closed and never opened"
        // Reports of an agent that invented stamps may be contradicted, but true ones never.
        | Conflicted(c, conflict) when wasBad && List.contains far.Kind madeUp ->
            match fateOf c (heardBy c snapshot) with
            | ValueSome fate when Interval.contains fate.Start (trueInterval conflict.Reported) ->
                fail $"{c.Id}: {conflict.Reported} is contradicted, and true: {fate.Start}"
            | ValueSome _
            | ValueNone -> ()
        | Conflicted(c, conflict) ->
            fail $"{c.Id}: a conflict where none lies: {c.Start.Within} against {conflict.Reported}"
        | Updated(before, after) ->
            if tellsTruth () && not (List.contains far.Kind untold) && before.ConfirmedCount > 0 then
                checkUpdate before.Facts after.Facts
        | Renamed _
        | Confirmed _
        | Unconfirmed _
        | GatewayRestarted _ -> ()

    /// All changes of a snapshot happen at once: a closed or renamed connection frees its id for an opened one.
    let checkChanges (snapshot: Snapshot) (changes: Change[]) =
        let moved =
            [ for change in changes do
                  match change with
                  | Renamed(was, c) ->
                      match take was with
                      | ValueSome fate -> c.Id, fate
                      | ValueNone -> fail $"{was} was renamed and never opened"
                  | _ -> () ]

        let opened =
            changes
            |> Seq.choose (fun change ->
                match change with
                | Change.Opened c
                | Renamed(_, c) -> Some(struct (c.Id, c.FirstHeard))
                | _ -> None)
            |> HashSet

        // A connection that ended before the history was read may have been listed for the first time just before.
        let stage (change: Change) =
            match change with
            | Closed(c, _) when c.ConfirmedCount = 0 -> 3
            | Closed(c, _) when opened.Contains(struct (c.Id, c.FirstHeard)) -> 2
            | Closed _ -> 0
            | _ -> 1

        changes |> Array.filter (fun change -> stage change = 0) |> Array.iter (checkChange snapshot)

        for id, fate in moved do
            meant[id] <- fate

        for later in 1..2 do
            changes |> Array.filter (fun change -> stage change = later) |> Array.iter (checkChange snapshot)

        for change in changes do
            match change with
            | Closed(c, ending) ->
                if c.ConfirmedCount = 0 then
                    checkUnseen c ending
                elif ending.Evidence = GatewayHistory then
                    exact <- exact + 1
            | _ -> ()

    member _.Ledger = ledger
    /// The number of connections that have a CDR though no audit saw them, and of those whose end the history
    /// reported exactly.
    member _.FromHistory = struct (unseen, exact)

    /// The number of calls that were declared unseen at least, summed over all audits.
    member _.Declared = declared

    /// Something happened to the gateway: what ended before may have been reported only in part, or forgotten.
    member _.Befell(at: Instant) = lastMishap <- Instant.max lastMishap at

    /// Its agent restarts, now or later: what began before and nobody saw is not reported under the names of the new
    /// run.
    member _.Restarts(at: Instant) = lastRestart <- Instant.max lastRestart at

    /// Whether it lies from now on.
    member _.TurnedBad(bad: bool) =
        isBad <- bad
        wasBad <- wasBad || bad

    /// Whether it lies.
    member _.IsBad = isBad

    member _.Gateway = gateway

    /// The true connection behind one in the record.
    member _.Meaning(id: ConnectionId) : Fate voption =
        match meant.TryGetValue id with
        | true, fate -> ValueSome fate
        | _ -> ValueNone

    /// What truly happened at the gateway.
    member _.Learn(events: TruthEvent list) = learn events

    /// A restart of the agent alone renamed everything.
    member _.Renamed(at: Instant) =
        agentOnlyRestarts <- agentOnlyRestarts + 1
        book.Rename(at, far.Identify, far.Table.Connections)

    /// Takes in a snapshot and stores the record; returns what it changed.
    member _.Take(snapshot: Snapshot, at: Instant, anchoredAt: TimeSpan) : Change[] =
        now <- at
        anchor <- anchoredAt
        let before = ledger
        let struct (next, changes) = Reconcile.apply snapshot before
        ledger <- next
        store.Write(true, before, next) |> ignore

        if
            GatewayLedger.restore(store.Ledger).Connections
            <> GatewayLedger.restore(store.Expected next).Connections
        then
            fail "the store does not hold the record"

        checkChanges snapshot changes

        // A snapshot older than the record changes nothing (rule 8).
        if not (obj.ReferenceEquals(next, before)) then
            checkKept snapshot
            checkComplete snapshot
            checkHistory snapshot
            checkBalance snapshot

        checkRecords ()
        let struct (again, repeated) = Reconcile.apply snapshot next

        if repeated.Length > 0 || not (obj.ReferenceEquals(again, next)) then
            fail "the same snapshot changed the record twice"

        changes

    /// The server restarts with what it stored.
    member _.Restore() = ledger <- store.Load()
