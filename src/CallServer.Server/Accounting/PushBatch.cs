using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace CallServer.Server.Accounting;

/// <summary>Records that go out in one request, in the outbox's order. The same records have the same key.</summary>
internal sealed class PushBatch
{
    private readonly string sender;
    private readonly IReadOnlyList<(long Sequence, byte[] Line)> lines;

    /// <param name="sender">The server's name and that of its reader: sequences are its own.</param>
    /// <param name="lines">The records, each with its sequence and its line without line end; one or more.</param>
    /// <param name="through">The outbox's mark once they are acknowledged: entries that are not sent may follow the
    /// last line.</param>
    public PushBatch(string sender, IReadOnlyList<(long Sequence, byte[] Line)> lines, long through)
    {
        this.sender = sender;
        this.lines = lines;
        Through = through;
        Body = Joined(lines);
        Key = KeyOf(sender, First, lines[^1].Sequence, Body);
    }

    /// <summary>The sequence of the first record.</summary>
    public long First => lines[0].Sequence;

    /// <summary>The outbox's mark once the batch is acknowledged.</summary>
    public long Through { get; }

    /// <summary>How many records it holds.</summary>
    public int Count => lines.Count;

    /// <summary>The records as NDJSON in UTF-8.</summary>
    public byte[] Body { get; }

    /// <summary>
    /// What tells a repeat from another batch: a UUID of version 8 (RFC 9562 §5.8), made of the sender, the first and
    /// last sequence, and the content.
    /// </summary>
    public string Key { get; }

    /// <summary>Its first half; the batch must hold two records or more.</summary>
    public PushBatch FirstHalf()
    {
        var half = lines.Take(lines.Count / 2).ToList();
        return new PushBatch(sender, half, half[^1].Sequence);
    }

    private static byte[] Joined(IReadOnlyList<(long Sequence, byte[] Line)> lines)
    {
        var body = new byte[lines.Sum(line => line.Line.Length + 1)];
        var at = 0;
        foreach (var (_, line) in lines)
        {
            line.CopyTo(body, at);
            at += line.Length;
            body[at++] = (byte)'\n';
        }

        return body;
    }

    private static string KeyOf(string sender, long first, long last, byte[] body)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(
            Encoding.UTF8.GetBytes(
                string.Create(CultureInfo.InvariantCulture, $"{sender}\n{first}\n{last}\n")
            )
        );
        hash.AppendData(body);
        var octets = hash.GetHashAndReset().AsSpan(0, 16);
        octets[6] = (byte)((octets[6] & 0x0F) | 0x80);
        octets[8] = (byte)((octets[8] & 0x3F) | 0x80);
        return new Guid(octets, bigEndian: true).ToString();
    }
}
