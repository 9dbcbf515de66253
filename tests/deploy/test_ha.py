"""The recipe of `deploy/ha`: the figures quorum commit rests on, and that its files agree with each other."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.deploy.shipped import DEPLOY, documents, settings_of, variables

from lamina.kernel.settings.platform import PostgresSettings

HA = DEPLOY / "ha"
MACHINES = [1, 2, 3]


def patroni() -> Any:
    (document,) = documents(HA / "patroni.yml")
    return document


def etcd(machine: int) -> dict[str, str]:
    return variables(HA / f"db{machine}.etcd.env")


def of_patroni(machine: int) -> dict[str, str]:
    return variables(HA / f"db{machine}.patroni.env")


def test_no_commit_is_acknowledged_by_one_machine_alone() -> None:
    dcs = patroni()["bootstrap"]["dcs"]
    assert dcs["synchronous_mode"] == "quorum"
    assert dcs["synchronous_mode_strict"] is True
    assert dcs["synchronous_node_count"] == 1
    assert dcs["postgresql"]["parameters"]["synchronous_commit"] == "on"


def test_the_lease_outlives_a_slow_round() -> None:
    dcs = patroni()["bootstrap"]["dcs"]
    assert (dcs["ttl"], dcs["loop_wait"], dcs["retry_timeout"]) == (30, 10, 10)
    assert dcs["loop_wait"] + 2 * dcs["retry_timeout"] <= dcs["ttl"]
    assert dcs["failsafe_mode"] is True
    assert dcs["primary_start_timeout"] == 0
    assert dcs["maximum_lag_on_failover"] == 1048576


def test_an_old_primary_can_come_back() -> None:
    bootstrap = patroni()["bootstrap"]
    assert bootstrap["dcs"]["postgresql"]["use_pg_rewind"] is True
    assert bootstrap["dcs"]["postgresql"]["use_slots"] is True
    assert bootstrap["dcs"]["postgresql"]["parameters"]["wal_log_hints"] == "on"
    assert "data-checksums" in bootstrap["initdb"]


def test_everything_speaks_tls_with_certificates_on_both_ends() -> None:
    document = patroni()
    assert document["restapi"]["verify_client"] == "required"
    assert document["etcd3"]["protocol"] == "https"
    rules = [rule.split() for rule in document["postgresql"]["pg_hba"]]
    assert {rule[0] for rule in rules} == {"local", "hostssl"}
    assert ["hostssl", "lamina", "lamina_ledger", "10.0.1.0/24", "cert"] in rules
    for machine in MACHINES:
        own = etcd(machine)
        assert (own["ETCD_CLIENT_CERT_AUTH"], own["ETCD_PEER_CLIENT_CERT_AUTH"]) == ("true", "true")
        assert all(text.startswith("https://") for name, text in own.items() if name.endswith("_URLS"))


@pytest.mark.parametrize("machine", MACHINES)
def test_a_machine_is_the_same_one_to_etcd_and_patroni(machine: int) -> None:
    name, address = f"db{machine}", f"10.0.0.1{machine}"
    own, patronis = etcd(machine), of_patroni(machine)
    assert own["ETCD_NAME"] == patronis["PATRONI_NAME"] == name
    assert own["ETCD_ADVERTISE_CLIENT_URLS"] == f"https://{address}:2379"
    assert own["ETCD_INITIAL_ADVERTISE_PEER_URLS"] == f"https://{address}:2380"
    members = dict(each.split("=") for each in own["ETCD_INITIAL_CLUSTER"].split(","))
    assert members == {f"db{each}": f"https://10.0.0.1{each}:2380" for each in MACHINES}
    assert f"{address}:2379" in patroni()["etcd3"]["hosts"]
    assert len(patroni()["etcd3"]["hosts"]) == 3
    assert patronis["PATRONI_POSTGRESQL_CONNECT_ADDRESS"] == f"{address}:5432"
    assert patronis["PATRONI_RESTAPI_CONNECT_ADDRESS"] == f"{address}:8008"


@pytest.mark.parametrize("machine", MACHINES)
def test_no_password_is_shipped_and_none_can_win_over_patronis_own(machine: int) -> None:
    own = of_patroni(machine)
    assert not any(text for name, text in own.items() if "PASSWORD" in name)
    assert not any(name.startswith("PG") for name in own)
    (unset,) = re.findall(
        r"^UnsetEnvironment=(.*)$", (HA / "patroni.service").read_text(), flags=re.MULTILINE
    )
    assert {"PGPASSWORD", "PGPASSFILE"} <= set(unset.split())
    assert "KillMode=process" in (HA / "patroni.service").read_text().splitlines()


def test_the_address_in_the_readme_is_one_lamina_takes() -> None:
    (dsn,) = re.findall(r"postgresql://\S+", (HA / "README.md").read_text())
    read = settings_of({"LAMINA_POSTGRES__DSN": dsn}).get(PostgresSettings).dsn
    assert read is not None
    assert dsn.count("db") >= 3
    assert "target_session_attrs=read-write" in dsn
    assert "sslmode=verify-full" in dsn


def test_patroni_itself_accepts_the_file(tmp_path: Path) -> None:
    """All but what this machine does not have: a running etcd, and PostgreSQL where Debian puts it."""
    program = shutil.which("patroni")
    if program is None:
        pytest.skip("there is no patroni here")
    text = (HA / "patroni.yml").read_text().replace("/var/lib/postgresql", str(tmp_path))
    (tmp_path / "patroni.yml").write_text(text.replace("10.0.0.1", "127.0.0.1"))
    addresses = {
        name: value.replace("10.0.0.1", "127.0.0.1") for name, value in of_patroni(1).items() if value
    }
    addresses["PATRONI_POSTGRESQL_LISTEN"] = "127.0.0.11:5432"
    secrets = {f"PATRONI_{each}_PASSWORD": "x" for each in ("SUPERUSER", "REPLICATION", "REWIND")}
    done = subprocess.run(
        [program, "--validate-config", tmp_path / "patroni.yml"],
        env={**os.environ, **addresses, **secrets},
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = done.stderr.splitlines() + done.stdout.splitlines()
    assert [each for each in complaints if not re.search(r"is not reachable|bin_dir|^\s*$", each)] == []
