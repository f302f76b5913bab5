namespace CallServer.Ledger

open System
open System.Collections.Generic
open CallServer.Model

/// Takes a gateway's own history into the record. The row of a known connection ends it exactly; the row of a
/// connection that no audit saw gives it a CDR, once. A row stays in the history for long, later audits read
/// it again, and it may come late.
module internal History =
    /// How long after its end the row of a connection may still enter the history.
    let private lateness = TimeSpan.FromSeconds 30.0

    /// Identifies a connection, whatever boot token it was last heard under.
    let private key (gateway: GatewayId) (c: Connection) : Guid =
        Cdr.id gateway { c with BootToken = ValueNone }

    /// Identifies a connection if the history does not state its id: its setup stamp combined with each of
    /// its facts. A leg of the same call may share some of them, so the key with the call's own
    /// name is returned separately.
    let private keysOfFacts (gateway: GatewayId) (c: Connection) : struct (Guid voption * Guid list) =
        let keyOf (what: string) (value: string) =
            let text = what + " " + value
            key gateway { c with Id = ConnectionId.create text[.. min 1023 (text.Length - 1)] }

        match c.Stamp with
        | ValueNone -> struct (ValueNone, [])
        | ValueSome _ ->
            struct (c.Facts.Call |> ValueOption.map (string >> keyOf "call"),
                    [ yield! c.Facts.Originator |> ValueOption.map (keyOf "from") |> ValueOption.toList
                      yield! c.Facts.Remote |> ValueOption.map (keyOf "to") |> ValueOption.toList
                      yield!
                          c.Facts.RemoteMedia
                          |> ValueOption.map (string >> keyOf "media")
                          |> ValueOption.toList ])

    /// Whether the row states no id and its connection has one of these keys. If the call has a name, only
    /// that counts: it says more than who takes part.
    let private isOneOf (has: Guid -> bool) (gateway: GatewayId) (c: Connection) (e: Ended) : bool =
        e.IsRenamed
        && match keysOfFacts gateway c with
           | struct (ValueSome call, _) -> has call
           | struct (ValueNone, others) -> List.exists has others

    /// Identifies a row, whatever id its connection was known by.
    let private keyOfRow (gateway: GatewayId) (e: Ended) : Guid voption =
        e.Row
        |> ValueOption.map (fun row ->
            Cdr.idOfParts [ ValueSome(string gateway); ValueSome "row"; ValueSome row; e.Observation.Stamp ])

    /// Notes a row that reported the end of a connection.
    let noteRow (gateway: GatewayId) (e: Ended) (mark: HistoryMark) : HistoryMark =
        match keyOfRow gateway e with
        | ValueSome key -> { mark with Recent = Map.add key e.End.Within.Latest mark.Recent }
        | ValueNone -> mark

    /// Notes a connection that has its CDR.
    let note (gateway: GatewayId) (c: Connection) (ending: Ending) (mark: HistoryMark) : HistoryMark =
        let add key recent = Map.add key ending.Within.Latest recent

        let struct (call, others) = keysOfFacts gateway c

        { mark with
            Recent =
                (mark.Recent, key gateway c :: ValueOption.toList call @ others)
                ||> List.fold (fun recent key -> add key recent) }

    /// Whether the connection of the row has its CDR already. A connection that was only ever seen in part
    /// may have been closed before its stamp was known.
    let isNoted (gateway: GatewayId) (c: Connection) (e: Ended) (mark: HistoryMark) : bool =
        let has (key: Guid voption) =
            match key with
            | ValueSome key -> Map.containsKey key mark.Recent
            | ValueNone -> false

        let isNotedWithoutStamp () =
            match Map.tryFind (key gateway { c with Stamp = ValueNone }) mark.Recent with
            | Some latest -> latest >= e.End.Within.Earliest
            | None -> false

        has (ValueSome(key gateway c))
        || has (keyOfRow gateway e)
        || isNotedWithoutStamp ()
        || isOneOf mark.Recent.ContainsKey gateway c e

    /// Whether a row without an id belongs to one of these connections, which the record holds.
    let isOfOne (gateway: GatewayId) (kept: Connection[]) : Connection -> Ended -> bool =
        let keys =
            lazy
                (HashSet(
                    seq {
                        for c in kept do
                            let struct (call, others) = keysOfFacts gateway c
                            yield! ValueOption.toList call
                            yield! others
                    }
                ))

        isOneOf (fun key -> keys.Value.Contains key) gateway

    /// Whether the row ended after the record began to watch, and may not have been taken before. Where ids
    /// are tied to the agent's run, connections that began before the present run are left out: whoever wrote
    /// their CDR knew them by another id. If the row's own time of the end is not believed, the end may be
    /// any time since the setup, so it counts only if it began since the last reading: what began before was
    /// heard then, or had ended.
    let isWanted (ledger: GatewayLedger) (mark: HistoryMark) (e: Ended) : bool =
        let ended = e.End.Within

        let isOfThisRun (began: Interval) =
            match e.Observation.Setup, e.Observation.Start with
            | ValueSome told, _
            | ValueNone, ValueSome told -> told.Within.Earliest > began.Latest
            | ValueNone, ValueNone -> false

        let last =
            match e.End.Evidence, e.Observation.Setup with
            | Bounded, ValueSome setup -> setup.Within.Earliest
            | Bounded, ValueNone -> ended.Earliest
            | (Reported | Inferred), _ -> ended.Latest

        last > mark.Since
        && last > mark.ReadTo - lateness
        && match ledger.RunBegan with
           | ValueSome began when ledger.Traits.IdsTiedToBoot -> isOfThisRun began
           | ValueSome _
           | ValueNone -> true

    /// The mark after a complete audit. What ended before the first one was answered is never asked for:
    /// nobody knew what there was.
    let advance
        (snapshot: Snapshot)
        (restarted: bool)
        (read: HistoryRead)
        (mark: HistoryMark voption)
        : HistoryMark =
        match mark with
        | ValueNone -> { HistoryMark.since snapshot.Answered with ReadTo = snapshot.Asked }
        // The cursor led on from where the earlier run had left the history.
        | ValueSome mark when restarted -> { mark with Cursor = ValueNone }
        | ValueSome mark ->
            let readTo =
                match read.Until with
                | ValueSome until -> Instant.max mark.ReadTo until
                | ValueNone -> mark.ReadTo

            { mark with
                ReadTo = readTo
                Cursor = (if read.Cursor.IsSome then read.Cursor else mark.Cursor) }

    /// Forgets entries whose rows are not looked at any more.
    let prune (mark: HistoryMark) : HistoryMark =
        let oldest = mark.ReadTo - 2.0 * lateness

        if mark.Recent |> Map.exists (fun _ latest -> latest < oldest) then
            { mark with Recent = mark.Recent |> Map.filter (fun _ latest -> latest >= oldest) }
        else
            mark

    let private ending (e: Ended) within : Ending =
        { Within = within
          Evidence = GatewayHistory
          Cause = e.Cause
          Counters = e.Counters
          Order = ValueNone }

    let private conflict (e: Ended) (wrong: Interval voption) : Conflict voption =
        wrong |> ValueOption.map (fun reported -> { At = e.Observation.Heard.Latest; Reported = reported })

    /// A connection that no audit saw, from its row, with its end. `wrong` is what the row said that cannot
    /// be true.
    let unseen
        (token: BootToken voption)
        (run: int)
        (e: Ended)
        (wrong: Interval voption)
        : struct (Connection * Ending) =
        let connection: Connection =
            { Id = e.Observation.Id
              Stamp = e.Observation.Stamp
              BootToken = token
              Run = run
              Setup = e.Observation.Setup
              Start = Times.startOf e.Observation
              Facts = e.Observation.Facts
              FirstHeard = e.Observation.Heard.Latest
              LastHeard = e.End.Within.Earliest
              ConfirmedCount = 0
              Status = Status.Confirmed
              Recovered = false
              Absences = 0
              Conflicts = (if wrong.IsSome then 1 else 0)
              LastConflict = conflict e wrong }

        struct (connection, ending e e.End.Within)

    /// Whether the row belongs to this connection of the record, and not to an earlier one under the same id.
    let isOf (traits: Traits) (run: int) (c: Connection) (e: Ended) : bool =
        let isStale = traits.IdsTiedToBoot && c.Run < run

        let sameStamp = c.Run = run && c.Stamp.IsSome && c.Stamp = e.Observation.Stamp

        not isStale
        && not (Times.isAnother traits run c e.Observation)
        && (sameStamp || e.End.Within.Latest >= c.LastHeard)

    /// Ends a connection of the record by its row: takes the row's times and facts, and returns the
    /// contradiction between the two or within the row, if there is one (rule 5). The connection was alive
    /// when last heard, and is over now.
    let close
        (traits: Traits)
        (c: Connection)
        (e: Ended)
        (wrong: Interval voption)
        : struct (Connection * Ending * Conflict voption) =
        let at = e.Observation.Heard.Latest

        let start = Times.startOf e.Observation

        let struct (start, wrongStart) =
            // A stamp of zero normally means "never", but is also the stamp of what happened as the up-time
            // wrapped.
            if Times.isPending start && not (Times.isPending c.Start) then
                struct (c.Start, ValueNone)
            else
                Times.hold traits at c.Start start

        let struct (setup, wrongSetup) = Times.holdSetup traits at c.Setup e.Observation.Setup
        let struct (setup, start, wrongTogether) = Lawful.together traits at c.Setup setup start
        let known = Interval.create c.LastHeard (Instant.max c.LastHeard at)

        let struct (within, wrongEnd) =
            match Times.narrow traits at (Timing.bounded known) e.End with
            | Narrowed timing -> struct (timing.Within, ValueNone)
            | WithinDrift when e.End.Within.Latest < known.Earliest ->
                struct (Interval.point known.Earliest, ValueNone)
            | WithinDrift -> struct (Interval.point known.Latest, ValueNone)
            | Contradicted reported -> struct (known, ValueSome reported)

        let conflict =
            [ wrong; wrongEnd; wrongStart; wrongSetup; wrongTogether ]
            |> List.tryPick ValueOption.toOption
            |> ValueOption.ofOption
            |> conflict e

        let after =
            { c with
                Stamp = (if c.Stamp.IsSome then c.Stamp else e.Observation.Stamp)
                Setup = setup
                Start = start
                Facts = Facts.merge c.Facts e.Observation.Facts
                Conflicts = c.Conflicts + (if conflict.IsSome then 1 else 0)
                LastConflict = (if conflict.IsSome then conflict else c.LastConflict) }

        struct (after, ending e within, conflict)
