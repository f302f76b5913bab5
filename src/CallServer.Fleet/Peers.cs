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
}

/// <summary>Answers, as long as this process runs.</summary>
[Reentrant]
internal sealed class PeerService(GrainId id, Silo silo, ILoggerFactory loggers)
    : GrainService(id, silo, loggers),
        IPeerService
{
    /// <inheritdoc/>
    public Task AnswerAsync() => Task.CompletedTask;
}

/// <summary>Calls the other hosts.</summary>
internal sealed class Peers(IServiceProvider services, TimeProvider time)
    : GrainServiceClient<IPeerService>(services)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

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
