//! A small agent runtime with a scripted model and two tools, without a network.
//!
//! The agent runs, is killed during a tool call, and resumes. Then a second writer appends, so the
//! agent forks. At the end the agent forks at an earlier turn, compacts its history, and prints the
//! tree of its session.
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
    AppendOutcome, Json, Kind, Lineage, Record, RestoredState, SegmentWriter, SessionTree, compact,
    fork_at, open_pod, point_pod, replay,
};

type Done<T = ()> = Result<T, Box<dyn Error>>;

/// The second argument of the child process. The example kills this process during a tool call.
const FIRST_RUN: &str = "first-run";

fn main() -> Done {
    let mut args = env::args().skip(1);
    let url = args.next().ok_or("usage: agent_loop URL, for instance fs:agent-logs")?;
    let store = session_store::open_or_create(&url)?;
    if args.next().as_deref() == Some(FIRST_RUN) {
        return first_run(&store, wait_to_be_killed);
    }
    let mut child = Command::new(env::current_exe()?);
    child.args([&url, FIRST_RUN]);
    run_example(&store, child, &mut io::stdout())
}

/// Runs the example and prints its steps to `out`. `child` is the command of a process that
/// executes [`first_run`] in the same store.
fn run_example(store: &dyn Store, child: Command, out: &mut dyn Write) -> Done {
    if store.capabilities().has(Capability::MultiProcess) {
        kill_during_tool_call(child)?;
        writeln!(out, "1. a process ran and was killed during a tool call")?;
    } else {
        let result = first_run(store, || Err("the tool call fails".into()));
        assert!(result.is_err(), "the tool call fails");
        writeln!(
            out,
            "1. an agent ran until a tool call failed; processes cannot share this store"
        )?;
    }

    let mut agent = Agent::open(store)?;
    writeln!(out, "2. resumed: {}", agent.describe())?;
    agent.write(Kind::PausedTurnAbandoned, &json!({}))?;
    agent.run("What is 40 + 2?", no_wait_tool)?;
    // The first question took two turns: one with the tool call, and one with the answer.
    let (root, first_turns) = (agent.writer.segment_id(), 2);

    let mut second = Agent::open(store)?;
    second.run("What is 1 + 1?", no_wait_tool)?;
    writeln!(out, "3. a second writer appended to {}", second.writer.segment_id())?;
    agent.run("What is 7 + 8?", no_wait_tool)?;
    writeln!(out, "   the first writer forked to {}", agent.writer.segment_id())?;

    let (writer, state) = fork_at(store, agent.writer.session_id(), root, first_turns)?;
    let mut fork = Agent { store, writer, state };
    fork.run("What if it were 3 + 3?", no_wait_tool)?;
    writeln!(out, "4. forked after turn {first_turns}: {}", fork.describe())?;

    agent.compact()?;
    agent.run("What is 5 + 5?", no_wait_tool)?;
    writeln!(out, "5. compacted: {}", agent.describe())?;
    write!(out, "6. {}", SessionTree::read(store, agent.writer.session_id())?)?;
    Ok(())
}

/// Runs the agent until it calls the tool `wait`.
fn first_run(store: &dyn Store, wait: impl Fn() -> Done<Value>) -> Done {
    let mut agent = Agent::open(store)?;
    agent.run("What is 2 + 3?", &wait)?;
    agent.run("Wait for me.", &wait)
}

/// A tool that does not return, because its process is killed.
fn wait_to_be_killed() -> Done<Value> {
    println!("{WAITING}");
    io::stdin().read_to_end(&mut Vec::new())?;
    Err("the parent process did not kill this process".into())
}

fn no_wait_tool() -> Done<Value> {
    Err("the model does not call this tool here".into())
}

const WAITING: &str = "the agent waits";

/// Starts the process and kills it when its tool waits.
fn kill_during_tool_call(mut child: Command) -> Done {
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().ok_or("the child has no output")?;
    let is_waiting =
        BufReader::new(output).lines().map_while(Result::ok).any(|line| line == WAITING);
    child.kill()?;
    child.wait()?;
    if is_waiting { Ok(()) } else { Err("the child process ended before its tool call".into()) }
}

/// An agent: its writer and the state of its conversation.
struct Agent<'a> {
    store: &'a dyn Store,
    writer: SegmentWriter<&'a dyn Store>,
    state: RestoredState,
}

impl<'a> Agent<'a> {
    /// Opens the agent by its name. Creates the agent if it does not exist.
    fn open(store: &'a dyn Store) -> Done<Self> {
        let (writer, state) = open_pod(store, &pod()?, |session_id| {
            let mut state = RestoredState::default();
            state.session_id = Some(session_id);
            state.system_prompt = Some(Json::encode("You add numbers.")?);
            Ok(vec![state.start(None)?.into_entry()])
        })?;
        Ok(Self { store, writer, state })
    }

    /// Runs the agent on an input of the user until the model answers. This takes one or more
    /// turns.
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

    /// Appends a record. If another writer has appended, the record goes to a fork.
    fn write(&mut self, kind: Kind, payload: &Value) -> Done {
        let entry = Record::new(kind, payload)?.into_entry();
        let mut start = None;
        let outcome = self.writer.append_or_fork(std::slice::from_ref(&entry), |from| {
            let record = self.state.start(Some(Lineage::ForkedFrom(from)))?;
            Ok(vec![start.insert(record.into_entry()).clone()])
        })?;
        if let AppendOutcome::Forked { .. } = outcome {
            self.state = replay(start)?;
        }
        self.state.apply(&entry)?;
        if let AppendOutcome::Forked { .. } = outcome { self.point_pod() } else { Ok(()) }
    }

    fn compact(&mut self) -> Done {
        let (session_id, segment_id) = (self.writer.session_id(), self.writer.segment_id());
        (self.writer, self.state) = compact(self.store, session_id, segment_id, summary)?;
        self.point_pod()
    }

    fn point_pod(&self) -> Done {
        let (session_id, segment_id) = (self.writer.session_id(), self.writer.segment_id());
        Ok(point_pod(self.store, &pod()?, session_id, segment_id)?)
    }

    fn describe(&self) -> String {
        let RestoredState { history, turn_count, interrupted, usage, .. } = &self.state;
        let items = history.len();
        format!("{items} items, {turn_count} turns, interrupted: {interrupted}, used {usage:?}")
    }
}

fn pod() -> Result<PodName, StoreError> {
    "adder".parse()
}

/// The scripted model, which only reads the last item. If the item is a question with numbers, the
/// model calls the tool `add` with these numbers. If the question has no numbers, the model calls
/// the tool `wait`. If the item is the result of a tool, the model answers with this result.
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

/// Returns the scripted summary.
fn summary(state: &RestoredState) -> Result<Vec<Json>, StoreError> {
    let text = format!("Summary of {} items: numbers were added.", state.history.len());
    Ok(vec![Json::encode(&json!({"kind": "system_item", "text": text}))?])
}
