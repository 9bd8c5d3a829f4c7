"""A client of the line protocol: a store of session logs from Python, standard library only.

    python3 client.py session-store serve fs:logs

docs/PROTOCOL.md describes the protocol.
"""

import contextlib
import itertools
import json
import subprocess
import sys
import threading
import uuid


class StoreError(Exception):
    """An error of the store. `kind` is a kind of the protocol, such as "not_found"."""

    def __init__(self, error):
        super().__init__(error["message"])
        self.kind = error["kind"]
        self.details = error


class Store:
    """A store that a child process serves. Several threads can call it at once."""

    def __init__(self, *command):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        greeting = json.loads(next(self._messages()))
        if greeting["session_store"] != 1:
            raise RuntimeError("the server speaks another version of the protocol")
        self.capabilities = greeting["store"]["capabilities"]
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        # Not the same lock: the reader must go on while a writer waits for a full pipe.
        self._writing = threading.Lock()
        self._waiting = {}
        self._ended = False
        threading.Thread(target=self._read, daemon=True).start()

    def _messages(self):
        for line in self.process.stdout:
            if line.startswith("{") and line.endswith("\n"):
                yield line

    def _read(self):
        """Gives each reply to the call that waits for it."""
        for line in self._messages():
            reply = json.loads(line)
            with self._lock:
                waiting = self._waiting.pop(reply["id"], None)
            if waiting:
                waiting["reply"] = reply
                waiting["done"].set()
        with self._lock:
            self._ended = True
            for waiting in self._waiting.values():
                waiting["done"].set()

    def call(self, call, **fields):
        """Makes a call and returns its result."""
        waiting = {"done": threading.Event(), "reply": None}
        with self._lock:
            request = {"id": next(self._ids), "call": call, **fields}
            self._waiting[request["id"]] = waiting
            if self._ended:
                waiting["done"].set()
        with self._writing, contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        waiting["done"].wait()
        if waiting["reply"] is None:
            raise StoreError({"kind": "indeterminate", "message": "the server has ended"})
        if "error" in waiting["reply"]:
            raise StoreError(waiting["reply"]["error"])
        return waiting["reply"].get("ok")

    def append(self, session_id, segment_id, entry):
        """Appends an entry, which is the text of a JSON object."""
        self.call("append", session_id=session_id, segment_id=segment_id, entry=entry)

    def read_all(self, session_id, segment_id):
        """Returns the texts of all entries."""
        return self.call("read_all", session_id=session_id, segment_id=segment_id)

    def close(self):
        """Ends the server after its last reply."""
        self.process.stdin.close()
        return self.process.wait()


def main(command):
    store = Store(*command)
    session, segment = str(uuid.uuid4()), str(uuid.uuid4())
    store.append(session, segment, json.dumps({"kind": "user_input", "text": "hi"}))

    # Four threads append at once.
    def append(number):
        store.append(session, segment, json.dumps({"kind": "step", "n": number}))

    threads = [threading.Thread(target=append, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for entry in store.read_all(session, segment):
        print(entry)
    try:
        store.read_all(session, str(uuid.uuid4()))
    except StoreError as error:
        print(error.kind)
    sys.exit(store.close())


if __name__ == "__main__":
    main(sys.argv[1:])
