"""The house's laws, checked on the syntax tree of every file. A law is a row of LAWS.

Each row brings a made-up offender, which a second test lets the law catch: a law that finds nothing proves nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[1]
PRODUCT = ("app", "pages", "tracker", "jobs")
EVERYTHING = (*PRODUCT, "tests", "bench", "deploy", "dev")
LONGEST_FILE = 350
LONGEST_FUNCTION = 45

Finding = tuple[int, str]


@dataclass(frozen=True)
class Source:
    """One file: `path` below the checkout, with forward slashes."""

    path: str
    text: str

    def lies_in(self, areas: tuple[str, ...]) -> bool:
        """An area is a folder or a module, named without its ending."""
        return any(self.path == f"{area}.py" or self.path.startswith(f"{area}/") for area in areas)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @cached_property
    def imports(self) -> list[Finding]:
        """Every name imported, in full: `from tracker import db` gives tracker.db."""
        return [
            (node.lineno, name) for node in self.nodes if isinstance(node, ast.stmt) for name in self._names(node)
        ] + [
            (node.lineno, node.args[0].value)
            for node in self.nodes
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {"import_module", "__import__"}
            if node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
        ]

    def _names(self, node: ast.stmt) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = ".".join(Path(self.path).parts[: -node.level]) if node.level else ""
            module = ".".join(filter(None, [package, node.module]))
            yield from (f"{module}.{alias.name}" for alias in node.names)


Finder = Callable[[Source], Iterator[Finding]]


def within(name: str, modules: tuple[str, ...]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def importing(*modules: str, but: tuple[str, ...] = ()) -> Finder:
    """Imports of these modules or of anything in them, except `but`."""

    def find(source: Source) -> Iterator[Finding]:
        for line, name in source.imports:
            if within(name, modules) and not within(name, but):
                yield line, f"imports {name}"

    return find


def mentioning(*names: str) -> Finder:
    """Uses of `module.name` (by its last two parts), called or handed on, and imports of it by name."""

    def find(source: Source) -> Iterator[Finding]:
        for node in source.nodes:
            if isinstance(node, ast.Attribute) and ".".join(ast.unparse(node).split(".")[-2:]) in names:
                yield node.lineno, ast.unparse(node)
        yield from importing(*names)(source)

    return find


def calling(*names: str) -> Finder:
    """Calls of a function or method by its bare name."""

    def find(source: Source) -> Iterator[Finding]:
        for node in source.nodes:
            if isinstance(node, ast.Call) and ast.unparse(node.func) in names:
                yield node.lineno, f"calls {ast.unparse(node.func)}()"

    return find


def forbidden_readers(source: Source) -> Iterator[Finding]:
    yield from importing("pickle", "marshal", "shelve", "yaml", "xml", "lxml", "memcache", "ldap", "jinja2")(source)
    yield from calling("eval", "exec", "os.system", "os.popen", "compile")(source)
    yield from mentioning("hashlib.md5", "hashlib.new", "uuid.uuid1")(source)


def unverified_connections(source: Source) -> Iterator[Finding]:
    for node in source.nodes:
        if isinstance(node, ast.keyword) and node.arg == "verify" and ast.unparse(node.value) == "False":
            yield node.value.lineno, "verify=False"
    yield from mentioning("ssl.CERT_NONE", "ssl._create_unverified_context")(source)


def silence(source: Source) -> Iterator[Finding]:
    for node in source.nodes:
        if isinstance(node, ast.ExceptHandler):
            if node.type is None:
                yield node.lineno, "except without a type"
            if all(isinstance(step, ast.Pass) or ast.unparse(step) == "..." for step in node.body):
                yield node.lineno, "except with nothing but pass (contextlib.suppress says it in words)"


def drawing_at_import(source: Source) -> Iterator[Finding]:
    for statement in source.tree.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith(("st.", "streamlit.")):
                yield node.lineno, f"calls {ast.unparse(node.func)}() when imported"


def long_files(source: Source) -> Iterator[Finding]:
    if (count := len(source.text.splitlines())) > LONGEST_FILE:
        yield count, f"{count} lines; {LONGEST_FILE} at most"


def long_functions(source: Source) -> Iterator[Finding]:
    for node in source.nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            count = (node.end_lineno or node.lineno) - node.lineno + 1
            if count > LONGEST_FUNCTION:
                yield node.lineno, f"{node.name} has {count} lines; {LONGEST_FUNCTION} at most"


@dataclass(frozen=True)
class Law:
    """Nothing `finds` may lie in the areas `over`, except in `but`. `offender` is a path and a text it must catch."""

    over: tuple[str, ...]
    finds: Finder
    offender: tuple[str, str]
    but: tuple[str, ...] = ()

    def findings(self, source: Source) -> list[str]:
        if not source.lies_in(self.over) or source.lies_in(self.but):
            return []
        return [f"{source.path}:{line}: {what}" for line, what in self.finds(source)]


DRIVERS = ("sqlmodel", "sqlalchemy", "sqlite3", "psycopg", "alembic")
STORAGE = ("db", "models", "tenancy", "pricing", "ingest", "rollup", "series", "ledger", "coverage", "queries")
ACCOUNTS = ("access", "connections", "vault", "keyring")
WALL_CLOCKS = (
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "Timestamp.now", "Timestamp.today"),
    *("time.time", "time.time_ns", "func.now", "func.current_timestamp"),
)
RAW_SQL = (
    *("sqlalchemy.text", "sqlalchemy.create_engine", "sqlalchemy.literal_column", "sqlalchemy.sql.text"),
    *("sqlmodel.text", "sqlmodel.create_engine", "sa.text", "sa.create_engine", "connection.exec_driver_sql"),
)
MIGRATION_STEPS = "tracker/migrations/versions"

LAWS: dict[str, Law] = {
    "tracker imports neither streamlit nor pages nor jobs": Law(
        ("tracker",),
        importing("streamlit", "pages", "jobs", "app"),
        ("tracker/queries.py", "from pages.ui import text"),
    ),
    "jobs import neither streamlit nor pages": Law(
        ("jobs",), importing("streamlit", "pages", "app"), ("jobs/loop.py", "def f():\n    import streamlit as st")
    ),
    "pages import neither jobs nor a database": Law(
        ("pages",), importing(*DRIVERS, "jobs", "app"), ("pages/dashboard.py", "from sqlmodel import Session")
    ),
    "pages write no SQL": Law(
        ("pages",), calling("select", "text", "sa.select", "sa.text"), ("pages/settings.py", "rows = run(select(User))")
    ),
    "pages draw nothing when imported": Law(
        ("pages",), drawing_at_import, ("pages/settings.py", "if True:\n    st.title('x')"), but=("pages/main",)
    ),
    "providers know nothing of storage, prices and accounts": Law(
        ("tracker/providers",),
        importing(*DRIVERS, *(f"tracker.{name}" for name in (*STORAGE, *ACCOUNTS))),
        ("tracker/providers/openai.py", "from .. import pricing"),
    ),
    "the sandbox shares no code with what it proves": Law(
        ("tracker/sandbox",),
        importing("tracker", "genai_prices", but=("tracker.clock", "tracker.sandbox")),
        ("tracker/sandbox/bill.py", "from tracker.pricing import price"),
    ),
    "only the clock reads the wall clock": Law(
        PRODUCT,
        mentioning(*WALL_CLOCKS),
        ("tracker/ledger.py", "made = field(default_factory=datetime.datetime.now)"),
        but=("tracker/clock",),
    ),
    "SQL in text and engines are made in db and migrations only": Law(
        PRODUCT,
        mentioning(*RAW_SQL),
        ("tracker/queries.py", "from sqlalchemy import select, text"),
        but=("tracker/db", "tracker/migrations"),
    ),
    "no connection goes unverified": Law(
        EVERYTHING, unverified_connections, ("tracker/providers/http.py", "httpx.Client(verify=False)")
    ),
    "no error is passed over in silence": Law(
        EVERYTHING, silence, ("jobs/tasks.py", "try:\n    f()\nexcept ValueError:\n    pass")
    ),
    "only the vault encrypts": Law(
        PRODUCT,
        importing(
            "cryptography", but=("cryptography.hazmat.primitives.twofactor", "cryptography.hazmat.primitives.hashes")
        ),
        ("tracker/access.py", "from cryptography.hazmat.primitives.ciphers.aead import AESGCM"),
        but=("tracker/vault",),
    ),
    "no shell is run, no text evaluated, no foreign object or markup unpacked": Law(
        PRODUCT,
        forbidden_readers,
        ("tracker/export.py", "import pickle\nimport os\nos.system('x')\neval('1')"),
        but=(),
    ),
    "chance that must not be guessed comes from secrets": Law(
        PRODUCT, importing("random"), ("tracker/access.py", "import random"), but=("tracker/sandbox", "jobs")
    ),
    "files stay short": Law(EVERYTHING, long_files, ("tracker/db.py", "x = 1\n" * 351), but=(MIGRATION_STEPS,)),
    "functions stay short": Law(
        EVERYTHING, long_functions, ("dev.py", "def f():\n" + "    x = 1\n" * 45), but=(MIGRATION_STEPS,)
    ),
}


@pytest.fixture(scope="session")
def house() -> list[Source]:
    files = [path for area in EVERYTHING for path in (HOME / f"{area}.py", *sorted((HOME / area).rglob("*.py")))]
    return [Source(path.relative_to(HOME).as_posix(), path.read_text()) for path in files if path.exists()]


@pytest.mark.parametrize("sentence", LAWS)
def test_the_house_keeps_its_law(sentence: str, house: list[Source]) -> None:
    broken = [finding for source in house for finding in LAWS[sentence].findings(source)]

    assert not broken, f"{sentence}, but:\n" + "\n".join(broken)


@pytest.mark.parametrize("sentence", LAWS)
def test_a_made_up_offender_is_caught(sentence: str) -> None:
    path, text = LAWS[sentence].offender

    assert LAWS[sentence].findings(Source(path, text))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import a.b as c", ["a.b"]),
        ("from a import b, c", ["a.b", "a.c"]),
        ("from . import db", ["tracker.providers.db"]),
        ("from ..db import open_database", ["tracker.db.open_database"]),
        ("importlib.import_module('jobs.loop')", ["jobs.loop"]),
        ("if TYPE_CHECKING:\n    import jobs", ["jobs"]),
        ("'import a'", []),
    ],
)
def test_every_way_to_import_is_seen(text: str, names: list[str]) -> None:
    assert [name for _, name in Source("tracker/providers/made_up.py", text).imports] == names


@pytest.mark.parametrize("path", ["pages/dashboard.py", "tracker/sandbox/world.py", "tracker/providers/openai.py"])
def test_innocent_code_is_left_alone(path: str) -> None:
    innocent = (
        "from tracker import clock\nnow = clock.utc_now()\n"
        "def render(ctx):\n    st.text('hello')\n    with suppress(OSError):\n        ctx.now()\n"
    )

    assert [law.findings(Source(path, innocent)) for law in LAWS.values()] == [[]] * len(LAWS)
