"""Letting the servers' own account pass through root's directories to its files, and no further.

Only used when we are root. PostgreSQL must reach its programs and its data; a checkout under /root
or in a directory of mktemp is closed to everybody. One access-control entry (pass through, for
that account alone) opens the way; where the file system knows none, others get the right to pass
through, never to list.
"""

import errno
import os
import stat
import struct
from pathlib import Path

ACL = "system.posix_acl_access"
VERSION = 2
USER_OBJ, USER, GROUP_OBJ, MASK, OTHER = 0x01, 0x02, 0x04, 0x10, 0x20  # acl(5), linux/posix_acl.h
NO_ID = 0xFFFFFFFF
Entry = tuple[int, int, int]  # tag, permission bits, id


def open_way(path: Path, uid: int) -> list[str]:
    """Let `uid` pass through all directories above `path`; return notes on what others gained."""
    notes = []
    for directory in reversed(path.resolve().parents):
        mode = directory.stat().st_mode
        if mode & stat.S_IXOTH or (directory.stat().st_uid == uid and mode & stat.S_IXUSR):
            continue
        if _add_entry(directory, uid):
            continue
        directory.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
        notes.append(
            f"{directory} may now be passed through, not listed, by all users: PostgreSQL needs it"
        )
    return notes


def make_readable(tree: Path) -> None:
    """Let everybody read and run an installed package's files, which a strict umask closes."""
    for path in [tree, *tree.rglob("*")]:
        if path.is_symlink():
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        wanted = mode | stat.S_IRGRP | stat.S_IROTH
        if mode & stat.S_IXUSR:
            wanted |= stat.S_IXGRP | stat.S_IXOTH
        if wanted != mode:
            path.chmod(wanted)


def _add_entry(directory: Path, uid: int) -> bool:
    """Add `user:uid:--x`; False where the file system keeps no such lists."""
    try:
        entries = _read(directory)
        kept = [
            entry
            for entry in entries
            if not (entry[0] == USER and entry[2] == uid) and entry[0] != MASK
        ]
        group_class = 0
        for tag, bits, _ in entries:
            group_class |= bits if tag in {USER, GROUP_OBJ} else 0
        mask = next((bits for tag, bits, _ in entries if tag == MASK), group_class)
        # A wider mask must not wake rights that a narrower one kept asleep.
        kept = [
            (tag, bits & mask if tag in {USER, GROUP_OBJ} else bits, who) for tag, bits, who in kept
        ]
        kept += [(USER, 1, uid), (MASK, mask | 1, NO_ID)]
        packed = struct.pack("<I", VERSION)
        packed += b"".join(
            struct.pack("<HHI", *entry)
            for entry in sorted(kept, key=lambda entry: (entry[0], entry[2]))
        )
        os.setxattr(directory, ACL, packed)
    except (OSError, AttributeError):  # no such attribute calls outside Linux
        return False
    return True


def _read(directory: Path) -> list[Entry]:
    try:
        raw = os.getxattr(directory, ACL)
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise
        mode = directory.stat().st_mode
        return [
            (USER_OBJ, mode >> 6 & 7, NO_ID),
            (GROUP_OBJ, mode >> 3 & 7, NO_ID),
            (OTHER, mode & 7, NO_ID),
        ]
    return [struct.unpack_from("<HHI", raw, at) for at in range(4, len(raw), 8)]
