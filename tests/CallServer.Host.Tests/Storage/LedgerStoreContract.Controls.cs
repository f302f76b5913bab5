using System.Text.Json;
using CallServer.Storage;
using NUnit.Framework;

namespace CallServer.Host.Tests.Storage;

/// <summary>
/// The contract for the control log. The store under test keeps it for an hour, five entries of requests that were carried
/// out, and three of those that were refused.
/// </summary>
public abstract partial class LedgerStoreContract
{
    private static readonly DateTimeOffset Eleven = new(2026, 1, 31, 11, 0, 0, TimeSpan.Zero);

    private static (DateTimeOffset, ControlEntry) Control(
        string what,
        string result = ControlEntry.Done,
        int minutesBefore = 0
    ) =>
        (
            Eleven - TimeSpan.FromMinutes(minutesBefore),
            new ControlEntry("then", "token", "192.0.2.1", "POST /v1/takeover", what, 202, result, 1)
        );

    private string Logged() =>
        string.Join(
            ' ',
            Store
                .ReadControls(long.MaxValue, 100)
                .Items.Select(item =>
                    JsonDocument.Parse(item.Json).RootElement.GetProperty("what").GetString()
                )
        );

    [Test]
    public void The_control_log_is_read_newest_first_page_by_page()
    {
        Store.AddControls([Control("a"), Control("b")]);
        Store.AddControls([Control("c")]);

        var first = Reopen().ReadControls(long.MaxValue, 2);
        var rest = Store.ReadControls(first.Next!.Value, 2);

        Assert.That(Logged(), Is.EqualTo("c b a"));
        Assert.That(first.Items, Has.Count.EqualTo(2));
        Assert.That(rest.Items, Has.Count.EqualTo(1));
        Assert.That(rest.Next, Is.Null);
        Assert.That(
            rest.Items[0].Json,
            Is.EqualTo(
                """{"time":"then","who":"token","from":"192.0.2.1","verb":"POST /v1/takeover","what":"a","status":202,"result":"done","count":1}"""
            )
        );
    }

    [Test]
    public void Entries_of_the_control_log_that_are_old_are_forgotten()
    {
        Store.AddControls([
            Control("a", minutesBefore: 61),
            Control("b", minutesBefore: 61),
            Control("c", minutesBefore: 60),
            Control("d"),
        ]);

        Assert.That(Store.Forget(Eleven, 1), Is.EqualTo(new Forgotten(0, 0, 0, 1)));
        Assert.That(Store.Forget(Eleven, 10), Is.EqualTo(new Forgotten(0, 0, 0, 1)));
        Assert.That(Store.Forget(Eleven, 10), Is.EqualTo(default(Forgotten)));
        Assert.That(Logged(), Is.EqualTo("d c"));
    }

    [Test]
    public void A_flood_of_refusals_drives_nothing_out_that_was_carried_out()
    {
        for (var n = 0; n < 7; n++)
            Store.AddControls([Control($"{n}")]);
        Store.AddControls([.. Enumerable.Range(0, 50).Select(n => Control($"r{n}", ControlEntry.Refused))]);

        Assert.That(Store.Forget(Eleven, 100).Controls, Is.EqualTo(2 + 47));
        Assert.That(Logged(), Is.EqualTo("r49 r48 r47 6 5 4 3 2"));
    }
}
