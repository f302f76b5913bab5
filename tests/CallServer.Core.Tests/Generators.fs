namespace CallServer.Tests
