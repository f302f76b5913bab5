namespace CallServer.Surface

open CallServer.Units

/// What a unit asks its host to do: one method per command, so that a new command breaks the host's build.
type IUnitSink =
    /// Claim the unit, and answer with Taken, NotTaken or Unanswered.
    abstract Claim: unit -> unit
    /// Take in the record that the claim has read, and begin to ask.
    abstract Begin: epoch: int64 -> unit
    /// Ask nobody any more.
    abstract Stop: epoch: int64 -> unit
    /// Write what is left, and answer with Flushed.
    abstract Flush: epoch: int64 -> unit
    /// Give up the ownership, and answer with HandedOver or NotHandedOver.
    abstract HandOver: epoch: int64 -> unit
    /// Drop the record, and what of it is not written.
    abstract Forget: epoch: int64 -> unit
    /// Call Wake after a while.
    abstract WakeLater: unit -> unit
    /// Whoever placed the unit here is to know that another host has it.
    abstract TellRefused: unit -> unit
    /// Whoever waits for it is to know that this host has nothing of the unit any more.
    abstract TellFree: unit -> unit

/// One unit of a fleet's gateways as one host sees it. Immutable: each event gives the next one.
[<Sealed>]
type FleetUnit private (state: UnitState, commands: UnitCommand list) =
    /// A unit of which the host has nothing.
    static member Free = FleetUnit(UnitState.Free, [])

    /// Whether the host has nothing of it, and wants nothing.
    member _.IsFree = state.IsFree
    /// The epoch under which its gateways are asked; 0 if they are not.
    member _.AsksUnder: int64 = UnitMachine.asks state |> ValueOption.defaultValue 0L
    /// The epoch under which the host may still write; 0 if it holds nothing.
    member _.WritesUnder: int64 = UnitMachine.writes state |> ValueOption.defaultValue 0L

    member private _.After(event: UnitEvent) = FleetUnit(UnitMachine.advance event state)

    /// The fleet places the unit here.
    member this.Want() = this.After Want
    /// The fleet takes it away.
    member this.GiveUp() = this.After GiveUp
    /// The claim succeeded.
    member this.Taken(epoch: int64) = this.After(Taken epoch)
    /// Somebody else has it.
    member this.NotTaken() = this.After NotTaken
    /// The claim was not answered, and may have been carried out.
    member this.Unanswered() = this.After Unanswered
    /// A commit under this epoch was refused.
    member this.Refused(epoch: int64) = this.After(Refused epoch)
    /// Everything that was learnt under this epoch is written.
    member this.Flushed(epoch: int64) = this.After(Flushed epoch)
    /// The ownership under this epoch is given up.
    member this.HandedOver(epoch: int64) = this.After(HandedOver epoch)
    /// The database did not answer.
    member this.NotHandedOver(epoch: int64) = this.After(NotHandedOver epoch)
    /// The time after which to try again is over.
    member this.Wake() = this.After Woke

    /// Calls the sink once for each command of the last event, in order.
    member _.Dispatch(sink: IUnitSink) =
        for command in commands do
            match command with
            | Claim -> sink.Claim()
            | Begin epoch -> sink.Begin epoch
            | Stop epoch -> sink.Stop epoch
            | Flush epoch -> sink.Flush epoch
            | HandOver epoch -> sink.HandOver epoch
            | Forget epoch -> sink.Forget epoch
            | WakeLater -> sink.WakeLater()
            | TellRefused -> sink.TellRefused()
            | TellFree -> sink.TellFree()
