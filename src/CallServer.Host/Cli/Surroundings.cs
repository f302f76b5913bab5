using CallServer.Server.Net;
using CallServer.Surface;

namespace CallServer.Host.Cli;

/// <summary>What the commands take from the process around them, so that tests can give them another.</summary>
public sealed record Surroundings
{
    /// <summary>An environment variable, or null.</summary>
    public Func<string, string?> Variable { get; init; } = Environment.GetEnvironmentVariable;

    /// <summary>The only source of time.</summary>
    public IClock Clock { get; init; } = new SystemClock();

    /// <summary>The protocols that gateways can be asked in.</summary>
    public GatewayProtocols Protocols { get; init; } = GatewayProtocols.BuiltIn;

    /// <summary>Who sits here: USER@MACHINE.</summary>
    public string User { get; init; } = $"{Environment.UserName}@{Environment.MachineName}";

    /// <summary>The next line that a person types; null where nobody does: standard input is no
    /// terminal.</summary>
    public Func<string?>? Typed { get; init; } = Console.IsInputRedirected ? null : Console.ReadLine;

    /// <summary>Standard input as it comes, to its end.</summary>
    public Func<Stream> Input { get; init; } = Console.OpenStandardInput;

    /// <summary>How often `--watch` looks again.</summary>
    public TimeSpan WatchEvery { get; init; } = TimeSpan.FromSeconds(1);
}
