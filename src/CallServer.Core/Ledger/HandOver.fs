namespace CallServer.Ledger

open CallServer.Model

/// Reads a record that another host kept. Its times are on that host's timeline (docs/adr/0002), and the two hosts
/// know of each other's timeline only what a clock told that both can ask.
module HandOver =
    let private timing (shift: TimelineShift) (timing: Timing) : Timing =
        { timing with Within = TimelineShift.interval shift timing.Within }

    let private connection (shift: TimelineShift) (c: Connection) : Connection =
        { c with
            Setup = c.Setup |> ValueOption.map (timing shift)
            Start = timing shift c.Start
            // It had begun by then, and it was alive at the other: neither is claimed for more than is certain.
            FirstHeard = TimelineShift.late shift c.FirstHeard
            LastHeard = TimelineShift.early shift c.LastHeard
            LastConflict =
                c.LastConflict
                |> ValueOption.map (fun conflict ->
                    { At = TimelineShift.late shift conflict.At
                      Reported = TimelineShift.interval shift conflict.Reported }) }

    let private boot (shift: TimelineShift) (boot: Boot) : Boot =
        { boot with
            Began = boot.Began |> ValueOption.map (TimelineShift.interval shift)
            ReadAt = TimelineShift.early shift boot.ReadAt }

    let private history (shift: TimelineShift) (mark: HistoryMark) : HistoryMark =
        { mark with
            Since = TimelineShift.early shift mark.Since
            ReadTo = TimelineShift.early shift mark.ReadTo
            Recent = mark.Recent |> Map.map (fun _ latest -> TimelineShift.late shift latest) }

    // The earlier, the longer a total may have grown since: none is taken for reset that is not.
    let private balance (shift: TimelineShift) (balance: Balance) : Balance =
        { balance with
            Tally =
                balance.Tally
                |> ValueOption.map (fun tally ->
                    { tally with
                        Since = TimelineShift.early shift tally.Since
                        Told = TimelineShift.late shift tally.Told
                        At = TimelineShift.early shift tally.At }) }

    /// The record of a gateway on this host's timeline. Intervals get wider by what the clocks do not tell; of a
    /// single moment the record keeps the end on which it relies. A snapshot that this host asks for after the
    /// other one's last commit is never older than the record.
    let read (shift: TimelineShift) (ledger: GatewayLedger) : GatewayLedger =
        if shift = TimelineShift.none then
            ledger
        else
            { ledger with
                Boot = ledger.Boot |> ValueOption.map (boot shift)
                RunBegan = ledger.RunBegan |> ValueOption.map (TimelineShift.interval shift)
                LastAsked = TimelineShift.early shift ledger.LastAsked
                LastAnswered = TimelineShift.early shift ledger.LastAnswered
                LastStanding = ledger.LastStanding |> ValueOption.map (TimelineShift.early shift)
                TakenOver = ledger.TakenOver |> ValueOption.map (TimelineShift.late shift)
                Completes = ledger.Completes |> List.map (TimelineShift.early shift)
                History = ledger.History |> ValueOption.map (history shift)
                Balance = balance shift ledger.Balance
                Connections = ledger.Connections |> Array.map (connection shift) }
