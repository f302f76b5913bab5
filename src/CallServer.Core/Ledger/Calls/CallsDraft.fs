namespace CallServer.Ledger

open System.Collections.Generic
open System.Collections.Immutable
open CallServer.Model

/// A book while one step changes it. It lives within one function call and nobody else sees it.
[<Sealed>]
type internal CallsDraft(book: CallTable) =
    let sources = book.Sources.ToBuilder()
    let ghosts = book.Ghosts.ToBuilder()
    let byId = book.ById.ToBuilder()
    let bySocket = book.BySocket.ToBuilder()
    let callOf = book.CallOf.ToBuilder()
    let calls = book.Calls.ToBuilder()
    let findings = book.Findings.ToBuilder()
    let expiries = book.Expiries.ToBuilder()
    let roots = HashSet<LegKey>()
    let retired = HashSet<Call>(HashIdentity.Reference)
    let entered = HashSet<Call>(HashIdentity.Reference)
    let legs = Dictionary<LegKey, Leg voption>()
    let mutable heardElsewhere = book.HeardElsewhere

    /// Legs of other servers' gateways that the step has put beside one of this server. A call is entered anew if it changes; where only
    /// a gateway has come to this server, or was known there already, its calls stay.
    let met (gateways: GatewayId seq) : LegKey[] =
        let isElsewhere (gateway: GatewayId) (among: IReadOnlyDictionary<GatewayId, CallSource>) =
            match among.TryGetValue gateway with
            | true, source -> source.IsElsewhere
            | _ -> false

        let come =
            gateways
            |> Seq.filter (fun gateway ->
                isElsewhere gateway book.Sources && not (isElsewhere gateway sources))
            |> Seq.collect (fun gateway ->
                sources[gateway].Connections
                |> Seq.choose (fun c ->
                    match callOf.TryGetValue(LegKey.ofConnection gateway c) with
                    | true, call -> Some call
                    | _ -> None))

        [| for call in Seq.append entered come do
               let theirs = call.Live |> Array.filter (fun key -> isElsewhere key.Gateway sources)

               if theirs.Length > 0 && theirs.Length < call.Live.Length then
                   yield! theirs |]

    member _.Before = book
    member _.Rules = book.Rules
    member _.Sources = sources
    member _.CallOf = callOf
    member _.Calls = calls
    member _.Findings = findings
    member _.Expiries = expiries
    member _.Ghosts = ghosts

    member _.HeardElsewhere
        with get () = heardElsewhere
        and set value = heardElsewhere <- value

    /// Legs whose joins must be looked at again.
    member _.Roots = roots

    /// Calls of the earlier book that no longer exist, and the calls that replaced them.
    member _.Retired = retired
    member _.Entered = entered

    member _.Source(gateway: GatewayId) : CallSource =
        match sources.TryGetValue gateway with
        | true, source -> source
        | _ -> CallSource.create gateway

    member _.Put(source: CallSource) = sources[source.Gateway] <- source

    /// The leg as it is now; ValueNone if it is neither live nor remembered. Take in the step's connections
    /// first.
    member this.TryLeg(key: LegKey) : Leg voption =
        match legs.TryGetValue key with
        | true, leg -> leg
        | _ ->
            let leg =
                match ghosts.TryGetValue key with
                | true, ghost -> ValueSome ghost
                | _ ->
                    let source = this.Source key.Gateway

                    CallSource.tryFind key source
                    |> ValueOption.map (fun c -> CallSource.leg source key c ValueNone)

            legs[key] <- leg
            leg

    /// Stops remembering a leg that is over.
    member _.Forget(key: LegKey) =
        ghosts.Remove key |> ignore
        legs.Remove key |> ignore

    member this.Leg(key: LegKey) : Leg =
        match this.TryLeg key with
        | ValueSome leg -> leg
        | ValueNone -> invalidOp $"the join knows {key}, and the record does not"

    member _.IdBucket(key: IdKey) =
        match byId.TryGetValue key with
        | true, bucket -> bucket
        | _ -> Bucket.empty

    member _.SocketBucket(key: AddressKey) =
        match bySocket.TryGetValue key with
        | true, bucket -> bucket
        | _ -> Bucket.empty

    /// Changes who has a socket. If one leg alone has it now or had it before, that leg's joins are looked at
    /// again, because a shared socket joins nobody.
    member this.PutSocket(key: AddressKey, bucket: Bucket) =
        let before = this.SocketBucket key

        for side in [| before.Live; bucket.Live |] do
            if side.Count = 1 then
                roots.Add side[0] |> ignore

        if bucket.Live.IsEmpty && bucket.Gone.IsEmpty then
            bySocket.Remove key |> ignore
        else
            bySocket[key] <- bucket

    member _.PutId(key: IdKey, bucket: Bucket) =
        if bucket.Live.IsEmpty && bucket.Gone.IsEmpty then
            byId.Remove key |> ignore
        else
            byId[key] <- bucket

    /// The book after a step of these gateways.
    member _.ToBook(gateways: GatewayId seq) =
        CallTable(
            book.Rules,
            sources.ToImmutable(),
            ghosts.ToImmutable(),
            byId.ToImmutable(),
            bySocket.ToImmutable(),
            callOf.ToImmutable(),
            calls.ToImmutable(),
            findings.ToImmutable(),
            expiries.ToImmutable(),
            heardElsewhere,
            met gateways
        )

/// Indexes legs by call id and by socket.
module internal CallsIndex =
    let idOf (source: SourceTraits) (key: LegKey) (c: Connection) : IdKey voption =
        c.Facts.Call |> ValueOption.bind (CallsKeys.ofId source.CallIds key.Gateway)

    /// For each medium its own socket and the one it sends to, the call's own medium first.
    let streams (key: LegKey) (c: Connection) : struct (AddressKey voption * AddressKey voption) list =
        let ends (local: MediaAddress voption) (remote: MediaAddress voption) =
            struct (ValueOption.bind (CallsKeys.ofAddress key.Gateway) local,
                    ValueOption.bind (CallsKeys.ofAddress key.Gateway) remote)

        ends c.Facts.LocalMedia c.Facts.RemoteMedia
        :: (c.Facts.OtherMedia
            |> ValueOption.defaultValue []
            |> List.map (fun medium -> ends medium.Local medium.Remote))

    let private change (draft: CallsDraft) (source: SourceTraits) (key: LegKey) (c: Connection) edit =
        match idOf source key c with
        | ValueSome id -> draft.PutId(id, edit (draft.IdBucket id))
        | ValueNone -> ()

        for struct (socket, _) in streams key c do
            match socket with
            | ValueSome socket -> draft.PutSocket(socket, edit (draft.SocketBucket socket))
            | ValueNone -> ()

        draft.Roots.Add key |> ignore

    let add draft source (key: LegKey) (c: Connection) =
        change draft source key c (fun bucket -> { bucket with Live = bucket.Live.Add key })

    let remove draft source (key: LegKey) (c: Connection) =
        change draft source key c (fun bucket ->
            { Live = bucket.Live.Remove key; Gone = bucket.Gone.Remove key })

    /// Indexes a leg that is over and remembered.
    let bury draft source (key: LegKey) (c: Connection) =
        change draft source key c (fun bucket ->
            { Live = bucket.Live.Remove key; Gone = bucket.Gone.Add key })
