using System.Security.Cryptography;
using CallServer.Server.Net;
using CallServer.Surface;

namespace CallServer.Server.Roles;

/// <summary>
/// This server's identity in its pair, with time and randomness: proves questions and answers, and judges what
/// arrives. Safe for use from any thread.
/// </summary>
public sealed class PeerTrust
{
    /// <summary>The HTTP header that carries the proof of a question and of its answer.</summary>
    public const string Header = "CallServer-Pair";

    private readonly IClock clock;
    private readonly Lock guard = new();
    private PairIdentity identity;

    /// <param name="name">This server's name.</param>
    /// <param name="secret">The secret that both servers share.</param>
    /// <param name="clock">The server's clock.</param>
    public PeerTrust(string name, byte[] secret, IClock clock)
    {
        this.clock = clock;
        var now = clock.Now.Steady;
        // The counts go on after a restart as long as the wall clock does. If it was set back, no count is accepted
        // until the next challenge.
        identity = PairIdentity.Start(now, name, secret, Random(), (now + clock.Correction).Micros);
    }

    /// <summary>Judges a question that arrived, with its header.</summary>
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

    /// <summary>The header of the answer to a question; null if the question's header cannot be answered.</summary>
    public string? Answer(PairQuestion question, string? header, int status, byte[] content)
    {
        lock (guard)
            return identity.Answer(question, header, status, content);
    }

    /// <summary>The header of a question, and the nonce that its answer must repeat.</summary>
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

    /// <summary>Judges an answer that arrived, with its header.</summary>
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
