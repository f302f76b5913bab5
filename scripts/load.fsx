// The start of every script here: #load "load.fsx". Build first: dotnet build -c Release
#r "../src/CallServer.Wire/bin/Release/net10.0/CallServer.Wire.dll"
#r "../src/CallServer.Core/bin/Release/net10.0/CallServer.Core.dll"
#r "../src/CallServer.Gateway/bin/Release/net10.0/CallServer.Gateway.dll"

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Exchange
open CallServer.Protocols.Snmp
open CallServer.Protocols.Mgcp
open CallServer.Protocols.Ng
open CallServer.Protocols.Sip
open CallServer.Gateway

/// One audit of a simulated gateway over a path, in virtual time; returns the snapshot, the gateway afterwards, and
/// the time by then.
let auditOnce
    (path: BadNetwork)
    (target: SnmpTarget)
    (memory: SnmpAudit.Memory)
    (agent: AgentState)
    (now: Instant)
    (seed: uint64)
    =
    let queue = Collections.Generic.PriorityQueue<Choice<byte[], byte[], unit>, struct (int64 * int)>()
    let mutable rng = Rng.create seed
    let mutable count = 0
    let mutable agent = agent
    let mutable now = now
    let mutable finished = None

    let put (at: Instant) what =
        count <- count + 1
        queue.Enqueue(what, struct (at.Micros, count))

    let send quality (at: Instant) what =
        let struct (arrivals, rest) = BadNetwork.deliver at quality rng
        rng <- rest
        arrivals |> List.iter (fun arrival -> put arrival what)

    let carryOut commands =
        for command in commands do
            match command with
            | Send datagram -> send path.ToGateway now (Choice1Of3 datagram)
            | WakeAt instant -> put (Instant.max now instant) (Choice3Of3())
            | Finished snapshot -> finished <- Some snapshot
            | Connect
            | Write _
            | Told _ -> failwith "SNMP asks for datagrams alone"

    let mutable state, commands = SnmpAudit.start target memory (Moment.at now) (Rng.create (seed + 1UL))
    carryOut commands

    while finished.IsNone do
        let mutable what = Unchecked.defaultof<_>
        let mutable due = Unchecked.defaultof<_>

        if not (queue.TryDequeue(&what, &due)) then
            failwith "the audit waits for nothing"

        let struct (micros, _) = due
        now <- Instant.max now (Instant.ofMicros micros)

        let step event =
            let next, commands = SnmpAudit.advance event state
            state <- next
            carryOut commands

        match what with
        | Choice1Of3 request ->
            let struct (advanced, _) = AgentState.advance now agent
            let struct (answered, replies) = SnmpAgent.respond now request advanced
            agent <- answered

            for reply in replies do
                send path.ToAuditor (now + reply.After) (Choice2Of3 reply.Datagram)
        | Choice2Of3 reply -> step (Received(Moment.at now, reply))
        | Choice3Of3() -> step (Woke(Moment.at now))

    finished.Value, SnmpAudit.memory state, agent, now

/// How to ask a simulated gateway with this profile.
let target name profile : SnmpTarget =
    { Gateway = GatewayId.create name
      Credentials = Community "public"B
      Profile = Profiles.tryFind profile
      Candidates = Profiles.builtIn.Value
      Timeout = TimeSpan.FromSeconds 1.0
      Attempts = 4 }
