using CallServer.Interop.Peers;
using Microsoft.Playwright;

namespace CallServer.Interop.Running.Page;

/// <summary>Debian's Chromium without a window, driven by Playwright, which brings no browser of its own.</summary>
internal sealed class Chromium : IAsyncDisposable
{
    private readonly IPlaywright playwright;
    private readonly IBrowser browser;

    private Chromium(IPlaywright playwright, IBrowser browser) =>
        (this.playwright, this.browser) = (playwright, browser);

    public static async Task<Chromium> StartAsync(Scope scope)
    {
        var program = Programs.Find("chromium");
        var playwright = await Playwright.CreateAsync();
        try
        {
            // Its sandbox refuses to run as root, as containers do.
            var browser = await playwright.Chromium.LaunchAsync(
                new() { ExecutablePath = program, Args = ["--no-sandbox"] }
            );
            return scope.Own(new Chromium(playwright, browser));
        }
        catch
        {
            playwright.Dispose();
            throw;
        }
    }

    /// <summary>Opens the page of a server, as somebody who has never been there.</summary>
    public async Task<LivePage> OpenAsync(
        Uri server,
        ColorScheme colours = ColorScheme.Light,
        int width = 1280
    )
    {
        var context = await browser.NewContextAsync(
            new()
            {
                ColorScheme = colours,
                ViewportSize = new() { Width = width, Height = 900 },
            }
        );
        return await LivePage.OpenAsync(await context.NewPageAsync(), server);
    }

    public async ValueTask DisposeAsync()
    {
        await browser.CloseAsync();
        playwright.Dispose();
    }
}
