"""docs/quickstart.md, typed in as it stands: every command, program and answer, in both languages,
against the platform's own processes.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from standardwebhooks import WebhookVerificationError

from payouts.models import Batch, Payout
from tests.docs.pages import ROOT, read
from tests.docs.quickstart import PAGE, Block, blocks, is_shown, with_programs
from tests.docs.test_verification import BODY, OTHER, SECRET, _headers
from tests.e2e.platform import WORKER, Platform, free_port
from tests.factories import ApiKeyFactory, PartnerFactory
from tests.webhooks import outside
from webhooks.models import Delivery, Endpoint

NODE = shutil.which("node")
PATIENCE_S = 60  # far beyond what it takes, for a machine that is busy


class Reader:
    """Somebody with three terminals who pastes the page."""

    def __init__(self, platform: Platform, directory: Path, key: str, language: str) -> None:
        self.platform, self.directory, self.language = platform, directory, language
        self.port = free_port()
        self.given = {
            "http://127.0.0.1:8000": platform.url,
            "127.0.0.1:8300": f"127.0.0.1:{self.port}",
            "ap_test_…": key,
        }
        (directory / ".atlaspay").mkdir(parents=True)
        (directory / "examples").symlink_to(ROOT / "examples")
        self.variables = directory / "variables"
        self.variables.touch()
        self.said = ""
        self.command = ""

    def text(self, block: Block) -> str:
        """Return a block's text with this reader's addresses and key."""
        text = block.text
        for shown, own in self.given.items():
            text = text.replace(shown, own)
        return text

    def walk(self) -> None:
        """Do the page from the first block to the last."""
        for block in blocks():
            if block.words.get("language", self.language) != self.language:
                continue
            if block.terminal == "platform":
                continue  # running; what it prints is another test's
            if block.language == "sh":
                self.command = self.text(block)
                if block.terminal == "receiver":
                    self.platform.start(
                        f"receiver-{self.language}",
                        *(
                            "/bin/sh",
                            "-c",
                            f"cd {self.directory} && exec {self.command.strip()} {self.port}",
                        ),
                    )
                else:
                    self.said = self.type(self.command)
                    self.may_ask_again = "again" in block.words
            elif block.language == "text":
                self.compare(block)

    def type(self, command: str) -> str:
        """Paste a block into the second terminal and return what it prints."""
        script = f"set -eu\n. {self.variables}\n{command}\nexport -p > {self.variables}\n"
        done = subprocess.run(
            ["sh", "-c", script],
            cwd=self.directory,
            env=self.platform.environment | {"NO_PROXY": "127.0.0.1"},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S * 2,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def compare(self, block: Block) -> None:
        """Hold a block of output against what was printed; wait where the page says so."""
        expected = self.text(block)
        if block.terminal == "receiver":
            self.await_lines(expected)
        elif "pay." in self.command:
            # In the order of the bank's answers; the last line is the batch's.
            *lines, last = self.said.splitlines()
            assert set(expected.splitlines()[:-1]) <= set(lines)
            assert expected.splitlines()[-1] == last
        else:
            until = time.monotonic() + PATIENCE_S
            while not is_shown(expected, self.said):
                assert self.may_ask_again, f"{self.command}\n{self.said}\nis not\n{expected}"
                assert time.monotonic() < until, f"{self.said}\nnever became\n{expected}"
                time.sleep(0.2)
                self.said = self.type(self.command)

    def await_lines(self, expected: str) -> None:
        """Wait until the receiver has printed each line, as often as the page shows it."""
        log = self.platform.directory / f"receiver-{self.language}.log"
        lines = expected.splitlines()

        def is_there() -> bool:
            seen = log.read_text(encoding="utf-8").splitlines()
            return all(seen.count(line) >= lines.count(line) for line in lines)

        self.platform.wait_until(is_there, PATIENCE_S)


@pytest.mark.django_db(transaction=True)
@pytest.mark.e2e
@pytest.mark.slow
def test_every_line_of_the_page_does_what_it_says(tmp_path):
    with Platform(tmp_path, PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}") as platform:
        platform.start_web()
        platform.start_worker(f"{WORKER},webhooks,chores")
        platform.start_beat()
        for language in ("python", "javascript") if NODE else ("python",):
            partner = PartnerFactory(funded={"EUR": 100_000})
            key = ApiKeyFactory(partner=partner).text
            Reader(platform, tmp_path / language, key, language).walk()
            endpoint = Endpoint.objects.get(partner=partner)
            assert endpoint.mode == Endpoint.Mode.LIVE
            assert Batch.objects.filter(partner=partner).count() == 2
            payouts = Payout.objects.filter(partner=partner)
            assert sorted(payouts.values_list("reference", "state")) == [
                ("quickstart-1001", "settled"),
                ("quickstart-1001", "settled"),
                ("quickstart-1002", "failed"),
                ("quickstart-1002", "failed"),
            ]
            assert not Delivery.objects.filter(partner=partner, state="exhausted").exists()
            platform.end(f"receiver-{language}")
    if NODE is None:
        pytest.skip("node is not installed: the JavaScript of docs/quickstart.md was NOT run")


def test_the_programs_on_the_page_are_the_files():
    page = PAGE.read_text(encoding="utf-8")
    assert with_programs(page) == page, "run `python -m tests.docs.quickstart`"
    shown = set(re.findall(r"file=(\S+)", page))
    programs = {
        f"examples/quickstart/{path.name}"
        for path in PAGE.parents[1].glob("examples/quickstart/*.*")
    }
    assert programs - shown == {"examples/quickstart/batch.json"}


def test_the_first_terminal_prints_what_the_page_shows():
    typed, printed = [block for block in blocks() if block.terminal == "platform"]
    assert typed.text.splitlines()[-1] == "make run"
    assert re.search(r"(?m)^run:.*\n\t.*-m atlaspay\.run$", read("Makefile"))
    main = read("atlaspay/run/__main__.py")
    for line in printed.text.splitlines():
        start = re.match(r"\s*\S+ \w+ +", line)
        assert start
        assert f'f"{start[0]}' in main


@pytest.mark.parametrize("name", ["is_genuine", "isGenuine"])
def test_the_receivers_verify_with_the_code_of_the_guide(name):
    file = {"is_genuine": "receive.py", "isGenuine": "receive.mjs"}[name]
    pattern = rf"(?ms)^(?:def|export function) {name}\(.*?(?:^}}|^    return False)$"
    (ours,) = re.findall(pattern, read(f"examples/quickstart/{file}"))
    (guides,) = re.findall(pattern, read("docs/webhooks.md"))
    assert ours == guides


CASES = {
    "genuine": (lambda now: _headers(now, SECRET), True),
    "while a secret rotates": (lambda now: _headers(now, OTHER, SECRET), True),
    "forged": (lambda now: _headers(now, OTHER), False),
    "altered": (lambda now: _headers(now, SECRET, body=BODY + b" "), False),
    "stale": (lambda now: _headers(now - 1_200, SECRET), False),
}


def _library(language: str) -> str:
    (source,) = [b.text for b in blocks() if b.language == language and "library" in b.words]
    return source


def test_the_library_snippet_in_python_tells_true_from_forged():
    space: dict = {}
    exec(compile(_library("python"), PAGE, "exec"), space)  # noqa: S102 - our own page
    for name, (headers, is_good) in CASES.items():
        try:
            said = space["verified"](SECRET, headers(int(time.time())), BODY) == json.loads(BODY)
        except WebhookVerificationError:
            said = False
        assert said is is_good, name


def test_the_library_snippet_in_javascript_tells_true_from_forged(tmp_path):
    modules = outside.JUDGES / "node_modules"
    if NODE is None or not (modules / "standardwebhooks").is_dir():
        outside.missing("npm's standardwebhooks")
    (tmp_path / "node_modules").symlink_to(modules.resolve())
    cases = [headers(int(time.time())) for headers, _ in CASES.values()]
    program = tmp_path / "library.mjs"
    program.write_text(
        _library("js")
        + f"const body = Buffer.from({json.dumps(BODY.decode())});\n"
        + f"for (const headers of {json.dumps(cases)}) {{\n"
        + f"  try {{ console.log(verified({json.dumps(SECRET)}, headers, body).name); }}\n"
        + "  catch (error) { console.log(error.constructor.name); }\n}\n",
        encoding="utf-8",
    )
    done = subprocess.run([NODE, program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    wanted = ["Zoë" if good else "WebhookVerificationError" for _, good in CASES.values()]
    assert done.stdout.splitlines() == wanted
