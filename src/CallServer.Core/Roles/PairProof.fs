namespace CallServer.Roles

open System
open System.Buffers.Binary
open System.Globalization
open System.Security.Cryptography
open System.Text

/// The secret that only the two servers of a pair know. It is never printed.
[<StructuredFormatDisplay("<secret>")>]
type PairSecret =
    private
    | PairSecret of byte[]

    override _.ToString() = "<secret>"

/// Makes secrets.
module PairSecret =
    /// Octets of the shortest secret.
    let shortest = 16

    /// A secret of a copy of these octets.
    let ofBytes (octets: byte[]) : PairSecret = PairSecret(Array.copy octets)

/// What one server of a pair asks the other.
type PairVerb =
    /// It sends its greeting and wants the other's.
    | Heartbeat
    /// It asks what became of the CDRs that it holds as a standby.
    | Settle

/// Proves that a question comes from the other server, now, and for the first time.
type QuestionProof =
    {
        /// Who asks. The two servers of a pair have different names, so that nobody takes back its own words.
        From: string
        /// The challenge that the asked server gave last; empty if the asker has none yet.
        Challenge: byte[]
        /// Random octets of this question alone: the answer is made for them.
        Nonce: byte[]
        /// Higher than in every earlier question of this kind.
        Count: int64
        Mac: byte[]
    }

/// Proves that an answer comes from the other server and answers this question.
type AnswerProof =
    {
        From: string
        /// The challenge for the next question.
        Challenge: byte[]
        Mac: byte[]
    }

/// HMAC-SHA-256 (RFC 2104, FIPS 180-4) over the content of a message and everything that ties it to its
/// moment, and the form of a proof in the header `CallServer-Pair`.
module PairProof =
    /// Octets of a challenge and of a nonce.
    let challengeLength = 16

    let private macLength = 32

    /// In characters; a name has at most 255 of them.
    let private longestHeader = 4096

    let private number (value: int64) : byte[] =
        let octets = Array.zeroCreate 8
        BinaryPrimitives.WriteInt64BigEndian(Span octets, value)
        octets

    /// Each part follows its length, so that no two messages have the same octets.
    let private mac (PairSecret secret) (parts: byte[] list) : byte[] =
        use hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, secret)

        for part in parts do
            hash.AppendData(number (int64 part.Length))
            hash.AppendData part

        hash.GetHashAndReset()

    let private label (what: string) (verb: PairVerb) =
        let verb =
            match verb with
            | Heartbeat -> "heartbeat"
            | Settle -> "settle"

        Encoding.ASCII.GetBytes $"callserver-pair-1 {what} {verb}"

    /// The code of a question, computed without looking at the proof's own Mac.
    let ofQuestion (secret: PairSecret) (verb: PairVerb) (content: byte[]) (proof: QuestionProof) : byte[] =
        mac
            secret
            [ label "question" verb
              Encoding.UTF8.GetBytes proof.From
              proof.Challenge
              proof.Nonce
              number proof.Count
              content ]

    /// The code of an answer to the question with this nonce. `status` is the HTTP status code of the answer.
    let ofAnswer
        (secret: PairSecret)
        (verb: PairVerb)
        (nonce: byte[])
        (status: int)
        (content: byte[])
        (proof: AnswerProof)
        : byte[] =
        mac
            secret
            [ label "answer" verb
              Encoding.UTF8.GetBytes proof.From
              proof.Challenge
              nonce
              number (int64 status)
              content ]

    /// Compares in constant time, however much of the two agrees.
    let same (a: byte[]) (b: byte[]) : bool =
        CryptographicOperations.FixedTimeEquals(ReadOnlySpan a, ReadOnlySpan b)

    let private hex (octets: byte[]) = Convert.ToHexStringLower octets

    /// The value of the header; names and octets are hexadecimal digits.
    let formatQuestion (proof: QuestionProof) : string =
        String.Join(
            ", ",
            "from=" + hex (Encoding.UTF8.GetBytes proof.From),
            "challenge=" + hex proof.Challenge,
            "nonce=" + hex proof.Nonce,
            "count=" + proof.Count.ToString CultureInfo.InvariantCulture,
            "mac=" + hex proof.Mac
        )

    /// The value of an answer's header; names and octets are hexadecimal digits.
    let formatAnswer (proof: AnswerProof) : string =
        String.Join(
            ", ",
            "from=" + hex (Encoding.UTF8.GetBytes proof.From),
            "challenge=" + hex proof.Challenge,
            "mac=" + hex proof.Mac
        )

    /// The values of exactly these names, in this order.
    let private values (names: string list) (header: string) : string list option =
        if isNull header || header.Length > longestHeader then
            None
        else
            let parts = header.Split(',', StringSplitOptions.TrimEntries) |> List.ofArray

            if parts.Length <> names.Length then
                None
            else
                let found =
                    List.zip names parts
                    |> List.map (fun (name, part) ->
                        if part.StartsWith(name + "=", StringComparison.Ordinal) then
                            Some(part.Substring(name.Length + 1))
                        else
                            None)

                if List.forall Option.isSome found then Some(List.choose id found) else None

    let private octets (text: string) : byte[] option =
        if text.Length % 2 = 0 && Seq.forall Char.IsAsciiHexDigitLower text then
            Some(Convert.FromHexString text)
        else
            None

    let private ofLength (length: int) (text: string) : byte[] option =
        octets text |> Option.filter (fun found -> found.Length = length)

    let private name (text: string) : string option =
        octets text
        |> Option.map Encoding.UTF8.GetString
        |> Option.filter (fun name -> name.Length >= 1 && name.Length <= 255)

    let private count (text: string) : int64 option =
        match Int64.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture) with
        | true, count -> Some count
        | _ -> None

    /// Reads the header of a question; `None` if it is malformed.
    let tryQuestion (header: string) : QuestionProof option =
        match values [ "from"; "challenge"; "nonce"; "count"; "mac" ] header with
        | Some [ from; challenge; nonce; counted; code ] ->
            let given = if challenge = "" then Some [||] else ofLength challengeLength challenge

            match
                name from, given, ofLength challengeLength nonce, count counted, ofLength macLength code
            with
            | Some from, Some challenge, Some nonce, Some count, Some code ->
                Some { From = from; Challenge = challenge; Nonce = nonce; Count = count; Mac = code }
            | _ -> None
        | _ -> None

    /// Reads the header of an answer; `None` if it is malformed.
    let tryAnswer (header: string) : AnswerProof option =
        match values [ "from"; "challenge"; "mac" ] header with
        | Some [ from; challenge; code ] ->
            match name from, ofLength challengeLength challenge, ofLength macLength code with
            | Some from, Some challenge, Some code -> Some { From = from; Challenge = challenge; Mac = code }
            | _ -> None
        | _ -> None
