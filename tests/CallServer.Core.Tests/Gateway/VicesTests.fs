module CallServer.Tests.Gateway.VicesTests

open System
open NUnit.Framework
open CallServer.Model
open CallServer.Wire
open CallServer.Gateway
open CallServer.Tests.Gateway.Asking

let private column8 = identityColumn "cisco-voice"
let private column9 = Oid.parse "1.3.6.1.2.1.10.21.1.3.1.1.9"
let private total = "1.3.6.1.4.1.9.9.63.1.3.8.2.0"

let private cisco vices = gateway "cisco-voice" 1UL 30 0.0 |> withVices vices

let private bulk state =
    let struct (_, reply) = ask epoch (Pdu.getBulk 9 0 10 [ column8; column9 ]) state
    reply.VarBinds

[<Test>]
let ``caps the variable bindings of a bulk`` () =
    Assert.That((bulk (cisco { Vices.none with MaxVarBinds = ValueSome 7 })).Length, Is.EqualTo 7)

[<Test>]
let ``sends nothing that is too long for its path`` () =
    let vices = { Vices.none with SilentAbove = ValueSome 200 }
    let struct (_, long) = tryAsk epoch (Pdu.getBulk 1 0 50 [ column8 ]) (cisco vices)
    let struct (_, short) = tryAsk epoch (Pdu.getBulk 1 0 3 [ column8 ]) (cisco vices)
    Assert.That(long.IsNone && short.IsSome)

[<Test>]
let ``cuts within a row, or the last row`` () =
    Assert.That((bulk (cisco { Vices.none with CutsRows = true })).Length, Is.EqualTo 19)
    Assert.That((bulk (cisco { Vices.none with ShortByARow = true })).Length, Is.EqualTo 18)

[<Test>]
let ``hides the last row from bulks alone`` () =
    let state = cisco { Vices.none with BulkSkipsLastRow = true }
    Assert.That((walkBulk 10 epoch column8 state).Length, Is.EqualTo 29)
    Assert.That((walkNext epoch column8 state).Length, Is.EqualTo 30)

[<Test>]
let ``hides its table after some requests`` () =
    let state = cisco { Vices.none with HidesTableAfter = ValueSome 1 }
    let first = (walkNext epoch column8 (cisco Vices.none) |> Array.head).Name
    let struct (state, seen) = ask epoch (Pdu.get 1 [ first ]) state
    let struct (state, got) = ask epoch (Pdu.get 2 [ first; Oid.child 0u column8 ]) state
    let struct (_, next) = ask epoch (Pdu.getNext 3 [ column8 ]) state
    Assert.That(seen.VarBinds[0].Value, Is.Not.EqualTo NoSuchObject)
    Assert.That(got.VarBinds |> Array.forall (fun varBind -> varBind.Value = NoSuchObject))
    Assert.That(Oid.isPrefixOf column8 next.VarBinds[0].Name, Is.False)

[<Test>]
let ``ends its MIB within the table, where a Get finds more`` () =
    let state = cisco { Vices.none with EndsAfterRow = ValueSome 3 }
    let varBinds = bulk state
    let names = walkNext epoch column8 (cisco Vices.none) |> Array.map _.Name
    Assert.That((varBinds[6].Name = names[3] && varBinds[8].Value = EndOfMibView))
    let struct (_, got) = ask epoch (Pdu.get 1 [ names[9] ]) state
    Assert.That(got.VarBinds[0].Value, Is.Not.EqualTo NoSuchInstance)

[<Test>]
let ``repeats an object for ever`` () =
    let varBinds = bulk (cisco { Vices.none with Looping = ValueSome(Repeats 3) })
    let names = [ for repetition in 0..9 -> varBinds[2 * repetition].Name ]
    Assert.That((List.distinct names).Length, Is.EqualTo 4)
    Assert.That((names[3] = names[4] && names[4] = names[9]))

[<Test>]
let ``goes back to the first row`` () =
    let varBinds = bulk (cisco { Vices.none with Looping = ValueSome(GoesBack 3) })
    let names = [ for repetition in 0..9 -> varBinds[2 * repetition].Name ]
    Assert.That((names[4] = names[0] && names[5] = names[1]))
    let state = cisco { Vices.none with Looping = ValueSome(GoesBack 3) }
    let struct (_, reply) = ask epoch (Pdu.getNext 1 [ names[3] ]) state
    Assert.That((reply.VarBinds[0].Name = names[0]))

[<Test>]
let ``lacks some cells, but not always the same column's`` () =
    let state = cisco { Vices.none with MissingCells = ValueSome 5 }
    let one = walkBulk 10 epoch column8 state
    let other = walkBulk 10 epoch column9 state
    Assert.That(one.Length, Is.InRange(15, 29))
    let instances root (found: VarBind[]) = found |> Array.map (fun found -> Oid.suffix root found.Name)
    Assert.That((instances column8 one <> instances column9 other))

[<Test>]
let ``lacks whole columns and scalars`` () =
    let state = cisco { Vices.none with MissingColumns = [ column8; Oid.parse total ] }
    Assert.That(walkBulk 10 epoch column8 state, Is.Empty)
    Assert.That((walkBulk 10 epoch column9 state).Length, Is.EqualTo 30)
    Assert.That((value epoch total state = NoSuchObject))

[<Test>]
let ``counts wrongly, or late`` () =
    Assert.That((value epoch total (cisco Vices.none) = Gauge32 30u))
    Assert.That((value epoch total (cisco { Vices.none with Counting = OffBy 3 }) = Gauge32 33u))
    let state = cisco { Vices.none with Counting = LagsBy(seconds 10.0) }
    let struct (table, _, _) = Table.openOne TimeSpan.Zero (epoch + seconds 1.0) state.Table
    let state = AgentState.withTable table state
    Assert.That((value (epoch + seconds 5.0) total state = Gauge32 30u))
    Assert.That((value (epoch + seconds 11.0) total state = Gauge32 31u))

[<Test>]
let ``takes its time`` () =
    let state = cisco (Vices.slow (seconds 0.5) (TimeSpan.FromMilliseconds 10.0))
    let struct (_, replies) = SnmpAgent.respond epoch (v2c (Pdu.getBulk 1 0 10 [ column8 ])) state
    Assert.That(replies.Head.After, Is.EqualTo(seconds 0.6))

[<Test>]
let ``falls silent after so many answers`` () =
    let state = cisco (Vices.dyingAfter 2)

    let answers =
        (struct (state, []), [ 1..4 ])
        ||> List.fold (fun (struct (state, answers)) _ ->
            let struct (state, reply) = tryAsk epoch (Pdu.getNext 1 [ column8 ]) state
            struct (state, answers @ [ reply.IsSome ]))
        |> fun struct (_, answers) -> answers

    Assert.That((answers = [ true; true; false; false ]))
    let struct (_, reply) = tryAsk epoch (Pdu.getNext 1 [ column8 ]) (cisco Vices.mute)
    Assert.That(reply.IsNone)

[<Test>]
let ``answers with another request's number`` () =
    let struct (_, reply) =
        ask epoch (Pdu.getNext 1 [ column8 ]) (cisco { Vices.none with WrongRequestIds = true })

    Assert.That(reply.RequestId, Is.Not.EqualTo 1)

[<Test>]
let ``answers errors in between`` () =
    let state = cisco { Vices.none with ErrorEvery = ValueSome(struct (2, ErrorStatus.GenErr)) }
    let struct (state, first) = ask epoch (Pdu.getNext 1 [ column8 ]) state
    let struct (_, second) = ask epoch (Pdu.getNext 1 [ column8 ]) state

    Assert.That(([ first.ErrorStatus; second.ErrorStatus ] = [ ErrorStatus.NoError; ErrorStatus.GenErr ]))

[<Test>]
let ``renumbers between requests`` () =
    for profile in [ "cisco-voice"; "cisco-xgcp"; "avaya-rtp"; "rtp-mib"; "asterisk" ] do
        let state = gateway profile 1UL 30 0.0 |> withVices { Vices.none with RenumbersEvery = ValueSome 2 }
        let column = identityColumn profile
        let request = Pdu.getBulk 1 0 30 [ column ]
        let struct (state, first) = ask epoch request state
        let struct (state, second) = ask epoch request state
        let struct (_, third) = ask epoch request state
        Assert.That((first.VarBinds <> second.VarBinds), profile)
        Assert.That((second.VarBinds = third.VarBinds), profile)

[<Test>]
let ``writes odd numbers that mean the same`` () =
    let request = Pdu.getBulk 1 1 30 [ Oid.parse "1.3.6.1.2.1.1.3"; column8; column9 ]
    // Stamps of 2^31 and more.
    let near state = AgentState.setUptime (TimeSpan.FromDays 300.0) epoch state
    let struct (_, plain) = SnmpAgent.respond epoch (v2c request) (near (cisco Vices.none))

    let struct (_, odd) =
        SnmpAgent.respond epoch (v2c request) (near (cisco { Vices.none with OddNumbers = true }))

    Assert.That((odd.Head.Datagram <> plain.Head.Datagram))
    Assert.That((Snmp.decode odd.Head.Datagram = Snmp.decode plain.Head.Datagram))

[<Test>]
let ``hides its table for some requests, each time after a pause`` () =
    let state = cisco { Vices.none with HidesTableFor = ValueSome 2 }

    let shows (state: AgentState, shown: bool list) (at: float) =
        let struct (state, reply) = ask (epoch + seconds at) (Pdu.getNext 1 [ column8 ]) state
        state, shown @ [ Oid.isPrefixOf column8 reply.VarBinds[0].Name ]

    let _, shown = ((state, []), [ 0.0; 0.1; 0.2; 1.0; 1.1; 1.2 ]) ||> List.fold shows
    Assert.That((shown = [ false; false; true; false; false; true ]))

[<Test>]
let ``gives place to a twin of another engine, until there is a pause`` () =
    let state = cisco { Vices.none with TwinAfter = ValueSome 2 }

    let engine (state: AgentState, engines: byte[] list) (at: float) =
        let state = AgentState.answering (epoch + seconds at) state
        state, engines @ [ state.Options.EngineId ]

    let _, engines = ((state, []), [ 0.0; 0.1; 0.2; 0.3; 1.0 ]) ||> List.fold engine
    let own = state.Options.EngineId
    Assert.That(([ for engine in engines -> engine = own ] = [ true; true; false; false; true ]))
