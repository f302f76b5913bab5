using CallServer.Model;
using CallServer.Surface;

namespace CallServer.Server.Web.Reading;

/// <summary>
/// Answers what is asked of the calls that this server tells: all of them, or in a fleet those whose first leg is on a gateway that
/// it holds.
/// </summary>
internal sealed class OwnCalls(ServerRuntime runtime)
{
    private CallRecord Calls => runtime.Ledger.Joiner.Calls;

    private TimeSpan Correction => runtime.Clock.Correction;

    /// <summary>
    /// Answers by everything that the record held when the question came, so that a client that has just read the connections
    /// finds them here.
    /// </summary>
    public async Task<CallAnswer> AnswerAsync(CallQuestion question, CancellationToken cancellation)
    {
        await runtime.Ledger.Joiner.PassAsync().WaitAsync(cancellation);
        return question.Asked switch
        {
            CallAsked.List => new() { Calls = [.. List(question).Take(question.Most)] },
            CallAsked.One => new()
            {
                Details =
                [
                    .. Calls
                        .WithId(question.Call!)
                        .Where(call =>
                            call.IsTold && (question.Gateway is null || call.Has(question.Gateway))
                        )
                        .Take(question.Most)
                        .Select(call => call.Detail(runtime.Clock.Now.Steady, Correction)),
                ],
            },
            CallAsked.Findings => new() { Findings = [.. Findings(question).Take(question.Most)] },
            CallAsked.Count => new() { Count = Count(question) },
            _ => throw new ArgumentOutOfRangeException(nameof(question), question.Asked, "no such question"),
        };
    }

    private IEnumerable<PlacedCall> List(CallQuestion question)
    {
        var (filter, cursor) = (Filter(question, question.Since, question.Until), question.Cursor);
        var calls = question.Leg is { } leg
            ? Having(leg)
            : Calls.After(cursor?[0], cursor?[1], cursor?[2], question.HasFindings);
        return calls.Where(call => call.IsTold && call.Fits(filter)).Select(Placed);
    }

    private IEnumerable<PlacedFinding> Findings(CallQuestion question)
    {
        // The period is that of the finding, and not of the call.
        var filter = Filter(question, null, null);
        var (from, to) = (Text(question.Since), Text(question.Until));
        return Continued(question.Cursor)
            .Where(each => each.Call.IsTold && each.Call.Fits(filter))
            .Select(each => (each.Done, Call: Placed(each.Call)))
            .SelectMany(each =>
                each.Call.View.Findings.SkipWhile(finding => !each.Done.IsOver(finding.Kind))
                    .Select(finding => new PlacedFinding(each.Call, finding))
            )
            .Where(each => question.Kind is null || each.Finding.Kind == question.Kind)
            .Where(each => from is null || string.CompareOrdinal(each.Finding.Since, from) >= 0)
            .Where(each => to is null || string.CompareOrdinal(each.Finding.Since, to) < 0);
    }

    private CallCount Count(CallQuestion question)
    {
        var calls = Calls;
        return new(
            question.Gateway is { } gateway
                ? calls.CountBy(CountKey.Gateway, gateway, false).Sum(count => count.Calls)
                : calls.Count,
            calls.CountBy(question.By, question.Gateway, question.HidesNumbers)
        );
    }

    private PlacedCall Placed(CallEntry call) =>
        new(call.Id, call.Gateway, call.Connection, call.View(Correction));

    private CallFilter Filter(CallQuestion question, DateTimeOffset? since, DateTimeOffset? until) =>
        new(
            gateway: question.Gateway,
            call: question.Call,
            originator: question.Originator,
            remote: question.Remote,
            finding: null,
            since: At(since),
            until: At(until),
            hidesNumbers: question.HidesNumbers
        );

    /// <summary>A shown time on the record's timeline.</summary>
    private Instant? At(DateTimeOffset? shown) =>
        shown is { } time ? InstantModule.ofDateTime(time) - Correction : null;

    /// <summary>A time as answers show it.</summary>
    private static string? Text(DateTimeOffset? time) =>
        time is { } shown ? InstantModule.ofDateTime(shown).ToString() : null;

    private IEnumerable<CallEntry> Having(string leg)
    {
        // Gateways' ids may contain a slash, and connections' ids do.
        for (
            var slash = leg.IndexOf('/', StringComparison.Ordinal);
            slash > 0;
            slash = leg.IndexOf('/', slash + 1)
        )
        {
            if (Calls.OfConnection(leg[..slash], leg[(slash + 1)..]) is { } call)
                return [call];
        }

        return [];
    }

    /// <summary>The calls with findings from a cursor on, beginning with the one that it names.</summary>
    private IEnumerable<(CallEntry Call, Shown Done)> Continued(IReadOnlyList<string>? cursor)
    {
        if (cursor is null)
            return Calls.After(null, null, null, true).Select(call => (call, new Shown(null)));
        var (id, gateway, connection) = (cursor[0], cursor[1], cursor[2]);
        var same = Calls
            .WithId(id)
            .Where(call => call.Gateway == gateway && call.Connection == connection)
            .Select(call => (call, new Shown(cursor[3])));
        return same.Concat(
            Calls.After(id, gateway, connection, true).Select(call => (call, new Shown(null)))
        );
    }

    /// <summary>What of a call's findings an earlier page has shown.</summary>
    /// <param name="kind">The last one shown; null if none was.</param>
    private sealed class Shown(string? kind)
    {
        private bool isOver = kind is null;

        public bool IsOver(string next)
        {
            var was = isOver;
            isOver |= next == kind;
            return was;
        }
    }
}
