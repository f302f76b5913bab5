using CallServer.Storage;
using CallServer.Surface;
using NUnit.Framework;

namespace CallServer.Host.Tests.Storage;

/// <summary>Folding commits that the store could not take.</summary>
[TestFixture]
public sealed class StoreCommitTests
{
    [Test]
    public void Two_commits_as_one_leave_the_same_as_both_in_order([Range(0, 499)] int seed)
    {
        var random = new Random(seed);
        var commits = Enumerable.Range(0, 4).Select(_ => RandomCommit(random)).ToArray();
        var start = Enumerable.Range(0, 6).ToDictionary(i => $"c{i}", i => -1);

        var inOrder = commits.Aggregate(start, Apply);
        var folded = commits.Aggregate((earlier, later) => earlier.Then(later));

        Assert.That(Apply(start, folded), Is.EqualTo(inOrder));
        Assert.That(folded.Upserts.Select(row => row.Id), Is.Unique);
        Assert.That(folded.Upserts.Select(row => row.Id).Intersect(folded.Deletes), Is.Empty);
        Assert.That(folded.Gateway, Is.SameAs(commits[^1].Gateway));
        Assert.That(folded.Cdrs, Is.EqualTo(commits.SelectMany(commit => commit.Cdrs)));
        Assert.That(folded.Changes, Is.EqualTo(commits.SelectMany(commit => commit.Changes)));
        Assert.That(folded.Audits, Is.EqualTo(commits.SelectMany(commit => commit.Audits)));
        Assert.That(folded.Starts, Is.EqualTo(commits.SelectMany(commit => commit.Starts)));
        Assert.That(folded.Interims, Is.EqualTo(commits.SelectMany(commit => commit.Interims)));
        Assert.That(folded.Held, Is.EqualTo(commits.All(commit => commit.Held)));
        Assert.That(folded.Releases, Is.EqualTo(commits.SelectMany(commit => commit.Releases)));
    }

    [Test]
    public void Commits_of_two_gateways_are_not_one() =>
        Assert.That(
            () => TestRows.Commit("gw1").Then(TestRows.Commit("gw2")),
            Throws.TypeOf<ArgumentException>()
        );

    [Test]
    public void What_was_made_under_another_epoch_is_left_out()
    {
        var earlier = TestRows.Commit(TestRows.Connection("a")) with
        {
            Fence = new UnitFence(1, 1),
            Cdrs = [TestRows.Cdr("old")],
        };
        var later = TestRows.Commit(TestRows.Connection("b")) with { Fence = new UnitFence(1, 2) };

        Assert.That(earlier.Then(later), Is.SameAs(later));
        Assert.That(earlier.Then(earlier with { Cdrs = [] }).Cdrs, Has.Count.EqualTo(1));
    }

    private static StoreCommit RandomCommit(Random random)
    {
        var ids = Enumerable.Range(0, 8).Select(i => $"c{i}").ToArray();
        random.Shuffle(ids);
        var upserts = random.Next(4);
        return new StoreCommit
        {
            Gateway = TestRows.Gateway(),
            Upserts =
            [
                .. ids[..upserts]
                    .Select(id => TestRows.Connection(id, change: row => row.Run = random.Next(1000))),
            ],
            Deletes = ids[upserts..(upserts + random.Next(4))],
            Cdrs = [TestRows.Cdr($"{random.Next()}")],
            Changes = [TestRows.Change("updated")],
            Audits = [TestRows.Audit()],
            Releases = [TestRows.Release($"{random.Next()}")],
            Starts = [TestRows.Cdr($"{random.Next()}")],
            Interims = [TestRows.Cdr($"{random.Next()}")],
            Held = random.Next(4) > 0,
        };
    }

    private static Dictionary<string, int> Apply(Dictionary<string, int> rows, StoreCommit commit)
    {
        var next = new Dictionary<string, int>(rows);
        foreach (var id in commit.Deletes)
            next.Remove(id);
        foreach (var row in commit.Upserts)
            next[row.Id] = row.Run;
        return next;
    }
}
