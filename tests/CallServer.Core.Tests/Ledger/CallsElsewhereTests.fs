/// Calls whose legs are on gateways of several servers: each server's book against the one of a server that has them all.
module CallServer.Tests.Ledger.CallsElsewhereTests

open System
open System.Collections.Generic
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Tests
open CallServer.Tests.Ledger

let private rules =
    { CallRules.standard with
        Patience = TimeSpan.FromSeconds 15.0
        Retention = TimeSpan.FromSeconds 40.0
        Usual = 1 }

/// By which a record can look for connections: a call id, and the first medium's own address.
let private hasKey (ids: HashSet<string>) (media: HashSet<string>) (c: Connection) =
    (match c.Facts.Call with
     | ValueSome id -> ids.Contains(CallId.value id)
     | ValueNone -> false)
    || (match c.Facts.LocalMedia with
        | ValueSome address -> media.Contains(string address)
        | ValueNone -> false)

/// Servers that share what the steps tell, each gateway kept by one of them, and a server that has everything.
type private Shared(owners: Dictionary<GatewayId, int>, servers: int) =
    let mutable whole = CallBook.empty rules
    let books = Array.init servers (fun _ -> CallBook.empty rules)
    let met = Array.init servers (fun _ -> Queue<struct (CallSource * Connection)>())

    let become server (next: CallTable) =
        books[server] <- next

        for joined in CallsElsewhere.met next do
            met[server].Enqueue joined

    let connections (gateway: GatewayId) =
        match whole.Sources.TryGetValue gateway with
        | true, source -> source.Connections
        | _ -> [||]

    let import server (gateway: GatewayId) (found: Connection[]) ended left =
        let source = whole.Sources[gateway]

        let struct (next, _) =
            CallsElsewhere.import
                Instant.distantFuture
                [ { Gateway = gateway
                    Source = ValueSome source.Source
                    DriftPpm = source.DriftPpm
                    Audit = ValueSome { Asked = source.Asked; IsComplete = source.IsComplete }
                    Connections = found
                    Ended = ended
                    Left = left } ]
                books[server]

        become server next

    let has server (gateway: GatewayId) (c: Connection) =
        match books[server].Sources.TryGetValue gateway with
        | true, source -> (CallSource.withId c.Id source).IsSome
        | _ -> false

    /// Looks among what the others keep, for what is not there yet.
    let find server (source: SourceTraits) (gateway: GatewayId) (sought: Connection seq) =
        let ids, media = HashSet<string>(), HashSet<string>()

        for c in sought do
            let struct (id, addresses) = CallsElsewhere.keys source gateway c

            if id.IsSome then
                ids.Add(CallId.value id.Value) |> ignore

            for address in addresses do
                media.Add(string address) |> ignore

        for other in owners.Keys do
            if owners[other] <> server then
                let found =
                    connections other
                    |> Array.filter (fun c -> hasKey ids media c && not (has server other c))

                if found.Length > 0 then
                    import server other found [||] [||]

    /// Whatever belongs to a call of the server may be joined by others still.
    let close server =
        while met[server].Count > 0 do
            let struct (source, c) = met[server].Dequeue()
            find server source.Source source.Gateway [ c ]

    member _.Whole = whole
    member _.Books = books

    member _.Take(step: CallStep) =
        let before = connections step.Gateway
        let struct (next, _) = CallBook.apply step whole
        let struct (next, _) = CallBook.tick step.Audit.Value.Asked next
        whole <- next
        let owner = owners[step.Gateway]

        for server in 0 .. servers - 1 do
            if server = owner then
                let struct (own, _) = CallBook.apply step books[server]
                become server own

                let written =
                    step.Connections
                    |> Array.filter (fun c -> not (Array.exists (fun b -> obj.ReferenceEquals(b, c)) before))

                find server whole.Sources[step.Gateway].Source step.Gateway written
            else
                let known = step.Connections |> Array.filter (has server step.Gateway)

                let met =
                    step.Connections
                    |> Array.filter (fun c ->
                        CallsElsewhere.mayMeet
                            [ CallIdReach.Realm "mgcp"; CallIdReach.ByShape ]
                            step.Gateway
                            c.Facts.Call
                            [ c.Facts.LocalMedia; c.Facts.RemoteMedia ]
                            books[server])

                let ended =
                    step.Changes
                    |> Array.choose (fun change ->
                        match change with
                        | Closed(c, ending) -> Some(struct (c.Id, ending.Within))
                        | _ -> None)

                let left =
                    before
                    |> Array.filter (fun c ->
                        not (Array.exists (fun (k: Connection) -> k.Id = c.Id) step.Connections))
                    |> Array.map _.Id

                import server step.Gateway (Array.append known met |> Array.distinctBy _.Id) ended left

            close server

            for struct (source, c) in Seq.toArray (CallsElsewhere.watched books[server]) do
                match connections source.Gateway |> Array.tryFind (fun now -> now.Id = c.Id) with
                | Some now -> import server source.Gateway [| now |] [||] [||]
                | None -> ()

            let struct (ticked, _) = CallBook.tick step.Audit.Value.Asked books[server]
            become server ticked

    /// Hands a gateway over, with everything that is known of it.
    member _.Move(gateway: GatewayId, server: int) =
        let from = owners[gateway]

        if from <> server && whole.Sources.ContainsKey gateway then
            let source = whole.Sources[gateway]
            books[from] <- CallsElsewhere.leave [ gateway ] books[from]
            owners[gateway] <- server

            let step: CallStep =
                { Gateway = gateway
                  Source = ValueSome source.Source
                  DriftPpm = source.DriftPpm
                  Audit = ValueSome { Asked = source.Asked; IsComplete = source.IsComplete }
                  Connections = source.Connections
                  Changes = [||] }

            become server (CallBook.restore step Instant.distantPast books[server])
            find server source.Source gateway source.Connections
            close server
            find from source.Source gateway []
            close from

type private Dice(seed: uint64) =
    let mutable rng = Rng.create seed

    member _.Below(limit: int) : int =
        let struct (value, next) = Rng.below limit rng
        rng <- next
        value

/// Looking for connections goes by their first medium.
let private plain () =
    let seen = Dictionary<Connection, Connection>(HashIdentity.Reference)

    let one (c: Connection) =
        match seen.TryGetValue c with
        | true, known -> known
        | _ ->
            let bare = { c with Facts = { c.Facts with OtherMedia = ValueNone } }
            seen[c] <- bare
            bare

    fun (step: CallStep) ->
        { step with
            Connections = Array.map one step.Connections
            Changes =
                step.Changes
                |> Array.map (fun change ->
                    match change with
                    | Closed(c, ending) -> Closed(one c, ending)
                    | Renamed(was, c) -> Renamed(was, one c)
                    | other -> other) }

let private names = Array.map string >> List.ofArray

let private kinds (call: Call) =
    call.Findings
    |> List.map _.Kind
    |> List.filter (fun kind -> kind <> MediaWithoutSignalling && kind <> SignallingWithoutMedia)

let ``servers that share gateways tell together what one would that has them all`` =
    example (fun () ->
        let across, alike, expected, told = ref 0, ref 0, ref 0, ref 0

        for seed in 1UL .. 150UL do
            let dice = Dice(seed + 1000UL)
            let below = dice.Below

            let servers = 2 + below 2
            let gateways = [| for i in 0..3 -> GatewayId.create $"g{i}" |]
            let owners = Dictionary<GatewayId, int>()

            for gateway in gateways do
                owners[gateway] <- below servers

            let shared = Shared(owners, servers)
            let plain = plain ()

            for step in CallsWorld(seed).Steps 40 do
                shared.Take(plain step)

                if below 8 = 0 then
                    shared.Move(gateways[below 4], below servers)

                let calls =
                    [ for call in CallBook.calls shared.Whole -> names call.Live, call ] |> List.sortBy fst

                let heard =
                    [ for book in shared.Books do
                          for call in CallBook.calls book do
                              if CallsElsewhere.isTold call book then
                                  names call.Live, call ]
                    |> List.sortBy fst

                List.map fst heard |> Check.because $"seed {seed}" (Check.equal (List.map fst calls))

                for (_, one), (_, other) in List.zip calls heard do
                    if one.Live |> Array.distinctBy (fun key -> owners[key.Gateway]) |> Array.length > 1 then
                        across.Value <- across.Value + 1

                        // A leg that was over before anybody here had heard of the call is known to its own server only.
                        if names one.Gone = names other.Gone then
                            alike.Value <- alike.Value + 1
                            expected.Value <- expected.Value + (kinds one).Length
                            told.Value <- told.Value + (kinds other).Length

                            // It may be told a report later, as nobody here knows since when another server's leg has its codec.
                            Set.isSubset (set (kinds other)) (set (kinds one))
                            |> Check.because
                                $"seed {seed} {names one.Live}: {kinds other} {kinds one}"
                                Check.isTrue

        across.Value |> Check.above 500
        expected.Value |> Check.above 100
        told.Value * 10 |> Check.above (expected.Value * 8)
        alike.Value * 10 |> Check.above (across.Value * 8))

let ``a server that gives everything up remembers nothing`` =
    example (fun () ->
        for seed in 1UL .. 60UL do
            let table =
                (CallBook.empty rules, CallsWorld(seed).Steps 40)
                ||> List.fold (fun table step ->
                    let struct (next, _) = CallBook.apply step table
                    next)

            let left = CallsElsewhere.leave (Seq.toArray table.Sources.Keys) table

            left.Sources.Values
            |> Seq.sumBy _.Connections.Length
            |> Check.because $"seed {seed}" (Check.equal 0)

            CallBook.count left |> Check.because $"seed {seed}" (Check.equal 0))

/// What a gateway reports in a complete audit, heard at this many seconds.
let private heard
    (name: string)
    (seconds: float)
    (observations: Observation list)
    (ledger: GatewayLedger voption)
    =
    let snapshot =
        { Build.complete
              (seconds - 0.1)
              seconds
              (observations |> List.map (fun o -> { o with Heard = Build.between (seconds - 0.05) seconds })) with
            Gateway = GatewayId.create name
            Protocol = name.Split('-')[0] }

    let struct (next, _) =
        ledger
        |> ValueOption.defaultValue (GatewayLedger.empty snapshot.Gateway)
        |> Reconcile.apply snapshot

    next

let private elsewhere (name: string) (asked: float) (ledger: GatewayLedger) : ElsewhereStep =
    { Gateway = ledger.Gateway
      Source = Asked.source (name.Split('-')[0])
      DriftPpm = 100.0
      Audit = ValueSome { Asked = Build.at asked; IsComplete = true }
      Connections = ledger.Connections
      Ended = [||]
      Left = [||] }

let private own (name: string) (asked: float) (ledger: GatewayLedger) : CallStep =
    { Gateway = ledger.Gateway
      Source = Asked.source (name.Split('-')[0])
      DriftPpm = 100.0
      Audit = ValueSome { Asked = Build.at asked; IsComplete = true }
      Connections = ledger.Connections
      Changes = [||] }

let private leg id call = Build.observation id 0.0 |> Build.called call

let private metIn (book: CallTable) =
    [ for struct (source, c) in CallsElsewhere.met book -> $"{source.Gateway}/{c.Id}" ]

let ``what comes beside a connection of this server, whichever comes last, is looked for in turn`` =
    example (fun () ->
        let call = "7d1c9f04@example.net"
        let a = heard "sip-a" 1.0 [ leg "a" call ] ValueNone
        let b = heard "ng-b" 1.0 [ leg "b" call ] ValueNone

        let import steps book =
            let struct (next, _) = CallsElsewhere.import Instant.distantFuture steps book
            next

        let both = CallBook.empty rules |> import [ elsewhere "sip-a" 1.0 a; elsewhere "ng-b" 1.0 b ]

        metIn both |> Check.because "none of it is this server's" (Check.equal [])
        // The gateway comes here, and its call is as it was.
        let moved = CallBook.restore (own "sip-a" 1.0 a) (Build.at 2.0) both
        metIn moved |> Check.equal [ "ng-b/b" ]

        let struct (first, _) = CallBook.apply (own "sip-a" 1.0 a) (CallBook.empty rules)
        metIn first |> Check.equal []
        let second = import [ elsewhere "ng-b" 1.0 b ] first
        metIn second |> Check.equal [ "ng-b/b" ]
        metIn (import [] second) |> Check.because "it is not new any more" (Check.equal []))

let ``a gateway of another server is awaited while its next audit may tell that a call lacks it`` =
    example (fun () ->
        let dialogs = [ for i in 1..20 -> leg $"d{i}" $"{i}@example.net" ]
        let sessions = [ for i in 1..19 -> leg $"m{i}" $"{i}@example.net" ]
        let sip at = heard "sip-a" at dialogs ValueNone
        let media = heard "ng-b" 1.0 sessions ValueNone
        let book = ref (CallBook.empty rules)
        let asked = ref (sip 1.0)

        let take (step: CallStep) =
            let struct (next, _) = CallBook.apply step book.Value
            book.Value <- next

        let tell (at: float) =
            let struct (next, _) =
                CallsElsewhere.import Instant.distantFuture [ elsewhere "ng-b" at media ] book.Value

            book.Value <- next

        let hear (at: float) =
            asked.Value <- heard "sip-a" at dialogs (ValueSome asked.Value)
            take (own "sip-a" at asked.Value)

        let awaited () = [ for gateway in CallsElsewhere.awaited book.Value -> string gateway ]

        let findings () = CallBook.calls book.Value |> Seq.sumBy _.Findings.Length

        take (own "sip-a" 1.0 asked.Value)
        tell 2.0
        awaited () |> Check.because "the call is too new" (Check.equal [])
        hear 20.0
        awaited () |> Check.equal [ "ng-b" ]
        findings () |> Check.equal 0
        tell 21.0
        findings () |> Check.because "it was asked, and has none" (Check.equal 1)
        awaited () |> Check.equal [])
