using CallServer.Interop.Peers;

namespace CallServer.Interop.Auditing;

/// <summary>Audits of a real Kamailio's dialogs by JSON-RPC.</summary>
internal sealed class KamailioDialogTests : AuditTest
{
    private static readonly string[] Proofs = ["end-of-table", "same-boot", "count-agrees"];

    [Test]
    public async Task Every_one_of_100_calls_is_told_once_by_datagrams_and_over_HTTP()
    {
        var kamailio = await KamailioPeer.StartAsync(Scope);
        await kamailio.CallAsync(100);
        var calls = await kamailio.CallsAsync();
        Assert.That(calls, Has.Count.EqualTo(100));
        foreach (var uri in kamailio.JsonRpc)
            AssertWhole(await WholeAsync(uri), calls);
    }

    [Test]
    public async Task All_of_300_calls_come_over_HTTP_and_do_not_fit_a_datagram()
    {
        var kamailio = await KamailioPeer.StartAsync(Scope);
        await kamailio.CallAsync(300);
        AssertWhole(await WholeAsync(kamailio.JsonRpc[1]), await kamailio.CallsAsync());

        var audited = await AuditAsync([kamailio.JsonRpc[0]], null, "--timeout", "3s");
        Assert.That(audited.Process.ExitCode, Is.EqualTo(1), Brief(audited));
        Assert.That(audited.Lines[0].Reasons, Has.Some.Contains("jsonrpc+http://"));
        Assert.That(audited.Lines[0].Connections, Is.Empty);
    }

    [Test]
    public async Task No_dialogs_at_all_is_complete()
    {
        var kamailio = await KamailioPeer.StartAsync(Scope);
        foreach (var uri in kamailio.JsonRpc)
            AssertWhole(await WholeAsync(uri), []);
    }

    [Test]
    public async Task Nobody_there_is_silence_and_a_web_server_is_no_Kamailio()
    {
        foreach (
            var uri in new[]
            {
                $"jsonrpc://127.0.0.1:{FreePort.Udp()}",
                $"jsonrpc+http://127.0.0.1:{FreePort.Tcp()}",
            }
        )
        {
            var audited = await AuditAsync([uri], null, "--timeout", "2s");
            Assert.That(audited.Process.ExitCode, Is.EqualTo(2), Brief(audited));
            Assert.That(audited.Process.Errors, Does.Contain("nothing listens on that"));
            Assert.That(audited.Lines[0].Reasons, Has.Some.StartsWith("silent"));
        }
    }

    [Test]
    public async Task Doctor_finds_nothing_wrong()
    {
        var kamailio = await KamailioPeer.StartAsync(Scope);
        await kamailio.CallAsync(10);
        foreach (var uri in kamailio.JsonRpc)
        {
            var finished = await CallServerProcess.RunAsync(Scope, ["doctor", uri]);
            Assert.That(finished.ExitCode, Is.Zero, finished.ToString());
            Assert.That(finished.Output, Does.Contain("agrees with the 10 listed"));
        }
    }

    private async Task<AuditLine> WholeAsync(string uri)
    {
        var audited = await AuditAsync([uri]);
        Assert.That(audited.Process.ExitCode, Is.Zero, Brief(audited));
        Assert.That(audited.Complaints, Is.Empty);
        return audited.Lines.Single();
    }

    /// <summary>The audit is complete, lists each call once, and everything it reports is true.</summary>
    private static void AssertWhole(AuditLine audit, IReadOnlyList<ProxiedCall> calls)
    {
        Assert.That((audit.Protocol, audit.Profile), Is.EqualTo(("jsonrpc", "kamailio")));
        Assert.That(audit.Complete, () => string.Join('\n', audit.Reasons));
        Assert.That(audit.Proof, Is.EqualTo(Proofs));
        var truth = calls.ToDictionary(call => $"{call.CallId};{call.Entry}:{call.Number}");
        Assert.That(audit.Connections.Select(connection => connection.Id), Is.EquivalentTo(truth.Keys));
        foreach (var connection in audit.Connections)
        {
            var call = truth[connection.Id];
            Assert.That(
                (connection.Call, connection.Originator, connection.Remote),
                Is.EqualTo((call.CallId, call.From, call.To))
            );
            Assert.That(connection.State, Is.AnyOf("confirmed", "confirmed-na"));
            // Kamailio truncates the time of the answer to the second.
            Assert.That(connection.Start!.Evidence, Is.EqualTo("reported"));
            Assert.That(connection.Start.Earliest, Is.LessThanOrEqualTo(call.Answered.AddSeconds(1)));
            Assert.That(connection.Start.Latest, Is.GreaterThanOrEqualTo(call.Answered));
            Assert.That(connection.Start.Width, Is.LessThan(TimeSpan.FromSeconds(3)));
            Assert.That(connection.Setup!.Earliest, Is.LessThanOrEqualTo(connection.Start.Latest!.Value));
        }
    }
}
