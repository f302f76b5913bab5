using CallServer.Bench.Performance.InProcess;
using CallServer.Surface;

namespace CallServer.Bench.Performance.Lines;

/// <summary>What audits cost the gateway: the first one, and those after it, while some calls come and go.</summary>
internal sealed class SteadyAuditLine : ILine
{
    private const double ChangedBetween = 0.01;
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(10);

    public string Name => "steady-audit";

    public string What => "what a steady audit asks of the gateway, beside a full walk";

    public Task<Measured> RunAsync(Size size, CancellationToken cancel)
    {
        var (count, audits) = size == Size.Long ? (1000, 20) : (100, 3);
        var gateway = new InProcessGateway("steady", count, count * ChangedBetween / Between.TotalSeconds);
        var record = GatewayRecord.Empty("steady");
        var (tapes, wrong) = (new List<Tape>(), new List<string>());
        for (var number = 0; number <= audits; number++)
        {
            var tape = gateway.Audit(record.Known);
            record = record.After(record.Apply(tape.Result, Stamps.Bench));
            if (!tape.Result.Complete)
                wrong.Add($"audit {number} is not complete: {string.Join("; ", tape.Result.Reasons)}");
            if (record.Count != gateway.Count)
                wrong.Add($"after audit {number} {record.Count} of {gateway.Count} are in the record");
            tapes.Add(tape);
            gateway.Pass(Between);
        }

        Row Of(string unit, Func<Tape, double> value) =>
            new($"{unit} of a steady audit of {count:N0} connections", Each(unit, value, tapes.Skip(1)))
            {
                Beside = "the first audit, a full walk",
                Rival = Each(unit, value, tapes.Take(1)),
                Reach = new Reach(Ratio: 4),
            };
        return Task.FromResult(
            new Measured(
                [
                    Of("varbinds", tape => tape.Varbinds),
                    Of("requests", tape => tape.Requests),
                    Of("octets", tape => tape.Octets) with
                    {
                        Reach = null,
                    },
                ],
                wrong
            )
        );
    }

    private static Samples Each(string unit, Func<Tape, double> value, IEnumerable<Tape> tapes) =>
        new(unit, tapes.Select(value));
}
