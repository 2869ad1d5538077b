"""Every variable the code reads is in the README's table, and no other."""

import re
import subprocess

from honcho.environ import parse as parse_env

from tests.docs.pages import ROOT, read, section, sources

PRODUCT = ("atlaspay", "partners", "ledger", "webhooks", "payouts", "compliance", "portal")
# Set by Python's and the tests' own machinery, or passed through as they are.
NOT_OURS = {"DJANGO_SETTINGS_MODULE", "PATH", "PYTEST_XDIST_WORKER", "ATLASPAY_TEST_REDIS_IS_OURS"}
READERS = (
    r"env\.(?:text|flag|integer|words)\(\s*[\"']([A-Z_]+)[\"']",
    r"_secret\(\s*\"([A-Z_]+)\"",
    r"environ(?:\.get)?[\[(]\s*\"([A-Z_]+)\"",
    r"^\w*VARIABLE\w* = \"([A-Z_]+)\"",
)


def _read_by_code() -> set[str]:
    found = set()
    for path in sources(*PRODUCT):
        text = path.read_text(encoding="utf-8")
        for pattern in READERS:
            found |= set(re.findall(pattern, text, re.MULTILINE))
    found |= set(re.findall(r"\$\{([A-Z_]+):-", read("Procfile") + read(".ci/venv")))
    return found - NOT_OURS


def _in_table() -> list[str]:
    return re.findall(r"(?m)^\| `([A-Z_]+)` \|", section(read("README.md"), "Configuration"))


def test_the_table_has_every_variable_the_code_reads_and_no_other():
    assert len(_read_by_code()) > 40
    assert set(_in_table()) == _read_by_code() | {"PYTHON"}


def test_no_variable_stands_in_the_table_twice():
    assert len(_in_table()) == len(set(_in_table()))


def test_the_example_file_names_only_variables_of_the_table():
    named = set(re.findall(r"^#?([A-Z_]+)=", read(".env.example"), re.MULTILINE))
    assert named
    assert named <= set(_in_table())


def test_the_example_file_names_all_that_production_asks_for():
    settings = (ROOT / "atlaspay" / "settings.py").read_text(encoding="utf-8")
    required = set(re.findall(r"_secret\(\s*\"([A-Z_]+)\"", settings))
    required |= {"DATABASE_URL", "REDIS_URL", "ALLOWED_HOSTS", "ATLASPAY_ENV"}
    assert required <= set(re.findall(r"^([A-Z_]+)=", read(".env.example"), re.MULTILINE))


def test_numbers_of_the_table_are_the_codes_defaults():
    settings = (ROOT / "atlaspay" / "settings.py").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| `([A-Z_]+)` \| (\d+) \|", read("README.md"), re.MULTILINE))
    defaults = {
        name: str(eval(text, {}))  # noqa: S307 - arithmetic of our own settings
        for name, text in re.findall(r"env\.integer\([\"']([A-Z_]+)[\"'], ([\d_* ]+)", settings)
    }
    shared = table.keys() & defaults.keys()
    assert len(shared) > 12
    assert {name: table[name] for name in shared} == {name: defaults[name] for name in shared}


def test_shell_and_honcho_read_the_example_file_alike(tmp_path):
    text = re.sub(r"^#([A-Z_]+=)", r"\1", read(".env.example"), flags=re.MULTILINE)
    filled = text.replace("SECRET_KEY=\n", "SECRET_KEY=s3cret/+=-_\n")
    file = tmp_path / ".env"
    file.write_text(filled, encoding="utf-8")
    done = subprocess.run(
        ["env", "-i", "sh", "-c", f"set -a; . {file}; env -0"],
        capture_output=True,
        text=True,
        check=True,
    )
    by_shell = dict(pair.split("=", 1) for pair in done.stdout.split("\0") if pair)
    by_honcho = parse_env(filled)
    assert by_honcho["DEFAULT_FROM_EMAIL"] == "AtlasPay <payouts@example.com>"
    assert {name: by_shell[name] for name in by_honcho} == by_honcho


def test_what_pages_start_in_production_is_the_whole_procfile():
    processes = set(re.findall(r"^(\w+):", read("Procfile"), re.MULTILINE))
    for page in ("README.md", ".env.example"):
        (named,) = set(re.findall(r"honcho start (web [a-z ]*[a-z])", read(page)))
        assert set(named.split()) == processes - {"release", "bank"}
    listed = section(read("docs/architecture.md"), "Processes")
    assert set(re.findall(r"^\| `(\w+)` \|", listed, re.MULTILINE)) == processes
