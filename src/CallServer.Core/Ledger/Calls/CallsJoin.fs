namespace CallServer.Ledger

open System.Collections.Generic
open CallServer.Model

/// Which legs belong together. Two live legs join by the same call id, or by mirrored media: each sends to
/// the other's socket, and no other live leg has either socket. A leg that is over joins in the same ways,
/// but only with legs that are proven to have been there with it: a port or an id may be reused.
module internal CallsJoin =
    /// If more legs than this had a socket within a short time, the socket tells nothing.
    let private mostGone = 16

    /// Whether the live leg was there before the other was last heard.
    let private met (live: Leg) (gone: Leg) = live.AliveBy <= gone.Gone.Value.Earliest

    /// What one rejoin has learnt about call ids. Without it each leg would visit all legs of its id, and an
    /// id that many legs have would cost their square.
    [<NoComparison; NoEquality>]
    type private Ids = { Reached: HashSet<IdKey>; FirstAlive: Dictionary<IdKey, Instant> }

    /// Since when one of the id's live legs is known to have been there.
    let private firstAlive (draft: CallsDraft) (ids: Ids) (id: IdKey) (bucket: Bucket) =
        match ids.FirstAlive.TryGetValue id with
        | true, known -> known
        | _ ->
            let first = bucket.Live |> Seq.map (fun key -> draft.Leg(key).AliveBy) |> Seq.reduce Instant.min
            ids.FirstAlive[id] <- first
            first

    let private byId (draft: CallsDraft) (ids: Ids) (leg: Leg) (visit: LegKey -> unit) =
        match CallsIndex.idOf leg.Source leg.Key leg.Connection with
        | ValueSome id when not (ids.Reached.Contains id) ->
            let bucket = draft.IdBucket id

            if not bucket.Live.IsEmpty && (bucket.Live.Count > 1 || not bucket.Gone.IsEmpty) then
                let metSome (gone: Leg) = firstAlive draft ids id bucket <= gone.Gone.Value.Earliest

                if leg.IsLive || metSome leg then
                    // Once is enough: every leg with this id reaches the same legs.
                    ids.Reached.Add id |> ignore
                    bucket.Live |> Seq.iter visit

                    for key in bucket.Gone do
                        if metSome (draft.Leg key) then
                            visit key
        | ValueSome _
        | ValueNone -> ()

    let private byStream (draft: CallsDraft) (leg: Leg) (visit: LegKey -> unit) stream =
        match stream with
        | struct (ValueSome own, ValueSome aim) when own <> aim ->
            let there = draft.SocketBucket aim

            let mirrors (other: Leg) =
                CallsIndex.streams other.Key other.Connection
                |> List.contains (struct (ValueSome aim, ValueSome own))

            let here = draft.SocketBucket own
            let isOwn = if leg.IsLive then here.Live.Count = 1 else here.Gone.Count <= mostGone

            if isOwn && there.Live.Count = 1 then
                let other = draft.Leg there.Live[0]

                if mirrors other && (leg.IsLive || met other leg) then
                    visit other.Key

            if isOwn && leg.IsLive && there.Gone.Count <= mostGone then
                for key in there.Gone do
                    let other = draft.Leg key

                    if mirrors other && met leg other then
                        visit key
        | _ -> ()

    let private legsOf (call: Call) = Seq.append call.Live call.Gone

    /// Joins anew whatever the draft's roots may have joined or parted. Returns the calls that no longer
    /// exist, as they were, and the legs of those that replace them.
    let rejoin (draft: CallsDraft) : struct (HashSet<Call> * ResizeArray<Leg[]>) =
        let broken = HashSet<Call>(HashIdentity.Reference)
        let visited = HashSet<LegKey>()
        let ids = { Reached = HashSet(); FirstAlive = Dictionary() }
        let waiting = Queue<LegKey> draft.Roots
        let together = ResizeArray<Leg[]>()

        let breakUp key =
            match draft.CallOf.TryGetValue key with
            | true, call when broken.Add call ->
                for other in legsOf call do
                    waiting.Enqueue other
            | _ -> ()

        let reach first =
            let found = ResizeArray<Leg>()
            let stack = Stack<LegKey> [ first ]

            let visit key =
                if visited.Add key then
                    stack.Push key

            while stack.Count > 0 do
                let leg = draft.Leg(stack.Pop())
                found.Add leg
                breakUp leg.Key
                byId draft ids leg visit
                CallsIndex.streams leg.Key leg.Connection |> List.iter (byStream draft leg visit)

            found.ToArray() |> Array.sortWith (fun a b -> LegKey.Compare(a.Key, b.Key))

        while waiting.Count > 0 do
            let key = waiting.Dequeue()
            breakUp key

            if (draft.TryLeg key).IsSome && visited.Add key then
                together.Add(reach key)

        struct (broken, together)
