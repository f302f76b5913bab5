namespace CallServer.Gateway

open System
open CallServer.Model

/// How an agent that restarts without its gateway reports time stamps from before its start.
type Rebasing =
    /// They become what its up-time would have been at that moment, modulo 2^32, so ages stay right.
    | Rebased
    /// They become zero, as RFC 2579 requires for TimeStamp.
    | Zeroed

/// The clocks and tokens of a gateway and of its management agent.
type AgentClock =
    {
        /// When the agent's current run began.
        Booted: Instant
        /// What its up-time was at that moment; above zero if the agent had already been up.
        UptimeAtBoot: TimeSpan
        /// snmpEngineBoots.
        Boots: int
        /// When the engine's current run began. snmpEngineTime counts from here. Reloading the configuration need not begin a new
        /// run.
        EngineStarted: Instant
        /// What snmpEngineTime was at that moment.
        EngineTimeAtStart: TimeSpan
        /// When the process that carries the calls began.
        GatewayBooted: Instant
        GatewayUptimeAtBoot: TimeSpan
        /// How often that process has been started; core UUIDs and process ids follow from it.
        GatewayRun: int
        /// How much faster than true time the up-time runs, in parts per million.
        DriftPpm: float
        /// The gateway's calendar clock minus true time.
        CalendarOffset: TimeSpan
        Rebasing: Rebasing
        /// How often the indexes were renumbered.
        Renumbered: int
    }

module AgentClock =
    /// Rounds down, below zero too.
    let private hundredths (micros: int64) : int64 =
        Math.DivRem(micros, 10_000L) |> fun struct (whole, rest) -> if rest < 0L then whole - 1L else whole

    let private since (began: Instant) (offset: TimeSpan) (ppm: float) (instant: Instant) : int64 =
        let elapsed = instant.Micros - began.Micros
        elapsed + int64 (float elapsed * ppm * 1e-6) + offset.Ticks / TimeSpan.TicksPerMicrosecond

    /// sysUpTime at this instant: hundredths of a second, modulo 2^32. Counts backwards for an instant before the agent's run.
    let ticks (instant: Instant) (clock: AgentClock) : uint32 =
        uint32 (uint64 (hundredths (since clock.Booted clock.UptimeAtBoot clock.DriftPpm instant)))

    /// The TimeStamp of something that happened at this instant (RFC 2579).
    let stamp (instant: Instant) (clock: AgentClock) : uint32 =
        match clock.Rebasing with
        | Zeroed when instant < clock.Booted && clock.UptimeAtBoot = TimeSpan.Zero -> 0u
        | Zeroed
        | Rebased -> ticks instant clock

    /// snmpEngineTime: whole seconds.
    let engineTime (now: Instant) (clock: AgentClock) : int =
        int (since clock.EngineStarted clock.EngineTimeAtStart clock.DriftPpm now / 1_000_000L)

    /// Hundredths of a second since the process that carries the calls began, modulo 2^32.
    let gatewayTicks (now: Instant) (clock: AgentClock) : uint32 =
        uint32 (uint64 (hundredths (since clock.GatewayBooted clock.GatewayUptimeAtBoot clock.DriftPpm now)))

    /// What the gateway's calendar clock showed at this instant.
    let calendar (instant: Instant) (clock: AgentClock) : DateTimeOffset =
        Instant.toDateTime (instant + clock.CalendarOffset)

    /// DateAndTime in UTC, 11 octets (RFC 2579), rounded down to tenths of a second.
    let dateAndTime (instant: Instant) (clock: AgentClock) : byte[] =
        let time = calendar instant clock

        [| byte (time.Year >>> 8)
           byte time.Year
           byte time.Month
           byte time.Day
           byte time.Hour
           byte time.Minute
           byte time.Second
           byte (time.Millisecond / 100)
           byte '+'
           0uy
           0uy |]
