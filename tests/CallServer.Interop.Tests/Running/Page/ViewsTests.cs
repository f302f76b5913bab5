using CallServer.Interop.Peers;
using Microsoft.Playwright;

namespace CallServer.Interop.Running.Page;

/// <summary>Every view of the live page, in light and dark, with the keyboard alone.</summary>
internal sealed class ViewsTests : PeerTest
{
    private const string FirstConnection = "main tbody a.id";

    // The one gateway whose calls do not end while somebody looks at them.
    private const string Still = "still";

    private const string History = """
        {
          "asOf": "2026-01-31T10:00:00.000000Z", "everySeconds": 10,
          "samples": [
            {"time": "2026-01-31T09:00:00.000000Z", "connections": 500, "unconfirmed": 0, "cdrs": 0, "waiting": 0},
            {"time": "2026-01-31T09:30:00.000000Z", "connections": 800, "unconfirmed": 0, "cdrs": 0, "waiting": 0},
            {"time": "2026-01-31T09:59:50.000000Z", "connections": 640, "unconfirmed": 20, "cdrs": 0, "waiting": 0},
            {"time": "2026-01-31T10:00:00.000000Z", "connections": 700, "unconfirmed": 0, "cdrs": 0, "waiting": 0}
          ]
        }
        """;

    // Both are asked every ten seconds, and one has not answered for a minute.
    private const string Late = """
        {
          "asOf": "2026-01-31T10:01:00.000000Z", "next": null,
          "items": [
            {"gateway": "tardy", "configured": true, "status": "complete", "interval": "10s", "connections": 3,
             "answered": "2026-01-31T10:00:00.000000Z", "reasons": []},
            {"gateway": "prompt", "configured": true, "status": "complete", "interval": "10s", "connections": 3,
             "answered": "2026-01-31T10:00:40.000000Z", "reasons": []}
          ]
        }
        """;

    private static readonly (string Place, string Title)[] Views =
    [
        ("", "At a glance"),
        ("connections", "Connections"),
        ("findings", "Findings"),
        ("cdrs", "CDRs"),
        ("recovery", "Recovery"),
        ("control-log", "Control log"),
        ("gateways/gw2", "gw2"),
        ("gateways/dead", "dead"),
        ("nowhere", "Nothing here"),
    ];

    [Test]
    public async Task Every_view_is_accessible_in_light_and_dark_and_complains_of_nothing()
    {
        var browser = await Chromium.StartAsync(Scope);
        var server = await StartAsync();
        foreach (var colours in new[] { ColorScheme.Light, ColorScheme.Dark })
        {
            var page = await browser.OpenAsync(server.Address, colours);
            await page.SaysAsync("main .figures", "connections");
            foreach (var (place, title) in Views)
                await CheckAsync(place, title);
            await page.GoAsync($"connections?gateway={Still}&sort=-start");
            var story = await PlaceOfAsync(page, FirstConnection);
            var call = await PlaceOfAsync(page, "main a[href^='#/calls/']");
            await CheckAsync(story, Uri.UnescapeDataString(story.Split('/')[2]));
            await page.SaysAsync("main td", "start");
            await CheckAsync(call, "Call");
            await page.SaysAsync("main h2", "Legs");
            page.AssertNoComplaint();

            async Task CheckAsync(string place, string title)
            {
                await page.GoAsync(place);
                await page.SaysAsync("h1", title);
                await page.AssertAccessibleAsync($"{place}, {colours}");
            }
        }
    }

    [Test]
    public async Task Every_view_is_reached_and_used_by_the_keyboard_alone()
    {
        var browser = await Chromium.StartAsync(Scope);
        var server = await StartAsync();
        var live = await browser.OpenAsync(server.Address);
        var page = live.Page;
        await live.SaysAsync("main .figures", "connections");

        await live.TabToAsync("#skip");
        await page.Keyboard.PressAsync("Enter");
        Assert.That(
            await page.EvaluateAsync<string>("() => document.activeElement.tagName"),
            Is.EqualTo("H1")
        );
        foreach (var (place, title) in Views.Where(view => view.Place is not "" and not "nowhere"))
        {
            if (place.Contains('/', StringComparison.Ordinal))
                await OpenAsync("#views a[href='#/']", "At a glance");
            await OpenAsync($"a[href='#/{place}']", title);
        }

        // A filter, an order, a story, its call, and a question that is not answered with yes.
        await OpenAsync("#views a[href='#/connections']", "Connections");
        await live.TabToAsync("#filter-gateway");
        await page.Keyboard.TypeAsync(Still);
        await page.WaitForURLAsync($"**gateway={Still}**");
        await live.TabToAsync("button[data-sort=start]");
        await page.Keyboard.PressAsync("Enter");
        await page.WaitForSelectorAsync("th[aria-sort=ascending]");
        await live.TabToAsync(FirstConnection);
        await page.Keyboard.PressAsync("Enter");
        await live.SaysAsync("h2", "Every change");
        await live.TabToAsync("main button.grave");
        await page.Keyboard.PressAsync("Enter");
        await page.WaitForSelectorAsync("#confirm-reason:focus");
        await page.Keyboard.PressAsync("Escape");
        await page.WaitForSelectorAsync("main button.grave:focus");
        live.AssertNoComplaint();

        async Task OpenAsync(string link, string title)
        {
            await live.TabToAsync(link);
            await page.Keyboard.PressAsync("Enter");
            await live.SaysAsync("h1", title);
            Assert.That(await page.TitleAsync(), Does.StartWith(title));
        }
    }

    [TestCase(390)]
    [TestCase(1280)]
    public async Task No_view_is_cut_off(int width)
    {
        var browser = await Chromium.StartAsync(Scope);
        var server = await StartAsync();
        var live = await browser.OpenAsync(server.Address, width: width);
        await live.SaysAsync("main .figures", "connections");
        foreach (var (place, title) in Views)
            await CheckAsync(place, title);
        await live.GoAsync("connections?gateway=gw2");
        var story = await PlaceOfAsync(live, FirstConnection);
        var call = await PlaceOfAsync(live, "main a[href^='#/calls/']");
        await CheckAsync(story, Uri.UnescapeDataString(story.Split('/')[2]));
        await CheckAsync(call, "Call");

        async Task CheckAsync(string place, string title)
        {
            await live.GoAsync(place);
            await live.SaysAsync("h1", title);
            await live.AssertFitsAsync(place);
        }
    }

    [Test]
    public async Task A_gateway_whose_audits_stay_away_is_named()
    {
        var browser = await Chromium.StartAsync(Scope);
        var server = await StartAsync();
        var live = await browser.OpenAsync(server.Address);
        await live.Page.RouteAsync("**/v1/gateways?*", route => route.FulfillAsync(new() { Body = Late }));
        await live.SaysAsync(".attention .warn", "1 gateway is late with an audit: tardy");
        await live.SaysAsync(".tile.warn", "complete 1 min ago");
        await live.SaysAsync(".tile.good", "complete 20 s ago");
    }

    [Test]
    public async Task The_plot_is_read_by_pointer_and_by_keys()
    {
        var browser = await Chromium.StartAsync(Scope);
        var server = await StartAsync();
        var live = await browser.OpenAsync(server.Address);
        var page = live.Page;
        await page.RouteAsync("**/v1/server/history", route => route.FulfillAsync(new() { Body = History }));
        var plot = page.Locator(".plot-drawing");
        await plot.WaitForAsync();
        await live.SaysAsync(
            ".plot",
            "From 500 at 09:00 to 700 at 10:00; lowest 500 at 09:00, highest 800 at 09:30."
        );
        await live.SaysAsync(".reading", "Point, or use the arrow keys.");

        await live.TabToAsync(".plot-drawing");
        await ReadsAsync("10:00:00: 700 connections, 0 unconfirmed");
        await PressAsync("ArrowLeft", "09:59:50: 640 connections, 20 unconfirmed");
        await PressAsync("ArrowLeft", "09:30:00: 800 connections, 0 unconfirmed");
        await PressAsync("Home", "09:00:00: 500 connections, 0 unconfirmed");
        await PressAsync("ArrowLeft", "09:00:00: 500 connections, 0 unconfirmed");
        await PressAsync("PageUp", "09:00:00: 500 connections, 0 unconfirmed");
        await PressAsync("End", "10:00:00: 700 connections, 0 unconfirmed");
        await live.AssertAccessibleAsync("the plot");
        await page.Keyboard.PressAsync("Tab");
        await live.SaysAsync(".reading", "Point, or use the arrow keys.");

        var place = (await plot.BoundingBoxAsync())!;
        await plot.HoverAsync(
            new()
            {
                Position = new() { X = place.Width / 2, Y = 20 },
            }
        );
        await ReadsAsync("09:30:00: 800 connections, 0 unconfirmed");
        await page.Locator("h1").HoverAsync();
        await live.SaysAsync(".reading", "Point, or use the arrow keys.");
        live.AssertNoComplaint();

        async Task PressAsync(string key, string reads)
        {
            await page.Keyboard.PressAsync(key);
            await ReadsAsync(reads);
        }

        async Task ReadsAsync(string reads)
        {
            await live.SaysAsync(".reading", reads);
            Assert.That(await plot.GetAttributeAsync("aria-valuetext"), Is.EqualTo(reads));
        }
    }

    [Test]
    public async Task Cdrs_are_found_and_saved_as_files()
    {
        var browser = await Chromium.StartAsync(Scope);
        var server = await StartAsync();
        var live = await browser.OpenAsync(server.Address);
        await live.GoAsync("cdrs?gateway=gw1");
        await live.Page.WaitForSelectorAsync(FirstConnection);
        foreach (var (form, first) in new[] { ("CSV", "id,"), ("NDJSON", "{") })
        {
            var saved = await live.Page.RunAndWaitForDownloadAsync(() =>
                live.Page.GetByRole(AriaRole.Button, new() { Name = form, Exact = true }).ClickAsync()
            );
            var lines = await File.ReadAllLinesAsync(await saved.PathAsync());
            Assert.That(lines, Is.Not.Empty);
            Assert.That(lines[0], Does.StartWith(first));
            Assert.That(saved.SuggestedFilename, Does.EndWith($".{form.ToLowerInvariant()}"));
        }

        live.AssertNoComplaint();
    }

    private async Task<Server> StartAsync()
    {
        var uris = await SimulatedNetwork.StartAsync(Scope, connections: 60, churn: 5);
        var still = await SimulatedNetwork.StartSnmpAsync(Scope, connections: 10, seed: 2);
        return await Server.StartAsync(
            Scope,
            Scope.NewFolder("page"),
            [
                .. uris.Select((uri, index) => ($"gw{index + 1}", uri)),
                (Still, still),
                ("dead", $"snmp://127.0.0.1:{FreePort.Udp()}"),
            ]
        );
    }

    private static async Task<string> PlaceOfAsync(LivePage page, string link)
    {
        var found = await page.Page.Locator(link).First.GetAttributeAsync("href");
        return found!["#/".Length..];
    }
}
