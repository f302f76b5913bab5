using CallServer.Host.Tests.Web;
using CallServer.Server;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace CallServer.Host.Tests;

/// <summary>Text chosen by strangers, in a log line.</summary>
public sealed class LegibleLogsTests
{
    [Test]
    public void A_line_holds_nothing_that_moves_a_terminal_or_forges_another_line()
    {
        using var services = new ServiceCollection()
            .AddLogging(logging =>
            {
                logging.Services.AddSingleton<ILoggerProvider, TestLog>();
                LegibleLogs.Decorate<TestLog>(logging.Services);
            })
            .BuildServiceProvider();

        services
            .GetRequiredService<ILoggerFactory>()
            .CreateLogger("any")
            .LogWarning("{Gateway}: {What}", "gw1", "\u001b[2Jé\n2026 info: all is well \u202e");

        Assert.That(
            services.GetRequiredService<TestLog>().Text,
            Is.EqualTo("Warning gw1: \\u001b[2Jé\\u000a2026 info: all is well \\u202e ")
        );
    }
}
