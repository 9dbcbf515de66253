-- The original's tables (spec/telemetry.md 4.1) in a schema of their own; public views carry the original names.
-- Every timestamp without zone is UTC.
CREATE SCHEMA telemetry;

CREATE TABLE telemetry.peer_connections (
    id serial PRIMARY KEY,
    ip_addr varchar NOT NULL,
    peer_id varchar,
    created_at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc'),
    audit boolean NOT NULL DEFAULT false,
    name varchar,
    chain varchar,
    version varchar,
    authority boolean,
    startup_time bigint,
    implementation varchar,
    genesis_hash varchar,
    target_os varchar,
    target_arch varchar,
    target_env varchar,
    sysinfo jsonb,
    -- Whether a receiver still holds the socket: refreshed about once a minute, and when it ended.
    last_seen timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc'),
    closed_at timestamp,
    -- Its messages are dated from the first to the last, both rounded to whole days outwards: a reader looks only
    -- into partitions in which there may be something.
    said_since timestamp,
    said_until timestamp
);
CREATE INDEX peer_connections_peer_id_idx ON telemetry.peer_connections (peer_id, created_at DESC, id DESC);

-- Receivers take ids 65,536 at a time and number their rows themselves.
CREATE SEQUENCE telemetry.tetcore_logs_id_seq INCREMENT BY 65536;

-- No foreign key: each batch locks its connections' rows instead, once per connection and not once per message.
CREATE TABLE telemetry.tetcore_logs (
    id bigint NOT NULL DEFAULT nextval('telemetry.tetcore_logs_id_seq'),
    created_at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc'),
    logs jsonb NOT NULL,
    peer_connection_id integer NOT NULL,
    audit boolean NOT NULL DEFAULT false
) PARTITION BY LIST (audit);
CREATE TABLE telemetry.tetcore_logs_audit PARTITION OF telemetry.tetcore_logs FOR VALUES IN (true);
CREATE TABLE telemetry.tetcore_logs_expiring PARTITION OF telemetry.tetcore_logs FOR VALUES IN (false)
    PARTITION BY RANGE (created_at);
-- What clocks that run ahead send; past days and the coming ones are made by store/partitions.py.
CREATE TABLE telemetry.tetcore_logs_future PARTITION OF telemetry.tetcore_logs_expiring DEFAULT;

CREATE INDEX tetcore_logs_id_idx ON telemetry.tetcore_logs USING brin (id) WITH (pages_per_range = 32);
CREATE INDEX tetcore_logs_peer_connection_id_created_at_idx
    ON telemetry.tetcore_logs (peer_connection_id, created_at, id, (logs->>'msg'));
CREATE INDEX tetcore_logs_created_at_msg_idx ON telemetry.tetcore_logs ((logs->>'msg'), created_at);

-- The remote peers of a network state: one object in older nodes, one of each set in newer ones (spec 6.6).
CREATE FUNCTION telemetry.peerset_nodes(logs jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN jsonb_typeof(logs #> '{state,peerset,nodes}') = 'object' THEN logs #> '{state,peerset,nodes}'
        WHEN jsonb_typeof(logs #> '{state,peerset,sets}') = 'array' THEN (
            SELECT jsonb_object_agg(node.key, node.value ORDER BY sets.number DESC)
              FROM jsonb_array_elements(logs #> '{state,peerset,sets}') WITH ORDINALITY AS sets(value, number),
                   jsonb_each(CASE WHEN jsonb_typeof(sets.value -> 'nodes') = 'object'
                                   THEN sets.value -> 'nodes' ELSE '{}' END) AS node)
    END
$$;
CREATE INDEX tetcore_logs_peerset_nodes_idx ON telemetry.tetcore_logs
    USING gin (telemetry.peerset_nodes(logs)) WHERE logs->>'msg' = 'system.network_state';
CREATE INDEX tetcore_logs_network_state_idx ON telemetry.tetcore_logs (created_at, peer_connection_id)
    WHERE logs->>'msg' = 'system.network_state';
CREATE INDEX tetcore_logs_span_idx ON telemetry.tetcore_logs ((logs->>'target'), (logs->>'name'), created_at)
    WHERE logs->>'msg' = 'tracing.profiling';

-- One row per committed batch, in commit order: what other receivers follow.
CREATE TABLE telemetry.stream (id int PRIMARY KEY, position bigint NOT NULL);
INSERT INTO telemetry.stream VALUES (1, 0);
CREATE TABLE telemetry.batches (
    position bigint PRIMARY KEY,
    receiver uuid NOT NULL,
    first_id bigint NOT NULL UNIQUE,
    last_id bigint NOT NULL,
    since timestamp NOT NULL,
    until timestamp NOT NULL,
    stored_at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc')
);

CREATE TABLE telemetry.host_systems (
    id serial PRIMARY KEY,
    description varchar NOT NULL,
    os varchar NOT NULL,
    cpu_qty integer NOT NULL,
    cpu_clock integer NOT NULL,
    ram_mb integer NOT NULL,
    disk_info varchar NOT NULL
);
CREATE TABLE telemetry.benchmarks (
    id serial PRIMARY KEY,
    setup jsonb NOT NULL DEFAULT '{}',
    created_at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc'),
    ts_start timestamp,
    ts_end timestamp,
    description varchar,
    chain_spec jsonb,
    benchmark_spec jsonb,
    host_system_id integer REFERENCES telemetry.host_systems (id)
);
CREATE TABLE telemetry.benchmark_events (
    id serial PRIMARY KEY,
    benchmark_id integer NOT NULL REFERENCES telemetry.benchmarks (id),
    name varchar NOT NULL,
    phase varchar NOT NULL,
    created_at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc')
);
CREATE INDEX benchmark_events_benchmark_id_idx ON telemetry.benchmark_events (benchmark_id);
