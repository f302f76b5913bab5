namespace CallServer.Storage.Sqlite;

/// <summary>Every statement that the store runs, except for the schema (Migrations/).</summary>
internal static class Sql
{
    // Opening
    public const string SetWal = "PRAGMA journal_mode = WAL";
    public const string GetApplication = "PRAGMA application_id";
    public const string GetVersion = "PRAGMA user_version";
    public const string CountPages = "PRAGMA page_count";

    /// <summary>
    /// The write-ahead log is cut to this size after a checkpoint, so that one busy hour does not keep it large.
    /// </summary>
    public const string LimitLog = "PRAGMA journal_size_limit = 67108864";

    /// <summary>
    /// In kB: room for the pages that a busy minute writes again and again. SQLite's own 2 MB spill into the log
    /// within a transaction.
    /// </summary>
    public const string CachePages = "PRAGMA cache_size = -16384";

    /// <summary>In pages of 4 kB, below the log's limit. A takeover fills SQLite's own 1,000 every few commits.</summary>
    public const string CheckpointSeldom = "PRAGMA wal_autocheckpoint = 4000";

    public const string OverwriteDeleted = "PRAGMA secure_delete = ON";

    // Transactions
    public const string Begin = "BEGIN IMMEDIATE";
    public const string End = "COMMIT";
    public const string Undo = "ROLLBACK";
    public const string FlushEachCommit = "PRAGMA synchronous = FULL";
    public const string FlushAtCheckpoints = "PRAGMA synchronous = NORMAL";

    // Server
    public const string GetMeta = "SELECT value FROM meta WHERE key = @key";
    public const string PutMeta =
        "INSERT INTO meta (key, value) VALUES (@key, @value) ON CONFLICT DO UPDATE SET value = excluded.value";

    public const string AddStep = "INSERT INTO clock_steps (at, by_micros) VALUES (@at, @by)";
    public const string DropSteps =
        "DELETE FROM clock_steps WHERE sequence <= (SELECT max(sequence) FROM clock_steps) - @kept";
    public const string Steps = "SELECT at, by_micros FROM clock_steps ORDER BY sequence";

    // Ledger
    public const string DeleteConnection = "DELETE FROM connections WHERE gateway = ?1 AND id = ?2";
    public static readonly string AllGateways = $"{RowTables.Gateways.Select} ORDER BY gateway";
    public static readonly string Gateway = $"{RowTables.Gateways.Select} WHERE gateway = ?1";
    public static readonly string AllConnections = $"{RowTables.Connections.Select} ORDER BY gateway, id";
    public static readonly string ConnectionsOfGateway =
        $"{RowTables.Connections.Select} WHERE gateway = ?1 ORDER BY id";

    /// <summary>Parameters: ?1 when, ?2 gateway, ?3 why.</summary>
    public static readonly string SetGatewayAside = $"""
        INSERT INTO set_aside (at, gateway, connection, why, columns)
        SELECT ?1, gateway, NULL, ?3, {Literals(RowTables.Gateways.Columns)} FROM gateways WHERE gateway = ?2
        """;

    /// <summary>Parameters: ?1 when, ?2 gateway, ?3 why, ?4 connection.</summary>
    public static readonly string SetConnectionAside = $"""
        INSERT INTO set_aside (at, gateway, connection, why, columns)
        SELECT ?1, gateway, id, ?3, {Literals(
            RowTables.Connections.Columns
        )} FROM connections WHERE gateway = ?2 AND id = ?4
        """;

    // CDRs
    public const string AddCdr = """
        INSERT INTO cdrs (id, reuse, gateway, connection, ended_at, json) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (id, reuse) DO NOTHING
        """;

    public const string ForgetOldCdrs = """
        DELETE FROM cdrs WHERE sequence IN
        (SELECT sequence FROM cdrs WHERE ended_at < @before ORDER BY ended_at LIMIT @limit)
        """;

    public const string ForgetSurplusCdrs = """
        DELETE FROM cdrs WHERE sequence IN
        (SELECT sequence FROM cdrs WHERE sequence <= (SELECT max(sequence) FROM cdrs) - @kept
         ORDER BY sequence LIMIT @limit)
        """;

    public static string Cdrs(bool since, bool gateway) =>
        "SELECT sequence, json FROM cdrs WHERE sequence > @cursor"
        + (since ? " AND ended_at >= @since" : "")
        + (gateway ? " AND gateway = @gateway" : "")
        + " ORDER BY sequence LIMIT @limit";

    public const string FindCdr =
        "SELECT sequence, json FROM cdrs WHERE id = @id ORDER BY reuse DESC LIMIT 1";

    // Accounting
    public const string FindCdrs = "SELECT DISTINCT id FROM cdrs WHERE id IN @ids";

    public static string AddAccounting(int rows) =>
        $"INSERT INTO accounting (kind, id, gateway, held, at, json) VALUES {Rows(rows, 6)}";

    public const string PruneAccounting = "DELETE FROM accounting WHERE held = 0 AND sequence <= @passed";
    public const string AccountingAfter = """
        SELECT sequence, kind, id, gateway, at, json FROM accounting
        WHERE held = 0 AND sequence > coalesce((SELECT value FROM meta WHERE key = @mark), 0)
        ORDER BY sequence LIMIT @limit
        """;
    public const string CountAccounting = """
        SELECT count(*) FROM accounting
        WHERE held = 0 AND sequence > coalesce((SELECT value FROM meta WHERE key = @mark), 0)
        """;
    public const string Held = """
        SELECT sequence, kind, id, gateway, at, json FROM accounting
        WHERE held = 1 AND sequence > @cursor ORDER BY sequence LIMIT @limit
        """;

    /// <summary>Copies a held entry under the next sequence; the held one is dropped afterwards.</summary>
    public const string CopyHeld = """
        INSERT INTO accounting (kind, id, gateway, held, at, json)
        SELECT kind, id, gateway, 0, at, json FROM accounting WHERE held = 1 AND sequence = @sequence
        """;
    public const string DropHeld = "DELETE FROM accounting WHERE held = 1 AND sequence = @sequence";
    public const string CopyAllHeld = """
        INSERT INTO accounting (kind, id, gateway, held, at, json)
        SELECT kind, id, gateway, 0, at, json FROM accounting WHERE held = 1 ORDER BY sequence
        """;
    public const string DropAllHeld = "DELETE FROM accounting WHERE held = 1";

    // Changes: their sequence has no gaps, so the newest N are those above a number.
    public static string AddChanges(int rows) =>
        $"INSERT INTO changes (kind, gateway, json, connection) VALUES {Rows(rows, 4)}";

    public const string DropChanges = "DELETE FROM changes WHERE sequence <= ?1";

    /// <summary>
    /// Deletes the oldest changes up to the first one that is young enough, so that no gap arises among those that stay.
    /// </summary>
    public const string ForgetOldChanges = """
        WITH oldest AS (SELECT sequence, json ->> '$.time' AS time FROM changes ORDER BY sequence LIMIT @limit)
        DELETE FROM changes WHERE sequence < coalesce(
            (SELECT min(sequence) FROM oldest WHERE time >= @before),
            (SELECT max(sequence) + 1 FROM oldest), 0)
        """;
    public const string ChangesAfter = """
        SELECT sequence, kind, gateway, json, connection FROM changes
        WHERE sequence > @after ORDER BY sequence LIMIT @limit
        """;
    public const string Story = """
        SELECT sequence, kind, gateway, json, connection FROM changes
        WHERE gateway = @gateway AND connection = @connection AND sequence < @before
        ORDER BY sequence DESC LIMIT @limit
        """;
    public const string OldestChange = "SELECT coalesce(min(sequence), 0) FROM changes";
    public const string NewestChange =
        "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'changes'), 0)";

    // Audits
    public const string AddAudit = "INSERT INTO audits (gateway, json) VALUES (?1, ?2)";
    public const string DropAudits = """
        DELETE FROM audits WHERE gateway = ?1 AND sequence <=
        (SELECT sequence FROM audits WHERE gateway = ?1 ORDER BY sequence DESC LIMIT 1 OFFSET ?2)
        """;
    public const string LastAudits = """
        SELECT gateway, json FROM audits WHERE sequence IN (SELECT max(sequence) FROM audits GROUP BY gateway)
        """;

    public static string Audits(bool gateway) =>
        "SELECT sequence, json FROM audits WHERE sequence < @cursor"
        + (gateway ? " AND gateway = @gateway" : "")
        + " ORDER BY sequence DESC LIMIT @limit";

    // Releases
    public const string AddRelease = "INSERT INTO releases (gateway, json) VALUES (?1, ?2)";

    public static string Releases(bool gateway) =>
        "SELECT sequence, json FROM releases WHERE sequence < @cursor"
        + (gateway ? " AND gateway = @gateway" : "")
        + " ORDER BY sequence DESC LIMIT @limit";

    // Control log
    public const string AddControl = "INSERT INTO controls (at, refused, json) VALUES (@at, @refused, @json)";
    public const string Controls =
        "SELECT sequence, json FROM controls WHERE sequence < @cursor ORDER BY sequence DESC LIMIT @limit";
    public const string ForgetOldControls = """
        DELETE FROM controls WHERE sequence IN
        (SELECT sequence FROM controls WHERE at < @before ORDER BY sequence LIMIT @limit)
        """;
    public const string ForgetSurplusControls = """
        DELETE FROM controls WHERE sequence IN
        (SELECT sequence FROM controls WHERE refused = @refused AND sequence <=
         (SELECT sequence FROM controls WHERE refused = @refused ORDER BY sequence DESC LIMIT 1 OFFSET @kept)
         ORDER BY sequence LIMIT @limit)
        """;

    // Recoveries
    public const string AddRecovery = "INSERT INTO recoveries (json) VALUES (@json)";
    public const string DropRecoveries = """
        DELETE FROM recoveries WHERE sequence <=
        (SELECT sequence FROM recoveries ORDER BY sequence DESC LIMIT 1 OFFSET @kept)
        """;
    public const string Recoveries =
        "SELECT sequence, json FROM recoveries WHERE sequence < @cursor ORDER BY sequence DESC LIMIT @limit";

    /// <summary>Places for the values of rows, bound one row after the other.</summary>
    private static string Rows(int rows, int columns)
    {
        var row = $"({string.Join(", ", Enumerable.Repeat("?", columns))})";
        return string.Join(", ", Enumerable.Repeat(row, rows));
    }

    /// <summary>A JSON object of the columns' values as SQL literals, which preserve every type and octet.</summary>
    private static string Literals(IEnumerable<string> columns) =>
        $"json_object({string.Join(", ", columns.Select(column => $"'{column}', quote({column})"))})";
}
