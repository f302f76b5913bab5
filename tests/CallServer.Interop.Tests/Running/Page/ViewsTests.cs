using CallServer.Interop.Peers;
using Microsoft.Playwright;

namespace CallServer.Interop.Running.Page;

/// <summary>Every view of the live page, in light and dark, with the keyboard alone.</summary>
internal sealed class ViewsTests : PeerTest
{
    private const string FirstConnection = "main tbody a.id";

    // The one gateway whose calls do not end while somebody looks at them.
    private const string Still = "still";

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

    [Test]
    public async Task An_audit_is_ordered_and_stands_in_the_control_log()
    {
        var browser = await Chromium.StartAsync(Scope);
        var server = await StartAsync();
        var live = await browser.OpenAsync(server.Address);
        await live.GoAsync("gateways/gw1");
        await live.Page.GetByRole(AriaRole.Button, new() { Name = "Audit now" }).ClickAsync();
        await live.SaysAsync("#confirm-effects", "No call ends");
        await live.Page.GetByRole(AriaRole.Button, new() { Name = "Ask gw1" }).ClickAsync();
        await live.SaysAsync("#confirm .outcome", "is being asked");
        await live.Page.Keyboard.PressAsync("Escape");
        await live.GoAsync("control-log");
        await live.SaysAsync("main td", "/audit");
        live.AssertNoComplaint();
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
