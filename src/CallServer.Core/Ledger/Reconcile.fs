namespace CallServer.Ledger
