using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Configuration;

namespace CallServer.Host.Tests.Web;

/// <summary>An OpenID Connect issuer of one test: a key, its public part as a JWK set, and tokens (RFC 7515, 7517, 7519).</summary>
internal sealed class TestIssuer : IDisposable
{
    public const string Name = "https://id.example/voice";
    public const string Audience = "callserver";

    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    /// <summary>The key's name.</summary>
    public string Id { get; init; } = "key-1";

    /// <summary>The public key as the issuer shows it.</summary>
    public string KeySet
    {
        get
        {
            var point = key.ExportParameters(false).Q;
            return $$"""
                { "keys": [ { "kty": "EC", "use": "sig", "crv": "P-256", "kid": "{{Id}}", "alg": "ES256",
                              "x": "{{Text(point.X!)}}", "y": "{{Text(point.Y!)}}" } ] }
                """;
        }
    }

    /// <summary>What a server is told of it; its keys lie in that folder.</summary>
    public OidcConfiguration Configure(TestDirectory directory)
    {
        var keys = directory.File("keys.json");
        File.WriteAllText(keys, KeySet);
        return new OidcConfiguration
        {
            Issuer = Name,
            Audience = Audience,
            Keys = keys,
        };
    }

    /// <summary>A token of these claims that is valid for five minutes; null for a claim leaves it out.</summary>
    public string Token(params (string Name, object? Value)[] changes) => Signed("ES256", changes);

    /// <summary>The same, with another algorithm in its header; <c>none</c> has no signature.</summary>
    public string Signed(string algorithm, params (string Name, object? Value)[] changes)
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        var claims = new Dictionary<string, object?>
        {
            ["iss"] = Name,
            ["aud"] = Audience,
            ["sub"] = "anna",
            ["nbf"] = now - 10,
            ["exp"] = now + 300,
            ["roles"] = new[] { "callserver-control" },
        };
        foreach (var (name, value) in changes)
            claims[name] = value;
        foreach (var name in claims.Where(claim => claim.Value is null).Select(claim => claim.Key).ToList())
            claims.Remove(name);
        var header = Text(
            JsonSerializer.SerializeToUtf8Bytes(
                new
                {
                    alg = algorithm,
                    typ = "JWT",
                    kid = Id,
                }
            )
        );
        var said = $"{header}.{Text(JsonSerializer.SerializeToUtf8Bytes(claims))}";
        var octets = Encoding.ASCII.GetBytes(said);
        var signature = algorithm switch
        {
            "none" => "",
            // What a careless reader would check with the public key as a secret.
            "HS256" => Text(HMACSHA256.HashData(Encoding.UTF8.GetBytes(KeySet), octets)),
            _ => Text(key.SignData(octets, HashAlgorithmName.SHA256)),
        };
        return $"{said}.{signature}";
    }

    public static long Seconds(int fromNow) => TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + fromNow;

    public void Dispose() => key.Dispose();

    private static string Text(byte[] octets) => Base64Url.EncodeToString(octets);
}
