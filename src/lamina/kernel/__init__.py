"""What every service stands on: settings, storage, web, observability, supervision, secrets.

The kernel knows no service. Floors inside it are held by import-linter (see pyproject.toml).
"""
