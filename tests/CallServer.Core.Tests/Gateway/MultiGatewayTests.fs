module CallServer.Tests.Gateway.MultiGatewayTests

open System
open System.Collections.Generic
open System.Text.Json
open FsCheck
open FsCheck.FSharp
open CallServer.Model
open CallServer.Wire
open CallServer.Gateway
open CallServer.Tests
open CallServer.Tests.Gateway.Asking

let private equal (expected: 'T) (actual: 'T) =
    (actual = expected) |> Check.because $"%A{actual}" Check.isTrue

/// A responder that records what it is told, and issues the commands that it is given.
let rec private scripted
    protocol
    (heard: List<struct (Instant * ResponderEvent)>)
    (script: ResponderEvent -> ResponderCommand list)
    =
    { Protocol = protocol
      Advance =
        fun now _ event ->
            heard.Add(struct (now, event))
            struct (scripted protocol heard script, script event)
      Identify =
        fun connection ->
            [ { Id = $"{protocol}-{connection.Serial}"
                Call = None
                Endpoint = None
                Originator = None } ]
      Heard = heard.Count }

let private silent (_: ResponderEvent) : ResponderCommand list = []

let private tableOf seed connections churn =
    Table.create seed { TableOptions.standard with Connections = connections; Churn = churn } epoch

/// What it was told, except for the first tick.
let private told (heard: List<struct (Instant * ResponderEvent)>) =
    [ for struct (_, event) in heard do
          match event with
          | Tick -> ()
          | other -> yield other ]

let ``gives each protocol what comes for it, and sends what it asks for`` =
    example (fun () ->
        let sip, ng = List(), List()

        let answer (event: ResponderEvent) =
            match event with
            | Datagram(peer, octets) -> [ SendTo(peer, seconds 1.0, octets) ]
            | Octets(stream, octets) -> [ WriteTo(stream, seconds 2.0, octets); HangUp stream ]
            | _ -> []

        let gateway =
            MultiGateway.create
                ValueNone
                [ scripted "sip" sip answer; scripted "ng" ng silent ]
                (tableOf 1UL 0 0.0)

        let step event gateway =
            let struct (gateway, commands, _) = MultiGateway.advance epoch event gateway
            struct (gateway, commands)

        let struct (gateway, sent) = step (DatagramCame("sip", "a", [| 1uy |])) gateway
        equal [ SendDatagram("sip", "a", seconds 1.0, [| 1uy |]) ] sent
        let struct (gateway, none) = step (OctetsCame(7, [| 2uy |])) gateway
        equal [] none
        let struct (gateway, _) = step (StreamOpened("sip", 7)) gateway
        let struct (gateway, written) = step (OctetsCame(7, [| 3uy |])) gateway
        equal [ WriteStream(7, seconds 2.0, [| 3uy |]); CloseStream 7 ] written
        // It hung up: the stream no longer exists.
        let struct (gateway, after) = step (OctetsCame(7, [| 4uy |])) gateway
        equal [] after
        let struct (gateway, _) = step (StreamOpened("ng", 8)) gateway
        let struct (gateway, _) = step (StreamEnded 8) gateway
        step (StreamEnded 8) gateway |> ignore
        equal [ Datagram("a", [| 1uy |]); StreamCame 7; Octets(7, [| 3uy |]) ] (told sip)
        equal [ StreamCame 8; StreamClosed 8 ] (told ng))

let ``ticks each responder at the beginning, and then when it asked to be`` =
    example (fun () ->
        let heard = List()

        let script (event: ResponderEvent) =
            match event with
            | Datagram _ -> [ TickAt(epoch + seconds 3.0); TickAt(epoch + seconds 5.0) ]
            | _ -> []

        let gateway = MultiGateway.create ValueNone [ scripted "sip" heard script ] (tableOf 1UL 0 0.0)

        let pass at gateway =
            let struct (gateway, _, _) = MultiGateway.advance (epoch + seconds at) TimePassed gateway in
            gateway

        let gateway = pass 0.0 gateway
        equal 1 heard.Count
        (gateway.NextTick = Instant.distantFuture) |> Check.isTrue
        let struct (gateway, _, _) = MultiGateway.advance epoch (DatagramCame("sip", "a", [||])) gateway
        (gateway.NextTick = epoch + seconds 5.0) |> Check.isTrue
        let gateway = gateway |> pass 4.0 |> pass 5.0 |> pass 6.0

        equal
            [ struct (epoch, Tick); struct (epoch, Datagram("a", [||])); struct (epoch + seconds 5.0, Tick) ]
            (List.ofSeq heard)

        (gateway.NextTick = Instant.distantFuture) |> Check.isTrue)

let ``ends in the table what one protocol ends, and tells all of them`` =
    example (fun () ->
        let sip, ng = List(), List()

        let script (event: ResponderEvent) =
            match event with
            | Datagram _ -> [ EndConnection 2L; EndConnection 2L; EndConnection 99L ]
            | _ -> []

        let agent = AgentState.create (AgentOptions.ofMib Mibs.CiscoVoice.mib "gw1") (tableOf 1UL 0 0.0)

        let gateway =
            MultiGateway.create
                (ValueSome agent)
                [ scripted "sip" sip script; scripted "ng" ng silent ]
                (tableOf 1UL 5 0.0)

        let ended = gateway.Table.Connections[2]

        let struct (gateway, _, truth) =
            MultiGateway.advance (epoch + seconds 1.0) (DatagramCame("sip", "a", [||])) gateway

        equal [ Closed(ended, epoch + seconds 1.0) ] truth
        equal [ Happened truth ] (told ng)
        equal [ Datagram("a", [||]); Happened truth ] (told sip)
        equal 4 gateway.Agent.Value.Table.Count
        let request = v2c (Pdu.getBulk 1 0 10 [ identityColumn "cisco-voice" ])

        let struct (_, replies, _) =
            MultiGateway.advance (epoch + seconds 1.0) (DatagramCame("snmp", "b", request)) gateway

        match replies with
        | [ SendDatagram("snmp", "b", _, datagram) ] ->
            match Snmp.decode datagram with
            | Ok(V2c(_, pdu)) ->
                let isRow (varBind: VarBind) = Oid.isPrefixOf (identityColumn "cisco-voice") varBind.Name
                equal 4 (pdu.VarBinds |> Array.filter isRow |> Array.length)
            | other -> failtest $"%A{other}"
        | other -> failtest $"%A{other}")

let ``tells the same truth whenever it is asked`` =
    law (fun (seed: uint64) (stops: uint8 list) ->
        let create () =
            MultiGateway.create ValueNone [ scripted "sip" (List()) silent ] (tableOf seed 10 5.0)

        let run (stops: float list) =
            ((create (), []), stops)
            ||> List.fold (fun (gateway, before) stop ->
                let struct (gateway, _, events) =
                    MultiGateway.advance (epoch + seconds stop) TimePassed gateway

                gateway, before @ events)
            |> snd
            |> List.map (fun event ->
                match event with
                | Opened connection -> "open", connection.Serial, connection.Start.Micros
                | Closed(connection, at) -> "close", connection.Serial, at.Micros)

        let stops = stops |> List.map (fun stop -> float stop / 10.0) |> List.sort
        run (stops @ [ 26.0 ]) = run [ 26.0 ])

let ``is deaf while it reboots, loses its calls and streams, and says when it is back`` =
    example (fun () ->
        let heard = List()
        let gateway = MultiGateway.create ValueNone [ scripted "sip" heard silent ] (tableOf 1UL 4 2.0)
        let struct (gateway, _, _) = MultiGateway.advance epoch (StreamOpened("sip", 1)) gateway
        heard.Clear()
        let struct (gateway, commands, truth) = MultiGateway.reboot (seconds 9.0) epoch gateway
        equal [ CloseStream 1 ] commands
        equal 4 truth.Length
        equal [ Happened truth; StreamClosed 1 ] (told heard)
        heard.Clear()
        (gateway.NextTick = epoch + seconds 9.0) |> Check.isTrue

        let struct (gateway, _, _) =
            MultiGateway.advance (epoch + seconds 8.0) (DatagramCame("sip", "a", [||])) gateway

        let struct (gateway, refused, events) =
            MultiGateway.advance (epoch + seconds 8.9) (StreamOpened("sip", 2)) gateway

        equal [ CloseStream 2 ] refused
        equal [] events
        equal [] (told heard)

        let struct (gateway, _, _) =
            MultiGateway.advance (epoch + seconds 9.0) (DatagramCame("sip", "a", [||])) gateway

        equal [ Restarted; Datagram("a", [||]) ] (told heard)
        let struct (gateway, _, _) = MultiGateway.advance (epoch + seconds 60.0) TimePassed gateway
        gateway.Table.Count |> Check.above 0)

let ``gives no two connections the same circuit`` =
    law (fun (seed: uint64) (PositiveInt churn) ->
        let table = tableOf seed 10 (float (1 + churn % 30))

        [ 1..10 ]
        |> List.fold
            (fun (table, fine) second ->
                let struct (table, _) = Table.advance (epoch + seconds (float second)) table
                let slots = table.Connections |> Array.map _.Slot
                table, fine && (Array.distinct slots).Length = slots.Length)
            (table, true)
        |> snd)

/// The facts on which both ends of a call agree.
let private shared (connection: SimConnection) =
    (connection.CallId, connection.Guid, connection.Setup.Micros),
    (connection.Start.Micros,
     SimCodec.name connection.Codec,
     connection.Dscp,
     connection.Calling,
     connection.Called)

let private local (connection: SimConnection) = connection.LocalHost, connection.LocalPort
let private remote (connection: SimConnection) = connection.RemoteHost, connection.RemotePort

let private trunk ended = { Seed = 77UL; Connections = 8; Churn = 3.0; End = ended }

let private isOfTrunk (connection: SimConnection) =
    let network = connection.LocalHost &&& 0xFFFFFF00u
    network = 0xC6336400u || network = 0xCB007100u

/// The trunk's calls at one end, by Call-ID.
let private carried (table: Table) = table.Connections |> Array.filter isOfTrunk |> Array.sortBy _.CallId

let ``shares the calls of a trunk between two gateways that are different otherwise`` =
    law (fun (seed: uint64) (PositiveInt wait) ->
        let side ended connections churn seed =
            let options =
                { TableOptions.standard with
                    Connections = connections
                    Churn = churn
                    Ringing = struct (seconds 1.0, seconds 2.0)
                    Trunks = [ trunk ended ] }

            let struct (table, _) =
                Table.create seed options epoch |> Table.advance (epoch + seconds (float (wait % 60)))

            table

        let near, far = side Near 5 0.0 seed, side Far 0 2.0 (seed + 1UL)
        let ours, theirs = carried near, carried far

        (ours |> Array.map shared) = (theirs |> Array.map shared)
        && (ours |> Array.map local) = (theirs |> Array.map remote)
        && (ours |> Array.map remote) = (theirs |> Array.map local)
        && (ours |> Array.map _.Answered) = (theirs |> Array.map (fun call -> not call.Answered))
        && (Array.distinct (ours |> Array.map local)).Length = ours.Length
        && near.Count - ours.Length = 5)

let ``misses the calls of a trunk while it is down, and shares the later ones`` =
    example (fun () ->
        let side ended =
            Table.create 1UL { TableOptions.standard with Connections = 0; Trunks = [ trunk ended ] } epoch

        let struct (down, closed) = Table.closeAll (epoch + seconds 10.0) (side Near)
        closed.Length |> Check.above 0

        let struct (near, _) =
            Table.rest (epoch + seconds 40.0) down |> Table.advance (epoch + seconds 120.0)

        let struct (far, _) = Table.advance (epoch + seconds 120.0) (side Far)

        let later calls =
            carried calls
            |> Array.filter (fun call -> call.Setup >= epoch + seconds 40.0)
            |> Array.map shared

        (later near).Length |> Check.above 0
        (later near = later far) |> Check.isTrue
        equal (later near) (carried near |> Array.map shared))

let private settings () = GatewaySettings(Connections = 3)

let private mistakes (settings: GatewaySettings) : string list =
    match SimulatedGateway.TryCreate(settings, epoch) with
    | true, _, _ -> []
    | false, _, mistakes -> List.ofSeq mistakes

let private parse (line: string) = JsonDocument.Parse(line).RootElement

let private created (settings: GatewaySettings) (now: Instant) : SimulatedGateway =
    match SimulatedGateway.TryCreate(settings, now) with
    | true, gateway, _ -> gateway
    | false, _, mistakes -> failwith (String.concat "; " mistakes)

let ``names a connection as each protocol does`` =
    example (fun () ->
        let line protocols =
            let settings = settings ()
            settings.Protocols <- protocols
            (created settings epoch).Present |> Seq.map parse |> Seq.toList

        let several = (line [| "snmp"; "mgcp"; "sip"; "ng" |]).Head
        let text (name: string) (json: JsonElement) = json.GetProperty(name).GetString()
        let names (json: JsonElement) = [ for property in json.EnumerateObject() -> property.Name ]

        equal
            [ "event"; "time"; "id"; "call"; "endpoint"; "originator"; "codec"; "dscp"; "ids"; "further" ]
            (names several)

        let ids = several.GetProperty "ids"
        equal [ "snmp"; "mgcp"; "sip"; "ng" ] (names ids)
        equal (text "id" several) (text "snmp" ids)
        // Each protocol alone uses the same name for it.
        for protocol in [ "snmp"; "mgcp"; "sip"; "ng" ] do
            let alone = line [| protocol |]
            equal (text "id" alone.Head) (text protocol ids)
            equal (if protocol = "ng" then 6 else 3) alone.Length
            equal false (List.contains "ids" (names alone.Head))

        let second = (several.GetProperty("further").GetProperty "ng")[0]
        let alone = line [| "ng" |]
        equal (text "id" alone[1]) (second.GetString())
        // A join by Call-ID works between SIP and ng, one by GUID between MGCP and Cisco's table.
        let call protocol = line [| protocol |] |> List.head |> text "call"
        equal (call "sip") (call "ng")
        equal (call "snmp") (call "mgcp"))

let ``begins at the time that it is given, in every process`` =
    example (fun () ->
        let settings = settings ()
        settings.Protocols <- [| "mgcp" |]
        settings.Churn <- 5.0
        settings.Trunks <- [| "7:20:0.5"; "9:4:far" |]
        settings.Since <- Nullable epoch
        let early = created settings (epoch + seconds 1.0)
        let later = created settings (epoch + seconds 30.0)
        let lines (gateway: SimulatedGateway) = gateway.Present |> Seq.toList
        (lines (early.Advance(epoch + seconds 30.0).Next) = lines later) |> Check.isTrue
        later.Count |> Check.above 24)

let ``names every mistake`` =
    example (fun () ->
        let wrong change =
            let settings = settings ()
            change settings
            mistakes settings

        let has (words: string) (mistakes: string list) =
            mistakes
            |> List.exists (fun mistake -> mistake.Contains words)
            |> Check.because $"%A{mistakes}" Check.isTrue

        wrong ignore |> equal []
        wrong (fun settings -> settings.Protocols <- [||]) |> has "has to speak something"
        wrong (fun settings -> settings.Protocols <- [| "h323" |]) |> has "there is no protocol 'h323'"

        wrong (fun settings -> settings.Vices <- [| "mgcp:silent" |])
        |> has "for mgcp, which this gateway does not speak"

        wrong (fun settings -> settings.Trunks <- [| "7" |]) |> has "'7' is no trunk"
        wrong (fun settings -> settings.Trunks <- [| "7:-1" |]) |> has "is no trunk"
        wrong (fun settings -> settings.Since <- Nullable(epoch + seconds 1.0)) |> has "in the future"

        wrong (fun settings ->
            settings.Protocols <- [| "mgcp"; "sip"; "ng" |]
            settings.Vices <- [| "mgcp:rude"; "sip:rude"; "ng:rude"; "rude" |])
        |> fun mistakes -> equal 4 mistakes.Length

        wrong (fun settings ->
            settings.Protocols <- [| "mgcp" |]
            settings.Domain <- "two words")
        |> has "cannot stand after the @")

let ``takes the vices of its protocols with their names before them`` =
    example (fun () ->
        let settings = settings ()
        settings.Protocols <- [| "snmp"; "mgcp" |]
        settings.Vices <- [| "mute-after=5"; "snmp:odd-numbers"; "mgcp:silent" |]
        equal [] (mistakes settings))
