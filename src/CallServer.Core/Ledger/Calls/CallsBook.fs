namespace CallServer.Ledger

open System
open System.Collections.Generic
open System.Collections.Immutable
open CallServer.Model

/// Joins connections into calls. The book is kept up to date with every step of every gateway, at a cost that
/// depends on what the step changed. Steps of different gateways may come in any order.
module CallBook =
    /// A book without calls that joins by these rules.
    let empty (rules: CallRules) : CallTable =
        CallTable(
            rules,
            ImmutableDictionary.Empty,
            ImmutableDictionary.Empty,
            ImmutableDictionary.Empty,
            ImmutableDictionary.Empty,
            ImmutableDictionary.Empty,
            ImmutableSortedSet.Create<Call>(CallOrder.Instance :> IComparer<Call>),
            ImmutableSortedSet.Create<Call>(CallOrder.Instance :> IComparer<Call>),
            ImmutableSortedSet.Create<Expiry>(ExpiryOrder.Instance :> IComparer<Expiry>),
            Instant.distantFuture,
            [||]
        )

    /// Joins and judges again what the edit touched.
    let private rejoin (draft: CallsDraft) =
        let struct (broken, together) = CallsJoin.rejoin draft

        let next =
            [| for legs in together do
                   let call = CallsTally.judge draft legs

                   match draft.CallOf.TryGetValue legs[0].Key with
                   | true, known when CallsTally.isSame known call -> broken.Remove known |> ignore
                   | _ -> call |]

        for call in broken do
            CallsTally.retire draft call

        for call in next do
            CallsTally.enter draft call

    let private keys (call: Call) = Seq.append call.Live call.Gone

    /// Which findings came or went, comparing calls that share a leg.
    let private changes (draft: CallsDraft) : CallChange[] =
        let among (callOf: LegKey -> bool * Call) (call: Call) =
            keys call
            |> Seq.choose (fun key ->
                match callOf key with
                | true, other -> Some other
                | _ -> None)
            |> Seq.collect _.Findings
            |> Seq.map _.Kind
            |> HashSet

        let before key = draft.Before.CallOf.TryGetValue key
        let after key = draft.CallOf.TryGetValue key

        [| for call in draft.Retired do
               if not call.Findings.IsEmpty then
                   let kinds = among after call

                   for finding in call.Findings do
                       if not (kinds.Contains finding.Kind) then
                           Cleared(call, finding)

           for call in draft.Entered do
               if not call.Findings.IsEmpty then
                   let kinds = among before call

                   for finding in call.Findings do
                       if not (kinds.Contains finding.Kind) then
                           Found(call, finding) |]
        |> Array.sortWith (fun a b ->
            let told change =
                match change with
                | Cleared(call, finding) -> struct (call.Live[0], finding.Kind, 0)
                | Found(call, finding) -> struct (call.Live[0], finding.Kind, 1)

            let struct (first, kind, order) = told a
            let struct (first', kind', order') = told b

            match LegKey.Compare(first, first') with
            | 0 -> compare struct (kind, order) struct (kind', order')
            | other -> other)

    /// Joins, judges and tallies again what an edit of these gateways touched.
    let internal finish (draft: CallsDraft) (gateways: GatewayId seq) =
        rejoin draft

        let touched =
            Seq.append draft.Retired draft.Entered
            |> Seq.collect _.Live
            |> Seq.map _.Gateway
            |> Seq.append gateways
            |> HashSet

        CallsTally.settle draft touched
        let changes = changes draft
        struct (draft.ToBook touched, changes)

    /// The book after a step, and the findings that came or went.
    let apply (step: CallStep) (book: CallTable) : struct (CallTable * CallChange[]) =
        let draft = CallsDraft book
        let source = draft.Source step.Gateway
        CallsEdit.edit draft step source
        finish draft (Seq.append [ step.Gateway ] source.Partners.Keys)

    /// The book with the unconfirmed connections of a store; `at` is when the server began.
    let restore (step: CallStep) (at: Instant) (book: CallTable) : CallTable =
        let draft = CallsDraft book
        let source = { draft.Source step.Gateway with Began = at }
        draft.Put source
        CallsEdit.edit draft step source
        let struct (book, _) = finish draft [ step.Gateway ]
        book

    /// When `tick` next has something to forget; ValueNone if there is nothing.
    let due (book: CallTable) : Instant voption =
        if book.Expiries.IsEmpty then
            ValueNone
        else
            let struct (at, _) = book.Expiries.Min
            ValueSome at

    /// How many legs that are over a call keeps for its findings.
    let private mostGone = 8

    /// Whether a leg that is over is still one side of a finding, or the only sign of its kind of source.
    let private isNeeded (draft: CallsDraft) (ghost: Leg) (call: Call) =
        let live = call.Live |> Array.map draft.Leg
        // A leg may have been forgotten a moment ago.
        let gone = call.Gone |> Array.choose (draft.TryLeg >> ValueOption.toOption)

        let isNew =
            gone
            |> Array.sumBy (fun other ->
                match compare other.Gone.Value.Latest.Micros ghost.Gone.Value.Latest.Micros with
                | 0 -> if LegKey.Compare(other.Key, ghost.Key) > 0 then 1 else 0
                | order -> if order > 0 then 1 else 0) < mostGone

        live.Length > 0
        && isNew
        && ((CallsEnds.missing live [| ghost |]).Length > 0
            || (ghost.Kind.IsSome && live |> Array.forall (fun leg -> leg.Kind <> ghost.Kind)))

    /// Forgets legs that have been over for so long that nobody will report on them any more.
    let tick (now: Instant) (book: CallTable) : struct (CallTable * CallChange[]) =
        match due book with
        | ValueSome at when at <= now ->
            let draft = CallsDraft book

            let isDue () =
                not (draft.Expiries.Count = 0) && (let struct (at, _) = draft.Expiries.Min in at <= now)

            while isDue () do
                let struct (_, key) as expiry = draft.Expiries.Min
                draft.Expiries.Remove expiry |> ignore
                let ghost = draft.Leg key

                if isNeeded draft ghost draft.CallOf[key] then
                    draft.Expiries.Add(struct (now + draft.Rules.Retention, key)) |> ignore
                else
                    CallsIndex.remove draft ghost.Source key ghost.Connection
                    draft.Forget key
                    let source = draft.Source key.Gateway
                    draft.Put { source with Gone = source.Gone - 1 }

            finish draft []
        | ValueSome _
        | ValueNone -> struct (book, [||])

    /// How many calls have a live leg.
    let count (book: CallTable) = book.Calls.Count

    /// The calls after this place in the list, or all of them; with `findings`, only calls with findings.
    let after
        (place: struct (string * GatewayId * ConnectionId) voption)
        (findings: bool)
        (book: CallTable)
        : Call seq =
        let calls = if findings then book.Findings else book.Calls

        let first =
            match place with
            | ValueNone -> 0
            | ValueSome(struct (id, gateway, connection)) ->
                let probe =
                    { Id = CallId.tryCreate id |> ValueOption.ofOption
                      Live = [| { Gateway = gateway; Id = connection; Since = Instant.distantFuture } |]
                      Gone = [||]
                      HasBothKinds = false
                      Pairs = [||]
                      Findings = []
                      IsWatched = false }

                match calls.IndexOf probe with
                | found when found >= 0 -> found + 1
                | absent -> ~~~absent

        seq { for index in first .. calls.Count - 1 -> calls[index] }

    /// The calls with this call id, in order. Ids that gateways count by themselves may name several calls.
    let withId (id: string) (book: CallTable) : Call seq =
        let calls = book.Calls

        let rec search low high =
            if low >= high then
                low
            else
                let middle = low + (high - low) / 2

                if String.CompareOrdinal(CallOrder.Text calls[middle].Id, id) < 0 then
                    search (middle + 1) high
                else
                    search low middle

        seq { for index in search 0 calls.Count .. calls.Count - 1 -> calls[index] }
        |> Seq.takeWhile (fun call -> CallOrder.Text call.Id = id)

    /// The call that a live connection belongs to; ValueNone if there is no such connection.
    let ofConnection (gateway: GatewayId) (id: ConnectionId) (book: CallTable) : Call voption =
        match book.Sources.TryGetValue gateway with
        | true, source ->
            CallSource.withId id source
            |> ValueOption.bind (fun c ->
                match book.CallOf.TryGetValue(LegKey.ofConnection gateway c) with
                | true, call -> ValueSome call
                | _ -> ValueNone)
        | _ -> ValueNone

    /// Every call with a live leg, in order.
    let calls (book: CallTable) : Call seq = book.Calls

    /// The connection of a live leg as it is now.
    let internal connectionOf (key: LegKey) (book: CallTable) : Connection voption =
        match book.Sources.TryGetValue key.Gateway with
        | true, source -> CallSource.tryFind key source
        | _ -> ValueNone

    /// A call's legs as they are now, those that are over last.
    let legs (call: Call) (book: CallTable) : Leg[] =
        [| for key in keys call do
               match book.Ghosts.TryGetValue key with
               | true, ghost -> ghost
               | _ ->
                   match book.Sources.TryGetValue key.Gateway with
                   | true, source ->
                       match CallSource.tryFind key source with
                       | ValueSome c -> CallSource.leg source key c ValueNone
                       | ValueNone -> ()
                   | _ -> () |]
