//! A small agent runtime on session-store: a scripted model, two tools, no network. It runs, is killed in the
//! middle of a tool call, resumes, is joined by a second writer, forks, compacts, and prints its tree.
//!
//! ```text
//! cargo run -p session-store-agent --example agent_loop sqlite:agent.db
//! cargo run -p session-store-agent --example agent_loop fs:agent-logs
//! ```

#[cfg(test)]
mod tests;

use std::env;
use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use session_store::{Capability, PodName, Store, StoreError};
use session_store_agent::{
    Course, Json, Kind, Lineage, Record, RestoredState, SegmentWriter, SessionTree, compact,
    fork_at, open_pod, point_pod, replay,
};

type Done<T = ()> = Result<T, Box<dyn Error>>;

/// The argument after the URL that makes a process live the agent's first life, to be killed in it.
const FIRST_LIFE: &str = "first-life";

fn main() -> Done {
    let mut args = env::args().skip(1);
    let url = args.next().ok_or("usage: agent_loop URL, for instance fs:agent-logs")?;
    let store = session_store::open_or_create(&url)?;
    if args.next().as_deref() == Some(FIRST_LIFE) {
        return first_life(&store, wait_for_the_end);
    }
    let mut child = Command::new(env::current_exe()?);
    child.args([&url, FIRST_LIFE]);
    story(&store, child, &mut io::stdout())
}

/// Everything, told to `out`. `child` is a process that lives the first life in the same store.
fn story(store: &dyn Store, child: Command, out: &mut dyn Write) -> Done {
    if store.capabilities().has(Capability::MultiProcess) {
        killed(child)?;
        writeln!(out, "1. a process ran, and was killed in a tool call")?;
    } else {
        let cut_short = first_life(store, || Err("cut short".into()));
        assert!(cut_short.is_err(), "no tool answered");
        writeln!(
            out,
            "1. an agent ran, and was dropped in a tool call: this store has one process"
        )?;
    }

    let mut agent = Agent::open(store)?;
    writeln!(out, "2. resumed: {}", agent.described())?;
    agent.write(Kind::PausedTurnAbandoned, &json!({}))?;
    agent.run("What is 40 + 2?", nobody_waits)?;
    let (root, first_turns) = (agent.writer.segment_id(), 2);

    let mut second = Agent::open(store)?;
    second.run("What is 1 + 1?", nobody_waits)?;
    writeln!(out, "3. a second writer joined in {}", second.writer.segment_id())?;
    agent.run("What is 7 + 8?", nobody_waits)?;
    writeln!(out, "   the first one went on in {}", agent.writer.segment_id())?;

    let (writer, state) = fork_at(store, agent.writer.session_id(), root, first_turns)?;
    let mut fork = Agent { store, writer, state };
    fork.run("What if it were 3 + 3?", nobody_waits)?;
    writeln!(out, "4. forked after turn {first_turns}: {}", fork.described())?;

    agent.compact()?;
    agent.run("What is 5 + 5?", nobody_waits)?;
    writeln!(out, "5. compacted: {}", agent.described())?;
    write!(out, "6. {}", SessionTree::read(store, agent.writer.session_id())?)?;
    Ok(())
}

/// Lives until a tool is called that waits. `wait` is that tool.
fn first_life(store: &dyn Store, wait: impl Fn() -> Done<Value>) -> Done {
    let mut agent = Agent::open(store)?;
    agent.run("What is 2 + 3?", &wait)?;
    agent.run("Wait for me.", &wait)
}

/// A tool that never answers: its process is killed meanwhile.
fn wait_for_the_end() -> Done<Value> {
    println!("{WAITING}");
    io::stdin().read_to_end(&mut Vec::new())?;
    Err("nobody killed this process".into())
}

fn nobody_waits() -> Done<Value> {
    Err("nobody asked to wait".into())
}

const WAITING: &str = "the agent waits";

/// Starts the process and kills it once its tool waits.
fn killed(mut child: Command) -> Done {
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let said = child.stdout.take().ok_or("the child has no output")?;
    let waits = BufReader::new(said).lines().map_while(Result::ok).any(|line| line == WAITING);
    child.kill()?;
    child.wait()?;
    if waits { Ok(()) } else { Err("the first life ended before its time".into()) }
}

/// One agent: where it writes, and what its conversation has come to.
struct Agent<'a> {
    store: &'a dyn Store,
    writer: SegmentWriter<&'a dyn Store>,
    state: RestoredState,
}

impl<'a> Agent<'a> {
    /// Finds the agent by its name, or starts it.
    fn open(store: &'a dyn Store) -> Done<Self> {
        let (writer, state) = open_pod(store, &pod()?, |session_id| {
            let mut state = RestoredState::default();
            state.session_id = Some(session_id);
            state.system_prompt = Some(Json::encode("You add numbers.")?);
            Ok(vec![state.start(None)?.into_entry()])
        })?;
        Ok(Self { store, writer, state })
    }

    /// One run: from what the user says to an answer, over as many turns as the model wants.
    fn run(&mut self, input: &str, wait: impl Fn() -> Done<Value>) -> Done {
        self.write(Kind::Invoke, &json!({}))?;
        self.write(Kind::UserInput, &json!({"text": input}))?;
        loop {
            let reply = model(&self.state.history)?;
            self.write(Kind::AssistantItem, &reply)?;
            self.write(Kind::LlmUsage, &json!({"input_tokens": 10, "output_tokens": 2}))?;
            let call = reply.get("tool_call");
            if let Some(call) = call {
                let output = if call["name"] == "add" { add(&call["input"]) } else { wait()? };
                self.write(Kind::ToolResult, &json!({"output": output}))?;
            }
            self.write(Kind::TurnEnd, &json!({}))?;
            if call.is_none() {
                return self.write(Kind::RunCompleted, &json!({}));
            }
        }
    }

    /// Appends a record where the agent writes, or in a fork if somebody else has written there.
    fn write(&mut self, kind: Kind, payload: &Value) -> Done {
        let entry = Record::new(kind, payload)?.into_entry();
        let mut start = None;
        let course = self.writer.append_or_fork(std::slice::from_ref(&entry), |from| {
            let record = self.state.start(Some(Lineage::ForkedFrom(from)))?;
            Ok(vec![start.insert(record.into_entry()).clone()])
        })?;
        if let Course::Forked { .. } = course {
            self.state = replay(start)?;
        }
        self.state.apply(&entry)?;
        if let Course::Forked { .. } = course { self.point_here() } else { Ok(()) }
    }

    fn compact(&mut self) -> Done {
        let (session_id, segment_id) = (self.writer.session_id(), self.writer.segment_id());
        (self.writer, self.state) = compact(self.store, session_id, segment_id, summary)?;
        self.point_here()
    }

    fn point_here(&self) -> Done {
        let (session_id, segment_id) = (self.writer.session_id(), self.writer.segment_id());
        Ok(point_pod(self.store, &pod()?, session_id, segment_id)?)
    }

    fn described(&self) -> String {
        let RestoredState { history, turn_count, interrupted, usage, .. } = &self.state;
        let items = history.len();
        format!("{items} items, {turn_count} turns, interrupted: {interrupted}, used {usage:?}")
    }
}

fn pod() -> Result<PodName, StoreError> {
    "adder".parse()
}

/// The scripted model. It looks at the last item only: numbers are for the tool, a result is the answer.
fn model(history: &[Json]) -> Result<Value, StoreError> {
    let Some(last) = history.last() else { return Ok(json!({"text": "Ask me something."})) };
    let last: Value = last.decode()?;
    if last["kind"] == "tool_result" {
        return Ok(json!({"text": format!("It is {}.", last["output"])}));
    }
    let text = last["text"].as_str().unwrap_or_default();
    let words = text.split(|c: char| !c.is_ascii_digit());
    let numbers: Vec<u64> = words.filter_map(|word| word.parse().ok()).collect();
    let name = if numbers.is_empty() { "wait" } else { "add" };
    Ok(json!({"tool_call": {"name": name, "input": numbers}}))
}

fn add(numbers: &Value) -> Value {
    numbers.as_array().into_iter().flatten().filter_map(Value::as_u64).sum::<u64>().into()
}

/// The scripted summary.
fn summary(state: &RestoredState) -> Result<Vec<Json>, StoreError> {
    let text = format!("Summary of {} items: numbers were added.", state.history.len());
    Ok(vec![Json::encode(&json!({"kind": "system_item", "text": text}))?])
}
