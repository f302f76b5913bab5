using System.Net;
using System.Security.Cryptography;

namespace CallServer.Interop.Peers;

/// <summary>Debian's osmo-mgw: an MGCP gateway that carries connections and lists none.</summary>
internal sealed class OsmoMgwPeer
{
    private const int Port = 2427;

    private OsmoMgwPeer(IPAddress address, MgcpClient callAgent)
    {
        EndPoint = new IPEndPoint(address, Port);
        CallAgent = callAgent;
    }

    /// <summary>Where it listens: on its own address, because two of its other ports are fixed.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>Creates and deletes its connections.</summary>
    public MgcpClient CallAgent { get; }

    /// <summary>The pattern of its endpoints.</summary>
    public const string Endpoints = "rtpbridge/*@mgw";

    /// <summary>Starts one, and returns when it answers.</summary>
    public static async Task<OsmoMgwPeer> StartAsync(Scope scope)
    {
        Programs.Require("osmo-mgw");
        for (var attempt = 1; ; attempt++)
        {
            var address = SomeLoopback();
            var environment = new Dictionary<string, string?> { ["STATE"] = scope.NewFolder("osmo-mgw") };
            string[] arguments = [Programs.Script("osmo-mgw", "start.sh"), $"{address}", $"{Port}"];
            // Through exec, the script's process becomes osmo-mgw itself.
            var process = scope.Start("/bin/sh", arguments, environment);
            var callAgent = scope.Own(new MgcpClient(new IPEndPoint(address, Port)));
            if (await AnswersAsync(process, callAgent))
                return new OsmoMgwPeer(address, callAgent);
            if (attempt == 3)
                throw new AssertionException($"osmo-mgw does not start: {process}");
        }
    }

    /// <summary>Sets up this many calls of two connections each.</summary>
    public async Task<IReadOnlyList<MgcpConnection>> ConnectAsync(int calls)
    {
        var made = new List<MgcpConnection>();
        for (var call = 1; call <= calls; call++)
        {
            for (var leg = 0; leg < 2; leg++)
                made.Add(
                    await CallAgent.CreateAsync(
                        $"rtpbridge/{call:x}@mgw",
                        $"{0x1000 + call:x}",
                        20000 + (2 * leg)
                    )
                );
        }

        return made;
    }

    // One of millions: anybody else who runs osmo-mgw on this machine has another one.
    private static IPAddress SomeLoopback()
    {
        var octets = new byte[4];
        RandomNumberGenerator.Fill(octets);
        octets[0] = 127;
        octets[3] = (byte)(1 + (octets[3] % 254));
        return new IPAddress(octets);
    }

    private static async Task<bool> AnswersAsync(ChildProcess process, MgcpClient callAgent) =>
        await Eventually.GetAsync(
            async () =>
                process.HasExited ? "ended"
                : await callAgent.TryAskAsync("AUEP", "rtpbridge/1@mgw", attempts: 1) is null ? null
                : "answers",
            () => $"an answer of {process}"
        ) == "answers";
}
