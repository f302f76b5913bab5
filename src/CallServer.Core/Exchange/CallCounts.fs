namespace CallServer.Exchange

open CallServer.Ledger

/// What a gateway counted before or after its list; nothing for what it does not tell.
[<Struct>]
type internal CallCounts =
    {
        /// Calls that go on.
        Active: int64 voption
        /// Calls that began since its start.
        Begun: int64 voption
    }

/// What the counts say of a list.
[<RequireQualifiedAccess>]
type internal CountVerdict =
    | Untold
    | Agrees
    | Disagrees of counted: int64

module internal CallCounts =
    let nothing: CallCounts = { Active = ValueNone; Begun = ValueNone }

    /// The fewest and the most calls that a list can have that was made between two counts. The total was read before the first count and
    /// after the last, so that it counts every call that began between those, U of them; D then ended, and the list holds from c0 - D to
    /// c0 + U. Without a total, U and D are the least that the counts allow. Nothing where the counts are not told, or contradict each other.
    let range (before: CallCounts) (after: CallCounts) : struct (int64 * int64) voption =
        match before.Active, after.Active with
        | ValueSome first, ValueSome last ->
            let begun =
                match before.Begun, after.Begun with
                | ValueSome before, ValueSome after -> after - before
                | _ -> max 0L (last - first)

            let ended = first + begun - last

            if begun >= 0L && ended >= 0L then
                ValueSome(struct (first - ended, first + begun))
            else
                ValueNone
        | _ -> ValueNone

    /// Compares a list with the counts before it and after it.
    let judge (listed: int) (before: CallCounts) (after: CallCounts) : CountVerdict =
        match before.Active, after.Active, range before after with
        | ValueSome _, ValueSome _, ValueSome(struct (least, most)) when
            least <= int64 listed && int64 listed <= most
            ->
            CountVerdict.Agrees
        | ValueSome _, ValueSome last, _ -> CountVerdict.Disagrees last
        | _ -> CountVerdict.Untold

    /// The shortfall of a list that disagrees with this count.
    let shortfall (counted: int64) (listed: int) : Shortfall =
        CountDisagrees(int (max 0L (min counted 2147483647L)), listed)
