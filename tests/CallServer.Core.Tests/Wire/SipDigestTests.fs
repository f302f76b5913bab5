/// Digest authentication.
module CallServer.Tests.Wire.SipDigestTests

open CallServer.Wire
open CallServer.Tests

let private password = Secret.ofText "Circle of Life"

let private challenge algorithm =
    $"Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, "
    + "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""

/// RFC 7616 §3.9.1.
let ``answers the RFC's challenge as the RFC does`` =
    examples
        [ "MD5", "8ca523f5e9506fed4657c9700eebdbec"
          "SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1" ]
        (fun (algorithm: string, expected: string) ->
            let asked = (SipDigest.challenge (challenge algorithm)).Value
            let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
            let answer = SipDigest.answer "Mufasa" password "GET" "/dir/index.html" cnonce 1 asked
            Check.equal expected answer.Response
            Check.equal (ValueSome(struct ("00000001", cnonce))) answer.Qop
            Check.equal (ValueSome answer) (SipDigest.tryAnswer (SipDigest.answerText answer)))

/// RFC 2617 §3.5 without qop is RFC 2069's form: H(H(A1):nonce:H(A2)).
let ``answers a challenge without qop in the older form`` =
    example (fun () ->
        let asked = (SipDigest.challenge "Digest realm=\"r\", nonce=\"n\"").Value
        Check.equal (false, false, DigestAlgorithm.Md5) (asked.Qop, asked.Named, asked.Algorithm)
        let answer = SipDigest.answer "u" (Secret.ofText "p") "SUBSCRIBE" "sip:x" "c" 1 asked
        Check.equal ValueNone answer.Qop
        SipDigest.answerText answer |> Check.all [ Check.saysNot "algorithm"; Check.saysNot "cnonce" ]
        SipDigest.verify (Secret.ofText "p") "SUBSCRIBE" answer |> Check.isTrue)

let private header value : SipHeader = Sip.header "WWW-Authenticate" value

let ``takes the topmost challenge that it can answer`` =
    example (fun () ->
        let chosen =
            SipDigest.choose
                [| header (challenge "SHA-512-256")
                   header (challenge "SHA-256")
                   header (challenge "MD5") |]

        Check.equal DigestAlgorithm.Sha256 chosen.Value.Algorithm

        (SipDigest.choose
            [| header "Basic realm=\"x\""
               header (challenge "SHA-512-256")
               header "Digest realm=\"a\", nonce=\"b\", qop=\"auth-int\"" |])
            .IsNone
        |> Check.isTrue)

let ``only the password that was used is right`` =
    law (fun (user: string) (realm: string) (nonce: string) (isSha: bool) (session: bool) (qop: bool) ->
        let clean (text: string) =
            if isNull text then
                ""
            else
                text |> String.filter (fun c -> c >= ' ' && c < '\127')

        let asked: DigestChallenge =
            { Realm = clean realm
              Nonce = clean nonce
              Opaque = ValueNone
              Algorithm = (if isSha then DigestAlgorithm.Sha256 else DigestAlgorithm.Md5)
              Session = session
              Named = true
              Qop = qop || session
              Stale = false }

        Check.equal (ValueSome asked) (SipDigest.challenge (SipDigest.challengeText asked))
        let answer = SipDigest.answer (clean user) password "SUBSCRIBE" "sip:gw" "0a" 7 asked
        let back = (SipDigest.tryAnswer (SipDigest.answerText answer)).Value
        Check.equal answer back
        SipDigest.verify password "SUBSCRIBE" back |> Check.isTrue
        SipDigest.verify (Secret.ofText "circle of life") "SUBSCRIBE" back |> Check.isFalse
        SipDigest.verify password "NOTIFY" back |> Check.isFalse)
