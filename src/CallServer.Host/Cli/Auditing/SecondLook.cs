using System.Net;
using System.Net.Sockets;
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
        if (HttpForm.Of(uri) is { } form)
            return await OverHttpAsync(uri, form, endpoint, network.Http, cancel);
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
        GatewayUri uri,
        HttpForm form,
        IPEndPoint endpoint,
        HttpFleet http,
        CancellationToken cancel
    )
    {
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        giveUp.CancelAfter(Patience);
        try
        {
            return await http.FindFaultAsync(endpoint, form, uri.Knock, giveUp.Token) switch
            {
                null => null,
                SocketWords.Refused => "nothing listens on that TCP port",
                var words when form.AreRequests => $"no {uri.Speaker} answers over HTTP there ({words})",
                var words => $"no {uri.Speaker} answers POST {form.Path} there ({words})",
            };
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return null;
        }
    }
}
