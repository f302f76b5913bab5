using System.Net;
using System.Net.Http.Headers;
using System.Text;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace CallServer.Host.Tests.Web;

/// <summary>What a browser is told about pages, and what becomes of its reports.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class PageTests : IDisposable
{
    private readonly TestDirectory directory = new();
    private readonly TestGateways gateways = new();

    public void Dispose() => directory.Dispose();

    [Test]
    public async Task APageNeedsNoTokenAndMayLoadFromItsServerAlone(CancellationToken cancel)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var app = builder.Build();
        app.Use(next => http => Manners.InvokeAsync(http, next));
        app.UseRouting();
        app.Use(next => http => ContentPolicy.InvokeAsync(http, next));
        app.MapGet("/", () => TypedResults.Text("<!doctype html>", "text/html")).AsPage();
        app.MapGet("/data", () => TypedResults.Text("{}", "application/json"));
        await app.StartAsync(cancel);
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };

        using var page = await http.GetAsync(new Uri("/", UriKind.Relative), cancel);
        using var data = await http.GetAsync(new Uri("/data", UriKind.Relative), cancel);
        Assert.That(
            page.Headers.GetValues("Content-Security-Policy").Single(),
            Does.StartWith(
                    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
                )
                .And.Contain("frame-ancestors 'none'")
                .And.Not.Contain("unsafe")
        );
        Assert.That(
            data.Headers.GetValues("Content-Security-Policy").Single(),
            Does.StartWith("default-src 'none'; base-uri")
        );
        Assert.That(
            page.Headers.GetValues("Reporting-Endpoints").Single(),
            Is.EqualTo("csp=\"/v1/csp-reports\"")
        );
    }

    [Test]
    public async Task ABrowsersReportNeedsNoTokenAndIsLoggedOnceAMinute(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(
            directory,
            gateways,
            configuration => configuration with { Token = "a-token-nobody-guesses"u8.ToArray() }
        );
        var statuses = new List<HttpStatusCode>();
        foreach (
            var report in new[]
            {
                """{"csp-report":{"effective-directive":"script-src","blocked-uri":"https://evil.example/x.js"}}""",
                """[{"type":"csp-violation","body":{"effectiveDirective":"img-src","blockedURL":"inline"}}]""",
                "[]",
                "noise",
                "",
            }
        )
        {
            using var content = new StringContent(report, Encoding.UTF8, "application/csp-report");
            using var answer = await server.Http.PostAsync(
                new Uri("v1/csp-reports", UriKind.Relative),
                content,
                cancel
            );
            statuses.Add(answer.StatusCode);
        }

        Assert.That(statuses, Has.All.EqualTo(HttpStatusCode.NoContent));
        Assert.That(
            server.Log.Text,
            Does.Contain("script-src stopped https://evil.example/x.js").And.Not.Contain("img-src")
        );

        server.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer",
            "a-token-nobody-guesses"
        );
        var metrics = await server.Http.GetStringAsync(new Uri("metrics", UriKind.Relative), cancel);
        Assert.That(metrics, Does.Contain("\ncallserver_csp_reports_total{} 5\n"));
    }
}
