using CallServer.Host.Cli.Auditing;
using CallServer.Server.Net;
using CallServer.Surface;

namespace CallServer.Host.Tests.Cli;

public sealed class RehearsalTests
{
    [TestCase("snmp://192.0.2.1")]
    [TestCase("mgcp://192.0.2.1")]
    [TestCase("sip:u@192.0.2.1")]
    [TestCase("sip:u@192.0.2.1;transport=udp")]
    [TestCase("sip:u@192.0.2.1;transport=tcp")]
    [TestCase("ng://192.0.2.1")]
    [TestCase("ng+tcp://192.0.2.1")]
    [TestCase("ng+http://192.0.2.1")]
    public void EveryProtocolIsRehearsedToItsEnd(string text)
    {
        var results = Hold(text);
        Assert.That(results.Single().Complete, string.Join("; ", results.Single().Reasons));
        Assert.That(results.Single().Count, Is.GreaterThanOrEqualTo(40));
    }

    [Test]
    public void EachWayOnceAndOnlyThoseThatAreNeeded() =>
        Assert.That(
            Hold("ng://a", "ng://b", "ng+tcp://a", "snmp://c", "snmp://d").Select(result => result.Protocol),
            Is.EqualTo(new[] { "ng", "ng", "snmp" })
        );

    private static IReadOnlyList<AuditResult> Hold(params string[] texts) =>
        Rehearsal.Hold(
            GatewayProtocols.BuiltIn,
            new SystemClock(),
            texts.Select(text =>
                GatewayProtocols.BuiltIn.TryParse(text, out var uri, out _)
                    ? uri
                    : throw new ArgumentException(text)
            )
        );
}
