-- The media of a connection besides the call's own, such as its video; null where the gateway does not tell.
ALTER TABLE connections ADD COLUMN other_media TEXT;
