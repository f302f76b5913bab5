using CallServer.Surface;

namespace CallServer.Storage;

/// <summary>One audit without its connections, as <c>callserver audits</c> lists it.</summary>
/// <param name="Gateway">The id of the gateway.</param>
/// <param name="Uri">Where it was asked; never contains a secret.</param>
/// <param name="Protocol">snmp, mgcp, sip or ng.</param>
/// <param name="Profile">The SNMP profile, or the protocol's variant; null where there is none.</param>
/// <param name="Complete">Whether it is proven that the snapshot lists every connection that was active.</param>
/// <param name="Silent">Whether nothing was learnt: the gateway was silent or refused.</param>
/// <param name="Proof">What proves that it is complete; empty if it is not.</param>
/// <param name="Reasons">Why it is not complete; empty if it is.</param>
/// <param name="Asked">When the first request was sent, UTC with microseconds.</param>
/// <param name="Answered">When the last reply came or waiting ended, UTC with microseconds.</param>
/// <param name="Requests">Messages sent, repeats included.</param>
/// <param name="Count">Number of connections listed.</param>
public sealed record AuditSummary(
    string Gateway,
    string? Uri,
    string Protocol,
    string? Profile,
    bool Complete,
    bool Silent,
    IReadOnlyList<string> Proof,
    IReadOnlyList<string> Reasons,
    string Asked,
    string Answered,
    int Requests,
    int Count
)
{
    /// <summary>
    /// Summarises an audit's result. The correction is added to its times, as everywhere that times are shown.
    /// </summary>
    public static AuditSummary Of(AuditResult result, string? uri, TimeSpan correction) =>
        new(
            result.Gateway,
            uri,
            result.Protocol,
            result.Profile.Length == 0 ? null : result.Profile,
            result.Complete,
            result.Silent,
            result.Proof,
            result.Reasons,
            (result.Asked + correction).ToString(),
            (result.Answered + correction).ToString(),
            result.Requests,
            result.Count
        );
}
