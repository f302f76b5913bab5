using Npgsql;

namespace CallServer.Storage.Postgres;

/// <summary>What the hosts of a fleet need of the record's database before they have the record.</summary>
public static class FleetDatabase
{
    // Hosts look into the table of members every second, and a look that takes longer than this has failed.
    private const int Patience = 3;

    /// <summary>Makes the schema, or brings it up to date. Throws StoreException if it cannot be used.</summary>
    public static void Prepare(PostgresStoreOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        try
        {
            using var source = PostgresConnections.ToWrite(options);
            using var connection = source.OpenConnection();
            Schema.Prepare(connection, options.Address);
        }
        catch (Exception fault) when (PostgresErrors.Translate(fault, options.Address.Text) is { } translated)
        {
            throw translated;
        }
    }

    /// <summary>
    /// The connection string with which Orleans reads and writes the table of members. It holds the password: it is not
    /// to be shown.
    /// </summary>
    public static string Members(PostgresStoreOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var settings = PostgresConnections.Settings(options);
        settings.ApplicationName += " members";
        settings.Timeout = Patience;
        settings.CommandTimeout = Patience;
        settings.MaxPoolSize = 4;
        if (options.Address.Hosts.Count > 1)
            settings.TargetSessionAttributes = "primary";
        return settings.ConnectionString;
    }
}
