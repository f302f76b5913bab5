module CallServer.Tests.Gateway.AgentTests

open System
open System.Text
open FsCheck
open FsCheck.FSharp
open CallServer.Model
open CallServer.Wire
open CallServer.Gateway
open CallServer.Tests
open CallServer.Tests.Gateway.Asking

let private profiles = Gateways.profiles |> List.toArray

let private profileOf (number: int) = profiles[abs (number % profiles.Length)]

let ``GetBulk tells what GetNext tells`` =
    law (fun (number: int) (seed: uint64) (PositiveInt repetitions) ->
        let state = gateway (profileOf number) seed (int (seed % 5UL)) 0.0
        walkBulk (1 + repetitions % 30) epoch everything state = walkNext epoch everything state)

let ``Get tells the value that GetNext found`` =
    law (fun (number: int) (seed: uint64) ->
        let state = gateway (profileOf number) seed 2 0.0

        walkNext epoch everything state
        |> Array.forall (fun found ->
            let struct (_, reply) = ask epoch (Pdu.get 1 [ found.Name ]) state
            reply.VarBinds[0] = found))

let ``lists every connection once`` =
    examples Gateways.profiles (fun (profile: string) ->
        let state = gateway profile 5UL 300 0.0
        let found = walkBulk 50 epoch (identityColumn profile) state
        found.Length |> Check.equal 300
        let names = found |> Array.map _.Name
        (Array.distinct names).Length |> Check.equal 300)

let ``serves the same rows whether they were kept up or made anew`` =
    examples Gateways.profiles (fun (profile: string) ->
        let start = gateway profile 11UL 60 20.0
        let root = Oid.parse "1.3.6.1"

        (start, [ 1..40 ])
        ||> List.fold (fun state step ->
            // Beyond the five seconds for which FreeSWITCH caches its rows.
            let now = epoch + seconds (6.0 * float step)
            let struct (state, _) = AgentState.advance now state
            let struct (kept, _) = ask now (Pdu.getNext 1 [ root ]) state
            let anew = AgentState.forgetRows state

            (walkBulk 40 now (identityColumn profile) kept = walkBulk 40 now (identityColumn profile) anew)
            |> Check.isTrue

            kept)
        |> ignore)

let ``keeps to the largest message, and fills it`` =
    law (fun (number: int) (seed: uint64) (PositiveInt room) ->
        let profile = profileOf number
        let room = 484 + room % 2000
        let options = { AgentOptions.ofMib (Gateways.tryMib profile).Value "gw1" with MaxMessage = room }
        let state = Gateways.create seed { TableOptions.standard with Connections = 60 } options epoch
        let column = identityColumn profile
        let pdu = Pdu.getBulk 1 1 100 [ Oid.parse "1.3.6.1.2.1.1.3"; column; column ]
        let struct (_, replies) = SnmpAgent.respond epoch (v2c pdu) state
        let datagram = replies.Head.Datagram
        // Otherwise one more variable binding of this column, at most 60 octets, would have fitted.
        datagram.Length <= room && (datagram.Length > room - 180 || datagram.Length > 60 * 2 * 20))

let ``answers tooBig where a Get does not fit`` =
    law (fun (seed: uint64) ->
        let options = { AgentOptions.ofMib Mibs.CiscoVoice.mib "gw1" with MaxMessage = 484 }
        let state = Gateways.create seed { TableOptions.standard with Connections = 1 } options epoch
        let names = List.replicate 40 (Oid.parse "1.3.6.1.2.1.1.1.0")
        let struct (_, reply) = ask epoch (Pdu.get 1 names) state
        reply.ErrorStatus = ErrorStatus.TooBig && reply.VarBinds.Length = 0)

let ``never throws, whatever comes`` =
    law (fun (octets: byte[]) ->
        let state = gateway "cisco-voice" 1UL 3 0.0
        let struct (_, replies) = SnmpAgent.respond epoch octets state
        replies.Length <= 1)

let ``never throws at a damaged request`` =
    law (fun (number: int) (PositiveInt at) (replacement: byte) (cut: bool) ->
        let state = gateway (profileOf number) 1UL 3 0.0

        let request =
            v2c (Pdu.getBulk 1 1 10 [ Oid.parse "1.3.6.1.2.1.1.3"; identityColumn (profileOf number) ])

        let at = at % request.Length
        let damaged = if cut then Array.truncate at request else Array.updateAt at replacement request
        let struct (_, replies) = SnmpAgent.respond epoch damaged state
        replies.Length <= 1)

let ``bounds what a hostile GetBulk gets`` =
    example (fun () ->
        let state = gateway "cisco-voice" 1UL 2000 0.0
        let pdu = { Pdu.getBulk 1 0 Int32.MaxValue (List.replicate 20 everything) with ErrorStatus = -5 }
        let struct (_, replies) = SnmpAgent.respond epoch (v2c pdu) state
        replies.Head.Datagram.Length |> Check.atMost 65507)

let ``is silent to another community`` =
    example (fun () ->
        let state = gateway "cisco-voice" 1UL 3 0.0
        let request = Snmp.encode (V2c(Encoding.UTF8.GetBytes "wrong", Pdu.get 1 [ everything ]))
        let struct (_, replies) = SnmpAgent.respond epoch request state
        replies |> Check.isEmpty)

let ``refuses a Set and ignores responses`` =
    example (fun () ->
        let state = gateway "cisco-voice" 1UL 3 0.0
        let set = { Pdu.get 1 [ Oid.parse "1.3.6.1.2.1.1.5.0" ] with Kind = Set }
        let struct (_, reply) = ask epoch set state
        reply.ErrorStatus |> Check.equal ErrorStatus.NotWritable

        for kind in [ Response; Report; TrapV2; Inform ] do
            let struct (_, reply) = tryAsk epoch { set with Kind = kind } state
            reply.IsNone |> Check.isTrue)

let ``tells exceptions as RFC 3416 has them`` =
    example (fun () ->
        let state = gateway "cisco-voice" 1UL 3 0.0
        (value epoch "1.3.6.1.2.1.1.99.0" state = NoSuchObject) |> Check.isTrue
        (value epoch "1.3.6.1.2.1.10.21.1.3.1.1.8.1.1" state = NoSuchInstance) |> Check.isTrue
        let struct (_, reply) = ask epoch (Pdu.getNext 1 [ Oid.parse "2.5" ]) state
        (reply.VarBinds[0] = VarBind.create (Oid.parse "2.5") EndOfMibView) |> Check.isTrue)

let ``repeats row by row with the non-repeaters first`` =
    example (fun () ->
        let state = gateway "cisco-voice" 1UL 3 0.0

        let column8, column9 =
            Oid.parse "1.3.6.1.2.1.10.21.1.3.1.1.8", Oid.parse "1.3.6.1.2.1.10.21.1.3.1.1.9"

        let pdu = Pdu.getBulk 1 1 3 [ Oid.parse "1.3.6.1.2.1.1.3"; column8; column9 ]
        let struct (_, reply) = ask epoch pdu state
        reply.VarBinds.Length |> Check.equal 7
        reply.VarBinds[0].Name.ToString() |> Check.equal "1.3.6.1.2.1.1.3.0"

        for repetition in 0..2 do
            let first = reply.VarBinds[1 + 2 * repetition].Name
            let second = reply.VarBinds[2 + 2 * repetition].Name

            (Oid.suffix column8 first = Oid.suffix column9 second && Oid.isPrefixOf column8 first)
            |> Check.isTrue)
