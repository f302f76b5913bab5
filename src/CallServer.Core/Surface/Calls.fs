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

/// A leg of a call that is over, as long as the call remembers it.
[<NoComparison>]
type EndedLegView =
    {
        /// The id of the gateway.
        Gateway: string
        /// What the gateway called the connection.
        Id: string
        /// When it became active; null if it only rang.
        Start: IntervalView
        /// When it ended. `bounded`: between two audits, or as its gateway's own history tells.
        End: IntervalView
    }

/// A call with its legs on all gateways. What is not known is null.
[<NoComparison>]
type CallDetailView =
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
        /// Its live legs, in the order of Connections.
        Legs: IReadOnlyList<ConnectionView>
        /// Legs that are over, and that the call still remembers.
        Ended: IReadOnlyList<EndedLegView>
    }

/// Limits of a list of calls. A limit that is null does not apply. In a text `*` stands for any characters, and case
/// does not matter.
[<NoComparison>]
type CallFilter =
    {
        /// A gateway that one of its live legs is on.
        Gateway: string
        /// The call id.
        Call: string
        /// The originating device, or its number, of the call as a whole.
        Originator: string
        /// The remote party that one of its live legs names.
        Remote: string
        /// A kind of finding that it has.
        Finding: string
        /// Only calls that began at this moment or later, by the latest bound.
        Since: Nullable<Instant>
        /// Only calls that began before this moment, by the latest bound.
        Until: Nullable<Instant>
        /// Numbers are hidden from whoever asks: Originator and Remote limit what is shown of them.
        HidesNumbers: bool
    }

/// What concurrent connections are counted by.
type CountKey =
    | Gateway = 0
    /// The RTP encoding name, or the gateway's own words.
    | Codec = 1
    /// The originating device, or its number.
    | Originator = 2
    /// `incoming` or `outgoing` as the gateway sees it; `unknown` where it does not tell.
    | CallDirection = 3
    /// Which way media flows, in MGCP's words (RFC 3435 §2.1.7).
    | MediaDirection = 4

/// How many connections and calls share a key at one moment.
[<NoComparison>]
type CountView =
    {
        /// What they share; null for those that do not tell it.
        Key: string
        /// Active connections.
        Connections: int
        /// Calls that have such a connection.
        Calls: int
    }

/// The connections that share a key, taken in call by call.
[<Sealed>]
type internal KeyTally() =
    let mutable connections = 0
    let mutable calls = 0
    let mutable last: Call voption = ValueNone

    member _.Connections = connections

    member _.Add(call: Call) =
        connections <- connections + 1

        match last with
        | ValueSome known when Object.ReferenceEquals(known, call) -> ()
        | _ ->
            calls <- calls + 1
            last <- ValueSome call

    member _.View(key: string) : CountView = { Key = key; Connections = connections; Calls = calls }

/// A call, and its place in the list of calls.
[<Sealed; AllowNullLiteral>]
type CallEntry internal (call: Call, table: CallTable) =
    let ended correction (leg: Leg) (gone: Interval) : EndedLegView =
        { Gateway = string leg.Key.Gateway
          Id = string leg.Key.Id
          Start = Views.interval correction leg.Connection.Start
          End = Views.interval correction (Timing.bounded gone) }

    /// The call id by which the list is sorted; empty if it has none.
    member _.Id = CallOrder.Text call.Id
    /// The id of the gateway of its first leg.
    member _.Gateway = string call.Live[0].Gateway
    /// The id of its first leg at that gateway.
    member _.Connection = string call.Live[0].Id
    /// Whether this server tells it: where hosts share a record, the one that keeps the gateway of the first leg does.
    member _.IsTold = CallsElsewhere.isTold call table
    /// Whether one of its legs is on this gateway.
    member _.Has(gateway: string) = call.Live |> Array.exists (fun key -> string key.Gateway = gateway)

    /// Whether it is within these limits.
    member this.Fits(filter: CallFilter) : bool =
        let live = lazy (CallBook.legs call table |> Array.filter _.IsLive)
        let shown = HiddenNumbers.shown filter.HidesNumbers
        let began () = (CallsSummary.start live.Value).Within.Latest

        (isNull filter.Gateway || this.Has filter.Gateway)
        && Glob.fits filter.Call (call.Id |> ValueOption.map CallId.value)
        && (isNull filter.Finding
            || call.Findings |> List.exists (fun finding -> string finding.Kind = filter.Finding))
        && (isNull filter.Originator
            || Glob.fits filter.Originator (shown (CallsSummary.originator live.Value)))
        && (isNull filter.Remote
            || live.Value
               |> Array.exists (fun leg -> Glob.fits filter.Remote (shown leg.Connection.Facts.Remote)))
        && (not filter.Since.HasValue || began () >= filter.Since.Value)
        && (not filter.Until.HasValue || began () < filter.Until.Value)

    /// The call with its legs, as of now. The correction is added to every time.
    member this.Detail(now: Instant, correction: TimeSpan) : CallDetailView =
        let legs = CallBook.legs call table
        let view = this.View correction

        { Call = view.Call
          Sources = view.Sources
          Connections = view.Connections
          Originator = view.Originator
          Start = view.Start
          Findings = view.Findings
          Legs =
            [| for leg in legs do
                   if leg.IsLive then
                       Views.connection correction now leg.Key.Gateway leg.Connection |]
          Ended =
            [| for leg in legs do
                   match leg.Gone with
                   | ValueSome gone -> ended correction leg gone
                   | ValueNone -> () |] }

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

    static let parts (change: CallChange) =
        match change with
        | Found(call, finding) -> struct (true, call, finding)
        | Cleared(call, finding) -> struct (false, call, finding)

    static let view (stamp: ServerStamp) (at: Instant) (change: CallChange) : FindingChange =
        let struct (began, call, finding) = parts change
        let first = call.Live[0]

        let name =
            match call.Id with
            | ValueSome id -> $"call {id}"
            | ValueNone -> "a call without an id"

        { Finding = string finding.Kind
          Began = began
          Change =
            ChangeView.Plain(
                (if began then "finding" else "finding-cleared"),
                string first.Gateway,
                string first.Id,
                Views.time stamp.Correction at,
                $"{finding.Kind}: {name}: {finding.Text}"
            ) }

    /// No calls yet, for gateways that speak the built-in protocols.
    static member Empty = CallRecord.Of GatewayProtocols.BuiltIn

    /// No calls yet, for gateways that speak these protocols.
    static member Of(protocols: GatewayProtocols) = CallRecord(CallBook.empty CallRules.standard, protocols)

    member internal _.Table = table
    member internal _.Protocols = protocols
    member internal _.With(table: CallTable) = after table

    /// What this server tells of the findings that came or went.
    static member internal Told
        (table: CallTable, found: CallChange[], stamp: ServerStamp, at: Instant)
        : IReadOnlyList<FindingChange> =
        found
        |> Array.filter (fun change ->
            let struct (_, call, _) = parts change
            CallsElsewhere.isTold call table)
        |> Array.map (view stamp at)
        :> _

    /// How many calls with an active connection this server tells.
    member _.Count = CallBook.count table - CallsElsewhere.toldElsewhere table

    /// How many calls that this server tells have a finding of each kind; every kind is there.
    member _.Findings: IReadOnlyDictionary<string, int> =
        let counts = Dictionary<string, int>()

        for kind in FindingKind.all do
            counts[string kind] <- 0

        for call in CallBook.after ValueNone true table do
            for finding in (if CallsElsewhere.isTold call table then call.Findings else []) do
                counts[string finding.Kind] <- counts[string finding.Kind] + 1

        counts

    /// The calls with this call id. Ids that gateways count by themselves may name several calls.
    member _.WithId(id: string) : IEnumerable<CallEntry> =
        CallBook.withId id table |> Seq.map (fun call -> CallEntry(call, table))

    /// The call that an active connection belongs to; null if there is no such connection.
    member _.OfConnection(gateway: string, connection: string) : CallEntry =
        match GatewayId.tryCreate gateway, ConnectionId.tryCreate connection with
        | Some gateway, Some connection ->
            match CallBook.ofConnection gateway connection table with
            | ValueSome call -> CallEntry(call, table)
            | ValueNone -> null
        | _ -> null

    /// Counts the active connections and the calls that this server tells by a key, the most connections first. A null gateway counts
    /// all gateways. Where numbers are hidden from whoever asks, those that are shown alike are counted together.
    member _.CountBy(key: CountKey, gateway: string, hidesNumbers: bool) : IReadOnlyList<CountView> =
        let keyOf (at: GatewayId) (facts: Facts) : string =
            match key with
            | CountKey.Gateway -> string at
            | CountKey.Codec -> facts.Codec |> ValueOption.map _.Name |> ValueOption.toObj
            | CountKey.Originator -> HiddenNumbers.shown hidesNumbers facts.Originator |> ValueOption.toObj
            | CountKey.CallDirection ->
                facts.Direction |> ValueOption.map string |> ValueOption.defaultValue "unknown"
            | _ -> ValueOption.toObj facts.Mode

        let tallies = Dictionary<string, KeyTally>(StringComparer.Ordinal)
        let unnamed = KeyTally()

        let tallyOf (key: string) =
            if isNull key then
                unnamed
            else
                match tallies.TryGetValue key with
                | true, known -> known
                | _ ->
                    let fresh = KeyTally()
                    tallies.Add(key, fresh)
                    fresh

        for call in CallBook.calls table do
            if CallsElsewhere.isTold call table then
                for leg in call.Live do
                    if isNull gateway || string leg.Gateway = gateway then
                        match CallBook.connectionOf leg table with
                        | ValueSome c -> (tallyOf (keyOf leg.Gateway c.Facts)).Add call
                        | ValueNone -> ()

        [| for KeyValue(key, tally) in tallies do
               tally.View key
           if unnamed.Connections > 0 then
               unnamed.View null |]
        |> Array.sortWith (fun a b ->
            match compare b.Connections a.Connections with
            | 0 -> String.CompareOrdinal(a.Key, b.Key)
            | order -> order)
        :> _

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
            changes <- CallRecord.Told(next, found, stamp, step.At)
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
        changes <- CallRecord.Told(next, found, stamp, now)
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
