using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace CallServer.Interop.Peers;

/// <summary>A call as Kamailio itself reports it, outside of SIP.</summary>
internal sealed record ProxiedCall(
    string CallId,
    string From,
    string To,
    DateTimeOffset Answered,
    long Entry,
    long Number
);

/// <summary>
/// Debian's Kamailio, which publishes the calls that sipp makes through it as dialogs. setups/kamailio/kamailio.cfg.in
/// says whose dialogs are whose, and has the password.
/// </summary>
internal sealed class KamailioPeer : IAsyncDisposable
{
    public const string User = "alice";
    public const string Password = "secret";
    private const int Confirmed = 4;

    private readonly Scope scope;
    private readonly string folder;
    private readonly int answers = FreePort.Udp();
    private readonly int rpc = FreePort.Udp();
    private readonly HttpClient http;
    private ChildProcess process;

    private KamailioPeer(Scope scope, int port)
    {
        this.scope = scope;
        Port = port;
        folder = scope.NewFolder("kamailio");
        process = Start(folder);
        http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}/RPC") };
    }

    /// <summary>The process that started all its others.</summary>
    public ChildProcess Process => process;

    /// <summary>The port for UDP, TCP, and JSON-RPC over HTTP.</summary>
    public int Port { get; }

    /// <summary>The URIs that ask for all dialogs by JSON-RPC, over datagrams and over HTTP.</summary>
    public IReadOnlyList<string> JsonRpc =>
        [$"jsonrpc://127.0.0.1:{rpc}", $"jsonrpc+http://127.0.0.1:{Port}"];

    /// <summary>Starts one on a free port, and returns when it answers and calls can be made through it.</summary>
    public static async Task<KamailioPeer> StartAsync(Scope scope)
    {
        Programs.Require("kamailio", "sipp", "sqlite3");
        for (var attempt = 1; ; attempt++)
        {
            var peer = scope.Own(new KamailioPeer(scope, FreePort.Tcp()));
            if (await peer.AnswersAsync())
            {
                peer.Script("sipp.sh", peer.folder, "answering", $"{peer.answers}");
                return peer;
            }

            if (attempt == 3)
                throw Trouble.Failed($"Kamailio does not start: {peer.process}");
        }
    }

    /// <summary>
    /// The URI that asks for the dialogs of gw1 (callers' side), gw2 (callees' side) or authgw (behind digest).
    /// </summary>
    public string Uri(string user, string parameters = "") => $"sip:{user}@127.0.0.1:{Port}{parameters}";

    /// <summary>Makes calls that last for hours, and returns when Kamailio has every one of them.</summary>
    public async Task CallAsync(int count)
    {
        var before = (await CallsAsync()).Count;
        string[] options = ["-m", $"{count}", "-l", $"{count}", "-r", "50", "-d", "86400000"];
        Script("sipp.sh", [folder, "calling", $"{FreePort.Udp()}", $"127.0.0.1:{Port}", .. options]);
        await Eventually.GetAsync(
            async () => (await CallsAsync()).Count >= before + count ? "all" : null,
            () => $"{count} calls through {process}",
            // It publishes each of them in a document of all.
            count * TimeSpan.FromSeconds(0.2)
        );
    }

    /// <summary>
    /// Makes calls that last this long, so many a second, and returns when the last one is over: what sipp measured.
    /// </summary>
    public async Task<PassedCalls> PassAsync(
        int count,
        int rate,
        TimeSpan length,
        CancellationToken cancel = default
    )
    {
        var times = scope.NewFolder("passing");
        string[] calls = ["-m", $"{count}", "-l", $"{count}", "-r", $"{rate}"];
        string[] each = ["-d", $"{(int)length.TotalMilliseconds}", "-trace_rtt", "-rtt_freq", "1"];
        string[] totals = ["-trace_stat", "-stf", "totals.csv"];
        var passing = Script(
            "sipp.sh",
            [times, "calling", $"{FreePort.Udp()}", $"127.0.0.1:{Port}", .. calls, .. each, .. totals]
        );
        var finished = await passing.FinishAsync(TimeSpan.FromSeconds(120 + (double)count / rate));
        // sipp: 0 when all calls succeeded, 1 when one of them failed.
        if (finished.ExitCode is not (0 or 1))
            throw Trouble.Failed($"sipp failed: {finished}");
        // Date_ms;response_time_ms;rtd_name
        var lines = await File.ReadAllLinesAsync(Directory.GetFiles(times, "*_rtt.csv").Single(), cancel);
        var setups = lines
            .Skip(1)
            .Select(line => line.Split(';')[1])
            .Select(ms => TimeSpan.FromMilliseconds(double.Parse(ms, CultureInfo.InvariantCulture)));
        var rows = await File.ReadAllLinesAsync(Path.Combine(times, "totals.csv"), cancel);
        var failed = rows[^1].Split(';')[Array.IndexOf(rows[0].Split(';'), "FailedCall(C)")];
        return new PassedCalls([.. setups], int.Parse(failed, CultureInfo.InvariantCulture));
    }

    /// <summary>Has the proxy end calls, as its operator would. The answer brackets their ends.</summary>
    public async Task<Bracket> EndAsync(IReadOnlyList<ProxiedCall> ended)
    {
        var before = DateTimeOffset.UtcNow;
        // All at once, so that their notifications come in bursts, some of them in one segment of the stream.
        foreach (var call in ended)
            await AskAsync("dlg.end_dlg", call.Entry, call.Number);
        var ids = ended.Select(call => call.CallId).ToHashSet();
        await Eventually.GetAsync(
            async () => (await CallsAsync()).Any(call => ids.Contains(call.CallId)) ? null : "ended",
            () => $"the end of {ended.Count} calls through {process}"
        );
        return new Bracket(before, DateTimeOffset.UtcNow);
    }

    /// <summary>Ends it with all its dialogs. The calls go on, as its operator would wish.</summary>
    public async Task StopAsync()
    {
        await process.SignalAsync("TERM");
        await process.FinishAsync(TimeSpan.FromSeconds(30));
    }

    /// <summary>Starts it again without its dialogs. The answer brackets the start.</summary>
    public async Task<Bracket> StartAgainAsync()
    {
        var before = DateTimeOffset.UtcNow;
        process = Start(scope.NewFolder("kamailio-again"));
        if (!await AnswersAsync())
            throw Trouble.Failed($"Kamailio does not start again: {process}");
        return new Bracket(before, DateTimeOffset.UtcNow);
    }

    /// <summary>From now on subscriptions fork: this server and the one on that port both serve them.</summary>
    public Task ForkAsync(int port) => AskAsync("pv.shvSet", "other", "int", port);

    /// <summary>Publishes no call that begins from now on: the proxy then sets up several times as many a second.</summary>
    public Task KeepToItselfAsync() => AskAsync("pv.shvSet", "publishes", "int", 0);

    /// <summary>
    /// Publishes a user's call that rings at several phones as one dialog id, with a remote tag and a state for each
    /// phone (RFC 3903, RFC 4235).
    /// </summary>
    public async Task PublishAsync(
        string user,
        string dialog,
        params (string RemoteTag, string State)[] branches
    )
    {
        var entity = $"sip:{user}@127.0.0.1:{Port}";
        var document = $"""
            <?xml version="1.0"?>
            <dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" entity="{entity}">
              {string.Concat(branches.Select(Dialog))}
            </dialog-info>
            """.ReplaceLineEndings("\r\n");
        string Dialog((string RemoteTag, string State) branch) =>
            $"""
                <dialog id="{dialog}" call-id="call-{dialog}" local-tag="l1" remote-tag="{branch.RemoteTag}" direction="initiator">
                  <state>{branch.State}</state>
                  <local><identity>{entity}</identity></local>
                  <remote><identity>sip:{branch.RemoteTag}@127.0.0.1</identity></remote>
                </dialog>
                """;
        using var socket = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Connect(IPAddress.Loopback, Port);
        var request = $"""
            PUBLISH {entity} SIP/2.0
            Via: SIP/2.0/UDP {socket.Client.LocalEndPoint};branch=z9hG4bK-{dialog}
            Max-Forwards: 70
            From: <{entity}>;tag=phone
            To: <{entity}>
            Call-ID: publish-{dialog}
            CSeq: 1 PUBLISH
            Event: dialog
            Expires: 600
            Content-Type: application/dialog-info+xml
            Content-Length: {Encoding.UTF8.GetByteCount(document)}


            """.ReplaceLineEndings("\r\n");
        await socket.SendAsync(Encoding.UTF8.GetBytes(request + document));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        var answer = Encoding.UTF8.GetString((await socket.ReceiveAsync(patience.Token)).Buffer);
        if (!answer.StartsWith("SIP/2.0 200", StringComparison.Ordinal))
            throw Trouble.Failed($"Kamailio refuses what is published: {answer}");
    }

    /// <summary>The calls that exist now, according to the proxy.</summary>
    public async Task<IReadOnlyList<ProxiedCall>> CallsAsync()
    {
        var told = await AskAsync("dlg.list");
        return
        [
            .. (told as JsonArray ?? [])
                .Where(dialog => dialog!["state"]!.GetValue<int>() == Confirmed)
                .Select(dialog => new ProxiedCall(
                    dialog!["call-id"]!.GetValue<string>(),
                    dialog["from_uri"]!.GetValue<string>(),
                    dialog["to_uri"]!.GetValue<string>(),
                    DateTimeOffset.FromUnixTimeSeconds(dialog["start_ts"]!.GetValue<long>()),
                    dialog["h_entry"]!.GetValue<long>(),
                    dialog["h_id"]!.GetValue<long>()
                )),
        ];
    }

    /// <summary>How many calls go on now, as the proxy counts them.</summary>
    public async Task<int> CountAsync() =>
        ((JsonObject)(await AskAsync("dlg.stats_active"))!)["all"]!.GetValue<int>();

    public ValueTask DisposeAsync()
    {
        http.Dispose();
        return ValueTask.CompletedTask;
    }

    private ChildProcess Start(string folder) =>
        Script("start.sh", folder, $"{Port}", $"{answers}", $"{rpc}");

    private ChildProcess Script(string name, params IEnumerable<string> arguments) =>
        scope.Start("/bin/sh", [Programs.Script("kamailio", name), .. arguments]);

    // False if it ended: another program took the port in between.
    private async Task<bool> AnswersAsync() =>
        await Eventually.GetAsync(
            async () =>
            {
                if (process.HasExited)
                    return "ended";
                try
                {
                    return await AskAsync("core.version") is null ? null : "answers";
                }
                catch (HttpRequestException)
                {
                    return null;
                }
            },
            () => $"an answer of {process}"
        ) == "answers";

    private async Task<JsonNode?> AskAsync(string method, params JsonNode[] parameters)
    {
        var question = new JsonObject
        {
            ["jsonrpc"] = "2.0",
            ["method"] = method,
            ["params"] = new JsonArray(parameters),
            ["id"] = 1,
        };
        // Kamailio accepts no chunked requests.
        using var content = new StringContent(question.ToJsonString());
        using var answer = await http.PostAsync((Uri?)null, content);
        return (await answer.Content.ReadFromJsonAsync<JsonNode>())?["result"];
    }
}

/// <summary>Calls that came and went.</summary>
/// <param name="Setups">The time from INVITE to 200 of each that was answered.</param>
/// <param name="Failed">How many were not answered, or not ended as they should.</param>
internal sealed record PassedCalls(IReadOnlyList<TimeSpan> Setups, int Failed);
