namespace CallServer.Surface

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Roles

/// What becomes of records that a standby holds, by their places in the outbox: which to forget, which to
/// write here, and since when nobody has known the others.
[<NoComparison>]
type HeldVerdict =
    { Forget: IReadOnlyList<int64>
      Write: IReadOnlyList<int64>
      Unknown: IReadOnlyDictionary<int64, Instant> }

/// Judges the records that a standby holds.
[<AbstractClass; Sealed>]
type HeldRecords private () =
    /// `written` and `active` are what the server that acts says: ids of CDRs that it has, and ids of CDRs
    /// whose connections are active in its record. `unknown` is what the last round returned, and may be
    /// empty.
    static member Judge
        (
            records: IEnumerable<HeldRecord>,
            written: IReadOnlySet<string>,
            active: IReadOnlySet<string>,
            unknown: IReadOnlyDictionary<int64, Instant>,
            longestInterval: TimeSpan,
            now: Instant
        ) : HeldVerdict =
        let grace = Settling.grace longestInterval
        let forget, write = ResizeArray<int64>(), ResizeArray<int64>()
        let waiting = Dictionary<int64, Instant>()

        for record in records do
            let since =
                match unknown.TryGetValue record.Sequence with
                | true, since -> ValueSome since
                | _ -> ValueNone

            match
                Settling.fate now grace (written.Contains record.Id) (active.Contains record.Id) since record
            with
            | HeldFate.Forget -> forget.Add record.Sequence
            | HeldFate.Write -> write.Add record.Sequence
            | HeldFate.Wait since -> waiting[record.Sequence] <- since
            | HeldFate.Keep -> ()

        { Forget = forget; Write = write; Unknown = waiting }

    /// A record at its place in the outbox.
    static member Record(sequence: int64, id: string, isFinal: bool) : HeldRecord =
        { Sequence = sequence; Id = id; IsFinal = isFinal }
