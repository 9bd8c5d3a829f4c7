"""A store in Python, standard library only: a folder of logs, served over the line protocol.

    session-store qualify --command 'python3 store.py'

It has the base level of the contract. It also declares that its data is persistent, and that
several processes can use it. docs/PROTOCOL.md describes the protocol.
"""

import contextlib
import fcntl
import json
import os
import re
import sys

CALLS = """append read_all list_sessions list_segments lookup_session_of create_segment exists
    read_entry_count append_trace truncate""".split()
ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Failed(Exception):
    """An error with a kind of the protocol."""

    def __init__(self, kind, message, **details):
        super().__init__(message)
        self.error = {"kind": kind, "message": message, **details}


def read(path):
    """Returns the lines of a file. A last line without a newline was cut off by a crash."""
    with open(path, encoding="utf-8", newline="\n") as file:
        return file.read().split("\n")[:-1]


def add(path, entry):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "ab", buffering=0) as file:
        whole = sum(len(line.encode()) + 1 for line in read(path))
        file.truncate(whole)
        line = entry.encode() + b"\n"
        try:
            while line:
                line = line[file.write(line) :]
        except OSError:
            file.truncate(whole)
            raise


def replace(path, entries):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8", newline="\n") as file:
        file.writelines(entry + "\n" for entry in entries)
    os.replace(path + ".new", path)


def ids(folder, end):
    """Returns the ids in the names of files, in descending order."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        names = sorted(os.listdir(folder), reverse=True)
        stems = [name.removesuffix(end) for name in names if name.endswith(end)]
        return [stem for stem in stems if ID.fullmatch(stem)]
    return []


class Store:
    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def log(self, session_id, segment_id):
        try:
            return read(self.path(session_id, segment_id + ".jsonl"))
        except FileNotFoundError:
            message = f"segment not found: {segment_id}"
            raise Failed("not_found", message, segment_id=segment_id) from None

    def append(self, session_id, segment_id, entry):
        self.note_owner(session_id, segment_id)
        add(self.path(session_id, segment_id + ".jsonl"), entry)

    def append_trace(self, session_id, segment_id, entry):
        add(self.path(session_id, segment_id + ".trace"), entry)

    def create_segment(self, session_id, segment_id, entries):
        self.note_owner(session_id, segment_id)
        replace(self.path(session_id, segment_id + ".jsonl"), entries)

    def read_all(self, session_id, segment_id):
        lines = self.log(session_id, segment_id)
        for number, line in enumerate(lines, 1):
            if not (line.startswith("{") and line.endswith("}")):
                raise Failed("corrupt", f"line {number} of {segment_id}: no object", line=number)
        return lines

    def truncate(self, session_id, segment_id, entries_len):
        lines = self.log(session_id, segment_id)
        if entries_len > len(lines):
            message = f"cannot truncate to {entries_len} entries; only {len(lines)} are stored"
            raise Failed("corrupt", message, line=entries_len)
        replace(self.path(session_id, segment_id + ".jsonl"), lines[:entries_len])

    def read_entry_count(self, session_id, segment_id):
        return len(self.log(session_id, segment_id))

    def exists(self, session_id, segment_id):
        return os.path.exists(self.path(session_id, segment_id + ".jsonl"))

    def list_sessions(self):
        return [session for session in ids(self.folder, "") if self.list_segments(session)]

    def list_segments(self, session_id):
        return ids(self.path(session_id), ".jsonl")

    def note_owner(self, session_id, segment_id):
        if self.lookup_session_of(segment_id) is None:
            replace(self.path(".owners", segment_id), [session_id])

    def lookup_session_of(self, segment_id):
        """The first session that has the segment stays its owner."""
        with contextlib.suppress(FileNotFoundError):
            session_id = read(self.path(".owners", segment_id))[0]
            return session_id if self.exists(session_id, segment_id) else None
        return None


def write(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def answer(store, call, fields):
    if call not in CALLS:
        raise Failed("invalid", f"there is no call {call}")
    # One lock for the whole folder, so that each call happens at one moment.
    with open(store.path(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return getattr(store, call)(**fields)


def main():
    store = None
    write({"session_store": 1})
    for line in sys.stdin:
        fields = json.loads(line)
        number, call = fields.pop("id"), fields.pop("call")
        if fields.pop("report_start", False):
            write({"id": number, "started": True})
        try:
            if call == "open":
                store = Store(fields["address"])
                result = {"calls": CALLS, "capabilities": ["persistent", "multi_process"]}
            else:
                result = answer(store, call, fields)
            write({"id": number, "ok": result})
        except Failed as failed:
            write({"id": number, "error": failed.error})
        except OSError as error:
            write({"id": number, "error": {"kind": "failed", "message": str(error)}})


if __name__ == "__main__":
    main()
