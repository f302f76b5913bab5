/// Values of MGCP's parameter lines: options, counters, lists (RFC 3435), and those of bulk audits (RFC 3624).
module CallServer.Tests.Wire.MgcpValuesTests

open System
open System.Text
open FsCheck
open FsCheck.FSharp
open CallServer.Model
open CallServer.Wire
open CallServer.Tests

let private some (most: int) (generator: Gen<'T>) : Gen<'T[]> =
    Gen.choose (0, most) |> Gen.bind (fun size -> Gen.arrayOfLength size generator)

let private counters: Gen<Counters> =
    gen {
        let one = Gen.oneof [ Gen.constant ValueNone; Gen.choose64 (0L, 999_999_999L) |> Gen.map ValueSome ]
        let! values = Gen.arrayOfLength 7 one

        return
            { PacketsSent = values[0]
              OctetsSent = values[1]
              PacketsReceived = values[2]
              OctetsReceived = values[3]
              PacketsLost = values[4]
              JitterMs = values[5]
              LatencyMs = values[6] }
    }

let private options: Gen<LocalConnectionOptions> =
    gen {
        let maybe generator = Gen.oneof [ Gen.constant ValueNone; Gen.map ValueSome generator ]
        let! low = Gen.choose (5, 50)
        let! more = Gen.choose (0, 50)
        let! period = maybe (Gen.constant (struct (low, low + more)))
        let! codecs = some 3 (Gen.elements [ "PCMU"; "G729"; "image/t38" ])
        let! tos = maybe (Gen.choose (0, 255) |> Gen.map byte)
        let! service = maybe (Gen.elements [ Guaranteed; ControlledLoad; BestEffort ])
        let! silence = maybe (Gen.elements [ true; false ])
        let! network = maybe (Gen.elements [ "IN"; "ATM" ])

        return
            { LocalConnectionOptions.none with
                PacketTime = period
                Codecs = codecs
                TypeOfService = tos
                Service = service
                SilenceSuppression = silence
                Network = network
                Others = [| struct ("fmtp", "\"101 0-15, 66\"") |] }
    }

type Values =
    static member Counters() = Arb.fromGen counters
    static member Options() = Arb.fromGen options

let ``counters and options are read as they were written`` =
    lawBy
        (Laws.plain |> Laws.drawing [ typeof<Values> ] |> Laws.times 1000)
        (fun (counters: Counters) (options: LocalConnectionOptions) ->
            ConnectionParameters.decode (ConnectionParameters.encode counters) = counters
            && LocalConnectionOptions.decode (LocalConnectionOptions.encode options) = options)

let ``a counter stops at nine digits`` =
    example (fun () ->
        let counters = ConnectionParameters.decode "ps=99999999999999999999, OS=007,PR=x, ="

        counters
        |> Check.equal { Counters.none with PacketsSent = ValueSome 999_999_999L; OctetsSent = ValueSome 7L })

let ``options that cannot be read stay as they were given`` =
    example (fun () ->
        let options = LocalConnectionOptions.decode "p:10-x, t:1b8, nt:LOCAL, r:x"
        options.PacketTime |> Check.equal ValueNone
        options.TypeOfService |> Check.equal ValueNone
        options.Others |> Check.equal [| struct ("p", "10-x"); struct ("t", "1b8"); struct ("r", "x") |])

let ``acknowledged transactions are read as they were written`` =
    lawBy (Laws.plain |> Laws.times 1000) (fun (ids: PositiveInt[]) ->
        let ids = ids |> Array.map _.Get |> Array.truncate 40

        let read =
            MgcpLists.acknowledged (MgcpLists.acknowledge ids)
            |> Array.collect (fun (struct (low, high)) -> [| low..high |])

        set read = set ids)

let ``packages are known by their names`` =
    example (fun () ->
        MgcpLists.packages [| MgcpParameter.create "PL" "L:1, ba:0"; MgcpParameter.create "PL" "G:1" |]
        |> Check.equal [| "L"; "BA"; "G" |])

/// A response's parameters, line by line.
let private parametersOf (lines: string list) : MgcpParameter[] =
    match Mgcp.decode (Encoding.Latin1.GetBytes(String.Join("\r\n", "200 1202 OK" :: lines) + "\r\n")) with
    | [| Ok(MgcpMessage.Response response) |] -> response.Parameters
    | other -> failwith $"%A{other}"

let private expanded (name: string) =
    match MgcpBulk.expand 1000 name with
    | Ok names -> names
    | Error error -> failwith (string error)

let ``ranges stand for every number, the last running fastest`` =
    example (fun () ->
        expanded "ds/ds1-[1-2]/[9-11]"
        |> Check.equal
            [| "ds/ds1-1/9"; "ds/ds1-1/10"; "ds/ds1-1/11"; "ds/ds1-2/9"; "ds/ds1-2/10"; "ds/ds1-2/11" |]

        expanded "cnf/[1,3,08-10]x" |> Check.equal [| "cnf/1x"; "cnf/3x"; "cnf/08x"; "cnf/09x"; "cnf/10x" |]
        expanded "cnf/*" |> Check.equal [| "cnf/*" |])

let ``ranges that are none are errors with their place`` =
    examples [ "ds/[1-"; "ds/[]"; "ds/[2-1]"; "ds/[a-b]" ] (fun (name: string) ->
        MgcpBulk.expand 1000 name |> Check.equal (Error { Offset = 3; Problem = BadRange }))

let ``more endpoints than allowed for are refused before they are made`` =
    examples [ "[1-999999999]/[1-999999999]/[1-999999999]"; "ds/[1-1001]" ] (fun (name: string) ->
        MgcpBulk.expand 1000 name |> Check.equal (Error { Offset = 0; Problem = TooManyEndpoints }))

let private bulk (lines: string list) = parametersOf lines

let ``the same counts in each of the ways to write them`` =
    example (fun () ->
        let expected =
            Array.zip [| "cnf/1"; "cnf/2"; "cnf/3"; "cnf/7"; "cnf/8" |] [| 0; 3; 5; 16; 11 |]
            |> Array.map (fun (name, count) -> struct (name, count))
            |> Ok

        let ways =
            [ [ "ba/el: cnf/[1-3]"; "ba/c: 035"; "ba/el: cnf/[7-8]"; "ba/c: ZB" ]
              [ "BA/EL: cnf/[1-3], ba/el: cnf/[7-8]"; "BA/C: 035"; "BA/C:  ZB" ]
              [ "BA/EL: cnf/[1-3], cnf/[7-8]"; "BA/C: 035zb" ] ]

        for lines in ways do
            MgcpBulk.counts 1000 (bulk lines) |> Check.equal expected)

let ``an answer that goes on says where`` =
    example (fun () ->
        let parameters =
            bulk [ "BA/EL: ds/ds3-1/ds1-6/[4-15]"; "BA/C: 011000010001"; "BA/NE: ds/ds3-1/ds1-6/16" ]

        MgcpBulk.next parameters |> Check.equal (ValueSome "ds/ds3-1/ds1-6/16")

        match MgcpBulk.counts 1000 parameters with
        | Ok counts ->
            counts |> Array.filter (fun (struct (_, count)) -> count > 0) |> Array.length |> Check.equal 4
        | Error error -> failtest (string error))

let ``counts for other endpoints than are listed are no counts`` =
    example (fun () ->
        MgcpBulk.counts 1000 (bulk [ "BA/EL: cnf/[1-3]"; "BA/C: 03" ])
        |> Check.equal (Error { Offset = 0; Problem = Uneven(3, 2) })

        MgcpBulk.counts 1000 (bulk [ "BA/EL: cnf/1"; "BA/C: ?" ])
        |> Check.equal (Error { Offset = 0; Problem = BadState '?' }))

let ``modes: none, one, or a number of them`` =
    example (fun () ->
        MgcpBulk.modes 1000 (bulk [ "BA/EL: ds/e1-3/[1-6]"; "BA/M: 0R2BRC2sN0" ])
        |> Check.equal (
            Ok
                [| struct ("ds/e1-3/1", "")
                   struct ("ds/e1-3/2", "R")
                   struct ("ds/e1-3/3", "BR")
                   struct ("ds/e1-3/4", "C")
                   struct ("ds/e1-3/5", "SN")
                   struct ("ds/e1-3/6", "") |]
        ))

let ``endpoint states: true, false, out of service`` =
    example (fun () ->
        MgcpBulk.states 1000 (bulk [ "BA/EL: aaln/[1-3]"; "BA/S: tFO" ])
        |> Check.equal (Ok [| struct ("aaln/1", 'T'); struct ("aaln/2", 'F'); struct ("aaln/3", 'O') |]))
