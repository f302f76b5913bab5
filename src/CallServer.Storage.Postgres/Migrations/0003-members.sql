-- The hosts of a fleet, as Orleans keeps them: its provider (Microsoft.Orleans.Clustering.AdoNet) runs what stands in orleansquery, with
-- parameters of these names, and reads columns by these names, in small letters here. One schema holds one fleet, so the name of
-- the cluster (@DeploymentId) is passed over.

-- One row a start of a host's process. status: 3 is active, 6 is dead (Orleans.Runtime.SiloStatus). suspicions: who suspects it, since when.
CREATE TABLE member (
    address      text COLLATE "C" NOT NULL,
    port         integer NOT NULL,
    generation   integer NOT NULL,
    status       integer NOT NULL,
    name         text    NOT NULL,
    machine      text    NOT NULL,
    gateway_port integer NOT NULL,
    suspicions   text,
    started_at   timestamptz NOT NULL,
    alive_at     timestamptz NOT NULL,
    PRIMARY KEY (address, port, generation)
) WITH (fillfactor = 50);

-- One row: how many times the members have changed. Whoever changes one names the version that it has read, and changes nothing if
-- another one was quicker.
CREATE TABLE membership (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    version integer NOT NULL DEFAULT 0
);

INSERT INTO membership DEFAULT VALUES;

CREATE TABLE orleansquery (
    querykey  text PRIMARY KEY,
    querytext text NOT NULL
);

INSERT INTO orleansquery (querykey, querytext) VALUES

-- Whether a row for the version was made: this migration made it.
('InsertMembershipVersionKey', 'SELECT false'),

-- Without a member, one row with the version alone.
('MembershipReadAllKey', $$
SELECT v.version, m.address, m.port, m.generation, m.status, m.name AS siloname, m.machine AS hostname, m.gateway_port AS proxyport,
    m.suspicions AS suspecttimes, m.started_at AS starttime, m.alive_at AS iamalivetime
FROM membership v LEFT JOIN member m ON true
$$),

('MembershipReadRowKey', $$
SELECT v.version, m.address, m.port, m.generation, m.status, m.name AS siloname, m.machine AS hostname, m.gateway_port AS proxyport,
    m.suspicions AS suspecttimes, m.started_at AS starttime, m.alive_at AS iamalivetime
FROM membership v LEFT JOIN member m ON m.address = @Address AND m.port = @Port AND m.generation = @Generation
$$),

-- Whether it was written: not if the version is another one, nor if the member is there already.
('InsertMembershipKey', $$
WITH next AS (
    UPDATE membership SET version = version + 1
    WHERE version = @Version
    AND NOT EXISTS (SELECT FROM member WHERE address = @Address AND port = @Port AND generation = @Generation)
    RETURNING version
), written AS (
    INSERT INTO member (address, port, generation, status, name, machine, gateway_port, started_at, alive_at)
    SELECT @Address, @Port, @Generation, @Status, @SiloName, @HostName, @ProxyPort, @StartTime, @IAmAliveTime FROM next
    RETURNING port
)
SELECT EXISTS (SELECT FROM written)
$$),

-- Whether it was written: not if the version is another one, nor if there is no such member.
('UpdateMembershipKey', $$
WITH next AS (
    UPDATE membership SET version = version + 1
    WHERE version = @Version
    AND EXISTS (SELECT FROM member WHERE address = @Address AND port = @Port AND generation = @Generation)
    RETURNING version
), written AS (
    UPDATE member SET status = @Status, suspicions = @SuspectTimes, alive_at = @IAmAliveTime FROM next
    WHERE address = @Address AND port = @Port AND generation = @Generation
    RETURNING port
)
SELECT EXISTS (SELECT FROM written)
$$),

-- That one lives changes no version.
('UpdateIAmAlivetimeKey', $$
UPDATE member SET alive_at = @IAmAliveTime WHERE address = @Address AND port = @Port AND generation = @Generation
$$),

('GatewaysQueryKey', $$
SELECT address, gateway_port AS proxyport, generation FROM member WHERE status = @Status AND gateway_port > 0
$$),

('CleanupDefunctSiloEntriesKey', 'DELETE FROM member WHERE status <> 3 AND alive_at < @IAmAliveTime'),

('DeleteMembershipTableEntriesKey', 'DELETE FROM member');
