module CallServer.Tests.Gateway.VicesTests

open System
open CallServer.Model
open CallServer.Wire
open CallServer.Gateway
open CallServer.Tests.Gateway.Asking
open CallServer.Tests

let private column8 = identityColumn "cisco-voice"
let private column9 = Oid.parse "1.3.6.1.2.1.10.21.1.3.1.1.9"
let private total = "1.3.6.1.4.1.9.9.63.1.3.8.2.0"

let private cisco vices = gateway "cisco-voice" 1UL 30 0.0 |> withVices vices

let private bulk state =
    let struct (_, reply) = ask epoch (Pdu.getBulk 9 0 10 [ column8; column9 ]) state
    reply.VarBinds

let ``caps the variable bindings of a bulk`` =
    example (fun () -> (bulk (cisco { Vices.none with MaxVarBinds = ValueSome 7 })).Length |> Check.equal 7)

let ``sends nothing that is too long for its path`` =
    example (fun () ->
        let vices = { Vices.none with SilentAbove = ValueSome 200 }
        let struct (_, long) = tryAsk epoch (Pdu.getBulk 1 0 50 [ column8 ]) (cisco vices)
        let struct (_, short) = tryAsk epoch (Pdu.getBulk 1 0 3 [ column8 ]) (cisco vices)
        (long.IsNone && short.IsSome) |> Check.isTrue)

let ``cuts within a row, or the last row`` =
    example (fun () ->
        (bulk (cisco { Vices.none with CutsRows = true })).Length |> Check.equal 19
        (bulk (cisco { Vices.none with ShortByARow = true })).Length |> Check.equal 18)

let ``hides the last row from bulks alone`` =
    example (fun () ->
        let state = cisco { Vices.none with BulkSkipsLastRow = true }
        (walkBulk 10 epoch column8 state).Length |> Check.equal 29
        (walkNext epoch column8 state).Length |> Check.equal 30)

let ``hides its table after some requests`` =
    example (fun () ->
        let state = cisco { Vices.none with HidesTableAfter = ValueSome 1 }
        let first = (walkNext epoch column8 (cisco Vices.none) |> Array.head).Name
        let struct (state, seen) = ask epoch (Pdu.get 1 [ first ]) state
        let struct (state, got) = ask epoch (Pdu.get 2 [ first; Oid.child 0u column8 ]) state
        let struct (_, next) = ask epoch (Pdu.getNext 3 [ column8 ]) state
        seen.VarBinds[0].Value |> Check.notEqual NoSuchObject
        got.VarBinds |> Array.forall (fun varBind -> varBind.Value = NoSuchObject) |> Check.isTrue
        Oid.isPrefixOf column8 next.VarBinds[0].Name |> Check.isFalse)

let ``ends its MIB within the table, where a Get finds more`` =
    example (fun () ->
        let state = cisco { Vices.none with EndsAfterRow = ValueSome 3 }
        let varBinds = bulk state
        let names = walkNext epoch column8 (cisco Vices.none) |> Array.map _.Name
        (varBinds[6].Name = names[3] && varBinds[8].Value = EndOfMibView) |> Check.isTrue
        let struct (_, got) = ask epoch (Pdu.get 1 [ names[9] ]) state
        got.VarBinds[0].Value |> Check.notEqual NoSuchInstance)

let ``repeats an object for ever`` =
    example (fun () ->
        let varBinds = bulk (cisco { Vices.none with Looping = ValueSome(Repeats 3) })
        let names = [ for repetition in 0..9 -> varBinds[2 * repetition].Name ]
        (List.distinct names).Length |> Check.equal 4
        (names[3] = names[4] && names[4] = names[9]) |> Check.isTrue)

let ``goes back to the first row`` =
    example (fun () ->
        let varBinds = bulk (cisco { Vices.none with Looping = ValueSome(GoesBack 3) })
        let names = [ for repetition in 0..9 -> varBinds[2 * repetition].Name ]
        (names[4] = names[0] && names[5] = names[1]) |> Check.isTrue
        let state = cisco { Vices.none with Looping = ValueSome(GoesBack 3) }
        let struct (_, reply) = ask epoch (Pdu.getNext 1 [ names[3] ]) state
        (reply.VarBinds[0].Name = names[0]) |> Check.isTrue)

let ``lacks some cells, but not always the same column's`` =
    example (fun () ->
        let state = cisco { Vices.none with MissingCells = ValueSome 5 }
        let one = walkBulk 10 epoch column8 state
        let other = walkBulk 10 epoch column9 state
        one.Length |> Check.between 15 29
        let instances root (found: VarBind[]) = found |> Array.map (fun found -> Oid.suffix root found.Name)
        (instances column8 one <> instances column9 other) |> Check.isTrue)

let ``lacks whole columns and scalars`` =
    example (fun () ->
        let state = cisco { Vices.none with MissingColumns = [ column8; Oid.parse total ] }
        walkBulk 10 epoch column8 state |> Check.isEmpty
        (walkBulk 10 epoch column9 state).Length |> Check.equal 30
        (value epoch total state = NoSuchObject) |> Check.isTrue)

let ``counts wrongly, or late`` =
    example (fun () ->
        (value epoch total (cisco Vices.none) = Gauge32 30u) |> Check.isTrue
        (value epoch total (cisco { Vices.none with Counting = OffBy 3 }) = Gauge32 33u) |> Check.isTrue
        let state = cisco { Vices.none with Counting = LagsBy(seconds 10.0) }
        let struct (table, _, _) = Table.openOne TimeSpan.Zero (epoch + seconds 1.0) state.Table
        let state = AgentState.withTable table state
        (value (epoch + seconds 5.0) total state = Gauge32 30u) |> Check.isTrue
        (value (epoch + seconds 11.0) total state = Gauge32 31u) |> Check.isTrue)

let ``takes its time`` =
    example (fun () ->
        let state = cisco (Vices.slow (seconds 0.5) (TimeSpan.FromMilliseconds 10.0))
        let struct (_, replies) = SnmpAgent.respond epoch (v2c (Pdu.getBulk 1 0 10 [ column8 ])) state
        replies.Head.After |> Check.equal (seconds 0.6))

let ``falls silent after so many answers`` =
    example (fun () ->
        let state = cisco (Vices.dyingAfter 2)

        let answers =
            (struct (state, []), [ 1..4 ])
            ||> List.fold (fun (struct (state, answers)) _ ->
                let struct (state, reply) = tryAsk epoch (Pdu.getNext 1 [ column8 ]) state
                struct (state, answers @ [ reply.IsSome ]))
            |> fun struct (_, answers) -> answers

        (answers = [ true; true; false; false ]) |> Check.isTrue
        let struct (_, reply) = tryAsk epoch (Pdu.getNext 1 [ column8 ]) (cisco Vices.mute)
        reply.IsNone |> Check.isTrue)

let ``answers with another request's number`` =
    example (fun () ->
        let struct (_, reply) =
            ask epoch (Pdu.getNext 1 [ column8 ]) (cisco { Vices.none with WrongRequestIds = true })

        reply.RequestId |> Check.notEqual 1)

let ``answers errors in between`` =
    example (fun () ->
        let state = cisco { Vices.none with ErrorEvery = ValueSome(struct (2, ErrorStatus.GenErr)) }
        let struct (state, first) = ask epoch (Pdu.getNext 1 [ column8 ]) state
        let struct (_, second) = ask epoch (Pdu.getNext 1 [ column8 ]) state

        ([ first.ErrorStatus; second.ErrorStatus ] = [ ErrorStatus.NoError; ErrorStatus.GenErr ])
        |> Check.isTrue)

let ``renumbers between requests`` =
    example (fun () ->
        for profile in [ "cisco-voice"; "cisco-xgcp"; "avaya-rtp"; "rtp-mib"; "asterisk" ] do
            let state =
                gateway profile 1UL 30 0.0 |> withVices { Vices.none with RenumbersEvery = ValueSome 2 }

            let column = identityColumn profile
            let request = Pdu.getBulk 1 0 30 [ column ]
            let struct (state, first) = ask epoch request state
            let struct (state, second) = ask epoch request state
            let struct (_, third) = ask epoch request state
            (first.VarBinds <> second.VarBinds) |> Check.because profile Check.isTrue
            (second.VarBinds = third.VarBinds) |> Check.because profile Check.isTrue)

let ``writes odd numbers that mean the same`` =
    example (fun () ->
        let request = Pdu.getBulk 1 1 30 [ Oid.parse "1.3.6.1.2.1.1.3"; column8; column9 ]
        // Stamps of 2^31 and above.
        let near state = AgentState.setUptime (TimeSpan.FromDays 300.0) epoch state
        let struct (_, plain) = SnmpAgent.respond epoch (v2c request) (near (cisco Vices.none))

        let struct (_, odd) =
            SnmpAgent.respond epoch (v2c request) (near (cisco { Vices.none with OddNumbers = true }))

        (odd.Head.Datagram <> plain.Head.Datagram) |> Check.isTrue
        (Snmp.decode odd.Head.Datagram = Snmp.decode plain.Head.Datagram) |> Check.isTrue)

let ``hides its table for some requests, each time after a pause`` =
    example (fun () ->
        let state = cisco { Vices.none with HidesTableFor = ValueSome 2 }

        let shows (state: AgentState, shown: bool list) (at: float) =
            let struct (state, reply) = ask (epoch + seconds at) (Pdu.getNext 1 [ column8 ]) state
            state, shown @ [ Oid.isPrefixOf column8 reply.VarBinds[0].Name ]

        let _, shown = ((state, []), [ 0.0; 0.1; 0.2; 1.0; 1.1; 1.2 ]) ||> List.fold shows
        (shown = [ false; false; true; false; false; true ]) |> Check.isTrue)

let ``gives place to a twin of another engine, until there is a pause`` =
    example (fun () ->
        let state = cisco { Vices.none with TwinAfter = ValueSome 2 }

        let engine (state: AgentState, engines: byte[] list) (at: float) =
            let state = AgentState.answering (epoch + seconds at) state
            state, engines @ [ state.Options.EngineId ]

        let _, engines = ((state, []), [ 0.0; 0.1; 0.2; 0.3; 1.0 ]) ||> List.fold engine
        let own = state.Options.EngineId
        ([ for engine in engines -> engine = own ] = [ true; true; false; false; true ]) |> Check.isTrue)
