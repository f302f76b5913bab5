namespace CallServer.Ledger

open System
open System.Collections.Generic
open CallServer.Model

/// How connections end that a snapshot no longer lists, or whose end the gateway's own history tells.
module internal Ends =
    let private ending evidence (c: Connection) (latest: Instant) : Ending =
        { Within = Interval.create c.LastHeard (Instant.max c.LastHeard latest)
          Evidence = evidence
          Cause = ValueNone
          Counters = ValueNone
          Order = ValueNone }

    /// Of an earlier run, under an id that means nothing in this one.
    let isStale (context: TakingIn) (c: Connection) =
        context.Traits.IdsTiedToBoot && c.Run < context.Ledger.Run

    /// The gateway's own history names its end (rule 2).
    let tryHistory (context: TakingIn) (c: Connection) : Ended voption =
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

    /// What was listed, and had ended when the history was read after that.
    let settle (context: TakingIn) (c: Connection) : Connection voption =
        match tryHistory context c with
        | ValueSome e ->
            closeByHistory context c e
            ValueNone
        | ValueNone -> ValueSome c

    /// With what got its CDR until now. Of those of an earlier run only their rows are noted, where ids are tied to it.
    let private withClosings (context: TakingIn) (mark: HistoryMark) : HistoryMark =
        (mark, context.Changes)
        ||> Seq.fold (fun mark change ->
            match change with
            | Closed(c, ending) when not (isStale context c) ->
                History.note context.Ledger.Gateway c ending mark
            | _ -> mark)

    /// Connections that no audit saw, by the gateway's own history: each gets its CDR once.
    let closeUnseen (context: TakingIn) (kept: Connection[]) : int64 =
        match context.Ledger.History with
        | ValueSome mark when context.Snapshot.Ended.Length > 0 ->
            let active = HashSet(kept |> Seq.map (fun c -> struct (c.Id, c.Stamp)))
            let gateway = context.Ledger.Gateway
            // It ended between the two readings of one audit, and the next one finds its end.
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

    /// The history as far as it has been taken, with all that got its CDR now.
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
            // Where ids are tied to the boot, another connection may have one of the earlier run.
            let mark =
                if restarted && context.Traits.IdsTiedToBoot then
                    { mark with Recent = Map.empty }
                else
                    mark

            let mark = withClosings context mark

            let mark =
                (mark, context.Used)
                ||> Seq.fold (fun mark e -> History.noteRow context.Ledger.Gateway e mark)

            // Their rows will be told again, under the ids of this run.
            (mark, context.Buried.Values)
            ||> Seq.fold (fun mark e ->
                let struct (c, ending) = History.unseen ValueNone context.Ledger.Run e ValueNone
                History.note context.Ledger.Gateway c ending mark)
            |> History.prune)

    /// The snapshot does not list it. Gives the connection as it is kept, or nothing where it is closed.
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
        elif c.Run < context.Ledger.Run && not agentOnly then
            match context.Ledger.RunBegan with
            // It was heard after the gateway began anew, by an audit that could not tell the run: the restart did not end it.
            | ValueSome began when c.LastHeard > began.Latest -> close (ending Absent c answered)
            // It was first heard while the gateway may have begun anew, and may as well be of this run. A gateway's own word says
            // no more than "by now".
            | ValueSome began when began.Earliest > Instant.distantPast && c.FirstHeard > began.Earliest ->
                close (ending Absent c answered)
            | ValueSome began -> close (ending GatewayRestart c (Instant.min began.Latest answered))
            | ValueNone -> close (ending GatewayRestart c answered)
        else
            close (ending Absent c answered)

    /// Another connection has taken the id: the old one ended after it was last heard and before the new one's start (rule 6).
    let replaced (context: TakingIn) (c: Connection) (o: Observation) =
        let latest =
            match o.Setup, o.Start with
            | ValueSome began, _
            | ValueNone, ValueSome began -> Instant.min began.Within.Latest context.Snapshot.Answered
            | ValueNone, ValueNone -> context.Snapshot.Answered

        let evidence = if c.Run < context.Ledger.Run then GatewayRestart else Absent
        close context c (ending evidence c latest)
