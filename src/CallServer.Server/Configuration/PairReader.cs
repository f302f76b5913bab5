using System.Globalization;
using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>
/// Reads the sections <c>pair</c> and <c>backup</c>: who the other server is, and what authenticates it. Mistakes go
/// to the reader.
/// </summary>
internal sealed class PairReader(DocumentReader read)
{
    /// <summary>Null if there is no such section.</summary>
    public BackupConfiguration? Backup(Document root)
    {
        if (read.Section(root, "backup") is not { } backup)
            return null;
        var plain = new BackupConfiguration(new Uri("http://127.0.0.1"));
        if (Keys.Backup.Of.In(backup) is not { } at)
        {
            read.Fail(backup, "lacks \"of\", where the primary listens: \"of\": \"http://HOST:PORT\"");
            return plain;
        }

        var standby = Keys.Backup.Standby.In(backup);
        var word = read.Text(standby);
        if (word is not (null or "warm" or "cold"))
            read.Fail(standby!, $"'{word}' is neither \"warm\" nor \"cold\"");
        return new BackupConfiguration(Address(at) ?? plain.Of)
        {
            Cold = word == "cold",
            Heartbeat = read.Duration(backup, Keys.Backup.Heartbeat) ?? plain.Heartbeat,
            Misses = read.Integer(backup, Keys.Backup.Misses) ?? plain.Misses,
        };
    }

    /// <summary>Null if there is neither a pair nor a backup, or if the section is wrong.</summary>
    /// <param name="root">The root of the configuration.</param>
    /// <param name="backup">The backup section, already read.</param>
    /// <param name="listen">Where this server itself listens.</param>
    public PairConfiguration? Pair(Document root, BackupConfiguration? backup, Uri listen)
    {
        const string Wanted = "\"pair\": { \"peer\": \"http://HOST:PORT\", \"secret\": \"env:NAME\" }";
        if (read.Section(root, "pair") is not { } pair)
        {
            if (backup is not null && DocumentReader.Member(root, "pair") is null)
                read.Fail(
                    DocumentReader.Member(root, "backup")!,
                    $"needs what both servers prove themselves with, a secret of {PairIdentity.ShortestSecret} octets or more: {Wanted}"
                );
            return null;
        }

        var secret = Secret(pair);
        var peer = Peer(pair, backup, listen);
        var patience = Patience(pair, backup);
        return secret is null || peer is null
            ? null
            : new PairConfiguration
            {
                Peer = peer,
                Secret = secret,
                Patience = patience ?? TimeSpan.FromSeconds(30),
            };
    }

    private byte[]? Secret(Document pair)
    {
        if (Keys.Pair.Secret.In(pair) is not { } at)
        {
            read.Fail(
                pair,
                $"lacks \"secret\", {PairIdentity.ShortestSecret} octets or more that both servers know: \"env:NAME\" or \"file:PATH\""
            );
            return null;
        }

        var secret = read.Secret(at);
        if (secret is null || secret.Length >= PairIdentity.ShortestSecret)
            return secret;
        read.Fail(
            at,
            string.Create(
                CultureInfo.InvariantCulture,
                $"the secret has {secret.Length} octets, and a pair needs {PairIdentity.ShortestSecret} or more, such as those of: openssl rand -hex 32"
            )
        );
        return null;
    }

    private Uri? Peer(Document pair, BackupConfiguration? backup, Uri listen)
    {
        if (Keys.Pair.Peer.In(pair) is not { } at)
        {
            if (backup is not null)
                return backup.Of;
            read.Fail(pair, "lacks \"peer\", where the other server listens: \"peer\": \"http://HOST:PORT\"");
            return null;
        }

        if (Address(at) is not { } peer)
            return null;
        if (backup is not null && peer != backup.Of)
            read.Fail(at, $"'{peer}' is not {backup.Of}, which this server is the backup of");
        else if (peer == listen)
            read.Fail(at, $"'{peer}' is this server itself: where the other one listens is expected");
        return peer;
    }

    private TimeSpan? Patience(Document pair, BackupConfiguration? backup)
    {
        var patience = read.Duration(pair, Keys.Pair.Patience);
        if (patience is { } longest && backup is not null && longest < backup.Heartbeat * backup.Misses)
            read.Fail(
                Keys.Pair.Patience.In(pair)!,
                $"{Durations.Format(longest)} is shorter than this backup's own {Durations.Format(backup.Heartbeat * backup.Misses)}: heartbeat times misses"
            );
        return patience;
    }

    private Uri? Address(Document at)
    {
        if (read.Text(at) is not { } text)
            return null;
        if (
            Uri.TryCreate(text, UriKind.Absolute, out var address)
            && address.Scheme is "http" or "https"
            && address.PathAndQuery == "/"
            && address.UserInfo.Length == 0
        )
            return address;
        read.Fail(at, $"'{text}' is not http://HOST:PORT");
        return null;
    }
}
