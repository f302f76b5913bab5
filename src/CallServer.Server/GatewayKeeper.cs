using System.Security.Cryptography;
using CallServer.Server.Configuration;
using CallServer.Surface;

namespace CallServer.Server;

/// <summary>What became of an order to add or remove a gateway.</summary>
internal enum GatewayOutcome
{
    /// <summary>It is asked from now on, or no longer, and the file says so.</summary>
    Done,

    /// <summary>A gateway of this id is there already, or is not there.</summary>
    Unfit,

    /// <summary>What was ordered has mistakes.</summary>
    Wrong,

    /// <summary>The state of the file or of the environment does not allow it now.</summary>
    NotNow,

    /// <summary>The file cannot be written.</summary>
    Unwritable,
}

/// <summary>The answer to such an order. Unless it is done, nothing has changed.</summary>
/// <param name="Outcome">What became of it.</param>
/// <param name="Reasons">Why not; each with the member of the gateway that it is about, or empty.</param>
internal sealed record GatewayChange(
    GatewayOutcome Outcome,
    IReadOnlyList<(string Member, string Message)> Reasons
)
{
    public static GatewayChange Done { get; } = new(GatewayOutcome.Done, []);

    public static GatewayChange Not(GatewayOutcome outcome, string why) => new(outcome, [("", why)]);
}

/// <summary>
/// Adds and removes gateways while the server runs, and in its configuration file, all or nothing. The changed text is
/// checked as at the start before anything is written, and only what then stands in the file is taken.
/// </summary>
internal sealed class GatewayKeeper(ServerRuntime runtime, GatewayProtocols protocols, ILogger logger)
{
    private const string GatewayVariables = "CALLSERVER__GATEWAYS__";

    private static readonly string[] Secrets = ["community", "auth", "priv"];

    /// <summary>Adds a gateway.</summary>
    /// <param name="id">Its id; null if it names none.</param>
    /// <param name="item">The gateway as the file has it: a JSON object on one line.</param>
    /// <param name="secrets">The texts of those of its members that name secrets.</param>
    public GatewayChange Add(string? id, string item, IReadOnlyDictionary<string, string> secrets) =>
        runtime.WhileUnchanged(() =>
            runtime.Configuration.Gateways.Any(gateway => gateway.Id == id)
                ? GatewayChange.Not(GatewayOutcome.Unfit, $"there is a gateway '{id}' already")
            : Forbidden(secrets) is { Count: > 0 } wrong ? new GatewayChange(GatewayOutcome.Wrong, wrong)
            : Edit(file => GatewayList.Add(file, item), runtime.Configuration.Gateways.Count)
        );

    /// <summary>Removes a gateway.</summary>
    public GatewayChange Remove(string id) =>
        runtime.WhileUnchanged(() =>
        {
            var number = runtime.Configuration.Gateways.TakeWhile(gateway => gateway.Id != id).Count();
            return number == runtime.Configuration.Gateways.Count
                ? GatewayChange.Not(GatewayOutcome.Unfit, $"there is no gateway '{id}'")
                : Edit(file => GatewayList.Remove(file, number), number);
        });

    private GatewayChange Edit(Func<byte[], byte[]?> edit, int number)
    {
        var running = runtime.Configuration;
        if (running is not { Source: { } path, Digest: not null } || !File.Exists(path))
            return GatewayChange.Not(
                GatewayOutcome.NotNow,
                "this server was not started from a file, so the change could not be kept"
            );
        var environment = ServerConfiguration.ProcessEnvironment();
        if (
            environment.Keys.Any(name =>
                name.StartsWith(GatewayVariables, StringComparison.OrdinalIgnoreCase)
            )
        )
            return GatewayChange.Not(
                GatewayOutcome.NotNow,
                $"the environment sets gateways by their number ({GatewayVariables}…), and the numbers would change"
            );
        try
        {
            var before = File.ReadAllBytes(path);
            if (!SHA256.HashData(before).AsSpan().SequenceEqual(running.Digest))
                return GatewayChange.Not(
                    GatewayOutcome.NotNow,
                    $"{path} was changed since this server read it: have it read first (SIGHUP)"
                );
            return edit(before) is { } after
                ? Take(path, before, after, ConfigurationLoader.Read(after, path, environment, protocols))
                : GatewayChange.Not(
                    GatewayOutcome.NotNow,
                    $"{path} has no list \"gateways\" that can be edited"
                );
        }
        catch (ConfigurationException mistakes)
        {
            return Wrong(mistakes, number);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return GatewayChange.Not(GatewayOutcome.Unwritable, $"{path} cannot be changed: {fault.Message}");
        }
    }

    private GatewayChange Take(string path, byte[] before, byte[] after, ServerConfiguration next)
    {
        if (runtime.Configuration.NeedsRestart(next) is { Count: > 0 } parts)
            return GatewayChange.Not(
                GatewayOutcome.NotNow,
                $"what it names has changed, and needs a restart: {string.Join(", ", parts)}"
            );
        FileSwap.Write(path, after);
        try
        {
            var refused = runtime.TryReload(next);
            if (refused.Count == 0)
            {
                logger.LogInformation("{File} is changed: {Count} gateways", path, next.Gateways.Count);
                return GatewayChange.Done;
            }

            FileSwap.Write(path, before);
            return GatewayChange.Not(GatewayOutcome.NotNow, string.Join("; ", refused));
        }
        catch
        {
            FileSwap.Write(path, before);
            throw;
        }
    }

    /// <summary>Mistakes of the gateway by its member's name; those of the rest of the file with their place.</summary>
    private static GatewayChange Wrong(ConfigurationException mistakes, int number)
    {
        var path = $"gateways[{number}]";
        return new GatewayChange(
            GatewayOutcome.Wrong,
            [
                .. mistakes.Mistakes.Select(mistake =>
                    mistake.Path == path ? ("body", mistake.Message)
                    : mistake.Path.StartsWith(path + ".", StringComparison.Ordinal)
                        ? (mistake.Path[(path.Length + 1)..], mistake.Message)
                    : (mistake.Path, mistake.Message)
                ),
            ]
        );
    }

    /// <summary>
    /// Whoever may add a gateway chooses where its secret is sent. So it is none of the server's own, and no file from
    /// elsewhere on the machine.
    /// </summary>
    private List<(string Member, string Message)> Forbidden(IReadOnlyDictionary<string, string> secrets)
    {
        var found = new List<(string, string)>();
        foreach (var member in Secrets)
        {
            // What is no reference, or cannot be read, is a mistake that the check of the whole file names.
            if (
                !secrets.TryGetValue(member, out var text)
                || !SecretReference.TryParse(text, out var reference, out _)
            )
                continue;
            if (reference.File is { } file && !IsBesideConfiguration(file))
                found.Add((member, "a file beside the configuration file, or below its folder, is expected"));
            else if (reference.TryRead(out var secret, out _) && Own().Any(own => IsIn(own, secret)))
                found.Add((member, "is a secret of the server itself, which no gateway is told"));
        }

        return found;
    }

    private static bool IsIn(byte[] own, byte[] secret) => own.AsSpan().SequenceEqual(secret);

    private IEnumerable<byte[]> Own()
    {
        var configuration = runtime.Configuration;
        return new[]
        {
            configuration.Token,
            configuration.ReadToken,
            configuration.ControlToken,
            configuration.Pair?.Secret,
            configuration.Radius?.Secret,
            configuration.CdrHttp?.Token,
            configuration.Tls?.Password,
        }.OfType<byte[]>();
    }

    private bool IsBesideConfiguration(string file)
    {
        if (runtime.Configuration.Source is not { } source)
            return false;
        var folder = Path.GetDirectoryName(Path.GetFullPath(source))!;
        var path = Path.GetFullPath(file);
        return path.StartsWith(
                Path.TrimEndingDirectorySeparator(folder) + Path.DirectorySeparatorChar,
                StringComparison.Ordinal
            ) && runtime.Configuration.Tls?.Files.All(own => Path.GetFullPath(own) != path) is not false;
    }
}
