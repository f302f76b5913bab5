using CallServer.Interop.Peers;
using Microsoft.Playwright;

namespace CallServer.Interop.Running.Page;

/// <summary>
/// What the page can order: the question names what will happen, the page shows what came of it, and the control log
/// names who ordered it.
/// </summary>
internal sealed class OrdersTests : PeerTest
{
    private const string Reader = "the-token-of-somebody-who-reads";
    private const string Controller = "the-token-of-somebody-who-orders";

    private static readonly Dictionary<string, string?> Tokens = new()
    {
        ["CALLSERVER__SERVER__READTOKEN"] = "env:PAGE_READER",
        ["CALLSERVER__SERVER__CONTROLTOKEN"] = "env:PAGE_CONTROLLER",
        ["PAGE_READER"] = Reader,
        ["PAGE_CONTROLLER"] = Controller,
    };

    [Test]
    public async Task An_audit_is_ordered_by_whoever_may_order()
    {
        var browser = await Chromium.StartAsync(Scope);
        var uri = await SimulatedNetwork.StartSnmpAsync(Scope, connections: 20);
        var server = await Server.StartAsync(
            Scope,
            Scope.NewFolder("page"),
            [("gw1", uri)],
            secrets: Tokens,
            interval: "10m"
        );
        var live = await browser.OpenAsync(server.Address);
        await live.SignInAsync(Reader);
        await live.GoAsync("gateways/gw1");
        var audits = live.Page.Locator("main tbody tr");
        await audits.First.WaitForAsync();
        var before = await audits.CountAsync();
        await live.AskAsync("Audit now");
        await live.AnswerAsync("Ask gw1");
        await live.SaysAsync("#confirm .outcome", "This token may read, and nothing else");
        await live.AssertAccessibleAsync("a refused order");
        await live.CloseAsync("Cancel");

        await live.Page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await live.SignInAsync(Controller);
        await live.ShownAsync();
        await live.AskAsync("Audit now");
        await live.SaysAsync("#confirm-effects", "asks gw1 for all its connections at once");
        await live.SaysAsync("#confirm-effects", "does not wait for the interval of 10m");
        await live.SaysAsync("#confirm-effects", "No call ends");
        await live.AnswerAsync("Ask gw1");
        await live.SaysAsync("#confirm .outcome", "gw1 is being asked");
        await live.CloseAsync("Close");
        await audits.Nth(before).WaitForAsync();

        await live.SaysInControlLogAsync("/audit", "control token", "accepted");
        await live.SaysInControlLogAsync("/audit", "read token", "refused");
    }

    [TestCase("mgcp:")]
    [TestCase("ng:")]
    public async Task A_connection_is_released(string scheme)
    {
        const string reason = "nobody is left on this call";
        var browser = await Chromium.StartAsync(Scope);
        var uris = await SimulatedNetwork.StartAsync(Scope, connections: 10);
        var uri = uris.Single(one => one.StartsWith(scheme, StringComparison.Ordinal));
        var server = await Server.StartAsync(Scope, Scope.NewFolder("page"), [("gw1", uri)], secrets: Tokens);
        var live = await browser.OpenAsync(server.Address);
        await live.SignInAsync(Controller);
        await live.MarkAsync();
        await live.GoAsync("connections");
        await live.Page.Locator("main tbody a.id").First.ClickAsync();
        await live.SaysAsync("h2", "Every change");
        await live.AskAsync("Release");
        await live.SaysAsync("#confirm-effects", "gw1 is told to end the connection from");
        await live.SaysAsync("#confirm-effects", "cut off. This cannot be undone");
        await live.Page.FillAsync("#confirm-reason", reason);
        await live.Page.FillAsync("#confirm-by", "night shift");
        await live.AnswerAsync("End the connection");
        await live.SaysAsync("#confirm .outcome", "gw1 has ended it; its CDR is ");
        await live.CloseAsync("Close");

        await live.SaysAsync("main .lead", "It has ended.");
        await live.SaysAsync("main .facts", $"by night shift: {reason}");
        await live.SaysAsync("main td", "released");
        await live.GoAsync("cdrs?evidence=released");
        await live.SaysAsync("main td", "released");
        await live.SaysInControlLogAsync("/release", "control token", "done");
        await live.AssertNotReloadedAsync();
    }

    [Test]
    public async Task A_takeover_is_rehearsed()
    {
        var browser = await Chromium.StartAsync(Scope);
        var uri = await SimulatedNetwork.StartSnmpAsync(Scope, connections: 20);
        var server = await Server.StartAsync(
            Scope,
            Scope.NewFolder("page"),
            [("gw1", uri), ("dead", $"snmp://127.0.0.1:{FreePort.Udp()}")],
            secrets: Tokens
        );
        var live = await browser.OpenAsync(server.Address);
        await live.SignInAsync(Controller);
        await live.GoAsync("recovery");
        await live.AskAsync("Rehearse a takeover");
        await live.SaysAsync("#confirm-effects", "interop asks all 2 gateways at once");
        await live.SaysAsync("#confirm-effects", "The role does not change");
        await live.AnswerAsync("Rehearse it");
        await live.SaysAsync("#confirm .outcome", "The gateways are being asked");
        await live.CloseAsync("Close");

        await live.SaysAsync("main .panel", "The rehearsal is over: 2 of 2 gateways heard");
        await live.SaysAsync("main .panel td", "complete");
        await live.SaysAsync("main .panel td", "silent");
        await live.SaysAsync("#server", "primary");
        await live.AssertAccessibleAsync("a rehearsal");
        await live.SaysInControlLogAsync("/dry-run", "control token", "accepted");
    }

    [Test]
    public async Task A_primary_steps_down_for_its_standby()
    {
        var browser = await Chromium.StartAsync(Scope);
        var uri = await SimulatedNetwork.StartSnmpAsync(Scope, connections: 20);
        var pair = await ServerPair.StartAsync(Scope, uri);
        var live = await browser.OpenAsync(pair.Primary.Address);
        var other = await browser.OpenAsync(pair.Backup.Address);
        await other.SaysAsync("#server", "standby");
        await live.MarkAsync();
        await live.GoAsync("recovery");
        await live.AskAsync("Step down");
        await live.SaysAsync("#confirm-effects", $"cs-a asks the server at {pair.Backup.Address} to act");
        await live.SaysAsync("#confirm-effects", "asks all 1 gateway at once. Calls go on");
        await live.AnswerAsync("Step down with cs-a");
        await live.SaysAsync("#confirm .outcome", "cs-a has asked the other server to act");
        await live.CloseAsync("Close");

        await live.SaysAsync("main .lead", "cs-a is standby under epoch 2");
        await live.SaysAsync("#server", "standby");
        await other.SaysAsync("#server", "active");
        await other.SaysAsync("main .panel", "cs-b has recovered");
        await other.SaysAsync("main .panel", "the other server handed over");
        await live.SaysInControlLogAsync("/stepdown", "loopback", "accepted");
        await live.AssertNotReloadedAsync();
        live.AssertNoComplaint();
        other.AssertNoComplaint();
    }

    [Test]
    public async Task A_standby_takes_over_and_its_recovery_is_watched_to_the_end()
    {
        var browser = await Chromium.StartAsync(Scope);
        // Slow answers make the recovery last, so that it can be watched.
        var uri = await SimulatedNetwork.StartSnmpAsync(Scope, connections: 2_000, delay: "100ms");
        var pair = await ServerPair.StartAsync(Scope, uri);
        var live = await browser.OpenAsync(pair.Backup.Address);
        await live.MarkAsync();
        await live.GoAsync("recovery");
        await live.AskAsync("Take over");
        await live.SaysAsync("#confirm-effects", "cs-b acts from now on, under epoch 2 or higher");
        await live.SaysAsync("#confirm-effects", "asks all 1 gateway at once");
        await live.SaysAsync("#confirm-effects", $"The server at {pair.Primary.Address} stands by");
        await live.AnswerAsync("Take over with cs-b");
        await live.SaysAsync("#confirm .outcome", "cs-b takes over");
        await live.CloseAsync("Close");

        await live.SaysAsync("main .panel", "cs-b recovers: 0 of 1 gateway heard");
        await live.AssertAccessibleAsync("a recovery under way");
        await live.SaysAsync("main .panel", "cs-b has recovered: 1 of 1 gateway heard");
        await live.SaysAsync("main .panel", "an operator ordered it");
        await live.SaysAsync("main .lead", "cs-b is active under epoch 2");
        await live.SaysInControlLogAsync("/takeover", "loopback", "accepted");
        await live.AssertNotReloadedAsync();
        live.AssertNoComplaint();
    }
}
