using System.Threading.Channels;
using CallServer.Host.Cli.Live;
using CallServer.Server.Net;
using CallServer.Surface;

namespace CallServer.Host.Cli;

/// <summary>What the commands take from the process around them, so that tests can replace it.</summary>
public sealed record Surroundings
{
    /// <summary>An environment variable, or null.</summary>
    public Func<string, string?> Variable { get; init; } = Environment.GetEnvironmentVariable;

    /// <summary>The only source of time.</summary>
    public IClock Clock { get; init; } = new SystemClock();

    /// <summary>The protocols in which gateways can be asked.</summary>
    public GatewayProtocols Protocols { get; init; } = GatewayProtocols.BuiltIn;

    /// <summary>The person at the keyboard: USER@MACHINE.</summary>
    public string User { get; init; } = $"{Environment.UserName}@{Environment.MachineName}";

    /// <summary>Reads the next line that a person types; null if standard input is not a terminal.</summary>
    public Func<string?>? Typed { get; init; } = Console.IsInputRedirected ? null : Console.ReadLine;

    /// <summary>Opens standard input as a stream.</summary>
    public Func<Stream> Input { get; init; } = Console.OpenStandardInput;

    /// <summary>Begins to read the keys that a person types; null if standard input is not a terminal.</summary>
    public Func<ChannelReader<ConsoleKeyInfo>>? Keys { get; init; } =
        Console.IsInputRedirected ? null : KeyReader.Start;

    /// <summary>How often <c>--watch</c> looks again.</summary>
    public TimeSpan WatchEvery { get; init; } = TimeSpan.FromSeconds(1);
}
