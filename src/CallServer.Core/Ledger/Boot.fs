namespace CallServer.Ledger

open System
open CallServer.Model

/// Whose start a boot token tells.
type BootScope =
    /// The process that carries the calls (FreeSWITCH's core UUID): its restart ends every call.
    | OfGateway
    /// Perhaps only the management agent (snmpEngineBoots, sysUpTime): calls may live on.
    | OfAgent

/// What a gateway told of its own start during one audit.
type Boot =
    {
        Token: BootToken voption
        Scope: BootScope
        /// When its up-time counter says that it began; a counter that wrapped says this too late by whole periods.
        Began: Interval voption
        /// The period after which the counter wraps: 2^32 hundredths of a second for TimeTicks (RFC 2578 §7.1.8).
        Period: TimeSpan voption
        ReadAt: Instant
    }

/// What two readings of a gateway's boot say together.
type BootVerdict =
    | SameRun
    /// The up-time counter passed its end; nothing restarted.
    | CounterWrapped
    /// The token changed but the up-time went on: the agent read its configuration again (net-snmp does this).
    | AgentReloaded
    /// It began anew within this interval.
    | Restarted of at: Interval
    /// Neither reading tells enough.
    | Untold

module Boot =
    /// 2^32 hundredths of a second: 497.1 days.
    let timeTicksPeriod = TimeSpan.FromMilliseconds(4294967296.0 * 10.0)

    let untold readAt : Boot =
        { Token = ValueNone
          Scope = OfAgent
          Began = ValueNone
          Period = ValueNone
          ReadAt = readAt }

    /// Up-time clocks run by their own crystals: 200 parts per million.
    let private drift (before: Boot) (after: Boot) =
        let elapsed = (after.ReadAt - before.ReadAt).Duration()
        TimeSpan.FromSeconds(elapsed.TotalSeconds * 200e-6)

    /// Some counters go in whole seconds.
    let private coarse = TimeSpan.FromSeconds 1.0

    /// A wrap, or a change of token alone, is known by its moment: only hundredths tell it from a restart at about that time.
    let private fine = TimeSpan.FromMilliseconds 20.0

    let private meets (allowance: TimeSpan) (a: Interval) (b: Interval) =
        (Interval.intersect (Interval.widen allowance allowance a) b).IsSome

    /// Whole periods between two beginnings, at least one, where the later is the earlier one after wraps.
    let private wrapped allowance period (before: Interval) (after: Interval) =
        let behind = (after.Latest - before.Latest).TotalSeconds / (period: TimeSpan).TotalSeconds
        let periods = Math.Round behind
        periods >= 1.0 && meets allowance (Interval.shift (periods * period) before) after

    /// Rule 7's first half: is this still the run that the record knows?
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
        // An agent may also have read its configuration again since; a restart that falls on the very second of a wrap may not.
        | ValueSome old, ValueSome now, _ when
            after.Period.IsSome && wrapped (fine + drift) after.Period.Value old now
            ->
            CounterWrapped
        | ValueSome old, ValueSome now, _ when now.Latest > old.Latest -> Restarted now
        | _, _, ValueSome true -> SameRun
        | _, _, ValueSome false ->
            Restarted(Interval.create (Instant.min before.ReadAt after.ReadAt) after.ReadAt)
        | _, _, ValueNone -> Untold
