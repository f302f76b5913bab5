namespace CallServer.Ledger

open System.Collections.Generic
open System.Linq
open CallServer.Model

/// Everything that the rules look at while one snapshot is taken in.
[<NoComparison; NoEquality>]
type internal TakingIn =
    {
        Snapshot: Snapshot
        Traits: Traits
        /// The ledger before the snapshot, already in the run that the snapshot belongs to.
        Ledger: GatewayLedger
        /// The connections that are over by the gateway's own history.
        Ended: ILookup<ConnectionId, Ended>
        /// History rows of connections of an earlier run, which no longer have the ids they were known by.
        Buried: Dictionary<ConnectionId, Ended>
        /// History rows that have ended a connection.
        Used: HashSet<Ended>
        /// Times that observations and rows stated and that cannot be true (rule 4's last word).
        Unlawful: Dictionary<Observation, Interval>
        Changes: ResizeArray<Change>
    }

    member this.IsComplete = Snapshot.isComplete this.Snapshot

    member this.UnlawfulIn(o: Observation) : Interval voption =
        match this.Unlawful.TryGetValue o with
        | true, told -> ValueSome told
        | _ -> ValueNone

/// Turns one row of a snapshot into a connection.
module internal Hearing =
    /// The latest moment it is known to have been alive: it was when it was heard, set up and answered.
    let private lastHeard
        (traits: Traits)
        (o: Observation)
        (setup: Timing voption)
        (start: Timing)
        : Instant =
        let heard = o.Heard.Earliest - traits.Staleness

        let began =
            match setup with
            | ValueSome setup -> Instant.max heard setup.Within.Earliest
            | ValueNone -> heard

        if Times.isPending start then began else Instant.max began start.Within.Earliest

    /// The time it stated that cannot be true, alone or beside what the record holds.
    let private conflict (context: TakingIn) (o: Observation) wrongStart wrongSetup : Conflict voption =
        context.UnlawfulIn o
        |> ValueOption.orElse wrongStart
        |> ValueOption.orElse wrongSetup
        |> ValueOption.map (fun reported -> { At = o.Heard.Latest; Reported = reported })

    let opened (context: TakingIn) (o: Observation) : Connection =
        let at = o.Heard.Latest
        let struct (first, wrongStart) = Times.first context.Ledger context.Traits o

        let struct (setup, start, wrongSetup) = Lawful.together context.Traits at ValueNone o.Setup first

        let conflict = conflict context o wrongStart wrongSetup

        // It may have been active when the server died that kept the record until then.
        let recovered =
            match context.Ledger.TakenOver with
            | ValueSome at -> start.Within.Earliest < at
            | ValueNone -> false

        let connection =
            { Id = o.Id
              Stamp = o.Stamp
              BootToken = context.Snapshot.Boot.Token
              Run = context.Ledger.Run
              Setup = setup
              Start = start
              Facts = o.Facts
              FirstHeard = at
              LastHeard = lastHeard context.Traits o setup start
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

    /// The connection is heard again, perhaps under another id than before.
    let heard (context: TakingIn) (c: Connection) (o: Observation) : Connection =
        let at = o.Heard.Latest
        let struct (start, wrongStart) = Times.hold context.Traits at c.Start (Times.startOf o)
        let struct (setup, wrongSetup) = Times.holdSetup context.Traits at c.Setup o.Setup
        let struct (setup, start, wrongTogether) = Lawful.together context.Traits at c.Setup setup start
        let conflict = conflict context o wrongStart (wrongSetup |> ValueOption.orElse wrongTogether)

        // Most audits tell the same facts again: the record then holds the texts that it has.
        let facts =
            if Facts.addsNothing c.Facts o.Facts then
                c.Facts
            else
                Facts.merge c.Facts o.Facts

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
                Facts = facts
                LastHeard = Instant.max c.LastHeard (lastHeard context.Traits o setup start)
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

        // Every audit narrows some bounds: the record keeps that, but it is no event.
        if
            not (obj.ReferenceEquals(after.Facts, c.Facts))
            || after.Start.Evidence <> c.Start.Evidence
            || Times.isPending after.Start <> Times.isPending c.Start
        then
            context.Changes.Add(Updated(c, after))

        match conflict, c.LastConflict with
        | ValueSome now, ValueSome last when (Interval.intersect now.Reported last.Reported).IsSome -> ()
        | ValueSome now, _ -> context.Changes.Add(Conflicted(after, now))
        | ValueNone, _ -> ()

        after
