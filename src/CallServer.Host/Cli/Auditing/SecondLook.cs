using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using CallServer.Server.Net;
using CallServer.Surface;

namespace CallServer.Host.Cli.Auditing;

/// <summary>
/// When a gateway was silent, checks whether anything listens there at all. An audit's shared UDP sockets do not
/// learn that a port is closed, and to the audit a refused HTTP request is a lost one.
/// </summary>
internal static class SecondLook
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(300);

    /// <summary>What is wrong with the port, in words; null if nothing can be seen.</summary>
    public static async Task<string?> AtAsync(
        GatewayUri uri,
        IPEndPoint endpoint,
        FleetNetwork network,
        CancellationToken cancel
    )
    {
        if (uri.OverHttp)
            return await OverHttpAsync(endpoint, network.Http, cancel);
        if (
            uri.OverDatagrams
            && await PortProbe.FindFaultAsync(endpoint, uri.Knock, Patience, cancel)
                is not SocketError.ConnectionRefused
        )
            return null;
        if (!uri.OverStreams)
            return "nothing listens on that UDP port";
        return (await PortProbe.RefusesAsync(endpoint, Patience, cancel), uri.OverDatagrams) switch
        {
            (true, true) => "nothing listens on that port, over UDP or TCP",
            (true, false) => "nothing listens on that TCP port",
            (false, true) => "nothing listens on that UDP port",
            (false, false) => null,
        };
    }

    private static async Task<string?> OverHttpAsync(
        IPEndPoint endpoint,
        HttpFleet http,
        CancellationToken cancel
    )
    {
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        giveUp.CancelAfter(Patience);
        // A cookie that was used before would bring an old answer.
        var ping = $"{RandomNumberGenerator.GetHexString(16)} d7:command4:pinge";
        try
        {
            return await http.FindFaultAsync(endpoint, Encoding.ASCII.GetBytes(ping), giveUp.Token) switch
            {
                null => null,
                SocketWords.Refused => "nothing listens on that TCP port",
                var words => $"no rtpengine answers POST {HttpFleet.Path} there ({words})",
            };
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return null;
        }
    }
}
