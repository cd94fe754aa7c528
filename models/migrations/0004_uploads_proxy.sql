-- How much room the uploaded files of somebody take, in bytes, thumbnails
-- included. Kept by the transactions that add and remove files, so that a quota
-- is checked without adding up rows, and two uploads at once cannot both have
-- the last of the room.
CREATE TABLE upload_usage (
	owner_id BIGINT PRIMARY KEY,
	bytes BIGINT NOT NULL
);
INSERT INTO upload_usage (owner_id, bytes) SELECT owner_id, SUM(size) FROM uploads GROUP BY owner_id;

-- Addresses on other servers that people here are shown, each with the random
-- token under which this server fetches it for them: who looks at a picture is
-- nobody's business but ours. A row is made when somebody is first shown the
-- address, and stays.
CREATE TABLE proxies (
	url TEXT PRIMARY KEY,
	token TEXT NOT NULL,
	created BIGINT NOT NULL
);
-- What lies behind a token, when it is asked for.
CREATE UNIQUE INDEX proxies_by_token ON proxies (token);
