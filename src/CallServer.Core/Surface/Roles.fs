namespace CallServer.Surface

open System
open CallServer.Model
open CallServer.Polling
open CallServer.Roles

/// How often the gateways are audited.
type AuditPace =
    /// At every gateway's interval.
    | Full = 0
    /// Three times less often: a warm standby.
    | Slow = 1
    /// A cold standby: not at all, except gateways of which the record holds connections, as slowly as above.
    | None = 2

/// What one server tells the other in a heartbeat, and in the answer to one.
[<NoComparison>]
type GreetingView =
    {
        /// Its name: 1 to 255 characters.
        Server: string
        /// The highest epoch (fencing number) that it knows, at least 0.
        Epoch: int
        /// `joining`, `primary`, `active` or `standby`.
        Role: string
        /// Whether it hands over, so that the standby is to act.
        HandsOver: bool
        /// Whether an operator gave this epoch for both servers.
        Anew: bool
        /// Milliseconds between two heartbeats, if the server is configured as a backup; otherwise null.
        HeartbeatMs: Nullable<int64>
        /// How many heartbeats may be missed, 1 to 100; null if HeartbeatMs is.
        Misses: Nullable<int>
    }

/// What was decided when a server took over.
[<NoComparison>]
type TakeoverDecision =
    {
        /// The epoch under which it acts from now on.
        Epoch: int
        /// `peer-silent`, `nobody-acted`, `handed-over` or `operator`.
        Cause: string
        /// When it was decided, on the steady clock.
        At: Instant
        /// When the server that acted before was last heard to act; null if this one never heard it.
        LastHeard: Nullable<Instant>
    }

/// What the role machine asks its host to do: one method per command, so that a new command breaks the host's
/// build.
type IRoleSink =
    /// Send a heartbeat with the present greeting to this address.
    abstract AskPeer: url: string -> unit
    /// Call Tick at this instant of the steady clock. It replaces an earlier instant.
    abstract WakeAt: instant: Instant -> unit
    /// Keep this over a restart, on disk before this returns. If the disk fails, go on.
    abstract Keep: epoch: int * acts: bool -> unit
    /// Audit at this pace from now on, and write CDRs or hold them. `recovers` says that Recover follows, which
    /// audits every gateway.
    abstract Assume: pace: AuditPace * writesCdrs: bool * recovers: bool -> unit
    /// Ask the gateways that can say who controls them, and log it: a takeover may follow.
    abstract LookAround: unit -> unit
    /// Audit every gateway at once, and report what came of it.
    abstract Recover: takeover: TakeoverDecision -> unit
    /// Log this.
    abstract Say: what: string -> unit
    /// The answer to an operator's order: null if it is carried out, otherwise why not.
    abstract Answer: refusal: string -> unit

module private Greetings =
    let name role =
        match role with
        | Joining -> "joining"
        | Primary
        | Active
        | Standby -> string role

    let tryRole name =
        match name with
        | "joining" -> Some Joining
        | "primary" -> Some Primary
        | "active" -> Some Active
        | "standby" -> Some Standby
        | _ -> None

    /// Whether a text may appear in logs and in the store: 1 to `limit` characters, none of them a control
    /// character.
    let isPlain (text: string) limit =
        not (String.IsNullOrEmpty text) && text.Length <= limit && not (Seq.exists Char.IsControl text)

    /// The patience that these numbers state; ValueNone if no configuration could have it.
    let patience (heartbeatMs: Nullable<int64>) (misses: Nullable<int>) : Patience voption =
        match ValueOption.ofNullable heartbeatMs, ValueOption.ofNullable misses with
        | ValueSome heartbeat, ValueSome misses when
            heartbeat >= 1L && heartbeat <= 3_600_000L && misses >= 1 && misses <= 100
            ->
            ValueSome { Heartbeat = TimeSpan.FromMilliseconds(float heartbeat); Misses = misses }
        | _ -> ValueNone

/// One server of a pair as a machine without clock or connection. Each call gives the next machine. Feed it
/// one event, carry out all commands, then feed the next event.
[<Sealed; AllowNullLiteral>]
type ServerRole private (state: RoleState, commands: RoleCommand list) =
    /// The highest epoch there is.
    static member HighestEpoch = RoleMachine.highestEpoch

    /// The first state of a server. Throws ArgumentException unless `heartbeat` is above zero and `misses` at
    /// least 1. `longestWait` limits the patience that the other server sends. `keptEpoch` is 0 and
    /// `keptActed` null if nothing was kept; `peer` is null if no other server is known. A server that is no
    /// backup and has no peer acts at once.
    static member Start
        (
            now: Instant,
            name: string,
            heartbeat: TimeSpan,
            misses: int,
            longestWait: TimeSpan,
            cold: bool,
            isBackup: bool,
            keptEpoch: int,
            keptActed: Nullable<bool>,
            peer: string
        ) : ServerRole =
        if heartbeat <= TimeSpan.Zero || misses < 1 then
            invalidArg (nameof misses) "a heartbeat above zero, and at least one miss"

        let settings: RoleSettings =
            { Name = name
              Patience = { Heartbeat = heartbeat; Misses = misses }
              LongestWait = longestWait
              Readiness = (if cold then Cold else Warm)
              IsBackup = isBackup }

        let kept = { Epoch = keptEpoch; Acted = ValueOption.ofNullable keptActed }
        ServerRole(RoleMachine.start now kept (if isNull peer then "" else peer) settings)

    /// What `status` shows: `primary`, `active` or `standby`; `standby` until it has decided.
    member _.Role = string state.Role
    /// Whether it has decided its role.
    member _.Decided = state.Role <> Joining
    /// Whether it keeps the record and writes CDRs.
    member _.Acts = state.Role.Acts
    /// The highest epoch (fencing number) that it knows.
    member _.Epoch = state.Epoch
    /// Where the other server can be asked; null if no other is known.
    member _.Peer: string = if state.Peer = "" then null else state.Peer

    /// What it tells the other server now.
    member _.Greeting: GreetingView =
        let greeting = RoleMachine.greeting state

        { Server = greeting.Server
          Epoch = greeting.Epoch
          Role = Greetings.name greeting.Role
          HandsOver = greeting.HandsOver
          Anew = greeting.Anew
          HeartbeatMs =
            greeting.Patience
            |> ValueOption.map (fun patience -> int64 patience.Heartbeat.TotalMilliseconds)
            |> ValueOption.toNullable
          Misses = greeting.Patience |> ValueOption.map _.Misses |> ValueOption.toNullable }

    member private _.After(event: RoleEvent) = ServerRole(RoleMachine.advance event state)

    /// The wake-up time has passed.
    member this.Tick(now: Instant) = this.After(Woke now)

    /// The peer answered a heartbeat, or sent one. Null, if what it sent is no greeting, counts as nothing
    /// heard. A patience out of range is ignored.
    member this.Heard(now: Instant, greeting: GreetingView) : ServerRole =
        let role = if isNull (box greeting) then None else Greetings.tryRole greeting.Role

        match role with
        | Some role when
            Greetings.isPlain greeting.Server 255
            && greeting.Epoch >= 0
            && greeting.Epoch <= RoleMachine.highestEpoch
            ->
            this.After(
                Heard(
                    now,
                    { Server = greeting.Server
                      Epoch = greeting.Epoch
                      Role = role
                      HandsOver = greeting.HandsOver
                      Anew = greeting.Anew
                      Patience = Greetings.patience greeting.HeartbeatMs greeting.Misses }
                )
            )
        | _ -> null

    /// An operator orders it to act now, whether the other server is alive or not.
    member this.TakeOver(now: Instant) = this.After(Ordered(now, Order.TakeOver))

    /// An operator orders it to act under this epoch, whatever its own was, and to make the other server
    /// agree.
    member this.ActUnder(now: Instant, epoch: int) = this.After(Ordered(now, Order.ActUnder epoch))

    /// An operator orders it to hand over to its standby.
    member this.StepDown(now: Instant) = this.After(Ordered(now, Order.StepDown))

    /// Calls the sink once for each command of the last event, in order.
    member _.Dispatch(sink: IRoleSink) =
        for command in commands do
            match command with
            | AskPeer url -> sink.AskPeer url
            | WakeAt instant -> sink.WakeAt instant
            | Keep(epoch, acts) -> sink.Keep(epoch, acts)
            | Assume duty ->
                let pace =
                    match duty.Rate with
                    | Full -> AuditPace.Full
                    | Slow -> AuditPace.Slow
                    | Known -> AuditPace.None

                sink.Assume(
                    pace,
                    duty.WritesCdrs,
                    commands |> List.exists (fun (command: RoleCommand) -> command.IsRecover)
                )
            | LookAround -> sink.LookAround()
            | Recover takeover ->
                sink.Recover
                    { Epoch = takeover.Epoch
                      Cause = string takeover.Cause
                      At = takeover.At
                      LastHeard = ValueOption.toNullable takeover.LastHeard }
            | Say what -> sink.Say what
            | Answer refusal -> sink.Answer(ValueOption.toObj refusal)
