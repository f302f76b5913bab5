namespace CallServer.Surface

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger

/// Patterns of texts as filters take them.
module internal Glob =
    /// Whether the whole text fits the pattern, in which `*` stands for any characters, also none. Case does not
    /// matter.
    let matches (pattern: string) (text: string) : bool =
        let same (a: char) (b: char) = Char.ToUpperInvariant a = Char.ToUpperInvariant b
        let mutable at = 0
        let mutable here = 0
        // Where the last asterisk stands, and how much of the text it has taken so far.
        let mutable star = -1
        let mutable taken = 0
        let mutable fits = true

        while fits && here < text.Length do
            if at < pattern.Length && pattern[at] = '*' then
                star <- at
                taken <- here
                at <- at + 1
            elif at < pattern.Length && same pattern[at] text[here] then
                at <- at + 1
                here <- here + 1
            elif star >= 0 then
                taken <- taken + 1
                here <- taken
                at <- star + 1
            else
                fits <- false

        fits && pattern.AsSpan(at).TrimStart('*').IsEmpty

    /// Whether a fact fits a limit: no limit fits everything, and a limit fits nothing that is not known.
    let fits (pattern: string) (text: string voption) : bool =
        isNull pattern
        || (match text with
            | ValueSome text -> matches pattern text
            | ValueNone -> false)

/// Limits of a list of connections. A limit that is null does not apply. In a text `*` stands for any characters,
/// and case does not matter. A fact that is not known fits no limit.
[<NoComparison>]
type ConnectionFilter =
    {
        /// The call id.
        Call: string
        /// The originating device, or its number.
        Originator: string
        /// The remote party.
        Remote: string
        /// The codec's name.
        Codec: string
        /// 0 to 63.
        Dscp: Nullable<int>
        /// `confirmed` or `unconfirmed`.
        Status: string
        /// The start's evidence: `reported`, `inferred` or `bounded`.
        Evidence: string
        /// Only connections that have surely been active for at least this long.
        OlderThan: Nullable<TimeSpan>
        /// Only connections whose start is known less exactly than this. A start without a lower bound is.
        WiderThan: Nullable<TimeSpan>
        /// Numbers are hidden from whoever asks: Originator and Remote limit what is shown of them, so that nobody can try out
        /// the digits that are not.
        HidesNumbers: bool
    }

    /// No limits.
    static member Everything: ConnectionFilter =
        { Call = null
          Originator = null
          Remote = null
          Codec = null
          Dscp = Nullable()
          Status = null
          Evidence = null
          OlderThan = Nullable()
          WiderThan = Nullable()
          HidesNumbers = false }

/// What a list of connections is sorted by; connections that are equal in it follow each other by gateway and id.
type ConnectionSort =
    /// The gateway's id, then the connection's.
    | Gateway = 0
    /// The latest start. A connection that rings comes after all others.
    | Start = 1
    /// How exactly the start is known; one without bounds comes after all others.
    | Width = 2
    /// When it was last heard.
    | LastHeard = 3
    /// The originator; connections without one come first. The same holds for the other texts.
    | Originator = 4
    | Remote = 5
    | Call = 6
    | Codec = 7

/// The place of a connection in a sorted list, where the next page begins.
[<Sealed; AllowNullLiteral>]
type ConnectionPlace(number: int64, text: string, gateway: string, connection: string) =
    /// What it is sorted by, if that is a number or a time; otherwise 0.
    member _.Number = number
    /// What it is sorted by, if that is a text; otherwise empty.
    member _.Text = text
    /// The id of its gateway.
    member _.Gateway = gateway
    /// Its id.
    member _.Connection = connection

/// One page of a list of connections.
[<NoComparison>]
type ConnectionPage =
    {
        /// The connections, as of the moment that was asked for.
        Items: IReadOnlyList<ConnectionView>
        /// The place of each of them in the whole list.
        Places: IReadOnlyList<ConnectionPlace>
        /// The place of the last one if more follow; otherwise null.
        Next: ConnectionPlace
    }

/// A connection that a page may show.
[<Struct; NoComparison; NoEquality>]
type internal Candidate = { Number: int64; Text: string; Gateway: GatewayId; Connection: Connection }

type internal CandidateOrder(descending: bool) =
    let gateway (candidate: Candidate) = GatewayId.value candidate.Gateway

    /// Orders two places by their keys, then by gateway and connection.
    member _.Compare(number: int64, text: string, gateway: string, id: string, place: ConnectionPlace) =
        let byKey =
            match compare number place.Number with
            | 0 -> String.CompareOrdinal(text, place.Text)
            | order -> order

        match (if descending then -byKey else byKey) with
        | 0 ->
            match String.CompareOrdinal(gateway, place.Gateway) with
            | 0 -> String.CompareOrdinal(id, place.Connection)
            | order -> order
        | order -> order

    member _.Of(a: Candidate, b: Candidate) =
        let byKey =
            match compare a.Number b.Number with
            | 0 -> String.CompareOrdinal(a.Text, b.Text)
            | order -> order

        match (if descending then -byKey else byKey) with
        | 0 ->
            match String.CompareOrdinal(gateway a, gateway b) with
            | 0 ->
                String.CompareOrdinal(ConnectionId.value a.Connection.Id, ConnectionId.value b.Connection.Id)
            | order -> order
        | order -> order

    // A priority queue gives its least element first: of the page so far that must be the last one.
    interface IComparer<Candidate> with
        member this.Compare(a, b) = this.Of(b, a)

/// The search for one page of a list, which takes in one record after the other and keeps nothing of those that the page does
/// not show. For one thread.
[<Sealed>]
type ConnectionSearch
    internal
    (look: GatewayLedger -> unit, isFull: unit -> bool, found: unit -> Candidate[], limit: int, now: Instant)
    =

    /// Looks at every connection of a gateway. Where the list is in the record's own order, records come in the ordinal order of
    /// their gateways.
    member _.Look(record: GatewayRecord) : unit = look record.Ledger

    /// Whether no further record can change the page.
    member _.IsFull: bool = isFull ()

    /// The page. The correction is added to every time.
    member _.Page(correction: TimeSpan) : ConnectionPage =
        let found = found ()
        let page = Array.truncate limit found

        let places =
            page
            |> Array.map (fun one ->
                ConnectionPlace(
                    one.Number,
                    one.Text,
                    GatewayId.value one.Gateway,
                    ConnectionId.value one.Connection.Id
                ))

        { Items =
            page
            |> Array.map (fun candidate ->
                Views.connection correction now candidate.Gateway candidate.Connection)
          Places = places
          Next = if found.Length > limit then places[limit - 1] else null }

/// A list of connections with its limits and its order. It looks at every connection of the record once for each
/// page, and writes only those of the page as text. `common` leads from the record's timeline to the one that all who list
/// together have in common: places tell times on that.
[<Sealed>]
type ConnectionQuery(filter: ConnectionFilter, sort: ConnectionSort, descending: bool, common: TimeSpan) =
    let isPending (c: Connection) =
        c.Start.Evidence = Reported && c.Start.Within.Latest = Instant.distantFuture

    let isOlder (now: Instant) (c: Connection) =
        not filter.OlderThan.HasValue
        || (c.Start.Within.Latest <> Instant.distantFuture
            && now - c.Start.Within.Latest >= filter.OlderThan.Value)

    let isWider (c: Connection) =
        not filter.WiderThan.HasValue
        || (not (isPending c) && Interval.width c.Start.Within > filter.WiderThan.Value)

    let shown = HiddenNumbers.shown filter.HidesNumbers

    // Most lists have no limits, and then need not look at what is far away in memory.
    let limits = { filter with HidesNumbers = false } <> ConnectionFilter.Everything

    let fits (now: Instant) (c: Connection) =
        not limits
        || ((isNull filter.Status || string c.Status = filter.Status)
            && (isNull filter.Evidence || string c.Start.Evidence = filter.Evidence)
            && (not filter.Dscp.HasValue || c.Facts.Qos.Dscp = ValueSome filter.Dscp.Value)
            && isOlder now c
            && isWider c
            && Glob.fits filter.Call (c.Facts.Call |> ValueOption.map CallId.value)
            && Glob.fits filter.Originator (shown c.Facts.Originator)
            && Glob.fits filter.Remote (shown c.Facts.Remote)
            && Glob.fits filter.Codec (c.Facts.Codec |> ValueOption.map _.Name))

    let moment (at: Instant) : int64 = if at = Instant.distantFuture then at.Micros else (at + common).Micros

    let number (c: Connection) : int64 =
        match sort with
        | ConnectionSort.Start -> moment c.Start.Within.Latest
        | ConnectionSort.Width ->
            let width = Interval.width c.Start.Within
            width.Ticks / TimeSpan.TicksPerMicrosecond
        | ConnectionSort.LastHeard -> moment c.LastHeard
        | _ -> 0L

    let text (c: Connection) : string =
        let told (fact: string voption) = ValueOption.defaultValue "" fact

        match sort with
        | ConnectionSort.Originator -> told c.Facts.Originator
        | ConnectionSort.Remote -> told c.Facts.Remote
        | ConnectionSort.Call -> c.Facts.Call |> ValueOption.map CallId.value |> told
        | ConnectionSort.Codec -> c.Facts.Codec |> ValueOption.map _.Name |> told
        | _ -> ""

    /// The first index whose connection comes after this id.
    let firstAfter (id: string) (connections: Connection[]) =
        let rec search low high =
            if low >= high then
                low
            else
                let middle = low + (high - low) / 2

                if String.CompareOrdinal(ConnectionId.value connections[middle].Id, id) <= 0 then
                    search (middle + 1) high
                else
                    search low middle

        search 0 connections.Length

    /// The first connections in the record's own order, at most one more than wanted.
    let inRecordOrder (after: ConnectionPlace) now limit =
        let found = ResizeArray<Candidate>()

        let look (record: GatewayLedger) =
            let place =
                if isNull after then
                    1
                else
                    String.CompareOrdinal(GatewayId.value record.Gateway, after.Gateway)

            if place >= 0 then
                let mutable index = if place = 0 then firstAfter after.Connection record.Connections else 0

                while index < record.Connections.Length && found.Count <= limit do
                    let c = record.Connections[index]

                    if fits now c then
                        found.Add { Number = 0L; Text = ""; Gateway = record.Gateway; Connection = c }

                    index <- index + 1

        ConnectionSearch(look, (fun () -> found.Count > limit), found.ToArray, limit, now)

    /// The same in another order: the least ones that come after the place.
    let sorted (after: ConnectionPlace) now limit =
        let order = CandidateOrder descending
        let page = PriorityQueue<Candidate, Candidate>(order :> IComparer<Candidate>)

        let look (record: GatewayLedger) =
            let gateway = GatewayId.value record.Gateway

            for c in record.Connections do
                if fits now c then
                    let number = number c
                    let text = if sort = ConnectionSort.Gateway then gateway else text c

                    if
                        isNull after
                        || order.Compare(number, text, gateway, ConnectionId.value c.Id, after) > 0
                    then
                        let candidate =
                            { Number = number; Text = text; Gateway = record.Gateway; Connection = c }

                        if page.Count <= limit then
                            page.Enqueue(candidate, candidate)
                        elif order.Of(candidate, page.Peek()) < 0 then
                            page.EnqueueDequeue(candidate, candidate) |> ignore

        let found () =
            let found = Array.zeroCreate page.Count

            for index in found.Length - 1 .. -1 .. 0 do
                found[index] <- page.Dequeue()

            found

        ConnectionSearch(look, (fun () -> false), found, limit, now)

    /// The list of a server alone.
    new(filter, sort, descending) = ConnectionQuery(filter, sort, descending, TimeSpan.Zero)

    /// The first page of what several servers have found, each after the same place and with one more than the page may have. A
    /// connection that two of them have is there once.
    member _.Merge
        (found: IEnumerable<struct (ConnectionPlace * ConnectionView)>, limit: int)
        : ConnectionPage =
        let order = CandidateOrder descending

        let all =
            found
            |> Seq.distinctBy (fun (struct (place, _)) -> struct (place.Gateway, place.Connection))
            |> Seq.sortWith (fun (struct (a, _)) (struct (b, _)) ->
                order.Compare(a.Number, a.Text, a.Gateway, a.Connection, b))
            |> Seq.truncate (limit + 1)
            |> Array.ofSeq

        let page = Array.truncate limit all
        let places = [| for struct (place, _) in page -> place |]

        { Items = [| for struct (_, view) in page -> view |]
          Places = places
          Next = if all.Length > limit then places[limit - 1] else null }

    /// Begins to look for at most `limit` connections after a place (null: from the beginning), as of now.
    member _.Begin(after: ConnectionPlace, limit: int, now: Instant) : ConnectionSearch =
        if sort = ConnectionSort.Gateway && not descending then
            inRecordOrder after now limit
        else
            sorted after now limit

    /// At most `limit` connections of these records, sorted by gateway, after a place (null: from the beginning),
    /// as of now. The correction is added to every time.
    member this.Page
        (
            records: IEnumerable<GatewayRecord>,
            after: ConnectionPlace,
            limit: int,
            now: Instant,
            correction: TimeSpan
        ) : ConnectionPage =
        let search = this.Begin(after, limit, now)

        records |> Seq.takeWhile (fun _ -> not search.IsFull) |> Seq.iter search.Look

        search.Page correction
