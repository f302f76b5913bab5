-- Which connection a change is about, so that its story is found without reading all changes; NULL where a change is
-- about a whole gateway.
ALTER TABLE changes ADD COLUMN connection TEXT;

UPDATE changes SET connection = json_extract(json, '$.connection');

CREATE INDEX changes_by_connection ON changes (gateway, connection, sequence) WHERE connection IS NOT NULL;
