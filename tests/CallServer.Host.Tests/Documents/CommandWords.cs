using System.Text;

namespace CallServer.Host.Tests.Documents;

/// <summary>A command line as a shell takes it apart: words, and the file that takes its output.</summary>
internal sealed record CommandWords(IReadOnlyList<string> Words, string? Into)
{
    /// <summary>Only the command itself: what follows a pipe is not run.</summary>
    public static CommandWords Of(string text)
    {
        var words = new List<string>();
        string? into = null;
        var isInto = false;
        for (var at = 0; at < text.Length; )
        {
            if (text[at] == ' ')
                at++;
            else if (text[at] is '#' or '|')
                break;
            else if (text[at] == '>')
                (isInto, at) = (true, at + 1);
            else
            {
                var word = Word(text, ref at);
                if (isInto)
                    into = word;
                else
                    words.Add(word);
            }
        }
        return new CommandWords(words, into);
    }

    private static string Word(string text, ref int at)
    {
        var word = new StringBuilder();
        var quote = '\0';
        for (; at < text.Length && (quote != '\0' || text[at] != ' '); at++)
        {
            if (quote != '\0' && text[at] == quote)
                quote = '\0';
            else if (quote == '\0' && text[at] is ('\'' or '"'))
                quote = text[at];
            else
                word.Append(text[at]);
        }
        return word.ToString();
    }
}
