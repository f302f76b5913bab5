using Microsoft.Extensions.DependencyInjection.Extensions;

namespace CallServer.Server;

/// <summary>
/// Makes another provider's log lines safe for a terminal and for whoever reads the file. They contain text chosen by
/// gateways, callers and strangers, which could move the cursor, forge a line or hide one.
/// </summary>
public sealed class LegibleLogs(ILoggerProvider inner) : ILoggerProvider
{
    /// <summary>Wraps a provider that is already registered.</summary>
    public static void Decorate<TProvider>(IServiceCollection services)
        where TProvider : class, ILoggerProvider
    {
        var added = services.Single(service =>
            service.ServiceType == typeof(ILoggerProvider) && service.ImplementationType == typeof(TProvider)
        );
        services.Remove(added);
        services.TryAddSingleton<TProvider>();
        services.AddSingleton<ILoggerProvider>(all => new LegibleLogs(all.GetRequiredService<TProvider>()));
    }

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => new Legible(inner.CreateLogger(categoryName));

    /// <inheritdoc/>
    public void Dispose() => inner.Dispose();

    private sealed class Legible(ILogger inner) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => inner.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => inner.IsEnabled(logLevel);

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        ) =>
            inner.Log(
                logLevel,
                eventId,
                state,
                exception,
                (said, fault) => Printable.Of(formatter(said, fault))
            );
    }
}
