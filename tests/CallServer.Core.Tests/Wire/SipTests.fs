/// SIP messages and streams of them.
module CallServer.Tests.Wire.SipTests

open System
open System.Text
open FsCheck
open FsCheck.FSharp
open CallServer.Prelude
open CallServer.Wire
open CallServer.Tests

/// A message as a peer may send it, with header values that survive encoding and decoding.
type AnySip = AnySip of SipMessage

type SipArbitraries =
    static member AnySip() : Arbitrary<AnySip> =
        let token = Gen.elements [ "SUBSCRIBE"; "NOTIFY"; "OPTIONS"; "x-!.%*_+`'~" ]

        let text =
            Gen.elements [ 'a'; 'Z'; '7'; ' '; '"'; '<'; '>'; ';'; ','; ':'; '='; '\\'; '\t'; '\u00e9' ]
            |> Gen.arrayOf
            |> Gen.map (fun characters -> String(characters).Trim())

        let name =
            Gen.elements [ "Via"; "From"; "To"; "Call-ID"; "CSeq"; "Event"; "X-Other"; "Subject"; "Contact" ]

        let header = Gen.map2 (fun name value -> ({ Name = name; Value = value }: SipHeader)) name text

        let start =
            Gen.oneof
                [ Gen.map2
                      (fun method uri -> SipStart.Request(method, uri))
                      token
                      (Gen.elements [ "sip:gw1@192.0.2.1:5060"; "sip:[2001:db8::1]"; "*" ])
                  Gen.map2
                      (fun status reason -> SipStart.Response(status, reason))
                      (Gen.choose (100, 699))
                      text ]

        let body = Gen.frequency [ 3, Gen.constant [||]; 2, Gen.arrayOf (Gen.map byte (Gen.choose (0, 255))) ]

        Gen.map3
            (fun start headers body -> AnySip { Start = start; Headers = headers; Body = body })
            start
            (Gen.arrayOf header)
            body
        |> Arb.fromGen

let private sipLaws =
    Laws.plain |> Laws.drawing [ typeof<Arbitraries>; typeof<SipArbitraries> ] |> Laws.times 1000

let private octets (lines: string list) : byte[] = Encoding.UTF8.GetBytes(String.Join("\r\n", lines))

let private decoded (lines: string list) : SipMessage =
    match SipCodec.decode (octets lines) with
    | Ok message -> message
    | Error wrong -> failwith (string wrong)

let ``a message comes back as it was sent`` =
    lawBy sipLaws (fun (AnySip message) ->
        Check.equal (Ok message) (SipCodec.decode (SipCodec.encode message)))

let private feedIn = Pieces.feed SipStream.feed SipStream.empty

let ``a stream gives its messages however it is cut`` =
    lawBy sipLaws (fun (messages: AnySip list) (sizes: int list) (keepAlives: bool) ->
        let messages = messages |> List.map (fun (AnySip message) -> message)
        let between = if keepAlives then "\r\n\r\n"B else [||]

        let all =
            messages
            |> List.map (fun message -> Array.append between (SipCodec.encode message))
            |> Array.concat

        Check.equal (Ok messages) (feedIn sizes all))

let ``one octet at a time is a stream, too`` =
    lawBy sipLaws (fun (AnySip message) ->
        Check.equal (Ok [ message ]) (feedIn [ 0 ] (Array.append (SipCodec.encode message) "\r\n"B)))

let private bound (size: int) : int64 = 65536L + 4L * int64 size

let private measure (decode: byte[] -> unit) (octets: byte[]) : unit =
    let before = GC.GetAllocatedBytesForCurrentThread()
    decode octets
    let taken = GC.GetAllocatedBytesForCurrentThread() - before

    if taken > bound octets.Length then
        failtest $"{octets.Length} octets took {taken}: {Convert.ToHexString octets}"

let private decode (octets: byte[]) = SipCodec.decode octets |> ignore
let private feed (octets: byte[]) = SipStream.feed octets SipStream.empty |> ignore

/// Caches are filled before anything else is measured.
let private madeOnce =
    lazy
        (let sample = octets [ "OPTIONS sip:a SIP/2.0"; "v: x"; "Content-Length: 0"; ""; "" ]
         measure decode sample
         measure feed sample)

let private bounded (decode: byte[] -> unit) (octets: byte[]) : unit =
    madeOnce.Force()
    measure decode octets

let ``damage is an error or another message, and costs no more memory than allowed`` =
    lawBy sipLaws (fun (AnySip message) (AnySip other) (seed: uint64) ->
        for attempt in 0UL .. 4UL do
            let damaged = Mutation.some (SipCodec.encode other) (SipCodec.encode message) (seed + attempt)
            bounded decode damaged
            bounded feed damaged)

let ``headers as dense as can be stay within the bound`` =
    examples
        [ ":\r\n"; "a:\r\n"; "Via: a\r\n"; "Content-Length: 1\r\n"; "a: b\r\n c\r\n"; " \r\n"; "x" ]
        (fun (line: string) ->
            for count in [ 1; 100; 127; 128; 129; 5000; 20000 ] do
                let all = octets [ "NOTIFY sip:a SIP/2.0"; String.replicate count line; ""; "" ]
                bounded decode all
                bounded feed all)

let ``reads what RFC 3261 allows: compact names, folds, any case, many values`` =
    example (fun () ->
        let message =
            decoded
                [ "NOTIFY sip:callserver@198.51.100.4:5066 SIP/2.0"
                  "v:SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKa1 ,"
                  "\tSIP/2.0/UDP 192.0.2.8;branch=\"z9;b\""
                  "f: \"Gate, \\\"one\\\" <x>\" <sip:gw1@example.net;transport=tcp>;Tag=abc;x"
                  "T  :   sip:me@example.org;tag=def"
                  "i: a@b"
                  "cseq:  12   NOTIFY"
                  "o: Dialog;ID=7"
                  "SUBSCRIPTION-STATE: Terminated;reason=timeout;retry-after=\"5\""
                  "l: 3"
                  ""
                  "abcdefg" ]

        Check.equal "abc"B message.Body
        Check.equal (ValueSome "z9hG4bKa1") (SipFields.branch message)
        Check.equal 2 (SipFields.values "via" message).Length
        Check.equal (ValueSome "abc") (SipFields.tag "From" message)
        Check.equal (ValueSome "def") (SipFields.tag "To" message)
        Check.equal (ValueSome(struct (12L, "NOTIFY"))) (SipFields.cseq message)

        let from = (SipFields.address (Sip.tryHeader "From" message).Value).Value
        Check.equal "sip:gw1@example.net;transport=tcp" from.Uri

        let event = SipFields.value (Sip.tryHeader "Event" message).Value
        Check.equal ("Dialog", ValueSome "7") (event.Value, SipFields.tryParam "id" event.Params)

        let state = SipFields.value (Sip.tryHeader "Subscription-State" message).Value
        Check.equal (ValueSome "5") (SipFields.tryParam "retry-after" state.Params))

let ``octets of a header stay what they are, and are text where they are UTF-8`` =
    example (fun () ->
        let message = decoded [ "SIP/2.0 200 Gut gemäß"; "Call-ID: ö"; "Content-Length: 0"; ""; "" ]

        match message.Start with
        | SipStart.Response(200, reason) -> Check.equal "Gut gemäß" (Sip.textOf reason)
        | other -> failtest $"%A{other}"

        Check.equal
            (Encoding.UTF8.GetBytes "ö")
            (Encoding.Latin1.GetBytes (Sip.tryHeader "Call-ID" message).Value)

        Check.equal (Sip.octetsOf "ö") (Sip.tryHeader "Call-ID" message).Value)

let ``names what is wrong, and where`` =
    example (fun () ->
        let problem lines =
            match SipCodec.decode (octets lines) with
            | Ok message -> failwith $"%A{message}"
            | Error wrong -> wrong.Problem

        Check.equal SipEnds (problem [ "OPTIONS sip:a SIP/2.0"; "Via: x" ])
        Check.equal BadStartLine (problem [ "OPTIONS sip:a SIP/3.0"; ""; "" ])
        Check.equal BadStartLine (problem [ "SIP/2.0 42 No"; ""; "" ])
        Check.equal BadHeaderLine (problem [ "OPTIONS sip:a SIP/2.0"; "no colon"; ""; "" ])
        Check.equal BadHeaderLine (problem [ "OPTIONS sip:a SIP/2.0"; "a: b\rc"; ""; "" ])
        Check.equal BadContentLength (problem [ "OPTIONS sip:a SIP/2.0"; "l: -1"; ""; "" ])
        Check.equal BadContentLength (problem [ "OPTIONS sip:a SIP/2.0"; "l: 1"; "l: 2"; ""; "abc" ])
        Check.equal (BodyCutOff 2) (problem [ "OPTIONS sip:a SIP/2.0"; "l: 5"; ""; "abc" ])

        Check.equal
            HeadersTooLarge
            (problem [ "OPTIONS sip:a SIP/2.0"; "a: b"; yield! List.replicate 200 " c"; ""; "" ])

        Check.equal
            (BodyTooLarge 999999999999L)
            (problem [ "OPTIONS sip:a SIP/2.0"; "l: 999999999999"; ""; "abc" ]))

let ``a stream without a length, or with one beyond belief, ends`` =
    example (fun () ->
        let fed lines =
            match SipStream.feed (octets lines) SipStream.empty with
            | struct (_, Error wrong) -> wrong.Problem
            | struct (messages, Ok _) -> failwith $"%A{messages}"

        Check.equal NoContentLength (fed [ "OPTIONS sip:a SIP/2.0"; "Via: x"; ""; "" ])
        Check.equal (BodyTooLarge 99999999L) (fed [ "OPTIONS sip:a SIP/2.0"; "l: 99999999"; ""; "" ])
        Check.equal HeadersTooLarge (fed [ "OPTIONS sip:a SIP/2.0"; String('x', 40000) ])

        Check.equal
            HeadersTooLarge
            (fed [ "OPTIONS sip:a SIP/2.0"; "x: " + String('x', 40000); "l: 0"; ""; "" ]))

let ``what is made of a message's own words cannot break its lines`` =
    example (fun () ->
        let bad =
            { Start = SipStart.Request("OPTIONS", "sip:a")
              Headers = [| Sip.header "To" "a\r\nX: y" |]
              Body = [||] }

        Check.throws<ArgumentException> (fun () -> SipCodec.encode bad |> ignore))

let ``quoting comes back`` =
    law (fun (text: string) ->
        let text = if isNull text then "" else text
        Check.equal text (SipFields.unquote (SipFields.quote text)))

let ``fields of any text are read without an exception`` =
    law (fun (text: string) ->
        let text = if isNull text then "" else text
        SipFields.value text |> ignore
        SipFields.address text |> ignore
        SipFields.pairs text |> ignore
        SipFields.seconds text |> ignore
        SipDigest.challenge text |> ignore
        SipDigest.tryAnswer ("Digest " + text) |> ignore)
