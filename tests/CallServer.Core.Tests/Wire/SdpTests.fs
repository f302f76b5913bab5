/// Session descriptions (RFC 8866), as MGCP and SIP carry them.
module CallServer.Tests.Wire.SdpTests

open System
open System.Text
open FsCheck
open FsCheck.FSharp
open CallServer.Model
open CallServer.Wire
open CallServer.Tests

let private word: Gen<string> =
    Gen.choose (1, 12)
    |> Gen.bind (fun size -> Gen.arrayOfLength size (Gen.elements [ 'a' .. 'z' ]))
    |> Gen.map String

let private host: Gen<string> =
    Gen.oneof
        [ Gen.choose (1, 254) |> Gen.map (fun last -> $"192.0.2.{last}")
          Gen.choose (1, 9999) |> Gen.map (fun last -> $"2001:db8::{last}")
          word ]

let private optional (generator: Gen<'T>) : Gen<'T voption> =
    Gen.oneof [ Gen.constant ValueNone; Gen.map ValueSome generator ]

let private direction = Gen.elements [ "sendrecv"; "sendonly"; "recvonly"; "inactive" ]

let private medium: Gen<SdpMedia> =
    gen {
        let! kind = Gen.elements [ "audio"; "video"; "image" ]
        let! port = Gen.choose (0, 65535)
        let! formats = Gen.choose (1, 5) |> Gen.bind (fun size -> Gen.arrayOfLength size word)
        let! host = optional host
        let! encodings = Gen.arrayOf word
        let! parameters = Gen.choose (0, 2)
        let! period = optional (Gen.choose (1, 99999))
        let! direction = optional direction

        return
            { Kind = kind
              Port = port
              Protocol = "RTP/AVP"
              Formats = formats
              Host = host
              RtpMaps =
                encodings
                |> Array.truncate 6
                |> Array.mapi (fun index encoding -> struct (string (96 + index), $"{encoding}/8000"))
              FormatParameters =
                [| for number in 1..parameters -> struct (string number, "mode=20; other=1") |]
              PacketTime = period
              Direction = direction }
    }

let description: Gen<Sdp> =
    gen {
        let! origin = word
        let! name = word
        let! host = optional host
        let! direction = optional direction
        let! count = Gen.choose (0, 4)
        let! media = Gen.arrayOfLength count medium

        return
            { Origin = $"- 1 1 IN IP4 {origin}"
              Name = name
              Host = host
              Direction = direction
              Media = media }
    }

type Descriptions =
    static member Sdp() = Arb.fromGen description

let private sdpLaws = Laws.plain |> Laws.drawing [ typeof<Descriptions> ] |> Laws.times 1000

/// A description line by line.
let private text (lines: string list) = String.Join("\r\n", lines) + "\r\n"

let private read (text: string) : Sdp =
    match Sdp.decode text with
    | Ok sdp -> sdp
    | Error error -> failwith (string error)

let ``what is written is read again`` =
    lawBy sdpLaws (fun (sdp: Sdp) -> Sdp.decode (Sdp.encode sdp) = Ok sdp)

let ``line feeds alone, empty lines and blanks make no difference`` =
    lawBy sdpLaws (fun (sdp: Sdp) ->
        let loose = (Sdp.encode sdp).Replace("\r\n", "\n\n").Replace("IN IP4", "IN  IP4")
        (read loose).Media = sdp.Media)

let ``damage is an error or another description, within bounds`` =
    lawBy sdpLaws (fun (sdp: Sdp) (seed: uint64) ->
        let octets = Encoding.Latin1.GetBytes(Sdp.encode sdp)

        for attempt in 0UL .. 9UL do
            let damaged = Encoding.Latin1.GetString(Mutation.some octets octets (seed + attempt))
            let before = GC.GetAllocatedBytesForCurrentThread()

            match Sdp.decode damaged with
            | Ok _ -> ()
            | Error error -> error.Offset |> Check.between 0 damaged.Length

            let allocated = GC.GetAllocatedBytesForCurrentThread() - before
            allocated |> Check.because damaged (Check.below (65536L + 2L * int64 damaged.Length)))

let ``lines as dense as can be stay within the bound`` =
    examples
        [ "m=a 0 b c\n"
          "m=a 0 b 1 2 3 4 5 6 7 8 9\n"
          "a=rtpmap:0 a\n"
          "a=fmtp:0 a\n"
          "a=ptime:1\n"
          "a=sendrecv\n"
          "a=x\n"
          "c=IN IP4 1\n"
          "o=\n"
          "\n" ]
        (fun (line: string) ->
            for count in [ 10; 1000; 6000 ] do
                let whole = "v=0\nm=audio 1 RTP/AVP 0\n" + String.Join("", Array.create count line)

                let before = GC.GetAllocatedBytesForCurrentThread()
                Sdp.decode whole |> ignore
                let allocated = GC.GetAllocatedBytesForCurrentThread() - before
                allocated |> Check.below (65536L + 2L * int64 whole.Length))

let ``the first payload that is no event is the codec, and media lines override the session's address`` =
    example (fun () ->
        let sdp =
            text
                [ "v=0"
                  "o=gw 7 7 IN IP4 192.0.2.1"
                  "s=-"
                  "c=IN IP4 192.0.2.1"
                  "t=0 0"
                  "m=video 5000 RTP/AVP 34"
                  "m=audio 16384/2 RTP/AVP 101 97 0"
                  "c=IN IP4 192.0.2.77/127"
                  "a=rtpmap:101 telephone-event/8000"
                  "a=rtpmap:97 iLBC/8000"
                  "a=ptime:30"
                  "a=recvonly " ]
            |> read

        Sdp.codec sdp |> Check.equal (ValueSome { Name = "iLBC"; ClockRate = ValueSome 8000 })
        Sdp.address sdp |> Check.equal (ValueSome { Host = "192.0.2.77"; Port = 16384 })
        Sdp.packetTime sdp |> Check.equal (ValueSome 30)
        sdp.Media[1].Direction |> Check.equal (ValueSome "recvonly"))

let ``fax in place of audio is the call's medium`` =
    example (fun () ->
        let sdp =
            text [ "v=0"; "c=IN IP6 2001:db8::9"; "m=audio 0 RTP/AVP 0"; "m=image 5002 udptl t38" ] |> read

        Sdp.codec sdp |> Check.equal (ValueSome { Name = "t38"; ClockRate = ValueSome 8000 })
        Sdp.address sdp |> Check.equal (ValueSome { Host = "2001:db8::9"; Port = 5002 }))

let ``a dynamic payload without its map, and a host by name, are not guessed`` =
    example (fun () ->
        let sdp = text [ "v=0"; "c=IN IP4 media.example.net"; "m=audio 9000 RTP/AVP 97 0" ] |> read
        Sdp.codec sdp |> Check.equal ValueNone
        Sdp.address sdp |> Check.equal ValueNone)

let ``v=0 alone says that there is none`` =
    example (fun () ->
        Sdp.decode "v=0\r\n" |> Check.equal (Ok Sdp.absent)
        Sdp.encode Sdp.absent |> Check.equal "v=0\r\n")

let ``errors tell where`` =
    examples
        [ "", 0
          "o=x\r\n", 0
          "v=0\r\nnonsense\r\n", 5
          "v=0\r\nm=audio\r\n", 5
          "v=0\r\ns=-\r\nm=audio 70000 RTP/AVP 0\r\n", 10
          "v=0\r\nm=audio x RTP/AVP 0\r\n", 5 ]
        (fun (text: string, offset: int) ->
            match Sdp.decode text with
            | Error error -> error.Offset |> Check.equal offset
            | Ok sdp -> failtest $"%A{sdp}")
