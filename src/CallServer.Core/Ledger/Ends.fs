namespace CallServer.Ledger

open System
open System.Collections.Generic
open CallServer.Model

/// Ends connections that a snapshot no longer lists, or whose end the gateway's own history states.
module internal Ends =
    let private ending evidence (c: Connection) (latest: Instant) : Ending =
        { Within = Interval.create c.LastHeard (Instant.max c.LastHeard latest)
          Evidence = evidence
          Cause = ValueNone
          Counters = ValueNone
          Order = ValueNone }

    /// Whether it belongs to an earlier run, so that its id means nothing in this one.
    let isStale (context: TakingIn) (c: Connection) =
        context.Traits.IdsTiedToBoot && c.Run < context.Ledger.Run

    /// The row of the gateway's own history that ends this connection (rule 2); ValueNone if there is none.
    let tryHistory (context: TakingIn) (c: Connection) : Ended voption =
        // Most snapshots bring no history, and every connection asks.
        if context.Snapshot.Ended.Length = 0 then
            ValueNone
        else
            context.Ended[c.Id]
            |> Seq.tryFind (fun e ->
                not (context.Used.Contains e) && History.isOf context.Traits context.Ledger.Run c e)
            |> ValueOption.ofOption

    let private tryBuried (context: TakingIn) (c: Connection) : Ended voption =
        match context.Buried.TryGetValue c.Id with
        | true, e when c.Run < context.Ledger.Run -> ValueSome e
        | _ -> ValueNone

    let private close (context: TakingIn) (c: Connection) (ending: Ending) =
        context.Changes.Add(Lawful.closing c ending)

    let private closeByRow (context: TakingIn) (e: Ended) (c: Connection) (ending: Ending) conflict =
        context.Used.Add e |> ignore
        conflict |> ValueOption.iter (fun conflict -> context.Changes.Add(Conflicted(c, conflict)))
        close context c ending

    let closeByHistory (context: TakingIn) (c: Connection) (e: Ended) =
        let struct (c, ending, conflict) = History.close context.Traits c e (context.UnlawfulIn e.Observation)
        closeByRow context e c ending conflict

    /// Keeps a connection that was listed, unless the history, read after the list, shows that it has ended.
    let settle (context: TakingIn) (c: Connection) : Connection voption =
        match tryHistory context c with
        | ValueSome e ->
            closeByHistory context c e
            ValueNone
        | ValueNone -> ValueSome c

    /// Adds the connections that got their CDR just now. Where ids are tied to the run, connections of an
    /// earlier run are left out: only their rows are noted.
    let private withClosings (context: TakingIn) (mark: HistoryMark) : HistoryMark =
        (mark, context.Changes)
        ||> Seq.fold (fun mark change ->
            match change with
            | Closed(c, ending) when not (isStale context c) ->
                History.note context.Ledger.Gateway c ending mark
            | _ -> mark)

    /// Gives each connection that no audit saw, and that the gateway's own history states, its CDR once.
    let closeUnseen (context: TakingIn) (kept: Connection[]) : int64 =
        match context.Ledger.History with
        | ValueSome mark when context.Snapshot.Ended.Length > 0 ->
            let active = HashSet(kept |> Seq.map (fun c -> struct (c.Id, c.Stamp)))
            let gateway = context.Ledger.Gateway
            // A row may belong to a connection that ended between the two readings of one audit: the next
            // audit finds its end.
            let isOfOne = History.isOfOne gateway kept
            let mutable mark = withClosings context mark
            let mutable closed = 0L

            for e in context.Snapshot.Ended do
                if not (context.Used.Contains e) && History.isWanted context.Ledger mark e then
                    let wrong = context.UnlawfulIn e.Observation

                    let struct (c, ending) =
                        History.unseen context.Snapshot.Boot.Token context.Ledger.Run e wrong

                    if
                        not (active.Contains(struct (c.Id, c.Stamp)))
                        && not (History.isNoted gateway c e mark)
                        && not (isOfOne c e)
                    then
                        mark <- History.note gateway c ending mark
                        closeByRow context e c ending c.LastConflict
                        closed <- closed + 1L

            closed
        | ValueSome _
        | ValueNone -> 0L

    /// How much of the history has been taken, including everything that got its CDR just now.
    let markAfter (context: TakingIn) (restarted: bool) : HistoryMark voption =
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
            // Where ids are tied to the boot, an id of the earlier run may now belong to another connection.
            let mark =
                if restarted && context.Traits.IdsTiedToBoot then
                    { mark with Recent = Map.empty }
                else
                    mark

            let mark = withClosings context mark

            let mark =
                (mark, context.Used)
                ||> Seq.fold (fun mark e -> History.noteRow context.Ledger.Gateway e mark)

            // The history will show their rows again, under the ids of this run.
            (mark, context.Buried.Values)
            ||> Seq.fold (fun mark e ->
                let struct (c, ending) = History.unseen ValueNone context.Ledger.Run e ValueNone
                History.note context.Ledger.Gateway c ending mark)
            |> History.prune)

    /// Whether the restart that began the present run may have ended the connection.
    let private endedByRestart (context: TakingIn) (c: Connection) : bool =
        c.Run < context.Ledger.Run
        && match context.Ledger.RunBegan with
           // An audit that could not tell the run heard it after the restart.
           | ValueSome began when c.LastHeard > began.Latest -> false
           // It was first heard while the gateway may have been restarting, so it may belong to this run. A
           // gateway's own report of a restart says no more than "by now".
           | ValueSome began when began.Earliest > Instant.distantPast && c.FirstHeard > began.Earliest ->
               false
           | ValueSome _
           | ValueNone -> true

    /// The end of a connection that is proven gone: by the restart that began the present run, and then no later
    /// than that (rule 7), unless only the agent restarted.
    let private endOf (context: TakingIn) (agentOnly: bool) (c: Connection) (proven: Instant) : Ending =
        match context.Ledger.RunBegan with
        | _ when agentOnly || not (endedByRestart context c) -> ending Absent c proven
        | ValueSome began -> ending GatewayRestart c (Instant.min began.Latest proven)
        | ValueNone -> ending GatewayRestart c proven

    /// The snapshot does not list this connection. Returns it as the record keeps it, or ValueNone if it is
    /// closed.
    let absent (context: TakingIn) (agentOnly: bool) (c: Connection) : Connection voption =
        let close ending =
            close context c ending
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
        else
            close (endOf context agentOnly c answered)

    /// Another connection has taken the id: the old one ended between when it was last heard and the new
    /// one's start (rule 6).
    let replaced (context: TakingIn) (agentOnly: bool) (c: Connection) (o: Observation) =
        let latest =
            match o.Setup, o.Start with
            | ValueSome began, _
            | ValueNone, ValueSome began -> Instant.min began.Within.Latest context.Snapshot.Answered
            | ValueNone, ValueNone -> context.Snapshot.Answered

        close context c (endOf context agentOnly c latest)
