namespace CallServer.Protocols.Ng

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Exchange

/// How many octets a Call-ID takes in a reply to `list`, as far as has been seen. Used for replies that must fit one datagram.
[<Struct>]
type NgSizes = { Count: int; Mean: float; Deviation: float }

/// The latest list of a gateway's calls.
type internal NgCallList =
    {
        /// The most calls that were requested.
        Limit: int
        /// The distinct Call-IDs. `Told` is when the list was requested and when it arrived.
        Keys: string[]
        Told: Interval voption
        Sizes: NgSizes voption
        /// The reply had fewer calls than were requested, so the list is complete.
        EndSeen: bool
        /// The memory that the list takes, in octets, roughly.
        Cost: int64
    }

/// Decides how many calls to request, so that the list is complete and its reply arrives.
module internal NgCallList =
    /// No rtpengine has more calls than this.
    [<Literal>]
    let MaxCalls = 200_000

    /// The largest payload of a UDP datagram over IPv4.
    [<Literal>]
    let private MaxDatagram = 65507

    /// Octets for cookie, brackets and result, with some allowance.
    [<Literal>]
    let private Frame = 128

    /// A list of this many calls fits one datagram if no Call-ID is longer than 255 octets.
    [<Literal>]
    let private Safe = 200

    /// Octets of memory for one string as a key.
    [<Literal>]
    let private KeyCost = 64L

    let start (sizes: NgSizes voption) : NgCallList =
        { Limit = 0; Keys = [||]; Told = ValueNone; Sizes = sizes; EndSeen = false; Cost = 0L }

    let private cost (id: string) = float ((string id.Length).Length + 1 + id.Length)

    let private sizesOf (ids: string[]) : NgSizes voption =
        if ids.Length = 0 then
            ValueNone
        else
            let mean = Array.averageBy cost ids
            let variance = ids |> Array.averageBy (fun id -> (cost id - mean) * (cost id - mean))
            ValueSome { Count = ids.Length; Mean = mean; Deviation = sqrt variance }

    /// The octets that a list of this many calls will hardly exceed.
    let private octets (sizes: NgSizes) (calls: int) : float =
        let n = float calls
        let spread = 3.0 * sizes.Deviation
        n * (sizes.Mean + spread / sqrt (float sizes.Count)) + spread * sqrt n + float Frame

    /// How many calls surely fit one datagram.
    let private fitting (sizes: NgSizes) : int =
        let mutable low = 0
        let mutable high = MaxDatagram

        while low < high do
            let middle = (low + high + 1) / 2

            if octets sizes middle <= float MaxDatagram then
                low <- middle
            else
                high <- middle - 1

        max 1 low

    /// Takes in a list that arrived. A full list shows better than a probe how long the Call-IDs are.
    let told (limit: int) (isProbe: bool) (ids: ResizeArray<string>) (within: Interval) (list: NgCallList) =
        let keys = Seq.distinct ids |> Array.ofSeq
        let sizes = sizesOf keys

        { Limit = limit
          Keys = keys
          Told = ValueSome within
          Sizes = (if sizes.IsSome && (not isProbe || list.Sizes.IsNone) then sizes else list.Sizes)
          EndSeen = ids.Count < limit
          Cost = keys |> Array.sumBy (fun key -> KeyCost + 2L * int64 key.Length) }

    /// Allowance for calls that begin while the list is made.
    let private slack (sessions: int) : int = 50 + sessions / 8

    /// How many calls to request, whether that is only a probe, and what the list is bound to lack. Depends on how many sessions
    /// the gateway counts and how long its Call-IDs are.
    let plan (isDatagrams: bool) (sessions: int voption) (list: NgCallList) =
        match sessions, list.Sizes with
        | _ when not isDatagrams -> struct (MaxCalls, false, ValueNone)
        | ValueSome calls, _ when calls + slack calls <= Safe ->
            struct (calls + slack calls, false, ValueNone)
        | _, ValueNone -> struct (Safe, true, ValueNone)
        | ValueNone, ValueSome sizes -> struct (fitting sizes, false, ValueNone)
        | ValueSome calls, ValueSome sizes when calls <= fitting sizes ->
            struct (min (fitting sizes) (calls + slack calls), false, ValueNone)
        | ValueSome calls, ValueSome sizes ->
            // The reply would not arrive.
            let fitting = fitting sizes

            let foreseen =
                $"a list of {calls} calls takes some {int (octets sizes calls)} octets and a datagram brings {MaxDatagram}: "
                + $"asked for {fitting}; ng+tcp and ng+http have no such limit"

            struct (fitting, false, ValueSome(TooLarge foreseen))

    /// Whether the list was a probe that is too short, and a longer one fits.
    let isTooShort (isDatagrams: bool) (sessions: int voption) (list: NgCallList) : bool =
        isDatagrams
        && not list.EndSeen
        && list.Limit = Safe
        && (match sessions with
            // Their number is unknown. Request as many as fit; the end of the list shows whether those were all.
            | ValueNone -> fitting list.Sizes.Value > list.Limit
            | ValueSome calls -> calls > list.Limit)

    /// Makes up for an incomplete list: adds the calls on record.
    let withKnown (known: Connection[]) (list: NgCallList) : NgCallList =
        let calls =
            known
            |> Array.choose (fun connection ->
                connection.Facts.Call |> ValueOption.map NgObserving.keyOfCall |> ValueOption.toOption)

        { list with Keys = Array.distinct (Array.append list.Keys calls) }
