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
        /// SNMPv2c; nothing where the agent speaks SNMPv3 only.
        Community: string voption
        Users: UsmUser list
        /// 5 to 32 octets (RFC 3411).
        EngineId: byte[]
        /// The largest message that the agent writes, in octets.
        MaxMessage: int
        /// sysUpTime when the simulation begins. Time stamps of what happened before are counted backwards
        /// from it.
        Uptime: TimeSpan
        /// snmpEngineBoots when the simulation begins.
        Boots: int
        DriftPpm: float
        CalendarOffset: TimeSpan
        Rebasing: Rebasing
        Vices: Vices
    }

module AgentOptions =
    /// An honest agent, up for 30 days, of that profile and name; the engine id follows from the name.
    let ofMib (mib: Mib) (name: string) : AgentOptions =
        { Mib = mib
          Name = name
          Community = ValueSome "public"
          Users = []
          // net-snmp's enterprise number with the form of octets chosen by the administrator (RFC 3411,
          // SnmpEngineID).
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

/// A datagram back, and how long after its request it leaves.
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
            /// Requests that came one upon the other, and the last one.
            Burst: struct (int * Instant)
            /// Another engine answers in its place.
            IsTwin: bool
            SilentUntil: Instant
        }

    member this.Options = this.Settings
    member this.Table = this.Served
    member this.Clock = this.Clocks
    /// Requests that it heard and understood, answered or not.
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

    /// Requests that follow each other no later than this are of one walk.
    let private pause = TimeSpan.FromMilliseconds 300.0

    let private exchangeTwin (isTwin: bool) (state: AgentState) : AgentState =
        if isTwin = state.IsTwin then
            state
        else
            let engine = Array.copy state.Settings.EngineId
            engine[engine.Length - 1] <- engine[engine.Length - 1] ^^^ 1uy
            let options = { state.Settings with EngineId = engine }
            { state with Settings = options; Keys = keysOf options; IsTwin = isTwin }

    /// A datagram came: who answers it.
    let answering (now: Instant) (state: AgentState) : AgentState =
        let struct (count, last) = state.Burst
        let count = if now - last > pause then 1 else count + 1
        let isTwin = state.Settings.Vices.TwinAfter |> ValueOption.exists (fun most -> count > most)
        exchangeTwin isTwin { state with Burst = struct (count, now) }

    /// Serves another table, such as the same one later.
    let withTable (table: Table) (state: AgentState) : AgentState = { state with Served = table }

    /// Takes on other vices; those that count begin to count anew.
    let withVices (vices: Vices) (state: AgentState) : AgentState =
        let options = { state.Settings with Vices = vices }
        { state with Settings = options; Regions = regionsOf options; Requests = 0; Answered = 0 }

    /// Lets the table's connections come and go until then.
    let advance (until: Instant) (state: AgentState) : struct (AgentState * TruthEvent list) =
        let struct (table, events) = Table.advance until state.Served
        struct (withTable table state, events)

    /// The gateway goes down at that instant with all its calls, and is back after that long: up-time from
    /// zero, one more engine boot, other core identities.
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

    /// The management agent alone restarts: the calls live on, up-time and stamps begin anew.
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

    /// One more engine boot while everything goes on: net-snmp does it when it reads its configuration again.
    let reload (state: AgentState) : AgentState =
        { state with Clocks = { state.Clocks with Boots = state.Clocks.Boots + 1 } }

    /// From now on the up-time reads as if the agent had been up for that long; every stamp with it.
    let setUptime (uptime: TimeSpan) (now: Instant) (state: AgentState) : AgentState =
        { state with Clocks = { state.Clocks with Booted = now; UptimeAtBoot = uptime } }

    /// Gives every row another index.
    let renumber (state: AgentState) : AgentState =
        { state with Clocks = { state.Clocks with Renumbered = state.Clocks.Renumbered + 1 } }

    /// What an audit would call a connection of this agent now.
    let identify (connection: SimConnection) (state: AgentState) : Identity =
        state.Settings.Mib.Identity state.Clocks connection

    /// Drops the rows that it keeps from request to request; the next one makes them anew.
    let forgetRows (state: AgentState) : AgentState = { state with Rows = ValueNone }
