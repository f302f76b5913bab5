namespace CallServer.Protocols.Ng

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// What a gateway reported about each call that was queried.
[<NoEquality; NoComparison>]
type internal NgQueries =
    {
        /// By call.
        Seen: Map<string, NgSeen>
        /// The memory that they take, in octets, roughly.
        Cost: int64
        /// Calls that were listed, but had ended when they were queried.
        Gone: Set<string>
        /// Calls without a usable answer, and why.
        Untold: struct (string * string) list
        /// The replies before the sampling, by call.
        Samples: Map<string, NgSeen>
        /// What the replies showed of the gateway's clock.
        Clock: ClockBounds
    }

/// Queries each listed call, and a few of them twice, because new media shows the gateway's clock.
module internal NgQueries =
    /// Octets of memory for one party besides its texts.
    [<Literal>]
    let private TagCost = 512L

    /// How many calls are queried twice to read the gateway's clock.
    [<Literal>]
    let private MaxSamples = 4

    /// If the clock is known at least this well, in microseconds, no call is queried twice.
    [<Literal>]
    let private WellKnown = 250_000L

    let none: NgQueries =
        { Seen = Map.empty
          Cost = 0L
          Gone = Set.empty
          Untold = []
          Samples = Map.empty
          Clock = GatewayClock.unknown }

    /// The calls of the list that are not known yet.
    let missing (keys: string[]) (queries: NgQueries) : string list =
        [ for key in keys do
              if not (queries.Seen.ContainsKey key || queries.Gone.Contains key) then
                  key ]

    let private costOf (call: NgCall) : int64 =
        let octets (tag: NgTag) =
            tag.Key.Length
            + tag.Tag.Length
            + (tag.Label |> ValueOption.map _.Length |> ValueOption.defaultValue 0)

        call.Tags |> Array.sumBy (fun tag -> TagCost + int64 (octets tag))

    /// Takes in the reply to a query. `newest`: when the newest call of an earlier complete list was created, by the gateway's
    /// clock, and when that list was requested.
    let told
        (newest: struct (int64 * Instant) voption)
        (within: Interval)
        (key: string)
        (call: NgCall)
        (queries: NgQueries)
        : NgQueries =
        let now = within.Latest
        let seen = { Call = call; Heard = within }
        let clock = GatewayClock.stamped (NgObserving.latestStamp call) now queries.Clock

        let clock =
            match newest with
            | ValueSome(struct (newest, listed)) when call.Created > newest ->
                let high = call.Created + call.Resolution - 1L + NgClock.Staleness
                GatewayClock.read call.Created high listed now clock
            | ValueSome _
            | ValueNone -> clock

        let clock =
            match Map.tryFind key queries.Samples with
            | Some before -> NgObserving.compare before seen clock
            | None -> clock

        { queries with
            Seen = Map.add key seen queries.Seen
            Cost = queries.Cost + costOf call
            Clock = clock }

    let gone (key: string) (queries: NgQueries) : NgQueries =
        { queries with Gone = Set.add key queries.Gone; Seen = Map.remove key queries.Seen }

    let untold (key: string) (reason: string) (queries: NgQueries) : NgQueries =
        { queries with Untold = struct (key, reason) :: queries.Untold }

    /// Selects the calls whose media came last, to read the gateway's clock. Selects none if the clock is known well enough.
    let sample (known: ClockBounds) (queries: NgQueries) : NgQueries =
        let stamps =
            [ if GatewayClock.width known > WellKnown then
                  for KeyValue(key, seen) in queries.Seen do
                      match NgObserving.lastPacket seen.Call with
                      | ValueSome at -> at, (key, seen)
                      | ValueNone -> () ]

        let newest = stamps |> List.fold (fun newest (at, _) -> max newest at) Int64.MinValue

        let samples =
            stamps
            |> List.filter (fun (at, _) -> at >= newest - 2L)
            |> List.map snd
            |> List.truncate MaxSamples

        { queries with Samples = Map.ofList samples }

    /// The connections of the calls that were listed and reported, sorted, each once; and how many parties have no usable name.
    let observations mediaAnswers (bounds: ClockBounds) (keys: string[]) (queries: NgQueries) =
        let told =
            keys
            |> Array.choose (fun key ->
                Map.tryFind key queries.Seen |> Option.map (NgObserving.observe mediaAnswers bounds key))

        let found =
            [| for struct (observations, _) in told do
                   yield! observations |]

        struct (found |> Array.sortBy _.Id |> Array.distinctBy _.Id,
                told |> Array.sumBy (fun (struct (_, nameless)) -> nameless))

    /// Connections on record whose call the gateway says it does not have.
    let denied (known: Connection[]) (queries: NgQueries) : ConnectionId[] =
        if queries.Gone.IsEmpty then
            [||]
        else
            known
            |> Array.filter (fun connection ->
                match connection.Facts.Call with
                | ValueSome call -> queries.Gone.Contains(NgObserving.keyOfCall call)
                | ValueNone -> false)
            |> Array.map _.Id
            |> Array.sort

    let untoldShortfalls (queries: NgQueries) : Shortfall list =
        match queries.Untold with
        | [] -> []
        | untold ->
            let shown =
                untold
                |> List.truncate 3
                |> List.map (fun (struct (key, reason)) -> $"{NgObserving.displayKey key} ({reason})")

            let more = if untold.Length > 3 then $" and {untold.Length - 3} more" else ""
            [ CutShort("calls that were not told: " + String.Join(", ", shown) + more) ]

    /// When the newest call was created, in microseconds by the gateway's clock.
    let newest (queries: NgQueries) : int64 =
        queries.Seen |> Map.fold (fun newest _ seen -> max newest seen.Call.Created) 0L
