namespace CallServer.Tests.Ledger

open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger
open CallServer.Surface

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

    /// The server restarts with what the store holds.
    member this.Load() : GatewayLedger =
        own |> ValueOption.iter (fun row -> kept <- StoredRows.toKept row)
        GatewayLedger.restore this.Ledger
