using System.Globalization;
using CallServer.Storage;

namespace CallServer.Server.Configuration;

/// <summary>Every value that the configuration knows, by section.</summary>
internal static class Keys
{
    private const string HttpAddress = "^https?://[^/@?#]+/?$";

    private static readonly TimeSpan ShortestInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan TenYears = TimeSpan.FromDays(3653);
    private static readonly TimeSpan Year = TimeSpan.FromDays(366);

    internal static class Server
    {
        public static TextKey Name { get; } =
            new("name", "This server's name, in CDRs and towards its peer: printable, without spaces.")
            {
                Pattern = "^[^\\s]{1,255}$",
                Usual = "the machine's name in lower case",
            };

        public static TextKey Listen { get; } =
            new(
                "listen",
                "Where HTTP listens. Anything but loopback needs a token or an issuer, https a certificate. Port 0 takes any free port."
            )
            {
                Pattern = HttpAddress,
                Usual = "http://127.0.0.1:8080",
            };

        public static TextKey Data { get; } =
            new("data", "The store: a SQLite file, relative to the working folder.")
            {
                Usual = "callserver.db",
            };

        public static SecretKey Token { get; } =
            new(
                "token",
                "Where the bearer token is kept with which clients may read and control, of 16 characters or more."
            );

        public static SecretKey ReadToken { get; } =
            new("readToken", "Where the bearer token is kept with which clients may only read.");

        public static SecretKey ControlToken { get; } =
            new(
                "controlToken",
                "Where another bearer token is kept with which clients may read and control."
            );

        public static TextsKey Hosts { get; } =
            new("hosts", "Further host names that orders over HTTP may use for this server.");

        public static IntegerKey ControlsPerSecond { get; } =
            new("controlsPerSecond", 1, 10_000, "How many orders over HTTP are accepted in a second.")
            {
                Usual = "50",
            };

        public static IntegerKey EventReaders { get; } =
            new("eventReaders", 0, 100_000, "How many clients may follow the events at once.")
            {
                Usual = "100",
            };

        public static TextKey Umask { get; } =
            new("umask", "The octal mask for files that the server creates; it keeps others out.")
            {
                Pattern = "^0?[01][0-7]7$",
                Usual = "0027",
            };

        public static Key[] All { get; } =
        [Name, Listen, Data, Token, ReadToken, ControlToken, Hosts, ControlsPerSecond, EventReaders, Umask];
    }

    /// <summary>Who else asks the same gateways.</summary>
    internal static class Mode
    {
        public static WordKey Word { get; } =
            new(
                "mode",
                ["single", "pair", "fleet"],
                "Whether this server runs alone, with another one that takes over from it, or in a fleet of hosts that share the gateways."
            )
            {
                Usual = "pair where that section is given, and single otherwise",
            };
    }

    internal static class Fleet
    {
        public static EndPointKey Listen { get; } =
            new(
                "listen",
                "Where the other hosts of the fleet reach this one: an address of this machine, and a port that nobody else may reach."
            );

        public static IntegerKey Units { get; } =
            new(
                "units",
                1,
                65_536,
                "Into how many units the gateways are divided among the hosts; the same on all of them, for as long as the record exists."
            )
            {
                Usual = FleetConfiguration.UsualUnits.ToString(CultureInfo.InvariantCulture),
            };

        public static Key[] All { get; } = [Listen, Units];
    }

    internal static class Store
    {
        public static TextKey Place { get; } =
            new(
                "store",
                "Where the record is kept: postgres://USER@HOST[:PORT]/DATABASE, or a SQLite file as in server.data."
            );

        public static SecretKey Password { get; } =
            new("storePassword", "Where the password is kept with which store is opened.");
    }

    internal static class Tls
    {
        public static TextKey Certificate { get; } =
            new(
                "certificate",
                "The certificate and those of its issuers (PEM); or all of it with the key (PFX)."
            );

        public static TextKey Key { get; } =
            new("key", "The private key (PEM), where it does not stand in the certificate's file.");

        public static SecretKey Password { get; } =
            new("password", "Where the password is kept that the key is encrypted with.");

        public static Key[] All { get; } = [Certificate, Key, Password];
    }

    internal static class Oidc
    {
        public static TextKey Issuer { get; } =
            new("issuer", "The issuer, exactly as its tokens name it; its keys are asked there by https.");

        public static TextKey Audience { get; } =
            new("audience", "The audience that its tokens for this server name.");

        public static TextKey RoleClaim { get; } =
            new("roleClaim", "The claim with the caller's roles; a dot leads into an object.")
            {
                Usual = "roles",
            };

        public static TextKey ReadRole { get; } =
            new("readRole", "The role that may read.") { Usual = "callserver-read" };

        public static TextKey ControlRole { get; } =
            new("controlRole", "The role that may read and control.") { Usual = "callserver-control" };

        public static TextKey KeySet { get; } =
            new("keys", "A file with the issuer's public keys (JWK set), in place of asking the issuer.");

        public static Key[] All { get; } = [Issuer, Audience, RoleClaim, ReadRole, ControlRole, KeySet];
    }

    internal static class Privacy
    {
        public static WordKey Mask { get; } =
            new(
                "mask",
                ["last4", "none"],
                "Whether lists and events show at most the last four digits of a person's number."
            )
            {
                Usual = "none",
            };

        public static WordKey CdrFiles { get; } =
            new("cdrFiles", ["whole", "masked"], "Whether CDR files do so too; billing needs whole numbers.")
            {
                Usual = "whole",
            };

        public static DurationKey Retain { get; } =
            new(
                "retain",
                TimeSpan.FromHours(1),
                TenYears,
                "How long CDRs and changes are kept in the store, if that is shorter than keep says."
            );

        public static Key[] All { get; } = [Mask, CdrFiles, Retain];
    }

    internal static class Pair
    {
        public static TextKey Peer { get; } =
            new("peer", "Where the other server of the pair listens; on a backup, backup.of.")
            {
                Pattern = HttpAddress,
            };

        public static SecretKey Secret { get; } =
            new("secret", "Where the secret is kept that both servers know, of 16 octets or more.");

        public static DurationKey Patience { get; } =
            new(
                "patience",
                TimeSpan.FromSeconds(1),
                TimeSpan.FromHours(1),
                "The longest heartbeat × misses that the other server may announce."
            )
            {
                Usual = "30s",
            };

        public static Key[] All { get; } = [Peer, Secret, Patience];
    }

    internal static class Backup
    {
        public static TextKey Of { get; } =
            new("of", "Where the primary listens that this server backs up.") { Pattern = HttpAddress };

        public static WordKey Standby { get; } =
            new(
                "standby",
                ["warm", "cold"],
                "A warm backup audits at a slower pace, a cold one only after it has taken over."
            )
            {
                Usual = "warm",
            };

        public static DurationKey Heartbeat { get; } =
            new(
                "heartbeat",
                TimeSpan.FromMilliseconds(10),
                TimeSpan.FromMinutes(5),
                "Time between two heartbeats."
            )
            {
                Usual = "250ms",
            };

        public static IntegerKey Misses { get; } =
            new("misses", 1, 100, "After so many unanswered heartbeats in a row the backup takes over.")
            {
                Usual = "4",
            };

        public static Key[] All { get; } = [Of, Standby, Heartbeat, Misses];
    }

    /// <summary>How a gateway is asked: for all of them, or at one gateway.</summary>
    internal static class Pace
    {
        public static DurationKey Interval { get; } =
            new(
                "interval",
                ShortestInterval,
                TimeSpan.FromDays(30),
                "Time between two audits of a gateway; no shorter than the timeout."
            )
            {
                Usual = "10s",
            };

        public static DurationKey Timeout { get; } =
            new(
                "timeout",
                TimeSpan.FromMilliseconds(10),
                TimeSpan.FromMinutes(5),
                "How long a reply is waited for before the request is repeated."
            )
            {
                Usual = "1s",
            };

        public static IntegerKey Attempts { get; } =
            new("attempts", 1, 20, "How many times a request is sent before the gateway counts as silent.")
            {
                Usual = "4",
            };

        public static IntegerKey FactsEvery { get; } =
            new(
                "factsEvery",
                1,
                1000,
                "One audit in so many reads all that an SNMP gateway tells of its connections. Those between read only what shows that a known connection is there and the same; with 1, every audit reads all."
            )
            {
                Usual = GatewayConfiguration.UsualFactsEvery.ToString(CultureInfo.InvariantCulture),
            };

        public static Key[] All { get; } = [Interval, Timeout, Attempts, FactsEvery];
    }

    /// <summary>How much is accepted from a gateway: for all of them, or at one gateway.</summary>
    internal static class Bounds
    {
        public static SizeKey ReplyOctets { get; } =
            new("replyOctets", 64_000, 1_000_000_000, "The largest reply that is accepted.")
            {
                Usual = "8MB",
            };

        public static SizeKey AuditOctets { get; } =
            new("auditOctets", 1_000_000, 100_000_000_000, "The most that one audit may hold in memory.")
            {
                Usual = "512MB",
            };

        public static IntegerKey Connections { get; } =
            new("connections", 1, 10_000_000, "The most active connections of a gateway in the record.")
            {
                Usual = "200000",
            };

        public static Key[] All { get; } = [ReplyOctets, AuditOctets, Connections];
    }

    internal static class Polling
    {
        public static IntegerKey GatewaysInFlight { get; } =
            new(
                "gatewaysInFlight",
                1,
                100_000,
                "How many audits may run at once, not counting silent and slow gateways."
            )
            {
                Usual = "256",
            };

        public static DurationKey Deadline { get; } =
            new(
                "deadline",
                TimeSpan.FromSeconds(1),
                TimeSpan.FromHours(1),
                "How long an audit may take; then it gives up, and is partial."
            )
            {
                Usual = "2m",
            };

        public static DurationKey BackoffLimit { get; } =
            new(
                "backoffLimit",
                ShortestInterval,
                TimeSpan.FromDays(1),
                "A gateway that tells nothing is still asked this often."
            )
            {
                Usual = "1m",
            };

        public static SizeKey Memory { get; } =
            new(
                "memory",
                16_000_000,
                1_000_000_000_000,
                "What the audits and the record of all gateways may hold in memory together."
            )
            {
                Usual = "2500MB",
            };

        public static Key[] All { get; } =
        [.. Pace.All, GatewaysInFlight, Deadline, BackoffLimit, Memory, .. Bounds.All];
    }

    internal static class Cdr
    {
        public static TextKey File { get; } =
            new("file", "The file to which CDRs are appended, one JSON object a line.");

        public static TextKey Csv { get; } =
            new("csv", "The file to which CDRs are appended as comma-separated values.");

        public static DurationKey Rotate { get; } =
            new("rotate", TimeSpan.FromMinutes(1), Year, "How often a new CDR file is begun.");

        public static SizeKey RotateSize { get; } =
            new("rotateSize", 1_000, 1_000_000_000_000, "The size at which a new CDR file is begun.");

        // RFC 2869 §2.1: an interim interval must not be below 60 s.
        public static DurationKey Interim { get; } =
            new(
                "interim",
                TimeSpan.FromSeconds(60),
                Year,
                "How often a long connection gets an interim record; 10m or more is advisable (RFC 2869 §2.1)."
            );

        public static SwitchKey FollowLinks { get; } =
            new("followLinks", "Whether a CDR file may be a symbolic link.") { Usual = "false" };

        public static Key[] All { get; } = [File, Csv, Rotate, RotateSize, Interim, FollowLinks];
    }

    /// <summary><c>cdr.http</c>.</summary>
    internal static class CdrHttp
    {
        public static TextKey Url { get; } =
            new(
                "url",
                "Where CDRs are posted, such as https://billing.example.net/cdrs; http only on this machine."
            )
            {
                Pattern = "^https?://[^@#]+$",
            };

        public static SecretKey Token { get; } =
            new("token", "Where the bearer token is kept that is shown to the receiver.");

        public static TextKey Ca { get; } =
            new(
                "ca",
                "A file in PEM with certificates of your own authority, trusted here besides those that this machine trusts."
            );

        public static IntegerKey Batch { get; } =
            new("batch", 1, 10_000, "How many records one request carries at most.") { Usual = "500" };

        public static DurationKey Every { get; } =
            new(
                "every",
                TimeSpan.FromMilliseconds(100),
                TimeSpan.FromHours(1),
                "How long a record waits at most for others to go with it."
            )
            {
                Usual = "5s",
            };

        public static DurationKey Deadline { get; } =
            new(
                "deadline",
                TimeSpan.FromMilliseconds(100),
                TimeSpan.FromMinutes(10),
                "How long one request may take until its answer is there."
            )
            {
                Usual = "30s",
            };

        public static TextsKey Records { get; } =
            new("records", "Which records are posted: stop is the CDR of a connection that ended.")
            {
                Words = [AccountingKind.Stop, AccountingKind.Interim, AccountingKind.Start],
                Usual = "stop alone",
            };

        public static SizeKey GzipFrom { get; } =
            new(
                "gzipFrom",
                1_000,
                1_000_000_000,
                "From which size on a body is compressed with gzip (RFC 9110 §8.4.1.3); without it, none is. The receiver must take that."
            );

        public static Key[] All { get; } = [Url, Token, Ca, Batch, Every, Deadline, Records, GzipFrom];
    }

    internal static class Keep
    {
        public static DurationKey Cdrs { get; } =
            new(
                "cdrs",
                TimeSpan.FromHours(1),
                TenYears,
                "How long a CDR is kept in the store after its connection's end."
            )
            {
                Usual = "90d",
            };

        public static IntegerKey CdrsAtMost { get; } =
            new("cdrsAtMost", 1_000, int.MaxValue, "How many CDRs are kept in the store, the newest first.")
            {
                Usual = "10000000",
            };

        public static IntegerKey Changes { get; } =
            new(
                "changes",
                1_000,
                100_000_000,
                "How many changes are kept for clients that follow the events."
            )
            {
                Usual = "100000",
            };

        public static IntegerKey Audits { get; } =
            new("audits", 1, 100_000, "How many audits of each gateway are kept.") { Usual = "100" };

        public static DurationKey Controls { get; } =
            new("controls", TimeSpan.FromHours(1), TenYears, "How long an entry of the control log is kept.")
            {
                Usual = "365d",
            };

        public static IntegerKey ControlsAtMost { get; } =
            new(
                "controlsAtMost",
                1_000,
                100_000_000,
                "How many entries of the control log are kept, the newest first, and a tenth of it of refused requests."
            )
            {
                Usual = "100000",
            };

        public static Key[] All { get; } = [Cdrs, CdrsAtMost, Changes, Audits, Controls, ControlsAtMost];
    }

    internal static class Radius
    {
        public static EndPointKey Server { get; } =
            new("server", "Where the RADIUS server listens for accounting, usually on port 1813.");

        public static SecretKey Secret { get; } =
            new("secret", "Where the secret is kept that is shared with that server.");

        public static TextKey Source { get; } =
            new(
                "source",
                "The address that requests are sent from, also sent as NAS-IP-Address if it is IPv4."
            );

        public static DurationKey Timeout { get; } =
            new(
                "timeout",
                TimeSpan.FromMilliseconds(50),
                TimeSpan.FromMinutes(1),
                "How long the first answer is waited for before the record is sent again."
            )
            {
                Usual = "2s",
            };

        public static TextKey NasIdentifier { get; } =
            new("nasIdentifier", "The name that this server gives itself there, of at most 253 octets.")
            {
                Usual = "server.name",
            };

        public static Key[] All { get; } = [Server, Secret, Source, Timeout, NasIdentifier];
    }

    internal static class Listeners
    {
        public static EndPointKey Mgcp { get; } =
            new("mgcp", "Where the restarts are heard that MGCP gateways announce (RSIP).");

        public static EndPointKey Traps { get; } = new("traps", "Where SNMP notifications are heard.");

        public static Key[] All { get; } = [Mgcp, Traps];
    }

    internal static class Gateway
    {
        public static TextKey Id { get; } =
            new("id", "Your name for the gateway, in the record and in CDRs: printable, without spaces.")
            {
                Pattern = "^[^\\s]{1,255}$",
            };

        public static TextKey Uri { get; } =
            new(
                "uri",
                "Where the gateway is, and how it is asked, such as snmp://192.0.2.10?profile=cisco-voice."
            )
            {
                Pattern = "^[A-Za-z][A-Za-z0-9+.-]*:",
            };

        public static SecretKey Community { get; } =
            new("community", "Where the SNMPv2c community is kept.") { Usual = "the community public" };

        public static SecretKey Auth { get; } =
            new(
                "auth",
                "Where the SNMPv3 passphrase for authentication is kept, or the SIP password of the user in from=."
            );

        public static SecretKey Priv { get; } =
            new("priv", "Where the SNMPv3 passphrase for encryption is kept.");

        public static SwitchKey History { get; } =
            new("history", "Whether the gateway's own history of ended connections is read, if it keeps one.")
            {
                Usual = "true",
            };

        public static WordKey Complete { get; } =
            new(
                "complete",
                ["never"],
                "Never: its list is not taken as complete, so that absence closes nothing. Otherwise each snapshot proves it."
            );

        public static Key[] All { get; } =
        [Id, Uri, Community, Auth, Priv, .. Pace.All, History, Complete, .. Bounds.All];
    }
}
