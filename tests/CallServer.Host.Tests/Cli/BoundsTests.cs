using System.Globalization;
using CallServer.Host.Cli.Output;
using NUnit.Framework;

namespace CallServer.Host.Tests.Cli;

[TestFixture]
internal sealed class BoundsTests
{
    private static Bounds Between(string? earliest, string? latest) =>
        new(Bounds.Micros(earliest), Bounds.Micros(latest));

    [TestCase(
        "2026-01-31T09:58:59.990000Z",
        "2026-01-31T09:59:00.010000Z",
        "2026-01-31T09:59:00.000Z",
        "±10ms"
    )]
    [TestCase(
        "2026-01-31T09:59:00.000000Z",
        "2026-01-31T09:59:00.000000Z",
        "2026-01-31T09:59:00.000Z",
        "exact"
    )]
    [TestCase(
        "2026-01-31T09:59:00.000400Z",
        "2026-01-31T09:59:00.000400Z",
        "2026-01-31T09:59:00.000Z",
        "±1ms"
    )]
    [TestCase(
        "2026-01-31T09:58:55.000000Z",
        "2026-01-31T09:59:00.000000Z",
        "2026-01-31T09:58:57.5Z",
        "±2.5s"
    )]
    [TestCase("2026-01-31T09:58:00.000000Z", "2026-01-31T09:59:00.000000Z", "2026-01-31T09:58:30Z", "±30s")]
    [TestCase("2026-01-31T09:00:00.000000Z", "2026-01-31T10:00:00.000000Z", "2026-01-31T09:30:00Z", "±30min")]
    [TestCase("2026-01-30T00:00:00.000000Z", "2026-02-01T00:00:00.000000Z", "2026-01-31T00:00:00Z", "±24h")]
    [TestCase(null, "2026-01-31T09:59:00.010100Z", "2026-01-31T09:59:00.011Z", "or-before")]
    [TestCase("2026-01-31T09:59:00.010100Z", null, "2026-01-31T09:59:00.010Z", "or-after")]
    [TestCase(null, null, "-", "-")]
    public void A_time_is_shown_with_its_exactness(string? earliest, string? latest, string at, string exact)
    {
        var bounds = Between(earliest, latest);
        Assert.That((bounds.At(), bounds.Exactness()), Is.EqualTo((at, exact)));
    }

    [Test]
    public void A_narrow_column_leaves_the_date_out_on_the_same_day()
    {
        var bounds = Between("2026-01-31T09:58:59.990000Z", "2026-01-31T09:59:00.010000Z");
        Assert.Multiple(() =>
        {
            Assert.That(
                bounds.Brief(Bounds.Micros("2026-01-31T10:00:00.000000Z")),
                Is.EqualTo("09:59:00.000 ±10 ms")
            );
            Assert.That(
                bounds.Brief(Bounds.Micros("2026-02-02T10:00:00.000000Z")),
                Is.EqualTo("01-31 09:59:00.000 ±10 ms")
            );
            Assert.That(
                Between(null, "2026-01-31T09:59:00.010000Z")
                    .Brief(Bounds.Micros("2026-01-31T10:00:00.000000Z")),
                Is.EqualTo("before 09:59:00.010")
            );
        });
    }

    /// <summary>What is shown is never narrower than what is known: rounding goes outwards.</summary>
    [Test]
    public void What_is_shown_contains_the_bounds()
    {
        var random = new Random(20260131);
        for (var i = 0; i < 5000; i++)
        {
            var earliest = random.NextInt64(1_700_000_000_000_000, 1_800_000_000_000_000);
            var width = (long)Math.Pow(10, random.NextDouble() * 11);
            var bounds = new Bounds(earliest, earliest + width);
            var middle = Bounds.Micros(bounds.At())!.Value;
            var half = Micros(bounds.Exactness());
            Assert.That(
                middle - half,
                Is.LessThanOrEqualTo(earliest),
                $"{bounds}: {bounds.At()} {bounds.Exactness()}"
            );
            Assert.That(middle + half, Is.GreaterThanOrEqualTo(earliest + width), $"{bounds}");
            Assert.That(half, Is.LessThanOrEqualTo(2 * width + 1000), $"{bounds}: not needlessly wide");
        }
    }

    private static long Micros(string exactness)
    {
        if (exactness == "exact")
            return 0;
        var number = exactness.TrimStart('±').TrimEnd("minsh".ToCharArray());
        var unit = exactness[(number.Length + 1)..] switch
        {
            "ms" => 1_000L,
            "s" => 1_000_000,
            "min" => 60_000_000,
            "h" => 3_600_000_000,
            var other => throw new FormatException(other),
        };
        return (long)(decimal.Parse(number, CultureInfo.InvariantCulture) * unit);
    }
}
