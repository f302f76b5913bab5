using CallServer.Server.Configuration;

namespace CallServer.Host.Tests.Configuration;

public sealed class DurationTests
{
    [TestCase("250ms", 250)]
    [TestCase("10s", 10_000)]
    [TestCase("1.5s", 1_500)]
    [TestCase("5m", 300_000)]
    [TestCase("2h", 7_200_000)]
    [TestCase("1d", 86_400_000)]
    [TestCase("0s", 0)]
    public void Read(string text, double milliseconds)
    {
        Assert.That(Durations.TryParse(text, out var duration));
        Assert.That(duration.TotalMilliseconds, Is.EqualTo(milliseconds));
    }

    [TestCase(null)]
    [TestCase("")]
    [TestCase("s")]
    [TestCase("10")]
    [TestCase("-1s")]
    [TestCase("1 s")]
    [TestCase("1e3s")]
    [TestCase("1S")]
    [TestCase("99999d")]
    public void NotRead(string? text) => Assert.That(Durations.TryParse(text, out _), Is.False);

    [TestCase("250ms")]
    [TestCase("90s")]
    [TestCase("5m")]
    [TestCase("36h")]
    [TestCase("7d")]
    public void WrittenAsRead(string text)
    {
        Assert.That(Durations.TryParse(text, out var duration));
        Assert.That(Durations.Format(duration), Is.EqualTo(text));
    }
}
