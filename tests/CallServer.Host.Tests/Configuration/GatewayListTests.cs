using System.Text;
using CallServer.Server.Configuration;

namespace CallServer.Host.Tests.Configuration;

/// <summary>Adding and removing gateways in the text of a file, which stays as its author wrote it.</summary>
public sealed class GatewayListTests
{
    private const string New = """{ "id": "new" }""";

    private static string Add(string file) =>
        Encoding.UTF8.GetString(GatewayList.Add(Encoding.UTF8.GetBytes(file), New)!);

    private static string? Remove(string file, int number) =>
        GatewayList.Remove(Encoding.UTF8.GetBytes(file), number) is { } edited
            ? Encoding.UTF8.GetString(edited)
            : null;

    private const string Plain = """
        {
          "server": { "name": "cs-a" }, // with a comment
          "gateways": [
            { "id": "a" }, // in Bern
            // the big one
            {
              "id": "b" /* , */
            }, { "id": "c" }  // in Basel
          ],
          "profiles": { "x": { "gateways": [ 1, 2 ] } }
        }

        """;

    [Test]
    public void ANewOneStandsOnALineOfItsOwnAfterTheCommentsOfTheLast() =>
        Assert.That(
            Add(
                """
                {
                  "gateways": [
                    { "id": "a" }, // in Bern
                    { "id": "b" }  // in Basel, not in Rome
                    // the end
                  ], "server": {}
                }
                """
            ),
            Is.EqualTo(
                """
                {
                  "gateways": [
                    { "id": "a" }, // in Bern
                    { "id": "b" },  // in Basel, not in Rome
                    // the end
                    { "id": "new" }
                  ], "server": {}
                }
                """
            )
        );

    [TestCase("""{"gateways":[]}""", """{"gateways":[ { "id": "new" } ]}""")]
    [TestCase("""{"gateways":[{"id":"a"}]}""", """{"gateways":[{"id":"a"}, { "id": "new" }]}""")]
    [TestCase("""{"gateways": [ {"id":"a"}, ] }""", """{"gateways": [ {"id":"a"}, { "id": "new" }, ] }""")]
    [TestCase("{\"gateways\": [\n  ] }", "{\"gateways\": [\n    { \"id\": \"new\" }\n  ] }")]
    [TestCase(
        "{\"gateways\": [ // none, yet\n  ] }",
        "{\"gateways\": [ // none, yet\n    { \"id\": \"new\" }\n  ] }"
    )]
    [TestCase(
        "{\"gateways\": [\r\n\t{\"id\":\"a\"}\r\n] }",
        "{\"gateways\": [\r\n\t{\"id\":\"a\"},\r\n\t{ \"id\": \"new\" }\r\n] }"
    )]
    [TestCase("\ufeff{\"gateways\":[1]}", "\ufeff{\"gateways\":[1, { \"id\": \"new\" }]}")]
    [TestCase(
        """{"x":{"gateways":[]},"gateways":[1 /* ] */ ]}""",
        """{"x":{"gateways":[]},"gateways":[1, /* ] */ { "id": "new" } ]}"""
    )]
    [TestCase(
        """{"gateways":["a // no comment, ]"]}""",
        """{"gateways":["a // no comment, ]", { "id": "new" }]}"""
    )]
    public void TheFormOfTheListIsKept(string file, string after) =>
        Assert.That(Add(file), Is.EqualTo(after));

    [TestCase("""{"gateways":{}}""")]
    [TestCase("""{"x":[]}""")]
    [TestCase("""{"gateways":[""")]
    [TestCase("")]
    public void WhereThereIsNoListNothingIsMade(string file) =>
        Assert.That(GatewayList.Add(Encoding.UTF8.GetBytes(file), New), Is.Null);

    [Test]
    public void ARemovedOneTakesItsLineAndTheCommentBesideIt() =>
        Assert.That(Remove(Plain, 0), Is.EqualTo(Plain.Replace("    { \"id\": \"a\" }, // in Bern\n", "")));

    [Test]
    public void ARemovedOneTakesNothingOfItsNeighboursOnTheSameLine()
    {
        Assert.That(
            Remove(Plain, 1),
            Is.EqualTo(Plain.Replace("{\n      \"id\": \"b\" /* , */\n    }, {", "{"))
        );
        Assert.That(
            Remove(Plain, 2),
            Is.EqualTo(Plain.Replace("}, { \"id\": \"c\" }  // in Basel", "}  // in Basel"))
        );
    }

    [TestCase(3)]
    [TestCase(-1)]
    public void WhatIsNotThereIsNotRemoved(int number) => Assert.That(Remove(Plain, number), Is.Null);

    [TestCase("""{"gateways":[1,2,3]}""", 2, """{"gateways":[1,2]}""")]
    [TestCase("""{"gateways":[1, 2, 3, ]}""", 2, """{"gateways":[1, 2, ]}""")]
    [TestCase("""{"gateways":[1]}""", 0, """{"gateways":[]}""")]
    [TestCase("""{"gateways":[ 1 /* , */ , 2]}""", 0, """{"gateways":[ 2]}""")]
    public void CommasStayRight(string file, int number, string after) =>
        Assert.That(Remove(file, number), Is.EqualTo(after));

    [Test]
    public void WhatIsAddedAndRemovedLeavesNoTrace()
    {
        foreach (
            var file in new[]
            {
                Plain,
                Plain.Replace("\n", "\r\n"),
                """{"gateways":[{"id":"a"}]}""",
                """{"gateways": [ {"id":"a"}, {"id":"b"} ] }""",
                "{\n  \"gateways\": [\n    { \"id\": \"a\" },\n  ]\n}",
                "{\n  \"gateways\": [\n  ]\n}",
                "{ \"gateways\": [ { \"id\": \"a\" }, // one\n    { \"id\": \"b\" } ] }",
            }
        )
        {
            var added = Add(file);
            var count = System.Text.RegularExpressions.Regex.Count(added, "\"id\"");
            Assert.That(Remove(added, count - 1), Is.EqualTo(file));
        }
    }
}
