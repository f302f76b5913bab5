using System.Globalization;
using CallServer.Interop.Peers;

namespace CallServer.Interop.Running.Page;

/// <summary>How quick the page is over a large record. The times are printed and not judged: machines differ.</summary>
internal sealed class ManyConnectionsTests : PeerTest
{
    private const int Gateways = 10;
    private const int Connections = 100_000;
    private const int Times = 5;

    [Test]
    public async Task The_first_paint_a_filter_and_an_order_over_100_000_connections()
    {
        var browser = await Chromium.StartAsync(Scope);
        var gateways = new List<(string, string)>();
        for (var number = 0; number < Gateways; number++)
        {
            var uri = await SimulatedNetwork.StartSnmpAsync(Scope, Connections / Gateways, seed: number);
            gateways.Add(($"gw{number}", uri));
        }

        // All of them are asked at once, and once: on a busy machine that takes a while.
        var server = await Server.StartAsync(
            Scope,
            Scope.NewFolder("page"),
            gateways,
            interval: "10m",
            timeout: "3s"
        );
        await server.StatusAsync(status => status.Connections == Connections);
        await Eventually.GetAsync(
            async () =>
            {
                var readiness = await server.ReadinessAsync();
                return readiness.GetProperty("store").GetProperty("pendingGateways").GetInt32() == 0
                    ? "saved"
                    : null;
            },
            () => "all of the first audits saved"
        );
        var live = await browser.OpenAsync(server.Address);
        await PrintPaintAsync("load to first useful paint");
        await live.Page.ReloadAsync();
        await PrintPaintAsync("the same, loaded again");

        await live.GoAsync("connections");
        foreach (
            var (what, query) in new[]
            {
                ("filter by codec", "codec=PCMU"),
                ("filter by originator", "originator=999"),
                ("order by start", "sort=-start"),
                ("order by width, of one codec", "sort=-width&codec=G729"),
                ("the next page of it", "sort=-width&codec=G729&cursor=next"),
            }
        )
            await TimeAsync(what, query);
        live.AssertNoComplaint();

        async Task TimeAsync(string what, string query)
        {
            var times = new List<double>();
            for (var time = 0; time < Times; time++)
            {
                await live.GoAsync("connections");
                times.Add(await live.Page.EvaluateAsync<double>(Measure, query));
            }

            times.Sort();
            Print(what, times[Times / 2]);
        }

        async Task PrintPaintAsync(string what)
        {
            await live.SaysAsync("main .figures", "100,000");
            Print(
                what,
                await live.Page.EvaluateAsync<double>(
                    "() => performance.getEntriesByName('useful')[0].startTime"
                )
            );
        }

        static void Print(string what, double milliseconds) =>
            TestContext.Out.WriteLine(
                string.Create(CultureInfo.InvariantCulture, $"{what}: {milliseconds:0} ms")
            );
    }

    // From the change of the address until the rows stand in the page and the browser has drawn them.
    private const string Measure = """
        async query => {
          if (query.endsWith('cursor=next')) {
            location.hash = '#/connections?' + query.replace('&cursor=next', '');
            await settled();
            query = document.querySelector('.pager a:last-child').hash.split('?')[1];
          }
          const begun = performance.now();
          location.hash = '#/connections?' + query;
          await settled();
          return performance.now() - begun;

          async function settled() {
            const main = document.querySelector('main');
            await new Promise(busy => setTimeout(busy, 0));
            while (main.getAttribute('aria-busy') !== 'false') await new Promise(requestAnimationFrame);
            await new Promise(requestAnimationFrame);
          }
        }
        """;
}
