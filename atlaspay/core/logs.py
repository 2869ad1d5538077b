"""JSON log lines: one fact a line, ids as fields, never a name or an account number."""

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

from atlaspay.core import context

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# PostgreSQL's DETAIL and CONTEXT lines show rows as they are: names, what a partner sent.
_ROWS = re.compile(r"^(DETAIL|CONTEXT): .*$", re.MULTILINE)


class JsonFormatter(logging.Formatter):
    """Write a record as one JSON object; `extra=` fields become members."""

    def format(self, record: logging.LogRecord) -> str:
        bound = context.current()
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        for name in ("request_id", "task_id", "actor"):
            if value := getattr(bound, name):
                line[name] = value
        line.update(
            {k: v for k, v in vars(record).items() if k not in _STANDARD and not k.startswith("_")}
        )
        if record.exc_info:
            text = self.formatException(record.exc_info)
            line["exception"] = _ROWS.sub(r"\1: withheld", text)
        return json.dumps(line, default=str, ensure_ascii=False)
