using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using CallServer.Host.Cli;
using CallServer.Host.Cli.Live;
using CallServer.Host.Cli.Output;
using NUnit.Framework;

namespace CallServer.Host.Tests.Cli;

[TestFixture]
internal sealed class LiveViewTests
{
    private const string SecondScreen = "\u001b[?1049h";
    private const string FirstScreen = "\u001b[?1049l";

    private static ConsoleKeyInfo Key(char c) => new(c, Keyed(c), false, false, false);

    private static ConsoleKey Keyed(char c) =>
        c switch
        {
            '\r' => ConsoleKey.Enter,
            '\u001b' => ConsoleKey.Escape,
            '\b' => ConsoleKey.Backspace,
            _ => ConsoleKey.None,
        };

    private static ConsoleKeyInfo Key(ConsoleKey key) => new('\0', key, false, false, false);

    private static Browsing Typed(string keys) =>
        keys.Aggregate(new Browsing(), (now, key) => now.After(Key(key), columns: 3, rows: 100, page: 10));

    [Test]
    public void S_goes_through_the_columns_and_back_to_the_servers_order() =>
        Assert.That(
            new[] { "", "s", "ss", "sss", "ssss", "S", "SS" }.Select(keys => Typed(keys).Sort),
            Is.EqualTo(new int?[] { null, 0, 1, 2, null, 2, 1 })
        );

    [TestCase("/abc", "abc", true)]
    [TestCase("/abc\r", "abc", false)]
    [TestCase("/abc\b", "ab", true)]
    [TestCase("/q\r", "q", false)]
    [TestCase("/abc\u001b", "", false)]
    [TestCase("/abc\r\u001b", "", false)]
    [TestCase("/\b", "", false)]
    public void A_filter_is_typed_kept_and_dropped(string keys, string filter, bool typing)
    {
        var browsing = Typed(keys);
        Assert.That((browsing.Filter, browsing.Typing, browsing.Over), Is.EqualTo((filter, typing, false)));
    }

    [Test]
    public void Scrolling_stays_within_the_list()
    {
        var now = new Browsing();
        var firsts = new List<int>();
        foreach (
            var key in new[]
            {
                ConsoleKey.UpArrow,
                ConsoleKey.DownArrow,
                ConsoleKey.PageDown,
                ConsoleKey.End,
                ConsoleKey.PageDown,
                ConsoleKey.PageUp,
                ConsoleKey.Home,
            }
        )
        {
            now = now.After(Key(key), columns: 3, rows: 25, page: 10);
            firsts.Add(now.First);
        }
        Assert.That(firsts, Is.EqualTo(new[] { 0, 1, 11, 15, 15, 5, 0 }));
    }

    [Test]
    public void Numbers_are_sorted_by_size_and_empty_cells_last()
    {
        var rows = new[] { "9 ms", "", "10 ms", "1.5 ms", "x" }
            .Select(cell => JsonSerializer.SerializeToElement(new { cell }))
            .ToList();
        var frame = new LiveFrame([], [Column.Of("cell", "cell")], rows, "rows", null);
        Assert.That(
            frame.Arranged(new Browsing { Sort = 0 }).Select(row => row.Text("cell")),
            Is.EqualTo(new[] { "1.5 ms", "9 ms", "10 ms", "x", "" })
        );
    }

    [Test]
    public void A_list_that_grows_shows_its_newest_first()
    {
        var rows = new[] { 1, 2, 3 }.Select(n => JsonSerializer.SerializeToElement(new { n })).ToList();
        var frame = new LiveFrame([], [Column.Of("n", "n")], rows, "rows", null) { Grows = true };
        Assert.That(
            frame.Arranged(new Browsing()).Select(row => row.Number("n")),
            Is.EqualTo(new[] { 3, 2, 1 })
        );
    }

    [Test]
    public async Task A_person_sorts_filters_and_quits()
    {
        await using var server = await StubServer.StartAsync(_ => (200, Connections("b", "a", "c")));
        var run = await WatchAsync(
            ["connections", "--watch", "--server", server.Address],
            ("3 connections", "ss"),
            ("▲", "/"),
            ("Enter keeps", "id-b\r"),
            ("1 of 3 connections", "q")
        );
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero, run.Error);
            Assert.That(run.Out, Does.StartWith(SecondScreen).And.EndWith(FirstScreen));
            Assert.That(run.Out, Does.Contain("filter: id-b (Esc drops it)"));
            Assert.That(run.Error, Is.Empty);
        });
    }

    [Test]
    public async Task A_server_that_is_lost_is_said_and_found_again()
    {
        var lost = false;
        await using var server = await StubServer.StartAsync(_ =>
            lost ? (503, "{}") : (200, Connections("a"))
        );
        var run = await WatchAsync(
            ["connections", "--watch", "--server", server.Address],
            ("1 connection, as of", () => lost = true),
            ("LOST", () => lost = false),
            ("\u001b[H\u001b[2K\u001b[1mgateway", "q")
        );
        Assert.That(run.Status, Is.Zero);
        Assert.That(run.Out, Does.Contain("shown is 2026-01-31T10:00:00.000Z").And.Contain("503"));
    }

    [Test]
    public async Task However_it_ends_the_terminal_is_given_back()
    {
        await using var server = await StubServer.StartAsync(_ => (200, Connections("a")));
        using var interrupt = new CancellationTokenSource();
        var run = await WatchAsync(
            ["connections", "--watch", "--server", server.Address],
            interrupt.Token,
            ("1 connection, as of", interrupt.Cancel)
        );
        Assert.That(run.Status, Is.Zero);
        Assert.That(run.Out, Does.EndWith(FirstScreen));
    }

    [Test]
    public async Task Top_shows_the_server_and_its_gateways()
    {
        await using var server = await StubServer.StartAsync(request => (200, Glance(request.Path)));
        var run = await WatchAsync(["top", "--server", server.Address], ("last recovery", "q"));
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero, run.Error);
            foreach (
                var part in new[]
                {
                    "cs-a",
                    "primary, epoch 1",
                    "NOT READY",
                    "CDRs 2 in the last minute",
                    "1 one-sided",
                    "cdr.http: the receiver is away",
                    "RADIUS: so is it",
                    "3 recovered, 4 confirmed, 5 ended, 6 unknown, in 1.8 s",
                    "gw1",
                    "1 gateway, as of",
                }
            )
                Assert.That(run.Out, Does.Contain(part));
        });
    }

    [Test]
    public async Task Top_in_a_pipe_is_one_look()
    {
        await using var server = await StubServer.StartAsync(request => (200, Glance(request.Path)));
        var run = await CliRun.Of("top", "--server", server.Address);
        Assert.Multiple(() =>
        {
            Assert.That(run.Status, Is.Zero);
            Assert.That(run.Out, Does.Match("findings +1 one-sided"));
            Assert.That(
                run.Out,
                Does.Match("trouble +cdr.http: the receiver is away\ntrouble +RADIUS: so is it")
            );
            Assert.That(run.Out, Does.Contain("\nGATEWAY ").And.Contain("\ngw1 "));
            Assert.That(run.Out, Does.Not.Contain("\u001b"));
        });
    }

    private static string List(string items) =>
        $$"""{"asOf":"2026-01-31T10:00:00.000000Z","complete":true,"incomplete":[],"items":[{{items}}],"next":null}""";

    private static string Connections(params string[] names) =>
        List(
            string.Join(
                ',',
                names.Select(name => $$"""{"gateway":"gw1","id":"id-{{name}}","status":"confirmed"}""")
            )
        );

    private static string Glance(string path) =>
        path switch
        {
            "/v1/status" =>
                """{"name":"cs-a","role":"primary","epoch":1,"peer":null,"ready":false,"uptimeSeconds":61,"connections":7,"gateways":{"total":1,"complete":1,"partial":0,"silent":0},"troubles":["cdr.http: the receiver is away","RADIUS: so is it"]}""",
            "/v1/gateways" => List("""{"gateway":"gw1","status":"complete","connections":7}"""),
            "/v1/calls" => List("""{"call":"c","findings":[{"kind":"one-sided"}]}"""),
            "/v1/cdrs" => List("""{"id":"1"},{"id":"2"}"""),
            _ => List(
                """{"server":"cs-a","cause":"peer-silent","decided":"2026-01-31T09:00:00.000000Z","whole":true,"recoverySeconds":1.8,"gateways":{"waiting":0},"connections":{"recovered":3,"confirmed":4,"ended":5,"unknown":6}}"""
            ),
        };

    private static Task<CliRun> WatchAsync(string[] arguments, params Step[] script) =>
        WatchAsync(arguments, CancellationToken.None, script);

    /// <summary>Runs a command on a terminal where a person does something when a text appears.</summary>
    private static async Task<CliRun> WatchAsync(
        string[] arguments,
        CancellationToken cancel,
        params Step[] script
    )
    {
        var keys = Channel.CreateUnbounded<ConsoleKeyInfo>();
        var output = new Person(script, keys.Writer);
        var error = CliRun.Writer();
        var surroundings = new Surroundings
        {
            Variable = _ => null,
            Keys = () => keys.Reader,
            WatchEvery = TimeSpan.FromMilliseconds(1),
        };
        var terminal = new Terminal(output, error, CliRun.Screen(output, 160, ansi: true));
        var status = await new CommandLine(terminal, surroundings).RunAsync(arguments, cancel);
        return new CliRun(status, output.ToString(), error.ToString());
    }

    /// <summary>What a person does when a text appears: types these keys, or something else.</summary>
    private sealed record Step(string Appears, string Keys, Action? Act = null)
    {
        public static implicit operator Step((string Appears, string Keys) step) =>
            new(step.Appears, step.Keys);

        public static implicit operator Step((string Appears, Action Act) step) =>
            new(step.Appears, "", step.Act);
    }

    private sealed class Person(IEnumerable<Step> script, ChannelWriter<ConsoleKeyInfo> keys) : StringWriter
    {
        private readonly Queue<Step> left = new(script);

        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(string? value)
        {
            base.Write(value);
            if (
                !left.TryPeek(out var step)
                || value?.Contains(step.Appears, StringComparison.Ordinal) != true
            )
                return;
            left.Dequeue();
            step.Act?.Invoke();
            foreach (var key in step.Keys)
                keys.TryWrite(Key(key));
        }
    }
}
