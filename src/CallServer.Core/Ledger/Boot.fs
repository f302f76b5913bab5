namespace CallServer.Ledger

open System
open CallServer.Model

/// Whose start a boot token identifies.
type BootScope =
    /// The process that carries the calls (FreeSWITCH's core UUID): its restart ends every call.
    | OfGateway
    /// Perhaps only the management agent (snmpEngineBoots, sysUpTime): calls may live on.
    | OfAgent

/// What a gateway reported about its own start during one audit.
type Boot =
    {
        Token: BootToken voption
        Scope: BootScope
        /// When it began, by its up-time counter. A counter that has wrapped gives a time that is whole
        /// periods too late.
        Began: Interval voption
        /// The period after which the counter wraps: 2^32 hundredths of a second for TimeTicks (RFC 2578
        /// §7.1.8).
        Period: TimeSpan voption
        ReadAt: Instant
    }

/// What two readings of a gateway's boot mean together.
type BootVerdict =
    | SameRun
    /// The up-time counter wrapped; nothing restarted.
    | CounterWrapped
    /// The token changed but the up-time went on: the agent read its configuration again (net-snmp does
    /// this).
    | AgentReloaded
    /// It restarted within this interval.
    | Restarted of at: Interval
    /// The readings do not say enough.
    | Untold

/// Tells a restart from a counter that wrapped or an agent that was reloaded.
module Boot =
    /// 2^32 hundredths of a second: 497.1 days.
    let timeTicksPeriod = TimeSpan.FromMilliseconds(4294967296.0 * 10.0)

    /// A reading at this instant in which the gateway said nothing about its start.
    let untold readAt : Boot =
        { Token = ValueNone
          Scope = OfAgent
          Began = ValueNone
          Period = ValueNone
          ReadAt = readAt }

    /// How far the two readings' clocks may drift apart: 200 parts per million of the time between them.
    let private drift (before: Boot) (after: Boot) =
        let elapsed = (after.ReadAt - before.ReadAt).Duration()
        TimeSpan.FromSeconds(elapsed.TotalSeconds * 200e-6)

    /// Some up-time counters count whole seconds.
    let private coarse = TimeSpan.FromSeconds 1.0

    /// Only the moment of its beginning shows that a counter wrapped or that only the token changed: so the
    /// times must agree this closely, or a restart at about that time would pass for one of these.
    let private fine = TimeSpan.FromMilliseconds 20.0

    let private meets (allowance: TimeSpan) (a: Interval) (b: Interval) =
        (Interval.intersect (Interval.widen allowance allowance a) b).IsSome

    /// Whether the later beginning is the earlier one moved by at least one whole period of the counter.
    let private wrapped allowance period (before: Interval) (after: Interval) =
        let behind = (after.Latest - before.Latest).TotalSeconds / (period: TimeSpan).TotalSeconds
        let periods = Math.Round behind
        periods >= 1.0 && meets allowance (Interval.shift (periods * period) before) after

    /// The first half of rule 7: is this still the run that the record knows?
    let judge (before: Boot) (after: Boot) : BootVerdict =
        let tokens =
            match before.Token, after.Token with
            | ValueSome old, ValueSome now -> ValueSome(old = now)
            | _ -> ValueNone

        let drift = drift before after

        match before.Began, after.Began, tokens with
        | _, ValueSome began, ValueSome false when after.Scope = OfGateway -> Restarted began
        | ValueSome old, ValueSome now, ValueSome false when meets (fine + drift) old now -> AgentReloaded
        | ValueSome old, ValueSome now, (ValueSome true | ValueNone) when meets (coarse + drift) old now ->
            SameRun
        // This also covers an agent that was reloaded in the meantime. A restart that falls on the very
        // second of a wrap is taken for a wrap.
        | ValueSome old, ValueSome now, _ when
            after.Period.IsSome && wrapped (fine + drift) after.Period.Value old now
            ->
            CounterWrapped
        | ValueSome old, ValueSome now, _ when now.Latest > old.Latest -> Restarted now
        | _, _, ValueSome true -> SameRun
        | _, _, ValueSome false ->
            Restarted(Interval.create (Instant.min before.ReadAt after.ReadAt) after.ReadAt)
        | _, _, ValueNone -> Untold
