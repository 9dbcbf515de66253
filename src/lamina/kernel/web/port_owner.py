"""Which process listens on a port, for the message that says it is taken; known on Linux only."""

from pathlib import Path

LISTEN = "0A"


def port_owner(port: int) -> str | None:
    """Name the process that listens on a TCP port.

    Returns:
        `process 1234 (name)`, or None when it cannot be told (another user's, another namespace's).
    """
    wanted = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for process in Path("/proc").glob("[0-9]*") if wanted else ():
        if wanted & _descriptors(process):
            return f"process {process.name} ({_name(process)})"
    return None


def _listening_inodes(port: int) -> set[str]:
    inodes: set[str] = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for row in _lines(table)[1:]:
            fields = row.split()
            if fields[3] == LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(fields[9])
    return inodes


def _descriptors(process: Path) -> set[str]:
    try:
        entries = list((process / "fd").iterdir())
    except OSError:
        return set()
    return {_target(entry) for entry in entries}


def _target(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:  # closed since it was listed
        return ""


def _name(process: Path) -> str:
    return "".join(_lines(process / "comm")) or "unknown"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
