namespace CallServer.Ledger

open System
open CallServer.Model

/// What a report of a time does to the bounds that are held (rules 4 and 5).
type internal Narrowing =
    | Narrowed of Timing
    /// Outside the bounds, but by no more than the gateway's clock may have drifted: nothing learnt, nothing contradicted.
    | WithinDrift
    | Contradicted of Interval

module internal Times =
    /// An open upper end says "not active yet when heard": such a report is no proof that the start has passed.
    let isPending (timing: Timing) = timing.Within.Latest = Instant.distantFuture

    /// What one observation says of the start: its own report, else that it had begun when heard; and what its counters say.
    let reportOfStart (o: Observation) : Timing =
        let told =
            match o.Start with
            | ValueSome timing -> timing
            | ValueNone -> Timing.bounded (Interval.upTo o.Heard.Latest)

        if o.MinimumAge <= TimeSpan.Zero || isPending told then
            told
        else
            match Interval.intersect told.Within (Interval.upTo (o.Heard.Latest - o.MinimumAge)) with
            | ValueSome within when within <> told.Within ->
                { Within = within; Evidence = Evidence.stronger told.Evidence Inferred }
            // Counters that contradict the gateway's own time are worth less than it.
            | ValueSome _
            | ValueNone -> told

    /// How far apart two intervals lie; zero where they meet.
    let private gap (a: Interval) (b: Interval) =
        if a.Latest < b.Earliest then b.Earliest - a.Latest
        elif b.Latest < a.Earliest then a.Earliest - b.Latest
        else TimeSpan.Zero

    /// Bounds only narrow (rule 5); a report outside them is a conflict once no drift of the gateway's clock explains it.
    let narrow (traits: Traits) (at: Instant) (held: Timing) (report: Timing) : Narrowing =
        match Interval.intersect held.Within report.Within with
        | ValueSome within ->
            Narrowed { Within = within; Evidence = Evidence.stronger held.Evidence report.Evidence }
        | ValueNone ->
            let oldest = Instant.min held.Within.Latest report.Within.Latest
            let drift = max 0.0 (at - oldest).TotalSeconds * traits.DriftPpm * 1e-6

            if (gap held.Within report.Within).TotalSeconds <= drift then
                WithinDrift
            else
                Contradicted report.Within

    /// The bounds of a connection heard for the first time: not before the complete audits that did not list it.
    let first (ledger: GatewayLedger) (traits: Traits) (o: Observation) : Timing * Conflict voption =
        let report = reportOfStart o

        let absent =
            match List.tryItem (traits.AbsencesToClose - 1) ledger.Completes with
            | Some asked -> asked - traits.Staleness
            | None -> Instant.distantPast

        match narrow traits o.Heard.Latest (Timing.bounded (Interval.from absent)) report with
        | Narrowed timing -> timing, ValueNone
        | WithinDrift -> report, ValueNone
        | Contradicted _ -> report, ValueSome { At = o.Heard.Latest; Reported = Interval.from absent }

    /// Rule 6: a start that lies after the held one, and not before the moment when the held connection was last alive, is that
    /// of another connection under the same id.
    let private cannotBe (traits: Traits) (lastHeard: Instant) (at: Instant) (held: Timing) (report: Timing) =
        match narrow traits at held report with
        | Contradicted within -> within.Earliest > held.Within.Latest && within.Latest >= lastHeard
        | Narrowed _
        | WithinDrift -> false

    /// Whether an observation under a known id is of another connection than the known one. Stamps are compared within one run
    /// only: those made of the up-time change with it.
    let isAnother (traits: Traits) (run: int) (c: Connection) (o: Observation) : bool =
        match c.Stamp, o.Stamp with
        | ValueSome old, ValueSome now when c.Run = run -> old <> now
        | _ ->
            let differs (held: Timing voption) (report: Timing voption) =
                match held, report with
                | ValueSome held, ValueSome report -> cannotBe traits c.LastHeard o.Heard.Latest held report
                | _ -> false

            differs (ValueSome c.Start) o.Start || differs c.Setup o.Setup
