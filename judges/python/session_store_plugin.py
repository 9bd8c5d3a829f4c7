"""A plugin of pytest: a store over the line protocol in the place of `InMemorySessionStore`."""

import itertools
import json
import os
import time
import uuid
import weakref

import claude_agent_sdk
import client
from claude_agent_sdk._internal import session_store
from claude_agent_sdk._internal.session_summary import fold_session_summary

BUG = os.environ.get("SESSION_STORE_PLANTED_BUG")


class Pipe(client.Store):
    """A client that can have a planted bug."""

    def __init__(self):
        url = os.environ["SESSION_STORE_URL"].replace("{}", f"s{uuid.uuid4().hex}")
        super().__init__(os.environ["SESSION_STORE_COMMAND"], "serve", url)
        self.first_reads = {}

    def call(self, call, **fields):
        if BUG == "short_batch" and call == "append_all" and len(fields["entries"]) > 2:
            fields["entries"] = fields["entries"][:-1]
        if BUG == "kept_session" and call == "delete_session":
            return True
        if BUG == "old_reads" and call == "read_all":
            key = fields["segment_id"]
            if key not in self.first_reads:
                self.first_reads[key] = super().call(call, **fields)
            return self.first_reads[key]
        return super().call(call, **fields)


def session_of(key):
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{key['project_key']}/{key['session_id']}"))


def ids_of(key):
    session = session_of(key)
    segment = uuid.uuid5(uuid.UUID(session), key.get("subpath") or "")
    return {"session_id": session, "segment_id": str(segment)}


class Log:
    """A segment. Before the entries of each call of `append`, a mark has the key and the time."""

    def __init__(self, texts):
        values = [json.loads(text) for text in texts]
        self.batches = []
        for value in values:
            if "batch" in value:
                self.batches.append((value["batch"], []))
            else:
                self.batches[-1][1].append(value)
        self.key = self.batches[0][0]["key"]
        self.mtime = self.batches[-1][0]["mtime"]
        self.order = self.batches[0][0]["mtime"]

    def entries(self):
        return [entry for _, entries in self.batches for entry in entries]

    def summary(self):
        summary = None
        for mark, entries in self.batches:
            summary = fold_session_summary(summary, mark["key"], entries)
            summary["mtime"] = mark["mtime"]
        return summary


class PipeSessionStore(claude_agent_sdk.SessionStore):
    """A store of the SDK. Each instance has a server and an empty storage of its own."""

    def __init__(self):
        self._pipe = Pipe()
        self._close = weakref.finalize(self, self._pipe.close)
        self._last_mtime = 0
        # Times that a test sets.
        self._mtimes = {}

    def _log(self, ids):
        try:
            return Log(self._pipe.call("read_all", **ids))
        except client.StoreError as error:
            if error.kind != "not_found":
                raise
            return None

    def _logs(self, session=None):
        """Returns the logs of a session, or all logs, in the order of their creation."""
        sessions = [session] if session else self._pipe.call("list_sessions")
        segments = (
            {"session_id": session, "segment_id": segment}
            for session in sessions
            for segment in self._pipe.call("list_segments", session_id=session)
        )
        return sorted((self._log(ids) for ids in segments), key=lambda log: log.order)

    def _main_logs(self, project):
        logs = (log for log in self._logs() if not log.key.get("subpath"))
        return [log for log in logs if project in (None, log.key["project_key"])]

    def _next_mtime(self):
        self._last_mtime = max(int(time.time() * 1000), self._last_mtime + 1)
        return self._last_mtime

    async def append(self, key, entries):
        mark = {"batch": {"key": key, "mtime": self._next_mtime()}}
        texts = [json.dumps(value) for value in itertools.chain([mark], entries)]
        self._pipe.call("append_all", entries=texts, **ids_of(key))

    async def load(self, key):
        log = self._log(ids_of(key))
        return log and log.entries()

    async def list_sessions(self, project_key):
        def listed(log):
            name = session_store._key_to_string(log.key)
            mtime = self._mtimes.get(name, log.mtime)
            return {"session_id": log.key["session_id"], "mtime": mtime}

        return [listed(log) for log in self._main_logs(project_key)]

    async def list_session_summaries(self, project_key):
        return [log.summary() for log in self._main_logs(project_key)]

    async def delete(self, key):
        if key.get("subpath") is None:
            self._pipe.call("delete_session", session_id=session_of(key))
        else:
            self._pipe.call("delete_segment", **ids_of(key))

    async def list_subkeys(self, key):
        logs = self._logs(session_of(key))
        return [log.key["subpath"] for log in logs if log.key.get("subpath")]

    def get_entries(self, key):
        log = self._log(ids_of(key))
        return log.entries() if log else []

    @property
    def size(self):
        return len(self._main_logs(None))

    def clear(self):
        for session in self._pipe.call("list_sessions"):
            self._pipe.call("delete_session", session_id=session)


claude_agent_sdk.InMemorySessionStore = PipeSessionStore
session_store.InMemorySessionStore = PipeSessionStore
