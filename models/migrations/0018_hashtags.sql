-- The hashtags of what people here have posted for everybody, and announced. They are
-- written with the words of search, from the same queue, and so a moment later than
-- the post.
CREATE TABLE hashtags (
	tag TEXT NOT NULL,
	activity_id BIGINT NOT NULL,
	object_id BIGINT NOT NULL,
	PRIMARY KEY (tag, activity_id)
) {without rowid};
-- A thing that changes loses the hashtags that it had before.
CREATE INDEX hashtags_by_object ON hashtags (object_id);

INSERT INTO search_queue (object_id) SELECT id FROM objects WHERE local AND deleted = 0 AND activity_id <> 0 ORDER BY id;
