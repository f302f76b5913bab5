namespace CallServer.Wire
