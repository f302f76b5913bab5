using CallServer.Host.Cli;
using CallServer.Host.Cli.Demo;
using CallServer.Host.Cli.Output;

namespace CallServer.Bench.Kill;

/// <summary>
/// Every audit that a server listed, over all its restarts: it forgets old ones, but what they proved stays proven.
/// </summary>
internal sealed class AuditTimes
{
    private readonly Dictionary<(string, string), AuditTime> audits = [];

    public IReadOnlyList<AuditTime> All => [.. audits.Values];

    public async Task ReadAsync(ServerUnderTest server, CancellationToken cancel)
    {
        var page = await server.Client.AllAsync("audits", null, cancel);
        foreach (var item in page.Items)
        {
            var (gateway, asked, answered) = (
                item.Text("gateway")!,
                item.Text("asked")!,
                item.Text("answered")
            );
            audits[(gateway, asked)] = new AuditTime(
                gateway,
                Bounds.Micros(asked)!.Value,
                Bounds.Micros(answered)!.Value,
                item.Flag("complete") == true
            );
        }
    }

    /// <summary>Waits until each gateway has had a complete audit that began after this moment.</summary>
    public Task CompleteAsync(ServerUnderTest server, int gateways, long after, CancellationToken cancel) =>
        server.UntilAsync(
            "audited",
            async () =>
            {
                await ReadAsync(server, cancel);
                return audits
                        .Values.Where(audit => audit.Complete && audit.Asked > after)
                        .Select(audit => audit.Gateway)
                        .Distinct()
                        .Count() == gateways;
            },
            cancel
        );
}
