using System.Text;
using CallServer.Host.Cli.Demo;

namespace CallServer.Bench.Start;

/// <summary>
/// What truly happens on many gateways, in one file: a process may have fewer files open than it carries gateways. A line is the
/// gateway's id, a space, and what the gateway says.
/// </summary>
internal sealed class TruthLog : IAsyncDisposable
{
    private readonly Lock writing = new();
    private readonly StreamWriter file;

    private TruthLog(StreamWriter file) => this.file = file;

    public static TruthLog Create(string file) =>
        new(new StreamWriter(file) { AutoFlush = true, NewLine = "\n" });

    /// <summary>Takes the lines of one gateway, from any thread.</summary>
    public TextWriter Of(string gateway) => new Lines(this, gateway);

    /// <summary>The connections of all gateways, from the lines.</summary>
    public static IEnumerable<TrueConnection> Read(IEnumerable<string> lines) =>
        lines
            .Select(line => (Line: line, At: line.IndexOf(' ', StringComparison.Ordinal)))
            .GroupBy(each => each.Line[..each.At], each => each.Line[(each.At + 1)..])
            .SelectMany(own => DemoTruth.Read(own.Key, own));

    public ValueTask DisposeAsync() => file.DisposeAsync();

    private void Write(string gateway, string? line)
    {
        lock (writing)
            file.WriteLine($"{gateway} {line}");
    }

    /// <summary>Whole lines are all that a gateway writes.</summary>
    private sealed class Lines(TruthLog log, string gateway) : TextWriter
    {
        public override Encoding Encoding => log.file.Encoding;

        public override void Write(char value) => throw new NotSupportedException();

        public override void WriteLine(string? value) => log.Write(gateway, value);
    }
}
