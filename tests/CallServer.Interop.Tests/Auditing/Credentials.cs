namespace CallServer.Interop.Auditing;

/// <summary>Secrets the way the command line takes them: by name, from the environment, never written out.</summary>
internal sealed record Credentials(string? Community = null, string? Auth = null, string? Priv = null)
{
    public static Credentials None { get; } = new();

    public IEnumerable<string> Options =>
        Named.SelectMany(secret => (string[])[$"--{secret.Option}-from", $"env:{secret.Variable}"]);

    public IReadOnlyDictionary<string, string?> Variables =>
        Named.ToDictionary(secret => secret.Variable, string? (secret) => secret.Value);

    private IEnumerable<(string Option, string Variable, string Value)> Named
    {
        get
        {
            if (Community is not null)
                yield return ("community", "INTEROP_COMMUNITY", Community);
            if (Auth is not null)
                yield return ("auth", "INTEROP_AUTH", Auth);
            if (Priv is not null)
                yield return ("priv", "INTEROP_PRIV", Priv);
        }
    }
}
