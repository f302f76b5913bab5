namespace CallServer.Gateway

open System
open System.Text
open CallServer.Model
open CallServer.Wire

/// What kind of agent to simulate.
[<NoComparison; NoEquality>]
type AgentOptions =
    {
        Mib: Mib
        /// sysName.
        Name: string
        /// The community of SNMPv2c; `ValueNone` if the agent speaks SNMPv3 only.
        Community: string voption
        Users: UsmUser list
        /// 5 to 32 octets (RFC 3411).
        EngineId: byte[]
        /// The largest message that the agent writes, in octets.
        MaxMessage: int
        /// sysUpTime when the simulation begins. Time stamps of earlier events are counted backwards from it.
        Uptime: TimeSpan
        /// snmpEngineBoots when the simulation begins.
        Boots: int
        DriftPpm: float
        CalendarOffset: TimeSpan
        Rebasing: Rebasing
        Vices: Vices
    }

module AgentOptions =
    /// An honest agent with this profile and name, up for 30 days; its engine id follows from the name.
    let ofMib (mib: Mib) (name: string) : AgentOptions =
        { Mib = mib
          Name = name
          Community = ValueSome "public"
          Users = []
          // net-snmp's enterprise number, and the format in which the administrator chooses the octets (RFC 3411, SnmpEngineID).
          EngineId =
            Array.append
                [| 0x80uy; 0uy; 0x1Fuy; 0x88uy; 4uy |]
                (Encoding.UTF8.GetBytes(if name = "" then "gateway" else name) |> Array.truncate 27)
          MaxMessage = 65507
          Uptime = TimeSpan.FromDays 30.0
          Boots = 1
          DriftPpm = 0.0
          CalendarOffset = TimeSpan.Zero
          Rebasing = Rebased
          Vices = Vices.none }

/// A reply, and how long after its request it is sent.
[<Struct>]
type Reply = { After: TimeSpan; Datagram: byte[] }

/// An SNMP agent at one moment, with the table that it serves.
[<NoComparison; ReferenceEquality>]
type AgentState =
    internal
        {
            Settings: AgentOptions
            Served: Table
            Clocks: AgentClock
            Regions: Region[]
            Rows: Rows voption
            Past: PastRows voption
            Keys: struct (UsmUser * Lazy<LocalKeys>)[]
            UsmStats: uint32[]
            Salt: uint64
            Requests: int
            Answered: int
            Counted: struct (int * Instant)
            /// How many requests came without a pause between them, and when the last one came.
            Burst: struct (int * Instant)
            /// A different engine, the twin, answers in place of the agent.
            IsTwin: bool
            SilentUntil: Instant
        }

    member this.Options = this.Settings
    member this.Table = this.Served
    member this.Clock = this.Clocks
    /// Requests received and understood, answered or not.
    member this.Heard = this.Requests

module AgentState =
    let private regionsOf (options: AgentOptions) =
        SnmpView.regions
            (AgentMib.scalars options.Name options.Mib options.MaxMessage @ options.Mib.Scalars)
            options.Mib.Tables
            (options.Mib.History |> ValueOption.map _.Tables |> ValueOption.defaultValue [])
            options.Vices.MissingColumns

    let private keysOf (options: AgentOptions) =
        options.Users
        |> List.map (fun user -> struct (user, lazy (Usm.localize user options.EngineId)))
        |> List.toArray

    let private clockOf (options: AgentOptions) (now: Instant) : AgentClock =
        { Booted = now
          UptimeAtBoot = options.Uptime
          Boots = options.Boots
          EngineStarted = now
          EngineTimeAtStart = options.Uptime
          GatewayBooted = now
          GatewayUptimeAtBoot = options.Uptime
          GatewayRun = 1
          DriftPpm = options.DriftPpm
          CalendarOffset = options.CalendarOffset
          Rebasing = options.Rebasing
          Renumbered = 0 }

    let create (options: AgentOptions) (table: Table) : AgentState =
        { Settings = options
          Served = table
          Clocks = clockOf options table.Now
          Regions = regionsOf options
          Rows = ValueNone
          Past = ValueNone
          Keys = keysOf options
          UsmStats = Array.zeroCreate UsmReport.all.Length
          Salt = 1UL
          Requests = 0
          Answered = 0
          Counted = struct (table.Count, table.Now)
          Burst = struct (0, Instant.distantPast)
          IsTwin = false
          SilentUntil = Instant.distantPast }

    /// Requests that follow each other within this time belong to one walk.
    let private pause = TimeSpan.FromMilliseconds 300.0

    let private exchangeTwin (isTwin: bool) (state: AgentState) : AgentState =
        if isTwin = state.IsTwin then
            state
        else
            let engine = Array.copy state.Settings.EngineId
            engine[engine.Length - 1] <- engine[engine.Length - 1] ^^^ 1uy
            let options = { state.Settings with EngineId = engine }
            { state with Settings = options; Keys = keysOf options; IsTwin = isTwin }

    /// Notes that a datagram arrived. This decides whether the agent or its twin answers.
    let answering (now: Instant) (state: AgentState) : AgentState =
        let struct (count, last) = state.Burst
        let count = if now - last > pause then 1 else count + 1
        let isTwin = state.Settings.Vices.TwinAfter |> ValueOption.exists (fun most -> count > most)
        exchangeTwin isTwin { state with Burst = struct (count, now) }

    /// Replaces the table, for example by its later state.
    let withTable (table: Table) (state: AgentState) : AgentState = { state with Served = table }

    /// Replaces the vices. Those that count requests start from zero.
    let withVices (vices: Vices) (state: AgentState) : AgentState =
        let options = { state.Settings with Vices = vices }
        { state with Settings = options; Regions = regionsOf options; Requests = 0; Answered = 0 }

    /// Lets the table's connections come and go until this instant.
    let advance (until: Instant) (state: AgentState) : struct (AgentState * TruthEvent list) =
        let struct (table, events) = Table.advance until state.Served
        struct (withTable table state, events)

    /// The gateway goes down at this instant with all its calls, and is back after this time. Then its up-time starts from zero,
    /// its engine boots rise by one, and its core identities are new.
    let reboot (downFor: TimeSpan) (at: Instant) (state: AgentState) : struct (AgentState * TruthEvent list) =
        let back = at + downFor
        let struct (table, events) = Table.closeAll at state.Served

        let clock =
            { state.Clocks with
                Booted = back
                UptimeAtBoot = TimeSpan.Zero
                Boots = state.Clocks.Boots + 1
                EngineStarted = back
                EngineTimeAtStart = TimeSpan.Zero
                GatewayBooted = back
                GatewayUptimeAtBoot = TimeSpan.Zero
                GatewayRun = state.Clocks.GatewayRun + 1 }

        struct ({ state with
                    Served = table |> Table.forget |> Table.rest back
                    Clocks = clock
                    Rows = ValueNone
                    UsmStats = Array.zeroCreate UsmReport.all.Length
                    SilentUntil = back },
                events)

    /// Only the management agent restarts: the calls live on, and up-time and stamps start from zero.
    let restartAgent (downFor: TimeSpan) (at: Instant) (state: AgentState) : AgentState =
        let back = at + downFor

        { state with
            Clocks =
                { state.Clocks with
                    Booted = back
                    UptimeAtBoot = TimeSpan.Zero
                    Boots = state.Clocks.Boots + 1
                    EngineStarted = back
                    EngineTimeAtStart = TimeSpan.Zero }
            UsmStats = Array.zeroCreate UsmReport.all.Length
            SilentUntil = back }

    /// Raises the engine boots by one while everything goes on, as net-snmp does when it reloads its configuration.
    let reload (state: AgentState) : AgentState =
        { state with Clocks = { state.Clocks with Boots = state.Clocks.Boots + 1 } }

    /// Makes the up-time read as if the agent had been up for this long. Every stamp shifts with it.
    let setUptime (uptime: TimeSpan) (now: Instant) (state: AgentState) : AgentState =
        { state with Clocks = { state.Clocks with Booted = now; UptimeAtBoot = uptime } }

    /// Gives every row another index.
    let renumber (state: AgentState) : AgentState =
        { state with Clocks = { state.Clocks with Renumbered = state.Clocks.Renumbered + 1 } }

    /// What an audit would call a connection of this agent now.
    let identify (connection: SimConnection) (state: AgentState) : Identity =
        state.Settings.Mib.Identity state.Clocks connection

    /// Drops the rows that are kept between requests. The next request makes them anew.
    let forgetRows (state: AgentState) : AgentState = { state with Rows = ValueNone }
