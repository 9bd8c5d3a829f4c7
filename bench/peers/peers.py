"""Compares this project with Python packages that keep the conversations of agents.

    python3 bench/peers/peers.py

Installs requirements.txt into a temporary virtual environment, builds the command and a Rust
program, and writes the results into docs/PEERS.md, which explains them.
"""

import asyncio
import collections
import functools
import json
import os
import pathlib
import platform
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RELEASE = ROOT / "target/release"
REQUIREMENTS = HERE / "requirements.txt"
PAGE = ROOT / "docs/PEERS.md"
MARKS = [f"<!-- {end}: written by bench/peers/peers.py -->" for end in ("begin", "end")]

# The length of each log, and the number of rounds.
ROUNDS = {0: 15, 1_000: 15, 10_000: 7}
APPENDS = 20
MESSAGE_BYTES = 1000


def messages(count):
    """Returns different messages. The JSON text of each has 1,000 bytes."""

    def message(number, text):
        return {"role": "user", "content": f"{number:06} {text}"}

    text = 'Read the file again, then "fix" what the test says; it is line 42.\n' * 15
    while len(json.dumps(message(0, text))) > MESSAGE_BYTES:
        text = text[:-1]
    text += "x" * (MESSAGE_BYTES - len(json.dumps(message(0, text))))
    return [message(number, text) for number in range(count)]


class Log:
    """A handle of a log in a folder. A subclass uses the objects that its package uses."""

    @staticmethod
    def native(message):
        return message

    def fill(self, messages):
        """Appends many messages, not measured."""
        self.append(messages)

    def close(self):
        pass


class JsonLines(Log):
    def __init__(self, folder, sync):
        self.path, self.sync = folder / "log.jsonl", sync
        self.file = open(self.path, "a", encoding="utf-8")

    def append(self, messages):
        for message in messages:
            self.file.write(json.dumps(message) + "\n")
            self.file.flush()
            if self.sync:
                os.fsync(self.file.fileno())

    def read(self):
        with open(self.path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def close(self):
        self.file.close()


def human_message(message):
    from langchain_core.messages import HumanMessage

    return HumanMessage(message["content"])


class LangChain(Log):
    """A chat message history of langchain-community."""

    native = staticmethod(human_message)

    def __init__(self, folder, kind):
        from langchain_community import chat_message_histories as histories

        if kind == "file":
            self.history = histories.FileChatMessageHistory(str(folder / "log.json"))
        elif kind == "sql":
            url = f"sqlite:///{folder}/log.db"
            self.history = histories.SQLChatMessageHistory("session", connection=url)
        else:
            self.history = histories.RedisChatMessageHistory(folder.name, url=kind)

    def fill(self, messages):
        if hasattr(self.history, "file_path"):
            # One call of `add_messages` would write the whole file again for each message.
            from langchain_core.messages import messages_to_dict

            self.history.file_path.write_text(json.dumps(messages_to_dict(messages)))
        else:
            self.history.add_messages(messages)

    def append(self, messages):
        for message in messages:
            self.history.add_message(message)

    def read(self):
        return self.history.messages


class LangGraph(Log):
    """The state of a graph with SqliteSaver. Each append is one checkpoint."""

    native = staticmethod(human_message)
    config = {"configurable": {"thread_id": "1"}}

    def __init__(self, folder):
        from langgraph.checkpoint.sqlite import SqliteSaver
        from langgraph.graph import START, MessagesState, StateGraph

        builder = StateGraph(MessagesState)
        builder.add_node("agent", lambda state: {})
        builder.add_edge(START, "agent")
        self.connection = sqlite3.connect(folder / "log.db", check_same_thread=False)
        self.graph = builder.compile(checkpointer=SqliteSaver(self.connection))

    def fill(self, messages):
        self.graph.update_state(self.config, {"messages": messages}, as_node="agent")

    def append(self, messages):
        for message in messages:
            self.fill([message])

    def read(self):
        return self.graph.get_state(self.config).values["messages"]

    def close(self):
        self.connection.close()


class OpenAiAgents(Log):
    """A session of openai-agents, whose methods are asynchronous."""

    runner = asyncio.Runner()

    def __init__(self, folder, redis=None):
        if redis:
            from agents.extensions.memory import RedisSession

            self.session = RedisSession.from_url(folder.name, url=redis)
        else:
            from agents import SQLiteSession

            self.session = SQLiteSession("session", folder / "log.db")

    def fill(self, messages):
        self.runner.run(self.session.add_items(messages))

    def append(self, messages):
        async def each():
            for message in messages:
                await self.session.add_items([message])

        self.runner.run(each())

    def read(self):
        return self.runner.run(self.session.get_items())

    def close(self):
        closing = self.session.close()
        if closing:
            self.runner.run(closing)


class Served(Log):
    """A store of this project, from Python over `session-store serve`."""

    def __init__(self, folder, url):
        sys.path.append(str(ROOT / "examples/protocol"))
        from client import Store

        self.ids = [str(uuid.uuid5(uuid.NAMESPACE_URL, folder.name))] * 2
        self.store = Store(RELEASE / "session-store", "serve", url.format(folder))

    def fill(self, messages):
        session, segment = self.ids
        entries = [json.dumps(message) for message in messages]
        self.store.call("append_all", session_id=session, segment_id=segment, entries=entries)

    def append(self, messages):
        for message in messages:
            self.store.append(*self.ids, json.dumps(message))

    def read(self):
        return [json.loads(entry) for entry in self.store.read_all(*self.ids)]

    def close(self):
        self.store.close()


def measured(open_log, folder, before, appended):
    """Returns the seconds of one append, and of reading all messages in a new handle."""
    log = open_log(folder)
    [old, new] = [[log.native(message) for message in part] for part in (before, appended)]
    if old:
        log.fill(old[:-1])
        # The handle fills its caches before the measurement, as in a program that runs for long.
        log.append(old[-1:])
    begin = time.perf_counter()
    log.append(new)
    append_time = (time.perf_counter() - begin) / len(new)
    log.close()
    log = open_log(folder)
    begin = time.perf_counter()
    found = log.read()
    read_time = time.perf_counter() - begin
    log.close()
    texts = [item["content"] if isinstance(item, dict) else item.content for item in found]
    assert texts == [message["content"] for message in before + appended]
    return append_time, read_time


class Rust:
    """A child process that measures stores of this project without Python."""

    def __init__(self, texts):
        command = [RELEASE / "examples/direct", texts]
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
        self.process = subprocess.Popen(command, **pipes)

    def measured(self, url, folder, before, appended):
        request = [url.format(folder), len(before), len(appended)]
        print(*request, file=self.process.stdin, flush=True)
        return [float(seconds) for seconds in self.process.stdout.readline().split()]


def peers(redis, rust):
    """Returns the name of each peer, what an appended message survives, and a function."""
    log = functools.partial
    fs, sqlite, power = "fs:{}/store", "sqlite:{}/store.db", "?durability=power"
    logs = [
        ("JSON lines by hand", "process", log(JsonLines, sync=False)),
        ("JSON lines by hand, `fsync`", "power cut", log(JsonLines, sync=True)),
        ("langchain `FileChatMessageHistory`", "process", log(LangChain, kind="file")),
        ("langchain `SQLChatMessageHistory`", "power cut", log(LangChain, kind="sql")),
        ("openai-agents `SQLiteSession`", "power cut", OpenAiAgents),
        ("langgraph `SqliteSaver`", "power cut", LangGraph),
        ("langchain `RedisChatMessageHistory`", "process", log(LangChain, kind=redis)),
        ("openai-agents `RedisSession`", "process", log(OpenAiAgents, redis=redis)),
    ]
    stores = [
        ("files", "process", fs),
        ("files, `Power`", "power cut", fs + power),
        ("SQLite", "process", sqlite),
        ("SQLite, `Power`", "power cut", sqlite + power),
        ("Redis", "process", redis),
    ]
    for name, survives, url in stores:
        logs.append((f"session-store served, {name}", survives, log(Served, url=url)))
    table = [(*names, functools.partial(measured, open_log)) for *names, open_log in logs]
    for name, survives, url in stores:
        measured_by_rust = functools.partial(rust.measured, url)
        table.append((f"session-store in Rust, {name}", survives, measured_by_rust))
    return table


def shown(seconds):
    """Formats the median and the quartiles of times."""
    low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
    scale, unit = (1e3, "ms") if median >= 1e-3 else (1e6, "µs")
    parts = (part * scale for part in (low, median, high))
    low, median, high = (f"{part:.3g}" if part < 999.5 else f"{part:.0f}" for part in parts)
    return f"{median} {unit} ({low} – {high})"


def markdown(title, table, lengths, times):
    yield f"| {title} | survives | {' | '.join(f'{n:,} messages' for n in lengths)} |"
    yield "|---|---|" + "---|" * len(lengths)
    for name, survives, _ in table:
        cells = (shown(times[name, length]) for length in lengths)
        yield f"| {name} | {survives} | {' | '.join(cells)} |"


def measure_all(redis, root):
    """Returns the tables as lines of Markdown."""
    everything = messages(max(ROUNDS) + APPENDS)
    texts = root / "texts.jsonl"
    texts.write_text("".join(json.dumps(message) + "\n" for message in everything))
    table = peers(redis, Rust(texts))
    appends, reads = collections.defaultdict(list), collections.defaultdict(list)
    for length, rounds in ROUNDS.items():
        before, appended = everything[:length], everything[length : length + APPENDS]
        # The first round warms up and is not counted. The first peer changes from round to round.
        for number in range(rounds + 1):
            print(f"{length} messages, round {number} of {rounds}", file=sys.stderr)
            start = number % len(table)
            for name, _, peer in table[start:] + table[:start]:
                # Nothing is deleted before the end. After many deletions, ext4 creates files slowly.
                folder = pathlib.Path(tempfile.mkdtemp(dir=root))
                append, read = peer(folder, before, appended)
                if number > 0:
                    appends[name, length].append(append)
                    reads[name, length].append(read)
    first = markdown("append of 1 KB to a log of", table, list(ROUNDS), appends)
    second = markdown("read of a whole log of", table, list(ROUNDS)[1:], reads)
    return [*first, "", *second]


def start_redis():
    """Starts a server without persistence. Returns its process and its URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        host, port = free.getsockname()
    options = ["--port", str(port), "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection((host, port)).close()
            return server, f"redis://{host}:{port}"
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def described():
    """Returns the date, the machine and the versions as lines of Markdown."""
    lines = REQUIREMENTS.read_text().splitlines()
    return [
        f"Measured on {time.strftime('%Y-%m-%d')} on {os.cpu_count()} cores,",
        f"kernel {platform.release()},",
        f"Python {platform.python_version()} with SQLite {sqlite3.sqlite_version},",
        ",\n".join(line.replace("==", " ") for line in lines if "==" in line) + ".",
    ]


def main():
    if "--measure" not in sys.argv:
        build = ["cargo", "build", "--release", "--package"]
        subprocess.run([*build, "session-store-cli"], cwd=ROOT, check=True)
        subprocess.run([*build, "session-store-bench", "--example", "direct"], cwd=ROOT, check=True)
        with tempfile.TemporaryDirectory() as folder:
            python = f"{folder}/bin/python"
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            install = [python, "-m", "pip", "install", "--quiet", "--requirement", REQUIREMENTS]
            subprocess.run(install, check=True)
            subprocess.run([python, __file__, "--measure"], check=True)
        return
    server, url = start_redis()
    try:
        with tempfile.TemporaryDirectory() as root:
            results = [*described(), "", *measure_all(url, pathlib.Path(root))]
    finally:
        server.terminate()
    before, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    page = [before + MARKS[0], "", *results, "", MARKS[1] + after]
    PAGE.write_text("\n".join(page), encoding="utf-8")


if __name__ == "__main__":
    main()
