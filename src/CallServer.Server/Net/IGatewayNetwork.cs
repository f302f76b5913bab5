using System.Net;
using CallServer.Surface;

namespace CallServer.Server.Net;

/// <summary>Where a gateway is, and what carries messages to it.</summary>
/// <param name="EndPoint">The address and port where it is asked.</param>
/// <param name="Http">How HTTP carries them. If null, they are UDP datagrams.</param>
/// <param name="RepliesFrom">Datagrams from this address are accepted too, from any port. If null, only those from
/// the address that was asked are.</param>
public readonly record struct GatewayAddress(
    IPEndPoint EndPoint,
    HttpForm? Http = null,
    IPAddress? RepliesFrom = null
);

/// <summary>
/// How HTTP carries a gateway's messages: a message is the body of a request and the reply is the answer's body, or
/// each is a request of its own.
/// </summary>
/// <param name="Path">Where they are posted.</param>
/// <param name="ContentType">What they are.</param>
/// <param name="ErrorsAnswer">The body of an answer whose status is no success is a reply too.</param>
public sealed record HttpForm(string Path, string ContentType, bool ErrorsAnswer)
{
    /// <summary>Each message is a request of its own (see <see cref="GatewayRequest"/>).</summary>
    public static HttpForm Requests { get; } = new("", "", ErrorsAnswer: true);

    /// <summary>Which certificate is believed; null where there is no TLS.</summary>
    public GatewayTls? Tls { get; init; }

    /// <summary>The name that the certificate has to be for; null for the address that is asked.</summary>
    public string? Name { get; init; }

    /// <summary>Whether each message is a request of its own.</summary>
    public bool AreRequests => Path.Length == 0;

    /// <summary>The form for a gateway; null if HTTP does not carry its messages.</summary>
    public static HttpForm? Of(GatewayUri uri)
    {
        ArgumentNullException.ThrowIfNull(uri);
        if (!uri.OverHttp)
            return null;
        var form = uri.HttpPath is { } path
            ? new HttpForm(path, uri.HttpContentType, uri.HttpErrorsAnswer)
            : Requests;
        return GatewayTls.Of(uri) is { } tls
            ? form with
            {
                Tls = tls,
                Name = IPAddress.TryParse(uri.Host, out _) ? null : uri.Host,
            }
            : form;
    }
}

/// <summary>The paths to gateways: the fleet's sockets, or simulated ones.</summary>
public interface IGatewayNetwork
{
    /// <summary>
    /// From now on the receiver gets the messages that come from this gateway, until the channel is disposed. Several
    /// receivers may listen to one gateway.
    /// </summary>
    IMessageChannel Open(GatewayAddress gateway, IDatagramReceiver receiver);

    /// <summary>Starts opening a stream. The receiver is told how that goes, until the channel is disposed.</summary>
    IStreamChannel Connect(IPEndPoint gateway, IStreamReceiver receiver);
}
