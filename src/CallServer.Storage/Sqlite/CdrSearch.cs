using System.Text;
using CallServer.Surface;
using Microsoft.Data.Sqlite;

namespace CallServer.Storage.Sqlite;

/// <summary>
/// The statements of a search for CDRs. They look at the next <see cref="Slice"/> CDRs that the indexed columns leave,
/// and test the others of those alone.
/// </summary>
internal sealed class CdrSearch(CdrFilter filter, bool newestFirst, long? cursor, int limit)
{
    /// <summary>How many CDRs one search looks at.</summary>
    public const int Slice = 20_000;

    /// <summary>The function of SQL that hides a number.</summary>
    private const string ShownNumber = "shown_number";

    /// <summary>Gives a connection the functions that the statements call.</summary>
    public static void Teach(SqliteConnection connection) =>
        connection.CreateFunction<string?, string?>(
            ShownNumber,
            text => NumberMask.Last4(text),
            isDeterministic: true
        );

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
            connection = CdrFilter.Like(filter.Connection),
            call = CdrFilter.Like(filter.Call),
            originator = CdrFilter.Like(filter.Originator),
            remote = CdrFilter.Like(filter.Remote),
            codec = CdrFilter.Like(filter.Codec),
            cause = CdrFilter.Like(filter.Cause),
            evidence = filter.Evidence,
            recovered = filter.Recovered == true ? 1 : 0,
        };

    /// <summary>The CDRs of the slice that fit.</summary>
    public string Found =>
        $"SELECT sequence, json FROM ({Part("sequence, connection, json")}){Tests()} ORDER BY sequence {Order} LIMIT @limit";

    /// <summary>How many CDRs the slice has, and the sequence of its last one.</summary>
    public string End =>
        $"SELECT count(*), coalesce({(newestFirst ? "min" : "max")}(sequence), 0) FROM ({Part("sequence")})";

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
        Text(Member("call"), filter.Call, "@call");
        Text(Number("originator"), filter.Originator, "@originator");
        Text(Number("remote"), filter.Remote, "@remote");
        Text(Member("read_codec"), filter.Codec, "@codec");
        Text(Member("hangup_cause"), filter.Cause, "@cause");
        if (filter.Evidence is not null)
            Add($"{Member("end_evidence")} = @evidence");
        if (filter.Recovered is not null)
            Add($"{Member("recovered")} = @recovered");
        return tests.ToString();

        void Text(string value, string? pattern, string parameter)
        {
            if (pattern is not null)
                Add($"{value} LIKE {parameter} ESCAPE '\\'");
        }

        void Add(string test) => tests.Append(tests.Length == 0 ? " WHERE " : " AND ").Append(test);
    }

    private string Number(string name) =>
        filter.HidesNumbers ? $"{ShownNumber}({Member(name)})" : Member(name);

    private static string Member(string name) => $"json_extract(json, '$.{name}')";
}
