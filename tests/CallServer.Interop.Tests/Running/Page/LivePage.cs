using System.Collections.Concurrent;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace CallServer.Interop.Running.Page;

/// <summary>The live page in a browser: where it goes, what it shows, and what it complained of on the way.</summary>
internal sealed class LivePage
{
    private static readonly string[] Grave = ["serious", "critical"];

    private readonly Uri server;
    private readonly ConcurrentQueue<string> complaints = new();

    private LivePage(IPage page, Uri server)
    {
        (Page, this.server) = (page, server);
        page.PageError += (_, fault) => complaints.Enqueue($"fault: {fault}");
        page.Console += (_, line) =>
        {
            if (line.Type is "error" or "warning")
                complaints.Enqueue($"{line.Type}: {line.Text} at {line.Location}");
        };
        page.Request += (_, request) =>
        {
            if (
                !new Uri(request.Url)
                    .GetLeftPart(UriPartial.Authority)
                    .Equals(Origin, StringComparison.Ordinal)
            )
                complaints.Enqueue($"asks another origin: {request.Url}");
        };
    }

    public IPage Page { get; }

    private string Origin => server.GetLeftPart(UriPartial.Authority);

    public static async Task<LivePage> OpenAsync(IPage page, Uri server)
    {
        var live = new LivePage(page, server);
        await page.GotoAsync(server.ToString());
        return live;
    }

    /// <summary>Goes to a view, such as <c>connections?codec=PCMU</c>, and returns when it shows what was asked.</summary>
    public async Task GoAsync(string place)
    {
        await Page.EvaluateAsync("place => { location.hash = '#/' + place }", place);
        await ShownAsync();
    }

    /// <summary>Returns when the view shows what was asked.</summary>
    public Task ShownAsync() => Page.WaitForSelectorAsync("main[aria-busy=false]");

    /// <summary>Returns when a text stands within the elements of a selector.</summary>
    public Task SaysAsync(string selector, string text) =>
        Page.Locator(selector).Filter(new() { HasText = text }).First.WaitForAsync();

    /// <summary>Puts a mark into the page that a reload would wipe out.</summary>
    public Task MarkAsync() => Page.EvaluateAsync("() => { window.isMarked = true }");

    public async Task AssertNotReloadedAsync() =>
        Assert.That(
            await Page.EvaluateAsync<bool>("() => window.isMarked === true"),
            "the page was loaded again"
        );

    /// <summary>Enters a token where the page asks for one.</summary>
    public async Task SignInAsync(string token)
    {
        await Page.FillAsync("#token", token);
        await Page.Keyboard.PressAsync("Enter");
    }

    /// <summary>Presses the button of an order, and returns when the page asks whether it is meant.</summary>
    public async Task AskAsync(string order)
    {
        await Page.GetByRole(AriaRole.Button, new() { Name = $"{order}…" }).ClickAsync();
        await Page.WaitForSelectorAsync("#confirm[open]");
    }

    /// <summary>Says yes to an order.</summary>
    public Task AnswerAsync(string yes) =>
        Page.Locator("#confirm").GetByRole(AriaRole.Button, new() { Name = yes, Exact = true }).ClickAsync();

    /// <summary>Leaves the dialog of an order by its other button.</summary>
    public async Task CloseAsync(string button)
    {
        await AnswerAsync(button);
        await Page.WaitForSelectorAsync(
            "#confirm:not([open])",
            new() { State = WaitForSelectorState.Attached }
        );
    }

    /// <summary>Goes to the control log, and returns when one line has all these words.</summary>
    public async Task SaysInControlLogAsync(params string[] words)
    {
        await GoAsync("control-log");
        var line = Page.Locator("main tbody tr");
        foreach (var word in words)
            line = line.Filter(new() { HasText = word });
        await line.First.WaitForAsync();
    }

    /// <summary>Nothing that is shown is cut off at the right.</summary>
    public async Task AssertFitsAsync(string where)
    {
        var wide = await Page.EvaluateAsync<string[]>(
            """
            () => [document.documentElement, ...document.querySelectorAll('.scroll')]
              .filter(one => one.scrollWidth > one.clientWidth)
              .map(one => `${one.ariaLabel ?? 'the page'}: ${one.scrollWidth} of ${one.clientWidth}`)
            """
        );
        Assert.That(wide, Is.Empty, where);
    }

    /// <summary>Presses Tab until something that fits the selector has the focus.</summary>
    public async Task TabToAsync(string selector)
    {
        const int most = 400;
        for (var pressed = 0; pressed < most; pressed++)
        {
            await Page.Keyboard.PressAsync("Tab");
            if (await Page.EvaluateAsync<bool>("wanted => document.activeElement.matches(wanted)", selector))
                return;
        }

        Assert.Fail($"no {selector} gets the focus within {most} presses of Tab");
    }

    /// <summary>No rule of WCAG that axe knows is gravely broken by what is shown.</summary>
    public async Task AssertAccessibleAsync(string where)
    {
        var found = await Page.RunAxe();
        var grave = found.Violations.Where(violation => Grave.Contains(violation.Impact));
        Assert.That(grave.Select(violation => $"{where}: {Describe(violation)}"), Is.Empty);
    }

    /// <summary>Neither the browser nor the page complained, and nothing was asked of anybody else.</summary>
    public void AssertNoComplaint() => Assert.That(complaints, Is.Empty);

    private static string Describe(AxeResultItem violation) =>
        $"{violation.Id}: {string.Join(", ", violation.Nodes.Select(node => node.Html))}";
}
