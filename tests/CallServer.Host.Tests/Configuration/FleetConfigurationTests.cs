using CallServer.Host.Tests.Storage;
using CallServer.Server.Configuration;
using CallServer.Surface;

namespace CallServer.Host.Tests.Configuration;

/// <summary>Whether a server runs alone, in a pair or in a fleet, and every mistake in that with its place.</summary>
public sealed class FleetConfigurationTests
{
    private const string Store = """ "store": "postgres://cs@db.example.org/calls", """;
    private const string Fleet = """ "fleet": { "listen": "192.0.2.7:11111" }, """;
    private const string Pair = """ "pair": { "peer": "http://192.0.2.8:8080", "secret": "env:PATH" }, """;

    private static readonly Dictionary<string, string> NoVariables = [];

    private static ServerConfiguration Read(string sections) =>
        ConfigurationLoader.Read(
            System.Text.Encoding.UTF8.GetBytes($$"""{ {{sections}} "gateways": [] }"""),
            "callserver.json",
            NoVariables,
            GatewayProtocols.BuiltIn
        );

    private static string Mode(string mode) => $""" "mode": "{mode}", """;

    private static void Refuses(string sections, string place, string why)
    {
        var mistake = Assert.Throws<ConfigurationException>(() => Read(sections))!.Mistakes.Single();
        Assert.That(mistake.Path, Is.EqualTo(place));
        Assert.That(mistake.Message, Does.Contain(why));
    }

    [Test]
    public void Alone_and_in_a_pair_the_mode_need_not_be_given()
    {
        foreach (var alone in (string[])["", Mode("single")])
            Assert.That(Read(alone), Has.Property("Pair").Null.And.Property("Fleet").Null);
        foreach (var pair in (string[])[Pair, Mode("pair") + Pair])
            Assert.That(Read(pair), Has.Property("Pair").Not.Null.And.Property("Fleet").Null);
    }

    [Test]
    public void A_host_of_a_fleet_says_where_the_others_reach_it()
    {
        var usual = Read(Mode("fleet") + Store + Fleet).Fleet!;
        Assert.That((usual.Listen.ToString(), usual.Units), Is.EqualTo(("192.0.2.7:11111", 1024)));
        Assert.That(
            Read(
                Mode("fleet") + Store + """ "fleet": { "listen": "[::1]:1", "units": 4096 }, """
            ).Fleet!.Units,
            Is.EqualTo(4096)
        );
    }

    [Test]
    public void What_does_not_go_with_a_mode_is_refused()
    {
        Refuses(Mode("cluster"), "mode", "single, pair, fleet");
        Refuses(Mode("single") + Pair, "pair", "no effect");
        Refuses(Mode("pair"), "mode", "needs a section \"pair\"");
        Refuses(Fleet, "fleet", "no effect without");
        Refuses(Mode("pair") + Pair + Fleet, "fleet", "no effect without");
        Refuses(Mode("fleet") + Store + Fleet + Pair, "pair", "no pairs");
    }

    [Test]
    public void A_fleet_needs_a_database_and_an_address()
    {
        Refuses(Mode("fleet") + Fleet, "mode", "postgres://");
        Refuses(Mode("fleet") + """ "store": "calls.db", """ + Fleet, "store", "postgres://");
        Refuses(Mode("fleet") + """ "store": "postgres://db", """ + Fleet, "store", "/DATABASE");
        Refuses(Mode("fleet") + Store, "mode", "\"listen\"");
        Refuses(Mode("fleet") + Store + """ "fleet": { "units": 16 }, """, "fleet", "\"listen\"");
        Refuses(Mode("fleet") + Store + """ "fleet": [], """, "fleet", "an object");
        foreach (var nowhere in (string[])["0.0.0.0:1", "[::]:1"])
            Refuses(
                Mode("fleet") + Store + $$""" "fleet": { "listen": "{{nowhere}}" }, """,
                "fleet.listen",
                "no address"
            );
        Refuses(
            Mode("fleet") + Store + """ "fleet": { "listen": "[::1]:1", "units": 0 }, """,
            "fleet.units",
            "from 1 to 65536"
        );
    }

    [Test]
    public void It_cannot_change_while_the_server_runs() =>
        Assert.That(
            Read(Mode("fleet") + Store + Fleet)
                .NeedsRestart(Read(Mode("fleet") + Store + """ "fleet": { "listen": "[::1]:1" }, """)),
            Is.EqualTo(new[] { "fleet" })
        );

    [TestCase("192.0.2.7:11111", "authenticate")]
    [TestCase("127.0.0.1:11111", "other machines")]
    public void Who_reaches_a_host_deserves_a_thought(string listen, string doubt)
    {
        var file =
            $$"""{ {{Mode("fleet")}} {{Store}} "fleet": { "listen": "{{listen}}" }, "gateways": [] }""";
        var check = ConfigurationCheck.Of(
            System.Text.Encoding.UTF8.GetBytes(file),
            "callserver.json",
            NoVariables,
            GatewayProtocols.BuiltIn
        );
        Assert.That(
            check.Warnings.Single(warning => warning.Path == "fleet.listen").Message,
            Does.Contain(doubt)
        );
    }
}
