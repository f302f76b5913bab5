using CallServer.Bench.Codec;

namespace CallServer.Bench.Performance.Lines;

/// <summary>Reading replies to GetBulk, which is most of what an audit does.</summary>
internal sealed class DecodeLine : ILine
{
    public string Name => "decode";

    public string What => $"a reply to GetBulk of {Asn1Command.Bindings} varbinds, read";

    public Task<Measured> RunAsync(Size size, CancellationToken cancel)
    {
        var races = Enumerable
            .Range(0, size == Size.Long ? 5 : 2)
            .Select(_ => Asn1Command.Race(size == Size.Long ? 20_000 : 200))
            .ToList();
        Samples Of(string unit, int reader, Func<(string Name, double Micros, long Octets), double> value) =>
            new(unit, races.Select(race => value(race[reader]) / Asn1Command.Bindings));
        Row Beside(string what, string unit, Func<(string Name, double Micros, long Octets), double> value) =>
            new(what, Of(unit, 0, value))
            {
                Beside = $"{races[0][1].Name}, which checks less",
                Rival = Of(unit, 1, value),
                Reach = new Reach(Ratio: 1),
            };
        // A reader that reads other than all of them throws.
        return Task.FromResult(
            new Measured(
                [
                    Beside("time of a varbind", "ns", reader => reader.Micros * 1000),
                    Beside("memory that a varbind allocates", "octets", reader => reader.Octets),
                ],
                []
            )
        );
    }
}
