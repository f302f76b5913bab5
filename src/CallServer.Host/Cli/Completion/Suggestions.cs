using System.CommandLine.Completions;
using System.Text.Json;
using CallServer.Surface;

namespace CallServer.Host.Cli.Completion;

/// <summary>What a shell may put in place of a half-typed word, where only the program knows it.</summary>
internal static class Suggestions
{
    private const string ProfileOption = "profile=";

    /// <summary>A person waits for the shell: a server that does not answer at once is left out.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(400);

    /// <summary>How URIs begin, and behind <c>profile=</c> the profiles.</summary>
    public static IEnumerable<CompletionItem> OfUris(CompletionContext context, GatewayProtocols protocols)
    {
        var word = context.WordToComplete;
        var at = word.LastIndexOf(ProfileOption, StringComparison.Ordinal);
        return at < 0
            ? protocols.Schemes.Select(scheme => new CompletionItem(scheme))
            : protocols.ProfileNames.Select(name => new CompletionItem(
                word[..(at + ProfileOption.Length)] + name
            ));
    }

    /// <summary>The files and folders that begin with the half-typed word.</summary>
    public static IEnumerable<CompletionItem> OfFiles(CompletionContext context)
    {
        var word = context.WordToComplete;
        var folder = word[..(word.LastIndexOf('/') + 1)];
        try
        {
            return
            [
                .. new DirectoryInfo(folder.Length == 0 ? "." : folder)
                    .EnumerateFileSystemInfos($"{word[folder.Length..]}*")
                    .Where(entry => word.Length > folder.Length || !entry.Name.StartsWith('.'))
                    .Select(entry => folder + entry.Name + (entry is DirectoryInfo ? "/" : ""))
                    .Order(StringComparer.Ordinal)
                    .Select(path => new CompletionItem(path)),
            ];
        }
        catch (Exception fault)
            when (fault is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return [];
        }
    }

    /// <summary>The gateways of a running server; none if it does not answer at once.</summary>
    public static IEnumerable<CompletionItem> OfGateways(Uri server, string? token)
    {
        try
        {
            using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false })
            {
                Timeout = Patience,
            };
            using var request = new HttpRequestMessage(
                HttpMethod.Get,
                new Uri(new Uri(server.AbsoluteUri.TrimEnd('/') + "/"), "v1/gateways?limit=1000")
            );
            if (token is not null)
                request.Headers.Authorization = new("Bearer", token);
            using var response = http.Send(request);
            using var document = JsonDocument.Parse(response.Content.ReadAsStream());
            return
            [
                .. document
                    .RootElement.Items("items")
                    .Select(item => item.Text("gateway"))
                    .OfType<string>()
                    .Select(id => new CompletionItem(id)),
            ];
        }
        catch (Exception fault)
            when (fault is HttpRequestException or OperationCanceledException or JsonException or IOException)
        {
            return [];
        }
    }
}
