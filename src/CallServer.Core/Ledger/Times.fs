namespace CallServer.Ledger

open System
open CallServer.Model

/// What a reported time does to the bounds that the record holds (rules 4 and 5).
[<Struct>]
type internal Narrowing =
    | Narrowed of timing: Timing
    /// Outside the bounds, but by no more than the gateway's clock may have drifted: nothing learnt, nothing
    /// contradicted.
    | WithinDrift
    | Contradicted of reported: Interval

/// Every audit asks these of every connection. F# compares instants and spans by boxing them, and their numbers as they
/// are: hence `Micros` and `Ticks`.
module internal Times =
    /// An open upper end means "not active yet when heard": such a report is no proof that the start has
    /// passed.
    let isPending (timing: Timing) = timing.Within.Latest.Micros = Instant.distantFuture.Micros

    /// Whether both are unknown, or the same: as `=`, which would box them.
    let isSame (a: Timing voption) (b: Timing voption) : bool =
        a.IsSome = b.IsSome && (a.IsNone || a.Value = b.Value)

    /// How far apart two intervals lie; zero if they meet.
    let private gap (a: Interval) (b: Interval) =
        if a.Latest.Micros < b.Earliest.Micros then b.Earliest - a.Latest
        elif b.Latest.Micros < a.Earliest.Micros then a.Earliest - b.Latest
        else TimeSpan.Zero

    /// A report that a leg rings dates no answer, so its evidence counts only if the other report is one too.
    let private evidence (held: Timing) (report: Timing) : Evidence =
        match isPending held, isPending report with
        | true, false -> report.Evidence
        | false, true -> held.Evidence
        | true, true
        | false, false -> Evidence.stronger held.Evidence report.Evidence

    /// How far the gateway's clock may have drifted from the older of the two times until this moment.
    let drift (traits: Traits) (at: Instant) (a: Interval) (b: Interval) : TimeSpan =
        let oldest = Instant.min a.Latest b.Latest
        TimeSpan.FromSeconds(max 0.0 (at - oldest).TotalSeconds * traits.DriftPpm * 1e-6)

    /// Bounds only narrow (rule 5). A report outside them is a conflict unless the drift of the gateway's
    /// clock explains it.
    let narrow (traits: Traits) (at: Instant) (held: Timing) (report: Timing) : Narrowing =
        match Interval.intersect held.Within report.Within with
        | ValueSome within -> Narrowed { Within = within; Evidence = evidence held report }
        | ValueNone ->
            if (gap held.Within report.Within).Ticks <= (drift traits at held.Within report.Within).Ticks then
                WithinDrift
            else
                Contradicted report.Within

    /// What the record holds after a report, and what it reported that contradicts the record.
    let hold
        (traits: Traits)
        (at: Instant)
        (held: Timing)
        (report: Timing)
        : struct (Timing * Interval voption) =
        match narrow traits at held report with
        | Narrowed timing -> struct (timing, ValueNone)
        | WithinDrift -> struct (held, ValueNone)
        | Contradicted reported -> struct (held, ValueSome reported)

    /// The same of a setup, which neither may know.
    let holdSetup
        (traits: Traits)
        (at: Instant)
        (held: Timing voption)
        (report: Timing voption)
        : struct (Timing voption * Interval voption) =
        match held, report with
        | ValueSome held, ValueSome report ->
            let struct (setup, wrong) = hold traits at held report
            struct (ValueSome setup, wrong)
        | known, ValueNone
        | ValueNone, known -> struct (known, ValueNone)

    /// What an observation says about the start; if it says nothing, the connection had begun when heard.
    let startOf (o: Observation) : Timing =
        match o.Start with
        | ValueSome told -> told
        | ValueNone -> Timing.bounded (Interval.upTo o.Heard.Latest)

    /// The start of a connection heard for the first time: after the complete audits that did not list it,
    /// whatever the gateway says (rule 5).
    let first (ledger: GatewayLedger) (traits: Traits) (o: Observation) : struct (Timing * Interval voption) =
        let report = startOf o
        let heard = o.Heard.Latest

        let absent =
            match List.tryItem (traits.AbsencesToClose - 1) ledger.Completes with
            | Some asked -> Instant.min heard (asked - traits.Staleness)
            | None -> Instant.distantPast

        match narrow traits heard (Timing.bounded (Interval.from absent)) report with
        | Narrowed timing -> struct (timing, ValueNone)
        | WithinDrift -> struct (report, ValueNone)
        | Contradicted told -> struct (Timing.bounded (Interval.create absent heard), ValueSome told)

    /// Rule 6: a start later than the held one, and not before the held connection was last heard, belongs to
    /// another connection under the same id.
    let private cannotBe (traits: Traits) (lastHeard: Instant) (at: Instant) (held: Timing) (report: Timing) =
        match narrow traits at held report with
        | Contradicted within ->
            within.Earliest.Micros > held.Within.Latest.Micros && within.Latest.Micros >= lastHeard.Micros
        | Narrowed _
        | WithinDrift -> false

    /// Whether an observation under a known id belongs to another connection. Stamps are compared only within
    /// one run, because those made of the up-time change with it. Where ids are reused and outlive a restart,
    /// their stamps outlive it too.
    let isAnother (traits: Traits) (run: int) (c: Connection) (o: Observation) : bool =
        match c.Stamp, o.Stamp with
        | ValueSome old, ValueSome now when c.Run = run || (traits.ReusesIds && not traits.IdsTiedToBoot) ->
            old <> now
        | _ ->
            let differs (held: Timing voption) (report: Timing voption) =
                match held, report with
                | ValueSome held, ValueSome report -> cannotBe traits c.LastHeard o.Heard.Latest held report
                | _ -> false

            differs (ValueSome c.Start) o.Start || differs c.Setup o.Setup
