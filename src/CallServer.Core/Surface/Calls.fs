namespace CallServer.Surface

open System
open System.Collections.Generic
open System.Runtime.InteropServices
open CallServer.Model
open CallServer.Ledger

/// One disagreement between the sources of a call.
[<NoComparison>]
type FindingView =
    {
        /// One of the kinds that `docs/calls.md` lists, such as `one-sided`.
        Kind: string
        /// Since when, in UTC with microseconds.
        Since: string
        /// How the sources disagree, in words.
        Text: string
    }

/// A call as `calls --json` lists it. What is not known is null.
[<NoComparison>]
type CallView =
    {
        /// The id of the call.
        Call: string
        /// The ids of the gateways that reported it, each once.
        Sources: IReadOnlyList<string>
        /// GATEWAY/ID of each live leg.
        Connections: IReadOnlyList<string>
        /// The originating device.
        Originator: string
        /// When the call began.
        Start: IntervalView
        /// How its sources disagree; empty if they agree.
        Findings: IReadOnlyList<FindingView>
    }

/// A finding that began or is over.
[<NoComparison>]
type FindingChange =
    {
        /// The kind of finding.
        Finding: string
        /// Whether it began; false if it is over.
        Began: bool
        /// The change as events and logs show it.
        Change: ChangeView
    }

/// A call, and its place in the list of calls.
[<Sealed>]
type CallEntry internal (call: Call, table: CallTable) =
    /// The call id by which the list is sorted; empty if it has none.
    member _.Id = CallOrder.Text call.Id
    /// The id of the gateway of its first leg.
    member _.Gateway = string call.Live[0].Gateway
    /// The id of its first leg at that gateway.
    member _.Connection = string call.Live[0].Id
    /// Whether one of its legs is on this gateway.
    member _.Has(gateway: string) = call.Live |> Array.exists (fun key -> string key.Gateway = gateway)

    /// The call as it is now. The correction is added to every time.
    member _.View(correction: TimeSpan) : CallView =
        let live = CallBook.legs call table |> Array.filter _.IsLive

        { Call = call.Id |> ValueOption.map string |> ValueOption.toObj
          Sources = live |> Array.map (fun leg -> string leg.Key.Gateway) |> Array.distinct
          Connections = live |> Array.map (fun leg -> string leg.Key)
          Originator = CallsSummary.originator live |> ValueOption.toObj
          Start = Views.interval correction (CallsSummary.start live)
          Findings =
            [| for finding in call.Findings ->
                   { Kind = string finding.Kind
                     Since = Views.time correction finding.Since
                     Text = finding.Text } |] }

/// Every call at one moment. Immutable: each step of a gateway's record gives the next one.
[<Sealed; AllowNullLiteral>]
type CallRecord private (table: CallTable, protocols: GatewayProtocols) =
    let after table = CallRecord(table, protocols)

    static let view (stamp: ServerStamp) (at: Instant) (change: CallChange) : FindingChange =
        let began, call, finding =
            match change with
            | Found(call, finding) -> true, call, finding
            | Cleared(call, finding) -> false, call, finding

        let first = call.Live[0]

        let name =
            match call.Id with
            | ValueSome id -> $"call {id}"
            | ValueNone -> "a call without an id"

        { Finding = string finding.Kind
          Began = began
          Change =
            { Kind = (if began then "finding" else "finding-cleared")
              Gateway = string first.Gateway
              Connection = string first.Id
              Time = Views.time stamp.Correction at
              Detail = $"{finding.Kind}: {name}: {finding.Text}" } }

    /// No calls yet, for gateways that speak the built-in protocols.
    static member Empty = CallRecord.Of GatewayProtocols.BuiltIn

    /// No calls yet, for gateways that speak these protocols.
    static member Of(protocols: GatewayProtocols) = CallRecord(CallBook.empty CallRules.standard, protocols)

    /// How many calls have an active connection.
    member _.Count = CallBook.count table

    /// How many calls have a finding of each kind; every kind is there.
    member _.Findings: IReadOnlyDictionary<string, int> =
        let counts = Dictionary<string, int>()

        for kind in FindingKind.all do
            counts[string kind] <- 0

        for call in CallBook.after ValueNone true table do
            for finding in call.Findings do
                counts[string finding.Kind] <- counts[string finding.Kind] + 1

        counts

    /// Takes in what a step did to one gateway's record, and returns which findings began or are over. The
    /// steps of one gateway must come in order, those of several gateways in any order.
    member this.Apply
        (step: RecordStep, stamp: ServerStamp, [<Out>] changes: byref<IReadOnlyList<FindingChange>>)
        : CallRecord =
        match step.ForJoin with
        | ValueNone ->
            changes <- [||]
            this
        | ValueSome join ->
            let struct (next, found) = CallBook.apply join table
            changes <- found |> Array.map (view stamp step.At)
            after next

    /// Takes in a gateway's record as a store kept it. `protocol` is that of its last audit, or null if none
    /// is known; `now` is the start of this server.
    member _.Restore(record: GatewayRecord, protocol: string, now: Instant) : CallRecord =
        let source = if isNull protocol then ValueNone else protocols.SourceOf protocol
        after (CallBook.restore (record.ForJoin source) now table)

    /// When to call Tick next; false if never.
    member _.TryDue([<Out>] due: byref<Instant>) =
        match CallBook.due table with
        | ValueSome at ->
            due <- at
            true
        | ValueNone -> false

    /// Forgets legs that have been over for a long time.
    member this.Tick
        (now: Instant, stamp: ServerStamp, [<Out>] changes: byref<IReadOnlyList<FindingChange>>)
        : CallRecord =
        let struct (next, found) = CallBook.tick now table
        changes <- found |> Array.map (view stamp now)
        if obj.ReferenceEquals(next, table) then this else after next

    /// The calls after a place in the list, the place of an entry; null begins at the first. With `findings`,
    /// only calls that have one. Empty for a place that no entry can have.
    member _.After(id: string, gateway: string, connection: string, findings: bool) : IEnumerable<CallEntry> =
        let place =
            if isNull id then
                ValueSome ValueNone
            else
                match GatewayId.tryCreate gateway, ConnectionId.tryCreate connection with
                | Some gateway, Some connection -> ValueSome(ValueSome(struct (id, gateway, connection)))
                | _ -> ValueNone

        match place with
        | ValueSome place ->
            CallBook.after place findings table |> Seq.map (fun call -> CallEntry(call, table))
        // No entry can have such a place.
        | ValueNone -> Seq.empty
