"""The files for running it elsewhere: what they name is there, and what they set is understood."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from configparser import RawConfigParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from tracker.commands import commands
from tracker.config import SETTINGS

HOME = Path(__file__).resolve().parents[1]
DEPLOY = HOME / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
FILES = [
    *UNITS,
    DEPLOY / "Dockerfile",
    DEPLOY / "compose.yaml",
    DEPLOY / "README.md",
    *DEPLOY.glob("systemd/*.example"),
]
SERVICE_KEYS = {
    *("build", "image", "command", "environment", "secrets", "volumes", "tmpfs", "ports", "depends_on", "healthcheck"),
    *("restart", "read_only", "cap_drop", "security_opt", "stop_grace_period", "deploy"),
}


def unit(file: Path) -> dict[str, list[str]]:
    """The [Service] section, each name with its values."""
    lines = file.read_text(encoding="utf-8").partition("[Service]\n")[2].partition("\n[")[0].splitlines()
    pairs = [line.split("=", 1) for line in lines if line and not line.startswith("#")]
    return {name: [value for key, value in pairs if key == name] for name, _ in pairs}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.name))
def test_every_setting_that_is_named_is_one(file: Path) -> None:
    known = {setting.name for setting in SETTINGS} | {f"{each.name}_FILE" for each in SETTINGS if each.secret}

    assert set(re.findall(r"TRACKER_[A-Z0-9_]+", file.read_text(encoding="utf-8"))) <= known


def test_every_command_that_is_named_is_one() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in [*FILES, HOME / "README.md"])

    assert set(re.findall(r"python -m tracker ([a-z][a-z-]+)", text)) <= commands(None).keys()
    assert {"backup", "restore", "migrate", "rotate-keys"} <= set(re.findall(r"python -m tracker ([a-z-]+)", text))


def test_the_image_copies_what_there_is_and_the_builder_is_sent_no_more() -> None:
    copied = {word for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]}
    sent = set(re.findall(r"^!(.+)$", (HOME / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE))

    assert copied == sent
    assert all((HOME / path).exists() for path in copied)
    assert "data" not in copied and "tests" not in copied
    assert re.search(r"^USER 10001$", DOCKERFILE, re.MULTILINE)


def test_every_module_that_is_run_is_there() -> None:
    (shown,) = (json.loads(line) for line in re.findall(r"^CMD (\[.+\])$", DOCKERFILE, re.MULTILINE))
    commands = [shown, *(each["command"] for each in COMPOSE["services"].values() if "command" in each)]
    commands += [unit(file)["ExecStart"][0].split() for file in UNITS]

    assert all(find_spec(command[command.index("-m") + 1]) for command in commands)
    assert {command[command.index("-m") + 1] for command in commands} == {"streamlit", "jobs", "tracker"}
    web = [command for command in commands if "streamlit" in command]
    assert all("--logger.hideWelcomeMessage" in command for command in web), "a greeting is no log line"


def test_the_compose_file_says_only_what_compose_understands() -> None:
    """By github.com/compose-spec/compose-spec/blob/main/schema/compose-spec.json, read 2026-11."""
    top = {"name", "services", "secrets", "volumes"}
    assert {key for key in COMPOSE if not key.startswith("x-")} <= top
    for service in COMPOSE["services"].values():
        assert set(service) <= SERVICE_KEYS and {"image", "build"} & set(service)
        assert set(service.get("healthcheck", {})) <= {
            "test",
            "interval",
            "timeout",
            "retries",
            "start_period",
            "disable",
        }
        for condition in service.get("depends_on", {}).values():
            assert condition["condition"] in {"service_healthy", "service_completed_successfully"}


def test_the_compose_file_names_only_what_it_defines() -> None:
    services = COMPOSE["services"]
    assert set(services) == {"database", "migrate", "web", "worker"}
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= services.keys(), name
        assert set(service.get("secrets", [])) <= COMPOSE["secrets"].keys(), name
        assert {volume.split(":")[0] for volume in service["volumes"]} <= COMPOSE["volumes"].keys(), name
        if "build" in service:
            assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
            assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert services["worker"]["deploy"]["replicas"] == 2
    assert all("healthcheck" in services[name] for name in ("database", "worker")) and "HEALTHCHECK" in DOCKERFILE
    assert "sticky" in (DEPLOY / "compose.yaml").read_text(encoding="utf-8")


def test_no_secret_is_written_into_a_file_or_an_environment() -> None:
    for service in COMPOSE["services"].values():
        names = [name for name in service.get("environment", {}) if "PASSWORD" in name or "URL" in name]
        assert all(name.endswith("_FILE") or name == "TRACKER_PUBLIC_URL" for name in names)
    assert not re.search(r"postgresql://[^:/\s]+:[^$@\s]+@", "".join(file.read_text() for file in FILES))


@pytest.mark.parametrize("file", UNITS, ids=lambda file: str(file.name))
def test_a_unit_is_strict_and_does_not_restart_what_is_set_wrongly(file: Path) -> None:
    told = unit(file)

    assert told["RestartPreventExitStatus"] == ["78"]
    assert told["LoadCredential"] == ["keyring:/etc/tracker/keyring.json"]
    strict = {"NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "CapabilityBoundingSet": ""}
    assert {name: told[name][0] for name in strict} == strict
    assert RawConfigParser(strict=False, interpolation=None).read(file)


def test_the_units_pass_systemds_own_check(tmp_path: Path) -> None:
    for file in UNITS:
        text = file.read_text(encoding="utf-8").replace("/opt/tracker/.venv/bin/python", sys.executable)
        (tmp_path / file.name).write_text(text, encoding="utf-8")
    if tool := shutil.which("systemd-analyze"):
        units = [str(tmp_path / file.name) for file in UNITS]
        done = subprocess.run([tool, "verify", *units], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    assert len(UNITS) == 2
