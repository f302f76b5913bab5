using System.Net;
using System.Net.Sockets;
using System.Text;

namespace CallServer.Interop.Peers;

/// <summary>dumpcap watches the loopback interface, and tshark judges what it captured.</summary>
internal sealed class Capture : IAsyncDisposable
{
    /// <summary>The user with this name and its passphrases, in tshark's syntax.</summary>
    public const string U256 =
        $"\"\",\"u256\",\"SHA2-256\",\"{SnmpdPeer.AuthPassphrase}\",\"AES\",\"{SnmpdPeer.PrivPassphrase}\"";

    private readonly Scope scope;
    private readonly string file;
    private readonly int port;
    private readonly UdpClient marks = new(new IPEndPoint(IPAddress.Loopback, 0));
    private readonly ChildProcess dumpcap;

    private Capture(Scope scope, int port)
    {
        this.scope = scope;
        this.port = port;
        file = Path.Combine(scope.NewFolder("capture"), "audit.pcapng");
        var filter = $"udp port {port} or udp dst port {Mark.Port}";
        string[] arguments = ["-q", "-i", "lo", "-f", filter, "-w", file];
        dumpcap = scope.Start(Programs.Find("dumpcap"), arguments);
    }

    // Nobody reads the marks: only the capture sees them.
    private IPEndPoint Mark => (IPEndPoint)marks.Client.LocalEndPoint!;

    /// <summary>Captures the traffic of a UDP port; returns once the capture runs.</summary>
    public static async Task<Capture> StartAsync(Scope scope, int port)
    {
        Programs.Require("tshark");
        if (!Environment.IsPrivilegedProcess)
            throw Programs.Missing("capturing on lo needs root");
        var capture = scope.Own(new Capture(scope, port));
        await capture.SeeMarkAsync();
        return capture;
    }

    /// <summary>
    /// Ends the capture. Fails the test if a packet is malformed, raises an error, or is not of that protocol.
    /// </summary>
    /// <param name="user">the SNMPv3 user, or null</param>
    /// <param name="protocol">the protocol, as check.sh names it</param>
    public async Task CheckAsync(string? user, string protocol = "snmp")
    {
        await StopAsync();
        var environment = new Dictionary<string, string?> { ["SNMP_USER"] = user };
        string[] arguments = [Programs.Script("tshark", "check.sh"), file, $"{protocol}:{port}"];
        await scope.RunAsync("/bin/bash", arguments, environment);
    }

    /// <summary>Ends the capture once it holds everything sent so far.</summary>
    public async Task StopAsync()
    {
        if (dumpcap.HasExited)
            return;
        await SeeMarkAsync();
        await dumpcap.SignalAsync("TERM");
        await dumpcap.FinishAsync(TimeSpan.FromSeconds(20));
    }

    /// <summary>Counts the packets of the ended capture that match a display filter.</summary>
    /// <param name="protocol">the protocol on the port, as tshark names it</param>
    public async Task<int> CountAsync(string filter, string? user, string protocol = "snmp")
    {
        string[] keys = user is null ? [] : ["-o", $"uat:snmp_users:{user}"];
        string[] arguments = ["-r", file, "-d", $"udp.port=={port},{protocol}", .. keys];
        string[] wanted = ["-Y", $"udp.port=={port} && ({filter})", "-T", "fields", "-e", "frame.number"];
        var finished = await scope.RunAsync(Programs.Find("tshark"), [.. arguments, .. wanted]);
        return finished.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length;
    }

    public ValueTask DisposeAsync()
    {
        marks.Dispose();
        return ValueTask.CompletedTask;
    }

    // Packets keep their order: once the file holds the mark, it holds everything sent before.
    private async Task SeeMarkAsync()
    {
        var mark = Encoding.ASCII.GetBytes($"mark {Guid.NewGuid()}");
        await Eventually.GetAsync(
            async () =>
            {
                Assert.That(dumpcap.HasExited, Is.False, dumpcap.ToString());
                await marks.SendAsync(mark, Mark);
                return File.Exists(file) && (await ReadSharedAsync()).AsSpan().IndexOf(mark) >= 0
                    ? file
                    : null;
            },
            () => $"a mark in {file} of {dumpcap}"
        );
    }

    private async Task<byte[]> ReadSharedAsync()
    {
        await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[stream.Length];
        var read = await stream.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false);
        return bytes[..read];
    }
}
