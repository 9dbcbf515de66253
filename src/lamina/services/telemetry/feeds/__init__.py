"""What is pushed to dashboards: the messages of chosen nodes (spec/telemetry.md 7), and the live view."""
