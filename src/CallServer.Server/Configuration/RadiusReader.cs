using System.Net;
using System.Text;
using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>Reads the section <c>radius</c> of the configuration.</summary>
internal static class RadiusReader
{
    private const int LongestName = 253;

    /// <summary>Null if there is no such section, or if it is wrong; mistakes go to the reader.</summary>
    public static RadiusConfiguration? Read(DocumentReader read, Document root, string serverName)
    {
        if (read.Section(root, "radius") is not { } section)
            return null;
        var server = Required(read, section, Keys.Radius.Server, read.EndPoint);
        var secret = Required(read, section, Keys.Radius.Secret, read.Secret);
        var timeout = read.Duration(section, Keys.Radius.Timeout);
        var name = read.Text(section, Keys.Radius.NasIdentifier);
        if (Encoding.UTF8.GetByteCount(name ?? "") > LongestName)
            read.Fail(
                Keys.Radius.NasIdentifier.In(section)!,
                $"a NAS-Identifier is 1 to {LongestName} octets"
            );
        var source = Source(read, Keys.Radius.Source.In(section), server);
        return server is null || secret is null
            ? null
            : new RadiusConfiguration
            {
                Server = server,
                Secret = secret,
                Source = source,
                Timeout = timeout ?? TimeSpan.FromSeconds(2),
                NasIdentifier = name ?? serverName,
            };
    }

    private static T? Required<T>(DocumentReader read, Document section, Key key, Func<Document?, T?> value)
        where T : class
    {
        var member = key.In(section);
        if (member is null)
            read.Fail(section, $"lacks \"{key.Name}\"");
        return member is null ? null : value(member);
    }

    private static IPAddress? Source(DocumentReader read, Document? node, IPEndPoint? server)
    {
        if (read.Text(node) is not { } text)
            return null;
        if (!IPAddress.TryParse(text, out var source) || source.ToString() != text)
            read.Fail(node!, $"'{text}' is no address, such as 192.0.2.1");
        else if (server is not null && source.AddressFamily != server.AddressFamily)
            read.Fail(node!, $"nothing goes from {source} to {server.Address}: one is IPv4, the other IPv6");
        return source;
    }
}
