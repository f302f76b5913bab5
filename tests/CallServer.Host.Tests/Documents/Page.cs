using System.Text.RegularExpressions;
using CallServer.Host.Tests.Measuring;

namespace CallServer.Host.Tests.Documents;

/// <summary>One command line of a page, and what the page shows as its output; null if it shows none.</summary>
internal sealed record ShownCommand(int Line, string Text, IReadOnlyList<string>? Output);

/// <summary>
/// A block of a page that a reader would type or keep as a file, with the comment above it:
/// <c>&lt;!-- run: exit=2; vice=no-bulk; connections=3 --&gt;</c>, <c>&lt;!-- not run: WHY --&gt;</c> or
/// <c>&lt;!-- file: NAME --&gt;</c>.
/// </summary>
internal sealed record Block(int Line, string Kind, string Directive, string Words, string Text)
{
    /// <summary>CallServer's commands in a shell block; those of others are not among them.</summary>
    public IReadOnlyList<ShownCommand> Commands { get; private init; } = [];

    public bool IsFile => Directive == "file";

    public static Block Of(int line, string kind, string directive, string words, List<string> lines) =>
        new(line, kind, directive, words, string.Join('\n', lines))
        {
            Commands = kind switch
            {
                "sh" => Typed(line, lines),
                "console" => Shown(line, lines),
                _ => [],
            },
        };

    private static List<ShownCommand> Typed(int line, List<string> lines)
    {
        var commands = new List<ShownCommand>();
        for (var at = 0; at < lines.Count; at++)
        {
            var first = at;
            var text = Joined(lines, ref at);
            if (text.StartsWith("callserver ", StringComparison.Ordinal))
                commands.Add(new ShownCommand(line + 1 + first, text, null));
        }
        return commands;
    }

    private static List<ShownCommand> Shown(int line, List<string> lines)
    {
        var commands = new List<ShownCommand>();
        for (var at = 0; at < lines.Count; at++)
        {
            var first = at;
            var text = Joined(lines, ref at);
            if (!text.StartsWith("$ callserver ", StringComparison.Ordinal))
                continue;
            var output = lines
                .Skip(at + 1)
                .TakeWhile(next => !next.StartsWith("$ ", StringComparison.Ordinal));
            commands.Add(new ShownCommand(line + 1 + first, text[2..], [.. output]));
        }
        return commands;
    }

    /// <summary>A line with those that its closing backslashes lead to; <paramref name="at"/> becomes the last one.</summary>
    private static string Joined(List<string> lines, ref int at)
    {
        var text = lines[at];
        while (text.EndsWith('\\') && at + 1 < lines.Count)
            text = text[..^1] + lines[++at].TrimStart();
        return text;
    }
}

/// <summary>The fenced blocks of a page in Markdown.</summary>
internal static partial class Page
{
    /// <summary>The pages for readers: README.md and docs/*.md.</summary>
    public static IEnumerable<string> Names() =>
        Repository.Files("docs", "*.md").Order(StringComparer.Ordinal).Prepend("README.md");

    public static List<Block> Blocks(string text)
    {
        var blocks = new List<Block>();
        var (directive, words) = ("", "");
        List<string>? inside = null;
        var (began, kind) = (0, "");
        var lines = text.Split('\n');
        for (var at = 0; at < lines.Length; at++)
        {
            var line = lines[at].TrimEnd();
            var fence = line.TrimStart();
            if (inside is not null)
            {
                if (fence == "```")
                {
                    blocks.Add(Block.Of(began, kind, directive, words, inside));
                    (inside, directive, words) = (null, "", "");
                }
                else
                    inside.Add(line);
            }
            else if (fence.StartsWith("```", StringComparison.Ordinal))
                (inside, began, kind) = ([], at + 1, fence[3..].Split(' ')[0]);
            else if (Comment().Match(line) is { Success: true } comment)
                (directive, words) = (comment.Groups[1].Value, comment.Groups[2].Value.Trim());
            else if (line.Length > 0)
                (directive, words) = ("", "");
        }
        return blocks;
    }

    [GeneratedRegex("^<!-- (run|not run|file): (.*) -->$")]
    private static partial Regex Comment();
}
