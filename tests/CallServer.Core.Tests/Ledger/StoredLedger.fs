namespace CallServer.Tests.Ledger

open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger
open CallServer.Surface

/// How what a store holds may differ from the record in memory: by bounds that are a little wider.
module StoredTimes =
    let private isNear (stored: Timing) (held: Timing) =
        let width (within: Interval) = within.Latest.Micros - within.Earliest.Micros

        stored.Evidence = held.Evidence
        && Interval.isBounded stored.Within
        && Interval.intersect stored.Within held.Within = ValueSome held.Within
        && (width stored.Within < 1_000_000L || width stored.Within < 2L * width held.Within)

    let private near (stored: Timing) (held: Timing) = if isNear stored held then stored else held

    /// The record in memory, with the bounds of times that the store holds where they are near enough: equal to what the
    /// store holds if that is right.
    let asStored (stored: GatewayLedger) (ledger: GatewayLedger) : GatewayLedger =
        let rows = stored.Connections |> Seq.map (fun c -> KeyValuePair(c.Id, c)) |> Dictionary

        let told (c: Connection) =
            match rows.TryGetValue c.Id with
            | true, row ->
                { c with
                    Start = near row.Start c.Start
                    Setup = (row.Setup, c.Setup) ||> ValueOption.map2 near |> ValueOption.orElse c.Setup }
            | _ -> c

        { ledger with Connections = Array.map told ledger.Connections }

/// What a store holds of one gateway, written step by step as the host writes it.
type StoredLedger(gateway: GatewayId) =
    let rows = Dictionary<string, ConnectionRow>()
    let mutable kept = Keeping.nothing
    let mutable own: GatewayRow voption = ValueNone

    /// Writes what a step of the record changed; returns how many rows of connections that took.
    member _.Write(isSnapshot: bool, before: GatewayLedger, next: GatewayLedger) : int =
        let struct (after, upserts, deletes) = Keeping.step isSnapshot before next kept
        kept <- after

        for id in deletes do
            rows.Remove(string id) |> ignore

        for c in upserts do
            rows[string c.Id] <- StoredRows.ofConnection gateway after.Number c

        own <- ValueSome(StoredRows.ofGateway next after)
        upserts.Length

    /// The record takes nothing for granted any longer, and goes on.
    member _.TakenOver() = kept <- Keeping.stale kept

    /// The rows of connections as they are in the store.
    member _.Rows = rows

    /// The gateway's own row; ValueNone before the first step.
    member _.Own = own

    /// The record as the store holds it, before it is restored.
    member _.Ledger: GatewayLedger =
        match own with
        | ValueNone -> GatewayLedger.empty gateway
        | ValueSome row ->
            { StoredRows.toGateway row with
                Connections = StoredRows.present row rows.Values |> Array.map StoredRows.toConnection }

    /// The record in memory as the store should hold it, before it is restored.
    member this.Expected(ledger: GatewayLedger) : GatewayLedger = StoredTimes.asStored this.Ledger ledger

    /// The server restarts with what the store holds.
    member this.Load() : GatewayLedger =
        own |> ValueOption.iter (fun row -> kept <- StoredRows.toKept row)
        GatewayLedger.restore this.Ledger
