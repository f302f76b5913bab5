using System.Globalization;
using System.Text.Json;
using CallServer.Model;
using CallServer.Server.Recording;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Web.Reading;

/// <summary>What the answers of all reading paths have in common.</summary>
internal sealed class Answers(ServerRuntime runtime)
{
    /// <summary>The gateways that other hosts hold; null for a server alone or of a pair.</summary>
    public SharedGateways? Shared { get; } =
        runtime.Share is { } share ? new SharedGateways(runtime, share) : null;

    public ServerRuntime Runtime => runtime;

    /// <summary>The present on the record's timeline.</summary>
    public Instant Now => runtime.Clock.Now.Steady;

    /// <summary>What is added to every time that is shown.</summary>
    public TimeSpan Correction => runtime.Clock.Correction;

    /// <summary>Whether a gateway is configured or has something in the record.</summary>
    public bool IsKnown(string gateway) =>
        runtime.Ledger.Find(gateway) is not null || runtime.Configuration.Find(gateway) is not null;

    /// <summary>The states of all gateways, or of one, by id.</summary>
    public IEnumerable<GatewayState> States(string? gateway) => runtime.Ledger.StatesOf(gateway);

    /// <summary>A shown time as an instant of the record's timeline; null for none.</summary>
    public Instant? At(DateTimeOffset? shown) =>
        shown is { } time ? InstantModule.ofDateTime(time) - Correction : null;

    /// <summary>One page of a list.</summary>
    public ListAnswer List(string? gateway, IEnumerable<Action<Utf8JsonWriter>> items, string? next) =>
        new((Now + Correction).ToString(), Incomplete(gateway), items, next);

    /// <summary>
    /// An active connection, whichever host holds its gateway; null if there is none. Throws StoreException if no host that answers
    /// holds it, and the database cannot be read.
    /// </summary>
    public async ValueTask<ConnectionView?> FindAsync(ConnectionName name, CancellationToken cancellation) =>
        Shared is null || Shared.Holds(name.Gateway)
            ? new OwnConnections(runtime).Find(name).SingleOrDefault()
            : await Shared.FindAsync(name, cancellation);

    /// <summary>Gateways that are no longer asked, and have connections in the record; in any order.</summary>
    public IEnumerable<string> Abandoned =>
        runtime
            .Ledger.Unordered.Where(state =>
                state.Record.Count > 0 && runtime.Configuration.Find(state.Gateway) is null
            )
            .Select(state => state.Gateway);

    /// <summary>
    /// Gateways of which the record may not know everything: not asked yet, not complete, or no longer asked.
    /// </summary>
    public IReadOnlyList<string> Incomplete(string? gateway)
    {
        IEnumerable<string> configured =
            gateway is null ? runtime.Configuration.GatewayIds
            : runtime.Configuration.Find(gateway) is null ? []
            : [gateway];
        return
        [
            .. configured
                .Where(id =>
                    runtime.Ledger.Find(id) is not { AskedSinceStart: true, LastAudit.Complete: true }
                )
                .Concat(Abandoned)
                .Where(id => gateway is null || id == gateway)
                .Order(StringComparer.Ordinal),
        ];
    }

    /// <summary>One object.</summary>
    public static IResult Json<T>(T value, int status = StatusCodes.Status200OK) =>
        Results.Text(
            JsonSerializer.Serialize(value, RecordJson.Camel),
            "application/json",
            statusCode: status
        );

    /// <summary>An answer that needs the store: 503 if the store cannot be read.</summary>
    public static IResult FromStore(Func<IResult> read)
    {
        try
        {
            return read();
        }
        catch (StoreException fault)
        {
            return StoreIsDown(fault);
        }
    }

    /// <summary>An answer for which a host of a fleet needs the store: 503 if the store cannot be read.</summary>
    public static async Task<IResult> FromStoreAsync(Func<Task<IResult>> read)
    {
        try
        {
            return await read();
        }
        catch (StoreException fault)
        {
            return StoreIsDown(fault);
        }
    }

    /// <summary>The answer 503.</summary>
    public static IResult StoreIsDown(StoreException fault) =>
        Problems.Of(
            StatusCodes.Status503ServiceUnavailable,
            "The store cannot be read now",
            $"{fault.Message} What the record holds in memory is still answered: /v1/connections, /v1/calls, /v1/gateways."
        );

    /// <summary>An item that is serialised when it is sent.</summary>
    public static Action<Utf8JsonWriter> Camel<T>(T item) =>
        json => JsonSerializer.Serialize(json, item, RecordJson.Camel);

    /// <summary>An item that is JSON already.</summary>
    public static Action<Utf8JsonWriter> Raw(string item) => json => json.WriteRawValue(item, true);

    /// <summary>A sequence as a cursor.</summary>
    public static string? Number(long? next) => next?.ToString(CultureInfo.InvariantCulture);
}
