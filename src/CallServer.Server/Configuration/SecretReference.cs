using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace CallServer.Server.Configuration;

/// <summary>
/// Names where a secret is kept: <c>env:NAME</c> or <c>file:PATH</c>. Never contains the secret itself.
/// </summary>
public sealed record SecretReference
{
    private const string EnvironmentPrefix = "env:";
    private const string FilePrefix = "file:";
    private const int Longest = 64 * 1024;

    private SecretReference(string text) => Text = text;

    /// <summary>The reference as written.</summary>
    public string Text { get; }

    /// <summary>The path of the file that holds the secret; null if it is in the environment.</summary>
    internal string? File =>
        Text.StartsWith(FilePrefix, StringComparison.Ordinal) ? Text[FilePrefix.Length..] : null;

    /// <summary>
    /// Parses a reference. The mistake never repeats the text: if it is not a reference, it may be the secret itself.
    /// </summary>
    public static bool TryParse(
        string? text,
        [NotNullWhen(true)] out SecretReference? reference,
        [NotNullWhen(false)] out string? mistake
    )
    {
        var named =
            text is not null
            && (
                (
                    text.StartsWith(EnvironmentPrefix, StringComparison.Ordinal)
                    && text.Length > EnvironmentPrefix.Length
                )
                || (text.StartsWith(FilePrefix, StringComparison.Ordinal) && text.Length > FilePrefix.Length)
            );
        reference = named ? new SecretReference(text!) : null;
        mistake = named ? null : "a secret is named here, never written: env:NAME or file:PATH is expected";
        return named;
    }

    /// <summary>
    /// Reads the secret: the variable's text as UTF-8, or the file's octets without the trailing line end that
    /// editors add. The mistake names the place and the reason, never the content.
    /// </summary>
    public bool TryRead([NotNullWhen(true)] out byte[]? secret, [NotNullWhen(false)] out string? mistake)
    {
        secret = null;
        mistake = Text.StartsWith(EnvironmentPrefix, StringComparison.Ordinal)
            ? ReadEnvironment(Text[EnvironmentPrefix.Length..], ref secret)
            : ReadFile(Text[FilePrefix.Length..], ref secret);
        if (mistake is null && secret is { Length: 0 })
        {
            secret = null;
            mistake = $"the secret {Text} is empty";
        }

        return mistake is null;
    }

    /// <inheritdoc/>
    public override string ToString() => Text;

    private static string? ReadEnvironment(string name, ref byte[]? secret)
    {
        if (Environment.GetEnvironmentVariable(name) is not { } value)
            return $"the secret env:{name} cannot be read: the environment has no {name}";
        secret = Encoding.UTF8.GetBytes(value);
        return null;
    }

    private static string? ReadFile(string path, ref byte[]? secret)
    {
        try
        {
            using var file = System.IO.File.OpenRead(path);
            var buffer = new byte[Longest + 1];
            var length = file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
            if (length > Longest)
                return $"the secret file:{path} cannot be read: it is longer than {Longest} octets";
            if (length > 0 && buffer[length - 1] == '\n')
                length--;
            if (length > 0 && buffer[length - 1] == '\r')
                length--;
            secret = buffer[..length];
            return null;
        }
        catch (Exception fault)
            when (fault is IOException or UnauthorizedAccessException or ArgumentException)
        {
            var reason = fault switch
            {
                FileNotFoundException or DirectoryNotFoundException => "there is no such file",
                UnauthorizedAccessException => "access is denied",
                _ => "the file cannot be opened",
            };
            return $"the secret file:{path} cannot be read: {reason}";
        }
    }
}
