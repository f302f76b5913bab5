using CallServer.Interop.Peers;

namespace CallServer.Interop.Auditing;

/// <summary>Compares what an audit listed with the truth.</summary>
internal static class Listing
{
    private static readonly TimeSpan Exactness = TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// Every call must be listed exactly once and nothing else, with the facts that its gateway reports.
    /// </summary>
    public static void AssertFacts(AuditLine audit, CiscoCalls calls, TimeBase timeBase)
    {
        var expected = calls
            .Truth.Select(call => new Facts(
                $"{unchecked(timeBase.Uptime - (uint)call.Setup)}.{call.Index}",
                call.Guid,
                call.Calling,
                call.Called,
                call.Codec,
                call.Qos,
                call.RemoteMedia,
                "active"
            ))
            .ToHashSet();
        var listed = audit.Connections.Select(Facts.Of).ToList();
        Assert.Multiple(() =>
        {
            Assert.That(expected, Has.Count.EqualTo(calls.Truth.Count), "the truth itself repeats a call");
            Assert.That(listed, Has.Count.EqualTo(expected.Count));
            Assert.That(listed.Where(facts => !expected.Contains(facts)).Take(5), Is.Empty, "not true");
            Assert.That(expected.Except(listed).Take(5), Is.Empty, "not listed");
        });
    }

    /// <summary>
    /// Every bound must contain the true time. That time is known only within the agent's time base, and only what is
    /// certainly outside counts as a failure.
    /// </summary>
    public static void AssertTimes(AuditLine audit, CiscoCalls calls, TimeBase timeBase)
    {
        var byCall = calls.Truth.ToDictionary(call => call.Guid);
        foreach (var connection in audit.Connections)
        {
            var call = byCall[connection.Call!];
            AssertContains(connection, "setup", connection.Setup, timeBase.SetupOf(call));
            AssertContains(connection, "start", connection.Start, timeBase.StartOf(call));
            Assert.That(connection.AgeSeconds, Is.Not.Null);
        }
    }

    /// <summary>Whether the widest bound of any start is as narrow as promised.</summary>
    public static bool IsExact(AuditLine audit) =>
        audit.Connections.All(connection => connection.Start is { } start && start.Width < Exactness);

    private static void AssertContains(
        ConnectionLine connection,
        string name,
        IntervalLine? within,
        Bracket truth
    )
    {
        Assert.That(within, Is.Not.Null, () => $"{connection.Id} has no {name}");
        Assert.That(within!.Evidence, Is.EqualTo("reported"));
        Assert.That(
            within.Earliest <= truth.Latest && within.Latest >= truth.Earliest,
            () =>
                $"{connection.Id}: the true {name} {truth.Earliest:O}..{truth.Latest:O} is not in {within.Earliest:O}..{within.Latest:O}"
        );
    }

    private sealed record Facts(
        string Id,
        string? Call,
        string? Originator,
        string? Remote,
        string? Codec,
        string? Service,
        string? RemoteMedia,
        string? State
    )
    {
        public static Facts Of(ConnectionLine c) =>
            new(c.Id, c.Call, c.Originator, c.Remote, c.Codec, c.Qos.Service, c.RemoteMedia, c.State);
    }
}
