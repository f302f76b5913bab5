using System.Text;
using CallServer.Server.Configuration;
using CallServer.Surface;
using NUnit.Framework;

namespace CallServer.Host.Tests.Configuration;

/// <summary>The product accepts what docs/profiles.md shows.</summary>
[TestFixture]
internal sealed class ProfileReferenceTests
{
    private static string Page()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "CallServer.slnx")))
            folder = folder.Parent;
        Assert.That(folder, Is.Not.Null, "the tests run inside the repository");
        return File.ReadAllText(Path.Combine(folder!.FullName, "docs", "profiles.md"));
    }

    private static IEnumerable<string> Examples() =>
        Page().Split("```json\n").Skip(1).Select(rest => rest.Split("```")[0]);

    [Test]
    public void Every_example_is_read_without_a_mistake()
    {
        var examples = Examples().ToList();
        Assert.That(examples, Is.Not.Empty);
        foreach (var example in examples)
        {
            var targets = GatewayProtocols.BuiltIn.WithProfiles(
                ConfigurationFile.Parse(Encoding.UTF8.GetBytes(example), "docs/profiles.md"),
                "docs/profiles.md"
            );
            Assert.That(targets.ProfileNames, Does.Contain("acme").And.Contain("acme-oem"));
        }
    }

    [TestCase("about")]
    [TestCase("nested")]
    [TestCase("joined")]
    [TestCase("subtrees")]
    [TestCase("positional")]
    [TestCase("where")]
    [TestCase("serves")]
    [TestCase("mayRing")]
    [TestCase("rowsPerUnit")]
    [TestCase("driftPpm")]
    [TestCase("boot")]
    [TestCase("trust")]
    [TestCase("emptyNeedsCount")]
    [TestCase("staleness")]
    [TestCase("idsTiedToBoot")]
    [TestCase("reusesIds")]
    [TestCase("absencesToClose")]
    public void Every_member_is_explained(string member) => Assert.That(Page(), Does.Contain($"`{member}`"));
}
