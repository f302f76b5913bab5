using System.Text;

namespace CallServer.Host.Configuration;

/// <summary>
/// <c>snmp://HOST[:161][?profile=NAME]</c>, or
/// <c>snmp://USER@HOST[:161]?auth=WORD[&amp;priv=aes128][&amp;context=NAME][&amp;profile=NAME]</c>.
/// </summary>
internal static class SnmpUri
{
    private static readonly string[] AuthWords = ["md5", "sha1", "sha256", "sha384", "sha512"];
    private static readonly string[] PrivWords = ["aes128"];

    // SnmpAdminString SIZE(1..32), RFC 3414 usmUserName.
    private const int LongestUser = 32;

    public static GatewayUri? Parse(UriReader read)
    {
        if (read.Split() is not var (authority, query))
            return null;

        var user = read.TakeUser(
            ref authority,
            "passphrases come from --auth-from and --priv-from, or \"auth\" and \"priv\" in the configuration"
        );
        user = user is null ? null : read.Decode(user, "the user");
        if (user is not null && Encoding.UTF8.GetByteCount(user) > LongestUser)
            read.Fail($"the user is longer than the {LongestUser} octets that SNMPv3 allows");
        read.ReadHost(authority);
        var options = read.ReadQuery(query, "profile", "auth", "priv", "context");
        var auth = read.ReadWord(options, "auth", AuthWords);
        var priv = read.ReadWord(options, "priv", PrivWords);
        if (user is null)
        {
            foreach (var option in new[] { "auth", "priv", "context" })
            {
                if (options.ContainsKey(option))
                    read.Fail($"{option}= is for SNMPv3 and needs a user: snmp://USER@HOST?{option}=…");
            }
        }
        else if (priv is not null && !options.ContainsKey("auth"))
            read.Fail("priv= needs auth= too: SNMPv3 encrypts only what it authenticates");

        return new GatewayUri(read)
        {
            User = user,
            Auth = auth,
            Priv = priv,
            Context = read.ReadText(options, "context"),
            Profile = read.ReadText(options, "profile"),
        };
    }
}
