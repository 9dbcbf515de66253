"""The dashboards of `deploy/grafana` as Grafana reads them: their queries with every variable and macro filled in."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.deploy.shipped import DEPLOY

FOLDER = DEPLOY / "grafana"
DASHBOARDS = {path.name: path for path in sorted((FOLDER / "dashboards").glob("*.json"))}
INTERVALS = {"$__interval": "20s", "$__rate_interval": "4s"}
_MACRO = re.compile(r"\$__(\w+)\(([^()]*)\)")
_VARIABLE = re.compile(r"\$\{(\w+):(\w+)\}|\$(\w+)|\$\{(\w+)\}")
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Query:
    """One question to a data source.

    Attributes:
        place: for a failure's message.
        language: sql or promql.
        shape: time_series or table of SQL, variable of either.
    """

    place: str
    language: str
    shape: str
    text: str


def read(name: str) -> Any:
    """A dashboard."""
    return json.loads(DASHBOARDS[name].read_text(encoding="utf-8"))


def queries(name: str) -> Iterator[Query]:
    """Every question that a dashboard asks, those of its variables first."""
    document = read(name)
    for variable in document["templating"]["list"]:
        if variable["datasource"]["uid"] == "PostgreSQL":
            yield Query(f"{name}: variable {variable['name']}", "sql", "variable", variable["query"])
    for panel in document["panels"]:
        for target in panel.get("targets", ()):
            place = f"{name}: {panel['title']}"
            if target["datasource"]["uid"] == "PostgreSQL":
                yield Query(place, "sql", target["format"], target["rawSql"])
            else:
                yield Query(place, "promql", "time_series", target["expr"])


def filled_sql(text: str, since: datetime, until: datetime, variables: Mapping[str, list[str]]) -> str:
    """A query of a PostgreSQL panel as Grafana sends it: variables first, then macros."""
    for name, value in INTERVALS.items():
        text = text.replace(name, value)
    text = _VARIABLE.sub(lambda match: _value(match, variables), text)
    return _MACRO.sub(lambda match: _expanded(match, since, until), text)


def filled_promql(text: str) -> str:
    """A query of a Prometheus panel when every variable is set to all."""
    for name, value in INTERVALS.items():
        text = text.replace(name, value)
    return _VARIABLE.sub(".+", text)


def _value(match: re.Match[str], variables: Mapping[str, list[str]]) -> str:
    name, how = match[1] or match[3] or match[4], match[2]
    if name.startswith("__"):
        return match[0]
    assert how == "sqlstring", f"{match[0]} would let a node's name into the SQL"
    return ",".join("'" + each.replace("'", "''") + "'" for each in variables[name])


def _expanded(match: re.Match[str], since: datetime, until: datetime) -> str:
    name, arguments = match[1], [each.strip() for each in match[2].split(",")]
    if name == "timeFilter":
        return f"{arguments[0]} BETWEEN '{_moment(since)}' AND '{_moment(until)}'"
    if name == "timeGroup":
        number, unit = re.fullmatch(r"(\d+)([smhd])", arguments[1]).groups()  # type: ignore[union-attr]
        step_s = int(number) * _UNITS_S[unit]
        return f"floor(extract(epoch from {arguments[0]})/{step_s})*{step_s}"
    raise AssertionError(f"Grafana has no macro $__{name}")


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
