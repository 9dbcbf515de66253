-- Ids are the 32 bytes that base64url texts of 43 characters stand for. Items are kept as they were posted.
CREATE SCHEMA scheduler;

CREATE TABLE scheduler.processes (
    process_id bytea PRIMARY KEY,
    item bytea NOT NULL,
    block_height bigint NOT NULL,
    ts bigint NOT NULL,
    -- Its own assignment, where process assignment was on when it was spawned (spec 11.4).
    assignment bytea,
    assignment_id bytea UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE scheduler.processes ALTER COLUMN item SET STORAGE EXTERNAL;

-- Where each process's chain ends; every write is a compare-and-swap on it.
CREATE TABLE scheduler.heads (
    process_id bytea PRIMARY KEY REFERENCES scheduler.processes (process_id),
    nonce bigint NOT NULL,
    assignment_id bytea,
    hash_chain bytea,
    ts bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE scheduler.messages (
    process_id bytea NOT NULL REFERENCES scheduler.processes (process_id),
    nonce bigint NOT NULL,
    ts bigint NOT NULL,
    message_id bytea NOT NULL,
    assignment_id bytea NOT NULL UNIQUE,
    assignment bytea NOT NULL,
    -- None where only an assignment was made of a transaction that is elsewhere (spec 13).
    item bytea,
    PRIMARY KEY (process_id, nonce)
);
ALTER TABLE scheduler.messages ALTER COLUMN item SET STORAGE EXTERNAL;
ALTER TABLE scheduler.messages ALTER COLUMN assignment SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX messages_message_id ON scheduler.messages (message_id) WHERE item IS NOT NULL;
CREATE INDEX messages_assigned_id ON scheduler.messages (message_id) WHERE item IS NULL;
CREATE UNIQUE INDEX messages_ts ON scheduler.messages (process_id, ts);

-- What was said already, whoever pushed it (spec 10.5).
CREATE TABLE scheduler.deep_hashes (
    process_id bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (process_id, hash)
);

-- What must reach the uploader; written with what it is about, removed when it has.
CREATE TABLE scheduler.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    process_id bytea NOT NULL,
    nonce bigint,
    -- The signed bundle, once it was made: every attempt sends the same one.
    bundle bytea,
    attempts int NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX outbox_next_at ON scheduler.outbox (next_at);

-- The last height a gateway told, for a start without one.
CREATE TABLE scheduler.network (
    id int PRIMARY KEY CHECK (id = 1),
    height bigint NOT NULL,
    seen_at timestamptz NOT NULL
);
