using System.Globalization;
using CallServer.Host.Tests.Web;

namespace CallServer.Host.Tests.Measuring;

/// <summary>What <c>/metrics</c> shows: each series, as it is written, and its value.</summary>
internal sealed class Exposition(string text)
{
    private readonly Dictionary<string, double> series = text.Split(
            '\n',
            StringSplitOptions.RemoveEmptyEntries
        )
        .Where(line => line[0] != '#')
        .Select(line => (line, cut: line.LastIndexOf(' ')))
        .ToDictionary(
            // The exporter writes empty braces where there are no labels.
            one => one.line[..one.cut].Replace("{}", "", StringComparison.Ordinal),
            one => double.Parse(one.line[(one.cut + 1)..], CultureInfo.InvariantCulture),
            StringComparer.Ordinal
        );

    public string Text => text;

    /// <summary>The value of a series that must be there.</summary>
    public double this[string name] =>
        series.TryGetValue(name, out var value)
            ? value
            : throw new AssertionException($"{name} is not there:\n{text}");

    public IEnumerable<string> Series => series.Keys;

    /// <summary>The names of all metrics, whatever their labels.</summary>
    public IEnumerable<string> Names => series.Keys.Select(name => name.Split('{')[0]).Distinct();

    public bool Has(string name) => series.ContainsKey(name);

    public static async Task<Exposition> OfAsync(TestServer server, CancellationToken cancel) =>
        new(await server.Http.GetStringAsync(new Uri("metrics", UriKind.Relative), cancel));

    /// <summary>Waits until it shows this, for what is counted after a change is stored.</summary>
    public static async Task<Exposition> UntilAsync(
        TestServer server,
        Func<Exposition, bool> isSo,
        CancellationToken cancel
    )
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (true)
        {
            var shown = await OfAsync(server, cancel);
            if (isSo(shown))
                return shown;
            try
            {
                await timer.WaitForNextTickAsync(cancel);
            }
            catch (OperationCanceledException)
            {
                throw new AssertionException($"what had to be shown is not:\n{shown.Text}");
            }
        }
    }
}
