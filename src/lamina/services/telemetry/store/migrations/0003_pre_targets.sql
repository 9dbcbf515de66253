-- What a peer said about a target, in order: of its messages few are about any, and of those few about a rare one.
-- Cut to what fits an index, whatever else a message says: a long target is no reason to refuse it.
CREATE INDEX tetcore_logs_peer_connection_id_target_idx
    ON telemetry.tetcore_logs (peer_connection_id, left(logs->>'target', 256), created_at, id)
    WHERE logs->>'target' IS NOT NULL;
