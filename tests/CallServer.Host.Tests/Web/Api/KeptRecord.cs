using CallServer.Host.Tests.Storage;
using CallServer.Storage;
using CallServer.Storage.Sqlite;
using CallServer.Surface;

namespace CallServer.Host.Tests.Web.Api;

/// <summary>Puts a record into the store of a server before it starts; its gateways stay silent.</summary>
internal static class KeptRecord
{
    /// <summary>An MGCP connection: its id has slashes.</summary>
    public const string Mgcp = "aaln/1@gw.example.net/3F";

    /// <summary>An ng connection whose Call-ID has everything that a path may trip over.</summary>
    public const string Ng = "a/b%2F?c#d e;tag=1/story";

    /// <summary>Thirty connections of two gateways, in which every fact differs somewhere, and two odd ids.</summary>
    public static void Put(TestDirectory directory)
    {
        using var store = Open(directory);
        foreach (var gateway in (string[])["gw1", "gw2"])
            store.Commit(
                TestRows.Commit([.. Enumerable.Range(0, 15).Select(number => Row(gateway, number))])
            );
        store.Commit(TestRows.Commit(TestRows.Connection(Mgcp, "mgw"), TestRows.Connection(Ng, "mgw")));
    }

    public static SqliteLedgerStore Open(TestDirectory directory) =>
        SqliteLedgerStore.Open(new SqliteStoreOptions { File = directory.File("callserver.db") });

    public static ConnectionRow Row(string gateway, int number) =>
        TestRows.Connection(
            $"c{number:00}",
            gateway,
            row =>
            {
                row.Originator = number % 5 == 0 ? null : $"+4179000{number % 7:00}";
                row.Remote = $"sip:User{number % 3}@example.net";
                row.Codec = number % 2 == 0 ? "PCMU" : "G729";
                row.Call = $"call-{number}@example.net";
                row.Dscp = number % 4 == 0 ? 46 : null;
                row.StartEvidence = number % 3 == 0 ? "bounded" : "reported";
                row.StartLatest = TestRows.Noon - number % 6 * 60_000_000L;
                row.StartEarliest = number % 6 == 5 ? null : row.StartLatest - number % 4 * 1_000_000;
                row.SetupEarliest = null;
                row.SetupLatest = null;
                row.SetupEvidence = null;
                row.LastHeard = TestRows.Noon + number % 4;
            }
        );
}
