using CallServer.Interop.Peers;

namespace CallServer.Interop.Auditing;

/// <summary>Audits of a real Kamailio through SIP's dialog event package.</summary>
internal sealed class KamailioTests : AuditTest
{
    private const string Udp = ";transport=udp";
    private const string Tcp = ";transport=tcp";
    private const string From = $"?from=sip:{KamailioPeer.User}@127.0.0.1";
    private static readonly string[] Proofs = ["whole-document"];

    [Test]
    public async Task Every_one_of_100_calls_is_told_once_from_either_side_and_over_any_way()
    {
        var kamailio = await KamailioPeer.StartAsync(Scope);
        await kamailio.CallAsync(100);
        var calls = await kamailio.CallsAsync();
        Assert.That(calls, Has.Count.EqualTo(100));

        foreach (var way in new[] { Udp, Tcp, "" })
        {
            AssertWhole(await AllAsync(kamailio.Uri("gw1", way), calls.Count), calls);
            AssertWhole(await AllAsync(kamailio.Uri("gw2", way), calls.Count), calls);
        }
    }

    [Test]
    public async Task All_of_400_calls_come_over_tcp_and_do_not_fit_a_datagram()
    {
        var kamailio = await KamailioPeer.StartAsync(Scope);
        await kamailio.CallAsync(400);
        var calls = await kamailio.CallsAsync();

        AssertWhole(await AllAsync(kamailio.Uri("gw1", Tcp), 400), calls);
        // If the URI names no transport, the second one is found.
        AssertWhole(await AllAsync(kamailio.Uri("gw1"), 400), calls);

        var audited = await AuditAsync([kamailio.Uri("gw1", Udp)], null, "--timeout", "4s");
        Assert.That(audited.Process.ExitCode, Is.EqualTo(1), Brief(audited));
        Assert.That(audited.Lines[0].Reasons, Has.Some.StartsWith("cut-short").And.Some.Contains("TCP"));
        Assert.That(audited.Lines[0].Connections, Is.Empty);
    }

    [Test]
    public async Task No_dialogs_at_all_is_complete()
    {
        var kamailio = await KamailioPeer.StartAsync(Scope);
        foreach (var way in new[] { Udp, Tcp, "" })
            AssertWhole(await AllAsync(kamailio.Uri("gw1", way), 0), []);
    }

    [Test]
    public async Task The_right_password_opens_and_a_wrong_one_or_none_does_not()
    {
        var kamailio = await KamailioPeer.StartAsync(Scope);
        await kamailio.CallAsync(20);
        var calls = (await kamailio.CallsAsync()).Where(call => Callee(call).EndsWith('7')).ToList();
        Assert.That(calls, Has.Count.EqualTo(2));

        foreach (var way in new[] { Udp, Tcp })
        {
            var uri = kamailio.Uri("authgw", way + From);
            AssertWhole(
                await AllAsync(uri, calls.Count, new Credentials(Auth: KamailioPeer.Password)),
                calls
            );
            await AssertRefusedAsync(
                uri,
                new Credentials(Auth: "not-the-password"),
                "password",
                "--auth-from"
            );
            await AssertRefusedAsync(
                kamailio.Uri("authgw", way),
                Credentials.None,
                "password",
                "--auth-from"
            );
        }
    }

    /// <summary>
    /// A call that rang at two phones: both branches have the call's id, each with its own remote tag.
    /// </summary>
    [Test]
    public async Task The_branch_that_answered_stays_where_the_other_one_ended()
    {
        var kamailio = await KamailioPeer.StartAsync(Scope);
        await kamailio.PublishAsync("forking", "one", ("answered", "confirmed"), ("gave-up", "terminated"));

        var line = await AllAsync(kamailio.Uri("forking", Udp), 1);
        Assert.That(line.Complete, () => string.Join('\n', line.Reasons));
        Assert.That(line.Connections, Has.Count.EqualTo(1));
        Assert.That(line.Connections[0].Call, Is.EqualTo("call-one"));
        Assert.That(line.Connections[0].Remote, Is.EqualTo("sip:answered@127.0.0.1"));
    }

    [Test]
    public async Task Nobody_there_is_silence()
    {
        string[] uris =
        [
            $"sip:gw1@127.0.0.1:{FreePort.Udp()}{Udp}",
            $"sip:gw1@127.0.0.1:{FreePort.Tcp()}{Tcp}",
        ];
        foreach (var uri in uris)
        {
            var audited = await AuditAsync([uri], null, "--timeout", "2s");
            Assert.That(audited.Process.ExitCode, Is.EqualTo(2), Brief(audited));
            Assert.That(audited.Lines[0].Reasons, Has.Some.StartsWith("silent"));
        }
    }

    [Test]
    public async Task Tshark_decodes_every_message()
    {
        var kamailio = await KamailioPeer.StartAsync(Scope);
        await kamailio.CallAsync(20);
        var capture = await Capture.StartAsync(Scope, kamailio.Port);

        await AllAsync(kamailio.Uri("gw1", Udp), 20);
        var login = new Credentials(Auth: KamailioPeer.Password);
        await AllAsync(kamailio.Uri("authgw", Udp + From), 2, login);

        await capture.StopAsync();
        var ours = $"udp.dstport == {kamailio.Port}";
        var all = await capture.CountAsync(ours, null, "sip");
        var read = await capture.CountAsync($"{ours} && sip && !_ws.malformed", null, "sip");
        // Each audit sends a request, repeats it without a keyword that Kamailio does not know, authenticates, and
        // answers.
        Assert.That(all, Is.GreaterThanOrEqualTo(5));
        Assert.That(read, Is.EqualTo(all));
        Assert.That(
            await capture.CountAsync($"{ours} && sip.Method == \"SUBSCRIBE\"", null, "sip"),
            Is.GreaterThanOrEqualTo(4)
        );
        Assert.That(
            await capture.CountAsync($"{ours} && sip.Status-Code == 200", null, "sip"),
            Is.GreaterThanOrEqualTo(2)
        );
        Assert.That(
            await capture.CountAsync($"{ours} && sip.auth.digest.response", null, "sip"),
            Is.GreaterThanOrEqualTo(1)
        );
        Assert.That(await capture.CountAsync("_ws.expert.severity == error", null, "sip"), Is.Zero);
    }

    private static string Callee(ProxiedCall call) => call.To.Split('@')[0];

    /// <summary>An audit that is complete. Kamailio publishes a call a little after it sets it up.</summary>
    private async Task<AuditLine> AllAsync(string uri, int count, Credentials? credentials = null) =>
        await Eventually.GetAsync(
            async () =>
            {
                var audited = await AuditAsync([uri], credentials);
                Assert.That(audited.Process.ExitCode, Is.Zero, Brief(audited));
                Assert.That(audited.Complaints, Is.Empty);
                Assert.That(audited.Lines, Has.Count.EqualTo(1));
                return
                    audited.Lines[0] is var line
                    && line.Connections.Count(connection => connection.State == "confirmed") >= count
                    ? line
                    : null;
            },
            () => $"{count} dialogs of {uri}"
        );

    private async Task AssertRefusedAsync(string uri, Credentials credentials, params string[] told)
    {
        var audited = await AuditAsync([uri], credentials);
        Assert.That(audited.Process.ExitCode, Is.EqualTo(2), Brief(audited));
        Assert.That(audited.Complaints, Has.Count.EqualTo(1));
        foreach (var word in told)
            Assert.That(audited.Process.Errors, Does.Contain(word));
        Assert.That(audited.Lines[0].Connections, Is.Empty);
    }

    /// <summary>The audit is complete, lists each call once, and everything it reports is true.</summary>
    private static void AssertWhole(AuditLine audit, IReadOnlyList<ProxiedCall> calls)
    {
        Assert.That(audit.Complete, () => string.Join('\n', audit.Reasons));
        Assert.That(audit.Protocol, Is.EqualTo("sip"));
        Assert.That(audit.Proof, Is.EqualTo(Proofs));
        Assert.That(audit.Connections.Select(connection => connection.Id), Is.Unique);
        Assert.That(
            audit.Connections.Select(connection => connection.Call),
            Is.EquivalentTo(calls.Select(call => call.CallId))
        );
        var truth = calls.ToDictionary(call => call.CallId);
        foreach (var connection in audit.Connections)
        {
            var call = truth[connection.Call!];
            Assert.That(
                (connection.Originator, connection.Remote, connection.State),
                Is.EqualTo((call.From, call.To, "confirmed"))
            );
            // Kamailio reports no duration, only that the call had begun.
            Assert.That(connection.Setup, Is.Null);
            Assert.That(connection.Start!.Earliest, Is.Null);
            Assert.That(connection.Start.Evidence, Is.EqualTo("bounded"));
            Assert.That(connection.Start.Latest, Is.GreaterThanOrEqualTo(call.Answered));
        }
    }
}
