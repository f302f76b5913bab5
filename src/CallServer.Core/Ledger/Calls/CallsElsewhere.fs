namespace CallServer.Ledger

open System
open System.Collections.Generic
open CallServer.Model

/// What another server keeps of a gateway, as far as it may belong to calls of this one.
[<NoComparison; NoEquality>]
type ElsewhereStep =
    {
        Gateway: GatewayId
        /// ValueNone if it is not known: then it stays as it was.
        Source: SourceTraits voption
        DriftPpm: float
        /// Its newest audit; ValueNone if it is not known.
        Audit: CallAudit voption
        /// Some of its active connections as they are now.
        Connections: Connection[]
        /// Connections that ended, and when.
        Ended: struct (ConnectionId * Interval)[]
        /// Connections that it does not hold any more, and nobody says when they ended.
        Left: ConnectionId[]
    }

/// Keeps connections of other servers' gateways in the book, so that a call with legs on gateways of several servers is
/// whole on each of them. Such a connection is joined and judged as any other. What only whole gateways tell, how many of
/// their calls have both kinds of source, is told by this server's own gateways alone.
module CallsElsewhere =
    /// Two readings of another server's clock differ by less, and no gateway has two connections of one id in so short
    /// a time.
    let private close = TimeSpan.FromSeconds 1.0

    /// Whether another server keeps the gateway; false if the book does not know it.
    let isElsewhere (gateway: GatewayId) (book: CallTable) =
        match book.Sources.TryGetValue gateway with
        | true, source -> source.IsElsewhere
        | _ -> false

    /// Whether this server's book is where the call is told: each call has one first leg, and each gateway one server.
    let isTold (call: Call) (book: CallTable) = not (isElsewhere call.Live[0].Gateway book)

    /// How many of the book's calls other servers tell.
    let toldElsewhere (book: CallTable) : int =
        book.Sources.Values
        |> Seq.filter _.IsElsewhere
        |> Seq.sumBy (fun source ->
            source.Connections
            |> Seq.filter (fun c ->
                let key = LegKey.ofConnection source.Gateway c

                match book.CallOf.TryGetValue key with
                | true, call -> call.Live[0] = key
                | _ -> false)
            |> Seq.length)

    let private merge (known: Connection[]) (step: ElsewhereStep) : Connection[] =
        let next = SortedDictionary<string, Connection>(StringComparer.Ordinal)

        for c in known do
            next[ConnectionId.value c.Id] <- c

        for struct (id, _) in step.Ended do
            next.Remove(ConnectionId.value id) |> ignore

        for id in step.Left do
            next.Remove(ConnectionId.value id) |> ignore

        for c in step.Connections do
            let id = ConnectionId.value c.Id

            next[id] <-
                match next.TryGetValue id with
                // It is the same one, and stays so however the other clock is read.
                | true, before when (c.FirstHeard - before.FirstHeard).Duration() < close ->
                    { c with FirstHeard = before.FirstHeard }
                | _ -> c

        Array.ofSeq next.Values

    let private edit (draft: CallsDraft) (step: ElsewhereStep) =
        let source = draft.Source step.Gateway
        let ended = Dictionary<ConnectionId, Interval>()

        for struct (id, within) in step.Ended do
            ended[id] <- within

        CallsEdit.edit
            draft
            { Gateway = step.Gateway
              Source = step.Source
              DriftPpm = step.DriftPpm
              Audit = step.Audit
              Connections = merge source.Connections step
              Changes =
                [| for c in source.Connections do
                       match ended.TryGetValue c.Id with
                       | true, within ->
                           Closed(
                               c,
                               { Within = within
                                 Evidence = Absent
                                 Cause = ValueNone
                                 Counters = ValueNone
                                 Order = ValueNone }
                           )
                       | _ -> () |] }
            source

        let entered = draft.Source step.Gateway

        let known =
            entered.Connections
            |> Array.filter (fun c -> (CallSource.tryFind (LegKey.ofConnection step.Gateway c) source).IsNone)

        draft.Put
            { entered with
                IsElsewhere = true
                // Nobody here knows since when it states what it states.
                Told =
                    (entered.Told, known)
                    ||> Array.fold (fun told c ->
                        told.SetItem(LegKey.ofConnection step.Gateway c, struct (c.LastHeard, c.LastHeard))) }

        Seq.append [ step.Gateway ] source.Partners.Keys

    /// The book with what other servers keep, and the findings that came or went. Gateways that this server keeps itself
    /// are passed over. `heard`: whatever they wrote up to then is in it.
    let import
        (heard: Instant)
        (steps: ElsewhereStep seq)
        (book: CallTable)
        : struct (CallTable * CallChange[]) =
        let draft = CallsDraft book
        draft.HeardElsewhere <- heard

        let isOwn (gateway: GatewayId) = book.Sources.ContainsKey gateway && not (isElsewhere gateway book)

        let touched =
            [| for step in steps do
                   if not (isOwn step.Gateway) then
                       yield! edit draft step |]

        CallBook.finish draft touched

    /// The legs whose presence says whether this one may join anything.
    let private neighbours (draft: CallsDraft) (leg: Leg) : LegKey seq =
        seq {
            match CallsIndex.idOf leg.Source leg.Key leg.Connection with
            | ValueSome id -> yield! draft.IdBucket(id).Live
            | ValueNone -> ()

            for struct (own, aim) in CallsIndex.streams leg.Key leg.Connection do
                for socket in [| own; aim |] do
                    match socket with
                    | ValueSome socket -> yield! draft.SocketBucket(socket).Live
                    | ValueNone -> ()
        }

    let private hasOwn (draft: CallsDraft) (call: Call) =
        let isOwn (key: LegKey) = not (draft.Source key.Gateway).IsElsewhere
        Array.exists isOwn call.Live || Array.exists isOwn call.Gone

    /// Whether the leg belongs to a call of this server, or decides together with another whether something does.
    let rec private isNear (draft: CallsDraft) (steps: int) (leg: Leg) : bool =
        not (draft.Source leg.Key.Gateway).IsElsewhere
        || (match draft.CallOf.TryGetValue leg.Key with
            | true, call -> hasOwn draft call
            | _ -> false)
        || (steps > 0
            && neighbours draft leg
               |> Seq.exists (fun key ->
                   match draft.TryLeg key with
                   | ValueSome other when other.Key <> leg.Key -> isNear draft (steps - 1) other
                   | ValueSome _
                   | ValueNone -> false))

    /// A socket that two legs have joins neither of them with the third that sends there.
    let private farthest = 2

    /// The book of a server that has given up these gateways: another one keeps them. What has nothing to do with calls of
    /// this server is forgotten, whoever gave it up.
    let leave (gateways: GatewayId seq) (book: CallTable) : CallTable =
        let marked = CallsDraft book

        for gateway in gateways do
            if marked.Sources.ContainsKey gateway then
                marked.Put { marked.Source gateway with IsElsewhere = true; IsUsual = false }

        let elsewhere = marked.Sources.Values |> Seq.filter _.IsElsewhere |> Array.ofSeq

        let far =
            [| for source in elsewhere do
                   let left =
                       [| for c in source.Connections do
                              let key = LegKey.ofConnection source.Gateway c

                              if not (isNear marked farthest (marked.Leg key)) then
                                  c.Id |]

                   if left.Length > 0 then
                       struct (source, left) |]

        // What a draft has been asked of a leg it does not ask again.
        let draft = CallsDraft(marked.ToBook [])

        for struct (source, left) in far do
            edit
                draft
                { Gateway = source.Gateway
                  Source = ValueNone
                  DriftPpm = source.DriftPpm
                  Audit = ValueNone
                  Connections = [||]
                  Ended = [||]
                  Left = left }
            |> ignore

        let struct (next, _) = CallBook.finish draft (elsewhere |> Array.map _.Gateway)
        next

    /// Whether a connection of another server's gateway may belong to a call of this one, or part one. `reaches` are those
    /// that the sources of call ids have.
    let mayMeet
        (reaches: CallIdReach list)
        (gateway: GatewayId)
        (call: CallId voption)
        (media: MediaAddress voption list)
        (book: CallTable)
        =
        let isKnown reach =
            match call |> ValueOption.bind (CallsKeys.ofId reach gateway) with
            | ValueSome key -> book.ById.ContainsKey key
            | ValueNone -> false

        let isSocket (address: MediaAddress voption) =
            match address |> ValueOption.bind (CallsKeys.ofAddress gateway) with
            | ValueSome key -> book.BySocket.ContainsKey key
            | ValueNone -> false

        List.exists isKnown (CallIdReach.World :: reaches) || List.exists isSocket media

    /// By what other servers' connections may be joined with one of a source: its call id and its media addresses, as far as
    /// they reach beyond the gateway.
    let keys
        (source: SourceTraits)
        (gateway: GatewayId)
        (c: Connection)
        : struct (CallId voption * MediaAddress list) =
        let reaches id =
            match source.CallIds, CallsKeys.ofId source.CallIds gateway id with
            | CallIdReach.ByShape, ValueSome key -> key.Realm = ""
            | _, key -> key.IsSome

        let media =
            [ for struct (local, remote) in
                  struct (c.Facts.LocalMedia, c.Facts.RemoteMedia)
                  :: (c.Facts.OtherMedia
                      |> ValueOption.defaultValue []
                      |> List.map (fun medium -> struct (medium.Local, medium.Remote))) do
                  for address in [ local; remote ] do
                      match address with
                      | ValueSome address ->
                          match CallsKeys.ofAddress gateway address with
                          | ValueSome key when key.Realm = "" -> address
                          | ValueSome _
                          | ValueNone -> ()
                      | ValueNone -> () ]

        struct ((match c.Facts.Call with
                 | ValueSome id when reaches id -> ValueSome id
                 | ValueSome _
                 | ValueNone -> ValueNone),
                List.distinct media)

    /// Every connection of another server's gateway in a call of this one.
    let internal related (book: CallTable) : struct (CallSource * Connection) seq =
        let isOwn (key: LegKey) = not (isElsewhere key.Gateway book)

        seq {
            for source in book.Sources.Values do
                if source.IsElsewhere then
                    for c in source.Connections do
                        match book.CallOf.TryGetValue(LegKey.ofConnection source.Gateway c) with
                        | true, call when Array.exists isOwn call.Live -> struct (source, c)
                        | _ -> ()
        }

    let private those (source: CallSource) (keys: LegKey seq) : struct (CallSource * Connection) seq =
        seq {
            for key in keys do
                match CallSource.tryFind key source with
                | ValueSome c -> struct (source, c)
                | ValueNone -> ()
        }

    /// Those of them in calls that the newest step made or changed: what others still are joined by may be new.
    let internal met (book: CallTable) : struct (CallSource * Connection) seq =
        book.Met |> Seq.collect (fun key -> those book.Sources[key.Gateway] [ key ])

    /// Those whose next report may change a finding that this server tells.
    let internal watched (book: CallTable) : struct (CallSource * Connection) seq =
        book.Sources.Values
        |> Seq.filter (fun source -> source.IsElsewhere && not source.Watched.IsEmpty)
        |> Seq.collect (fun source ->
            source.Watched |> Seq.filter (fun key -> isTold book.CallOf[key] book) |> those source)

    /// Gateways of other servers whose next complete audit may show that a call of this one lacks a leg there.
    let internal awaited (book: CallTable) : GatewayId seq =
        let due (source: CallSource) =
            (ValueNone, source.Lonely)
            ||> Seq.fold (fun latest call ->
                match latest, CallsTally.listedBy book.Rules (CallBook.legs call book) source.Gateway with
                | ValueSome latest, ValueSome due -> ValueSome(Instant.max latest due)
                | ValueNone, due -> due
                | latest, ValueNone -> latest)

        seq {
            for source in book.Sources.Values do
                if source.IsUsual then
                    match due source with
                    | ValueSome due ->
                        for partner in source.Partners.Keys do
                            match book.Sources.TryGetValue partner with
                            | true, other when other.IsElsewhere && not (CallsTally.isAsked due other) ->
                                partner
                            | _ -> ()
                    | ValueNone -> ()
        }
        |> Seq.distinct
