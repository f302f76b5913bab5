/// What a host does about a unit, whatever happens: the ownership that it may have in the database is never forgotten.
module CallServer.Tests.Units.UnitMachineTests

open CallServer.Units
open CallServer.Tests

/// How a claim ends. One that is not answered may have been carried out.
type private Claimed =
    | Wins
    | Loses
    | GoesUnheard of wins: bool

/// What may happen; the machine's own requests are answered in their order.
type private Happening =
    | Placed
    | TakenAway
    | ClaimEnds of Claimed
    | HandOverEnds of heard: bool
    | Written
    | TimePasses

/// The database's side, and what the host has still to answer.
type private World = { State: UnitState; Owns: bool; Epoch: int64; Wakes: int }

let private tell (event: UnitEvent) (world: World) : World =
    let state, commands = UnitMachine.advance event world.State

    { world with
        State = state
        Wakes = world.Wakes + (commands |> Seq.filter _.IsWakeLater |> Seq.length) }

let private happen (world: World) (happening: Happening) : World =
    match happening, world.State with
    | Placed, _ -> tell Want world
    | TakenAway, _ -> tell GiveUp world
    | ClaimEnds Wins, Claiming _ ->
        let epoch = world.Epoch + 1L
        { world with Owns = true; Epoch = epoch } |> tell (Taken epoch)
    // It has what it claims: nobody else can have it.
    | ClaimEnds Loses, Claiming _ when not world.Owns -> tell NotTaken world
    | ClaimEnds(GoesUnheard wins), Claiming _ ->
        { world with
            Owns = world.Owns || wins
            Epoch = (if wins then world.Epoch + 1L else world.Epoch) }
        |> tell Unanswered
    | HandOverEnds heard, HandingOver(epoch, _) ->
        let world = { world with Owns = world.Owns && world.Epoch <> epoch }
        tell (if heard then HandedOver epoch else NotHandedOver epoch) world
    | Written, Leaving(epoch, _) -> tell (Flushed epoch) world
    | TimePasses, _ when world.Wakes > 0 -> { world with Wakes = world.Wakes - 1 } |> tell Woke
    | _ -> world

let private atFirst = { State = Free; Owns = false; Epoch = 0L; Wakes = 0 }

let ``a host that has nothing of a unit does not own it in the database either`` =
    lawBy (Laws.plain |> Laws.times 5000) (fun (happenings: Happening list) ->
        (atFirst, happenings)
        ||> List.scan happen
        |> List.forall (fun world ->
            match world.State with
            | Free
            | Waiting -> not world.Owns
            | Claiming _
            | Unsure _
            | Held _
            | Leaving _
            | HandingOver _ -> true))

let ``whatever has happened, a unit that is not placed here is free in the end`` =
    lawBy (Laws.plain |> Laws.times 2000) (fun (happenings: Happening list) ->
        let away = List.fold happen atFirst (happenings @ [ TakenAway ])

        let settle world =
            [ ClaimEnds Loses; ClaimEnds Wins; HandOverEnds true; Written; TimePasses ]
            |> List.fold happen world

        let settled = Seq.fold (fun world _ -> settle world) away [ 1..20 ]
        settled.State = Free && not settled.Owns)

let ``a claim that was not answered is claimed again, and given back if nobody wants the unit any more`` =
    example (fun () ->
        let after event state = UnitMachine.advance event state
        after Unanswered (Claiming false) |> Check.equal (Unsure false, [ WakeLater ])
        after Woke (Unsure false) |> Check.equal (Claiming false, [ Claim ])
        after (Taken 7L) (Claiming false) |> Check.equal (HandingOver(7L, false), [ HandOver 7L ])
        after Want (Unsure false) |> Check.equal (Unsure true, [])
        after GiveUp (Unsure true) |> Check.equal (Unsure false, []))
