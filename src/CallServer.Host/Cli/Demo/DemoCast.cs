using System.Globalization;

namespace CallServer.Host.Cli.Demo;

/// <summary>The demonstration's gateways, each a process of its own that reports what truly happens.</summary>
internal sealed class DemoCast(DemoPage page, Surroundings surroundings, DemoCaretaker caretaker)
    : IAsyncDisposable
{
    // One for each protocol. SNMP stamps every call to 10 ms; MGCP reports no time at all; SIP reports a duration
    // that includes ringing; ng stamps the offer with its own clock and counts both parties' packets. The first two
    // share the calls of a trunk, and so do the last two.
    private readonly DemoGateway[] gateways =
    [
        new("gw1", "snmp", Connections: 120, Churn: 3, Trunk: "5:20:0.4"),
        new("gw2", "mgcp", Connections: 60, Churn: 1, Trunk: "5:20:0.4:far"),
        new("gw3", "sip", Connections: 40, Churn: 1, Trunk: "6:20:0.4"),
        new("gw4", "ng", Connections: 40, Churn: 1, Trunk: "6:20:0.4:far", Options: "?answered=media"),
    ];

    private readonly List<DemoProcess> children = [];
    private readonly Dictionary<string, string> uris = new(StringComparer.Ordinal);

    /// <summary>URIs by id.</summary>
    public IReadOnlyDictionary<string, string> Uris => uris;

    /// <summary>The protocol that a gateway speaks.</summary>
    public string ProtocolOf(string id) => gateways.Single(gateway => gateway.Id == id).Protocol;

    public async Task RaiseAsync(CancellationToken cancel)
    {
        // The two ends of a trunk must begin with the same calls.
        var since = surroundings.Clock.Now.Steady.ToString();
        var started = gateways.Select(gateway => (gateway, child: Start(gateway, since))).ToList();
        foreach (var (gateway, child) in started)
        {
            await page.WaitAsync($"{gateway.Id} starts", AddressAsync(gateway, child, cancel));
            page.Say(
                $"{gateway.Id}  {gateway.Protocol, -5} {gateway.Connections, 3} calls of its own, {gateway.Churn} begin and {gateway.Churn} end a second"
            );
        }

        page.Say("gw1 and gw2 carry the two ends of 20 calls more, gw3 and gw4 of another 20.");
    }

    /// <summary>What truly happened until a moment ago.</summary>
    public async Task<IReadOnlyList<TrueConnection>> TruthAsync(CancellationToken cancel)
    {
        var truth = new List<TrueConnection>();
        foreach (var gateway in gateways)
            truth.AddRange(DemoTruth.Read(gateway.Id, await DemoTruth.LinesAsync(Truth(gateway), cancel)));
        return truth;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var child in children)
            await child.DisposeAsync();
    }

    private DemoProcess Start(DemoGateway gateway, string since)
    {
        var child = caretaker.Start(
            "gateway",
            $"--{gateway.Protocol}",
            "0",
            "--since",
            since,
            "--trunk",
            gateway.Trunk,
            "--connections",
            Text(gateway.Connections),
            "--churn",
            Text(gateway.Churn),
            "--seed",
            gateway.Id[2..],
            "--truth",
            Truth(gateway)
        );
        children.Add(child);
        return child;
    }

    private async Task AddressAsync(DemoGateway gateway, DemoProcess child, CancellationToken cancel)
    {
        while (await child.ReadLineAsync(cancel) is { } line)
        {
            if (!line.StartsWith($"{gateway.Protocol}:", StringComparison.Ordinal))
                continue;
            uris.Add(gateway.Id, line.Split(' ')[0] + gateway.Options);
            child.Ignore();
            return;
        }

        throw new CommandFailedException(
            ExitCode.Fault,
            [$"callserver demo: {gateway.Id} did not start", .. child.LastWords.Select(line => $"  {line}")]
        );
    }

    private string Truth(DemoGateway gateway) => Path.Combine(caretaker.Folder, $"{gateway.Id}.truth.ndjson");

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private sealed record DemoGateway(
        string Id,
        string Protocol,
        int Connections,
        int Churn,
        string Trunk,
        string Options = ""
    );
}
