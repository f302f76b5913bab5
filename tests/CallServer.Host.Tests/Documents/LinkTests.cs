using System.Text.RegularExpressions;
using CallServer.Host.Tests.Measuring;

namespace CallServer.Host.Tests.Documents;

/// <summary>Every link of the pages to a file or a section of this repository leads there.</summary>
internal sealed partial class LinkTests
{
    private static IEnumerable<string> Pages() =>
        [.. Page.Names(), "CONTRIBUTING.md", .. Repository.Files("docs/adr", "*.md")];

    [TestCaseSource(nameof(Pages))]
    public void EveryLinkLeadsSomewhere(string page)
    {
        using var all = Assert.EnterMultipleScope();
        foreach (Match link in Link().Matches(Prose(page)))
        {
            var (file, anchor) = (link.Groups["file"].Value, link.Groups["anchor"].Value);
            var target = file.Length == 0 ? page : Repository.Beside(page, file);
            Assert.That(Repository.Has(target), $"{page}: {link.Value}: there is no {target}");
            if (anchor.Length > 0 && Repository.Has(target))
                Assert.That(Anchors(target), Does.Contain(anchor), $"{page}: {link.Value}");
        }
    }

    private static string Prose(string page) => Fenced().Replace(Repository.Read(page), "");

    /// <summary>The headings as the usual renderers of Markdown name them.</summary>
    private static IEnumerable<string> Anchors(string page) =>
        Heading()
            .Matches(Prose(page))
            .Select(heading =>
                Dropped().Replace(heading.Groups[1].Value.Trim().ToLowerInvariant(), "").Replace(' ', '-')
            );

    [GeneratedRegex(@"\]\((?!https?:)(?<file>[^)#\s]*)(?:#(?<anchor>[^)\s]+))?\)")]
    private static partial Regex Link();

    [GeneratedRegex("^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fenced();

    [GeneratedRegex("^#+ (.*)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex Dropped();
}
