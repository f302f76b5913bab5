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
        /// sysUpTime when the simulation begins. Time stamps of what happened before are counted backwards from it.
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
          // net-snmp's enterprise number with the form of octets chosen by the administrator (RFC 3411, SnmpEngineID).
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
        { Settings: AgentOptions
          Served: Table
          Clocks: AgentClock
          Regions: Region[]
          Rows: Rows voption
          Keys: struct (UsmUser * Lazy<LocalKeys>)[]
          UsmStats: uint32[]
          Salt: uint64
          Requests: int
          Answered: int
          Counted: struct (int * Instant)
          SilentUntil: Instant }

    member this.Options = this.Settings
    member this.Table = this.Served
    member this.Clock = this.Clocks
    /// Requests that it heard and understood, answered or not.
    member this.Heard = this.Requests

module SnmpAgent =
    let private regionsOf (options: AgentOptions) =
        SnmpView.regions
            (AgentMib.scalars options.Name options.Mib options.MaxMessage @ options.Mib.Scalars)
            options.Mib.Tables
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
          Keys = keysOf options
          UsmStats = Array.zeroCreate UsmReport.all.Length
          Salt = 1UL
          Requests = 0
          Answered = 0
          Counted = struct (table.Count, table.Now)
          SilentUntil = Instant.distantPast }

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

    /// The gateway goes down at that instant with all its calls, and is back after that long: up-time from zero, one more
    /// engine boot, other core identities.
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
                    Served = Table.rest back table
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

    let private refreshed (now: Instant) (state: AgentState) : struct (AgentState * Rows) =
        let layout = state.Settings.Mib.Layout

        let rows =
            match state.Rows with
            | ValueSome rows -> Rows.refresh layout state.Clocks now state.Served rows
            | ValueNone -> Rows.build layout state.Clocks now state.Served

        let struct (_, countedAt) = state.Counted

        let counted =
            match state.Settings.Vices.Counting with
            | LagsBy lag when now < countedAt + lag -> state.Counted
            | LagsBy _
            | Honest
            | OffBy _ -> struct (state.Served.Count, now)

        struct ({ state with Rows = ValueSome rows; Counted = counted }, rows)

    let private sight (now: Instant) (state: AgentState) : Sight =
        let struct (counted, _) = state.Counted

        { Now = now
          Clock = state.Clocks
          Counted =
            (match state.Settings.Vices.Counting with
             | OffBy error -> max 0 (counted + error)
             | Honest
             | LagsBy _ -> counted)
          EngineId = state.Settings.EngineId
          UsmStats = state.UsmStats }

    let private isMissing (vices: Vices) : uint32 -> SimConnection -> bool =
        match vices.MissingCells with
        | ValueNone -> fun _ _ -> false
        | ValueSome every ->
            fun arc connection ->
                let mixed = (uint64 connection.Serial * 31UL + uint64 arc) * 0x9E3779B97F4A7C15UL
                (mixed >>> 40) % uint64 (max 1 every) = 0UL

    /// The reply to a request that was understood and allowed, in so many octets of variable bindings.
    let private answer
        (now: Instant)
        (room: int)
        (pdu: Pdu)
        (state: AgentState)
        : struct (AgentState * Pdu voption) =
        let vices = state.Settings.Vices
        let state = { state with Requests = state.Requests + 1 }

        let state =
            match vices.RenumbersEvery with
            | ValueSome every when state.Requests % max 1 every = 0 -> renumber state
            | ValueSome _
            | ValueNone -> state

        let struct (state, rows) = refreshed now state

        let view =
            { Regions = state.Regions
              Rows = rows.Items
              Sight = sight now state
              IsMissing = isMissing vices }

        let fitting (varBinds: VarBind[]) =
            if Array.sumBy Sizes.varBind varBinds > room then
                Pdu.errorResponse pdu.RequestId ErrorStatus.TooBig 0 [||]
            else
                Pdu.response pdu.RequestId varBinds

        let reply =
            match pdu.Kind, vices.ErrorEvery with
            | (Get | GetNext | GetBulk), ValueSome(struct (every, status)) when
                state.Requests % max 1 every = 0
                ->
                ValueSome(Pdu.errorResponse pdu.RequestId status 1 pdu.VarBinds)
            | Get, _ -> ValueSome(fitting (Answers.get view pdu))
            | GetNext, _ -> ValueSome(fitting (Answers.getNext vices view pdu))
            | GetBulk, _ -> ValueSome(Pdu.response pdu.RequestId (Answers.getBulk vices view room pdu))
            | Set, _ -> ValueSome(Pdu.errorResponse pdu.RequestId ErrorStatus.NotWritable 1 pdu.VarBinds)
            | (Response | Report | TrapV2 | Inform), _ -> ValueNone

        match reply, vices.AnswersOnly with
        | ValueSome _, ValueSome most when state.Answered >= most -> struct (state, ValueNone)
        | ValueSome reply, _ ->
            let reply =
                if vices.WrongRequestIds then
                    { reply with RequestId = reply.RequestId ^^^ 0x5A5A }
                else
                    reply

            struct ({ state with Answered = state.Answered + 1 }, ValueSome reply)
        | ValueNone, _ -> struct (state, ValueNone)

    let private sent (varBinds: int) (datagram: byte[]) (state: AgentState) : Reply list =
        let vices = state.Settings.Vices

        match vices.SilentAbove with
        | ValueSome most when datagram.Length > most -> []
        | ValueSome _
        | ValueNone ->
            [ { After = vices.DelayPerRequest + float varBinds * vices.DelayPerVarBind
                Datagram = datagram } ]

    let private respondV2c
        now
        (community: byte[])
        (pdu: Pdu)
        (state: AgentState)
        : struct (AgentState * Reply list) =
        let isOurs =
            match state.Settings.Community with
            | ValueSome expected -> Encoding.UTF8.GetBytes expected = community
            | ValueNone -> false

        if not isOurs then
            struct (state, [])
        else
            let room = state.Settings.MaxMessage - 48 - community.Length
            let struct (state, reply) = answer now room pdu state

            match reply with
            | ValueNone -> struct (state, [])
            | ValueSome reply ->
                let datagram = Snmp.encode (V2c(community, reply))

                let datagram =
                    if state.Settings.Vices.OddNumbers then
                        OddNumbers.rewrite datagram
                    else
                        datagram

                struct (state, sent reply.VarBinds.Length datagram state)

    let private requestIdOf (message: V3Message) : int =
        match message.Data with
        | Plain scoped -> scoped.Pdu.RequestId
        | Encrypted _ -> 0

    /// A message of ours in answer to that one, without protection yet.
    let private back (request: V3Message) (level: SecurityLevel) (pdu: Pdu) (state: AgentState) : V3Message =
        let scoped =
            match request.Data with
            | Plain scoped -> { scoped with Pdu = pdu }
            | Encrypted _ -> { ContextEngineId = state.Settings.EngineId; ContextName = [||]; Pdu = pdu }

        { MessageId =
            (if state.Settings.Vices.WrongRequestIds then
                 request.MessageId ^^^ 0x5A5A
             else
                 request.MessageId)
          MaxSize = state.Settings.MaxMessage
          Reportable = false
          Level = level
          SecurityModel = SecurityModel.Usm
          Security =
            { UsmParameters.empty with
                EngineId = state.Settings.EngineId
                UserName = request.Security.UserName }
          Data = Plain { scoped with ContextEngineId = state.Settings.EngineId } }

    let private secured
        now
        (keys: LocalKeys)
        (message: V3Message)
        (state: AgentState)
        : struct (AgentState * byte[]) =
        let time = AgentClock.engineTime now state.Clocks
        let octets = Usm.secure keys state.Clocks.Boots time state.Salt message
        struct ({ state with Salt = state.Salt + 1UL }, octets)

    /// Counts what is wrong with a message, and reports it where its sender wants that (RFC 3414 section 3.2).
    let private reported
        now
        (request: V3Message)
        (report: UsmReport)
        (keys: LocalKeys voption)
        (state: AgentState)
        =
        let place = Array.IndexOf(UsmReport.all, report)
        let stats = Array.copy state.UsmStats
        stats[place] <- stats[place] + 1u
        let state = { state with UsmStats = stats }

        let isMute =
            match state.Settings.Vices.AnswersOnly with
            | ValueSome most -> state.Answered >= most
            | ValueNone -> false

        if not request.Reportable || isMute then
            struct (state, [])
        else
            let pdu =
                Pdu.report
                    (requestIdOf request)
                    [| VarBind.create (UsmReport.oid report) (Counter32 stats[place]) |]

            match keys with
            | ValueSome keys ->
                // notInTimeWindows is told with authentication, so that the clock may be believed.
                let struct (state, octets) = secured now keys (back request AuthNoPriv pdu state) state
                struct (state, sent 1 octets state)
            | ValueNone ->
                let message = back request NoAuthNoPriv pdu state

                let message =
                    { message with
                        Security =
                            { message.Security with
                                EngineBoots = state.Clocks.Boots
                                EngineTime = AgentClock.engineTime now state.Clocks } }

                struct (state, sent 1 (Snmp.encode (V3 message)) state)

    let private clockNow now (state: AgentState) : EngineClock =
        let time = AgentClock.engineTime now state.Clocks
        { Boots = state.Clocks.Boots; Time = time; LatestReceived = time }

    let private allowed now (message: V3Message) (scoped: ScopedPdu) (keys: LocalKeys) (state: AgentState) =
        let overhead = 200 + 2 * state.Settings.EngineId.Length + keys.User.Length + scoped.ContextName.Length
        let room = min state.Settings.MaxMessage message.MaxSize - overhead

        let struct (state, reply) =
            if message.Level < keys.Level then
                let refusal =
                    Pdu.errorResponse
                        scoped.Pdu.RequestId
                        ErrorStatus.AuthorizationError
                        0
                        scoped.Pdu.VarBinds

                struct (state, ValueSome refusal)
            else
                answer now room scoped.Pdu state

        match reply with
        | ValueNone -> struct (state, [])
        | ValueSome reply ->
            let request = { message with Data = Plain scoped }
            let struct (state, octets) = secured now keys (back request message.Level reply state) state
            struct (state, sent reply.VarBinds.Length octets state)

    let private respondV3 now (message: V3Message) (datagram: byte[]) (state: AgentState) =
        let report reason = reported now message reason ValueNone state

        let user =
            state.Keys |> Array.tryFind (fun (struct (user, _)) -> user.Name = message.Security.UserName)

        if message.Security.EngineId <> state.Settings.EngineId then
            report UnknownEngineIds
        else
            match user with
            | None -> report UnknownUserNames
            | Some(struct (_, keys)) ->
                let keys = keys.Value

                if message.Level > keys.Level then
                    report UnsupportedSecLevels
                else
                    let inWindow =
                        message.Level = NoAuthNoPriv
                        || TimeWindow.judgeAtAuthority
                            (clockNow now state)
                            message.Security.EngineBoots
                            message.Security.EngineTime

                    match Usm.verifyFrom message.Level keys datagram with
                    | Ok verified ->
                        match verified.Data with
                        | Plain scoped when inWindow -> allowed now verified scoped keys state
                        | Plain _ -> reported now verified NotInTimeWindows (ValueSome keys) state
                        | Encrypted _ -> report DecryptionErrors
                    | Error WrongDigest -> report WrongDigests
                    | Error Undecryptable ->
                        if inWindow then
                            report DecryptionErrors
                        else
                            reported now message NotInTimeWindows (ValueSome keys) state
                    | Error(UnsupportedLevel _)
                    | Error(LevelTooLow _) -> report UnsupportedSecLevels
                    | Error(WrongUser _) -> report UnknownUserNames
                    | Error(WrongEngine _) -> report UnknownEngineIds
                    | Error(Malformed _)
                    | Error NotVersion3 -> struct (state, [])

    /// The agent after a datagram, and its replies: none or one. Never throws, whatever the octets. The table is as it
    /// is: call `advance` first.
    let respond (now: Instant) (datagram: byte[]) (state: AgentState) : struct (AgentState * Reply list) =
        if now < state.SilentUntil then
            struct (state, [])
        else
            match Snmp.decode datagram with
            | Error _ -> struct (state, [])
            | Ok(V2c(community, pdu)) -> respondV2c now community pdu state
            | Ok(V3 message) -> respondV3 now message datagram state
