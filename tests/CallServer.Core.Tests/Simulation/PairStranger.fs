namespace CallServer.Tests.Simulation

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Roles

/// Somebody on the network between the servers who does not have their secret: reads everything, replays what it
/// heard, invents questions, and answers before the other server does.
type PairStranger(clock: Clockwork, names: string[], servers: PairServer[]) =
    let dice = clock.Dice
    let letters = ResizeArray<struct (int * Letter)>()
    let replies = Dictionary<PairVerb, ResizeArray<Reply>>()
    let longestMemory = 500
    let mutable forges = false
    let mutable repeats = false

    let keep (list: ResizeArray<_>) item =
        if list.Count < longestMemory then
            list.Add item
        else
            list[dice.Below longestMemory] <- item

    let noise length : byte[] = Array.init length (fun _ -> byte (dice.Below 256))

    /// The greeting that would do most harm if it were believed.
    let greeting (from: int) : Greeting =
        let role = List.item (dice.Below 3) [ Primary; Active; Standby ]
        let epoch = List.item (dice.Below 4) [ 1; 5_000; 999_999_999; RoleMachine.highestEpoch ]

        { Server = (if dice.Chance 20 then "stranger" else names[from])
          Epoch = epoch
          Role = role
          HandsOver = dice.Chance 20
          Anew = dice.Chance 20
          Patience = ValueSome { Heartbeat = TimeSpan.FromHours 1.0; Misses = 100 } }

    /// Uses the challenge, which anybody gets who asks.
    let forge () =
        let to' = dice.Below 2

        if servers[to'].IsUp then
            let proof: QuestionProof =
                { From = names[1 - to']
                  Challenge = servers[to'].Challenge
                  Nonce = noise PairProof.challengeLength
                  Count = Int64.MaxValue
                  Mac = noise 32 }

            servers[to'].Asked({ Proof = proof; Says = Greets(greeting (1 - to')) }, ignore)

    let repeat () =
        if letters.Count > 0 then
            let struct (to', letter) = letters[dice.Below letters.Count]
            servers[to'].Asked(letter, ignore)

    let rec act () =
        if forges then
            forge ()

        if repeats then
            repeat ()

        if forges || repeats then
            clock.After(dice.Seconds(0.02, 0.2), act)

    let set (change: unit -> unit) =
        let idle = not (forges || repeats)
        change ()

        if idle then
            act ()

    /// Answers as the other server, or in its name if it is down.
    let answer (asker: int) (letter: Letter) (told: Reply -> unit) =
        let verb = Letters.verb letter.Says

        if forges && verb = Heartbeat then
            let proof: AnswerProof =
                { From = names[1 - asker]; Challenge = noise PairProof.challengeLength; Mac = noise 32 }

            told { Proof = proof; Status = 200; Says = Greets(greeting (1 - asker)) }

        if repeats then
            match replies.TryGetValue verb with
            | true, known -> told known[dice.Below known.Count]
            | _ -> ()

    member _.Forges
        with set on = set (fun () -> forges <- on)

    member _.Repeats
        with set on = set (fun () -> repeats <- on)

    /// A question passes by.
    member _.Carry (asker: int) (letter: Letter) (told: Reply -> unit) =
        let verb = Letters.verb letter.Says
        keep letters (struct (1 - asker, letter))
        answer asker letter told

        servers[1 - asker]
            .Asked(
                letter,
                fun reply ->
                    if not (replies.ContainsKey verb) then
                        replies[verb] <- ResizeArray()

                    keep replies[verb] reply
                    told reply
            )
