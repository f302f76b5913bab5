using System.Text.Json;
using CallServer.Model;
using CallServer.Surface;
using Npgsql;

namespace CallServer.Storage.Postgres;

/// <summary>A change that some host has written, without what it says.</summary>
/// <param name="Sequence">Its number.</param>
/// <param name="Kind">Its kind, such as <c>opened</c>.</param>
/// <param name="Gateway">The gateway's id.</param>
/// <param name="Connection">The connection's id there; null if it is about the whole gateway.</param>
/// <param name="Call">The call id of the connection as it is now; null unless it opened or changed, and is there.</param>
/// <param name="LocalMedia">Its own media address, likewise.</param>
/// <param name="RemoteMedia">The other end's, likewise.</param>
public readonly record struct SharedChange(
    long Sequence,
    string Kind,
    string Gateway,
    string? Connection,
    string? Call,
    string? LocalMedia,
    string? RemoteMedia
);

/// <summary>Rows of a gateway that another host has written.</summary>
/// <param name="Gateway">The gateway's own row.</param>
/// <param name="Connections">Some of its connections.</param>
/// <param name="Shift">From that host's timeline to this one's.</param>
public sealed record SharedRows(
    GatewayRow Gateway,
    IReadOnlyList<ConnectionRow> Connections,
    TimelineShift Shift
);

/// <summary>
/// Finds and reads single connections that other hosts have written, and follows what they write. Every method throws
/// StoreException if the database cannot be read. Safe for use by several threads.
/// </summary>
public sealed class SharedConnections
{
    private readonly PostgresStoreOptions options;
    private readonly NpgsqlDataSource source;
    private readonly HandedRecord record;

    internal SharedConnections(PostgresStoreOptions options, SharedTenure tenure, NpgsqlDataSource source)
    {
        this.options = options;
        this.source = source;
        record = new HandedRecord(tenure, _ => { }, kept: new KeptShifts());
    }

    /// <summary>The numbers of the oldest and the newest change; the oldest is 0 if there are none.</summary>
    public Task<(long Oldest, long Newest)> ChangesKnownAsync(CancellationToken cancellation) =>
        PostgresReading.AtOneMomentAsync(
            source,
            options,
            async connection =>
            {
                await using var command = connection.Command(Sql.ChangesKnown);
                await using var reader = await command.ExecuteReaderAsync(cancellation);
                await reader.ReadAsync(cancellation);
                return (reader.GetInt64(1), reader.GetInt64(0));
            },
            cancellation
        );

    /// <summary>The changes after this number, oldest first, at most so many. They have no gaps.</summary>
    public Task<IReadOnlyList<SharedChange>> ChangesAsync(
        long after,
        int most,
        CancellationToken cancellation
    ) =>
        PostgresReading.AtOneMomentAsync<IReadOnlyList<SharedChange>>(
            source,
            options,
            async connection =>
            {
                await using var command = connection.Command(Sql.SharedChanges, after, most);
                await using var reader = await command.ExecuteReaderAsync(cancellation);
                var changes = new List<SharedChange>();
                while (await reader.ReadAsync(cancellation))
                    changes.Add(
                        new SharedChange(
                            reader.GetInt64(0),
                            reader.GetString(1),
                            reader.GetString(2),
                            Text(reader, 3),
                            Text(reader, 4),
                            Text(reader, 5),
                            Text(reader, 6)
                        )
                    );
                return changes;
            },
            cancellation
        );

    /// <summary>What these changes say, by their numbers.</summary>
    public Task<IReadOnlyDictionary<long, ChangeView>> DetailsAsync(
        long[] changes,
        CancellationToken cancellation
    ) =>
        PostgresReading.AtOneMomentAsync<IReadOnlyDictionary<long, ChangeView>>(
            source,
            options,
            async connection =>
            {
                await using var command = connection.Command(Sql.SomeChanges, changes);
                await using var reader = await command.ExecuteReaderAsync(cancellation);
                var details = new Dictionary<long, ChangeView>();
                while (await reader.ReadAsync(cancellation))
                    details.Add(
                        reader.GetInt64(0),
                        JsonSerializer.Deserialize<ChangeView>(reader.GetString(1), RecordJson.Camel)!
                    );
                return details;
            },
            cancellation
        );

    /// <summary>
    /// The connections that have one of these call ids, or one of these addresses as their own: gateway and id, each once.
    /// </summary>
    /// <param name="calls">As <see cref="JoinKeys.Call"/>.</param>
    /// <param name="media">As <see cref="JoinKeys.Media"/>.</param>
    /// <param name="most">At most so many for each of them: what more have tells nothing.</param>
    /// <param name="cancellation">Gives up.</param>
    public Task<IReadOnlyList<(string Gateway, string Id)>> FindAsync(
        IReadOnlyCollection<string> calls,
        IReadOnlyCollection<string> media,
        int most,
        CancellationToken cancellation
    ) =>
        PostgresReading.AtOneMomentAsync<IReadOnlyList<(string, string)>>(
            source,
            options,
            async connection =>
            {
                await using var command = connection.Command(
                    Sql.Alike,
                    calls.Select(PostgresText.Of).ToArray(),
                    media.ToArray(),
                    most
                );
                await using var reader = await command.ExecuteReaderAsync(cancellation);
                var found = new List<(string, string)>();
                while (await reader.ReadAsync(cancellation))
                    found.Add((reader.GetString(0), Text(reader, 1)!));
                return found;
            },
            cancellation
        );

    /// <summary>
    /// The rows of these connections and of their gateways, and of these other gateways, all at one moment, by gateway. What the
    /// record does not hold is left out.
    /// </summary>
    public Task<IReadOnlyDictionary<string, SharedRows>> ReadAsync(
        IReadOnlyCollection<(string Gateway, string Id)> connections,
        IEnumerable<string> gateways,
        CancellationToken cancellation
    ) =>
        PostgresReading.AtOneMomentAsync(
            source,
            options,
            connection =>
                record.ReadSomeAsync(
                    connection,
                    [.. connections.Select(each => each.Gateway).Concat(gateways).Distinct()],
                    connections,
                    cancellation
                ),
            cancellation
        );

    private static string? Text(NpgsqlDataReader reader, int at) =>
        reader.IsDBNull(at) ? null : PostgresText.Read(reader.GetString(at));
}
