namespace CallServer.Protocols.Ng

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Exchange

/// What one Call-ID takes in a reply to `list`, as far as has been seen: for replies that must fit one
/// datagram.
[<Struct>]
type NgSizes = { Count: int; Mean: float; Deviation: float }

/// The newest list of a gateway's calls.
type internal NgCallList =
    {
        /// So many were asked for.
        Limit: int
        /// Distinct Call-IDs, and when the list was asked for and told.
        Keys: string[]
        Told: Interval voption
        Sizes: NgSizes voption
        /// It had room for more.
        EndSeen: bool
        /// Octets of memory that it takes, roughly.
        Cost: int64
    }

/// How many calls a gateway is asked to list, so that the list is whole and comes.
module internal NgCallList =
    /// More calls than this no rtpengine has.
    [<Literal>]
    let MaxCalls = 200_000

    /// The largest payload of a UDP datagram over IPv4.
    [<Literal>]
    let private MaxDatagram = 65507

    /// Cookie, brackets and result, and some to spare.
    [<Literal>]
    let private Frame = 128

    /// A list of so many fits whatever the Call-IDs, if they are of at most 255 octets.
    [<Literal>]
    let private Safe = 200

    /// Of one string as a key.
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

    /// So many octets a list of so many calls will hardly exceed.
    let private octets (sizes: NgSizes) (calls: int) : float =
        let n = float calls
        let spread = 3.0 * sizes.Deviation
        n * (sizes.Mean + spread / sqrt (float sizes.Count)) + spread * sqrt n + float Frame

    /// As many calls as one datagram surely tells.
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

    /// A list that was told. One of everything knows better than a probe how long Call-IDs are.
    let told (limit: int) (isProbe: bool) (ids: ResizeArray<string>) (within: Interval) (list: NgCallList) =
        let keys = Seq.distinct ids |> Array.ofSeq
        let sizes = sizesOf keys

        { Limit = limit
          Keys = keys
          Told = ValueSome within
          Sizes = (if sizes.IsSome && (not isProbe || list.Sizes.IsNone) then sizes else list.Sizes)
          EndSeen = ids.Count < limit
          Cost = keys |> Array.sumBy (fun key -> KeyCost + 2L * int64 key.Length) }

    /// Calls that begin while they are listed.
    let private slack (sessions: int) : int = 50 + sessions / 8

    /// How many calls are asked for, whether only as a probe, and what is said beforehand to be lacking: the gateway counts so many
    /// sessions, and Call-IDs are so long.
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
            // The reply would not come.
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
            // Not told how many there are: as many as fit, and the list's end shows whether that was all.
            | ValueNone -> fitting list.Sizes.Value > list.Limit
            | ValueSome calls -> calls > list.Limit)

    /// A list that cannot be whole is made up for by asking for what the record knows.
    let withKnown (known: Connection[]) (list: NgCallList) : NgCallList =
        let calls =
            known
            |> Array.choose (fun connection ->
                connection.Facts.Call |> ValueOption.map NgObserving.keyOfCall |> ValueOption.toOption)

        { list with Keys = Array.distinct (Array.append list.Keys calls) }
