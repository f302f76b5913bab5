using CallServer.Bench.Start;
using CallServer.Host.Cli.Demo;

namespace CallServer.Bench.Hosts;

/// <summary>The gateways of a fleet, which know the truth.</summary>
internal interface IFleetGateways : IAsyncDisposable
{
    /// <summary>Their URIs by id.</summary>
    IReadOnlyDictionary<string, string> Uris { get; }

    /// <summary>CPU time that they have taken so far in processes of their own; null if they have none.</summary>
    TimeSpan? Cpu { get; }

    /// <summary>The words that run <c>callserver</c> so that it can ask them; its arguments follow.</summary>
    /// <param name="host">The name of the host that asks.</param>
    /// <param name="build">The folder of its build; null for the one beside this program.</param>
    string[] Program(string host, string? build);

    /// <summary>What truly happened until a moment ago.</summary>
    /// <param name="among">On these gateways; null for all.</param>
    /// <param name="cancel">Gives up.</param>
    Task<IReadOnlyList<TrueConnection>> TruthAsync(IReadOnlySet<string>? among, CancellationToken cancel);

    /// <summary>Who asked which gateway when, until a moment ago; nothing if nobody notes it.</summary>
    Task<IReadOnlyList<Asking>> AskedAsync(CancellationToken cancel);
}
