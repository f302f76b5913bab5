/// MGCP on the wire (RFC 3435), and the Bulk Audit package (RFC 3624).
module CallServer.Tests.Wire.MgcpTests

open System
open System.Text
open FsCheck
open FsCheck.FSharp
open CallServer.Model
open CallServer.Wire
open CallServer.Tests

let private from (letters: char seq) (most: int) : Gen<string> =
    Gen.choose (1, most)
    |> Gen.bind (fun size -> Gen.arrayOfLength size (Gen.elements letters))
    |> Gen.map String

let private word = from "abcdefghijklmnopqrstuvwxyz0123456789-." 12

let private endpoint: Gen<EndpointName> =
    gen {
        let! terms = Gen.choose (1, 3)

        let! local =
            Gen.arrayOfLength terms (Gen.frequency [ 8, word; 1, Gen.constant "*"; 1, Gen.constant "$" ])

        let! domain = Gen.oneof [ word; Gen.constant "[192.0.2.1]"; Gen.constant "#17" ]
        return { Local = String.Join('/', local); Domain = domain }
    }

let private parameter: Gen<MgcpParameter> =
    gen {
        let! code = Gen.oneof [ Gen.elements [ "C"; "I"; "BA/NE"; "PL"; "RM" ]; from "ABCXYZ+-/" 8 ]
        let! value = Gen.oneof [ Gen.constant ""; word; Gen.map2 (fun a b -> $"{a}: {b}, \"x\" é") word word ]
        return { Code = code; Value = value }
    }

let private some (most: int) (generator: Gen<'T>) : Gen<'T[]> =
    Gen.choose (0, most) |> Gen.bind (fun size -> Gen.arrayOfLength size generator)

let private transaction = Gen.choose (1, Mgcp.MaxTransaction)

let private command: Gen<MgcpCommand> =
    gen {
        let! verb = Gen.elements MgcpVerb.known
        let! transaction = transaction
        let! endpoint = endpoint
        let! version = Gen.elements [ "MGCP 1.0"; "MGCP 1.0 NCS 1.0"; "MGCP 0.1" ]
        let! parameters = some 6 parameter
        let! sessions = some 2 SdpTests.description

        return
            { Verb = verb
              Transaction = transaction
              Endpoint = endpoint
              Version = version
              Parameters = parameters
              Sessions = Array.map Sdp.encode sessions }
    }

let private response: Gen<MgcpResponse> =
    gen {
        let! code = Gen.choose (0, 999)
        let! transaction = transaction
        let! package = Gen.elements [ ValueNone; ValueSome "BA" ]
        let! comment = Gen.oneof [ Gen.constant ""; word; Gen.map2 (fun a b -> a + " " + b) word word ]
        let! parameters = some 6 parameter
        let! sessions = some 2 SdpTests.description

        return
            { Code = code
              Transaction = transaction
              Package = package
              Comment = comment
              Parameters = parameters
              Sessions = Array.map Sdp.encode sessions }
    }

type Messages =
    static member Message() : Arbitrary<MgcpMessage> =
        Gen.oneof [ Gen.map MgcpMessage.Command command; Gen.map MgcpMessage.Response response ]
        |> Arb.fromGen

let private mgcpLaws = Laws.plain |> Laws.drawing [ typeof<Messages> ] |> Laws.times 1000

let ``what is written is read again`` =
    lawBy mgcpLaws (fun (message: MgcpMessage) -> Mgcp.decode (Mgcp.encode message) = [| Ok message |])

let ``messages that ride together are read each by itself`` =
    lawBy mgcpLaws (fun (messages: NonEmptyArray<MgcpMessage>) ->
        let messages = Array.truncate 10 messages.Get
        Mgcp.decode (Mgcp.encodeAll messages) = Array.map Ok messages)

let ``line feeds alone and blanks beside the words make no difference`` =
    lawBy mgcpLaws (fun (message: MgcpMessage) ->
        match message with
        | MgcpMessage.Command { Sessions = sessions } when sessions.Length > 0 -> true
        | MgcpMessage.Response { Sessions = sessions } when sessions.Length > 0 -> true
        | MgcpMessage.Command _
        | MgcpMessage.Response _ ->
            let loose = Encoding.Latin1.GetString(Mgcp.encode message).Replace("\r\n", " \t\n")
            Mgcp.decode (Encoding.Latin1.GetBytes("\n \n" + loose)) = [| Ok message |])

/// How much decoding allocates on this thread, in octets.
let private allocated (octets: byte[]) : int64 =
    let before = GC.GetAllocatedBytesForCurrentThread()

    for message in Mgcp.decode octets do
        match message with
        | Ok _ -> ()
        | Error error ->
            if error.Offset < 0 || error.Offset > octets.Length then
                failtest $"{error.Offset} of {octets.Length}"

    GC.GetAllocatedBytesForCurrentThread() - before

let private bounded (octets: byte[]) =
    let allocated = allocated octets

    if allocated > 65536L + 4L * int64 octets.Length then
        failtest $"{octets.Length} octets took {allocated}: {Encoding.Latin1.GetString octets}"

let ``damage is an error or another message, within bounds`` =
    lawBy mgcpLaws (fun (message: MgcpMessage) (other: MgcpMessage) (seed: uint64) ->
        let octets = Mgcp.encode message
        let other = Mgcp.encode other

        for attempt in 0UL .. 9UL do
            bounded (Mutation.some other octets (seed + attempt)))

/// Reads a text as each value that a message may hold; returns whether it names an endpoint.
let readValues (text: string) : bool =
    let parameters =
        [| for code in [ "I"; "PL"; "BA/EL"; "BA/C"; "BA/M"; "BA/S"; "BA/NE" ] ->
               { Code = code; Value = text } |]

    LocalConnectionOptions.decode text |> ignore
    ConnectionParameters.decode text |> ignore
    MgcpLists.acknowledged text |> ignore
    MgcpLists.connectionIds parameters |> ignore
    MgcpLists.packages parameters |> ignore
    MgcpBulk.counts 1000 parameters |> ignore
    MgcpBulk.modes 1000 parameters |> ignore
    MgcpBulk.states 1000 parameters |> ignore
    (EndpointName.tryParse text).IsSome

let ``damaged values never throw`` =
    lawBy mgcpLaws (fun (message: MgcpMessage) (seed: uint64) ->
        let octets = Mgcp.encode message
        readValues (Encoding.Latin1.GetString(Mutation.some octets octets seed)) |> ignore)

let ``datagrams as dense as can be stay within the bound`` =
    examples
        [ "200 1\n", "I:\n"
          "200 1\n", "Z: aaln/1@gw\n"
          "200 1\n", "XX: 1\n"
          "200 1\n", "no parameter\n"
          "200 1\n\n", "v=0\n"
          "200 1\n\n", "v=0\n\n"
          "", "200 1\n.\n"
          "", ".\n"
          "AUEP 1 a@b MGCP 1.0 ", "x "
          "AUEP 1 a@b MGCP 1.0\n", "F: I\n"
          "200 1 ", "x" ]
        (fun (head: string, piece: string) ->
            for size in [ 100; 4000; 20000; 65507 ] do
                let count = (size - head.Length) / piece.Length
                bounded (Encoding.Latin1.GetBytes(head + String.Join("", Array.create count piece))))

let ``a full datagram of endpoints is not too much`` =
    example (fun () ->
        let names = [ for number in 1..2200 -> MgcpParameter.create "Z" $"aaln/{number}@gw.example.net" ]
        let response = MgcpMessage.Response(Mgcp.response 200 7 "OK" names)
        let octets = Mgcp.encode response
        octets.Length |> Check.between 60000 65507
        Mgcp.decode octets |> Check.equal [| Ok response |])

let private decodeText (lines: string list) =
    Mgcp.decode (Encoding.Latin1.GetBytes(String.Join("\r\n", lines) + "\r\n"))

let private responseOf (lines: string list) : MgcpResponse =
    match decodeText lines with
    | [| Ok(MgcpMessage.Response response) |] -> response
    | other -> failwith $"%A{other}"

let private commandOf (lines: string list) : MgcpCommand =
    match decodeText lines with
    | [| Ok(MgcpMessage.Command command) |] -> command
    | other -> failwith $"%A{other}"

let ``codes and verbs are the same in either case, names keep theirs and compare without it`` =
    example (fun () ->
        let command = commandOf [ "auep  0042 AALN/1@Gw.Example.Net mgcp 1.0"; "f : i"; "x-flower:  Daisy " ]
        command.Verb |> Check.equal MgcpVerb.AuditEndpoint
        command.Transaction |> Check.equal 42
        EndpointName.equal command.Endpoint (EndpointName.parse "aaln/1@gw.example.net") |> Check.equal true
        string (EndpointName.canonical command.Endpoint) |> Check.equal "aaln/1@gw.example.net"

        command.Parameters
        |> Check.equal [| MgcpParameter.create "F" "i"; MgcpParameter.create "X-FLOWER" "Daisy" |])

let ``the answer to a wildcard names the endpoints`` =
    example (fun () ->
        let response =
            responseOf [ "200 311 here they are"; "Z: aaln/1@rgw.example.net"; "Z: aaln/2@rgw.example.net" ]

        response.Comment |> Check.equal "here they are"

        MgcpParameter.all "Z" response.Parameters
        |> Check.equal [| "aaln/1@rgw.example.net"; "aaln/2@rgw.example.net" |])

let ``connection ids stand on one line or on several, and none is not the same as not told`` =
    example (fun () ->
        let ids lines = MgcpLists.connectionIds (responseOf ("200 5 OK" :: lines)).Parameters
        ids [ "I: 32F345E2" ] |> Check.equal (ValueSome [| "32F345E2" |])
        ids [ "I: A1, B2 ,C3"; "I: D4" ] |> Check.equal (ValueSome [| "A1"; "B2"; "C3"; "D4" |])
        ids [ "I:" ] |> Check.equal (ValueSome [||])
        ids [ "N: ca@example.net" ] |> Check.equal ValueNone)

let ``an audited connection tells call, options, mode, counters and both descriptions, the local one first`` =
    example (fun () ->
        let response =
            responseOf
                [ "200 2003 OK"
                  "C: 9A1"
                  "N: [192.0.2.200]"
                  "L: p:10, a:PCMU;G726-32, t:b8, r:g, s:off"
                  "M: sendrecv"
                  "P: PS=1245, OS=62345, PR=780, OR=45123, PL=10, JI=27,LA=48, PC/RPS=3"
                  ""
                  "v=0"
                  "o=- 25678 753849 IN IP4 192.0.2.41"
                  "s=-"
                  "c=IN IP4 192.0.2.41"
                  "t=0 0"
                  "m=audio 1296 RTP/AVP 0"
                  ""
                  "v=0"
                  "o=- 33343 346463 IN IP4 192.0.2.63"
                  "s=-"
                  "c=IN IP4 192.0.2.63"
                  "t=0 0"
                  "m=audio 1298 RTP/AVP 96"
                  "a=rtpmap:96 G726-32/8000" ]

        let description index =
            match Sdp.decode response.Sessions[index] with
            | Ok sdp -> sdp
            | Error error -> failwith (string error)

        response.Sessions.Length |> Check.equal 2
        Sdp.address (description 0) |> Check.equal (ValueSome { Host = "192.0.2.41"; Port = 1296 })
        (Sdp.codec (description 1)).Value.Name |> Check.equal "G726-32"

        let options = LocalConnectionOptions.decode (MgcpParameter.tryFind "L" response.Parameters).Value
        options.PacketTime |> Check.equal (ValueSome(struct (10, 10)))
        options.Codecs |> Check.equal [| "PCMU"; "G726-32" |]
        options.Service |> Check.equal (ValueSome Guaranteed)
        options.SilenceSuppression |> Check.equal (ValueSome false)

        QualityOfService.ofTypeOfService options.TypeOfService.Value
        |> Check.equal { Dscp = ValueSome 46; Service = ValueNone; Reported = ValueSome "b8" }

        let counters = ConnectionParameters.decode (MgcpParameter.tryFind "P" response.Parameters).Value

        counters
        |> Check.equal
            { PacketsSent = ValueSome 1245L
              OctetsSent = ValueSome 62345L
              PacketsReceived = ValueSome 780L
              OctetsReceived = ValueSome 45123L
              PacketsLost = ValueSome 10L
              JitterMs = ValueSome 27L
              LatencyMs = ValueSome 48L })

let ``a description that is not there is told as v=0 alone`` =
    example (fun () ->
        let response =
            responseOf
                [ "200 1203 OK"; ""; "v=0"; "c=IN IP4 192.0.2.9"; "m=audio 1296 RTP/AVP 0"; ""; "v=0" ]

        response.Sessions.Length |> Check.equal 2
        Sdp.decode response.Sessions[1] |> Check.equal (Ok Sdp.absent))

let ``a response rides with a command, after a line with a dot`` =
    example (fun () ->
        match
            decodeText
                [ "200 2005 OK"; "."; "RSIP 1244 *@rgw.example.net MGCP 1.0"; "RM: graceful"; "RD: 300" ]
        with
        | [| Ok(MgcpMessage.Response response); Ok(MgcpMessage.Command command) |] ->
            response.Transaction |> Check.equal 2005
            MgcpParameter.tryFind "RD" command.Parameters |> Check.equal (ValueSome "300")
        | other -> failtest $"%A{other}")

let ``one message that cannot be read does not spoil the other`` =
    example (fun () ->
        match decodeText [ "AUEP 17 no-endpoint MGCP 1.0"; "."; "000 55" ] with
        | [| Error error; Ok(MgcpMessage.Response response) |] ->
            error |> Check.equal { Offset = 8; Problem = BadEndpoint; Transaction = 17 }
            struct (response.Code, response.Transaction) |> Check.equal (struct (0, 55))
        | other -> failtest $"%A{other}")

let ``errors tell where, and which transaction`` =
    examples
        [ "", 0, 0
          "\r\n \r\n", 0, 0
          "HELLO 5 a@b MGCP 1.0", 0, 0
          "AUEP 0 a@b MGCP 1.0", 5, 0
          "AUEP 1000000000 a@b MGCP 1.0", 5, 0
          "AUEP 12 a@b", 11, 12
          "AUEP 12 a@b SGCP 1.0", 12, 12
          "AUEP 12 a@b MGCP 1.0\r\nnonsense", 22, 12
          "20 12 OK", 0, 0
          "200 x OK", 4, 0 ]
        (fun (text: string, offset: int, transaction: int) ->
            match Mgcp.decode (Encoding.Latin1.GetBytes text) with
            | [| Error error |] ->
                struct (error.Offset, error.Transaction) |> Check.equal (struct (offset, transaction))
            | other -> failtest $"%A{other}")

let ``lines that are no parameters are passed over in a response`` =
    example (fun () ->
        let response = responseOf [ "200 7"; "A: a:PCMU, m:sendonly;"; "recvonly;sendrecv"; ": "; "I: 1" ]
        response.Parameters.Length |> Check.equal 2)

let ``a package's return code names the package`` =
    example (fun () ->
        let response = responseOf [ "801 1001 /BA no such start" ]
        response.Package |> Check.equal (ValueSome "BA")
        response.Comment |> Check.equal "no such start"
        ReturnCode.classify response.Code |> Check.equal PackageCode)

let ``every code has the meaning of its hundreds`` =
    example (fun () ->
        for code in 0..999 do
            let expected =
                match code / 100 with
                | 0 -> Acknowledgement
                | 1 -> Provisional
                | 2 -> Success
                | 4 -> TransientError
                | 5 -> PermanentError
                | 8 -> PackageCode
                | _ -> UnknownClass

            ReturnCode.classify code |> Check.equal expected)

let ``wildcards stand for terms, and as the last one for all that follow`` =
    example (fun () ->
        let matches pattern name = EndpointName.matches (EndpointName.parse (pattern + "@gw")) name
        matches "*" "ds/ds1-1/4" |> Check.equal true
        matches "ds/*" "DS/ds1-1/4" |> Check.equal true
        matches "ds/*/4" "ds/ds1-1/4" |> Check.equal true
        matches "ds/*/4" "ds/ds1-1/5" |> Check.equal false
        matches "aaln/*" "ds/ds1-1/4" |> Check.equal false
        matches "aaln/1" "aaln/1" |> Check.equal true)
