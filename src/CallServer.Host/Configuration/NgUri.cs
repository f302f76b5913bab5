namespace CallServer.Host.Configuration;

/// <summary>
/// <c>ng://HOST[:2223]</c> over UDP, <c>ng+tcp://</c>, <c>ng+http://</c>; there are no options.
/// </summary>
internal static class NgUri
{
    public static GatewayUri? Parse(UriReader read)
    {
        if (read.Split() is not var (authority, query))
            return null;
        read.RefuseUser(ref authority);
        read.ReadHost(authority);
        read.ReadOptions(query, '&');
        return new GatewayUri(read)
        {
            Transport = read.Scheme switch
            {
                "ng+tcp" => "tcp",
                "ng+http" => "http",
                _ => "udp",
            },
        };
    }
}
