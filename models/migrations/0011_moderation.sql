-- What the admins of this server have decided about other servers. domain is a
-- host name without a port, in lower case; it stands for all names below it too.
-- severity is 0 none, 1 limit (what people there do reaches only those here who
-- follow them), 2 block (nothing comes from there and nothing goes there).
CREATE TABLE host_policies (
	domain TEXT PRIMARY KEY,
	severity SMALLINT NOT NULL,
	reject_media BOOLEAN NOT NULL,
	reject_reports BOOLEAN NOT NULL,
	obfuscate BOOLEAN NOT NULL,
	public_comment TEXT NOT NULL,
	private_comment TEXT NOT NULL,
	created BIGINT NOT NULL,
	updated BIGINT NOT NULL
);

-- Counts the changes of these policies: a process that finds it grown reads them
-- anew.
INSERT INTO sequences (name, last) VALUES ('host_policies', 0);

-- Somebody, here or elsewhere, whom the admins have silenced: what they do reaches
-- only those here who follow them.
ALTER TABLE actors ADD COLUMN silenced BOOLEAN NOT NULL DEFAULT FALSE;
