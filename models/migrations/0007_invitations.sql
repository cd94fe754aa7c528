-- Invitations to make an account, where nobody else may. digest is that of the
-- code that was handed out, so that a copy of the table invites nobody.
CREATE TABLE invitations (
	digest {bytes} PRIMARY KEY,
	created BIGINT NOT NULL,
	expires BIGINT NOT NULL
);
-- Finds those that nobody has used in time.
CREATE INDEX invitations_by_age ON invitations (expires);
