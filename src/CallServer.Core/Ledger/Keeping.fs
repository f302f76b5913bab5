namespace CallServer.Ledger

open System
open System.Numerics
open CallServer.Model

/// What a store's row of a gateway says about the rows of its connections, so that no store has to write a row
/// for a connection that a snapshot merely confirmed. Each row of a connection notes the number of the step
/// that wrote it. If it says `confirmed` and a later step has a number, that step heard the connection again
/// and changed nothing but the moment, the count and bounds by little: otherwise it would have written the row.
type internal Kept =
    {
        /// The number of the last step that took a snapshot in, or that wrote every row.
        Number: int64
        /// Rows with a lower number are not of this record any more: nobody could read them.
        Since: int64
        /// When each confirmed connection was last heard, in the order of ids (see HeardTimes).
        Heard: byte[]
        /// The rows may say `confirmed` of connections that the ledger does not call so, after a restart or a
        /// takeover: the next step writes every row.
        IsStale: bool
    }

/// Many instants that lie close together, as few octets: the first one, and how far each lies from the one
/// before, in microseconds, signed (zigzag), seven bits an octet with the lowest first.
module internal HeardTimes =
    let private zigzag (value: int64) = uint64 ((value <<< 1) ^^^ (value >>> 63))
    let private unzigzag (value: uint64) = int64 (value >>> 1) ^^^ -(int64 (value &&& 1UL))

    /// The most octets that one value takes.
    let private widest = 10

    /// The instants in their order.
    let encode (instants: ReadOnlySpan<Instant>) : byte[] =
        let octets = Array.zeroCreate<byte> (instants.Length * widest)
        let mutable length = 0
        let mutable before = 0L

        for index in 0 .. instants.Length - 1 do
            let micros = instants[index].Micros
            let mutable left = zigzag (micros - before)
            before <- micros

            while left >= 0x80UL do
                octets[length] <- byte (left ||| 0x80UL)
                left <- left >>> 7
                length <- length + 1

            octets[length] <- byte left
            length <- length + 1

        Array.sub octets 0 length

    /// The instants that were encoded; ValueNone if the octets are not such a text.
    let tryDecode (octets: byte[]) : Instant[] voption =
        let instants = ResizeArray<Instant>()
        let mutable before = 0L
        let mutable value = 0UL
        let mutable shift = 0
        let mutable isLegible = true

        for octet in octets do
            if shift > 63 then
                isLegible <- false
            else
                value <- value ||| (uint64 (octet &&& 0x7Fuy) <<< shift)

                if octet >= 0x80uy then
                    shift <- shift + 7
                else
                    before <- before + unzigzag value
                    instants.Add(Instant.ofMicros before)
                    value <- 0UL
                    shift <- 0

        if isLegible && shift = 0 then ValueSome(instants.ToArray()) else ValueNone

/// Decides which rows a step of the record has to write.
module internal Keeping =
    let private microsInSecond = 1_000_000UL

    /// What a store holds of a gateway that was never audited.
    let nothing: Kept = { Number = 0L; Since = 0L; Heard = [||]; IsStale = false }

    /// The record was read from the store, or this server took over: no row is confirmed any longer.
    let stale (kept: Kept) : Kept = { kept with IsStale = true }

    /// How wide an interval is, as far as it is worth a row: 0 up to a second, and one more for each doubling. With an open
    /// end it is as wide as its other end says, exactly.
    let private breadth (interval: Interval) : int64 =
        if interval.Earliest.Micros = Instant.distantPast.Micros then
            interval.Latest.Micros
        elif interval.Latest.Micros = Instant.distantFuture.Micros then
            interval.Earliest.Micros
        else
            match uint64 (interval.Latest.Micros - interval.Earliest.Micros) / microsInSecond with
            | 0UL -> 0L
            | seconds -> 1L + int64 (BitOperations.Log2 seconds)

    /// Whether a row with the bounds as they were still tells them well enough: nearly every audit narrows some, by
    /// milliseconds, and a row costs more than that is worth. What a row tells is never wrong, and less than a second or
    /// less than twice as wide as what the record holds.
    let private isToldBy (was: Timing) (is: Timing) : bool =
        was.Evidence = is.Evidence
        && was.Within.Earliest.Micros <= is.Within.Earliest.Micros
        && is.Within.Latest.Micros <= was.Within.Latest.Micros
        && breadth was.Within = breadth is.Within

    let private isSetupToldBy (was: Timing voption) (is: Timing voption) : bool =
        match was, is with
        | ValueSome was, ValueSome is -> isToldBy was is
        | _ -> was.IsNone && is.IsNone

    /// A confirmed connection after so many more snapshots that heard it, the last of them at this moment, and
    /// that told nothing new about it.
    let again (times: int) (heard: Instant) (c: Connection) : Connection =
        { c with LastHeard = heard; ConfirmedCount = c.ConfirmedCount + times }

    /// Whether it is the connection as it was, heard once more: `is = again 1 is.LastHeard was` but for bounds that are
    /// told well enough, and without making one more of each connection at every audit.
    let isAgain (was: Connection) (is: Connection) : bool =
        is.ConfirmedCount = was.ConfirmedCount + 1
        && Facts.same is.Facts was.Facts
        && isToldBy was.Start is.Start
        && isSetupToldBy was.Setup is.Setup
        && is.Id = was.Id
        && is.Stamp = was.Stamp
        && is.BootToken = was.BootToken
        && is.Run = was.Run
        && is.FirstHeard = was.FirstHeard
        && is.Status = was.Status
        && is.Recovered = was.Recovered
        && is.Absences = was.Absences
        && is.Conflicts = was.Conflicts
        && is.LastConflict = was.LastConflict

    /// Whether the row of a connection as it was still tells it as it is now.
    let private isTold (isSnapshot: bool) (was: Connection) (is: Connection) : bool =
        if obj.ReferenceEquals(was, is) then
            not (isSnapshot && is.Status = Status.Confirmed)
        else
            isSnapshot && was.Status = Status.Confirmed && isAgain was is

    let private heard (ledger: GatewayLedger) : byte[] =
        let connections = ledger.Connections
        let instants = Array.zeroCreate<Instant> connections.Length
        let mutable count = 0

        for c in connections do
            if c.Status = Status.Confirmed then
                instants[count] <- c.LastHeard
                count <- count + 1

        HeardTimes.encode (ReadOnlySpan(instants, 0, count))

    /// What a store keeps after a step from one ledger to the next: the connections whose rows it has to write,
    /// and the ids of the rows it has to delete. `isSnapshot` tells that a snapshot was taken in, so that each
    /// connection which is confirmed afterwards was heard in it.
    let step
        (isSnapshot: bool)
        (before: GatewayLedger)
        (next: GatewayLedger)
        (kept: Kept)
        : struct (Kept * Connection[] * ConnectionId[]) =
        if obj.ReferenceEquals(before, next) then
            struct (kept, [||], [||])
        else
            let upserts = ResizeArray<Connection>()
            let deletes = ResizeArray<ConnectionId>()

            let both (was: Connection) (is: Connection) =
                if kept.IsStale || not (isTold isSnapshot was is) then
                    upserts.Add is

            Merge.byId
                before.Connections
                next.Connections
                _.Id
                (fun gone -> deletes.Add gone.Id)
                upserts.Add
                both

            let number = if isSnapshot || kept.IsStale then kept.Number + 1L else kept.Number

            struct ({ Number = number
                      Since = (if kept.IsStale then number else kept.Since)
                      Heard = heard next
                      IsStale = false },
                    upserts.ToArray(),
                    deletes.ToArray())
