using System.Net;
using System.Net.Sockets;
using System.Text;
using CallServer.Host.Cli;
using CallServer.Toy;

namespace CallServer.Host.Tests.Cli;

/// <summary>A protocol registered at run time behaves like the built-in ones.</summary>
public sealed class ToyProtocolTests
{
    private static readonly Surroundings WithToy = new() { Protocols = Toy.Toy.protocols };

    [Test]
    public async Task HelpNamesIt()
    {
        var help = (await CliRun.Of(WithToy, ["audit", "--help"])).Out;
        Assert.That(help, Does.Contain("or toy://HOST[:7777]"));
        Assert.That(help, Does.Contain("callserver audit toy://192.0.2.9"));
    }

    [Test]
    public async Task AMistakeInItsNameIsNamed()
    {
        var run = await CliRun.Of(WithToy, ["audit", "toi://192.0.2.9"]);
        Assert.That((run.Status, run.Error), Is.EqualTo((ExitCode.Usage, run.Error)));
        Assert.That(run.Error, Does.Contain("did you mean toy?"));
    }

    [TestCase("c1 call-1@a\n.", ExitCode.Complete, "c1", "")]
    [TestCase("BUSY", ExitCode.Unavailable, "", "try later")]
    public async Task ItIsAudited(string reply, int status, string shown, string said)
    {
        using var gateway = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var answering = AnswerAsync(gateway, reply);
        var port = ((IPEndPoint)gateway.Client.LocalEndPoint!).Port;
        var run = await CliRun.Of(WithToy, ["audit", $"toy://127.0.0.1:{port}", "--json"]);
        await answering;
        Assert.That(run.Status, Is.EqualTo(status), run.Error);
        Assert.That(run.Out, Does.Contain(shown));
        Assert.That(run.Error, Does.Contain(said));
    }

    private static async Task AnswerAsync(UdpClient gateway, string reply)
    {
        var asked = await gateway.ReceiveAsync();
        await gateway.SendAsync(Encoding.ASCII.GetBytes(reply), asked.RemoteEndPoint);
    }
}
