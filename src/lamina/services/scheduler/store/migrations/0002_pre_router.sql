-- What the router knows (spec 17, 18.1): the units, and which of them has which process.
CREATE TABLE scheduler.schedulers (
    row_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    url text NOT NULL UNIQUE,
    process_count bigint NOT NULL DEFAULT 0,
    -- As the list has them; NULL where it does not say.
    no_route boolean,
    wallets_to_route text,
    wallets_only boolean
);

-- A row once made never changes: a process stays with its unit.
CREATE TABLE scheduler.process_schedulers (
    row_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    process_id bytea NOT NULL UNIQUE,
    scheduler_row_id bigint NOT NULL REFERENCES scheduler.schedulers (row_id)
);
CREATE INDEX process_schedulers_scheduler_row_id ON scheduler.process_schedulers (scheduler_row_id);
