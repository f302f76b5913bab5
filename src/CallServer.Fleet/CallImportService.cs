namespace CallServer.Fleet;

/// <summary>Has the join with other hosts' calls run as long as this host is in the fleet.</summary>
internal sealed class CallImportService(CallImports imports) : BackgroundService
{
    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => imports.RunAsync(stoppingToken);
}
