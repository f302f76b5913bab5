namespace CallServer.Surface

open System
open System.Runtime.InteropServices
open CallServer.Model
open CallServer.Roles

/// What one server of a pair asks the other.
type PairQuestion =
    /// Does the other server act, and under which epoch?
    | Heartbeat = 0
    /// Which of these held CDRs does the other server have?
    | Settle = 1

/// Whether a question or an answer is believed, or why not.
type PairVerdict =
    /// The proof is right.
    | Believed = 0
    /// There is no proof, or none that can be read.
    | NoProof = 1
    /// It comes from a server with this server's own name.
    | OwnName = 2
    /// It answers a challenge that was not given a moment ago.
    | StaleChallenge = 3
    /// The code does not fit: the secret differs, or something was changed.
    | WrongMac = 4
    /// It was sent before.
    | Replayed = 5

/// What this server needs to be believed by the other one and to believe it: one secret, challenges and
/// counts (docs/adr/0016). Each call that changes something gives the next identity.
[<Sealed; AllowNullLiteral>]
type PairIdentity private (trust: PairTrust) =
    static let verb question =
        match question with
        | PairQuestion.Heartbeat -> PairVerb.Heartbeat
        | PairQuestion.Settle -> PairVerb.Settle
        | _ -> invalidArg (nameof question) "a server asks for nothing else"

    static let verdict refusal =
        match refusal with
        | NoProof -> PairVerdict.NoProof
        | OwnName -> PairVerdict.OwnName
        | StaleChallenge -> PairVerdict.StaleChallenge
        | WrongMac -> PairVerdict.WrongMac
        | Replayed -> PairVerdict.Replayed

    static let ofLength (octets: byte[]) =
        if isNull octets || octets.Length <> PairProof.challengeLength then
            invalidArg (nameof octets) $"{PairProof.challengeLength} random octets"

        octets

    /// The shortest secret, in octets.
    static member ShortestSecret = PairSecret.shortest

    /// How many random octets a call needs that takes some. Any other number throws ArgumentException.
    static member RandomLength = PairProof.challengeLength

    /// `name` is this server's own. `count` is higher than in every question before this start, such as the
    /// microseconds of a clock. Throws ArgumentException for a secret shorter than ShortestSecret.
    static member Start
        (now: Instant, name: string, secret: byte[], random: byte[], count: int64)
        : PairIdentity =
        if isNull secret || secret.Length < PairSecret.shortest then
            invalidArg (nameof secret) $"a secret has {PairSecret.shortest} octets or more"

        PairIdentity(PairTrust.start name (PairSecret.ofBytes secret) now (ofLength random) count)

    /// The identity with a new challenge if it is time for one.
    member _.Refresh(now: Instant, random: byte[]) : PairIdentity =
        PairIdentity(PairTrust.refresh now (ofLength random) trust)

    /// Judges a question that came with this header (null if there was none). `next` is this identity if the
    /// question is not believed.
    member this.Judge
        (
            now: Instant,
            question: PairQuestion,
            header: string,
            content: byte[],
            [<Out>] next: byref<PairIdentity>
        ) : PairVerdict =
        next <- this

        match PairProof.tryQuestion header with
        | None -> PairVerdict.NoProof
        | Some proof ->
            match PairTrust.judge now (verb question) proof content trust with
            | Ok trust ->
                next <- PairIdentity trust
                PairVerdict.Believed
            | Error refusal -> verdict refusal

    /// The header of an answer to the question with that header; null if that header has no nonce to answer.
    member _.Answer(question: PairQuestion, header: string, status: int, content: byte[]) : string =
        match PairProof.tryQuestion header with
        | None -> null
        | Some proof ->
            PairTrust.answer (verb question) proof.Nonce status content trust |> PairProof.formatAnswer

    /// The header of a question. `nonce` is random octets for this question alone.
    member _.Ask
        (question: PairQuestion, nonce: byte[], content: byte[], [<Out>] next: byref<PairIdentity>)
        : string =
        let struct (proof, after) = PairTrust.ask (verb question) (ofLength nonce) content trust
        next <- PairIdentity after
        PairProof.formatQuestion proof

    /// Judges an answer to the question with that nonce; `header` is the answer's own (null if there was
    /// none).
    member this.Hear
        (
            question: PairQuestion,
            nonce: byte[],
            status: int,
            header: string,
            content: byte[],
            [<Out>] next: byref<PairIdentity>
        ) : PairVerdict =
        next <- this

        match PairProof.tryAnswer header with
        | None -> PairVerdict.NoProof
        | Some proof ->
            match PairTrust.hear (verb question) nonce status content proof trust with
            | Ok trust ->
                next <- PairIdentity trust
                PairVerdict.Believed
            | Error refusal -> verdict refusal
