using CallServer.Interop.Peers;
using Microsoft.Playwright;

namespace CallServer.Interop.Running.Page;

/// <summary>The live page follows its server: changes, loss and return, a takeover.</summary>
internal sealed class FollowingTests : PeerTest
{
    [Test]
    public async Task Changes_appear_without_a_reload()
    {
        var browser = await Chromium.StartAsync(Scope);
        var uri = await SimulatedNetwork.StartSnmpAsync(Scope, connections: 20, churn: 5);
        var server = await Server.StartAsync(Scope, Scope.NewFolder("page"), uri);
        var live = await browser.OpenAsync(server.Address);
        await live.MarkAsync();
        await live.SaysAsync(".changes", "opened");
        await live.SaysAsync(".changes", "closed");
        await live.GoAsync("connections?sort=-start");
        var first = await live.Page.Locator("main tbody th").First.InnerTextAsync();
        await live.Page.WaitForFunctionAsync(
            "first => document.querySelector('main tbody th')?.innerText !== first",
            first
        );
        await live.AssertNotReloadedAsync();
        live.AssertNoComplaint();
    }

    [Test]
    public async Task Loss_and_return_of_the_server_are_told_and_it_catches_up_without_a_reload()
    {
        var browser = await Chromium.StartAsync(Scope);
        var uri = await SimulatedNetwork.StartSnmpAsync(Scope, connections: 20, churn: 5);
        var folder = Scope.NewFolder("page");
        var port = FreePort.Tcp();
        var server = await StartAsync();
        var live = await browser.OpenAsync(server.Address);
        await live.MarkAsync();
        await live.SaysAsync(".changes", "opened");

        await server.KillAsync();
        await live.SaysAsync("#banner", "Lost interop at ");
        await live.SaysAsync("#badge", "lost");
        await live.AssertAccessibleAsync("lost");
        // What was heard before stays.
        await live.SaysAsync("main .figures", "primary");

        await StartAsync();
        await live.SaysAsync("#banner", "interop is back");
        await live.SaysAsync("#banner", "caught up with");
        await live.SaysAsync("#badge", "live");
        await live.AssertAccessibleAsync("back");
        await live.AssertNotReloadedAsync();

        Task<Server> StartAsync() => Server.StartAsync(Scope, folder, [("gw1", uri)], port: port);
    }

    [Test]
    public async Task A_takeover_is_watched_from_start_to_end()
    {
        var browser = await Chromium.StartAsync(Scope);
        var uri = await SimulatedNetwork.StartSnmpAsync(Scope, connections: 200);
        var pair = await ServerPair.StartAsync(Scope, uri);
        var live = await browser.OpenAsync(pair.Backup.Address);
        await live.MarkAsync();
        await live.SaysAsync("#server", "standby");
        await live.SaysAsync(".attention", "stands by");
        await live.SaysAsync("main .panel", "never taken over");

        await pair.Primary.KillAsync();
        await live.SaysAsync("#server", "active");
        await live.SaysAsync("main .panel", "cs-b has recovered");
        await live.SaysAsync("main .panel", "the other server fell silent");
        await live.GoAsync("recovery");
        await live.SaysAsync("main td", "complete");
        await live.AssertNotReloadedAsync();
        live.AssertNoComplaint();
    }

    [Test]
    public async Task It_asks_for_the_token_and_says_when_it_is_wrong()
    {
        const string token = "a-token-of-the-page-test";
        var browser = await Chromium.StartAsync(Scope);
        var uri = await SimulatedNetwork.StartSnmpAsync(Scope, connections: 20);
        var secrets = new Dictionary<string, string?>
        {
            ["CALLSERVER__SERVER__TOKEN"] = "env:PAGE_TOKEN",
            ["PAGE_TOKEN"] = token,
        };
        var server = await Server.StartAsync(Scope, Scope.NewFolder("page"), [("gw1", uri)], "", secrets);
        var live = await browser.OpenAsync(server.Address);
        await live.Page.WaitForSelectorAsync("#token");
        Assert.That(await SignOut().IsVisibleAsync(), Is.False);
        await live.SignInAsync("not-the-token-at-all");
        await live.SaysAsync("#sign-in", "does not take this token");
        await live.AssertAccessibleAsync("sign-in");
        await live.SignInAsync(token);
        await live.SaysAsync("#server", "interop");
        await live.SaysAsync("#badge", "live");

        await live.Page.ReloadAsync();
        await live.SaysAsync("#server", "interop");
        await SignOut().ClickAsync();
        await live.Page.WaitForSelectorAsync("#token");

        ILocator SignOut() => live.Page.Locator("#sign-out");
    }

    [Test]
    public async Task What_troubles_the_server_is_told_in_its_own_words()
    {
        var browser = await Chromium.StartAsync(Scope);
        var uri = await SimulatedNetwork.StartSnmpAsync(Scope, connections: 20, churn: 5);
        var files = Scope.NewFolder("files");
        var file = Path.Combine(files, "cdr.ndjson");
        var server = await Server.StartAsync(
            Scope,
            Scope.NewFolder("page"),
            [("gw1", uri)],
            secrets: new Dictionary<string, string?> { ["CALLSERVER__CDR__FILE"] = file }
        );
        var live = await browser.OpenAsync(server.Address);
        await live.SaysAsync(".attention", "Nothing needs you");
        // The server makes a folder that was never there, and misses one that was.
        await Eventually.GetAsync(
            () => Task.FromResult(File.Exists(file) ? file : null),
            () => "the first CDR"
        );
        Directory.Delete(files, recursive: true);
        await live.SaysAsync(
            ".attention .bad",
            "A CDR file cannot be written, and the store keeps its CDRs: "
        );
        await live.SaysAsync(".attention .bad", files);
        await live.AssertAccessibleAsync("a trouble");

        Directory.CreateDirectory(files);
        await live.SaysAsync(".attention", "Nothing needs you");
    }
}
