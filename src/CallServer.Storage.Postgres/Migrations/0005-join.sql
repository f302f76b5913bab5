-- What hosts of a fleet look for in each other's connections, to join calls across them (JoinKeys, SharedConnections). More is alike by
-- this than joins; what joins is decided in the program.
CREATE INDEX connections_by_call ON connections (lower(replace(btrim(call, '{}'), '-', ''))) WHERE call IS NOT NULL;
CREATE INDEX connections_by_media ON connections (local_media) WHERE local_media IS NOT NULL;
