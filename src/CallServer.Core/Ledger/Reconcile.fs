namespace CallServer.Ledger

open System
open System.Collections.Generic
open System.Linq
open CallServer.Model

/// Takes a snapshot into the ledger by the ten rules. Pure, linear in the rows of that gateway, and blind to
/// all others.
module Reconcile =
    /// Which audits of the earlier run still bound a start in the new one.
    let private ofNewRun (traits: Traits) (ledger: GatewayLedger) : Instant list =
        // A complete audit of the earlier run does not show that an id of this run was absent.
        if traits.IdsTiedToBoot then [] else ledger.Completes

    /// Rule 7: whether the gateway restarted since the ledger last read its boot.
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

    /// A connection that began before the present run and is heard in it shows that only the agent restarted.
    let private outlivedBoot (context: TakingIn) (renamed: Dictionary<ConnectionId, Connection>) =
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

    /// Walks both sides, sorted by id, once; returns the connections that stay, sorted.
    let private mergeRows (context: TakingIn) (renamed: Dictionary<ConnectionId, Connection>) : Connection[] =
        let was, now = context.Ledger.Connections, context.Snapshot.Observations
        let moved = HashSet<ConnectionId>(renamed.Values |> Seq.map (fun c -> c.Id))
        let agentOnly = outlivedBoot context renamed
        let kept = ResizeArray<Connection>(max was.Length now.Length)

        let missing (c: Connection) =
            if moved.Contains c.Id then ValueNone else Ends.absent context agentOnly c

        let listed (o: Observation) =
            match renamed.TryGetValue o.Id with
            | true, c -> Hearing.heard context c o
            | _ -> Hearing.opened context o

        let keep (c: Connection) = Ends.settle context c |> ValueOption.iter kept.Add

        let both (c: Connection) (o: Observation) =
            if Ends.isStale context c then
                match missing c with
                // Two connections cannot have one id: the new one waits for the complete audit that settles
                // the old one.
                | ValueSome c -> kept.Add c
                // Its row in the history has just closed it. While it held the id, nobody could tell which
                // connection of the earlier run continues under it.
                | ValueNone when not context.IsComplete && not (renamed.ContainsKey o.Id) -> ()
                | ValueNone -> keep (listed o)
            elif Times.isAnother context.Traits context.Ledger.Run c o then
                match Ends.tryHistory context c with
                | ValueSome e -> Ends.closeByHistory context c e
                | ValueNone -> Ends.replaced context agentOnly c o

                keep (listed o)
            else
                keep (Hearing.heard context c o)

        let absent c = missing c |> ValueOption.iter kept.Add
        Merge.byId was now _.Id absent (listed >> keep) both
        kept.ToArray()

    let private count predicate (changes: ResizeArray<Change>) =
        changes |> Seq.sumBy (fun change -> if predicate change then 1L else 0L)

    /// Whether the row may continue a connection of the earlier run: what surely began after all of those were
    /// last heard cannot. After a reboot of a large gateway that is every row, and comparing each with every
    /// earlier connection would take the product of both. The restart itself is no bound: an audit that could
    /// not tell the run may have heard connections of the new run before anybody knew of it.
    let private mayPrecedeRun (stale: Connection[]) : Observation -> bool =
        let last = stale |> Array.fold (fun last c -> Instant.max last c.LastHeard) Instant.distantPast

        fun o ->
            match o.Setup, o.Start with
            | ValueSome told, _
            | ValueNone, ValueSome told -> told.Within.Earliest <= last + TimeSpan.FromSeconds 1.0
            | ValueNone, ValueNone -> true

    /// Drops the rows of an audit if nobody can tell which run each belongs to, so that their ids and stamps
    /// mean nothing: the gateway restarted meanwhile (what the audit proves is the restart), or ids are tied
    /// to the boot, and a partial audit of a gateway that tells its boot could not read it.
    let private withoutMixedRows (ledger: GatewayLedger) (snapshot: Snapshot) : Snapshot =
        let isUntold = snapshot.Boot.Token.IsNone && snapshot.Boot.Began.IsNone

        match snapshot.Completeness with
        | Partial shortfalls when
            List.contains RestartedMeanwhile shortfalls
            || snapshot.Traits.IdsTiedToBoot && ledger.Boot.IsSome && isUntold
            ->
            { snapshot with Observations = [||]; Ended = [||]; Denied = [||] }
        | Partial _
        | Complete _ -> snapshot

    /// The snapshot with times that can be true together, and the time of each observation that cannot be.
    let private lawful (snapshot: Snapshot) : struct (Snapshot * Dictionary<Observation, Interval>) =
        let unlawful = Dictionary<Observation, Interval> HashIdentity.Reference
        let note (o: Observation) wrong = wrong |> ValueOption.iter (fun told -> unlawful[o] <- told)

        let observation o =
            let struct (o, wrong) = Lawful.observation snapshot.Traits o
            note o wrong
            o

        let ended e =
            let struct (e, wrong) = Lawful.ended snapshot.Traits e
            note e.Observation wrong
            e

        struct ({ snapshot with
                    Observations = Array.map observation snapshot.Observations
                    Ended = Array.map ended snapshot.Ended },
                unlawful)

    /// The balance after a snapshot that did this, and whether the record has seen more than the gateway counted (rule 5). A total that has
    /// never balanced yet may count less than the list shows: it contradicts nothing.
    let private balanced (context: TakingIn) (restarted: bool) : struct (Balance * bool) =
        let before = context.Ledger.Balance
        let balance = if restarted then Balance.close before else before

        let balance =
            match balance.Tally with
            | ValueSome tally ->
                Balance.see (Sightings.count tally context.Ledger.Connections context.Changes) balance
            | ValueNone -> balance

        match context.Snapshot.Total with
        | ValueSome total when context.IsComplete ->
            let next = Balance.take context.Snapshot.Asked context.Snapshot.Answered total balance
            let hasBalanced = balance.Tally |> ValueOption.exists (fun tally -> tally.At > tally.Since)
            struct (next, hasBalanced && next.Surplus > before.Surplus)
        | ValueSome _
        | ValueNone -> struct (balance, false)

    /// Whether everything in the snapshot is newer than the record. If the windows of two audits overlap,
    /// nobody knows which row is newer; the snapshots of one standing watch follow each other. An audit asked
    /// before a release, or before the gateway reported a restart (both move LastAsked), has seen both sides
    /// of it.
    let private isNewer (snapshot: Snapshot) (ledger: GatewayLedger) : bool =
        snapshot.Answered > ledger.LastAnswered
        && snapshot.Asked >= ledger.LastAsked
        && (snapshot.Asked >= ledger.LastAnswered
            || (snapshot.Standing.IsSome && snapshot.Standing = ledger.LastStanding))

    /// The ledger after a snapshot, and what the snapshot did. If the snapshot is not newer than the record,
    /// the same ledger object comes back with no changes (rule 8). Throws if the snapshot is of another
    /// gateway.
    let apply (snapshot: Snapshot) (ledger: GatewayLedger) : struct (GatewayLedger * Change[]) =
        if snapshot.Gateway <> ledger.Gateway then
            invalidArg
                (nameof snapshot)
                $"a snapshot of {snapshot.Gateway} does not belong into the ledger of {ledger.Gateway}"

        if not (isNewer snapshot ledger) then
            struct (ledger, [||])
        else
            let struct (snapshot, unlawful) = snapshot |> withoutMixedRows ledger |> lawful
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
                  Unlawful = unlawful
                  Changes = changes }

            let stale, present = entered.Connections |> Array.partition (Ends.isStale context)

            let renamed =
                if stale.Length = 0 then
                    Dictionary()
                else
                    let taken = HashSet(present |> Seq.map (fun c -> c.Id))
                    let mayPrecede = mayPrecedeRun stale

                    let free =
                        snapshot.Observations
                        |> Array.filter (fun o -> not (taken.Contains o.Id) && mayPrecede o)

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
            let unseen = Ends.closeUnseen context connections
            let restarted = boots.IsEmpty |> not
            let struct (balance, isContradicted) = balanced context restarted

            let completes =
                if context.IsComplete then
                    List.truncate (max 1 traits.AbsencesToClose) (snapshot.Asked :: entered.Completes)
                else
                    entered.Completes

            struct ({ entered with
                        Connections = connections
                        Completes = completes
                        History = Ends.markAfter context restarted
                        Balance = balance
                        OpenedTotal = entered.OpenedTotal + count _.IsOpened changes + unseen
                        ClosedTotal = entered.ClosedTotal + count _.IsClosed changes
                        ConflictsTotal =
                            entered.ConflictsTotal
                            + count _.IsConflicted changes
                            + (if isContradicted then 1L else 0L) },
                    changes.ToArray())

    /// Rule 7: the gateway itself reports that it restarted within this interval and lost its connections
    /// (MGCP's RSIP `restart` and `forced`). That is a cause, not a proof: the connections of the earlier run
    /// become unconfirmed. The first complete audit asked from now on closes those it does not show, with
    /// this cause and an end no later than the restart. Audits asked before have seen both runs and are
    /// ignored. The same report twice, or one older than the record, changes nothing.
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
                        Balance = Balance.close ledger.Balance
                        LastAsked = at.Latest
                        LastAnswered = Instant.max ledger.LastAnswered at.Latest
                        Connections = connections },
                    changes.ToArray())

    /// The gateway may still list what an operator took out of the record: the next audit would see it begin once more.
    let private balanceAfter (ending: Ending) (ledger: GatewayLedger) : Balance =
        match ending.Evidence with
        | Operator -> Balance.close ledger.Balance
        | Absent
        | GatewayHistory
        | GatewayRestart
        | Released -> ledger.Balance

    /// Ends one connection because an operator or the gateway's release reply says so; no change if it is not
    /// active.
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
                            Balance = balanceAfter ending ledger
                            ClosedTotal = ledger.ClosedTotal + 1L },
                        Lawful.closing c ending)
            )

    /// Ends one connection by the gateway's reply to its release (rule 2), no earlier than it was last heard;
    /// no change if it is not active. An audit asked before the release may still list it, and is ignored.
    let released
        (ended: Ended)
        (order: ReleaseOrder)
        (now: Instant)
        (ledger: GatewayLedger)
        : struct (GatewayLedger * Change) voption =
        let ending (c: Connection) =
            let known = Interval.create c.LastHeard (Instant.max c.LastHeard now)

            { Within = Interval.intersect ended.End.Within known |> ValueOption.defaultValue known
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
