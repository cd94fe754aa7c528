-- Times are integer milliseconds since 1970, UTC; 0 means never. Identifiers of
-- rows are the time-ordered integers of ids.go. There are no foreign keys: rows
-- are never removed while something points to them (they become tombstones),
-- and the checks would double the cost of a post.

-- Counters that every process draws from. The row "position" is the order of
-- all streams and edges: taking a number locks the row until commit, so numbers
-- become visible in the order in which they were given out, and a reader never
-- finds an item below one that it has already paged past.
CREATE TABLE sequences (
	name TEXT PRIMARY KEY,
	last BIGINT NOT NULL
);
INSERT INTO sequences (name, last) VALUES ('position', 0);

-- One row per running process: its number goes into the row ids that it makes,
-- so that two processes never make the same one; a stale heartbeat tells others
-- that its jobs are to be freed.
CREATE TABLE processes (
	node SMALLINT PRIMARY KEY,
	name TEXT NOT NULL,
	started BIGINT NOT NULL,
	heartbeat BIGINT NOT NULL
);

-- One row per actor (person, group, service, ...), local or remote, whatever
-- networks it is known on. doc is the profile in normal form. A group has an
-- author, and the activity that made it decides who may see and join it.
CREATE TABLE actors (
	id BIGINT PRIMARY KEY,
	version BIGINT NOT NULL,
	type TEXT NOT NULL,
	author_id BIGINT NOT NULL DEFAULT 0,
	activity_id BIGINT NOT NULL DEFAULT 0,
	nickname TEXT NOT NULL,
	nickname_folded TEXT NOT NULL,
	host TEXT NOT NULL,
	local BOOLEAN NOT NULL,
	state SMALLINT NOT NULL,
	followers_count BIGINT NOT NULL DEFAULT 0,
	following_count BIGINT NOT NULL DEFAULT 0,
	favorites_count BIGINT NOT NULL DEFAULT 0,
	lists_count BIGINT NOT NULL DEFAULT 0,
	members_count BIGINT NOT NULL DEFAULT 0,
	shares_count BIGINT NOT NULL DEFAULT 0,
	created BIGINT NOT NULL,
	updated BIGINT NOT NULL,
	merged_into BIGINT NOT NULL DEFAULT 0,
	doc TEXT NOT NULL
);
-- Finds "ann@host" without knowing which id she goes by, and all that is known of a host.
CREATE INDEX actors_by_host ON actors (host, nickname_folded);
-- Those who get nothing although they follow somebody: the suspended.
CREATE INDEX actors_suspended ON actors (id) WHERE state = 1;

-- How an actor is reached on each network it is present on: what a delivery
-- needs, without opening the profile.
CREATE TABLE presences (
	actor_id BIGINT NOT NULL,
	network TEXT NOT NULL,
	inbox TEXT NOT NULL,
	shared_inbox TEXT NOT NULL,
	verified BIGINT NOT NULL,
	PRIMARY KEY (actor_id, network)
);

-- People who can log in here. A deleted account keeps its row, so that its
-- nickname is never given to somebody else.
CREATE TABLE accounts (
	actor_id BIGINT PRIMARY KEY,
	nickname TEXT NOT NULL,
	nickname_folded TEXT NOT NULL,
	password_hash TEXT NOT NULL,
	email TEXT NOT NULL,
	admin BOOLEAN NOT NULL,
	state SMALLINT NOT NULL,
	settings TEXT NOT NULL,
	created BIGINT NOT NULL,
	updated BIGINT NOT NULL
);
-- Two people may not share a nickname, whatever the case of its letters; logins look it up.
CREATE UNIQUE INDEX accounts_by_nickname ON accounts (nickname_folded);

-- Every name that a thing is known by, on any network. The primary key is what
-- makes duplicates impossible: the same post by three networks at once is one
-- row. kind is 1 for actors, 2 objects, 3 activities: in OStatus a post and its
-- object share an id.
CREATE TABLE identifiers (
	kind SMALLINT NOT NULL,
	iri TEXT NOT NULL,
	ref_id BIGINT NOT NULL,
	PRIMARY KEY (kind, iri)
);
-- Lists all names of one thing, to tell another network or to merge two rows.
CREATE INDEX identifiers_by_ref ON identifiers (ref_id);

-- Everything that is not an actor and not an activity: notes, pictures,
-- comments, lists. position orders replies and lists among their siblings; list_of is the type of
-- the members where the thing is somebody's list; activity_id is the activity
-- that posted it, which decides who may see it.
CREATE TABLE objects (
	id BIGINT PRIMARY KEY,
	version BIGINT NOT NULL,
	position BIGINT NOT NULL,
	type TEXT NOT NULL,
	author_id BIGINT NOT NULL,
	parent_id BIGINT NOT NULL DEFAULT 0,
	activity_id BIGINT NOT NULL DEFAULT 0,
	local BOOLEAN NOT NULL,
	likes_count BIGINT NOT NULL DEFAULT 0,
	replies_count BIGINT NOT NULL DEFAULT 0,
	shares_count BIGINT NOT NULL DEFAULT 0,
	members_count BIGINT NOT NULL DEFAULT 0,
	list_of TEXT NOT NULL DEFAULT '',
	created BIGINT NOT NULL,
	updated BIGINT NOT NULL,
	deleted BIGINT NOT NULL DEFAULT 0,
	merged_into BIGINT NOT NULL DEFAULT 0,
	doc TEXT NOT NULL
);
-- The replies to one thing, newest first.
CREATE INDEX objects_by_parent ON objects (parent_id, position) WHERE parent_id <> 0;
-- The lists of a person, newest first.
CREATE INDEX objects_by_author ON objects (author_id, list_of, position) WHERE list_of <> '';

-- What was done. visibility is 0 public, 1 unlisted, 2 limited. audience is the
-- list of addressees with the ids of their rows, so that showing an activity
-- needs no look-up of names. object_post is the activity that posted the
-- object, where that is another one: nobody sees a share of what they may not see.
CREATE TABLE activities (
	id BIGINT PRIMARY KEY,
	version BIGINT NOT NULL,
	verb TEXT NOT NULL,
	actor_id BIGINT NOT NULL,
	object_kind SMALLINT NOT NULL,
	object_id BIGINT NOT NULL,
	object_post BIGINT NOT NULL DEFAULT 0,
	target_kind SMALLINT NOT NULL,
	target_id BIGINT NOT NULL,
	visibility SMALLINT NOT NULL,
	local BOOLEAN NOT NULL,
	published BIGINT NOT NULL,
	updated BIGINT NOT NULL,
	deleted BIGINT NOT NULL DEFAULT 0,
	audience TEXT NOT NULL,
	doc TEXT NOT NULL
);

-- Who an activity is addressed to, for the question whether somebody may see
-- it. kind is 1 an actor, 2 the followers of an actor, 3 the members of a list,
-- 4 the members of a group. The public has no row: visibility tells.
CREATE TABLE audience (
	activity_id BIGINT NOT NULL,
	kind SMALLINT NOT NULL,
	recipient_id BIGINT NOT NULL,
	PRIMARY KEY (activity_id, kind, recipient_id)
);

-- Who stands in which relation to what: 1 follows, 2 likes, 3 shared, 4 is a
-- member of, 5 blocks. state is 0 requested, 1 in force. activity_id is the
-- activity that made the edge, so that a late undo of an older one cannot end it.
CREATE TABLE edges (
	kind SMALLINT NOT NULL,
	actor_id BIGINT NOT NULL,
	target_id BIGINT NOT NULL,
	position BIGINT NOT NULL,
	state SMALLINT NOT NULL,
	actor_local BOOLEAN NOT NULL,
	activity_id BIGINT NOT NULL,
	created BIGINT NOT NULL,
	PRIMARY KEY (actor_id, target_id, kind)
);
-- The followers of somebody, the likers of something, the members of a list, newest first.
CREATE INDEX edges_by_target ON edges (target_id, kind, position);
-- Whom somebody follows, what somebody likes, newest first.
CREATE INDEX edges_by_actor ON edges (actor_id, kind, position);

-- The streams. kind is 1 inbox, 2 outbox. class is the sum of 1 major and 2
-- direct, so that a reader of one half pages over a range of its own and a
-- follower still costs one row. ordinal counts the items of a class of a stream:
-- the newest item of each class tells how long it is.
CREATE TABLE stream_items (
	owner_id BIGINT NOT NULL,
	kind SMALLINT NOT NULL,
	class SMALLINT NOT NULL,
	position BIGINT NOT NULL,
	activity_id BIGINT NOT NULL,
	ordinal BIGINT NOT NULL,
	PRIMARY KEY (owner_id, kind, class, position)
) {without rowid};
-- An activity stands in a stream once, however often it arrives; also finds where a page begins.
CREATE UNIQUE INDEX stream_items_once ON stream_items (owner_id, kind, activity_id);

-- Documents as they came, byte for byte: who sent them, how that was verified.
-- A thing is shown to its own network from here, and is never rebuilt where a
-- signature covers it.
CREATE TABLE originals (
	id BIGINT PRIMARY KEY,
	ref_id BIGINT NOT NULL,
	network TEXT NOT NULL,
	sender_id BIGINT NOT NULL,
	verified TEXT NOT NULL,
	content_type TEXT NOT NULL,
	received BIGINT NOT NULL,
	superseded BOOLEAN NOT NULL DEFAULT FALSE,
	bytes {bytes} NOT NULL
);
-- The document that a thing was made from.
CREATE INDEX originals_by_ref ON originals (ref_id);

-- Uploaded files: whose they are and which thing shows them, which decides who
-- may fetch them. public is set for pictures of profiles.
CREATE TABLE uploads (
	path TEXT PRIMARY KEY,
	owner_id BIGINT NOT NULL,
	object_id BIGINT NOT NULL,
	position BIGINT NOT NULL,
	media_type TEXT NOT NULL,
	size BIGINT NOT NULL,
	thumbnail BOOLEAN NOT NULL,
	public BOOLEAN NOT NULL DEFAULT FALSE
);
-- What somebody uploaded, newest first.
CREATE INDEX uploads_by_owner ON uploads (owner_id, position);
-- The files of one thing, to remove them with it.
CREATE INDEX uploads_by_object ON uploads (object_id);

-- Registered programs (OAuth consumers). Secrets are kept as they are: both
-- sides of an HMAC need them.
CREATE TABLE clients (
	id BIGINT PRIMARY KEY,
	client_id TEXT NOT NULL,
	secret TEXT NOT NULL,
	application_name TEXT NOT NULL,
	application_type TEXT NOT NULL,
	contacts TEXT NOT NULL,
	logo_url TEXT NOT NULL,
	redirect_uris TEXT NOT NULL,
	created BIGINT NOT NULL,
	updated BIGINT NOT NULL
);
-- Every signed request names its client.
CREATE UNIQUE INDEX clients_by_client_id ON clients (client_id);

-- Temporary credentials of OAuth 1.0a, from the request for them to their
-- exchange. actor_id is who allowed it, 0 until then.
CREATE TABLE request_tokens (
	token TEXT PRIMARY KEY,
	secret TEXT NOT NULL,
	client_id TEXT NOT NULL,
	callback TEXT NOT NULL,
	verifier TEXT NOT NULL,
	actor_id BIGINT NOT NULL,
	used BOOLEAN NOT NULL,
	created BIGINT NOT NULL
);
-- Finds those that have gone stale.
CREATE INDEX request_tokens_by_age ON request_tokens (created);

-- What programs act with on behalf of people, one per program and person.
CREATE TABLE access_tokens (
	token TEXT PRIMARY KEY,
	secret TEXT NOT NULL,
	client_id TEXT NOT NULL,
	actor_id BIGINT NOT NULL,
	created BIGINT NOT NULL
);
-- A program that asks again gets the token that it has.
CREATE UNIQUE INDEX access_tokens_once ON access_tokens (actor_id, client_id);

-- Nonces of signed writes, kept as long as their timestamps would be accepted:
-- a write that is repeated is refused, also after a crash. digest is over
-- client, token, timestamp and nonce.
CREATE TABLE nonces (
	digest {bytes} PRIMARY KEY,
	expires BIGINT NOT NULL
);
-- Finds those that are no longer needed.
CREATE INDEX nonces_by_age ON nonces (expires);

-- Browsers that are logged in. id is a digest of the cookie, so that a copy of
-- the table opens nothing.
CREATE TABLE sessions (
	id {bytes} PRIMARY KEY,
	actor_id BIGINT NOT NULL,
	created BIGINT NOT NULL,
	expires BIGINT NOT NULL
);
-- Finds those that are over.
CREATE INDEX sessions_by_age ON sessions (expires);
-- Ends all of a person: after a change of password, or a suspension.
CREATE INDEX sessions_by_actor ON sessions (actor_id);
