-- Set on what came with a thread, or as the past of somebody who was just
-- followed: it was news to nobody, and still is when its own server sends it.
ALTER TABLE activities ADD COLUMN quiet BOOLEAN NOT NULL DEFAULT FALSE;

-- Those who ask to follow somebody and wait for the answer, newest first.
CREATE INDEX edges_requested ON edges (target_id, kind, position) WHERE state = 0;

-- What somebody elsewhere did and is not deleted: to make tombstones of it when
-- the account is deleted. What people here do stands in their outboxes.
CREATE INDEX activities_of_remote_actor ON activities (actor_id, id) WHERE NOT local AND deleted = 0;

-- Who voted for which of the choices of a question, counted from 0 as the
-- question lists them. The primary key is what makes a vote count once, however
-- often it comes.
CREATE TABLE votes (
	question_id BIGINT NOT NULL,
	voter_id BIGINT NOT NULL,
	choice SMALLINT NOT NULL,
	created BIGINT NOT NULL,
	PRIMARY KEY (question_id, voter_id, choice)
) {without rowid};

-- What allows somebody to quote a thing of ours, shown to other servers under an
-- address of its own. object_id is what is quoted, quote the id of what quotes it,
-- activity_id the request. revoked is 0 while it holds.
CREATE TABLE quote_authorizations (
	id BIGINT PRIMARY KEY,
	iri TEXT NOT NULL,
	object_id BIGINT NOT NULL,
	author_id BIGINT NOT NULL,
	quote TEXT NOT NULL,
	quoter_id BIGINT NOT NULL,
	activity_id BIGINT NOT NULL,
	created BIGINT NOT NULL,
	revoked BIGINT NOT NULL DEFAULT 0
);
-- Other servers ask for it by its address.
CREATE UNIQUE INDEX quote_authorizations_by_iri ON quote_authorizations (iri);
-- Who asks again gets the same one; also ends all of a thing.
CREATE UNIQUE INDEX quote_authorizations_once ON quote_authorizations (object_id, quote);

-- What people and other servers report to the admin. actors and objects are
-- JSON lists of the rows that it is about; resolved is 0 while it is open.
CREATE TABLE reports (
	id BIGINT PRIMARY KEY,
	reporter_id BIGINT NOT NULL,
	activity_id BIGINT NOT NULL,
	actors TEXT NOT NULL,
	objects TEXT NOT NULL,
	content TEXT NOT NULL,
	created BIGINT NOT NULL,
	resolved BIGINT NOT NULL DEFAULT 0
);
-- Those that wait for somebody to look at them.
CREATE INDEX reports_open ON reports (id) WHERE resolved = 0;

-- Accounts whose owners have moved to another one.
CREATE TABLE moves (
	actor_id BIGINT PRIMARY KEY,
	target_id BIGINT NOT NULL,
	activity_id BIGINT NOT NULL,
	created BIGINT NOT NULL
);
