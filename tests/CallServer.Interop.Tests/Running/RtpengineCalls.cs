using CallServer.Interop.Peers;

namespace CallServer.Interop.Running;

/// <summary>
/// The calls of a real rtpengine as a proxy makes and ends them: the truth against which records are compared.
/// </summary>
internal sealed class RtpengineCalls(RtpenginePeer rtpengine)
{
    private readonly List<NgCall> alive = [];
    private readonly Dictionary<string, (NgCall Call, Bracket End)> ended = [];
    private int made;

    /// <summary>The calls that it carries.</summary>
    public IReadOnlyList<NgCall> Alive => alive;

    /// <summary>Connections that have ended.</summary>
    public IReadOnlyCollection<string> Ended => ended.Keys;

    public async Task<IReadOnlyList<NgCall>> MakeAsync(int count)
    {
        var calls = await NgCall.MakeAsync(rtpengine.Proxy, made, count);
        made += count;
        alive.AddRange(calls);
        return calls;
    }

    /// <summary>Ends this many calls, the oldest first.</summary>
    public async Task EndAsync(int count)
    {
        foreach (var call in alive.Take(count).ToList())
        {
            var end = await call.EndAsync(rtpengine.Proxy);
            alive.Remove(call);
            foreach (var id in call.Ids)
                ended.Add(id, (call, end));
        }
    }

    /// <summary>The record must have each live connection once, confirmed, with its start, and nothing else.</summary>
    public void AssertRecord(IReadOnlyList<RecordedConnection> record)
    {
        Assert.That(
            record.Select(connection => connection.Id),
            Is.EquivalentTo(alive.SelectMany(call => call.Ids))
        );
        Assert.That(record.Select(connection => connection.Status), Is.All.EqualTo("confirmed"));
        var byCall = alive.ToDictionary(call => call.CallId);
        foreach (var connection in record)
        {
            var call = byCall[connection.Call];
            AssertStart(connection.Id, call, connection.Start!.Earliest, connection.Start.Latest!.Value);
        }
    }

    /// <summary>
    /// CDRs of one server or of both: every ended connection must have one id, and nothing else may have one.
    /// </summary>
    public void AssertCdrs(IReadOnlyList<CallDetail> cdrs)
    {
        Assert.That(cdrs.Select(cdr => cdr.Connection).Distinct(), Is.EquivalentTo(ended.Keys));
        Assert.That(
            cdrs.Select(cdr => (cdr.Id, cdr.Connection)).Distinct().Count(),
            Is.EqualTo(ended.Count),
            "one id each"
        );
        Assert.That(cdrs.Select(cdr => cdr.Id).Distinct().Count(), Is.EqualTo(ended.Count), "each its own");
        foreach (var cdr in cdrs)
        {
            var (call, end) = ended[cdr.Connection];
            Assert.That((cdr.Call, cdr.EndEvidence), Is.EqualTo((call.CallId, "absent")));
            AssertStart(cdr.Connection, call, cdr.AnswerStampMin, cdr.AnswerStampMax!.Value);
            Assert.That(
                cdr.EndStampMin <= end.Latest && end.Earliest <= cdr.EndStampMax,
                () => $"{cdr.Connection}: {end} is not in {cdr.EndStampMin:O} to {cdr.EndStampMax:O}"
            );
            Assert.That(cdr.Billsec, Is.EqualTo(cdr.BillsecMin), "billed is the lower bound");
            Assert.That(cdr.BillsecMin, Is.LessThanOrEqualTo((end.Latest - call.Created).TotalSeconds));
        }
    }

    private static void AssertStart(
        string connection,
        NgCall call,
        DateTimeOffset? earliest,
        DateTimeOffset latest
    )
    {
        Assert.That(
            earliest <= call.Created && call.Created <= latest,
            () => $"{connection}: {call.Created:O} is not in {earliest:O} to {latest:O}"
        );
        Assert.That(
            earliest <= call.Made.Latest && call.Made.Earliest <= latest,
            () => $"{connection}: {call.Made} is not in {earliest:O} to {latest:O}"
        );
    }
}
