-- email_folded is the address without regard to the case of its letters.
-- email_confirmed is when its owner followed the link that was mailed there, 0
-- until then. notified says whether mail about what is addressed to the person is
-- wanted and possible; it follows from the address and the settings.
ALTER TABLE accounts ADD COLUMN email_folded TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN email_confirmed BIGINT NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN notified BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE accounts SET email_folded = LOWER(email) WHERE email <> '';
-- Finds the accounts of somebody who knows nothing but their address.
CREATE INDEX accounts_by_email ON accounts (email_folded) WHERE email_confirmed <> 0;

-- What is mailed to people so that they prove that they read the mail of an
-- account, which they can do once. purpose is 1 to confirm the address, 2 to set
-- a new password. A person has one of each at most: a later one replaces it.
CREATE TABLE mail_codes (
	id BIGINT PRIMARY KEY,
	actor_id BIGINT NOT NULL,
	purpose SMALLINT NOT NULL,
	used BOOLEAN NOT NULL,
	created BIGINT NOT NULL,
	expires BIGINT NOT NULL
);
-- Makes a later code replace the earlier one; ends all of a person.
CREATE UNIQUE INDEX mail_codes_once ON mail_codes (actor_id, purpose);
-- Finds those that nobody has used in time.
CREATE INDEX mail_codes_by_age ON mail_codes (expires);

-- The digests of what was mailed for a code. What is mailed is made when the mail
-- is written and kept nowhere, neither here nor in the queue of jobs; so each
-- attempt to send the mail makes another, and all of them are good.
CREATE TABLE mail_code_copies (
	digest {bytes} PRIMARY KEY,
	code_id BIGINT NOT NULL
);
-- Ends all copies of a code with it.
CREATE INDEX mail_code_copies_by_code ON mail_code_copies (code_id);

-- Keys that this server signs with, made when they are first needed.
CREATE TABLE signing_keys (
	name TEXT PRIMARY KEY,
	secret {bytes} NOT NULL
);
