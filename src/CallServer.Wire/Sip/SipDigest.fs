namespace CallServer.Wire

open System
open System.Security.Cryptography
open System.Text

/// The hash of a digest (RFC 7616 §6.1, RFC 8760 §2.1). SHA-512-256 is missing because .NET does not have it.
[<RequireQualifiedAccess>]
type DigestAlgorithm =
    | Md5
    | Sha256

/// What a server asks the client to prove, and how.
type DigestChallenge =
    {
        Realm: string
        Nonce: string
        Opaque: string voption
        Algorithm: DigestAlgorithm
        /// `-sess`: the nonces are part of the key.
        Session: bool
        /// The challenge names its algorithm. If it does not, MD5 is meant and the answer must name none
        /// either.
        Named: bool
        /// qop=auth; otherwise the older form without a counter (RFC 7616 §3.4.2).
        Qop: bool
        /// The password was right, but the nonce was too old.
        Stale: bool
    }

/// The answer to a challenge.
type DigestAnswer =
    {
        User: string
        Realm: string
        Nonce: string
        Uri: string
        Response: string
        Algorithm: DigestAlgorithm
        Session: bool
        Named: bool
        Opaque: string voption
        /// nc, 8 hexadecimal digits, and cnonce.
        Qop: struct (string * string) voption
    }

/// Digest access authentication (RFC 7616) as SIP uses it (RFC 3261 §22, RFC 8760).
module SipDigest =
    let private algorithm (name: string) : struct (DigestAlgorithm * bool) voption =
        match name.ToUpperInvariant() with
        | "MD5" -> ValueSome(struct (DigestAlgorithm.Md5, false))
        | "MD5-SESS" -> ValueSome(struct (DigestAlgorithm.Md5, true))
        | "SHA-256" -> ValueSome(struct (DigestAlgorithm.Sha256, false))
        | "SHA-256-SESS" -> ValueSome(struct (DigestAlgorithm.Sha256, true))
        | _ -> ValueNone

    let private nameOf (algorithm: DigestAlgorithm) (session: bool) : string =
        let name =
            match algorithm with
            | DigestAlgorithm.Md5 -> "MD5"
            | DigestAlgorithm.Sha256 -> "SHA-256"

        if session then name + "-sess" else name

    /// The pairs of `Digest a=b, c=d`; `ValueNone` for other schemes.
    let private digestPairs (text: string) : struct (string * string) list voption =
        let text = text.TrimStart()

        if
            text.StartsWith("Digest", StringComparison.OrdinalIgnoreCase)
            && text.Length > 6
            && Char.IsWhiteSpace text[6]
        then
            ValueSome(SipFields.pairs (text.Substring 7))
        else
            ValueNone

    /// A challenge that we can answer; `ValueNone` if its scheme, its algorithm or every qop is unknown.
    let challenge (text: string) : DigestChallenge voption =
        match digestPairs text with
        | ValueNone -> ValueNone
        | ValueSome pairs ->
            let get name = SipFields.tryParam name pairs

            let qops =
                get "qop"
                |> ValueOption.map (fun words ->
                    words.Split([| ','; ' ' |], StringSplitOptions.RemoveEmptyEntries)
                    |> Array.map (fun word -> word.ToLowerInvariant()))

            let named = get "algorithm"

            match get "realm", get "nonce", algorithm (ValueOption.defaultValue "MD5" named) with
            | ValueSome realm, ValueSome nonce, ValueSome(struct (algorithm, session)) when
                qops.IsNone || Array.contains "auth" qops.Value
                ->
                ValueSome
                    { Realm = realm
                      Nonce = nonce
                      Opaque = get "opaque"
                      Algorithm = algorithm
                      Session = session
                      Named = named.IsSome
                      Qop = qops.IsSome
                      Stale =
                        get "stale"
                        |> ValueOption.exists (fun word ->
                            word.Equals("true", StringComparison.OrdinalIgnoreCase)) }
            | _ -> ValueNone

    /// The topmost challenge that we can answer: the server puts its preferred one first (RFC 8760 §2.3).
    let choose (headers: SipHeader[]) : DigestChallenge voption =
        headers
        |> Array.tryPick (fun header -> challenge header.Value |> ValueOption.toOption)
        |> ValueOption.ofOption

    /// Why we can answer none of the challenges.
    let whyNone (headers: SipHeader[]) : string =
        let isKnown pairs =
            SipFields.tryParam "algorithm" pairs |> ValueOption.defaultValue "MD5" |> algorithm |> _.IsSome

        let qop =
            headers
            |> Array.tryPick (fun header ->
                match digestPairs header.Value with
                | ValueSome pairs when isKnown pairs ->
                    SipFields.tryParam "qop" pairs |> ValueOption.toOption
                | ValueSome _
                | ValueNone -> None)

        match qop with
        | Some qop -> $"it asks for qop={Sip.textOf qop}, and only auth is answered"
        | None -> "it asks for none of Digest with MD5 or SHA-256"

    let private hash (algorithm: DigestAlgorithm) (octets: byte[]) : string =
        let hash =
            match algorithm with
            | DigestAlgorithm.Md5 -> MD5.HashData octets
            | DigestAlgorithm.Sha256 -> SHA256.HashData octets

        Convert.ToHexStringLower hash

    /// Each character of header text is one octet.
    let private octets (text: string) = Encoding.Latin1.GetBytes text

    /// The response of RFC 7616 §3.4.1 to what the answer states.
    let private respond (password: Secret) (method: string) (answer: DigestAnswer) : string =
        let h = hash answer.Algorithm

        let key = h (Array.append (octets (answer.User + ":" + answer.Realm + ":")) (Secret.octets password))

        let cnonce =
            match answer.Qop with
            | ValueSome(struct (_, cnonce)) -> cnonce
            | ValueNone -> ""

        let key =
            if answer.Session then
                h (octets (key + ":" + answer.Nonce + ":" + cnonce))
            else
                key

        let asked = h (octets (method + ":" + answer.Uri))

        match answer.Qop with
        | ValueSome(struct (count, cnonce)) ->
            h (octets (key + ":" + answer.Nonce + ":" + count + ":" + cnonce + ":auth:" + asked))
        | ValueNone -> h (octets (key + ":" + answer.Nonce + ":" + asked))

    /// Answers a challenge for one request. The count says how often its nonce was used, from 1.
    let answer
        (user: string)
        (password: Secret)
        (method: string)
        (uri: string)
        (cnonce: string)
        (count: int)
        (challenge: DigestChallenge)
        : DigestAnswer =
        let unsigned =
            { User = Sip.octetsOf user
              Realm = challenge.Realm
              Nonce = challenge.Nonce
              Uri = uri
              Response = ""
              Algorithm = challenge.Algorithm
              Session = challenge.Session
              Named = challenge.Named
              Opaque = challenge.Opaque
              Qop =
                (if challenge.Qop || challenge.Session then
                     ValueSome(struct (count.ToString "x8", cnonce))
                 else
                     ValueNone) }

        { unsigned with Response = respond password method unsigned }

    /// Whether the answer was made with this password, for this method.
    let verify (password: Secret) (method: string) (answer: DigestAnswer) : bool =
        String.Equals(respond password method answer, answer.Response, StringComparison.OrdinalIgnoreCase)

    /// The value of WWW-Authenticate or Proxy-Authenticate.
    let challengeText (challenge: DigestChallenge) : string =
        [ "Digest realm=" + SipFields.quote challenge.Realm
          "nonce=" + SipFields.quote challenge.Nonce
          if challenge.Opaque.IsSome then
              "opaque=" + SipFields.quote challenge.Opaque.Value
          if challenge.Named then
              "algorithm=" + nameOf challenge.Algorithm challenge.Session
          if challenge.Qop then
              "qop=\"auth\""
          if challenge.Stale then
              "stale=true" ]
        |> String.concat ", "

    /// The value of Authorization or Proxy-Authorization.
    let answerText (answer: DigestAnswer) : string =
        [ "Digest username=" + SipFields.quote answer.User
          "realm=" + SipFields.quote answer.Realm
          "nonce=" + SipFields.quote answer.Nonce
          "uri=" + SipFields.quote answer.Uri
          "response=" + SipFields.quote answer.Response
          if answer.Named then
              "algorithm=" + nameOf answer.Algorithm answer.Session
          if answer.Opaque.IsSome then
              "opaque=" + SipFields.quote answer.Opaque.Value
          match answer.Qop with
          | ValueSome(struct (count, cnonce)) ->
              "qop=auth"
              "nc=" + count
              "cnonce=" + SipFields.quote cnonce
          | ValueNone -> () ]
        |> String.concat ", "

    /// Reads the value of Authorization or Proxy-Authorization; `ValueNone` if it is no answer we can verify.
    let tryAnswer (text: string) : DigestAnswer voption =
        match digestPairs text with
        | ValueNone -> ValueNone
        | ValueSome pairs ->
            let get name = SipFields.tryParam name pairs
            let named = get "algorithm"

            match
                get "username", get "nonce", get "response", algorithm (ValueOption.defaultValue "MD5" named)
            with
            | ValueSome user, ValueSome nonce, ValueSome response, ValueSome(struct (algorithm, session)) ->
                ValueSome
                    { User = user
                      Realm = get "realm" |> ValueOption.defaultValue ""
                      Nonce = nonce
                      Uri = get "uri" |> ValueOption.defaultValue ""
                      Response = response
                      Algorithm = algorithm
                      Session = session
                      Named = named.IsSome
                      Opaque = get "opaque"
                      Qop =
                        (match get "nc", get "cnonce" with
                         | ValueSome count, ValueSome cnonce -> ValueSome(struct (count, cnonce))
                         | _ -> ValueNone) }
            | _ -> ValueNone
