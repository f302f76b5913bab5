namespace CallServer.Units

/// What a host has of one unit of the fleet's gateways.
type UnitState =
    /// Nothing, and it wants nothing.
    | Free
    /// A claim is under way; if not wanted any more, what it takes is handed over at once.
    | Claiming of wanted: bool
    /// Somebody else has it: it claims again when it is woken.
    | Waiting
    /// A claim was not answered, so it may have taken the unit: whether wanted or not, it claims again when it is woken. A unit
    /// that a host owns and does not know of would be asked by nobody as long as that host lives.
    | Unsure of wanted: bool
    /// It asks and writes under this epoch.
    | Held of epoch: int64
    /// It asks nobody, and writes what is left. If wanted again meanwhile it goes through a new claim.
    | Leaving of epoch: int64 * wanted: bool
    /// Everything is written, and the ownership is being given up.
    | HandingOver of epoch: int64 * wanted: bool

/// What happens to a host's unit.
type UnitEvent =
    /// The fleet places the unit here, or takes it away.
    | Want
    | GiveUp
    /// The answers to a claim.
    | Taken of epoch: int64
    | NotTaken
    /// The claim was not answered, and may have been carried out.
    | Unanswered
    /// The answer to a commit: another host has claimed the unit.
    | Refused of epoch: int64
    /// Everything that was learnt under this epoch is written.
    | Flushed of epoch: int64
    /// The answers to a hand-over. A database that did not answer may have done it.
    | HandedOver of epoch: int64
    | NotHandedOver of epoch: int64
    /// The time after which to try again is over.
    | Woke

/// What a host is to do about its unit.
type UnitCommand =
    | Claim
    /// Take in the record that the claim has read, and begin to ask.
    | Begin of epoch: int64
    /// Ask nobody any more.
    | Stop of epoch: int64
    | Flush of epoch: int64
    | HandOver of epoch: int64
    /// Drop the record, and what of it is not written: it is another host's.
    | Forget of epoch: int64
    /// Wake it after a while.
    | WakeLater
    /// Tell whoever placed the unit here that another host has it.
    | TellRefused
    /// Tell who waits that the host has nothing of the unit any more.
    | TellFree

/// A unit as one host sees it. Which host is to have it is decided elsewhere, and who may write it by the database.
///
/// | state        | event            | does                                                     |
/// |--------------|------------------|----------------------------------------------------------|
/// | free         | want             | claims                                                   |
/// | claiming     | taken            | begins to ask; hands over at once if not wanted any more |
/// | claiming     | not taken        | waits, and claims again                                  |
/// | claiming     | unanswered       | waits, and claims again, also if not wanted any more     |
/// | held         | give up          | stops asking, and writes what is left                    |
/// | held         | refused          | stops asking at once, forgets, and tells                 |
/// | leaving      | flushed          | gives up the ownership                                   |
/// | leaving      | refused          | forgets: another host has it already                     |
/// | handing over | handed over      | is free, and claims again if wanted again                |
/// | handing over | not handed over  | waits, and tries again                                   |
///
/// What is about an earlier epoch changes nothing.
module UnitMachine =
    /// The epoch under which the host asks; ValueNone if it does not.
    let asks (state: UnitState) : int64 voption =
        match state with
        | Held epoch -> ValueSome epoch
        | Free
        | Claiming _
        | Waiting
        | Unsure _
        | Leaving _
        | HandingOver _ -> ValueNone

    /// The epoch under which it may still write; ValueNone if it holds nothing.
    let writes (state: UnitState) : int64 voption =
        match state with
        | Held epoch
        | Leaving(epoch, _) -> ValueSome epoch
        | Free
        | Claiming _
        | Waiting
        | Unsure _
        | HandingOver _ -> ValueNone

    /// Nothing is held any more: claims anew if that is wanted.
    let private freed (wanted: bool) : UnitState * UnitCommand list =
        if wanted then Claiming true, [ TellFree; Claim ] else Free, [ TellFree ]

    let private want (state: UnitState) : UnitState * UnitCommand list =
        match state with
        | Free -> Claiming true, [ Claim ]
        | Claiming _ -> Claiming true, []
        | Unsure _ -> Unsure true, []
        | Leaving(epoch, _) -> Leaving(epoch, true), []
        | HandingOver(epoch, _) -> HandingOver(epoch, true), []
        | Waiting
        | Held _ -> state, []

    let private giveUp (state: UnitState) : UnitState * UnitCommand list =
        match state with
        | Free -> Free, [ TellFree ]
        | Claiming _ -> Claiming false, []
        | Unsure _ -> Unsure false, []
        | Waiting -> freed false
        | Held epoch -> Leaving(epoch, false), [ Stop epoch; Flush epoch ]
        | Leaving(epoch, _) -> Leaving(epoch, false), []
        | HandingOver(epoch, _) -> HandingOver(epoch, false), []

    let private refused (epoch: int64) (state: UnitState) : UnitState * UnitCommand list =
        match state with
        | Held held when held = epoch -> Free, [ Stop epoch; Forget epoch; TellRefused; TellFree ]
        | Leaving(held, wanted) when held = epoch ->
            let next, commands = freed wanted
            next, Forget epoch :: commands
        | Held _
        | Leaving _
        | Free
        | Claiming _
        | Waiting
        | Unsure _
        | HandingOver _ -> state, []

    /// The next state, and what to do in this order.
    let advance (event: UnitEvent) (state: UnitState) : UnitState * UnitCommand list =
        match event, state with
        | Want, _ -> want state
        | GiveUp, _ -> giveUp state
        | Refused epoch, _ -> refused epoch state
        | Taken epoch, Claiming true -> Held epoch, [ Begin epoch ]
        | Taken epoch, Claiming false -> HandingOver(epoch, false), [ HandOver epoch ]
        | NotTaken, Claiming true -> Waiting, [ WakeLater ]
        | NotTaken, Claiming false -> freed false
        | Unanswered, Claiming wanted -> Unsure wanted, [ WakeLater ]
        | Woke, Waiting -> Claiming true, [ Claim ]
        | Woke, Unsure wanted -> Claiming wanted, [ Claim ]
        | Woke, HandingOver(epoch, _) -> state, [ HandOver epoch ]
        | Flushed epoch, Leaving(held, wanted) when held = epoch ->
            HandingOver(epoch, wanted), [ Forget epoch; HandOver epoch ]
        | HandedOver epoch, HandingOver(held, wanted) when held = epoch -> freed wanted
        | NotHandedOver epoch, HandingOver(held, _) when held = epoch -> state, [ WakeLater ]
        | (Taken _ | NotTaken | Unanswered | Woke | Flushed _ | HandedOver _ | NotHandedOver _), _ ->
            state, []
