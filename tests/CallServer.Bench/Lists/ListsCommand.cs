using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using CallServer.Host.Cli;
using CallServer.Storage;
using CallServer.Storage.Sqlite;
using CallServer.Surface;

namespace CallServer.Bench.Lists;

/// <summary><c>lists</c>: how long a page of connections takes, with limits and orders, when the record is large.</summary>
internal static class ListsCommand
{
    private const int GatewayCount = 100;
    private const int Rounds = 20;
    private const long Noon = 1_769_853_600_000_000;

    private static readonly string[] paths =
    [
        "v1/connections?limit=100",
        "v1/connections?limit=100&sort=start",
        "v1/connections?limit=100&sort=-width",
        "v1/connections?limit=100&sort=originator",
        "v1/connections?limit=1000&sort=-start",
        "v1/connections?limit=100&originator=*4711",
        "v1/connections?limit=100&remote=*99@*&sort=-start",
        "v1/connections?limit=100&codec=G729&wider-than=1s&sort=-width",
        "v1/connections?limit=100&older-than=3650d",
        "v1/count?by=gateway",
        "v1/count?by=codec",
        "v1/calls?limit=100&originator=*4711",
    ];

    public static Command Build()
    {
        var connections = new Option<int>("--connections") { DefaultValueFactory = _ => 100_000 };
        var command = new Command(
            "lists",
            "Times pages of a large record: with limits, in orders, and counts."
        )
        {
            connections,
        };
        command.SetAction((parsed, cancel) => RunAsync(parsed.GetValue(connections), cancel));
        return command;
    }

    private static async Task<int> RunAsync(int connections, CancellationToken cancel)
    {
        using var folder = new TempFolder();
        await using var server = new ServerUnderTest(
            folder.Path,
            TimeSpan.FromHours(1),
            TimeSpan.FromSeconds(1),
            new Dictionary<string, string>()
        );
        Fill(server.Data, connections);
        server.Start();
        await server.ReadyAsync(cancel);
        using var http = new HttpClient { BaseAddress = new Uri(server.Address + "/") };
        Console.WriteLine($"{connections} connections of {GatewayCount} gateways; {Rounds} requests each");
        Console.WriteLine("  median ms   worst ms  octets  path");
        foreach (var path in paths)
            await TimeAsync(http, path, cancel);
        return ExitCode.Complete;
    }

    private static async Task TimeAsync(HttpClient http, string path, CancellationToken cancel)
    {
        var octets = 0;
        var times = new List<double>();
        // The first request is not counted: it compiles what it needs.
        for (var round = 0; round <= Rounds; round++)
        {
            var begun = Stopwatch.GetTimestamp();
            octets = (await http.GetByteArrayAsync(new Uri(path, UriKind.Relative), cancel)).Length;
            if (round > 0)
                times.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
        }

        times.Sort();
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{times[times.Count / 2], 11:0.0} {times[^1], 10:0.0} {octets, 7}  {path}"
            )
        );
    }

    private static void Fill(string file, int connections)
    {
        using var store = SqliteLedgerStore.Open(new SqliteStoreOptions { File = file });
        for (var gateway = 0; gateway < GatewayCount; gateway++)
        {
            var id = $"gw{gateway:000}";
            store.Commit(
                new StoreCommit
                {
                    Gateway = new GatewayRow
                    {
                        Gateway = id,
                        AbsencesToClose = 1,
                        Run = 1,
                        Completes = "",
                    },
                    Upserts =
                    [
                        .. Enumerable
                            .Range(0, connections)
                            .Where(number => number % GatewayCount == gateway)
                            .Select(number => Row(id, number)),
                    ],
                }
            );
        }
    }

    /// <summary>Two connections make a call.</summary>
    private static ConnectionRow Row(string gateway, int number)
    {
        var start = Noon - (number * 7919L % 3_600_000) * 1_000;
        return new ConnectionRow
        {
            Gateway = gateway,
            Id = $"{number:x8}.1",
            Run = 1,
            StartEarliest = start - number % 13 * 250_000,
            StartLatest = start,
            StartEvidence = "reported",
            Call = $"{number / 2:x8}-4f2a-9c@host.example.net",
            Endpoint = $"S0/DS1-{number % 31}/{number % 24}",
            Originator = $"+41790{number:000000}",
            Remote = $"sip:user{number % 1000}@example.net",
            Codec = number % 3 == 0 ? "G729" : "PCMU",
            ClockRate = 8000,
            Dscp = 46,
            Mode = "sendrecv",
            State = "active",
            FirstHeard = start,
            LastHeard = Noon,
            ConfirmedCount = 3,
            Status = "confirmed",
        };
    }
}
