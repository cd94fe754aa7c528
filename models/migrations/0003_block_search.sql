-- Deliveries that did not succeed, so that whoever posted an activity, and the
-- admin, can see where it has not arrived and why. What went through has no
-- row. state is 0 while it is tried again, 1 when it was given up; attempts
-- counts the tries; next_attempt is about when the next one is due.
CREATE TABLE delivery_failures (
	id BIGINT PRIMARY KEY,
	activity_id BIGINT NOT NULL,
	inbox TEXT NOT NULL,
	network TEXT NOT NULL,
	state SMALLINT NOT NULL,
	attempts BIGINT NOT NULL,
	reason TEXT NOT NULL,
	updated BIGINT NOT NULL,
	next_attempt BIGINT NOT NULL
);
-- What fails again is the same failure; also lists those of one activity.
CREATE UNIQUE INDEX delivery_failures_once ON delivery_failures (activity_id, inbox);

-- Things that were made or changed since their words were put into the index of
-- search, in the order of the changes; a thing that changes again stands here
-- again. Triggers add to it, so that nothing that changes a thing can forget to,
-- and what is read out of it is exactly what was committed.
CREATE TABLE search_queue (
	id {counted} PRIMARY KEY,
	object_id BIGINT NOT NULL
);
-- Locked by whoever takes from the queue, so that words that are out of date
-- never replace newer ones.
INSERT INTO sequences (name, last) VALUES ('search', 0);
INSERT INTO search_queue (object_id) SELECT id FROM objects WHERE deleted = 0 ORDER BY id;

-- only SQLite
CREATE TRIGGER search_made AFTER INSERT ON objects BEGIN
	INSERT INTO search_queue (object_id) VALUES (NEW.id);
END;
CREATE TRIGGER search_changed AFTER UPDATE OF doc ON objects BEGIN
	INSERT INTO search_queue (object_id) VALUES (NEW.id);
END;

-- Which words occur in which thing; the rowid is that of the thing. The words
-- are made here and parted by spaces, so the plainest tokenizer will do, and
-- neither the text nor the places of the words in it are kept.
CREATE VIRTUAL TABLE search_words USING fts5(words, content='', contentless_delete=1, detail=none, tokenize='ascii');
-- only PostgreSQL
CREATE FUNCTION search_enqueue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO search_queue (object_id) VALUES (NEW.id);
	RETURN NULL;
END $$;
CREATE TRIGGER search_made AFTER INSERT ON objects FOR EACH ROW EXECUTE FUNCTION search_enqueue();
CREATE TRIGGER search_changed AFTER UPDATE OF doc ON objects FOR EACH ROW EXECUTE FUNCTION search_enqueue();

-- Which words occur in which thing.
CREATE TABLE search_words (
	object_id BIGINT PRIMARY KEY,
	words TSVECTOR NOT NULL
);
-- Finds the things that have all of some words.
CREATE INDEX search_words_by_word ON search_words USING GIN (words);
-- both
