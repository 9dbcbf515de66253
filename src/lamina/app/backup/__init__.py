"""Backups of the whole platform: made, proved and put back with the help of every service."""
