using CallServer.Host.Cli.Auditing;
using NUnit.Framework;

namespace CallServer.Host.Tests.Cli;

[TestFixture]
internal sealed class WaitingTests
{
    [TestCase(0, null, 1, 0, "asking gw (1 request)")]
    [TestCase(0, null, 12, 2, "asking gw, and 2 more (12 requests)")]
    [TestCase(3400, null, 12, 0, "asking gw: 3,400 rows, 1,700 a second (12 requests)")]
    [TestCase(3400, 5100, 12, 0, "asking gw: 3,400 of 5,100 rows, 1,700 a second, 1.0 s left (12 requests)")]
    [TestCase(
        3400,
        343400,
        1200,
        0,
        "asking gw: 3,400 of 343,400 rows, 1,700 a second, 3:20 left (1,200 requests)"
    )]
    [TestCase(3400, 3000, 12, 0, "asking gw: 3,400 rows, 1,700 a second (12 requests)")]
    public void The_rest_is_estimated_where_the_gateway_counts(
        int told,
        int? expected,
        int requests,
        int others,
        string words
    ) =>
        Assert.That(
            Waiting.Words("gw", requests, (told, expected), TimeSpan.FromSeconds(2), others),
            Is.EqualTo(words)
        );
}
