using System.Globalization;
using CallServer.Host.Cli.Demo;
using CallServer.Server.Net;

namespace CallServer.Bench.Start;

/// <summary>A datagram as it arrived at a gateway, or an audit that began.</summary>
/// <param name="Gateway">The gateway.</param>
/// <param name="At">When, in microseconds since 1970.</param>
/// <param name="By">Who asked, or the address from which it came.</param>
internal readonly record struct Asking(string Gateway, long At, string By);

/// <summary>
/// What gateways note of who asks them. The record cannot tell that two hosts asked one gateway: what the wrong one heard is
/// refused, and its audits are in no list.
/// </summary>
internal sealed class AskedLog : IAsyncDisposable
{
    private readonly Lock writing = new();
    private readonly StreamWriter file;
    private readonly IClock clock;

    private AskedLog(StreamWriter file, IClock clock) => (this.file, this.clock) = (file, clock);

    /// <summary>Begins a file, or goes on with one.</summary>
    public static AskedLog Create(string file, IClock clock) =>
        new(new StreamWriter(file, append: true) { AutoFlush = true, NewLine = "\n" }, clock);

    /// <summary>Notes one, from any thread.</summary>
    public void Write(string gateway, object by)
    {
        var at = (clock.Now.Steady + clock.Correction).Micros;
        lock (writing)
            file.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{at} {gateway} {by}"));
    }

    /// <summary>Reads them back from files that may still be written to.</summary>
    public static async Task<IReadOnlyList<Asking>> ReadAsync(
        IEnumerable<string> files,
        CancellationToken cancel
    )
    {
        var requests = new List<Asking>();
        foreach (var file in files)
            requests.AddRange(Read(await DemoTruth.LinesAsync(file, cancel)));
        return requests;
    }

    private static IEnumerable<Asking> Read(IEnumerable<string> lines) =>
        lines
            .Select(line => line.Split(' '))
            .Select(words => new Asking(
                words[1],
                long.Parse(words[0], CultureInfo.InvariantCulture),
                words[2]
            ));

    public ValueTask DisposeAsync() => file.DisposeAsync();
}
