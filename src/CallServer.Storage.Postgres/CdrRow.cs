using System.Text.Json;
using CallServer.Storage.Sqlite;
using CallServer.Surface;
using Npgsql;

namespace CallServer.Storage.Postgres;

/// <summary>A CDR as its columns have it.</summary>
internal sealed record CdrRow(
    long Sequence,
    CdrKey Key,
    string Gateway,
    string Connection,
    long EndedAt,
    string? Call,
    string? Originator,
    string? Remote,
    string? ReadCodec,
    string? HangupCause,
    string? EndEvidence,
    bool Recovered,
    string Json
)
{
    public static CdrRow Of(long sequence, CdrView cdr, string json) =>
        new(
            sequence,
            CdrKey.Of(cdr),
            cdr.Gateway,
            cdr.Connection,
            CdrKey.EndOf(cdr),
            cdr.Call,
            cdr.Originator,
            cdr.Remote,
            cdr.ReadCodec,
            cdr.HangupCause,
            cdr.EndEvidence,
            cdr.Recovered,
            json
        );

    /// <summary>One that another store has written.</summary>
    public static CdrRow Of(CdrColumns cdr)
    {
        using var json = JsonDocument.Parse(cdr.Json);
        return new(
            cdr.Sequence,
            new CdrKey(cdr.Id, cdr.Reuse),
            cdr.Gateway,
            cdr.Connection,
            cdr.EndedAt,
            Text("call"),
            Text("originator"),
            Text("remote"),
            Text("read_codec"),
            Text("hangup_cause"),
            Text("end_evidence"),
            json.RootElement.TryGetProperty("recovered", out var recovered)
                && recovered.ValueKind == JsonValueKind.True,
            cdr.Json
        );

        string? Text(string name) =>
            json.RootElement.TryGetProperty(name, out var member) && member.ValueKind == JsonValueKind.String
                ? member.GetString()
                : null;
    }

    public static void Write(NpgsqlBatch batch, CdrRow[] rows)
    {
        var (sequences, ids) = (Each(row => row.Sequence), Each(row => row.Key.Id));
        var reuses = Each(row => row.Key.Reuse);
        batch.Add(Sql.AddCdrIds, ids, reuses, sequences);
        batch.Add(
            Sql.AddCdrs,
            sequences,
            ids,
            reuses,
            Each(row => row.Gateway),
            Text(row => row.Connection),
            Each(row => row.EndedAt),
            Text(row => row.Call),
            Text(row => row.Originator),
            Text(row => Hidden(row.Originator)),
            Text(row => row.Remote),
            Text(row => Hidden(row.Remote)),
            Text(row => row.ReadCodec),
            Text(row => row.HangupCause),
            Text(row => row.EndEvidence),
            Each(row => row.Recovered),
            Each(row => row.Json)
        );

        T[] Each<T>(Converter<CdrRow, T> member) => Array.ConvertAll(rows, member);
        string?[] Text(Func<CdrRow, string?> member) => Each(row => PostgresText.Of(member(row)));
    }

    /// <summary>A number as it is shown where numbers are hidden; null if that is the number itself.</summary>
    private static string? Hidden(string? number) =>
        NumberMask.Last4(number) is var shown && shown == number ? null : shown;
}
