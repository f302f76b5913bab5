namespace CallServer.Tests.Ledger

open System
open System.Collections.Generic
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Tests

/// Gateways of several protocols whose connections share few ids and few sockets, audited by windows; everything
/// follows from a seed. The record's changes come from the real Reconcile, so that the join meets what it will meet
/// in production.
type CallsWorld(seed: uint64) =
    let mutable rng = Rng.create seed
    let mutable now = Build.at 0.0
    let mutable count = 0

    let below limit =
        let struct (value, next) = Rng.below limit rng
        rng <- next
        value

    let protocols = [| "sip"; "ng"; "mgcp"; "snmp" |]
    let gateways = protocols |> Array.mapi (fun i protocol -> GatewayId.create $"g{i}", protocol)
    let ledgers = Dictionary<GatewayId, GatewayLedger>()
    let truths = Dictionary<GatewayId, Dictionary<string, Facts * Instant>>()
    let boots = Dictionary<GatewayId, int>()

    do
        for gateway, _ in gateways do
            ledgers[gateway] <- GatewayLedger.empty gateway
            truths[gateway] <- Dictionary()
            boots[gateway] <- 1

    let pick (items: 'T[]) = items[below items.Length]
    let address () = { Host = pick [| "192.0.2.1"; "192.0.2.2"; "10.0.0.1" |]; Port = 4000 + below 3 }

    let facts () : Facts =
        { Facts.none with
            Call =
                (if below 3 = 0 then
                     ValueNone
                 else
                     ValueSome(
                         CallId.create (pick [| "1"; "2"; "a-long-call-id-1"; "a-long-call-id-2"; "0000" |])
                     ))
            LocalMedia = (if below 4 = 0 then ValueNone else ValueSome(address ()))
            RemoteMedia = (if below 4 = 0 then ValueNone else ValueSome(address ()))
            OtherMedia =
                (if below 5 > 0 then
                     ValueNone
                 else
                     ValueSome
                         [ { Kind = "video"
                             Codec = ValueNone
                             Local = ValueSome(address ())
                             Remote = ValueSome(address ()) } ])
            Codec =
                (if below 3 = 0 then
                     ValueNone
                 else
                     ValueSome(Codec.ofName (pick [| "PCMU"; "PCMA" |]))) }

    let change (truth: Dictionary<string, Facts * Instant>) =
        match below 6 with
        | 0
        | 1 ->
            count <- count + 1
            truth[$"c{count}"] <- (facts (), now)
        | 2 when truth.Count > 0 -> truth.Remove(pick (Array.ofSeq truth.Keys)) |> ignore
        | 3 when truth.Count > 0 ->
            let id = pick (Array.ofSeq truth.Keys)
            truth[id] <- (facts (), snd truth[id])
        | _ -> ()

    let observe asked answered (id: string, (facts: Facts, began: Instant)) : Observation =
        { Id = ConnectionId.create id
          Stamp = ValueNone
          Heard = Interval.create asked answered
          Setup = ValueNone
          Start =
            (if below 2 = 0 then
                 ValueNone
             else
                 ValueSome(Timing.reported (Interval.create (began - TimeSpan.FromSeconds 1.0) began)))
          MinimumAge = TimeSpan.Zero
          Facts = facts }

    /// One audit of a gateway: the step that it causes in the record, for the join.
    member _.Step() : CallStep =
        let gateway, protocol = pick gateways
        let truth = truths[gateway]
        now <- now + TimeSpan.FromSeconds(float (1 + below 20))

        for _ in 0 .. below 4 do
            change truth

        let restarts = protocol = "snmp" && below 10 = 0

        if restarts then
            boots[gateway] <- boots[gateway] + 1

            let kept =
                truth |> Seq.map (fun pair -> $"r{boots[gateway]}{pair.Key}", pair.Value) |> Array.ofSeq

            truth.Clear()

            for id, value in kept do
                truth[id] <- value

        let asked = now
        let answered = now + TimeSpan.FromMilliseconds 50.0
        now <- answered

        let listed =
            truth |> Seq.map (fun pair -> observe asked answered (pair.Key, pair.Value)) |> Array.ofSeq

        let completeness, heard =
            match below 8 with
            | 0 -> Partial [ Silent "no answer" ], [||]
            | 1 -> Partial [ CutShort "half way" ], listed |> Array.filter (fun _ -> below 2 = 0)
            | _ -> Complete [ EndOfTable ], listed

        let snapshot: Snapshot =
            { Gateway = gateway
              Protocol = protocol
              Profile = "test"
              Traits = { Traits.plain with IdsTiedToBoot = (protocol = "snmp") }
              Asked = asked
              Answered = answered
              Boot =
                (if heard.Length = 0 then
                     Boot.untold answered
                 else
                     { Boot.untold answered with Token = ValueSome(BootToken.create $"boot{boots[gateway]}") })
              Completeness = completeness
              Observations = heard |> Array.sortBy _.Id
              Ended = [||]
              History = ValueNone
              Denied = [||]
              Total = ValueNone
              Standing = ValueNone
              Remarks = []
              Requests = 1 }

        let struct (next, changes) = Reconcile.apply snapshot ledgers[gateway]
        ledgers[gateway] <- next

        { Gateway = gateway
          Source = Asked.source protocol
          DriftPpm = 0.0
          Audit = ValueSome { Asked = asked; IsComplete = Snapshot.isComplete snapshot }
          Connections = next.Connections
          Changes = changes }

    member this.Steps(number: int) : CallStep list = [ for _ in 1..number -> this.Step() ]

/// The join computed from scratch: looks at every pair of legs, and counts all tallies anew.
module CallsOracle =
    let private joins (all: Leg[]) (a: Leg) (b: Leg) =
        let id (leg: Leg) = CallsIndex.idOf leg.Source leg.Key leg.Connection
        let streams (leg: Leg) = CallsIndex.streams leg.Key leg.Connection
        let met (live: Leg) (gone: Leg) = live.AliveBy <= gone.Gone.Value.Earliest

        let isOwn (socket: AddressKey voption) =
            all
            |> Seq.filter (fun other ->
                other.IsLive && streams other |> List.exists (fun (struct (own, _)) -> own = socket))
            |> Seq.length = 1

        let wereTogether =
            match a.IsLive, b.IsLive with
            | true, true -> true
            | true, false -> met a b
            | false, true -> met b a
            | false, false -> false

        let sameId = (id a).IsSome && id a = id b

        let mirrored =
            List.allPairs (streams a) (streams b)
            |> List.exists (fun (struct (socketA, targetA), struct (socketB, targetB)) ->
                socketA.IsSome
                && socketB.IsSome
                && socketA <> socketB
                && socketA = targetB
                && socketB = targetA
                && (not a.IsLive || isOwn socketA)
                && (not b.IsLive || isOwn socketB))

        wereTogether && (sameId || mirrored)

    let private components (all: Leg[]) joins : Leg[] list =
        let rec grow (inside: Set<LegKey>) =
            let more =
                all
                |> Array.filter (fun leg ->
                    not (inside.Contains leg.Key)
                    && all |> Array.exists (fun other -> inside.Contains other.Key && joins other leg))

            if more.Length = 0 then
                inside
            else
                grow (inside + set (more |> Array.map _.Key))

        let rec take (rest: Leg list) =
            match rest with
            | [] -> []
            | leg :: _ ->
                let inside = grow (Set.singleton leg.Key)

                (all |> Array.filter (fun leg -> inside.Contains leg.Key))
                :: take (rest |> List.filter (fun leg -> not (inside.Contains leg.Key)))

        take (List.ofArray all)

    let private hasBoth (legs: Leg[]) =
        legs |> Array.exists (fun leg -> leg.Kind = ValueSome Signalling)
        && legs |> Array.exists (fun leg -> leg.Kind = ValueSome Media)

    /// Legs and findings of every call.
    let calls (table: CallTable) : (string list * string list * Finding list) list =
        let live =
            [| for source in table.Sources.Values do
                   for c in source.Connections do
                       CallSource.leg source (LegKey.ofConnection source.Gateway c) c ValueNone |]

        let all = Array.append live (Array.ofSeq table.Ghosts.Values) |> Array.sortBy _.Key
        let calls = components all (joins all) |> List.filter (Array.exists _.IsLive)
        let rules = table.Rules
        let first (legs: Leg[]) = legs |> Seq.map _.Known |> Seq.reduce Instant.min

        let listedBy gateway (legs: Leg[]) =
            legs |> Array.exists (fun leg -> leg.IsLive && leg.Key.Gateway = gateway)

        let isOld gateway isMeant (legs: Leg[]) =
            legs
            |> Array.exists (fun leg ->
                leg.IsLive
                && leg.Key.Gateway = gateway
                && isMeant leg
                && leg.Connection.LastHeard >= first legs + rules.Patience)

        let partners gateway =
            calls
            |> List.filter (fun legs -> legs |> Array.exists (fun leg -> leg.Key.Gateway = gateway))
            |> List.collect (fun legs ->
                let kind = legs |> Array.find (fun leg -> leg.Key.Gateway = gateway) |> _.Kind
                legs |> Array.filter (fun leg -> leg.Kind <> kind) |> Array.map _.Key.Gateway |> List.ofArray)
            |> List.distinct

        let isUsual gateway =
            let own = calls |> List.filter (listedBy gateway)
            let joined = own |> List.filter hasBoth |> List.length

            let overdue =
                own
                |> List.filter (fun legs -> not (hasBoth legs) && isOld gateway (fun _ -> true) legs)
                |> List.length

            joined >= rules.Usual && overdue * 9 <= joined

        let lacks (legs: Leg[]) =
            let isMissed (gateway: GatewayId) =
                isUsual gateway
                && isOld gateway _.IsConfirmed legs
                && partners gateway
                   |> List.forall (fun partner ->
                       let source = table.Sources[partner]
                       source.IsComplete && source.Asked >= first legs + rules.Patience)

            if not (hasBoth legs) && legs |> Array.exists (fun leg -> isMissed leg.Key.Gateway) then
                ValueSome(first legs)
            else
                ValueNone

        [ for legs in calls do
              let live, gone = legs |> Array.partition _.IsLive

              let struct (findings, _) =
                  CallsFindings.judge { Rules = rules; Live = live; Gone = gone; Lacks = lacks legs }

              let names = Array.map (fun (leg: Leg) -> $"{leg.Key} {leg.Key.Since.Micros}") >> List.ofArray
              names live, names gone, findings ]
        |> List.sort

    /// Legs and findings of every call, as the table holds them.
    let held (table: CallTable) : (string list * string list * Finding list) list =
        let names = Array.map (fun (key: LegKey) -> $"{key} {key.Since.Micros}") >> List.ofArray

        [ for call in CallBook.calls table -> names call.Live, names call.Gone, call.Findings ] |> List.sort
