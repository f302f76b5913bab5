using System.Text;
using System.Text.Json;

namespace CallServer.Host.Cli.Configuring;

/// <summary>A configuration to begin with: JSON with comments that say what to change.</summary>
internal static class ConfigurationExample
{
    private const string Head = """
        // A configuration of CallServer. `callserver config check FILE` checks it, and `callserver run --config FILE` runs it.
        // Secrets are named here and never written: "env:NAME" or "file:PATH".
        // `callserver config schema` describes every key, also for editors.
        {
          "server": {
            "name": "cs-a", // in CDRs, and towards the other server of a pair
            "listen": "http://127.0.0.1:8080", // another address also needs: "token": "env:CALLSERVER_TOKEN"
            "data": "callserver.db", // the record, a SQLite file
          },
          "polling": {
            "interval": "10s", // between two audits of a gateway; the gap in which a start or an end may hide
            "timeout": "1s", // for one reply
            "attempts": 4, // how many times a request is sent before the gateway counts as silent
          },
          "cdr": {
            "file": "cdr/callserver.ndjson", // one JSON object a line; "csv" writes comma-separated values
            "rotate": "1d",
          },
          "keep": { "cdrs": "90d" }, // how long the store keeps CDRs

          // Gateways may announce their restarts here:
          // "listeners": { "mgcp": "127.0.0.1:2727", "traps": "127.0.0.1:1162" },

          // A pair has this on both servers, and "backup" on the backup alone:
          // "pair": { "peer": "http://192.0.2.8:8080", "secret": "env:PAIR_SECRET" },
          // "backup": { "of": "http://192.0.2.7:8080" },

          "gateways": [

        """;

    private const string Tail = """
          ],
        }

        """;

    /// <summary>The text of the file.</summary>
    public static string Of(IReadOnlyList<ExampleGateway> gateways)
    {
        var text = new StringBuilder(Head.ReplaceLineEndings("\n"));
        foreach (var gateway in gateways)
        {
            text.Append("    // ").Append(gateway.Remark).Append('\n');
            text.Append("    { ").AppendJoin(", ", Members(gateway)).Append(" },\n");
        }

        return text.Append(Tail.ReplaceLineEndings("\n")).ToString();
    }

    private static IEnumerable<string> Members(ExampleGateway gateway)
    {
        yield return Member("id", gateway.Id);
        yield return Member("uri", gateway.Uri);
        foreach (var (key, place) in gateway.Secrets)
            yield return Member(key, place);
        if (gateway.Interval is { } interval)
            yield return Member("interval", interval);
    }

    private static string Member(string key, string value) =>
        $"{JsonSerializer.Serialize(key, JsonText.Options)}: {JsonSerializer.Serialize(value, JsonText.Options)}";
}
