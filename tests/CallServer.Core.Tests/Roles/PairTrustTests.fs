/// Whom a server of a pair believes: the other server only, its present run only, and each proof only once.
module CallServer.Tests.Roles.PairTrustTests

open System
open System.Text
open CallServer.Roles
open CallServer.Tests
open CallServer.Tests.Roles.Build

let private secret = PairSecret.ofBytes (Encoding.ASCII.GetBytes "sixteen octets!!")
let private other = PairSecret.ofBytes (Encoding.ASCII.GetBytes "sixteen octets!?")
let private random (n: int) : byte[] = Array.create PairProof.challengeLength (byte n)
let private trust name secret = PairTrust.start name secret (at 0) (random 1) 1000L
let private content = Encoding.ASCII.GetBytes """{"server":"a"}"""

/// "a", which has heard the challenge that "b" gives.
let private asker () = { trust "a" secret with Theirs = random 1 }

let private judge milliseconds verb proof content trust =
    PairTrust.judge (at milliseconds) verb proof content trust

let private refusal (result: Result<PairTrust, PairRefusal>) =
    match result with
    | Ok _ -> None
    | Error refusal -> Some refusal

let ``a question and its answer are believed`` =
    example (fun () ->
        let struct (proof, _) = PairTrust.ask Heartbeat (random 9) content (asker ())
        let heard = judge 100 Heartbeat proof content (trust "b" secret)
        same None (refusal heard)
        let answer = PairTrust.answer Heartbeat (random 9) 200 content (trust "b" secret)
        let after = PairTrust.hear Heartbeat (random 9) 200 content answer (trust "a" secret)
        same (Ok { trust "a" secret with Theirs = random 1 }) after)

let ``who has no challenge yet is refused, and the refusal brings one`` =
    example (fun () ->
        let struct (proof, asker) = PairTrust.ask Heartbeat (random 9) content (trust "a" secret)
        let b = trust "b" secret
        same (Some StaleChallenge) (judge 0 Heartbeat proof content b |> refusal)
        let refused = PairTrust.answer Heartbeat (random 9) 401 [||] b

        match PairTrust.hear Heartbeat (random 9) 401 [||] refused asker with
        | Error refusal -> failtest $"%A{refusal}"
        | Ok asker ->
            let struct (proof, _) = PairTrust.ask Heartbeat (random 8) content asker
            same None (judge 10 Heartbeat proof content b |> refusal))

let ``said again, it is refused, and so is what was said before it`` =
    example (fun () ->
        let struct (first, a) = PairTrust.ask Heartbeat (random 8) content (asker ())
        let struct (second, _) = PairTrust.ask Heartbeat (random 9) content a

        match judge 10 Heartbeat second content (trust "b" secret) with
        | Error refusal -> failtest $"%A{refusal}"
        | Ok b ->
            same (Some Replayed) (judge 20 Heartbeat second content b |> refusal)
            same (Some Replayed) (judge 20 Heartbeat first content b |> refusal)
            // Each kind of question has its own counts.
            let struct (settle, _) = PairTrust.ask Settle (random 7) content (asker ())
            same None (judge 20 Settle settle content b |> refusal))

let ``held up for longer than a challenge holds, it is refused`` =
    example (fun () ->
        let struct (proof, _) = PairTrust.ask Heartbeat (random 9) content (asker ())
        let later milliseconds b = PairTrust.refresh (at milliseconds) (random 2) b
        let b = trust "b" secret
        same None (judge 3900 Heartbeat proof content (later 3900 b) |> refusal)
        same (Some StaleChallenge) (judge 4000 Heartbeat proof content (later 4000 b) |> refusal)
        // Whether it is asked rarely or often.
        let turned = later 4100 (later 2100 b)
        same (Some StaleChallenge) (judge 4100 Heartbeat proof content turned |> refusal)
        same (Some StaleChallenge) (judge 60_000 Heartbeat proof content b |> refusal))

let ``after a restart of the asked one nothing that was said before is believed`` =
    example (fun () ->
        let struct (proof, _) = PairTrust.ask Heartbeat (random 9) content (asker ())
        let again = PairTrust.start "b" secret (at 10) (random 3) 1000L
        same (Some StaleChallenge) (judge 20 Heartbeat proof content again |> refusal))

let ``a refused question moves no count`` =
    example (fun () ->
        let forged: QuestionProof =
            { From = "a"
              Challenge = random 1
              Nonce = random 9
              Count = Int64.MaxValue
              Mac = Array.zeroCreate 32 }

        let b = trust "b" secret
        same (Some WrongMac) (judge 10 Heartbeat forged content b |> refusal)
        let struct (proof, _) = PairTrust.ask Heartbeat (random 9) content (asker ())
        same None (judge 20 Heartbeat proof content b |> refusal))

let ``its own words, sent back, are refused`` =
    example (fun () ->
        let a = asker ()
        let struct (proof, a) = PairTrust.ask Heartbeat (random 9) content a
        same (Some OwnName) (judge 10 Heartbeat proof content a |> refusal)
        // Proofs under another name are not the other server's either.
        let renamed = judge 10 Heartbeat { proof with From = "b" } content a
        same (Some WrongMac) (refusal renamed)
        let answer = PairTrust.answer Heartbeat (random 9) 200 content a
        same (Some OwnName) (PairTrust.hear Heartbeat (random 9) 200 content answer a |> refusal))

let ``what is changed on its way, or made with another secret, is refused`` =
    example (fun () ->
        let struct (proof, _) = PairTrust.ask Heartbeat (random 9) content (asker ())
        let b = trust "b" secret
        let wrong verb proof content = judge 10 verb proof content b |> refusal

        let flipped (octets: byte[]) =
            octets |> Array.mapi (fun n octet -> if n = 3 then octet ^^^ 1uy else octet)

        same (Some WrongMac) (wrong Heartbeat proof (flipped content))
        same (Some WrongMac) (wrong Heartbeat proof [||])
        same (Some WrongMac) (wrong Settle proof content)
        same (Some WrongMac) (wrong Heartbeat { proof with From = "c" } content)
        same (Some WrongMac) (wrong Heartbeat { proof with Nonce = random 8 } content)
        same (Some WrongMac) (wrong Heartbeat { proof with Count = proof.Count + 1L } content)
        same (Some WrongMac) (wrong Heartbeat { proof with Mac = flipped proof.Mac } content)
        same (Some WrongMac) (judge 10 Heartbeat proof content (trust "b" other) |> refusal)

        let answer = PairTrust.answer Heartbeat (random 9) 200 content b

        let hear verb nonce status content answer =
            PairTrust.hear verb nonce status content answer (asker ()) |> refusal

        same None (hear Heartbeat (random 9) 200 content answer)
        same (Some WrongMac) (hear Heartbeat (random 8) 200 content answer)
        same (Some WrongMac) (hear Settle (random 9) 200 content answer)
        same (Some WrongMac) (hear Heartbeat (random 9) 409 content answer)
        same (Some WrongMac) (hear Heartbeat (random 9) 200 (flipped content) answer)
        same (Some WrongMac) (hear Heartbeat (random 9) 200 content { answer with Challenge = random 7 }))

/// RFC 4231 has no vectors for this framing: another tool computed this one from the description above `mac`.
let ``the code of a question is HMAC-SHA-256 over each part after its length`` =
    example (fun () ->
        let proof: QuestionProof =
            { From = "a"; Challenge = random 1; Nonce = random 9; Count = 1000L; Mac = [||] }

        same
            "d52a10b8deab970c3f5e88b886cf56951ef4d5aff5558d31a07e2270ac1795b0"
            (PairProof.ofQuestion secret Heartbeat content proof |> Convert.ToHexStringLower))

let ``headers read back as they were written`` =
    law (fun (from: char list) (count: int64) (draw: byte) (isFirst: bool) ->
        let name =
            String(List.toArray ('n' :: List.truncate 200 from))
            |> Encoding.UTF8.GetBytes
            |> Encoding.UTF8.GetString

        let question: QuestionProof =
            { From = name
              Challenge = (if isFirst then [||] else random (int draw))
              Nonce = random (int draw + 1)
              Count = abs (count / 2L)
              Mac = Array.create 32 draw }

        let answer: AnswerProof = { From = name; Challenge = random (int draw); Mac = Array.create 32 draw }

        PairProof.tryQuestion (PairProof.formatQuestion question) = Some question
        && PairProof.tryAnswer (PairProof.formatAnswer answer) = Some answer)

let ``no header throws`` =
    law (fun (text: string) (cut: int) (put: char) ->
        let struct (proof, _) = PairTrust.ask Heartbeat (random 9) content (asker ())
        let header = PairProof.formatQuestion proof
        let place = abs (cut % header.Length)

        let damaged =
            header.Substring(0, place) + string put + header.Substring(min header.Length (place + 1))

        PairProof.tryAnswer text |> ignore
        PairProof.tryAnswer damaged |> ignore
        PairProof.tryQuestion text |> ignore

        match PairProof.tryQuestion damaged with
        | None -> true
        | Some read -> read = proof || judge 10 Heartbeat read content (trust "b" secret) |> Result.isError)

let ``what is no proof is none`` =
    examples
        [ null
          ""
          "from=61"
          "from=61, challenge=, nonce=, count=1, mac="
          "from=6, challenge=, nonce=09090909090909090909090909090909, count=1, mac=0000000000000000000000000000000000000000000000000000000000000000"
          "from=61, challenge=, nonce=09090909090909090909090909090909, count=-1, mac=0000000000000000000000000000000000000000000000000000000000000000" ]
        (fun (header: string) -> same None (PairProof.tryQuestion header))

let ``the secret is not printed`` =
    example (fun () ->
        let trust = trust "a" secret
        $"{secret} %A{secret} %A{trust}" |> Check.all [ Check.saysNot "sixteen"; Check.saysNot "115uy" ])
