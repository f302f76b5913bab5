using CallServer.Server.Recording;
using CallServer.Storage;
using Microsoft.AspNetCore.Routing;

namespace CallServer.Server.Web;

/// <summary>What a control request is about, as far as it was understood.</summary>
internal sealed class ControlNote
{
    private string? what;

    /// <summary>
    /// Notes what the request names, for the control log. Call it only with values that were checked: what a caller sent
    /// could be a secret in the wrong place.
    /// </summary>
    public static void Say(HttpContext http, params (string Name, object? Value)[] facts)
    {
        if (http.Features.Get<ControlNote>() is { } note)
            note.what = string.Join(
                ", ",
                facts.Where(fact => fact.Value is not null).Select(fact => $"{fact.Name}={fact.Value}")
            );
    }

    /// <summary>
    /// Writes each control request to the control log, before its answer is sent. Stands before the checks, so that it
    /// sees those that they refuse.
    /// </summary>
    public static async Task InvokeAsync(HttpContext http, RequestDelegate next, ControlLog log)
    {
        if (!Controls.IsControl(http))
        {
            await next(http);
            return;
        }

        var note = new ControlNote();
        http.Features.Set(note);
        var isWritten = 0;
        http.Response.OnStarting(() => WriteAsync(http.Response.StatusCode));
        try
        {
            await next(http);
        }
        catch (Exception fault)
        {
            await WriteAsync(
                fault is BadHttpRequestException unread ? unread.StatusCode
                : http.RequestAborted.IsCancellationRequested ? StatusCodes.Status499ClientClosedRequest
                : StatusCodes.Status500InternalServerError
            );
            throw;
        }

        await WriteAsync(http.Response.StatusCode);

        Task WriteAsync(int status)
        {
            if (Interlocked.Exchange(ref isWritten, 1) != 0)
                return Task.CompletedTask;
            var caller = Caller.Of(http);
            return log.AddAsync(
                caller.Name,
                http.Connection.RemoteIpAddress?.ToString() ?? "unknown",
                Verb(http),
                string.IsNullOrEmpty(note.what) ? null : note.what,
                status,
                Result(caller, status)
            );
        }
    }

    /// <summary>Without the names that the path holds, so that there is a bounded number of verbs.</summary>
    private static string Verb(HttpContext http) =>
        $"{http.Request.Method} {(http.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText}";

    private static string Result(Caller caller, int status) =>
        status switch
        {
            _ when caller.Access != Access.Control => ControlEntry.Refused,
            StatusCodes.Status202Accepted => ControlEntry.Accepted,
            < 400 => ControlEntry.Done,
            StatusCodes.Status499ClientClosedRequest => ControlEntry.Left,
            StatusCodes.Status404NotFound or StatusCodes.Status409Conflict or >= 500 => ControlEntry.Failed,
            _ => ControlEntry.Refused,
        };
}
