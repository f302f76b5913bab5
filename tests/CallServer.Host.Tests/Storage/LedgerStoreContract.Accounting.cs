using CallServer.Storage;
using NUnit.Framework;

namespace CallServer.Host.Tests.Storage;

/// <summary>The contract of the outbox: who reads what, what is held, what is deleted.</summary>
public abstract partial class LedgerStoreContract
{
    [Test]
    public void What_began_and_ended_enters_the_outbox_with_the_commit()
    {
        Store.RegisterReaders(["file"]);
        var start = TestRows.Cdr("a");
        var interim = TestRows.Cdr("b");
        var stop = TestRows.Cdr("c", "gw2");

        var result = Store.Commit(
            TestRows.Commit("gw2") with
            {
                Starts = [start],
                Interims = [interim],
                Cdrs = [stop],
            }
        );

        Assert.That(result.Told, Is.True);
        var entries = Reopen().ReadAccounting("file", 10).Items;
        Assert.That(
            entries.Select(entry => (entry.Kind, entry.Id, entry.Gateway, entry.Json)),
            Is.EqualTo(
                new[]
                {
                    (AccountingKind.Start, "a", "gw1", RecordJson.Cdr(start)),
                    (AccountingKind.Interim, "b", "gw1", RecordJson.Cdr(interim)),
                    (AccountingKind.Stop, "c", "gw2", RecordJson.Cdr(stop)),
                }
            )
        );
        Assert.That(entries.Select(entry => entry.Sequence), Is.Ordered.And.Unique);
        Assert.That(entries[0].At, Is.EqualTo(DateTimeOffset.UtcNow).Within(TimeSpan.FromHours(1)));
        Assert.That(Store.ReadCdrs(null, null, 0, 10).Items, Is.EqualTo(result.Cdrs), "finals alone");
        Assert.That(result.Cdrs, Has.Count.EqualTo(1));
    }

    [Test]
    public void A_CDR_that_the_store_has_does_not_enter_the_outbox_again()
    {
        Store.RegisterReaders(["file"]);
        Store.Commit(TestRows.Commit() with { Cdrs = [TestRows.Cdr("a")] });

        var again = Store.Commit(TestRows.Commit() with { Cdrs = [TestRows.Cdr("a")] });

        Assert.That(again.Told, Is.False);
        Assert.That(Ids("file"), Is.EqualTo(new[] { "a" }));
    }

    [Test]
    public void Each_reader_goes_on_where_it_was()
    {
        Store.RegisterReaders(["file", "radius"]);
        for (var i = 0; i < 5; i++)
            Store.Commit(TestRows.Commit() with { Cdrs = [TestRows.Cdr($"{i}")] });

        var page = Store.ReadAccounting("file", 3);
        Assert.That(page.Next, Is.EqualTo(page.Items[^1].Sequence));
        Store.AdvanceAccounting("file", page.Items[^1].Sequence);
        Store.AdvanceAccounting("file", page.Items[0].Sequence);

        Reopen().RegisterReaders(["file", "radius"]);
        Assert.That(Ids("file"), Is.EqualTo(new[] { "3", "4" }), "a mark never goes back");
        Assert.That(Ids("radius"), Is.EqualTo(new[] { "0", "1", "2", "3", "4" }));
        Assert.That(Store.ReadAccounting("file", 2).Next, Is.Null);
    }

    [Test]
    public void What_all_readers_have_passed_is_forgotten_and_its_number_never_used_again()
    {
        Store.RegisterReaders(["file", "radius"]);
        Store.Commit(TestRows.Commit() with { Cdrs = [TestRows.Cdr("a"), TestRows.Cdr("b")] });
        var entries = Store.ReadAccounting("file", 10).Items;

        Store.AdvanceAccounting("file", entries[1].Sequence);
        Assert.That(CountAccounting(), Is.EqualTo(2));
        Store.AdvanceAccounting("radius", entries[0].Sequence);
        Assert.That(CountAccounting(), Is.EqualTo(1));
        Store.AdvanceAccounting("radius", entries[1].Sequence);
        Assert.That(CountAccounting(), Is.Zero);

        Reopen().RegisterReaders(["file", "radius"]);
        Store.Commit(TestRows.Commit() with { Cdrs = [TestRows.Cdr("c")] });
        Assert.That(Ids("radius"), Is.EqualTo(new[] { "c" }));
        Assert.That(Store.ReadAccounting("file", 1).Items[0].Sequence, Is.GreaterThan(entries[1].Sequence));
    }

    [Test]
    public void A_reader_that_is_not_named_any_more_holds_nothing_back()
    {
        Store.RegisterReaders(["file", "radius"]);
        Store.Commit(TestRows.Commit() with { Cdrs = [TestRows.Cdr("a")] });
        Store.AdvanceAccounting("file", Store.ReadAccounting("file", 1).Items[0].Sequence);
        Assert.That(CountAccounting(), Is.EqualTo(1));

        Reopen().RegisterReaders(["file"]);

        Assert.That(CountAccounting(), Is.Zero);
    }

    /// <summary>The HTTP push keeps such a mark beside that of its reader.</summary>
    [Test]
    public void A_mark_of_a_name_that_does_not_read_is_kept_and_holds_nothing_back()
    {
        Store.RegisterReaders(["file"]);
        Store.Commit(
            TestRows.Commit() with
            {
                Cdrs = [TestRows.Cdr("a"), TestRows.Cdr("b"), TestRows.Cdr("c")],
            }
        );
        var entries = Store.ReadAccounting("file", 10).Items;
        Store.AdvanceAccounting("mark", entries[1].Sequence);

        Reopen().RegisterReaders(["file"]);
        Assert.That(
            (Store.CountAccounting("file"), Store.CountAccounting("mark")),
            Is.EqualTo((3L, 1L)),
            "a and b are between the two"
        );
        Store.AdvanceAccounting("file", entries[2].Sequence);
        Assert.That(CountAccounting(), Is.Zero);
    }

    [Test]
    public void Where_nobody_reads_only_what_is_held_is_kept()
    {
        Store.Commit(TestRows.Commit() with { Cdrs = [TestRows.Cdr("a")] });
        Assert.That(CountAccounting(), Is.EqualTo(1), "nobody has said yet who reads");
        Store.RegisterReaders([]);
        Assert.That(CountAccounting(), Is.Zero);

        var told = Store.Commit(TestRows.Commit() with { Cdrs = [TestRows.Cdr("b")] }).Told;
        Store.Commit(TestRows.Commit() with { Cdrs = [TestRows.Cdr("c")], Held = true });

        Assert.That(told, Is.False);
        Assert.That(CountAccounting(), Is.EqualTo(1));
        Store.ReleaseAllHeld();
        Assert.That(CountAccounting(), Is.Zero);
    }

    [Test]
    public void What_is_held_waits_for_its_release_and_then_comes_last()
    {
        Store.RegisterReaders(["file"]);
        var held = Hold("a", "b", "c", "d");
        Store.Commit(TestRows.Commit() with { Cdrs = [TestRows.Cdr("e")] });
        Assert.That(Ids("file"), Is.EqualTo(new[] { "e" }));
        Store.AdvanceAccounting("file", Store.ReadAccounting("file", 1).Items[0].Sequence);
        Assert.That(HeldIds(), Is.EqualTo(new[] { "a", "b", "c", "d" }), "whatever the readers have passed");

        Store.DropHeld([held[1]]);
        Store.ReleaseHeld([held[2], held[0], held[0], 999]);

        Assert.That(Ids("file"), Is.EqualTo(new[] { "a", "c" }), "in the order of their sequences");
        Assert.That(HeldIds(), Is.EqualTo(new[] { "d" }));
        Reopen().RegisterReaders(["file"]);
        Store.ReleaseAllHeld();
        Assert.That(Ids("file"), Is.EqualTo(new[] { "a", "c", "d" }));
        Assert.That(HeldIds(), Is.Empty);
        Assert.That(Store.ReadCdrs(null, null, 0, 10).Items, Has.Count.EqualTo(5));
    }

    [Test]
    public void Only_what_is_held_is_released_or_dropped()
    {
        Store.RegisterReaders(["file"]);
        Store.Commit(TestRows.Commit() with { Cdrs = [TestRows.Cdr("a")] });
        var sequence = Store.ReadAccounting("file", 1).Items[0].Sequence;

        Store.DropHeld([sequence]);
        Store.ReleaseHeld([sequence]);

        Assert.That(Store.ReadAccounting("file", 10).Items.Single().Sequence, Is.EqualTo(sequence));
    }

    [Test]
    public void What_is_held_is_read_page_by_page()
    {
        Hold("a", "b", "c");

        var first = Store.ReadHeld(0, 2);
        var rest = Store.ReadHeld(first.Next!.Value, 2);

        Assert.That(
            first.Items.Concat(rest.Items).Select(entry => entry.Id),
            Is.EqualTo(new[] { "a", "b", "c" })
        );
        Assert.That(rest.Next, Is.Null);
    }

    [Test]
    public void A_standby_tells_no_starts_and_no_interims()
    {
        Store.RegisterReaders(["file"]);

        var told = Store
            .Commit(
                TestRows.Commit() with
                {
                    Starts = [TestRows.Cdr("a")],
                    Interims = [TestRows.Cdr("b")],
                    Cdrs = [TestRows.Cdr("c")],
                    Held = true,
                }
            )
            .Told;

        Assert.That(told, Is.False);
        Assert.That(HeldIds(), Is.EqualTo(new[] { "c" }));
        Assert.That(CountAccounting(), Is.EqualTo(1));
    }

    /// <summary>Number of entries in the outbox.</summary>
    protected abstract int CountAccounting();

    private long[] Hold(params string[] ids)
    {
        foreach (var id in ids)
            Store.Commit(TestRows.Commit() with { Cdrs = [TestRows.Cdr(id)], Held = true });
        return [.. Store.ReadHeld(0, 100).Items.Select(entry => entry.Sequence)];
    }

    private string[] HeldIds() => [.. Store.ReadHeld(0, 100).Items.Select(entry => entry.Id)];

    private string[] Ids(string reader) =>
        [.. Store.ReadAccounting(reader, 100).Items.Select(entry => entry.Id)];
}
