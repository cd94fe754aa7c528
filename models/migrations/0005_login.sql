-- What programs act with by OAuth 2.0 (RFC 6750). digest is of the token, so
-- that a copy of the table opens nothing. scope is 1 read, 2 also write, 3 also
-- change the account. actor_id is 0 where the program acts for nobody; expires
-- is 0 where the token lasts until it is withdrawn.
CREATE TABLE bearer_tokens (
	digest {bytes} PRIMARY KEY,
	client_id TEXT NOT NULL,
	actor_id BIGINT NOT NULL,
	scope SMALLINT NOT NULL,
	created BIGINT NOT NULL,
	expires BIGINT NOT NULL
);
-- Lists and withdraws what a person has given to programs.
CREATE INDEX bearer_tokens_by_actor ON bearer_tokens (actor_id, client_id);
-- Finds those that are over.
CREATE INDEX bearer_tokens_by_age ON bearer_tokens (expires) WHERE expires <> 0;

-- The consent of a person on its way to the program, which exchanges it for a
-- token (RFC 6749 4.1). token is the digest of that one once it is made: when
-- the code turns up again, somebody has stolen it, and the token is withdrawn.
-- challenge is that of RFC 7636, empty where the program gave none.
CREATE TABLE authorization_codes (
	digest {bytes} PRIMARY KEY,
	client_id TEXT NOT NULL,
	actor_id BIGINT NOT NULL,
	redirect_uri TEXT NOT NULL,
	scope SMALLINT NOT NULL,
	challenge TEXT NOT NULL,
	created BIGINT NOT NULL,
	token {bytes}
);
-- Finds those that have gone stale.
CREATE INDEX authorization_codes_by_age ON authorization_codes (created);
-- Withdraws consent that no program has used yet.
CREATE INDEX authorization_codes_by_actor ON authorization_codes (actor_id, client_id);
-- Withdraws consent by OAuth 1.0a that no program has used yet.
CREATE INDEX request_tokens_by_actor ON request_tokens (actor_id, client_id) WHERE actor_id <> 0;

-- This server as a program registered at other pump.io servers, where people
-- log in who have no account here. host has the port where there is one.
CREATE TABLE remote_clients (
	host TEXT PRIMARY KEY,
	client_id TEXT NOT NULL,
	secret TEXT NOT NULL,
	created BIGINT NOT NULL
);

-- People on their way to their own server and back. browser is a digest of a
-- cookie: nobody can be made to come back as somebody else.
CREATE TABLE remote_requests (
	token TEXT NOT NULL,
	host TEXT NOT NULL,
	secret TEXT NOT NULL,
	browser {bytes} NOT NULL,
	return_to TEXT NOT NULL,
	created BIGINT NOT NULL,
	PRIMARY KEY (host, token)
);
-- Finds those who never came back.
CREATE INDEX remote_requests_by_age ON remote_requests (created);

-- What this server acts with at the server of somebody who logged in from
-- there. Secrets are kept as they are: both sides of an HMAC need them.
CREATE TABLE remote_tokens (
	actor_id BIGINT PRIMARY KEY,
	host TEXT NOT NULL,
	client_id TEXT NOT NULL,
	token TEXT NOT NULL,
	secret TEXT NOT NULL,
	updated BIGINT NOT NULL
);
