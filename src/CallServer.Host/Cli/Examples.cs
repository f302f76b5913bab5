using CallServer.Surface;

namespace CallServer.Host.Cli;

/// <summary>The lines below each command's help: examples to type, and what they are for.</summary>
public static class Examples
{
    private static readonly Dictionary<string, string[]> OfCommands = new(StringComparer.Ordinal)
    {
        ["audit"] =
        [
            "# every call longer than an hour, with jq",
            "callserver audit snmp://192.0.2.1 --json |",
            "    jq '.connections[] | select(.ageSeconds.min > 3600)'",
            "",
            "Exit status: 0 complete, 1 some gateway did not tell everything,",
            "2 some gateway silent or refusing, 64 the command line is wrong,",
            "70 a fault of CallServer itself.",
        ],
        ["doctor"] =
        [
            "callserver doctor snmp://192.0.2.1",
            "callserver doctor 'snmp://ops@192.0.2.1?auth=sha256&priv=aes128' \\",
            "    --auth-from file:/run/secrets/auth --priv-from file:/run/secrets/priv",
            "callserver doctor ng://192.0.2.3 --json | jq -r 'select(.ok | not) | .fix'",
            "",
            "Steps: reachability, credentials, version, profile, table, count,",
            "completeness, exactness, cost. A step is left out if the protocol does not",
            "have it, or if an earlier one has to hold for it and does not.",
            "",
            "Exit status: 0 every step holds, 1 the gateway does not tell everything or",
            "contradicts itself, 2 it is silent or refuses, 64 the command line is wrong.",
        ],
        ["store"] =
        [
            "callserver store copy callserver.db \\",
            "    postgres://callserver@db.example.org/callserver",
        ],
        ["store copy"] =
        [
            "# the server is stopped; afterwards its configuration names the database",
            "callserver store copy callserver.db \\",
            "    postgres://callserver@db.example.org/callserver \\",
            "    --password-from file:/run/secrets/database",
            "",
            "Exit status: 0 everything is copied, 64 nothing is: the message says why.",
        ],
        ["config"] =
        [
            "callserver config example > callserver.json",
            "callserver config check callserver.json",
            "callserver config schema > callserver.schema.json",
        ],
        ["config check"] =
        [
            "callserver config check callserver.json",
            "",
            "Exit status: 0 it is right (warnings of what is unwise go to standard error),",
            "64 something is wrong; each mistake is named with its line and path.",
        ],
        ["config example"] =
        [
            "callserver config example > callserver.json",
            "",
            "# from audits of these gateways, their community from the environment",
            "callserver config example snmp://192.0.2.1 ng://192.0.2.3 \\",
            "    --community-from env:GW_COMMUNITY > callserver.json",
            "",
            "Exit status: the same as that of audit. A gateway that does not answer is",
            "written as well.",
        ],
        ["config schema"] =
        [
            "callserver config schema > callserver.schema.json",
            "",
            "# in the configuration, for editors that know JSON schemas",
            "\"$schema\": \"./callserver.schema.json\",",
        ],
        ["completion"] =
        [
            "source <(callserver completion bash)      # in ~/.bashrc",
            "source <(callserver completion zsh)       # in ~/.zshrc",
            "callserver completion pwsh | Out-String | Invoke-Expression     # in $PROFILE",
        ],
        ["top"] =
        [
            "callserver top",
            "callserver top --server http://192.0.2.7:8080",
            "",
            "Keys: s next sort column, r reverse, / filter, arrows and page keys scroll,",
            "q quit. In a pipe it prints one look and ends.",
        ],
        ["run"] =
        [
            "callserver run --config callserver.json",
            "",
            "Runs until SIGINT or SIGTERM. Exit status: 0 stopped, 64 the configuration",
            "is wrong (each mistake is named with its place), 70 a fault of CallServer",
            "itself.",
        ],
        ["status"] = ["callserver status", "callserver status --server http://192.0.2.7:8080 --json"],
        ["hosts"] = ["callserver hosts --watch"],
        ["gateways"] = ["callserver gateways", "callserver gateways --watch"],
        ["audits"] = ["callserver audits --gateway gw1"],
        ["connections"] =
        [
            "callserver connections --watch     # s sorts, r reverses, / filters, q quits",
            "callserver connections --gateway gw1 --json | jq -r .codec | sort | uniq -c",
        ],
        ["calls"] =
        [
            "callserver calls --findings",
            "callserver calls --findings --json |",
            "    jq -r '.findings[] | .kind + \": \" + .text'",
        ],
        ["release"] =
        [
            "callserver release gw2/aaln/1@gw2/0A1B --reason 'forgotten by the proxy'",
            "",
            "# in a script",
            "callserver release gw2/aaln/1@gw2/0A1B --reason 'ticket 4711' --yes --json",
            "",
            "Exit status: 0 released, 1 not released (unknown, or the last complete audit",
            "did not list it), 2 the gateway refuses or does not answer, or no server",
            "does, 64 the command line is wrong, or nobody is there to confirm.",
        ],
        ["recovery"] =
        [
            "callserver recovery --server http://192.0.2.8:8080",
            "callserver recovery --dry-run     # what a takeover would find now, how soon",
            "callserver recovery --last 10 --json | jq .secondsAtRisk",
        ],
        ["dispute"] =
        [
            "callserver dispute partner.csv --rate '0.012 EUR/min'",
            "callserver dispute partner.csv --gateway gw1 --zone Europe/Zurich \\",
            "    --clock-skew 5s --rounding 60s --html partner.html",
            "callserver dispute partner.csv --map answer=calldate,billsec=#5 --json |",
            "    jq -r 'select(.verdict == \"disproved\") | .why'",
            "",
            "proved: inside the bounds of a connection of ours. disproved: while the",
            "call is said to have gone on, every gateway listed all it carried, and the",
            "call was not there. possible: nothing contradicts it. unknown: nobody",
            "looked then.",
            "",
            "Exit status: 0 judged, whatever the verdicts are, 2 the server does not",
            "answer or refuses, 64 the command line or the file is wrong, or the",
            "partner's clock is not ours.",
        ],
        ["takeover"] =
        [
            "callserver takeover --server http://192.0.2.8:8080",
            "",
            "# both act, and their epochs are too far apart for one to believe the other:",
            "# this one acts under epoch 10, and the other one agrees and stands by",
            "callserver takeover --epoch 10 --server http://192.0.2.8:8080",
            "",
            "Exit status: 0 it acts, 1 it did already or did not in time, 2 no server",
            "answers. The other server becomes a standby as soon as it hears of it.",
        ],
        ["stepdown"] =
        [
            "callserver stepdown --server http://192.0.2.7:8080     # before maintenance",
            "",
            "Exit status: 0 the other server acts, 1 it does not (no standby was heard",
            "lately, or none took over in time: this one goes on), 2 no server answers.",
        ],
        ["cdrs"] =
        [
            "callserver cdrs --gateway gw1 --since 2h",
            "callserver cdrs --since 2026-01-31T00:00:00Z --csv > january31.csv",
            "callserver cdrs --watch --json      # one line a CDR, as they are written",
        ],
        ["control-log"] =
        [
            "callserver control-log --token-from file:/etc/callserver/read.token",
            "callserver control-log --json | jq 'select(.result == \"refused\")'",
        ],
        ["gateway"] =
        [
            "# a gateway with 1000 calls, ten of them ending and beginning each second",
            "callserver gateway --snmp 1161 --connections 1000 --churn 10 \\",
            "    --truth truth.ndjson",
            "",
            "# one with Avaya's tables, over a bad network",
            "callserver gateway --snmp 1162 --profile avaya-rtp --connections 50 \\",
            "    --delay 40ms --loss 0.05",
            "",
            "# four protocols, one table: each shows the same calls",
            "callserver gateway --snmp 1161 --mgcp 2427 --sip 5060 --ng 2223 \\",
            "    --connections 50",
            "",
            "# two gateways with calls of their own and 20 that cross both: what is local",
            "# to one is remote to the other, Call-ID, GUID and times are the same",
            "callserver gateway --mgcp 2427 --connections 30 \\",
            "    --since 2026-01-31T10:00:00Z --trunk 7:20:0.5",
            "callserver gateway --ng 2223 --connections 10 \\",
            "    --since 2026-01-31T10:00:00Z --trunk 7:20:0.5:far",
            "",
            "The file of --truth: with one protocol it has a line for each connection that",
            "an audit finds (a call of ng has two, one for each tag). With several it has",
            "one line for each connection, under its id in the first protocol; \"ids\" has",
            "its id in each protocol (in ng, that of the offering tag), and \"further\" the",
            "other ids, where a protocol lists it more than once. SIP and ng then share",
            "the Call-ID, MGCP's C: is Cisco's GUID, and only codecs occur that the SNMP",
            "profile can tell.",
        ],
        ["profiles"] = ["callserver profiles", "callserver profiles cisco-voice"],
        ["demo"] =
        [
            "callserver demo",
            "callserver demo --json | jq .",
            "",
            "Exit status: 0 nothing was lost, 1 something was, 70 it could not be played.",
        ],
    };

    public static IReadOnlyList<string> Overview { get; } =
    [
        "callserver demo                                   a takeover on this machine",
        "callserver audit snmp://192.0.2.1                 one look at a gateway",
        "callserver doctor snmp://192.0.2.1                what is wrong, and the fix",
        "callserver config example > callserver.json       a configuration to edit",
        "callserver run --config callserver.json           keep the record",
        "callserver connections --watch                    what is active now",
        "callserver top                                    the server at a glance",
        "callserver gateway --snmp 1161 --connections 100  simulate a gateway",
        "",
        "Exit status of every command: 0 done, 64 the command line or configuration",
        "is wrong, 70 a fault of CallServer itself, 130 interrupted. Of those that ask",
        "a server: 2 it does not answer, or refuses. A command's help has the others.",
    ];

    /// <summary>A command's examples; false if it has none.</summary>
    public static bool Of(string command, GatewayProtocols protocols, out IReadOnlyList<string> lines)
    {
        ArgumentNullException.ThrowIfNull(protocols);
        var known = OfCommands.TryGetValue(command, out var found);
        lines = command == "audit" ? [.. OfProtocols(protocols), .. found ?? []] : found ?? [];
        return known;
    }

    /// <summary>How to ask gateways of each protocol.</summary>
    private static IEnumerable<string> OfProtocols(GatewayProtocols protocols) =>
        protocols.Examples.SelectMany(lines => lines.Append(""));
}
