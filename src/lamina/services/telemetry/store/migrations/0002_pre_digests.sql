-- What readers ask of a day that is over, found out once: counts, and what nodes said of each other. A digest stands
-- for its partition only while it is whole; what is stored or purged there afterwards ends that (store/digests.py).
CREATE TABLE telemetry.digests (
    number serial PRIMARY KEY,
    name text NOT NULL UNIQUE,
    since timestamp NOT NULL,
    until timestamp NOT NULL,
    is_whole boolean NOT NULL DEFAULT false,
    -- When a message was stored that it does not know.
    stale_at timestamp
);

CREATE TABLE telemetry.digest_counts (
    number integer NOT NULL REFERENCES telemetry.digests ON DELETE CASCADE,
    peer_connection_id integer NOT NULL,
    msg text,
    target text,
    qty bigint NOT NULL
);
CREATE INDEX digest_counts_peer_connection_id_idx ON telemetry.digest_counts (peer_connection_id);
CREATE INDEX digest_counts_number_idx ON telemetry.digest_counts (number);

-- Names of the remote peers, cut to what fits an index; a name of that length has to be looked for itself.
CREATE FUNCTION telemetry.peer_names(nodes jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT ARRAY(SELECT left(key, 256) FROM jsonb_object_keys(nodes) key) $$;

-- Large values lie outside the rows: a reader sorts many rows and looks into few.
CREATE TABLE telemetry.digest_states (
    number integer NOT NULL REFERENCES telemetry.digests ON DELETE CASCADE,
    id bigint NOT NULL,
    created_at timestamp NOT NULL,
    peer_connection_id integer NOT NULL,
    nodes jsonb NOT NULL
) WITH (toast_tuple_target = 128);
CREATE INDEX digest_states_number_idx ON telemetry.digest_states (number);
CREATE INDEX digest_states_names_idx ON telemetry.digest_states USING gin (telemetry.peer_names(nodes));

-- Batches whose messages are all of later than this concern no digest.
ALTER TABLE telemetry.stream ADD COLUMN digested_until timestamp NOT NULL DEFAULT '-infinity';
