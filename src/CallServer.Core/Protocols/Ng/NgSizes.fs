namespace CallServer.Protocols.Ng

open System

/// What one Call-ID takes in a reply to `list`, as far as has been seen: for replies that must fit one
/// datagram.
[<Struct>]
type NgSizes = { Count: int; Mean: float; Deviation: float }

module internal NgSizes =
    /// The largest payload of a UDP datagram over IPv4.
    [<Literal>]
    let MaxDatagram = 65507

    /// Cookie, brackets and result, and some to spare.
    [<Literal>]
    let private Frame = 128

    /// A list of so many fits whatever the Call-IDs, if they are of at most 255 octets.
    [<Literal>]
    let Safe = 200

    let private cost (id: string) = float ((string id.Length).Length + 1 + id.Length)

    let ofIds (ids: string[]) : NgSizes voption =
        if ids.Length = 0 then
            ValueNone
        else
            let mean = Array.averageBy cost ids
            let variance = ids |> Array.averageBy (fun id -> (cost id - mean) * (cost id - mean))
            ValueSome { Count = ids.Length; Mean = mean; Deviation = sqrt variance }

    /// So many octets a list of so many calls will hardly exceed.
    let octets (sizes: NgSizes) (calls: int) : float =
        let n = float calls
        let spread = 3.0 * sizes.Deviation
        n * (sizes.Mean + spread / sqrt (float sizes.Count)) + spread * sqrt n + float Frame

    /// As many calls as one datagram surely tells.
    let fitting (sizes: NgSizes) : int =
        let mutable low = 0
        let mutable high = MaxDatagram

        while low < high do
            let middle = (low + high + 1) / 2

            if octets sizes middle <= float MaxDatagram then
                low <- middle
            else
                high <- middle - 1

        max 1 low
