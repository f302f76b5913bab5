using System.Globalization;
using CallServer.Interop.Peers;

namespace CallServer.Interop.Auditing;

/// <summary>The result of one run of <c>callserver audit --json</c>.</summary>
internal sealed record Audited(Finished Process, IReadOnlyList<AuditLine> Lines)
{
    /// <summary>The lines on standard error.</summary>
    public IReadOnlyList<string> Complaints =>
        Process.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>Base for tests of the verb <c>audit</c>.</summary>
internal abstract class AuditTest : PeerTest
{
    private static readonly string[] Proofs = ["end-of-table", "same-boot", "count-agrees"];

    /// <summary>The URI of an agent on this machine.</summary>
    protected static string V2c(int port) => $"snmp://127.0.0.1:{port}?profile=cisco-voice";

    protected static string V3(int port, string user, string options) =>
        $"snmp://{user}@127.0.0.1:{port}?{options}&profile=cisco-voice";

    protected async Task<Audited> AuditAsync(
        IEnumerable<string> uris,
        Credentials? credentials = null,
        params string[] options
    )
    {
        var given = credentials ?? Credentials.None;
        string[] arguments = ["audit", .. uris, "--json", .. given.Options, .. options];
        var finished = await CallServerProcess.RunAsync(Scope, arguments, given.Variables);
        return new Audited(finished, AuditLine.Read(finished.Output));
    }

    /// <summary>Runs an audit that must succeed: exit 0, complete, nothing on standard error.</summary>
    protected async Task<AuditLine> CompleteAsync(string uri, Credentials? credentials = null)
    {
        var audited = await AuditAsync([uri], credentials);
        Assert.That(audited.Process.ExitCode, Is.Zero, Brief(audited));
        Assert.That(audited.Complaints, Is.Empty);
        Assert.That(audited.Lines, Has.Count.EqualTo(1));
        var line = audited.Lines[0];
        Assert.Multiple(() =>
        {
            Assert.That(line.Uri, Is.EqualTo(uri));
            Assert.That(line.Protocol, Is.EqualTo("snmp"));
            Assert.That(line.Profile, Is.EqualTo("cisco-voice"));
            Assert.That(line.Complete);
            Assert.That(line.Reasons, Is.Empty);
            Assert.That(line.Proof, Is.SupersetOf(Proofs));
            Assert.That(line.Asked, Is.LessThanOrEqualTo(line.Answered));
        });
        return line;
    }

    /// <summary>Starts a simulated gateway of one protocol; returns its port.</summary>
    /// <param name="vice">a vice, after the protocol's name and a colon; empty for none</param>
    protected async Task<int> SimulateAsync(string protocol, int connections, string vice)
    {
        string[] vices = vice.Length == 0 ? [] : ["--vice", vice];
        string[] arguments = ["gateway", $"--{protocol}", "0", "--connections", $"{connections}", .. vices];
        var gateway = CallServerProcess.Start(Scope, arguments);
        const string host = "127.0.0.1:";
        var line = await gateway.LineAsync(line => line.Contains(host, StringComparison.Ordinal));
        var digits = line[(line.IndexOf(host, StringComparison.Ordinal) + host.Length)..]
            .TakeWhile(char.IsAsciiDigit);
        return int.Parse(string.Concat(digits), CultureInfo.InvariantCulture);
    }

    /// <summary>The run without its connections, which would drown the rest.</summary>
    protected static string Brief(Audited audited) =>
        $"exit {audited.Process.ExitCode}; {audited.Process.Errors}"
        + string.Join('\n', audited.Lines.Select(line => line with { Connections = [] }))
        + string.Join('\n', audited.Lines.SelectMany(line => line.Reasons));
}
