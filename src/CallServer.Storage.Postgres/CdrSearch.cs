using System.Text;

namespace CallServer.Storage.Postgres;

/// <summary>
/// The statements of a search for CDRs. They look at the next <see cref="Slice"/> CDRs that the indexed columns leave,
/// and test the others of those alone.
/// </summary>
internal sealed class CdrSearch(CdrFilter filter, bool newestFirst, long? cursor, int limit)
{
    /// <summary>How many CDRs one search looks at.</summary>
    public const int Slice = 20_000;

    private const string Columns =
        "sequence, connection, call, originator, originator_last4, remote, remote_last4, read_codec, hangup_cause, end_evidence, recovered, json";

    private string Order => newestFirst ? "DESC" : "ASC";

    /// <summary>The values of the parameters.</summary>
    public object Values =>
        new
        {
            since = filter.Since is { } since ? Micros.Of(since) : 0,
            until = filter.Until is { } until ? Micros.Of(until) : 0,
            gateway = filter.Gateway,
            cursor = cursor ?? (newestFirst ? long.MaxValue : 0),
            slice = Slice,
            // One more than wanted tells whether there is another.
            limit = limit + 1,
            connection = Like(filter.Connection),
            call = Like(filter.Call),
            originator = Like(filter.Originator),
            remote = Like(filter.Remote),
            codec = Like(filter.Codec),
            cause = Like(filter.Cause),
            evidence = filter.Evidence,
            recovered = filter.Recovered ?? false,
        };

    /// <summary>The CDRs of the slice that fit.</summary>
    public string Found =>
        $"SELECT sequence, json FROM ({Part(Columns)}) part{Tests()} ORDER BY sequence {Order} LIMIT @limit";

    /// <summary>How many CDRs the slice has, and the sequence of its last one.</summary>
    public string End =>
        $"SELECT count(*), coalesce({(newestFirst ? "min" : "max")}(sequence), 0) FROM ({Part("sequence")}) part";

    private string Part(string columns) =>
        $"SELECT {columns} FROM cdrs WHERE sequence {(newestFirst ? "<" : ">")} @cursor"
        + (filter.Since is null ? "" : " AND ended_at >= @since")
        + (filter.Until is null ? "" : " AND ended_at < @until")
        + (filter.Gateway is null ? "" : " AND gateway = @gateway")
        + $" ORDER BY sequence {Order} LIMIT @slice";

    private string Tests()
    {
        var tests = new StringBuilder();
        Text("connection", filter.Connection, "@connection");
        Text("call", filter.Call, "@call");
        Text(Number("originator"), filter.Originator, "@originator");
        Text(Number("remote"), filter.Remote, "@remote");
        Text("read_codec", filter.Codec, "@codec");
        Text("hangup_cause", filter.Cause, "@cause");
        if (filter.Evidence is not null)
            Add("end_evidence = @evidence");
        if (filter.Recovered is not null)
            Add("recovered = @recovered");
        return tests.ToString();

        // The columns' collation, "C", knows the case of ASCII letters alone.
        void Text(string value, string? pattern, string parameter)
        {
            if (pattern is not null)
                Add($"{value} ILIKE {parameter}");
        }

        void Add(string test) => tests.Append(tests.Length == 0 ? " WHERE " : " AND ").Append(test);
    }

    private string Number(string name) => filter.HidesNumbers ? $"coalesce({name}_last4, {name})" : name;

    private static string? Like(string? pattern) => PostgresText.Of(CdrFilter.Like(pattern));
}
