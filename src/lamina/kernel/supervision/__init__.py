"""Keeping work alive: tasks inside a process, processes inside the platform, signals, a restart budget."""
