namespace CallServer.Host.Configuration;

/// <summary>
/// <c>ng://HOST[:2223][?answered=media]</c> over UDP, <c>ng+tcp://</c>, <c>ng+http://</c>.
/// </summary>
internal static class NgUri
{
    public static GatewayUri? Parse(UriReader read)
    {
        if (read.Split() is not var (authority, query))
            return null;
        read.RefuseUser(ref authority);
        read.ReadHost(authority);
        var options = read.ReadQuery(query, "answered");
        return new GatewayUri(read)
        {
            Transport = read.Scheme switch
            {
                "ng+tcp" => "tcp",
                "ng+http" => "http",
                _ => "udp",
            },
            MediaAnswers = read.ReadWord(options, "answered", "media") is not null,
        };
    }
}
