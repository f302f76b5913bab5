using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using CallServer.Host.Configuration;
using CallServer.Host.Net;

namespace CallServer.Host.Cli.Auditing;

/// <summary>
/// Where a gateway was silent: whether anything listens there at all. An audit's shared UDP sockets do not
/// hear that a port is closed, and to it a refused HTTP request is a lost one.
/// </summary>
internal static class SecondLook
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(300);

    /// <summary>What is wrong with the port, in words; null where nothing is to be seen.</summary>
    public static async Task<string?> AtAsync(
        GatewayUri uri,
        IPEndPoint endpoint,
        IReadOnlyList<string> reasons,
        FleetNetwork network,
        CancellationToken cancel
    )
    {
        // Where a stream was tried, the audit has heard it itself.
        var noStream = reasons.Any(reason => reason.Contains(SocketWords.Refused, StringComparison.Ordinal));
        switch (uri)
        {
            case { Transport: "tcp" }:
                return noStream ? "nothing listens on that TCP port" : null;
            case { Transport: "http" }:
                return await OverHttpAsync(endpoint, network.Http, cancel);
            default:
                var fault = await PortProbe.FindFaultAsync(endpoint, Knock(uri.Scheme), Patience, cancel);
                if (fault is not SocketError.ConnectionRefused)
                    return null;
                return noStream
                    ? "nothing listens on that port, over UDP or TCP"
                    : "nothing listens on that UDP port";
        }
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

    /// <summary>As little as the protocol takes for nothing: a line break, or an octet.</summary>
    private static byte[] Knock(string scheme) => scheme == "sip" ? "\r\n\r\n"u8.ToArray() : [(byte)'\n'];
}
