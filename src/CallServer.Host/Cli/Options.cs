using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text;
using CallServer.Server.Configuration;

namespace CallServer.Host.Cli;

/// <summary>Options that several commands share, and how their values are read.</summary>
public static class Options
{
    public static Option<bool> Json(string description) => new("--json") { Description = description };

    /// <summary>An option that takes a duration, such as 10s or 250ms.</summary>
    public static Option<TimeSpan?> Duration(string name, string description) =>
        new(name)
        {
            Description = description,
            HelpName = "TIME",
            CustomParser = result => Read<TimeSpan?>(result, text => ReadDuration(text)),
        };

    /// <summary>An option that names where a secret is kept.</summary>
    public static Option<SecretReference?> Secret(string name, string description) =>
        new(name)
        {
            Description = description,
            HelpName = "env:NAME|file:PATH",
            CustomParser = result =>
                Read<SecretReference?>(
                    result,
                    text =>
                        SecretReference.TryParse(text, out var reference, out var mistake)
                            ? reference
                            : throw new FormatException(mistake)
                ),
        };

    /// <summary>The secret itself; null if the option was not given.</summary>
    public static byte[]? Reveal(SecretReference? reference) =>
        reference is null ? null
        : reference.TryRead(out var secret, out var mistake) ? secret
        : throw new CommandFailedException(ExitCode.Usage, $"callserver: {mistake}");

    public static string? RevealText(SecretReference? reference) =>
        Reveal(reference) is { } secret ? Encoding.UTF8.GetString(secret) : null;

    /// <summary>
    /// Reads the option's single value; what the reader throws becomes a mistake of the command line.
    /// </summary>
    public static T? Read<T>(ArgumentResult result, Func<string, T> reader)
    {
        var option = (result.Parent as OptionResult)?.Option.Name ?? result.Argument.Name;
        try
        {
            return reader(result.Tokens.Single().Value);
        }
        catch (FormatException mistake)
        {
            result.AddError($"{option}: {mistake.Message}");
            return default;
        }
    }

    private static TimeSpan ReadDuration(string text) =>
        Durations.TryParse(text, out var duration) && duration > TimeSpan.Zero
            ? duration
            : throw new FormatException($"'{text}' is not {Durations.Expected}");
}
