using System.Globalization;
using System.Text;

namespace CallServer.Bench.Dispute;

/// <summary>What a row of the partner's file is, as nobody but the simulation knows.</summary>
internal enum RowTruth
{
    True,
    Double,
    Inflated,
    Invented,
}

/// <summary>
/// Two days of a network of twenty gateways, each asked every ten seconds; the record that a server would have of it; and a
/// partner whose clock is 1.3 s ahead, who rounds up to a second, and bills some calls twice, too long, or of his own invention.
/// </summary>
internal sealed class DisputeWorld
{
    public const int Gateways = 20;
    private const long Second = 1_000_000;
    private const long Every = 10 * Second;
    private const long Took = 200_000;
    private const long Skew = 1_300_000;
    private const long Length = 48 * 3600 * Second;
    private const long Noon = 1_769_853_600 * Second;
    private const int Numbers = 200_000;

    private readonly Random random = new(15);
    private readonly (long Start, long End, int Gateway, int From, int To)[] calls;

    /// <param name="rows">How many rows the partner's file has.</param>
    public DisputeWorld(int rows)
    {
        Rows = rows;
        calls = new (long, long, int, int, int)[rows];
        for (var i = 0; i < rows; i++)
            calls[i] = Call();
        Array.Sort(calls);
    }

    public int Rows { get; }

    public static long Audits => Gateways * (Length / Every + 360);

    public static string Name(int gateway) => $"gw{gateway + 1}";

    private (long, long, int, int, int) Call()
    {
        var start = Noon + (long)(random.NextDouble() * Length);
        var lasted = 1 + (long)(-Math.Log(1 - random.NextDouble()) * 150 * Second);
        return (start, start + lasted, random.Next(Gateways), random.Next(Numbers), random.Next(Numbers));
    }

    private static long Phase(int gateway) => Noon + gateway * 457_000L - 360 * Every / 2;

    /// <summary>The first audit of a gateway that began at this time or later.</summary>
    private static long NextAudit(int gateway, long time) =>
        Phase(gateway) + (time - Phase(gateway) + Every - 1) / Every * Every;

    /// <summary>The audits of a gateway as the server lists them, from one on, newest first.</summary>
    public static IEnumerable<string> AuditsOf(int gateway, long from, int count)
    {
        var last = Length / Every + 359;
        for (var at = last - from; at >= 0 && at > last - from - count; at--)
        {
            var asked = Phase(gateway) + at * Every;
            yield return $$"""{"gateway":"{{Name(gateway)}}","complete":true,"asked":"{{Stamp(asked)}}","answered":"{{Stamp(asked + Took)}}"}""";
        }
    }

    /// <summary>The CDRs of the calls that an audit has seen.</summary>
    public IEnumerable<string> Cdrs()
    {
        for (var i = 0; i < calls.Length; i++)
        {
            var (start, end, gateway, from, to) = calls[i];
            var first = NextAudit(gateway, start);
            if (first + Took > end)
                continue;
            var gone = NextAudit(gateway, end - Took + 1);
            var (least, most) = ((gone - Every + Took - start) / Second, (gone + Took - start) / Second + 1);
            yield return $$"""{"id":"{{Id(i)}}","uuid":"{{Id(i)}}","call":"{{CallId(i)}}","gateway":"{{Name(gateway)}}","originator":"{{Number(from)}}","remote":"sip:{{Number(to)}}@198.51.100.7","read_codec":"PCMA","qos":{"dscp":46,"service":null,"reported":"b8"},"start_stamp":"{{Stamp(start)}}","answer_stamp":"{{Stamp(start + 20_000)}}","answer_stamp_min":"{{Stamp(start - 20_000)}}","answer_stamp_max":"{{Stamp(start + 20_000)}}","end_stamp":"{{Stamp(gone - Every + Took)}}","end_stamp_min":"{{Stamp(Math.Max(start, gone - Every))}}","end_stamp_max":"{{Stamp(gone + Took)}}","duration":{{least}},"billsec":{{least}},"billsec_min":{{least}},"billsec_max":{{most}},"hangup_cause":"NORMAL_UNSPECIFIED","start_evidence":"reported","end_evidence":"absent","recovered":false,"last_confirmed":"{{Stamp(gone - Every)}}","confirmed_count":6,"id_reused":false,"connection":"c{{i}}","epoch":1,"server":"cs-a","sources":["{{Name(gateway)}}"],"counters":null,"released_by":null,"release_reason":null,"partial":false,"record_seq":1,"clock_steps":null}""";
        }
    }

    /// <summary>Writes the partner's file, and returns what each of its rows is.</summary>
    public RowTruth[] WritePartner(string path)
    {
        var truths = new RowTruth[Rows];
        using var file = new StreamWriter(path, false, new UTF8Encoding(false), 1 << 16);
        file.WriteLine("calldate,answer,end,src,dst,billsec,sip_call_id,disposition");
        for (var row = 0; row < Rows; row++)
        {
            var draw = random.Next(1000);
            var at = row;
            if (draw < 20 && row > 0)
            {
                truths[row] = RowTruth.Double;
                at = row - 1;
                while (at > 0 && truths[at] != RowTruth.True)
                    at--;
            }
            else if (draw < 40)
                truths[row] = RowTruth.Inflated;
            else if (draw < 50)
                truths[row] = RowTruth.Invented;
            var (start, end, _, from, to) = truths[row] == RowTruth.Invented ? Call() : calls[at];
            if (truths[row] == RowTruth.Inflated)
                end += (end - start) * 2 + 60 * Second;
            var answered = (start + Skew) / Second * Second;
            var lasted = (end - start + Second - 1) / Second;
            var id = truths[row] == RowTruth.Invented || at % 3 == 0 ? "" : CallId(at);
            file.WriteLine(
                $"{Wall(answered - 4 * Second)},{Wall(answered)},{Wall(answered + lasted * Second)},{Number(from)},{Number(to)},{lasted},{id},ANSWERED"
            );
        }
        return truths;
    }

    private static string Number(int number) =>
        string.Create(CultureInfo.InvariantCulture, $"+4179{1_000_000 + number * 37:0000000}");

    private static string CallId(int call) =>
        string.Create(CultureInfo.InvariantCulture, $"{call * 2654435761L:x12}-{call:x}@203.0.113.9");

    private static string Id(int call) => new Guid(call, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10).ToString();

    private static DateTime Time(long micros) => DateTime.UnixEpoch.AddTicks(micros * 10);

    private static string Stamp(long micros) =>
        Time(micros).ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    private static string Wall(long micros) =>
        Time(micros).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
}
