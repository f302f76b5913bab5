using System.Net.Http.Json;
using System.Text.Json;
using CallServer.Interop.Peers;

namespace CallServer.Interop.Running;

/// <summary>What a server is asked as one of two.</summary>
internal sealed partial class Server
{
    /// <summary>Where it listens, and its backup finds it.</summary>
    public Uri Address => http.BaseAddress!;

    public async Task<RecordedStatus> StatusAsync() =>
        (await http.GetFromJsonAsync<RecordedStatus>(new Uri("/v1/status", UriKind.Relative), Camel))!;

    /// <summary>Waits until what it says of itself is as wanted.</summary>
    public Task<RecordedStatus> StatusAsync(Func<RecordedStatus, bool> wanted) =>
        Eventually.GetAsync(
            async () => await StatusAsync() is var status && wanted(status) ? status : null,
            () => $"another status of {process}"
        );

    /// <summary>The reports of its takeovers, the newest first.</summary>
    public Task<IReadOnlyList<RecordedRecovery>> RecoveriesAsync() =>
        ListAsync<RecordedRecovery>("recovery", Camel, "--last", "10");

    /// <summary>Waits for the report of the takeover that began an epoch.</summary>
    public Task<RecordedRecovery> RecoveryAsync(int epoch) =>
        Eventually.GetAsync(
            async () =>
                (await RecoveriesAsync()).FirstOrDefault(report => report.Whole && report.Epoch == epoch),
            () => $"the report of epoch {epoch} by {process}"
        );

    /// <summary>Has it ask its gateways now, as an operator can without a takeover.</summary>
    public async Task<RecordedRecovery> AskNowAsync() =>
        (await ListAsync<RecordedRecovery>("recovery", Camel, "--dry-run")).Single();

    /// <summary>An operator's <c>stepdown</c> or <c>takeover</c>, which has to succeed: its status after that.</summary>
    public async Task<RecordedStatus> OrderAsync(string verb) =>
        (await ListAsync<RecordedStatus>(verb, Camel)).Single();
}
