// The start of every script here that uses the libraries: #load "load.fsx". Build first: dotnet build -c Release
#r "../src/CallServer.Wire/bin/Release/net10.0/CallServer.Wire.dll"
#r "../src/CallServer.Core/bin/Release/net10.0/CallServer.Core.dll"
#r "../src/CallServer.Gateway/bin/Release/net10.0/CallServer.Gateway.dll"

open System
open System.Collections.Generic
open System.Diagnostics
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Exchange
open CallServer.Protocols.Snmp
open CallServer.Protocols.Mgcp
open CallServer.Protocols.Ng
open CallServer.Protocols.Sip
open CallServer.Gateway

[<Struct>]
type Letter =
    | ToGateway of request: byte[]
    | ToAuditor of reply: byte[]
    | WakeUp

/// Carries datagrams between an auditor and a gateway over a path, in virtual time, and counts them.
type Post(path: BadNetwork, start: Instant, seed: uint64) =
    let queue = PriorityQueue<Letter, struct (int64 * int)>()
    let mutable rng = Rng.create seed
    let mutable count = 0

    let put (at: Instant) letter =
        count <- count + 1
        queue.Enqueue(letter, struct (at.Micros, count))

    let send quality (at: Instant) letter =
        let struct (arrivals, rest) = BadNetwork.deliver at quality rng
        rng <- rest
        arrivals |> List.iter (fun arrival -> put arrival letter)

    member val Now = start with get, set
    /// Octets of the datagrams to the gateway so far.
    member val Asked = 0L with get, set
    /// Octets of the datagrams to the auditor so far.
    member val Answered = 0L with get, set
    /// Time that the auditor took so far, by the machine's clock.
    member val Busy = TimeSpan.Zero with get, set

    member post.ToGateway(datagram: byte[]) =
        post.Asked <- post.Asked + int64 datagram.Length
        send path.ToGateway post.Now (ToGateway datagram)

    member post.ToAuditor(after: TimeSpan, datagram: byte[]) =
        post.Answered <- post.Answered + int64 datagram.Length
        send path.ToAuditor (post.Now + after) (ToAuditor datagram)

    member post.WakeAt(instant: Instant) = put (Instant.max post.Now instant) WakeUp

    /// Delivers until the audit is over.
    member post.Run
        (isOver: unit -> bool, gateway: byte[] -> unit, auditor: byte[] -> unit, wake: unit -> unit)
        =
        let timed work =
            let began = Stopwatch.GetTimestamp()
            work ()
            post.Busy <- post.Busy + Stopwatch.GetElapsedTime began

        while not (isOver ()) do
            let mutable letter = Unchecked.defaultof<_>
            let mutable due = Unchecked.defaultof<_>

            if not (queue.TryDequeue(&letter, &due)) then
                failwith "the audit waits for nothing"

            let struct (micros, _) = due
            post.Now <- Instant.max post.Now (Instant.ofMicros micros)

            match letter with
            | ToGateway request -> gateway request
            | ToAuditor reply -> timed (fun () -> auditor reply)
            | WakeUp -> timed wake

/// One audit of a simulated gateway by post; returns the snapshot, what the audit leaves to the next one, and the
/// gateway afterwards.
let auditBy
    (post: Post)
    (target: SnmpTarget)
    (memory: SnmpAudit.Memory)
    (agent: AgentState)
    (seed: uint64)
    : Snapshot * SnmpAudit.Memory * AgentState =
    let mutable agent = agent
    let mutable finished = None

    let carryOut commands =
        for command in commands do
            match command with
            | Send datagram -> post.ToGateway datagram
            | WakeAt instant -> post.WakeAt instant
            | Finished snapshot -> finished <- Some snapshot
            | Connect
            | Write _
            | Told _ -> failwith "SNMP asks for datagrams alone"

    let mutable state, commands =
        SnmpAudit.start target memory (Moment.at post.Now) (Rng.create (seed + 1UL))

    carryOut commands

    let step event =
        let next, commands = SnmpAudit.advance event state
        state <- next
        carryOut commands

    let answer request =
        let struct (advanced, _) = AgentState.advance post.Now agent
        let struct (answered, replies) = SnmpAgent.respond post.Now request advanced
        agent <- answered

        for reply in replies do
            post.ToAuditor(reply.After, reply.Datagram)

    post.Run(
        (fun () -> finished.IsSome),
        answer,
        (fun reply -> step (Received(Moment.at post.Now, reply))),
        (fun () -> step (Woke(Moment.at post.Now)))
    )

    finished.Value, SnmpAudit.memory state, agent

/// The same over a path, for whoever needs no figures of it; returns the time by then, too.
let auditOnce (path: BadNetwork) target memory (agent: AgentState) (now: Instant) (seed: uint64) =
    let post = Post(path, now, seed)
    let snapshot, left, after = auditBy post target memory agent seed
    snapshot, left, after, post.Now

/// How to ask a simulated gateway with this profile.
let target name profile : SnmpTarget =
    { Gateway = GatewayId.create name
      Credentials = Community "public"B
      Profile = Profiles.tryFind profile
      Candidates = Profiles.builtIn.Value
      Timeout = TimeSpan.FromSeconds 1.0
      Attempts = 4
      FactsEvery = 1 }
