-- A role for Grafana and for people with SQL: it may read what telemetry stored, under the original's table names and in
-- the schema telemetry, and nothing else of Lamina. Its connections are bounded, and so is each of its queries.
-- Run it as the owner of the schemas who also made the role (or as a superuser), after a receiver has started once:
--
--   createuser --pwprompt lamina_reader
--   psql --dbname lamina --set role=lamina_reader --file deploy/sql/reader-role.sql
--
-- Run it again after an upgrade that brings migrations of telemetry, and after a restoration into another server. Days
-- that telemetry adds later need nothing: they are read through their table.

GRANT USAGE ON SCHEMA public, telemetry TO :"role";
GRANT SELECT ON public.peer_connections, public.tetcore_logs, public.substrate_logs, public.host_systems,
    public.benchmarks, public.benchmark_events TO :"role";
GRANT SELECT ON ALL TABLES IN SCHEMA telemetry TO :"role";

-- Second locks: the grants above already allow no more than reading.
ALTER ROLE :"role" SET default_transaction_read_only = on;
ALTER ROLE :"role" CONNECTION LIMIT 16;

-- A dashboard over years must not hold up the removal of a day, which waits 2 s for readers.
ALTER ROLE :"role" SET statement_timeout = '30s';
ALTER ROLE :"role" SET idle_in_transaction_session_timeout = '30s';

-- The times in the tables are UTC without saying so.
ALTER ROLE :"role" SET timezone = 'UTC';
