namespace CallServer.Storage.Postgres;

/// <summary>Every statement that the store runs, except for the schema (Migrations/).</summary>
internal static class Sql
{
    // Server
    public const string GetMeta = "SELECT value FROM meta WHERE key = @key";
    public const string PutMeta =
        "INSERT INTO meta (key, value) VALUES (@key, @value) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    public const string Hold = "UPDATE numbers SET holder = @holder, stamp = stamp + 1 RETURNING stamp";
    public const string GetNumbers = "SELECT holder, stamp, changes, cdrs, accounting, audits FROM numbers";
    public const string TakeNumbers = $"{GetNumbers} FOR UPDATE";
    public const string PutNumbers = """
        UPDATE numbers SET stamp = @Stamp, changes = @Changes, cdrs = @Cdrs, accounting = @Accounting, audits = @Audits
        WHERE holder = @holder
        """;

    /// <summary>Where one server writes alone, its timeline is that of all rows.</summary>
    public const string ForgetTimelines = "UPDATE gateways SET timeline = NULL WHERE timeline IS NOT NULL";

    // Hosts that write together
    public const string HoldTogether = "UPDATE numbers SET holder = NULL WHERE holder IS NOT NULL";
    public const string PutSharedNumbers = """
        UPDATE numbers SET changes = @Changes, cdrs = @Cdrs, accounting = @Accounting, audits = @Audits
        """;
    public const string AddWriter = """
        INSERT INTO writers (holder, name, stamp, ahead_least, ahead_most, told)
        VALUES (@holder, @name, 0, @least, @most, @told) RETURNING id
        """;
    public const string WriterStamp = "SELECT stamp FROM writers WHERE holder = @holder";
    public const string PutWriter = """
        UPDATE writers SET stamp = @stamp, ahead_least = @least, ahead_most = @most, told = @told WHERE holder = @holder
        RETURNING clock_timestamp()
        """;
    public const string Clock = "SELECT clock_timestamp()";

    // Units
    public const string FixUnits = """
        INSERT INTO meta (key, value) VALUES ('units', @units) ON CONFLICT (key) DO NOTHING
        """;
    public const string AddUnits = """
        INSERT INTO unit (id) SELECT * FROM generate_series(0, @units - 1) ON CONFLICT (id) DO NOTHING
        """;

    /// <summary>Keeps a host in the membership until the transaction ends; no row if it is not an active member of it.</summary>
    public const string StayMember =
        "SELECT 1 FROM member WHERE address = $1 AND port = $2 AND generation = $3 AND status = 3 FOR SHARE";

    /// <summary>
    /// Takes those of the units that nobody holds, or this host, or one that is dead. A host that is leaving still holds what it
    /// has not handed over. Rows are locked in the order of ids, here and wherever several are, so that nobody waits in a circle.
    /// </summary>
    public const string Claim = """
        WITH free AS (
            SELECT u.id FROM unit u WHERE u.id = ANY($4) AND (
                u.owner_address IS NULL
                OR (u.owner_address, u.owner_port, u.owner_generation) = ($1, $2, $3)
                OR NOT EXISTS (SELECT FROM member m WHERE m.status <> 6
                    AND (m.address, m.port, m.generation) = (u.owner_address, u.owner_port, u.owner_generation)))
            ORDER BY u.id FOR UPDATE OF u)
        UPDATE unit u SET epoch = u.epoch + 1, owner_address = $1, owner_port = $2, owner_generation = $3,
            writer = $5, taken_at = clock_timestamp()
        FROM free WHERE u.id = free.id RETURNING u.id, u.epoch
        """;

    /// <summary>Which of these units are held at these epochs; they stay so until the transaction ends.</summary>
    public const string Fence = """
        SELECT u.id AS Unit, u.epoch AS Epoch FROM unit u JOIN unnest(@units, @epochs) held (id, epoch) USING (id, epoch)
        WHERE u.writer = @writer ORDER BY u.id FOR SHARE OF u
        """;
    public const string HandOver = """
        WITH held AS (
            SELECT u.id FROM unit u JOIN unnest($1::int[], $2::bigint[]) held (id, epoch) USING (id, epoch)
            ORDER BY u.id FOR UPDATE OF u)
        UPDATE unit u SET owner_address = NULL, owner_port = NULL, owner_generation = NULL
        FROM held WHERE u.id = held.id RETURNING u.id
        """;
    public const string Units = """
        SELECT id AS Unit, epoch AS Epoch, owner_address AS Address, owner_port AS Port, owner_generation AS Generation
        FROM unit ORDER BY id
        """;

    /// <summary>On whose timeline the rows of gateways are, and what that writer last read of this database's clock.</summary>
    public const string Timelines = """
        SELECT g.gateway, g.timeline, w.ahead_least, w.ahead_most, w.told
        FROM gateways g LEFT JOIN writers w ON w.id = g.timeline WHERE g.gateway = ANY($1)
        """;
    public const string Correction =
        "SELECT coalesce((SELECT value FROM meta WHERE key = 'correction_micros'), '0')::bigint";
    public const string HoldersTimelines =
        "SELECT id, ahead_least, ahead_most, told FROM writers WHERE id IN (SELECT writer FROM unit)";

    /// <summary>Who writes each unit; not those that nobody holds who lives.</summary>
    public const string Holders = """
        SELECT u.id, u.writer FROM unit u JOIN member m
        ON (m.address, m.port, m.generation) = (u.owner_address, u.owner_port, u.owner_generation) AND m.status <> 6
        """;

    /// <summary>How the newest audit of each gateway went that a host has written.</summary>
    public const string Audited = """
        SELECT g.gateway, g.timeline, g.last_answered, (a.json::json->>'complete')::boolean, (a.json::json->>'silent')::boolean
        FROM gateways g
        CROSS JOIN LATERAL (SELECT json FROM every_audit e WHERE e.gateway = g.gateway ORDER BY sequence DESC LIMIT 1) a
        WHERE g.timeline IS NOT NULL AND g.last_answered IS NOT NULL
        """;
    public const string Members = """
        SELECT address, port, generation, name, status, started_at, alive_at FROM member ORDER BY name, started_at
        """;
    public const string OwnedUnits = """
        SELECT id, owner_address, owner_port, owner_generation, taken_at FROM unit WHERE owner_address IS NOT NULL
        """;
    public const string CountConnectionsOf = "SELECT count(*) FROM connections WHERE gateway = ANY($1)";
    public const string LastAuditsOf = $"{LastAudits} WHERE g.gateway = ANY($1)";
    public static readonly string SomeGateways = $"{RowShapes.Gateways.Select} WHERE gateway = ANY($1)";
    public static readonly string SomeConnections =
        $"{RowShapes.Connections.Select} WHERE gateway = ANY($1) ORDER BY gateway, id";

    public static readonly string SingleConnections =
        $"{RowShapes.Connections.Select} WHERE (gateway, id) IN (SELECT * FROM unnest($1::text[], $2::text[]))";

    /// <summary>What hosts have written, and by what a connection that opened or changed may be joined.</summary>
    public const string SharedChanges = """
        SELECT h.sequence, h.kind, h.gateway, h.connection, c.call, c.local_media, c.remote_media
        FROM (SELECT sequence, kind, gateway, connection FROM changes WHERE sequence > $1 ORDER BY sequence LIMIT $2) h
        LEFT JOIN connections c
        ON h.kind IN ('opened', 'updated', 'renamed') AND (c.gateway, c.id) = (h.gateway, h.connection)
        ORDER BY h.sequence
        """;
    public const string SomeChanges = "SELECT sequence, json FROM changes WHERE sequence = ANY($1)";

    /// <summary>Connections by call ids and by their own media addresses, some for each.</summary>
    public const string Alike = """
        SELECT found.gateway, found.id FROM unnest($1::text[]) sought (call) CROSS JOIN LATERAL (
            SELECT gateway, id FROM connections c
            WHERE c.call IS NOT NULL AND lower(replace(btrim(c.call, '{}'), '-', '')) = sought.call LIMIT $3) found
        UNION
        SELECT found.gateway, found.id FROM unnest($2::text[]) sought (media) CROSS JOIN LATERAL (
            SELECT gateway, id FROM connections c
            WHERE c.local_media IS NOT NULL AND c.local_media = sought.media LIMIT $3) found
        """;

    /// <summary>Whoever set it to anything but off knows what its standbys are to confirm.</summary>
    public const string FlushEachCommit =
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";
    public const string FlushLater = "SET LOCAL synchronous_commit = off";

    public const string AddStep =
        "INSERT INTO clock_steps (at, by_micros) VALUES (@at, @by) ON CONFLICT (at, by_micros) DO NOTHING";
    public const string DropSteps =
        "DELETE FROM clock_steps WHERE sequence <= (SELECT sequence FROM clock_steps ORDER BY sequence DESC LIMIT 1 OFFSET @kept)";
    public const string Steps = "SELECT at, by_micros FROM clock_steps ORDER BY sequence";

    // Ledger
    public static readonly string AllGateways = $"{RowShapes.Gateways.Select} ORDER BY gateway";
    public static readonly string Gateway = $"{RowShapes.Gateways.Select} WHERE gateway = $1";
    public static readonly string AllConnections = $"{RowShapes.Connections.Select} ORDER BY gateway, id";
    public static readonly string ConnectionsOfGateway =
        $"{RowShapes.Connections.Select} WHERE gateway = $1 ORDER BY id";
    public const string DeleteConnections =
        "DELETE FROM connections c USING unnest($1::text[], $2::text[]) gone (gateway, id) WHERE c.gateway = gone.gateway AND c.id = gone.id";
    public const string SetGatewayAside = """
        INSERT INTO set_aside (at, gateway, connection, why, columns)
        SELECT @at, gateway, NULL, @why, to_json(gateways) FROM gateways WHERE gateway = @gateway
        """;
    public const string SetConnectionAside = """
        INSERT INTO set_aside (at, gateway, connection, why, columns)
        SELECT @at, gateway, id, @why, to_json(connections) FROM connections WHERE gateway = @gateway AND id = @connection
        """;

    public const string AddSetAside = """
        INSERT INTO set_aside (at, gateway, connection, why, columns) VALUES (@At, @Gateway, @Connection, @Why, @Columns::json)
        """;
    public const string HoldsAnything = """
        SELECT EXISTS (SELECT FROM gateways) OR EXISTS (SELECT FROM meta WHERE key IN ('name', 'epoch', 'acts'))
            OR changes + cdrs + accounting + audits > 0 FROM numbers
        """;

    // Partitions
    public const string LastPartitions = "SELECT parent, max(until) FROM partitions GROUP BY parent";
    public const string OldestFullPartition =
        "SELECT first, until FROM partitions WHERE parent = @parent AND until <= @newest + 1 ORDER BY first LIMIT 1";
    public const string DropPartition = "DELETE FROM partitions WHERE parent = @parent AND first = @First";

    // CDRs
    public const string KnownCdrs = "SELECT id, reuse FROM cdr_ids WHERE id = ANY(@ids)";
    public const string AddCdrIds =
        "INSERT INTO cdr_ids (id, reuse, sequence) SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[])";
    public const string AddCdrs = """
        INSERT INTO cdrs (sequence, id, reuse, gateway, connection, ended_at, call, originator, originator_last4, remote,
            remote_last4, read_codec, hangup_cause, end_evidence, recovered, json)
        SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[],
            $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::boolean[], $16::text[])
        """;
    public const string PartOfCdrs =
        "SELECT count(*) AS Count, coalesce(max(ended_at), 0) AS Latest FROM cdrs WHERE sequence >= @First AND sequence < @Until";
    public const string DropCdrIds = "DELETE FROM cdr_ids WHERE sequence < @Until";
    public const string ForgetOldCdrs = $"""
        WITH old AS (SELECT sequence FROM cdrs WHERE ended_at < @before ORDER BY ended_at LIMIT @limit)
        {ForgetCdrs}
        """;
    public const string ForgetSurplusCdrs = $"""
        WITH old AS (SELECT sequence FROM cdrs WHERE sequence <= @last ORDER BY sequence LIMIT @limit)
        {ForgetCdrs}
        """;
    private const string ForgetCdrs = """
        , gone AS (DELETE FROM cdrs USING old WHERE cdrs.sequence = old.sequence RETURNING cdrs.id, cdrs.reuse)
        DELETE FROM cdr_ids USING gone WHERE cdr_ids.id = gone.id AND cdr_ids.reuse = gone.reuse
        """;

    public static string Cdrs(bool since, bool gateway) =>
        "SELECT sequence, json FROM cdrs WHERE sequence > @cursor"
        + (since ? " AND ended_at >= @since" : "")
        + (gateway ? " AND gateway = @gateway" : "")
        + " ORDER BY sequence LIMIT @limit";

    public const string FindCdr = """
        SELECT c.sequence, c.json FROM cdr_ids i JOIN cdrs c USING (sequence) WHERE i.id = @id ORDER BY i.reuse DESC LIMIT 1
        """;
    public const string FindCdrs = "SELECT DISTINCT id FROM cdr_ids WHERE id = ANY(@ids)";

    // Accounting
    public const string AddAccounting = """
        INSERT INTO accounting (sequence, kind, id, gateway, held, at, json)
        SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::bigint[], $7::text[])
        """;
    public const string PruneAccounting = """
        DELETE FROM accounting WHERE NOT held AND sequence <=
            (SELECT min(coalesce(m.sequence, 0)) FROM unnest(@readers) r (reader) LEFT JOIN marks m USING (reader))
        """;
    public const string PruneAllAccounting = "DELETE FROM accounting WHERE NOT held";
    public const string Advance = """
        INSERT INTO marks (reader, sequence) VALUES (@reader, @sequence)
        ON CONFLICT (reader) DO UPDATE SET sequence = greatest(marks.sequence, excluded.sequence)
        """;
    private const string Passed = "coalesce((SELECT m.sequence FROM marks m WHERE m.reader = @reader), 0)";
    public const string AccountingAfter = $"""
        SELECT sequence, kind, id, gateway, at, json FROM accounting
        WHERE NOT held AND sequence > {Passed} ORDER BY sequence LIMIT @limit
        """;
    public const string CountAccounting =
        $"SELECT count(*) FROM accounting WHERE NOT held AND sequence > {Passed}";
    public const string Held = """
        SELECT sequence, kind, id, gateway, at, json FROM accounting
        WHERE held AND sequence > @cursor ORDER BY sequence LIMIT @limit
        """;

    /// <summary>The held entries among these, or all where these are null.</summary>
    public const string SomeHeld = "held AND (@sequences::bigint[] IS NULL OR sequence = ANY(@sequences))";

    /// <summary>Gives held entries the next numbers, in their order; @last is the highest given.</summary>
    public const string ReleaseHeld = $"""
        WITH next AS (SELECT sequence, @last + row_number() OVER (ORDER BY sequence) AS number FROM accounting WHERE {SomeHeld})
        UPDATE accounting a SET sequence = next.number, held = false FROM next WHERE a.sequence = next.sequence
        """;
    public const string DropHeld = $"DELETE FROM accounting WHERE {SomeHeld}";

    // Changes: their numbers have no gaps, so the newest N are those above a number.
    public const string AddChanges = """
        INSERT INTO changes (sequence, kind, gateway, connection, at, json)
        SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[])
        """;

    /// <summary>
    /// Deletes the oldest changes up to the first one that is young enough, so that no gap arises among those that stay.
    /// </summary>
    public const string ForgetOldChanges = """
        WITH oldest AS (SELECT sequence, at FROM changes ORDER BY sequence LIMIT @limit)
        DELETE FROM changes WHERE sequence < coalesce(
            (SELECT min(sequence) FROM oldest WHERE at >= @before),
            (SELECT max(sequence) + 1 FROM oldest), 0)
        """;
    public const string ChangesAfter = """
        SELECT sequence, kind, gateway, json, connection FROM changes
        WHERE sequence > @after ORDER BY sequence LIMIT @limit
        """;
    public const string Story = """
        SELECT sequence, kind, gateway, json, connection FROM changes
        WHERE gateway = @gateway AND connection = @connection AND sequence < @before AND sequence > @forgotten
        ORDER BY sequence DESC LIMIT @limit
        """;
    public const string ChangesKnown =
        "SELECT changes AS Newest, coalesce((SELECT min(sequence) FROM changes), 0) AS Oldest FROM numbers";

    // Audits
    public const string AddAudits = """
        INSERT INTO audits (sequence, gateway, number, json)
        SELECT a.sequence, a.gateway, coalesce(g.audits, 0) + a.number, a.json
        FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[]) a (sequence, gateway, number, json)
        LEFT JOIN gateways g USING (gateway)
        """;
    public const string CountAudits = """
        UPDATE gateways g SET audits = g.audits + a.count
        FROM unnest($1::text[], $2::bigint[]) a (gateway, count) WHERE g.gateway = a.gateway
        """;
    public const string LastAudits = """
        SELECT g.gateway, a.json FROM gateways g
        CROSS JOIN LATERAL (SELECT json FROM every_audit e WHERE e.gateway = g.gateway ORDER BY sequence DESC LIMIT 1) a
        """;
    public const string CountGateways = "SELECT count(*) FROM gateways";
    public const string OldestAudits =
        "SELECT coalesce(min(first), 1) FROM partitions WHERE parent = 'audits'";
    public const string KeepAudits = """
        INSERT INTO audits_kept SELECT a.* FROM audits a JOIN gateways g USING (gateway)
        WHERE a.sequence >= @First AND a.sequence < @Until AND a.number > g.audits - @kept
        """;
    public const string DropKeptAudits =
        "DELETE FROM audits_kept a USING gateways g WHERE a.gateway = g.gateway AND a.number <= g.audits - @kept";

    public static string Audits(bool gateway) =>
        "SELECT a.sequence, a.json FROM every_audit a JOIN gateways g USING (gateway)"
        + " WHERE a.sequence < @cursor AND a.number > g.audits - @kept"
        + (gateway ? " AND a.gateway = @gateway" : "")
        + " ORDER BY a.sequence DESC LIMIT @limit";

    // Releases
    public const string AddReleases =
        "INSERT INTO releases (gateway, json) SELECT gateway, json FROM unnest($1::text[], $2::text[]) WITH ORDINALITY r (gateway, json, place) ORDER BY place";

    public static string Releases(bool gateway) =>
        "SELECT sequence, json FROM releases WHERE sequence < @cursor"
        + (gateway ? " AND gateway = @gateway" : "")
        + " ORDER BY sequence DESC LIMIT @limit";

    // Control log
    public const string AddControl = "INSERT INTO controls (at, refused, json) VALUES (@at, @refused, @json)";
    public const string Controls =
        "SELECT sequence, json FROM controls WHERE sequence < @cursor ORDER BY sequence DESC LIMIT @limit";
    public const string ForgetOldControls = """
        DELETE FROM controls WHERE sequence = ANY(ARRAY(
            SELECT sequence FROM controls WHERE at < @before ORDER BY sequence LIMIT @limit))
        """;
    public const string ForgetSurplusControls = """
        DELETE FROM controls WHERE sequence = ANY(ARRAY(
            SELECT sequence FROM controls WHERE refused = @refused AND sequence <=
                (SELECT sequence FROM controls WHERE refused = @refused ORDER BY sequence DESC LIMIT 1 OFFSET @kept)
            ORDER BY sequence LIMIT @limit))
        """;

    // Recoveries
    public const string AddRecovery = "INSERT INTO recoveries (json) VALUES (@json)";
    public const string DropRecoveries = """
        DELETE FROM recoveries WHERE sequence <=
            (SELECT sequence FROM recoveries ORDER BY sequence DESC LIMIT 1 OFFSET @kept)
        """;
    public const string Recoveries =
        "SELECT sequence, json FROM recoveries WHERE sequence < @cursor ORDER BY sequence DESC LIMIT @limit";
}
