using CallServer.Server.Web.Contract;

namespace CallServer.Server.Web.Reading;

/// <summary>What the store keeps of releases, takeovers and orders, newest first.</summary>
internal sealed class LogLists(Answers answers)
{
    private ServerRuntime Runtime => answers.Runtime;

    public IResult Releases(HttpRequest request)
    {
        var query = new Query(request, Operations.Releases);
        var gateway = query.Gateway(answers.IsKnown);
        var limit = query.Limit();
        var cursor = query.NumberCursor(long.MaxValue);
        if (query.IsWrong)
            return query.Refusal();
        return Answers.FromStore(() =>
        {
            var page = Runtime.Store.ReadReleases(gateway, cursor, limit);
            return answers.List(
                gateway,
                page.Items.Select(release => Answers.Raw(release.Json)),
                Answers.Number(page.Next)
            );
        });
    }

    /// <summary>Lists who had the server do what, with everything that was answered before.</summary>
    public async Task<IResult> ControlsAsync(HttpRequest request)
    {
        var query = new Query(request, Operations.ControlLog);
        var limit = query.Limit();
        var cursor = query.NumberCursor(long.MaxValue);
        if (query.IsWrong)
            return query.Refusal();
        await Runtime.Controls.PassAsync().WaitAsync(request.HttpContext.RequestAborted);
        return Answers.FromStore(() =>
        {
            var page = Runtime.Store.ReadControls(cursor, limit);
            // No gateway's audit bears on what was ordered.
            return new ListAnswer(
                (answers.Now + answers.Correction).ToString(),
                [],
                page.Items.Select(entry => Answers.Raw(entry.Json)),
                Answers.Number(page.Next)
            );
        });
    }

    /// <summary>Lists the reports of takeovers; the one under way comes first, if there is one.</summary>
    public IResult Recoveries(HttpRequest request)
    {
        var query = new Query(request, Operations.Recoveries);
        var limit = query.Limit();
        var cursor = query.NumberCursor(long.MaxValue);
        if (query.IsWrong)
            return query.Refusal();
        return Answers.FromStore(() =>
        {
            if (cursor < long.MaxValue || Runtime.Recovery.Progress is not { } progress)
            {
                var page = Runtime.Store.ReadRecoveries(cursor, limit);
                return answers.List(
                    null,
                    page.Items.Select(report => Answers.Raw(report.Json)),
                    Answers.Number(page.Next)
                );
            }

            // The store numbers no report this high, so those it keeps come after this one.
            const long first = long.MaxValue - 1;
            if (limit == 1)
                return answers.List(null, [Answers.Camel(progress)], Answers.Number(first));
            var rest = Runtime.Store.ReadRecoveries(first, limit - 1);
            return answers.List(
                null,
                rest.Items.Select(report => Answers.Raw(report.Json)).Prepend(Answers.Camel(progress)),
                Answers.Number(rest.Next)
            );
        });
    }
}
