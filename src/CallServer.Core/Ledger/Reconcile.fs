namespace CallServer.Ledger

open System
open System.Collections.Generic
open System.Linq
open CallServer.Model

/// Takes a snapshot into the ledger by the ten rules. Pure, O(n) in the rows of that gateway, and blind to every other gateway.
module Reconcile =
    /// All that the rules look at while one snapshot is taken in.
    [<NoComparison; NoEquality>]
    type private Context =
        {
            Snapshot: Snapshot
            Traits: Traits
            /// The ledger before, already in the run that the snapshot speaks of.
            Ledger: GatewayLedger
            /// What the gateway's own history says of connections that are over.
            Ended: ILookup<ConnectionId, Ended>
            /// Its rows that tell of connections of an earlier run, which no longer have the ids that they were known by.
            Buried: Dictionary<ConnectionId, Ended>
            /// Its rows that ended a connection.
            Used: HashSet<Ended>
            Changes: ResizeArray<Change>
        }

        member this.IsComplete = Snapshot.isComplete this.Snapshot

    /// What a new run leaves of the audits of the earlier one.
    let private ofNewRun (traits: Traits) (ledger: GatewayLedger) : Instant list =
        // A complete audit of the earlier run does not show that an id of this run was not there.
        if traits.IdsTiedToBoot then [] else ledger.Completes

    /// Rule 7: whether the gateway began anew since the ledger last read its boot.
    let private enterRun
        (snapshot: Snapshot)
        (traits: Traits)
        (ledger: GatewayLedger)
        : struct (GatewayLedger * Change list) =
        let told = snapshot.Boot.Token.IsSome || snapshot.Boot.Began.IsSome

        let verdict =
            match ledger.Boot with
            | ValueSome before when told -> Boot.judge before snapshot.Boot
            | ValueSome _
            | ValueNone -> Untold

        let ledger =
            { ledger with
                Traits = traits
                Boot = (if told then ValueSome snapshot.Boot else ledger.Boot)
                LastAsked = snapshot.Asked
                LastAnswered = snapshot.Answered
                LastStanding = snapshot.Standing }

        match verdict with
        | Restarted at ->
            struct ({ ledger with
                        Run = ledger.Run + 1
                        RunBegan = ValueSome at
                        Completes = ofNewRun traits ledger },
                    [ GatewayRestarted at ])
        | SameRun
        | CounterWrapped
        | AgentReloaded
        | Untold -> struct (ledger, [])

    let private lastHeard (traits: Traits) (o: Observation) = o.Heard.Earliest - traits.Staleness

    let private opened (context: Context) (o: Observation) : Connection =
        let start, conflict = Times.first context.Ledger context.Traits o

        // It may have been going on when the server died that kept the record until then.
        let recovered =
            match context.Ledger.TakenOver with
            | ValueSome at -> start.Within.Earliest < at
            | ValueNone -> false

        let connection =
            { Id = o.Id
              Stamp = o.Stamp
              BootToken = context.Snapshot.Boot.Token
              Run = context.Ledger.Run
              Setup = o.Setup
              Start = start
              Facts = o.Facts
              FirstHeard = o.Heard.Latest
              LastHeard = lastHeard context.Traits o
              ConfirmedCount = 1
              Status = Status.Confirmed
              Recovered = recovered
              Absences = 0
              Conflicts = (if conflict.IsSome then 1 else 0)
              LastConflict = conflict }

        context.Changes.Add(Opened connection)

        match conflict with
        | ValueSome conflict -> context.Changes.Add(Conflicted(connection, conflict))
        | ValueNone -> ()

        connection

    /// Rules 4 and 5 for one time: what is held now, and the contradiction if there is one.
    let private hold traits at (held: Timing) (report: Timing) : struct (Timing * Interval voption) =
        match Times.narrow traits at held report with
        | Narrowed timing -> struct (timing, ValueNone)
        | WithinDrift -> struct (held, ValueNone)
        | Contradicted reported -> struct (held, ValueSome reported)

    /// The connection is heard again, perhaps under another id than before.
    let private heard (context: Context) (c: Connection) (o: Observation) : Connection =
        let at = o.Heard.Latest
        let struct (start, wrongStart) = hold context.Traits at c.Start (Times.reportOfStart o)

        let struct (setup, wrongSetup) =
            match c.Setup, o.Setup with
            | ValueSome held, ValueSome report ->
                let struct (setup, wrong) = hold context.Traits at held report
                struct (ValueSome setup, wrong)
            | ValueNone, report -> struct (report, ValueNone)
            | held, ValueNone -> struct (held, ValueNone)

        let conflict: Conflict voption =
            match wrongStart, wrongSetup with
            | ValueSome reported, _
            | ValueNone, ValueSome reported -> ValueSome { At = at; Reported = reported }
            | ValueNone, ValueNone -> ValueNone

        let after =
            { c with
                Id = o.Id
                Stamp = (if o.Stamp.IsSome then o.Stamp else c.Stamp)
                BootToken =
                    (if context.Snapshot.Boot.Token.IsSome then
                         context.Snapshot.Boot.Token
                     else
                         c.BootToken)
                Run = context.Ledger.Run
                Setup = setup
                Start = start
                Facts = Facts.merge c.Facts o.Facts
                LastHeard = Instant.max c.LastHeard (lastHeard context.Traits o)
                ConfirmedCount = c.ConfirmedCount + 1
                Status = Status.Confirmed
                Recovered = c.Recovered || c.Status = Status.Restored
                Absences = 0
                Conflicts = c.Conflicts + (if conflict.IsSome then 1 else 0)
                LastConflict = (if conflict.IsSome then conflict else c.LastConflict) }

        if c.Id <> o.Id then
            context.Changes.Add(Renamed(c.Id, after))

        if c.Status <> Status.Confirmed then
            context.Changes.Add(Confirmed after)

        // Every audit narrows some bounds: that is kept, but is no event.
        if
            after.Facts <> c.Facts
            || after.Start.Evidence <> c.Start.Evidence
            || Times.isPending after.Start <> Times.isPending c.Start
        then
            context.Changes.Add(Updated(c, after))

        match conflict, c.LastConflict with
        | ValueSome now, ValueSome last when (Interval.intersect now.Reported last.Reported).IsSome -> ()
        | ValueSome now, _ -> context.Changes.Add(Conflicted(after, now))
        | ValueNone, _ -> ()

        after

    let private ending evidence (c: Connection) (latest: Instant) : Ending =
        { Within = Interval.create (Instant.min c.LastHeard latest) latest
          Evidence = evidence
          Cause = ValueNone
          Counters = ValueNone
          Order = ValueNone }

    /// Of an earlier run, under an id that means nothing in this one.
    let private isStale (context: Context) (c: Connection) =
        context.Traits.IdsTiedToBoot && c.Run < context.Ledger.Run

    /// The gateway's own history names its end (rule 2).
    let private tryHistory (context: Context) (c: Connection) : Ended voption =
        context.Ended[c.Id]
        |> Seq.tryFind (fun e ->
            not (context.Used.Contains e) && History.isOf context.Traits context.Ledger.Run c e)
        |> ValueOption.ofOption

    let private tryBuried (context: Context) (c: Connection) : Ended voption =
        match context.Buried.TryGetValue c.Id with
        | true, e when c.Run < context.Ledger.Run -> ValueSome e
        | _ -> ValueNone

    let private closeByHistory (context: Context) (c: Connection) (e: Ended) =
        let struct (c, ending, conflict) = History.close context.Traits c e
        context.Used.Add e |> ignore
        conflict |> ValueOption.iter (fun conflict -> context.Changes.Add(Conflicted(c, conflict)))
        context.Changes.Add(Closed(c, ending))

    /// What was listed, and had ended when the history was read after that.
    let private settle (context: Context) (c: Connection) : Connection voption =
        match tryHistory context c with
        | ValueSome e ->
            closeByHistory context c e
            ValueNone
        | ValueNone -> ValueSome c

    /// Connections that no audit saw, by the gateway's own history: each gets its CDR once.
    let private closeUnseen (context: Context) (kept: Connection[]) : int64 =
        match context.Ledger.History with
        | ValueNone -> 0L
        | ValueSome mark ->
            let active = HashSet(kept |> Seq.map (fun c -> struct (c.Id, c.Stamp)))
            let gateway = context.Ledger.Gateway
            let mutable mark = mark
            let mutable closed = 0L

            for e in context.Snapshot.Ended do
                if not (context.Used.Contains e) && History.isWanted context.Ledger mark e then
                    let struct (c, ending) = History.unseen context.Snapshot.Boot.Token context.Ledger.Run e

                    if
                        not (active.Contains(struct (c.Id, c.Stamp)))
                        && not (History.isNoted gateway c e mark)
                    then
                        mark <- History.note gateway c ending mark
                        context.Used.Add e |> ignore
                        context.Changes.Add(Closed(c, ending))
                        closed <- closed + 1L

            closed

    /// The history as far as it has been taken, with all that got its CDR now.
    let private markAfter (context: Context) (restarted: bool) : HistoryMark voption =
        let mark =
            match context.Snapshot.History with
            | ValueSome read when context.IsComplete ->
                ValueSome(History.advance context.Snapshot restarted read context.Ledger.History)
            | ValueSome _
            | ValueNone when restarted ->
                context.Ledger.History |> ValueOption.map (fun mark -> { mark with Cursor = ValueNone })
            | ValueSome _
            | ValueNone -> context.Ledger.History

        mark
        |> ValueOption.map (fun mark ->
            // Where ids are tied to the boot, another connection may have one of the earlier run.
            let mark =
                if restarted && context.Traits.IdsTiedToBoot then
                    { mark with Recent = Map.empty }
                else
                    mark

            let mark =
                (mark, context.Changes)
                ||> Seq.fold (fun mark change ->
                    match change with
                    | Closed(c, ending) when not (isStale context c) ->
                        History.note context.Ledger.Gateway c ending mark
                    | _ -> mark)

            let mark =
                (mark, context.Used)
                ||> Seq.fold (fun mark e -> History.noteRow context.Ledger.Gateway e mark)

            // Their rows will be told again, under the ids of this run.
            (mark, context.Buried.Values)
            ||> Seq.fold (fun mark e ->
                let struct (c, ending) = History.unseen ValueNone context.Ledger.Run e
                History.note context.Ledger.Gateway c ending mark)
            |> History.prune)

    /// The snapshot does not list it. Gives the connection as it is kept, or nothing where it is closed.
    let private absent (context: Context) (agentOnly: bool) (c: Connection) : Connection voption =
        let close ending =
            context.Changes.Add(Closed(c, ending))
            ValueNone

        let keep absences =
            let kept =
                { c with
                    Status = (if c.Status = Status.Confirmed then Status.Unconfirmed else c.Status)
                    Absences = absences }

            if c.Status = Status.Confirmed then
                context.Changes.Add(Unconfirmed kept)

            ValueSome(if kept = c then c else kept)

        let answered = context.Snapshot.Answered

        let history =
            match tryBuried context c with
            | ValueSome e -> ValueSome e
            | ValueNone -> tryHistory context c

        if history.IsSome then
            closeByHistory context c history.Value
            ValueNone
        elif Array.BinarySearch(context.Snapshot.Denied, c.Id) >= 0 then
            close (ending Absent c answered)
        elif not context.IsComplete then
            keep c.Absences
        elif c.Absences + 1 < context.Traits.AbsencesToClose then
            keep (c.Absences + 1)
        elif c.Run < context.Ledger.Run && not agentOnly then
            let boot =
                match context.Ledger.RunBegan with
                | ValueSome began when began.Latest >= c.LastHeard -> Instant.min began.Latest answered
                | ValueSome _
                | ValueNone -> answered

            close (ending GatewayRestart c boot)
        else
            close (ending Absent c answered)

    /// Another connection has taken the id: the old one ended after it was last heard and before the new one's start (rule 6).
    let private replaced (context: Context) (c: Connection) (o: Observation) =
        let latest =
            match o.Setup, o.Start with
            | ValueSome began, _
            | ValueNone, ValueSome began -> Instant.min began.Within.Latest context.Snapshot.Answered
            | ValueNone, ValueNone -> context.Snapshot.Answered

        let evidence = if c.Run < context.Ledger.Run then GatewayRestart else Absent
        context.Changes.Add(Closed(c, ending evidence c (Instant.max latest c.LastHeard)))

    /// A connection that began before the present run and is heard in it shows that only the agent restarted.
    let private outlivedBoot (context: Context) (renamed: Dictionary<ConnectionId, Connection>) =
        match context.Ledger.RunBegan with
        | ValueNone -> false
        | ValueSome began ->
            renamed.Count > 0
            || context.Snapshot.Observations
               |> Array.exists (fun o ->
                   match o.Start, o.Setup with
                   | ValueSome start, _ when start.Within.Latest < began.Earliest -> true
                   | _, ValueSome setup -> setup.Within.Latest < began.Earliest
                   | _ -> false)

    /// Both sides are sorted by id: one pass over both gives the connections that stay, sorted.
    let private mergeRows (context: Context) (renamed: Dictionary<ConnectionId, Connection>) : Connection[] =
        let was, now = context.Ledger.Connections, context.Snapshot.Observations
        let moved = HashSet<ConnectionId>(renamed.Values |> Seq.map (fun c -> c.Id))
        let agentOnly = outlivedBoot context renamed
        let kept = ResizeArray<Connection>(max was.Length now.Length)

        let missing (c: Connection) = if moved.Contains c.Id then ValueNone else absent context agentOnly c

        let listed (o: Observation) =
            match renamed.TryGetValue o.Id with
            | true, c -> heard context c o
            | _ -> opened context o

        let keep (c: Connection) = settle context c |> ValueOption.iter kept.Add

        let both (c: Connection) (o: Observation) =
            if isStale context c then
                match missing c with
                // Two connections cannot stand under one id: the new one waits for the complete audit that settles the old.
                | ValueSome c -> kept.Add c
                | ValueNone -> keep (listed o)
            elif Times.isAnother context.Traits context.Ledger.Run c o then
                match tryHistory context c with
                | ValueSome e -> closeByHistory context c e
                | ValueNone -> replaced context c o

                keep (listed o)
            else
                keep (heard context c o)

        let rec merge i j =
            if i < was.Length || j < now.Length then
                let order =
                    if i = was.Length then 1
                    elif j = now.Length then -1
                    else compare was[i].Id now[j].Id

                if order < 0 then
                    missing was[i] |> ValueOption.iter kept.Add
                    merge (i + 1) j
                elif order > 0 then
                    keep (listed now[j])
                    merge i (j + 1)
                else
                    both was[i] now[j]
                    merge (i + 1) (j + 1)

        merge 0 0
        kept.ToArray()

    let private count predicate (changes: ResizeArray<Change>) =
        changes |> Seq.sumBy (fun change -> if predicate change then 1L else 0L)

    /// What surely began after the restart continues nothing of before. After a reboot of a large gateway that is every row, and
    /// comparing each with each connection of the earlier run would cost their product.
    let private mayPrecedeRun (ledger: GatewayLedger) (o: Observation) : bool =
        match ledger.RunBegan, o.Setup, o.Start with
        | ValueSome began, ValueSome told, _
        | ValueSome began, ValueNone, ValueSome told ->
            told.Within.Earliest <= began.Latest + TimeSpan.FromSeconds 1.0
        | _ -> true

    /// Rows of an audit that a restart ran through are of one run or the other, and nobody can tell which: their ids and stamps
    /// mean nothing. What it tells is that the gateway began anew.
    let private withoutMixedRows (snapshot: Snapshot) : Snapshot =
        match snapshot.Completeness with
        | Partial shortfalls when List.contains RestartedMeanwhile shortfalls ->
            { snapshot with Observations = [||]; Ended = [||]; Denied = [||] }
        | Partial _
        | Complete _ -> snapshot

    /// Nothing in it was true before what the record holds. Of two audits whose windows overlap nobody knows which row is the
    /// newer one; the snapshots of one standing watch follow each other. What was asked before a release or the gateway's own
    /// word of a restart, which stand at LastAsked, has seen both sides of it.
    let private isNewer (snapshot: Snapshot) (ledger: GatewayLedger) : bool =
        snapshot.Answered > ledger.LastAnswered
        && snapshot.Asked >= ledger.LastAsked
        && (snapshot.Asked >= ledger.LastAnswered
            || (snapshot.Standing.IsSome && snapshot.Standing = ledger.LastStanding))

    /// The ledger after a snapshot, and what the snapshot did. A snapshot that is not newer than the record changes nothing
    /// (rule 8): the very same ledger comes back.
    let apply (snapshot: Snapshot) (ledger: GatewayLedger) : struct (GatewayLedger * Change[]) =
        if snapshot.Gateway <> ledger.Gateway then
            invalidArg
                (nameof snapshot)
                $"a snapshot of {snapshot.Gateway} does not belong into the ledger of {ledger.Gateway}"

        if not (isNewer snapshot ledger) then
            struct (ledger, [||])
        else
            let snapshot = withoutMixedRows snapshot
            // An audit that learnt nothing does not know the gateway's kind either.
            let learnt = Snapshot.isComplete snapshot || snapshot.Observations.Length > 0
            let traits = if learnt then snapshot.Traits else ledger.Traits
            let struct (entered, boots) = enterRun snapshot traits ledger
            let changes = ResizeArray<Change> boots

            let context =
                { Snapshot = snapshot
                  Traits = traits
                  Ledger = entered
                  Ended = snapshot.Ended.ToLookup(fun e -> e.Observation.Id)
                  Buried = Dictionary()
                  Used = HashSet HashIdentity.Reference
                  Changes = changes }

            let stale, present = entered.Connections |> Array.partition (isStale context)

            let renamed =
                if stale.Length = 0 then
                    Dictionary()
                else
                    let taken = HashSet(present |> Seq.map (fun c -> c.Id))

                    let free =
                        snapshot.Observations
                        |> Array.filter (fun o -> not (taken.Contains o.Id) && mayPrecedeRun entered o)

                    Rename.pairs traits context.IsComplete stale free

            if stale.Length > 0 && snapshot.Ended.Length > 0 then
                let moved = HashSet<ConnectionId>(renamed.Values |> Seq.map (fun c -> c.Id))
                let left = stale |> Array.filter (fun c -> not (moved.Contains c.Id))
                let rows = snapshot.Ended |> Array.distinctBy (fun e -> e.Observation.Id)
                let pairs = rows |> Array.map _.Observation |> Rename.buried traits left

                for e in rows do
                    match pairs.TryGetValue e.Observation.Id with
                    | true, c -> context.Buried[c.Id] <- e
                    | _ -> ()

            let connections = mergeRows context renamed
            let unseen = closeUnseen context connections
            let restarted = boots.IsEmpty |> not

            let completes =
                if context.IsComplete then
                    List.truncate (max 1 traits.AbsencesToClose) (snapshot.Asked :: entered.Completes)
                else
                    entered.Completes

            struct ({ entered with
                        Connections = connections
                        Completes = completes
                        History = markAfter context restarted
                        OpenedTotal = entered.OpenedTotal + count _.IsOpened changes + unseen
                        ClosedTotal = entered.ClosedTotal + count _.IsClosed changes
                        ConflictsTotal = entered.ConflictsTotal + count _.IsConflicted changes },
                    changes.ToArray())

    /// Rule 7: the gateway says by itself that it began anew within this interval and lost its connections (MGCP's RSIP `restart`
    /// and `forced`). That is a cause, not a proof: the connections of the earlier run become unconfirmed, and the first complete
    /// audit asked from now on closes those that it does not show with this cause, and with an end no later than the restart.
    /// Audits that were asked before have seen both runs, and change nothing any more. The same word twice, or one older than the
    /// record, changes nothing either.
    let restarted (at: Interval) (ledger: GatewayLedger) : struct (GatewayLedger * Change[]) =
        let isKnown =
            match ledger.RunBegan with
            | ValueSome began -> at.Latest <= began.Latest
            | ValueNone -> false

        if isKnown || at.Latest < ledger.LastAsked then
            struct (ledger, [||])
        else
            let changes = ResizeArray [ GatewayRestarted at ]

            let unconfirm (c: Connection) =
                match c.Status with
                | Status.Confirmed ->
                    let unconfirmed = { c with Status = Status.Unconfirmed }
                    changes.Add(Unconfirmed unconfirmed)
                    unconfirmed
                | Status.Unconfirmed
                | Status.Restored -> c

            let connections = ledger.Connections |> Array.map unconfirm

            struct ({ ledger with
                        Run = ledger.Run + 1
                        RunBegan = ValueSome at
                        Completes = ofNewRun ledger.Traits ledger
                        History =
                            ledger.History |> ValueOption.map (fun mark -> { mark with Cursor = ValueNone })
                        LastAsked = at.Latest
                        LastAnswered = Instant.max ledger.LastAnswered at.Latest
                        Connections = connections },
                    changes.ToArray())

    /// Ends one connection on the word of an operator or of the gateway's release reply; nothing where it is not active.
    let close
        (id: ConnectionId)
        (ending: Ending)
        (ledger: GatewayLedger)
        : struct (GatewayLedger * Change) voption =
        match GatewayLedger.tryFind id ledger with
        | ValueNone -> ValueNone
        | ValueSome c ->
            ValueSome(
                struct ({ ledger with
                            Connections = ledger.Connections |> Array.filter (fun other -> other.Id <> id)
                            History = ledger.History |> ValueOption.map (History.note ledger.Gateway c ending)
                            ClosedTotal = ledger.ClosedTotal + 1L },
                        Closed(c, ending))
            )

    /// Ends one connection on the gateway's own reply to its release (rule 2), at a time no earlier than it was last heard; nothing
    /// where it is not active. An audit that was asked before may still list it, and changes nothing any more.
    let released
        (ended: Ended)
        (order: Order)
        (now: Instant)
        (ledger: GatewayLedger)
        : struct (GatewayLedger * Change) voption =
        let ending (c: Connection) =
            let known = Interval.create c.LastHeard (Instant.max c.LastHeard now)

            { Within = Interval.intersect ended.End.Within known |> ValueOption.defaultValue ended.End.Within
              Evidence = Released
              Cause = ended.Cause
              Counters = ended.Counters
              Order = ValueSome order }

        GatewayLedger.tryFind ended.Observation.Id ledger
        |> ValueOption.bind (fun c ->
            { ledger with
                LastAsked = Instant.max ledger.LastAsked now
                LastAnswered = Instant.max ledger.LastAnswered now }
            |> close c.Id (ending c))
