namespace CallServer.Ledger

open CallServer.Model

module Reconcile =
    let apply (_snapshot: Snapshot) (ledger: GatewayLedger) : struct (GatewayLedger * Change[]) =
        struct (ledger, [||])

    let close
        (_id: ConnectionId)
        (_ending: Ending)
        (_ledger: GatewayLedger)
        : struct (GatewayLedger * Change) voption =
        ValueNone
