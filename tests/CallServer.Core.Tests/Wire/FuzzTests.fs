/// Sends many damaged messages to every decoder: none may throw, and none may take more memory than allowed.
/// CALLSERVER_FUZZ sets how many (default 20,000); CALLSERVER_FUZZ_SEED sets the first seed.
module CallServer.Tests.Wire.FuzzTests

open System
open System.Collections.Generic
open System.Text
open System.Threading
open System.Threading.Tasks
open FsCheck
open FsCheck.FSharp
open CallServer.Prelude
open CallServer.Roles
open CallServer.Wire
open CallServer.Tests

/// Reads octets as their receiver does; returns whether they were understood.
[<NoComparison; NoEquality>]
type private Decoder =
    {
        Name: string
        Whole: byte[][]
        Read: byte[] -> bool
        /// How many times it reads them.
        Times: int64
        /// Whether it understands a message whole or not at all.
        IsSigned: bool
    }

let private setting (name: string) (otherwise: uint64) : uint64 =
    match Environment.GetEnvironmentVariable name with
    | null
    | "" -> otherwise
    | text -> UInt64.Parse text

/// How much decoding may allocate for this many octets: the bound that holds for every codec.
let private bound (size: int) : int64 = 65536L + 4L * int64 size

/// A number of whole messages, the same ones each time.
let private messages (encode: 'T -> byte[]) (arbitrary: Arbitrary<'T>) : byte[][] =
    Gen.sampleWithSeed (Rnd(4711UL, 43UL)) 30 200 arbitrary.Generator |> Array.map encode

let private latin (text: string) : byte[] = Encoding.Latin1.GetBytes text

let private ofText (read: string -> bool) (octets: byte[]) : bool = read (Encoding.Latin1.GetString octets)

let private overNg (read: BencodeView -> bool) (octets: byte[]) : bool =
    match Ng.decode octets with
    | Ok message -> read message.Body
    | Error _ -> false

let private readEsl (body: byte[]) : bool =
    EslReplies.readStatus body |> ignore
    EslReplies.readClock body |> ignore
    EslReplies.tryError body |> ignore

    match EslReplies.readChannel body with
    | EslChannelAnswer.Told _
    | EslChannelAnswer.Gone -> true
    | EslChannelAnswer.NotTold _ -> false

let private readKamailio (octets: byte[]) : bool =
    match JsonRpc.decode octets with
    | Ok { Body = JsonRpcBody.Result result } ->
        KamailioReplies.readUpTime result |> ignore
        KamailioReplies.readActive result |> ignore
        KamailioReplies.readProcessed result |> ignore
        KamailioReplies.readClock result |> ignore
        (KamailioReplies.foldDialogs (fun count _ -> count + 1) 0 result).IsSome
    | Ok _
    | Error _ -> false

let private readAri (octets: byte[]) : bool =
    match HttpMessage.decodeResponse octets with
    | Ok response ->
        HttpMessage.date response |> ignore
        AriReplies.readStartup response.Body |> ignore
        AriReplies.readMessage response.Body |> ignore
        AriReplies.readValue response.Body |> ignore
        AriReplies.readStatistics response.Body |> ignore
        AriReplies.readOne response.Body |> ignore
        (AriReplies.foldChannels (fun count _ -> count + 1) 0 response.Body).IsSome
    | Error _ -> false

let private readOpenSips (octets: byte[]) : bool =
    match JsonRpc.decode octets with
    | Ok { Body = JsonRpcBody.Result result } ->
        OpenSipsReplies.readUpTime result |> ignore
        OpenSipsReplies.readProcessed result |> ignore
        OpenSipsReplies.readCount result |> ignore
        (OpenSipsReplies.foldDialogs (fun count _ -> count + 1) 0 result).IsSome
    | Ok _
    | Error _ -> false

let private readRestconf (octets: byte[]) : bool =
    match HttpMessage.decodeResponse octets with
    | Ok response ->
        RestconfReplies.readTotal response.Body |> ignore
        RestconfReplies.readTimes response.Body |> ignore
        RestconfReplies.readError response.Body |> ignore
        (RestconfReplies.foldLegs (fun count _ -> count + 1) 0 response.Body).IsSome
    | Error _ -> false

let private valueTexts: byte[][] =
    [| "aaln/1@rgw.example.net"
       "ds/ds1-1/[1-24]@[192.0.2.1]"
       "p:10-20, a:PCMU;G729, e:on, gc:0, s:off, t:b8, r:g, nt:IN, v:L;S"
       "PS=1245, OS=62345, PR=780, OR=45123, PL=10, JI=27, LA=48, X-a/b=1"
       "1-7,9,11-4294967295"
       "0,1=3,2-5=7" |]
    |> Array.map latin

let private proofs: byte[][] =
    [| for from in [ "cs-a"; "é"; String('x', 255) ] do
           let octets length = Array.init length byte

           latin (
               PairProof.formatQuestion
                   { From = from
                     Challenge = octets PairProof.challengeLength
                     Nonce = octets PairProof.challengeLength
                     Count = Int64.MaxValue
                     Mac = octets 32 }
           )

           latin (
               PairProof.formatAnswer
                   { From = from; Challenge = octets PairProof.challengeLength; Mac = octets 32 }
           ) |]

let private digests: byte[][] =
    [| latin
           "Digest realm=\"a, \\\"b\\\"\", nonce=\"0f\", opaque=\"o\", algorithm=SHA-256-sess, qop=\"auth,auth-int\", stale=TRUE"
       latin
           "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:a\", response=\"00\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"c\"" |]

let private decoders: Decoder list =
    let secret = Secret.ofText "testing123"
    let keys = WireGenerators.allKeys |> Array.find (fun keys -> keys.Level = AuthPriv)
    let snmp = WireArbitraries.AnyMessage() |> messages (fun (AnyMessage message) -> Snmp.encode message)

    let secured =
        WireArbitraries.Securable()
        |> messages (fun one ->
            Usm.secure keys one.Boots one.Time one.Salt { one.Message with Level = keys.Level })

    let mgcp = MgcpTests.Messages.Message() |> messages Mgcp.encode
    let h248 = H248Tests.H248Arbitraries.Replies() |> messages H248Tests.octetsOf
    let sdp = SdpTests.Descriptions.Sdp() |> messages (Sdp.encode >> latin)

    let sip =
        SipTests.SipArbitraries.AnySip()
        |> messages (fun (SipTests.AnySip message) -> SipCodec.encode message)

    let dialogs =
        DialogInfoTests.DialogInfoArbitraries.AnyDialogInfo()
        |> messages (fun (DialogInfoTests.AnyDialogInfo info) -> DialogInfoCodec.encode info)

    let ng =
        BencodeArbitraries.Dictionary()
        |> messages (fun (AnyDictionary value) -> Ng.encode "c" AsBencode value)
        |> Array.append (Array.create 200 NgTests.callOctets)

    let json = latin """{"a":["b\n\ud83d\ude00",1,2.5e3,null,{"c":true}],"":"\\"}"""

    let lists =
        JsonRpcTests.JsonRpcArbitraries.Dialogs()
        |> messages (fun (JsonRpcTests.AnyDialogs dialogs) ->
            JsonRpc.encodeResult "\"0f\"" (JsonRpcTests.listOf dialogs))

    let pages =
        OpenSipsTests.OpenSipsArbitraries.Pages()
        |> messages (fun page -> JsonRpc.encodeResult "\"0f\"" (OpenSipsTests.pageOf page))

    let channels =
        EslTests.EslArbitraries.Channels()
        |> messages (fun (EslTests.AnyChannels rows) -> EslTests.listOf rows)

    let details = Array.create 100 EslTests.detailsOctets

    let esl = Array.append channels details |> Array.map (Esl.encode [ "Content-Type", "api/response" ])

    let asterisk =
        AriTests.AriArbitraries.Channels()
        |> messages (
            AriTests.octetsOf
            >> HttpMessage.encodeResponse 200 "OK" [ "Date", "Wed, 02 Dec 2026 02:22:06 GMT" ]
        )

    let legs =
        RestconfTests.RestconfArbitraries.Legs()
        |> messages (RestconfTests.octetsOf >> HttpMessage.encodeResponse 200 "OK" [])

    let once name whole read = { Name = name; Whole = whole; Read = read; Times = 1L; IsSigned = false }

    [ once "SNMP messages" snmp (Snmp.decode >> Result.isOk)
      once "SNMP heads" snmp (Snmp.peek >> Result.isOk)
      { once "SNMPv3 with keys" secured (Usm.verify keys >> Result.isOk) with IsSigned = true }
      once
          "SNMP traps"
          (TrapTests.TrapArbitraries.Trap() |> messages (OfV1 >> SnmpTrap.encode))
          (SnmpTrap.decode >> Result.isOk)
      once "MGCP messages" mgcp (Mgcp.decode >> Array.forall Result.isOk)
      { once "MGCP values" valueTexts (ofText MgcpTests.readValues) with Times = 9L }
      once "H.248 messages" h248 H248Tests.readAll
      { once "H.248 media" h248 H248Tests.readMedia with Times = 4L }
      once "SDP" sdp (ofText (Sdp.decode >> Result.isOk))
      once "SIP messages" sip (SipCodec.decode >> Result.isOk)
      once "SIP streams" sip (fun octets ->
          let struct (read, _) = SipStream.feed octets SipStream.empty
          not (Seq.isEmpty read))
      { once
            "SIP digests"
            digests
            (ofText (fun text ->
                // Both must read all of it.
                let challenge = SipDigest.challenge text
                (SipDigest.tryAnswer text).IsSome || challenge.IsSome)) with
          Times = 2L }
      once "dialog-info" dialogs (DialogInfoCodec.decode >> Result.isOk)
      once "bencode" ng (fun octets -> BencodeView.read octets 2 |> Result.isOk)
      once "JSON of ng" [| json |] (fun octets -> BencodeJson.read octets 0 |> Result.isOk)
      { once
            "ng replies"
            ng
            (overNg (fun body ->
                Ng.result body |> ignore
                NgReplies.readStatistics body |> ignore
                NgReplies.foldCallIds (fun count _ -> count + 1) 0 body |> ignore
                Ng.readRequest body |> ignore
                NgReplies.readCall body |> Result.isOk)) with
          Times = 5L }
      once "ng streams" ng (fun octets ->
          NgFraming.feed octets NgFraming.empty |> ignore
          true)
      once "JSON-RPC" (Array.append lists [| json |]) (JsonRpc.decode >> Result.isOk)
      { once "Kamailio's replies" lists readKamailio with Times = 6L }
      { once "OpenSIPS's replies" pages readOpenSips with Times = 5L }
      once "event sockets" esl (fun octets ->
          let struct (messages, _) = Esl.feed octets Esl.empty
          Esl.feedCommands octets Esl.empty |> ignore
          not messages.IsEmpty)
      once "lists of channels" channels (fun body ->
          EslReplies.foldChannels (fun count _ -> count + 1) 0 body |> ValueOption.isSome)
      { once "channels" (Array.append channels details) readEsl with Times = 4L }
      { once "Asterisk's answers" asterisk readAri with Times = 7L }
      { once "call legs of RESTCONF" legs readRestconf with Times = 9L }
      once
          "RADIUS"
          (RadiusTests.Packets.Packet() |> messages (RadiusCodec.encodeRequest secret))
          (RadiusCodec.decode >> Result.isOk)
      { once
            "proofs of a pair"
            proofs
            (ofText (fun text ->
                let question = PairProof.tryQuestion text
                (PairProof.tryAnswer text).IsSome || question.IsSome)) with
          Times = 2L } ]

/// What one thread found out about one decoder.
type private Findings() =
    member val Inputs = 0L with get, set
    member val Read = 0L with get, set
    /// The largest share of the allowed memory that was used, in thousandths.
    member val Most = 0L with get, set
    member val Wrong: string list = [] with get, set

let private fuzz (decoder: Decoder) (seed: uint64) (findings: Findings) : unit =
    let whole = decoder.Whole

    let octets =
        Mutation.some
            whole[int (seed / 7UL % uint64 whole.Length)]
            whole[int (seed % uint64 whole.Length)]
            seed

    let before = GC.GetAllocatedBytesForCurrentThread()

    let outcome =
        try
            Ok(decoder.Read octets)
        with fault ->
            Error(fault.ToString())

    let allocated = GC.GetAllocatedBytesForCurrentThread() - before
    let allowed = decoder.Times * bound octets.Length
    findings.Inputs <- findings.Inputs + 1L
    findings.Most <- max findings.Most (allocated * 1000L / allowed)

    let tell what =
        findings.Wrong <-
            $"{decoder.Name}, seed {seed}: {what}: {Convert.ToHexString(Array.truncate 300 octets)}"
            :: findings.Wrong

    match outcome with
    | Error fault -> tell fault
    | Ok isRead ->
        if isRead then
            findings.Read <- findings.Read + 1L

        if allocated > allowed then
            tell $"{octets.Length} octets took {allocated}, {allowed} are allowed"

let ``damage in great number throws nothing and takes no more memory than allowed`` =
    example (fun () ->
        let inputs = setting "CALLSERVER_FUZZ" 20_000UL
        let first = setting "CALLSERVER_FUZZ_SEED" 1UL
        let each = max 1UL (inputs / uint64 decoders.Length)

        for decoder in decoders do
            // Caches are filled before the measurement.
            for octets in decoder.Whole do
                decoder.Read octets |> ignore
                decoder.Read octets[.. octets.Length / 2] |> ignore

            let all = List<Findings>()
            let guard = Lock()

            Parallel.For(
                int64 first,
                int64 (first + each),
                Findings,
                (fun seed _ (findings: Findings) ->
                    fuzz decoder (uint64 seed) findings
                    findings),
                fun findings -> lock guard (fun () -> all.Add findings)
            )
            |> ignore

            let sum (of': Findings -> int64) = Seq.sumBy of' all
            let most = all |> Seq.map _.Most |> Seq.max
            let wrong = all |> Seq.collect _.Wrong |> Seq.truncate 5 |> List.ofSeq

            say (
                $"{decoder.Name, -18} {sum _.Inputs, 10:N0} inputs, {sum _.Read * 100L / sum _.Inputs, 3} %% understood, at most {float most / 10.0, 5:F1} %% of the memory allowed"
            )

            wrong |> Check.because (String.Join("\n", wrong)) Check.isEmpty
            // A decoder that understands nothing would prove nothing.
            if not decoder.IsSigned then
                sum _.Read |> Check.because decoder.Name (Check.above 0L))
