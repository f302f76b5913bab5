using System.Security.Cryptography;
using System.Text;
using CallServer.Server.Configuration;

namespace CallServer.Server.Web;

/// <summary>The tokens that are configured, and whom each proves.</summary>
internal sealed class Tokens(ServerConfiguration configuration)
{
    private readonly (byte[] Digest, Caller Caller)[] known =
    [
        .. new (byte[]? Token, Caller Caller)[]
        {
            (configuration.Token, new Caller("token", Access.Control)),
            (configuration.ControlToken, new Caller("control token", Access.Control)),
            (configuration.ReadToken, new Caller("read token", Access.Read)),
        }
            .Where(token => token.Token is not null)
            .Select(token => (SHA256.HashData(token.Token!), token.Caller)),
    ];

    /// <summary>Whether there is none.</summary>
    public bool IsEmpty => known.Length == 0;

    /// <summary>
    /// Whose token this is; null if it is none. It takes the same time for every text of a length: digests have equal
    /// length, and all of them are compared.
    /// </summary>
    public Caller? Find(string presented)
    {
        var digest = SHA256.HashData(Encoding.UTF8.GetBytes(presented));
        Caller? found = null;
        foreach (var (expected, caller) in known)
        {
            if (CryptographicOperations.FixedTimeEquals(digest, expected))
                found ??= caller;
        }

        return found;
    }
}
