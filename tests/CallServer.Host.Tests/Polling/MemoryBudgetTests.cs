using CallServer.Server.Polling;

namespace CallServer.Host.Tests.Polling;

/// <summary>Who may hold how much, and which audit is ended.</summary>
public sealed class MemoryBudgetTests
{
    private readonly List<string> ended = [];

    private MemoryBudget.Share Open(MemoryBudget memory, string name) => memory.Open(() => ended.Add(name));

    [Test]
    public void TheLargestIsEndedWhoeverAsks()
    {
        ended.Clear();
        var memory = new MemoryBudget(100);
        using var large = Open(memory, "large");
        using var small = Open(memory, "small");
        large.Set(35);
        small.Set(10);
        Assert.That(ended, Is.Empty);
        small.Set(11);
        Assert.That(ended, Is.EqualTo(["large"]));
        // What an ended audit still holds does not count, and it is not ended twice.
        large.Set(40);
        Assert.That((memory.HeldByAudits, ended.Count, memory.Ended), Is.EqualTo((11, 1, 1)));
    }

    [Test]
    public void WhatEndsIsFree()
    {
        var memory = new MemoryBudget(100);
        using (var share = Open(memory, "one"))
            share.Set(45);
        Assert.That(memory.HeldByAudits, Is.Zero);
    }

    [Test]
    public void TheRecordTakesItsPartAndLeavesEveryGatewayItsOwn()
    {
        ended.Clear();
        // Room for a hundred connections.
        const long part = 100L * MemoryBudget.OctetsAConnection;
        var memory = new MemoryBudget((long)(part / MemoryBudget.RecordPart) + 1);
        Assert.That(memory.RoomFor(0, 10), Is.EqualTo(100));
        memory.Count(95);
        Assert.That(memory.RoomFor(95, 10), Is.EqualTo(100), "who has them may keep them");
        Assert.That(memory.RoomFor(0, 10), Is.EqualTo(10), "a tenth is nobody else's");
        using var share = Open(memory, "audit");
        share.Set((long)(memory.Most * MemoryBudget.LeastForAudits));
        Assert.That(ended, Is.Empty, "so much is the audits' whatever the record has");
        share.Set((long)(memory.Most * MemoryBudget.LeastForAudits) + 2);
        Assert.That(ended, Does.Contain("audit"), "the record's part is not the audits'");
    }
}
