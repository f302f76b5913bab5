namespace CallServer.Ledger

open System.Collections.Generic
open CallServer.Model

/// What the join must know about an audit.
[<Struct>]
type CallAudit = { Asked: Instant; IsComplete: bool }

/// What one step did to one gateway's record, for the join.
[<NoComparison; NoEquality>]
type CallStep =
    {
        Gateway: GatewayId
        /// ValueNone if the step does not say: then it stays as it was.
        Source: SourceTraits voption
        DriftPpm: float
        /// ValueNone if no audit caused the step but a store, an operator or a release.
        Audit: CallAudit voption
        /// The record after the step, sorted by id. What has not changed must be the very same object as
        /// before.
        Connections: Connection[]
        Changes: Change[]
    }

/// Finds out what a step means for the join: legs that came, went, live on under another id, join
/// differently, or state something that matters.
module internal CallsEdit =
    /// What differs between two records of a gateway: connections that went, that came, and pairs of the same
    /// one.
    let private differences (before: Connection[]) (after: Connection[]) =
        let gone, came = ResizeArray<Connection>(), ResizeArray<Connection>()
        let stayed = ResizeArray<struct (Connection * Connection)>()

        let both (before: Connection) (after: Connection) =
            if obj.ReferenceEquals(before, after) then
                ()
            elif before.FirstHeard = after.FirstHeard then
                stayed.Add(struct (before, after))
            else
                gone.Add before
                came.Add after

        Merge.byId before after _.Id gone.Add came.Add both
        struct (gone, came, stayed)

    /// Since when codec and media are as the newer connection states them.
    let private told
        (source: CallSource)
        (was: LegKey)
        (before: Connection)
        (key: LegKey)
        (after: Connection)
        =
        let codec = before.Facts.Codec <> after.Facts.Codec

        let media =
            before.Facts.LocalMedia <> after.Facts.LocalMedia
            || before.Facts.RemoteMedia <> after.Facts.RemoteMedia

        match source.Told.TryGetValue was with
        | false, _ when not codec && not media -> source.Told
        | isKnown, known ->
            let first = Instant.max was.Since source.Began
            let struct (codecSince, mediaSince) = if isKnown then known else struct (first, first)

            source.Told
                .Remove(was)
                .SetItem(
                    key,
                    struct ((if codec then after.LastHeard else codecSince),
                            (if media then after.LastHeard else mediaSince))
                )

    /// Updates the gateway's own part: its traits, its newest audit and its connections.
    let private enterSource (step: CallStep) (source: CallSource) : CallSource =
        { source with
            Source = step.Source |> ValueOption.defaultValue source.Source
            DriftPpm = step.DriftPpm
            Connections = step.Connections
            IsElsewhere = false
            IsComplete =
                (match step.Audit with
                 | ValueSome audit -> audit.IsComplete
                 | ValueNone -> source.IsComplete)
            Asked =
                (match step.Audit with
                 | ValueSome audit when audit.IsComplete -> audit.Asked
                 | ValueSome _
                 | ValueNone -> source.Asked) }

    let private joinsOtherwise (before: Connection) (after: Connection) =
        before.Facts.Call <> after.Facts.Call
        || before.Facts.LocalMedia <> after.Facts.LocalMedia
        || before.Facts.RemoteMedia <> after.Facts.RemoteMedia
        || before.Facts.OtherMedia <> after.Facts.OtherMedia

    let private isJudgedOtherwise (before: Connection) (after: Connection) =
        before.Status <> after.Status
        || before.Start.Within <> after.Start.Within
        || (before.Setup |> ValueOption.map _.Within) <> (after.Setup |> ValueOption.map _.Within)

    /// Whether the leg is alone in its call, and no leg that is over has its id or its target: then nothing
    /// it states matters.
    let private isAlone (draft: CallsDraft) (source: SourceTraits) (key: LegKey) (c: Connection) =
        let hasGone (bucket: Bucket) = not bucket.Gone.IsEmpty

        match draft.CallOf.TryGetValue key with
        | true, call ->
            call.Live.Length = 1
            && call.Gone.Length = 0
            && not (
                match CallsIndex.idOf source key c with
                | ValueSome id -> hasGone (draft.IdBucket id)
                | ValueNone -> false
            )
            && not (
                CallsIndex.streams key c
                |> List.exists (fun (struct (_, target)) ->
                    match target with
                    | ValueSome target -> hasGone (draft.SocketBucket target)
                    | ValueNone -> false)
            )
        | _ -> false

    /// Takes the step into the draft; puts the legs that must be joined or judged again among its roots.
    let edit (draft: CallsDraft) (step: CallStep) (source: CallSource) =
        let struct (gone, came, stayed) = differences source.Connections step.Connections
        let key c = LegKey.ofConnection step.Gateway c
        let closed = Dictionary<LegKey, Interval>()
        let renamed = Dictionary<LegKey, LegKey>()

        for change in step.Changes do
            match change with
            | Closed(c, ending) -> closed[key c] <- ending.Within
            | Renamed(was, c) -> renamed[{ key c with Id = was }] <- key c
            | Opened _
            | Updated _
            | Change.Confirmed _
            | Change.Unconfirmed _
            | Conflicted _
            | GatewayRestarted _ -> ()

        let mutable entered = enterSource step source
        let arrived = Dictionary<LegKey, Connection>()

        for c in came do
            arrived[key c] <- c

        for c in gone do
            let was = key c

            match closed.TryGetValue was, renamed.TryGetValue was with
            | _, (true, now) when arrived.ContainsKey now ->
                CallsIndex.remove draft source.Source was c
                entered <- { entered with Told = told entered was c now arrived[now] }
            | (true, within), _ when entered.Gone < draft.Rules.MostGone ->
                CallsIndex.bury draft source.Source was c
                draft.Ghosts[was] <- CallSource.leg source was c (ValueSome within)
                draft.Expiries.Add(struct (within.Latest + draft.Rules.Retention, was)) |> ignore

                entered <- { entered with Told = entered.Told.Remove was; Gone = entered.Gone + 1 }
            | _ ->
                CallsIndex.remove draft source.Source was c
                entered <- { entered with Told = entered.Told.Remove was }

        for c in came do
            CallsIndex.add draft entered.Source (key c) c

        for struct (before, after) in stayed do
            let leg = key after

            let facts = before.Facts <> after.Facts

            if source.Source <> entered.Source || (facts && joinsOtherwise before after) then
                CallsIndex.remove draft source.Source leg before
                CallsIndex.add draft entered.Source leg after

            if facts then
                entered <- { entered with Told = told entered leg before leg after }

            if
                source.Watched.Contains leg
                || ((facts || isJudgedOtherwise before after) && not (isAlone draft entered.Source leg after))
            then
                draft.Roots.Add leg |> ignore

        draft.Put entered
