using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace CallServer.Host.Cli.Output;

/// <summary>How connections are listed, shared by <c>audit</c> and <c>connections</c>.</summary>
public static class ConnectionColumns
{
    private static readonly Style Doubtful = new(Color.Yellow);
    private static readonly Style Faint = new(Color.Grey);

    /// <summary>Columns for a pipe: always the same, plus gateway and status for a running server.</summary>
    public static IReadOnlyList<Column> Plain(bool ofServer) =>
        [
            .. ofServer ? [Column.Of("gateway", "gateway")] : Array.Empty<Column>(),
            Column.Of("id", "id"),
            Column.Of("call", "call"),
            Column.Of("originator", "originator"),
            Column.Of("remote", "remote"),
            Column.Of("codec", "codec"),
            new("qos", Qos),
            new("start", row => Bounds.Of(row.Member("start")).At()),
            new("exact", row => Bounds.Of(row.Member("start")).Exactness()),
            Column.Of("evidence", "start") with
            {
                Cell = row => row.Member("start").Text("evidence"),
            },
            new("age-s", Seconds) { Right = true },
            Column.Of("mode", "mode"),
            Column.Of("state", "state"),
            Column.Of("local-media", "localMedia"),
            Column.Of("remote-media", "remoteMedia"),
            .. ofServer
                ?
                [
                    Column.Of("status", "status"),
                    Column.Of("recovered", "recovered"),
                    Column.Of("last-heard", "lastHeard"),
                ]
                : Array.Empty<Column>(),
        ];

    /// <summary>
    /// Columns for a terminal: first what a voice engineer looks for, and more if there is room. Times on the day of
    /// the list (today) have no date.
    /// </summary>
    public static IReadOnlyList<Column> Screen(bool ofServer, long? today) =>
        [
            .. ofServer ? [Column.Of("gateway", "gateway") with { Least = 8 }] : Array.Empty<Column>(),
            Column.Of("id", "id") with
            {
                Least = 12,
                // An rtpengine call has two tags, and an MGCP endpoint may have several connections: the end of the
                // id tells them apart.
                CutInside = true,
            },
            Column.Of("call", "call") with
            {
                Rank = 4,
                Least = 16,
                Style = _ => Faint,
            },
            Column.Of("originator", "originator") with
            {
                Least = 10,
            },
            Column.Of("remote", "remote") with
            {
                Rank = 1,
                Least = 10,
            },
            Column.Of("codec", "codec"),
            new("QoS", Qos) { Rank = 1, Least = 7 },
            new("start (UTC)", row => Bounds.Of(row.Member("start")).Brief(today))
            {
                Order = row => Bounds.Of(row.Member("start")).Latest,
            },
            new("age", Age)
            {
                Right = true,
                Rank = 1,
                Order = row => row.Member("ageSeconds").Number("min"),
            },
            new("mode/state", ModeAndState) { Rank = 3 },
            new("media", Media) { Rank = 5, Least = 20 },
            .. ofServer
                ? [new Column("status", Status) { Rank = 2, Style = Standing }]
                : Array.Empty<Column>(),
        ];

    /// <summary>The DSCP as people write it, <c>EF/46</c>, or the service class, or the gateway's own words.</summary>
    public static string? Qos(JsonElement connection)
    {
        var qos = connection.Member("qos");
        return qos.Number("dscp") is { } dscp ? Dscp((int)dscp) : qos.Text("service") ?? qos.Text("reported");
    }

    /// <summary>The name of a DSCP, by RFC 2474, 2597, 3246, 5865, 8622.</summary>
    public static string Dscp(int code)
    {
        string? name = code switch
        {
            0 => "BE",
            1 => "LE",
            44 => "VA",
            46 => "EF",
            _ when code % 8 == 0 => $"CS{code / 8}",
            _ when code is >= 10 and <= 38 && code % 2 == 0 && code % 8 <= 6 => $"AF{code / 8}{code % 8 / 2}",
            _ => null,
        };
        return name is null ? code.ToString(CultureInfo.InvariantCulture) : $"{name}/{code}";
    }

    /// <summary>The least time that it has been active.</summary>
    private static string? Age(JsonElement connection)
    {
        var age = connection.Member("ageSeconds");
        if (age.Number("min") is not { } least)
            return null;
        var text = Length(least);
        return age.Number("max") is null ? $"≥{text}" : text;
    }

    /// <summary>Formats seconds as <c>0:05</c>, <c>1:02:03</c>, <c>2d 01:02:03</c>.</summary>
    public static string Length(double seconds)
    {
        var span = TimeSpan.FromSeconds(Math.Floor(Math.Max(seconds, 0)));
        return span.TotalDays >= 1 ? $"{(int)span.TotalDays}d {span:hh\\:mm\\:ss}"
            : span.TotalHours >= 1 ? span.ToString("h\\:mm\\:ss", CultureInfo.InvariantCulture)
            : span.ToString("m\\:ss", CultureInfo.InvariantCulture);
    }

    private static string? Seconds(JsonElement connection) =>
        connection.Member("ageSeconds").Number("min")?.ToString("0.000", CultureInfo.InvariantCulture);

    private static string ModeAndState(JsonElement connection) =>
        string.Join('/', new[] { connection.Text("mode"), connection.Text("state") }.OfType<string>());

    private static string? Media(JsonElement connection) =>
        (connection.Text("localMedia"), connection.Text("remoteMedia")) switch
        {
            (null, null) => null,
            var (local, remote) => $"{local ?? "?"} → {remote ?? "?"}",
        };

    private static Style? Standing(JsonElement connection) =>
        connection.Text("status") is "confirmed" ? default(Style?) : Doubtful;

    private static string? Status(JsonElement connection) =>
        connection.Flag("recovered") == true
            ? $"{connection.Text("status")}, recovered"
            : connection.Text("status");
}
