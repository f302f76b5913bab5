namespace CallServer.Roles

open System
open CallServer.Model

/// Why a question or an answer is not believed.
type PairRefusal =
    /// It brings no proof, or none that can be read.
    | NoProof
    /// It claims to come from a server with this server's own name.
    | OwnName
    /// Its challenge is not valid now: the asker has none yet, the question is late, or somebody replays it.
    | StaleChallenge
    /// It was made with another secret, or for another content.
    | WrongMac
    /// Its count is not above that of an earlier question.
    | Replayed

/// A challenge that this server gave out, and the questions that used it.
type GivenChallenge =
    {
        Octets: byte[]
        /// When it was first given.
        At: Instant
        /// The highest count believed, per kind of question.
        Highest: Map<PairVerb, int64>
    }

/// What a server needs to believe the other one, and to be believed.
type PairTrust =
    {
        Name: string
        Secret: PairSecret
        /// The challenge that it gives out now.
        Present: GivenChallenge
        /// The challenge before that; a question under way may still use it.
        Before: GivenChallenge voption
        /// The challenge that the other server gave last; empty before its first answer.
        Theirs: byte[]
        /// The count of its next question.
        Count: int64
    }

/// Two servers that share a secret. A question is made for a challenge that the asked server gave a moment
/// ago, and is counted; an answer is made for its question. What a stranger sends, or somebody replays, is
/// refused and changes nothing.
module PairTrust =
    /// How long a challenge is given out. It is valid for twice as long: a question that is held up longer is
    /// worth nothing.
    let turn = TimeSpan.FromSeconds 2.0

    let private lifetime = turn * 2.0

    let private given octets at = { Octets = octets; At = at; Highest = Map.empty }

    /// `challenge` is random octets. `count` is higher than in every question before this start, such as the
    /// microseconds of a clock.
    let start
        (name: string)
        (secret: PairSecret)
        (at: Instant)
        (challenge: byte[])
        (count: int64)
        : PairTrust =
        { Name = name
          Secret = secret
          Present = given challenge at
          Before = ValueNone
          Theirs = [||]
          Count = count }

    /// Replaces the challenge by these random octets when it is time. Call it before judging each question.
    let refresh (at: Instant) (random: byte[]) (trust: PairTrust) : PairTrust =
        if at - trust.Present.At < turn then
            trust
        else
            { trust with Present = given random at; Before = ValueSome trust.Present }

    let private find (at: Instant) (challenge: byte[]) (trust: PairTrust) : GivenChallenge voption =
        let holds (given: GivenChallenge) = given.Octets = challenge && at - given.At < lifetime

        if holds trust.Present then
            ValueSome trust.Present
        else
            trust.Before |> ValueOption.filter holds

    let private counted
        (verb: PairVerb)
        (count: int64)
        (given: GivenChallenge)
        (trust: PairTrust)
        : PairTrust =
        let after = { given with Highest = Map.add verb count given.Highest }

        if given.Octets = trust.Present.Octets then
            { trust with Present = after }
        else
            { trust with Before = ValueSome after }

    /// Takes a question of the other server, or says why it is none. The code is compared before the count,
    /// so that a stranger cannot move the count.
    let judge
        (at: Instant)
        (verb: PairVerb)
        (proof: QuestionProof)
        (content: byte[])
        (trust: PairTrust)
        : Result<PairTrust, PairRefusal> =
        if proof.From = trust.Name then
            Error OwnName
        else
            match find at proof.Challenge trust with
            | ValueNone -> Error StaleChallenge
            | ValueSome given ->
                if not (PairProof.same proof.Mac (PairProof.ofQuestion trust.Secret verb content proof)) then
                    Error WrongMac
                else
                    match Map.tryFind verb given.Highest with
                    | Some highest when proof.Count <= highest -> Error Replayed
                    | _ -> Ok(counted verb proof.Count given trust)

    /// The proof of an answer. Refusals get one too, so that a refused asker learns the present challenge.
    let answer
        (verb: PairVerb)
        (nonce: byte[])
        (status: int)
        (content: byte[])
        (trust: PairTrust)
        : AnswerProof =
        let proof = { From = trust.Name; Challenge = trust.Present.Octets; Mac = [||] }
        { proof with Mac = PairProof.ofAnswer trust.Secret verb nonce status content proof }

    /// The proof of a question. `nonce` is random octets.
    let ask
        (verb: PairVerb)
        (nonce: byte[])
        (content: byte[])
        (trust: PairTrust)
        : struct (QuestionProof * PairTrust) =
        let proof =
            { From = trust.Name
              Challenge = trust.Theirs
              Nonce = nonce
              Count = trust.Count
              Mac = [||] }

        struct ({ proof with Mac = PairProof.ofQuestion trust.Secret verb content proof },
                { trust with Count = trust.Count + 1L })

    /// Takes an answer of the other server to the question with this nonce, or says why it is none.
    let hear
        (verb: PairVerb)
        (nonce: byte[])
        (status: int)
        (content: byte[])
        (proof: AnswerProof)
        (trust: PairTrust)
        : Result<PairTrust, PairRefusal> =
        if proof.From = trust.Name then
            Error OwnName
        elif
            not (PairProof.same proof.Mac (PairProof.ofAnswer trust.Secret verb nonce status content proof))
        then
            Error WrongMac
        else
            Ok { trust with Theirs = proof.Challenge }
