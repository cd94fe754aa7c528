-- The private keys of our actors, which are made when they are first needed: rsa
-- (PKCS#8) signs requests, ed25519 (the seed) signs documents. Both are one row, so
-- that of several processes that make them at the same time one wins.
CREATE TABLE actor_keys (
	actor_id BIGINT PRIMARY KEY,
	rsa {bytes} NOT NULL,
	ed25519 {bytes} NOT NULL,
	created BIGINT NOT NULL
);

-- The public keys of others, by the id that signatures name them by. spki is the
-- key; fetched is when its owner was asked for it last, changed when that gave
-- another key than before, 0 if never.
CREATE TABLE remote_keys (
	iri TEXT PRIMARY KEY,
	actor_id BIGINT NOT NULL,
	spki {bytes} NOT NULL,
	fetched BIGINT NOT NULL,
	changed BIGINT NOT NULL DEFAULT 0
);
-- Takes away the keys that an actor does not have any more.
CREATE INDEX remote_keys_by_actor ON remote_keys (actor_id);

-- How hosts (with the port where that is not the usual one) are known to take
-- signatures, where that is not the way that is tried first.
CREATE TABLE signature_specs (
	host TEXT PRIMARY KEY,
	spec TEXT NOT NULL,
	updated BIGINT NOT NULL
);
