namespace CallServer.Ledger

open CallServer.Model

/// The last word of rule 4: whatever a gateway says, setup <= start <= heard <= end. What cannot be so is a
/// conflict (rule 5): it is kept and counted, and the other times then bound this one. Everything that a
/// snapshot reports passes here before any other rule sees it, and every connection passes once more at its
/// end. Nothing else orders times.
module internal Lawful =
    /// Limits both ends of a setup to those of the start: a gateway that truncates both times can only be off
    /// within the bounds.
    let private beforeStart (start: Timing) (setup: Timing) : Timing =
        let latest = Instant.min setup.Within.Latest start.Within.Latest
        { setup with Within = Interval.create (Instant.min setup.Within.Earliest latest) latest }

    let private beforeStarting (start: Timing) (setup: Timing voption) : Timing voption =
        match setup with
        | ValueSome setup -> ValueSome(beforeStart start setup)
        | ValueNone -> ValueNone

    /// A start no earlier than the setup and no later than the moment of the report. One that lies ahead has
    /// no upper end.
    let private between
        (traits: Traits)
        (setup: Timing voption)
        (latest: Instant)
        (told: Timing)
        : struct (Timing * Interval voption) =
        let earliest =
            match setup with
            | ValueSome setup -> setup.Within.Earliest
            | ValueNone -> Instant.distantPast

        let room =
            if Times.isPending told then
                Interval.from earliest
            else
                Interval.create earliest latest

        match Times.narrow traits latest { told with Within = room } told with
        | Narrowed timing -> struct (timing, ValueNone)
        | WithinDrift ->
            let spare = Times.drift traits latest room told.Within
            let known = Interval.widen spare spare told.Within |> Interval.intersect room
            struct (Timing.bounded (ValueOption.defaultValue room known), ValueNone)
        | Contradicted reported -> struct (Timing.bounded room, ValueSome reported)

    /// Narrows the start by the age that counters prove, unless they contradict the gateway's own times,
    /// which are worth more.
    let private countedAge (o: Observation) (start: Timing) : Timing =
        if o.MinimumAge.Ticks <= 0L || Times.isPending start then
            start
        else
            match Interval.intersect start.Within (Interval.upTo (o.Heard.Latest - o.MinimumAge)) with
            | ValueSome within when within <> start.Within ->
                { Within = within; Evidence = Evidence.stronger start.Evidence Inferred }
            | ValueSome _
            | ValueNone -> start

    /// Setup and start as they can be true together, if both were reported no later than this moment.
    let private times
        (traits: Traits)
        (latest: Instant)
        (setup: Timing voption)
        (start: Timing)
        : struct (Timing voption * Timing * Interval voption) =
        let struct (setup, wrongSetup) =
            match setup with
            | ValueNone -> struct (ValueNone, ValueNone)
            | ValueSome told ->
                match Interval.intersect told.Within (Interval.upTo latest) with
                | ValueSome within -> struct (ValueSome { told with Within = within }, ValueNone)
                | ValueNone -> struct (ValueNone, ValueSome told.Within)

        let struct (start, wrongStart) = between traits setup latest start
        struct (beforeStarting start setup, start, ValueOption.orElse wrongSetup wrongStart)

    /// The observation with times that can be true together, and the time it reported that cannot be.
    let observation (traits: Traits) (o: Observation) : struct (Observation * Interval voption) =
        let struct (setup, start, wrong) = times traits o.Heard.Latest o.Setup (Times.startOf o)
        let start = countedAge o start
        let setup = beforeStarting start setup

        // Most are as they should be: then it is the same object.
        if Times.isSame setup o.Setup && Times.isSame (ValueSome start) o.Start then
            struct (o, wrong)
        else
            struct ({ o with Setup = setup; Start = ValueSome start }, wrong)

    /// An ended connection with times that can be true together, and the time it reported that cannot be: it
    /// ended no later than the gateway says so, and not before its setup. A row without a start means that it
    /// started before the end; one that never became active has an open start.
    let ended (traits: Traits) (e: Ended) : struct (Ended * Interval voption) =
        let o = e.Observation
        let heard = o.Heard.Latest

        let room =
            match o.Setup with
            | ValueSome setup when setup.Within.Earliest <= heard ->
                Interval.create setup.Within.Earliest heard
            | ValueSome _
            | ValueNone -> Interval.upTo heard

        let struct (over, wrongEnd) =
            match Interval.intersect room e.End.Within with
            | ValueSome within -> struct ({ e.End with Within = within }, ValueNone)
            | ValueNone -> struct (Timing.bounded room, ValueSome e.End.Within)

        let latest = over.Within.Latest
        let start = o.Start |> ValueOption.defaultValue (Timing.bounded (Interval.upTo latest))
        let struct (setup, start, wrong) = times traits latest o.Setup start

        struct ({ e with Observation = { o with Setup = setup; Start = ValueSome start }; End = over },
                ValueOption.orElse wrong wrongEnd)

    /// Setup and start after a report of both. A setup that the start no longer allows is not taken, and is a
    /// conflict unless drift explains it.
    let together
        (traits: Traits)
        (at: Instant)
        (held: Timing voption)
        (setup: Timing voption)
        (start: Timing)
        : struct (Timing voption * Timing * Interval voption) =
        let struct (setup, wrong) =
            match setup with
            | ValueSome told when told.Within.Earliest.Micros > start.Within.Latest.Micros ->
                let apart = told.Within.Earliest - start.Within.Latest
                let isDrift = apart.Ticks <= (Times.drift traits at start.Within told.Within).Ticks
                struct (held, (if isDrift then ValueNone else ValueSome told.Within))
            | ValueSome _
            | ValueNone -> struct (setup, ValueNone)

        match setup with
        | ValueNone -> struct (ValueNone, start, wrong)
        | ValueSome setup ->
            let earliest = Instant.max setup.Within.Earliest start.Within.Earliest
            let start = { start with Within = Interval.create earliest start.Within.Latest }
            struct (ValueSome(beforeStart start setup), start, wrong)

    /// The change that closes a connection, with times as its CDR states them: it ended no earlier than it
    /// began and was last heard.
    let closing (c: Connection) (ending: Ending) : Change =
        let heard = Instant.max c.LastHeard ending.Within.Earliest
        let latest = Instant.max heard ending.Within.Latest

        let until (timing: Timing) =
            let latest = Instant.min timing.Within.Latest latest

            { timing with
                Within = Interval.create (Instant.min timing.Within.Earliest latest) latest }

        let start = if Times.isPending c.Start then c.Start else until c.Start
        let setup = c.Setup |> ValueOption.map (until >> beforeStart start)
        let begun = if Times.isPending start then setup else ValueSome start

        let earliest =
            match begun with
            | ValueSome timing -> Instant.max heard timing.Within.Earliest
            | ValueNone -> heard

        Closed(
            { c with Start = start; Setup = setup },
            { ending with Within = Interval.create earliest latest }
        )
