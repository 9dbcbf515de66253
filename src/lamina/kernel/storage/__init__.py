"""PostgreSQL: the embedded server, pools, named transactions with three outcomes, batching, migrations."""
