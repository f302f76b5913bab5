using System.Text;
using CallServer.Server.Recording.Cdrs;
using CallServer.Storage;
using Microsoft.Net.Http.Headers;

namespace CallServer.Server.Web.Reading;

/// <summary>
/// All CDRs that a search finds, one a line, sent while they are read: neither the server nor the store holds more than a
/// page of them. If the store fails in the middle, the connection is cut, so that nobody takes a part for the whole.
/// </summary>
internal sealed class CdrRows(
    ILedgerStore store,
    CdrFilter filter,
    bool newestFirst,
    long? cursor,
    int? limit,
    CdrFormat format,
    string contentType,
    string? fileName
) : IResult
{
    private const int PageSize = 500;

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        ArgumentNullException.ThrowIfNull(httpContext);
        var cancel = httpContext.RequestAborted;
        StoredPage<StoredCdr> page;
        try
        {
            page = Read(cursor, 0);
        }
        catch (StoreException fault)
        {
            await Answers.StoreIsDown(fault).ExecuteAsync(httpContext);
            return;
        }

        var response = httpContext.Response;
        response.ContentType = contentType;
        if (fileName is not null)
            response.Headers.ContentDisposition = new ContentDispositionHeaderValue("attachment")
            {
                FileName = fileName,
            }.ToString();
        try
        {
            await SendAsync(response, page, cancel);
        }
        catch (StoreException)
        {
            httpContext.Abort();
        }
    }

    private async Task SendAsync(HttpResponse response, StoredPage<StoredCdr> page, CancellationToken cancel)
    {
        var text = new StringBuilder();
        if (format.Header is not null)
            text.Append(format.Header).Append('\n');
        var sent = 0;
        while (true)
        {
            foreach (var cdr in page.Items)
                text.Append(format.Line(cdr.Json)).Append('\n');
            sent += page.Items.Count;
            await response.BodyWriter.WriteAsync(Encoding.UTF8.GetBytes(text.ToString()), cancel);
            text.Clear();
            if (page.Next is null || sent == limit)
                return;
            page = Read(page.Next, sent);
        }
    }

    private StoredPage<StoredCdr> Read(long? after, int sent) =>
        store.SearchCdrs(filter, newestFirst, after, Math.Min(PageSize, (limit ?? int.MaxValue) - sent));
}
