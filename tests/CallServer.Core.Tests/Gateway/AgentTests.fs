module CallServer.Tests.Gateway.AgentTests

open System
open System.Text
open NUnit.Framework
open FsCheck
open FsCheck.FSharp
open CallServer.Model
open CallServer.Wire
open CallServer.Gateway
open CallServer.Tests
open CallServer.Tests.Gateway.Asking

let private profiles = Gateways.profiles |> List.toArray

let private profileOf (number: int) = profiles[abs (number % profiles.Length)]

[<Law>]
let ``GetBulk tells what GetNext tells`` (number: int) (seed: uint64) (PositiveInt repetitions) =
    let state = gateway (profileOf number) seed (int (seed % 5UL)) 0.0
    walkBulk (1 + repetitions % 30) epoch everything state = walkNext epoch everything state

[<Law>]
let ``Get tells the value that GetNext found`` (number: int) (seed: uint64) =
    let state = gateway (profileOf number) seed 2 0.0

    walkNext epoch everything state
    |> Array.forall (fun found ->
        let struct (_, reply) = ask epoch (Pdu.get 1 [ found.Name ]) state
        reply.VarBinds[0] = found)

[<TestCaseSource(nameof profiles)>]
let ``lists every connection once`` (profile: string) =
    let state = gateway profile 5UL 300 0.0
    let found = walkBulk 50 epoch (identityColumn profile) state
    Assert.That(found.Length, Is.EqualTo 300)
    let names = found |> Array.map _.Name
    Assert.That((Array.distinct names).Length, Is.EqualTo 300)

[<TestCaseSource(nameof profiles)>]
let ``serves the same rows whether they were kept up or made anew`` (profile: string) =
    let start = gateway profile 11UL 60 20.0
    let root = Oid.parse "1.3.6.1"

    (start, [ 1..40 ])
    ||> List.fold (fun state step ->
        // Beyond the five seconds that FreeSWITCH keeps its rows.
        let now = epoch + seconds (6.0 * float step)
        let struct (state, _) = AgentState.advance now state
        let struct (kept, _) = ask now (Pdu.getNext 1 [ root ]) state
        let anew = AgentState.forgetRows state

        Assert.That(
            (walkBulk 40 now (identityColumn profile) kept = walkBulk 40 now (identityColumn profile) anew)
        )

        kept)
    |> ignore

[<Law>]
let ``keeps to the largest message, and fills it`` (number: int) (seed: uint64) (PositiveInt room) =
    let profile = profileOf number
    let room = 484 + room % 2000
    let options = { AgentOptions.ofMib (Gateways.tryMib profile).Value "gw1" with MaxMessage = room }
    let state = Gateways.create seed { TableOptions.standard with Connections = 60 } options epoch
    let column = identityColumn profile
    let pdu = Pdu.getBulk 1 1 100 [ Oid.parse "1.3.6.1.2.1.1.3"; column; column ]
    let struct (_, replies) = SnmpAgent.respond epoch (v2c pdu) state
    let datagram = replies.Head.Datagram
    // Another variable binding of this column, 60 octets at most, would have fitted otherwise.
    datagram.Length <= room && (datagram.Length > room - 180 || datagram.Length > 60 * 2 * 20)

[<Law>]
let ``answers tooBig where a Get does not fit`` (seed: uint64) =
    let options = { AgentOptions.ofMib Mibs.CiscoVoice.mib "gw1" with MaxMessage = 484 }
    let state = Gateways.create seed { TableOptions.standard with Connections = 1 } options epoch
    let names = List.replicate 40 (Oid.parse "1.3.6.1.2.1.1.1.0")
    let struct (_, reply) = ask epoch (Pdu.get 1 names) state
    reply.ErrorStatus = ErrorStatus.TooBig && reply.VarBinds.Length = 0

[<Law>]
let ``never throws, whatever comes`` (octets: byte[]) =
    let state = gateway "cisco-voice" 1UL 3 0.0
    let struct (_, replies) = SnmpAgent.respond epoch octets state
    replies.Length <= 1

[<Law>]
let ``never throws at a damaged request`` (number: int) (PositiveInt at) (replacement: byte) (cut: bool) =
    let state = gateway (profileOf number) 1UL 3 0.0

    let request =
        v2c (Pdu.getBulk 1 1 10 [ Oid.parse "1.3.6.1.2.1.1.3"; identityColumn (profileOf number) ])

    let at = at % request.Length
    let damaged = if cut then Array.truncate at request else Array.updateAt at replacement request
    let struct (_, replies) = SnmpAgent.respond epoch damaged state
    replies.Length <= 1

[<Test>]
let ``bounds what a hostile GetBulk gets`` () =
    let state = gateway "cisco-voice" 1UL 2000 0.0
    let pdu = { Pdu.getBulk 1 0 Int32.MaxValue (List.replicate 20 everything) with ErrorStatus = -5 }
    let struct (_, replies) = SnmpAgent.respond epoch (v2c pdu) state
    Assert.That(replies.Head.Datagram.Length, Is.LessThanOrEqualTo 65507)

[<Test>]
let ``is silent to another community`` () =
    let state = gateway "cisco-voice" 1UL 3 0.0
    let request = Snmp.encode (V2c(Encoding.UTF8.GetBytes "wrong", Pdu.get 1 [ everything ]))
    let struct (_, replies) = SnmpAgent.respond epoch request state
    Assert.That(replies, Is.Empty)

[<Test>]
let ``refuses a Set and ignores responses`` () =
    let state = gateway "cisco-voice" 1UL 3 0.0
    let set = { Pdu.get 1 [ Oid.parse "1.3.6.1.2.1.1.5.0" ] with Kind = Set }
    let struct (_, reply) = ask epoch set state
    Assert.That(reply.ErrorStatus, Is.EqualTo ErrorStatus.NotWritable)

    for kind in [ Response; Report; TrapV2; Inform ] do
        let struct (_, reply) = tryAsk epoch { set with Kind = kind } state
        Assert.That(reply.IsNone)

[<Test>]
let ``tells exceptions as RFC 3416 has them`` () =
    let state = gateway "cisco-voice" 1UL 3 0.0
    Assert.That((value epoch "1.3.6.1.2.1.1.99.0" state = NoSuchObject))
    Assert.That((value epoch "1.3.6.1.2.1.10.21.1.3.1.1.8.1.1" state = NoSuchInstance))
    let struct (_, reply) = ask epoch (Pdu.getNext 1 [ Oid.parse "2.5" ]) state
    Assert.That((reply.VarBinds[0] = VarBind.create (Oid.parse "2.5") EndOfMibView))

[<Test>]
let ``repeats row by row with the non-repeaters first`` () =
    let state = gateway "cisco-voice" 1UL 3 0.0
    let column8, column9 = Oid.parse "1.3.6.1.2.1.10.21.1.3.1.1.8", Oid.parse "1.3.6.1.2.1.10.21.1.3.1.1.9"
    let pdu = Pdu.getBulk 1 1 3 [ Oid.parse "1.3.6.1.2.1.1.3"; column8; column9 ]
    let struct (_, reply) = ask epoch pdu state
    Assert.That(reply.VarBinds.Length, Is.EqualTo 7)
    Assert.That(reply.VarBinds[0].Name.ToString(), Is.EqualTo "1.3.6.1.2.1.1.3.0")

    for repetition in 0..2 do
        let first = reply.VarBinds[1 + 2 * repetition].Name
        let second = reply.VarBinds[2 + 2 * repetition].Name
        Assert.That((Oid.suffix column8 first = Oid.suffix column9 second && Oid.isPrefixOf column8 first))
