"""The report's shape: one JSON object as the last line, units in names, null with its reason."""

import json

from bench import report
from bench.client import Post
from bench.drive import Run


def a_run(**changes):
    posts = [Post(100.0, 0.1, 202, ""), Post(100.2, 0.3, 202, "")]
    run = Run(payouts=200, posts=posts, wall_s=0.5, payouts_wall_s=0.4, intake_s=0.5)
    run.settle_s, run.notify_s = [0.1, 0.2, 0.3, 0.4], [0.01, 0.02]
    run.cpu_s = {"web": 0.06, "postgres": 0.1}
    for name, value in changes.items():
        setattr(run, name, value)
    return run


def test_a_run_is_told_in_figures_with_units():
    figures = a_run().figures()
    assert figures["payouts_per_s"] == 400.0
    assert figures["first_post_to_last_webhook_s"] == 0.5
    assert figures["api"] == {
        "average_ms": 200.0,
        "p50_ms": 100.0,
        "p95_ms": 300.0,
        "p99_ms": 300.0,
        "max_ms": 300.0,
    }
    assert figures["submitted_to_settled"] == {
        "p50_s": 0.2,
        "p95_s": 0.4,
        "p99_s": 0.4,
        "max_s": 0.4,
    }
    assert figures["cpu_s_total"] == 0.16
    assert figures["why_null"] is None


def test_a_wrong_result_has_no_rate_but_a_reason():
    figures = a_run(faults=["2 webhooks are missing", "the ledger is off"]).figures()
    assert figures["payouts_per_s"] is None
    assert figures["why_null"] == "2 webhooks are missing; the ledger is off"


def test_nothing_measured_is_null_and_no_error():
    figures = a_run(posts=[], settle_s=[], notify_s=[], wall_s=0.0).figures()
    assert figures["payouts_per_s"] is None
    assert figures["api"]["average_ms"] is None
    assert figures["settled_to_received"]["p99_s"] is None


def test_the_last_line_is_the_whole_report(capsys):
    found = {"machine": report.machine(), "throughput": {"runs": [a_run().figures()]}}
    report.show(found)
    report.finish(found)
    out, err = capsys.readouterr()
    assert json.loads(out.splitlines()[-1]) == found
    assert out.count("\n") == 1
    assert "figure" in err
