namespace CallServer.Audit
