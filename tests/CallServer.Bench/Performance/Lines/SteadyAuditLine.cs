using CallServer.Bench.Performance.InProcess;
using CallServer.Surface;

namespace CallServer.Bench.Performance.Lines;

/// <summary>What audits cost the gateway: the first one, and those after it, while some calls come and go.</summary>
internal sealed class SteadyAuditLine : ILine
{
    private const double ChangedBetween = 0.01;

    // A connection is read whole by the first two audits that hear it, and the first round is of any length.
    private const int Settling = 2 + InProcessGateway.FactsEvery;
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(10);

    public string Name => "steady-audit";

    public string What => "what a steady audit asks of the gateway, beside a full walk";

    public Task<Measured> RunAsync(Size size, CancellationToken cancel)
    {
        var (count, rounds) = size == Size.Long ? (1000, 5) : (100, 1);
        var audits = Settling + rounds * InProcessGateway.FactsEvery;
        var gateway = new InProcessGateway("steady", count, count * ChangedBetween / Between.TotalSeconds);
        var record = GatewayRecord.Empty("steady");
        var (tapes, wrong) = (new List<Tape>(), new List<string>());
        for (var number = 0; number < audits; number++)
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
            new(
                $"{unit} of a steady audit of {count:N0} connections, all facts read each {InProcessGateway.FactsEvery}th time",
                new Samples(
                    unit,
                    tapes
                        .Skip(Settling)
                        .Chunk(InProcessGateway.FactsEvery)
                        .Select(round => round.Average(value))
                )
            )
            {
                Beside = "the first audit, a full walk",
                Rival = new Samples(unit, value(tapes[0])),
            };
        return Task.FromResult(
            new Measured(
                [
                    Of("varbinds", tape => tape.Varbinds) with
                    {
                        Reach = new Reach(Ratio: 4),
                    },
                    Of("requests", tape => tape.Requests),
                    Of("octets", tape => tape.Octets),
                ],
                wrong
            )
        );
    }
}
