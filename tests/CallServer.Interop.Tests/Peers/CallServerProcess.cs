namespace CallServer.Interop.Peers;

/// <summary>The executable under test, run as its users run it.</summary>
internal static class CallServerProcess
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    // Colours and a terminal's width are not tested here.
    private static readonly Dictionary<string, string?> Plain = new()
    {
        ["NO_COLOR"] = "1",
        ["TERM"] = "dumb",
    };

    /// <summary>The runtime that runs the tests also runs the executable, as a machine may have several.</summary>
    public static string Dotnet { get; } =
        Environment.ProcessPath is { } path && Path.GetFileName(path) == "dotnet" ? path : "dotnet";

    /// <summary>Starts a verb; the secrets are passed as environment variables.</summary>
    public static ChildProcess Start(
        Scope scope,
        IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string?>? secrets = null
    )
    {
        var assembly = Path.Combine(AppContext.BaseDirectory, "callserver.dll");
        var environment = new Dictionary<string, string?>(Plain);
        foreach (var (name, secret) in secrets ?? new Dictionary<string, string?>())
            environment[name] = secret;
        return scope.Start(Dotnet, ["exec", assembly, .. arguments], environment);
    }

    /// <summary>Runs a verb to its end. Nothing that it prints may contain a secret.</summary>
    public static async Task<Finished> RunAsync(
        Scope scope,
        IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string?>? secrets = null
    )
    {
        var finished = await Start(scope, arguments, secrets).FinishAsync(Limit);
        foreach (var secret in (secrets ?? new Dictionary<string, string?>()).Values.OfType<string>())
            Assert.That(finished.Output + finished.Errors, Does.Not.Contain(secret), "a secret is shown");
        return finished;
    }
}
