namespace CallServer.Surface

open System
open CallServer.Model
open CallServer.Roles

/// How often the gateways are audited.
type AuditPace =
    | Full = 0
    | Slow = 1
    | None = 2

/// What one server tells the other in a heartbeat, and in the answer to one.
[<NoComparison>]
type GreetingView =
    {
        Server: string
        Epoch: int
        /// joining, primary, active, standby.
        Role: string
        HandsOver: bool
        /// An operator gave it this epoch for both.
        Anew: bool
        /// How long a standby waits, from the one that is configured as a backup, else null: milliseconds between two heartbeats,
        /// and how many may be missed.
        HeartbeatMs: Nullable<int64>
        Misses: Nullable<int>
    }

/// What was decided when a server took over.
[<NoComparison>]
type TakeoverDecision =
    {
        Epoch: int
        /// peer-silent, nobody-acted, handed-over, operator.
        Cause: string
        At: Instant
        /// When the server that acted before was last heard to act; null where this one never heard it.
        LastHeard: Nullable<Instant>
    }

/// What the role machine asks of the host, one method a command, so that a new command breaks the host's build.
type IRoleSink =
    /// Send a heartbeat with the present greeting to this address.
    abstract AskPeer: url: string -> unit
    /// Call Tick at this instant of the steady clock; replaces an earlier one.
    abstract WakeAt: instant: Instant -> unit
    /// Keep this over a restart, on the disk when this returns; a disk that fails holds nothing up.
    abstract Keep: epoch: int * acts: bool -> unit
    /// Audit and write CDRs like this from now on; where they are not written they are held.
    abstract Assume: pace: AuditPace * writesCdrs: bool -> unit
    /// Ask the gateways that can tell who controls them, and log it: a takeover may follow.
    abstract LookAround: unit -> unit
    /// Audit every gateway at once, and report what came of it.
    abstract Recover: takeover: TakeoverDecision -> unit
    abstract Say: what: string -> unit
    /// The answer to an order: null where it is carried out, else why not.
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

    /// It stands in logs and in the store.
    let isPlain (text: string) limit =
        not (String.IsNullOrEmpty text) && text.Length <= limit && not (Seq.exists Char.IsControl text)

    /// Nothing where it is none that a configuration could have.
    let patience (heartbeatMs: Nullable<int64>) (misses: Nullable<int>) : Patience voption =
        match ValueOption.ofNullable heartbeatMs, ValueOption.ofNullable misses with
        | ValueSome heartbeat, ValueSome misses when
            heartbeat >= 1L && heartbeat <= 3_600_000L && misses >= 1 && misses <= 100
            ->
            ValueSome { Heartbeat = TimeSpan.FromMilliseconds(float heartbeat); Misses = misses }
        | _ -> ValueNone

/// One server of a pair as a machine without clock or connection; each call gives the next machine. One event in, all commands
/// out, then the next event.
[<Sealed; AllowNullLiteral>]
type ServerRole private (state: RoleState, commands: RoleCommand list) =
    /// The highest epoch of all.
    static member HighestEpoch = RoleMachine.highestEpoch

    /// The first event of a server. Heartbeat above zero, misses at least 1; longest wait: what a patience that the other one tells
    /// is cut to; the peer's address and what was kept may be null and 0 where nothing is known. A server that is no backup and has
    /// no peer acts at once.
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

    /// primary, standby, active.
    member _.Role = string state.Role
    /// It has decided what it is.
    member _.Decided = state.Role <> Joining
    member _.Acts = state.Role.Acts
    member _.Epoch = state.Epoch
    /// Where the other one can be asked; null where nobody is known.
    member _.Peer: string = if state.Peer = "" then null else state.Peer

    /// What it tells the other one now.
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

    member this.Tick(now: Instant) = this.After(Woke now)

    /// The peer answered a heartbeat, or sent one. Null where what it said is no greeting: that counts as nothing heard.
    /// A patience that is none counts as not told.
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

    member this.TakeOver(now: Instant) = this.After(Ordered(now, Order.TakeOver))

    /// Acts under this epoch, whatever its own was, and has the other one agree on it.
    member this.ActUnder(now: Instant, epoch: int) = this.After(Ordered(now, Order.ActUnder epoch))

    member this.StepDown(now: Instant) = this.After(Ordered(now, Order.StepDown))

    /// Calls the sink once per command of the last event, in order.
    member _.Dispatch(sink: IRoleSink) =
        for command in commands do
            match command with
            | AskPeer url -> sink.AskPeer url
            | WakeAt instant -> sink.WakeAt instant
            | Keep(epoch, acts) -> sink.Keep(epoch, acts)
            | Assume duty ->
                let pace =
                    match duty.Pace with
                    | AtFullPace -> AuditPace.Full
                    | Slowly -> AuditPace.Slow
                    | NotAtAll -> AuditPace.None

                sink.Assume(pace, duty.WritesCdrs)
            | LookAround -> sink.LookAround()
            | Recover takeover ->
                sink.Recover
                    { Epoch = takeover.Epoch
                      Cause = string takeover.Cause
                      At = takeover.At
                      LastHeard = ValueOption.toNullable takeover.LastHeard }
            | Say what -> sink.Say what
            | Answer refusal -> sink.Answer(ValueOption.toObj refusal)
