import subprocess
import sys
from pathlib import Path

from lamina.kernel.observability.rotating import RotatingFile


def test_lines_are_appended_to_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "log" / "a.log"
    for _ in range(2):
        file = RotatingFile(path, bytes_max=100, keep=1)
        file.write(b"line\n")
        file.close()
    assert path.read_bytes() == b"line\nline\n"
    assert path.stat().st_mode & 0o007 == 0


def test_a_full_file_is_set_aside_and_the_oldest_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    file = RotatingFile(path, bytes_max=10, keep=2)
    for letter in b"abcd":
        file.write(bytes([letter]) * 9 + b"\n")
    file.close()
    contents = {each.name: each.read_bytes()[:1] for each in tmp_path.iterdir()}
    assert contents == {"a.log": b"d", "a.log.1": b"c", "a.log.2": b"b"}


def test_with_nothing_kept_a_full_file_is_thrown_away(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "a.log", bytes_max=10, keep=0)
    for letter in b"abc":
        file.write(bytes([letter]) * 10)
    file.close()
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"c" * 10]


def test_one_write_larger_than_the_limit_is_written_whole(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "a.log", bytes_max=10, keep=1)
    file.write(b"x" * 100)
    file.close()
    assert (tmp_path / "a.log").read_bytes() == b"x" * 100


def test_a_file_renamed_by_another_program_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    file = RotatingFile(path, bytes_max=100, keep=1)
    file.write(b"old\n")
    path.rename(tmp_path / "elsewhere")
    file.write(b"new\n")
    file.close()
    assert path.read_bytes() == b"new\n"


def test_several_processes_rotate_one_file_and_lose_no_line(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from lamina.kernel.observability.rotating import RotatingFile\n"
        "file = RotatingFile(Path(sys.argv[1]), bytes_max=5000, keep=1000)\n"
        "for n in range(2000): file.write(f'{sys.argv[2]} {n} {\"x\" * 20}\\n'.encode())\n"
    )
    path = tmp_path / "a.log"
    children = [subprocess.Popen([sys.executable, "-c", program, str(path), name]) for name in "abc"]
    assert [child.wait() for child in children] == [0, 0, 0]
    lines = [line for each in tmp_path.iterdir() for line in each.read_text().splitlines()]
    assert sorted(lines) == sorted(f"{name} {n} {'x' * 20}" for name in "abc" for n in range(2000))
    assert max(each.stat().st_size for each in tmp_path.iterdir()) < 6000
    assert len(list(tmp_path.iterdir())) > 20
