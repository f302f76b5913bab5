-- An audit that merely confirms connections writes the gateway's row alone. step: the number of the last step that took a
-- snapshot in, and in a connection's row the gateway's number when the row was written: each later one has confirmed the
-- connection if its row says so. steps_since: rows with a lower number are not of the record. heard: when each confirmed
-- connection was last heard, in the order of ids.
ALTER TABLE gateways ADD COLUMN step INTEGER NOT NULL DEFAULT 0;
ALTER TABLE gateways ADD COLUMN steps_since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE gateways ADD COLUMN heard BLOB;
ALTER TABLE connections ADD COLUMN step INTEGER NOT NULL DEFAULT 0;
