using System.Security.Cryptography;
using CallServer.Server.Net;
using CallServer.Surface;

namespace CallServer.Server.Roles;

/// <summary>
/// This server's identity in its pair, with time and randomness: proves what is asked and answered, and judges what comes. Safe
/// from any thread.
/// </summary>
public sealed class PeerTrust
{
    /// <summary>The header of a question and of its answer.</summary>
    public const string Header = "CallServer-Pair";

    private readonly IClock clock;
    private readonly Lock guard = new();
    private PairIdentity identity;

    /// <param name="name">How this server calls itself.</param>
    /// <param name="secret">What both servers know.</param>
    /// <param name="clock">Time.</param>
    public PeerTrust(string name, byte[] secret, IClock clock)
    {
        this.clock = clock;
        var now = clock.Now.Steady;
        // Counts go on after a restart where the wall clock does; where it was set back, until the next challenge none does.
        identity = PairIdentity.Start(now, name, secret, Random(), (now + clock.Correction).Micros);
    }

    /// <summary>A question that came, with its header.</summary>
    public PairVerdict Judge(PairQuestion question, string? header, byte[] content)
    {
        lock (guard)
        {
            var now = clock.Now.Steady;
            var verdict = identity.Refresh(now, Random()).Judge(now, question, header, content, out var next);
            identity = next;
            return verdict;
        }
    }

    /// <summary>The header of the answer to a question; null where that one brought nothing that can be answered.</summary>
    public string? Answer(PairQuestion question, string? header, int status, byte[] content)
    {
        lock (guard)
            return identity.Answer(question, header, status, content);
    }

    /// <summary>The header of a question, and the nonce that its answer is made for.</summary>
    public (byte[] Nonce, string Header) Ask(PairQuestion question, byte[] content)
    {
        var nonce = Random();
        lock (guard)
        {
            var header = identity.Ask(question, nonce, content, out var next);
            identity = next;
            return (nonce, header);
        }
    }

    /// <summary>An answer that came, with its header.</summary>
    public PairVerdict Hear(PairQuestion question, byte[] nonce, int status, string? header, byte[] content)
    {
        lock (guard)
        {
            var verdict = identity.Hear(question, nonce, status, header, content, out var next);
            identity = next;
            return verdict;
        }
    }

    private static byte[] Random() => RandomNumberGenerator.GetBytes(PairIdentity.RandomLength);
}
