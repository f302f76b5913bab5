using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using CallServer.Interop.Peers;

namespace CallServer.Interop.Running;

/// <summary>What a server of a pair can be asked.</summary>
internal sealed partial class Server
{
    /// <summary>Where it listens; its backup finds it there.</summary>
    public Uri Address => http.BaseAddress!;

    public async Task<RecordedStatus> StatusAsync() =>
        (await http.GetFromJsonAsync<RecordedStatus>(new Uri("/v1/status", UriKind.Relative), Camel))!;

    /// <summary>Waits until its status meets a condition.</summary>
    public Task<RecordedStatus> StatusAsync(Func<RecordedStatus, bool> wanted) =>
        Eventually.GetAsync(
            async () => await StatusAsync() is var status && wanted(status) ? status : null,
            () => $"another status of {process}"
        );

    /// <summary>The reports of its takeovers, newest first.</summary>
    public Task<IReadOnlyList<RecordedRecovery>> RecoveriesAsync() =>
        ListAsync<RecordedRecovery>("recovery", Camel, "--last", "10");

    /// <summary>Waits for the report of the takeover that began an epoch.</summary>
    public Task<RecordedRecovery> RecoveryAsync(int epoch) =>
        Eventually.GetAsync(
            async () =>
                (await RecoveriesAsync()).FirstOrDefault(report => report.Whole && report.Epoch == epoch),
            () => $"the report of epoch {epoch} by {process}"
        );

    /// <summary>Has it ask its gateways now, which an operator can do without a takeover.</summary>
    public async Task<RecordedRecovery> AskNowAsync() =>
        (await ListAsync<RecordedRecovery>("recovery", Camel, "--dry-run")).Single();

    /// <summary>Gives an order over HTTP, and returns the status of the answer.</summary>
    public async Task<HttpStatusCode> OrderAsync(string path, object body)
    {
        using var answer = await http.PostAsJsonAsync(new Uri(path, UriKind.Relative), body);
        return answer.StatusCode;
    }

    /// <summary>
    /// Gives an operator's <c>stepdown</c> or <c>takeover</c>, which must succeed, and returns the status afterwards.
    /// </summary>
    public async Task<RecordedStatus> OrderAsync(string verb) =>
        (await ListAsync<RecordedStatus>(verb, Camel)).Single();
}
