namespace CallServer.Roles

open System
open CallServer.Model

/// Why a question or an answer is not believed.
type PairRefusal =
    /// It brings no proof, or none that can be read.
    | NoProof
    /// It says that it comes from a server of this one's own name.
    | OwnName
    /// It answers no challenge that holds still: the asker has none yet, or is late, or somebody says again what was said before.
    | StaleChallenge
    /// It was made with another secret, or for another content.
    | WrongMac
    /// Its count is not above that of an earlier one.
    | Replayed

/// A challenge that was given out, and what came with it since.
type GivenChallenge =
    {
        Octets: byte[]
        /// When it was first given.
        At: Instant
        /// The highest count that was believed, of each kind.
        Highest: Map<PairVerb, int64>
    }

/// What a server needs to believe the other one, and to be believed.
type PairTrust =
    {
        Name: string
        Secret: PairSecret
        /// What it gives out now.
        Present: GivenChallenge
        /// What it gave out before; what is under way may still answer it.
        Before: GivenChallenge voption
        /// What the other one gave last; empty before its first answer.
        Theirs: byte[]
        /// Of its next question.
        Count: int64
    }

/// Two servers that have one secret. A question is made for a challenge that the asked server gave a moment ago, and counted; an
/// answer is made for its question. What a stranger says, or somebody says again, is a refusal, and changes nothing.
module PairTrust =
    /// A challenge is given out so long, and holds twice as long: what is held up on its way is worth nothing after that.
    let turn = TimeSpan.FromSeconds 2.0

    let private lifetime = turn * 2.0

    let private given octets at = { Octets = octets; At = at; Highest = Map.empty }

    /// Challenge: random octets. Count: above that of every question before this start, such as the microseconds of a clock.
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

    /// Before each question is judged; random: octets for a challenge, which are used where it is time for a new one.
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

    /// A question of the other server, or why it is none. The code is compared before the count: a stranger moves no count.
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

    /// The proof of an answer, refusals included: a refused asker learns the present challenge.
    let answer
        (verb: PairVerb)
        (nonce: byte[])
        (status: int)
        (content: byte[])
        (trust: PairTrust)
        : AnswerProof =
        let proof = { From = trust.Name; Challenge = trust.Present.Octets; Mac = [||] }
        { proof with Mac = PairProof.ofAnswer trust.Secret verb nonce status content proof }

    /// The proof of a question. Nonce: random octets.
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

    /// An answer of the other server to the question of this nonce, or why it is none.
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
