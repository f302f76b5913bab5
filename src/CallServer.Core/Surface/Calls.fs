namespace CallServer.Surface

open System
open System.Collections.Generic
open System.Runtime.InteropServices
open CallServer.Model
open CallServer.Ledger

/// One disagreement between the sources of a call.
[<NoComparison>]
type FindingView = { Kind: string; Since: string; Text: string }

/// A call as `calls --json` lists it. What is not known is null.
[<NoComparison>]
type CallView =
    { Call: string
      Sources: IReadOnlyList<string>
      Connections: IReadOnlyList<string>
      Originator: string
      Start: IntervalView
      Findings: IReadOnlyList<FindingView> }

/// A finding that began or is over, and how it is told.
[<NoComparison>]
type FindingChange = { Finding: string; Began: bool; Change: ChangeView }

/// A call, and its place in the list of calls.
[<Sealed>]
type CallEntry internal (call: Call, table: CallTable) =
    /// The call's id as the list is sorted by it; empty where it has none.
    member _.Id = CallOrder.Text call.Id
    /// The first leg: whose it is, and its id there.
    member _.Gateway = string call.Live[0].Gateway
    member _.Connection = string call.Live[0].Id
    /// Some leg of it is this gateway's.
    member _.Has(gateway: string) = call.Live |> Array.exists (fun key -> string key.Gateway = gateway)

    /// As of now; the correction is added to every time.
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

/// Every call at one moment. Immutable: each step of a gateway's record gives the next.
[<Sealed; AllowNullLiteral>]
type CallRecord private (table: CallTable) =
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

    /// No gateway has spoken.
    static member Empty = CallRecord(CallBook.empty CallRules.standard)

    member _.Count = CallBook.count table

    /// How many calls have a finding of each kind.
    member _.Findings: IReadOnlyDictionary<string, int> =
        let counts = Dictionary<string, int>()

        for kind in FindingKind.all do
            counts[string kind] <- 0

        for call in CallBook.after ValueNone true table do
            for finding in call.Findings do
                counts[string finding.Kind] <- counts[string finding.Kind] + 1

        counts

    /// Takes in what a step did to one gateway's record, and tells what became of the findings. The steps of one gateway come in
    /// order, those of several in any.
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
            CallRecord next

    /// Takes in a gateway's record as a store kept it: the server began now, the protocol is that of its last audit.
    member _.Restore(record: GatewayRecord, protocol: string, now: Instant) : CallRecord =
        CallRecord(CallBook.restore (record.ForJoin protocol) now table)

    /// When to call Tick next; false where never.
    member _.TryDue([<Out>] due: byref<Instant>) =
        match CallBook.due table with
        | ValueSome at ->
            due <- at
            true
        | ValueNone -> false

    /// Forgets what is over for long.
    member this.Tick
        (now: Instant, stamp: ServerStamp, [<Out>] changes: byref<IReadOnlyList<FindingChange>>)
        : CallRecord =
        let struct (next, found) = CallBook.tick now table
        changes <- found |> Array.map (view stamp now)
        if obj.ReferenceEquals(next, table) then this else CallRecord next

    /// The calls after a place in the list (that of an entry; null begins at the first), those with findings only where asked.
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
        // No entry has such a place.
        | ValueNone -> Seq.empty
