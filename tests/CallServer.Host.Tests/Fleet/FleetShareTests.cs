using System.Net;
using CallServer.Fleet;
using CallServer.Host.Tests.Storage;
using CallServer.Host.Tests.Web;
using CallServer.Server.Configuration;
using CallServer.Server.Web.Reading;

namespace CallServer.Host.Tests.Fleet;

/// <summary>A host's part of a fleet before it has joined the others.</summary>
[CancelAfter(60_000)]
public sealed class FleetShareTests
{
    [Test]
    public async Task Whoever_asks_a_host_that_has_not_joined_hears_that_it_holds_nothing(
        CancellationToken cancel
    )
    {
        using var directory = new TestDirectory();
        await using var server = await TestServer.StartAsync(
            directory,
            new TestGateways(),
            share: new TestShare([], new TestDatabase())
        );
        using var share = new FleetShare(
            server.Runtime.Configuration with
            {
                Fleet = new FleetConfiguration(new IPEndPoint(IPAddress.Loopback, 11111)),
            }
        );
        var question = new HostQuestion { Gateways = new GatewayQuestion("gw1", "gw2", 2), Totals = true };
        var told = await share.AnswerAsync(HostQuestions.Text(question), server.Runtime).WaitAsync(cancel);
        Assert.That(told.Units, Is.Empty);
        var answer = HostQuestions.Answer(question, told.Text);
        Assert.That(answer?.Gateways, Is.Empty);
        Assert.That(answer?.Totals, Is.EqualTo(new HostTotals(0, 0, 0, 0)));
    }
}
