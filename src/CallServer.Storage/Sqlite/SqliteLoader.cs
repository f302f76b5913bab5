using CallServer.Surface;
using Dapper;
using Microsoft.Data.Sqlite;

namespace CallServer.Storage.Sqlite;

/// <summary>Reads the rows of the whole ledger.</summary>
internal sealed class SqliteLoader(SqliteConnection connection)
{
    /// <summary>The newest audit of each gateway.</summary>
    public IEnumerable<(string Gateway, string Json)> Audits() =>
        connection.Query<(string, string)>(Sql.LastAudits, buffered: false);

    public IEnumerable<RowRead<GatewayRow>> Gateways()
    {
        using var statement = new Statement(connection, Sql.AllGateways);
        while (statement.Step())
        {
            var row = RowTables.Gateways.Read(statement, out var why);
            yield return new(statement.Text(0)!, null, row, why);
        }
    }

    public IEnumerable<RowRead<ConnectionRow>> Connections()
    {
        using var statement = new Statement(connection, Sql.AllConnections);
        while (statement.Step())
        {
            var row = RowTables.Connections.Read(statement, out var why);
            yield return new(statement.Text(0)!, statement.Text(1), row, why);
        }
    }
}
