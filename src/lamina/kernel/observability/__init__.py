"""What operators see: logs, the access log, metrics, readiness. Secrets are masked before all else."""
