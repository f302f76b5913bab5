using System.Net;
using System.Net.Sockets;
using Orleans.Concurrency;
using Orleans.Runtime;
using Orleans.Runtime.Services;
using Orleans.Services;

namespace CallServer.Fleet;

/// <summary>What each host answers the others, at its own address.</summary>
[Alias("peer")]
public interface IPeerService : IGrainService
{
    /// <summary>Answers.</summary>
    [Alias("answer")]
    Task AnswerAsync();

    /// <summary>Answers a question about what this host holds.</summary>
    [Alias("ask")]
    Task<HeldAnswer> AskAsync(string question);
}

/// <summary>An answer, and of what.</summary>
/// <param name="Text">The answer.</param>
/// <param name="Units">The units that the host held all the time, and of which it tells everything.</param>
[GenerateSerializer, Immutable, Alias("held-answer")]
public sealed record HeldAnswer([property: Id(0)] string Text, [property: Id(1)] int[] Units);

/// <summary>Answers what other hosts ask of what this one holds.</summary>
/// <param name="answer">The answer to a question.</param>
internal sealed class HostRecord(Func<string, Task<HeldAnswer>> answer)
{
    /// <summary>The answer.</summary>
    public Task<HeldAnswer> AnswerAsync(string question) => answer(question);
}

/// <summary>Answers, as long as this process runs.</summary>
[Reentrant]
internal sealed class PeerService(GrainId id, Silo silo, ILoggerFactory loggers, HostRecord? record = null)
    : GrainService(id, silo, loggers),
        IPeerService
{
    /// <inheritdoc/>
    public Task AnswerAsync() => Task.CompletedTask;

    /// <inheritdoc/>
    public Task<HeldAnswer> AskAsync(string question) =>
        record is null
            ? throw new NotSupportedException("this host has no record")
            : record.AnswerAsync(question);
}

/// <summary>Calls the other hosts.</summary>
internal sealed class Peers(IServiceProvider services, TimeProvider time)
    : GrainServiceClient<IPeerService>(services)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ListPatience = TimeSpan.FromSeconds(5);

    /// <summary>Calls a host, and looks whether its machine refuses if it does not answer within a second.</summary>
    public async Task<PeerAnswer> CallAsync(FleetMember peer, CancellationToken cancellation)
    {
        try
        {
            await GetGrainService(Silos.Silo(peer)).AnswerAsync().WaitAsync(Patience, time, cancellation);
            return PeerAnswer.Answered;
        }
#pragma warning disable CA1031 // however it fails, it did not answer
        catch (Exception) when (!cancellation.IsCancellationRequested)
#pragma warning restore CA1031
        {
            return await RefusesAsync(peer, cancellation) ? PeerAnswer.Gone : PeerAnswer.Silent;
        }
    }

    /// <summary>A host's answer to a question about what it holds; null if it does not answer within some seconds.</summary>
    public async Task<HeldAnswer?> AskAsync(FleetMember peer, string question, CancellationToken cancellation)
    {
        try
        {
            return await GetGrainService(Silos.Silo(peer))
                .AskAsync(question)
                .WaitAsync(ListPatience, time, cancellation);
        }
#pragma warning disable CA1031 // however it fails, it did not answer
        catch (Exception) when (!cancellation.IsCancellationRequested)
#pragma warning restore CA1031
        {
            return null;
        }
    }

    private async Task<bool> RefusesAsync(FleetMember peer, CancellationToken cancellation)
    {
        var place = new IPEndPoint(IPAddress.Parse(peer.Address), peer.Port);
        using var socket = new Socket(place.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        using var patience = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellation);
        try
        {
            await socket.ConnectAsync(place, either.Token);
            return false;
        }
        catch (SocketException fault)
        {
            return fault.SocketErrorCode == SocketError.ConnectionRefused;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return false;
        }
    }
}
