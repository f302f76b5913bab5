/// Values of MGCP's parameter lines: options, counters, lists (RFC 3435), and those of bulk audits (RFC 3624).
module CallServer.Tests.Wire.MgcpValuesTests

open System
open System.Text
open NUnit.Framework
open FsCheck
open FsCheck.FSharp
open FsCheck.NUnit
open CallServer.Model
open CallServer.Wire

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

[<Property(Arbitrary = [| typeof<Values> |], MaxTest = 1000, QuietOnSuccess = true)>]
let ``counters and options are read as they were written``
    (counters: Counters)
    (options: LocalConnectionOptions)
    =
    ConnectionParameters.decode (ConnectionParameters.encode counters) = counters
    && LocalConnectionOptions.decode (LocalConnectionOptions.encode options) = options

[<Test>]
let ``a counter stops at nine digits`` () =
    let counters = ConnectionParameters.decode "ps=99999999999999999999, OS=007,PR=x, ="

    counters
    |> Check.equal { Counters.none with PacketsSent = ValueSome 999_999_999L; OctetsSent = ValueSome 7L }

[<Test>]
let ``options that cannot be read stay as they were given`` () =
    let options = LocalConnectionOptions.decode "p:10-x, t:1b8, nt:LOCAL, r:x"
    options.PacketTime |> Check.equal ValueNone
    options.TypeOfService |> Check.equal ValueNone
    options.Others |> Check.equal [| struct ("p", "10-x"); struct ("t", "1b8"); struct ("r", "x") |]

[<Property(MaxTest = 1000, QuietOnSuccess = true)>]
let ``acknowledged transactions are read as they were written`` (ids: PositiveInt[]) =
    let ids = ids |> Array.map _.Get |> Array.truncate 40

    let read =
        MgcpLists.acknowledged (MgcpLists.acknowledge ids)
        |> Array.collect (fun (struct (low, high)) -> [| low..high |])

    set read = set ids

[<Test>]
let ``packages are known by their names`` () =
    MgcpLists.packages [| MgcpParameter.create "PL" "L:1, ba:0"; MgcpParameter.create "PL" "G:1" |]
    |> Check.equal [| "L"; "BA"; "G" |]

/// A response's parameters, line by line.
let private parametersOf (lines: string list) : MgcpParameter[] =
    match Mgcp.decode (Encoding.Latin1.GetBytes(String.Join("\r\n", "200 1202 OK" :: lines) + "\r\n")) with
    | [| Ok(MgcpMessage.Response response) |] -> response.Parameters
    | other -> failwith $"%A{other}"

let private expanded (name: string) =
    match MgcpBulk.expand 1000 name with
    | Ok names -> names
    | Error error -> failwith (string error)

[<Test>]
let ``ranges stand for every number, the last running fastest`` () =
    expanded "ds/ds1-[1-2]/[9-11]"
    |> Check.equal
        [| "ds/ds1-1/9"; "ds/ds1-1/10"; "ds/ds1-1/11"; "ds/ds1-2/9"; "ds/ds1-2/10"; "ds/ds1-2/11" |]

    expanded "cnf/[1,3,08-10]x" |> Check.equal [| "cnf/1x"; "cnf/3x"; "cnf/08x"; "cnf/09x"; "cnf/10x" |]
    expanded "cnf/*" |> Check.equal [| "cnf/*" |]

[<TestCase("ds/[1-")>]
[<TestCase("ds/[]")>]
[<TestCase("ds/[2-1]")>]
[<TestCase("ds/[a-b]")>]
let ``ranges that are none are errors with their place`` (name: string) =
    MgcpBulk.expand 1000 name |> Check.equal (Error { Offset = 3; Problem = BadRange })

[<TestCase("[1-999999999]/[1-999999999]/[1-999999999]")>]
[<TestCase("ds/[1-1001]")>]
let ``more endpoints than allowed for are refused before they are made`` (name: string) =
    MgcpBulk.expand 1000 name |> Check.equal (Error { Offset = 0; Problem = TooManyEndpoints })

let private bulk (lines: string list) = parametersOf lines

[<Test>]
let ``the same counts in each of the ways to write them`` () =
    let expected =
        Array.zip [| "cnf/1"; "cnf/2"; "cnf/3"; "cnf/7"; "cnf/8" |] [| 0; 3; 5; 16; 11 |]
        |> Array.map (fun (name, count) -> struct (name, count))
        |> Ok

    let ways =
        [ [ "ba/el: cnf/[1-3]"; "ba/c: 035"; "ba/el: cnf/[7-8]"; "ba/c: ZB" ]
          [ "BA/EL: cnf/[1-3], ba/el: cnf/[7-8]"; "BA/C: 035"; "BA/C:  ZB" ]
          [ "BA/EL: cnf/[1-3], cnf/[7-8]"; "BA/C: 035zb" ] ]

    for lines in ways do
        MgcpBulk.counts 1000 (bulk lines) |> Check.equal expected

[<Test>]
let ``an answer that goes on says where`` () =
    let parameters =
        bulk [ "BA/EL: ds/ds3-1/ds1-6/[4-15]"; "BA/C: 011000010001"; "BA/NE: ds/ds3-1/ds1-6/16" ]

    MgcpBulk.next parameters |> Check.equal (ValueSome "ds/ds3-1/ds1-6/16")

    match MgcpBulk.counts 1000 parameters with
    | Ok counts ->
        counts |> Array.filter (fun (struct (_, count)) -> count > 0) |> Array.length |> Check.equal 4
    | Error error -> Assert.Fail(string error)

[<Test>]
let ``counts for other endpoints than are listed are no counts`` () =
    MgcpBulk.counts 1000 (bulk [ "BA/EL: cnf/[1-3]"; "BA/C: 03" ])
    |> Check.equal (Error { Offset = 0; Problem = Uneven(3, 2) })

    MgcpBulk.counts 1000 (bulk [ "BA/EL: cnf/1"; "BA/C: ?" ])
    |> Check.equal (Error { Offset = 0; Problem = BadState '?' })

[<Test>]
let ``modes: none, one, or a number of them`` () =
    MgcpBulk.modes 1000 (bulk [ "BA/EL: ds/e1-3/[1-6]"; "BA/M: 0R2BRC2sN0" ])
    |> Check.equal (
        Ok
            [| struct ("ds/e1-3/1", "")
               struct ("ds/e1-3/2", "R")
               struct ("ds/e1-3/3", "BR")
               struct ("ds/e1-3/4", "C")
               struct ("ds/e1-3/5", "SN")
               struct ("ds/e1-3/6", "") |]
    )

[<Test>]
let ``endpoint states: true, false, out of service`` () =
    MgcpBulk.states 1000 (bulk [ "BA/EL: aaln/[1-3]"; "BA/S: tFO" ])
    |> Check.equal (Ok [| struct ("aaln/1", 'T'); struct ("aaln/2", 'F'); struct ("aaln/3", 'O') |])
