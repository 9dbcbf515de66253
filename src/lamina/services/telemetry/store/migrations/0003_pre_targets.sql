-- What a peer said about a target, in order: of its messages few are about any, and of those few about a rare one.
CREATE INDEX tetcore_logs_peer_connection_id_target_idx
    ON telemetry.tetcore_logs (peer_connection_id, (logs->>'target'), created_at, id, (logs->>'msg'))
    WHERE logs->>'target' IS NOT NULL;
