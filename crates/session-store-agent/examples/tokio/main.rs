//! An agent in a tokio runtime. The agent streams the answer of a model to a log. It does not wait
//! after each part of the answer until the store has written the part.
//!
//! ```text
//! cargo run -p session-store-agent --features async --example tokio sqlite:agent.db
//! ```

#[cfg(test)]
mod tests;

use std::error::Error;

use serde_json::json;
use session_store::{OpenStore, SessionId};
use session_store_agent::{AsyncWriter, Kind, Record, RestoredState, SegmentWriter};

type Done<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Done {
    let url = std::env::args().nth(1).ok_or("usage: tokio URL, for instance sqlite:agent.db")?;
    let writer = run(&url, "Count to twenty.").await?;
    println!("{} entries in segment {}", writer.entry_count(), writer.segment_id());
    Ok(())
}

/// Runs one turn of a new conversation. Returns the writer at the end of its segment.
async fn run(url: &str, question: &str) -> Done<SegmentWriter<OpenStore>> {
    let url = url.to_owned();
    // Opening a store and creating a segment are blocking calls, so they run on a thread that may
    // block.
    let writer = tokio::task::spawn_blocking(move || create(&url)).await??;
    let mut writer = AsyncWriter::new(writer);

    let input = Record::new(Kind::UserInput, &json!({"text": question}))?;
    // The question is stored before it is sent to the model.
    writer.append(input.into_entry()).await?;

    let usage = tokio::spawn(report_usage(writer.clone()));
    let mut parts = Vec::new();
    for number in 1..=20 {
        let part = Record::new(Kind::AssistantItem, &json!({"text": number.to_string()}))?;
        parts.push(writer.submit(vec![part.into_entry()]).await?);
    }
    for stored in parts {
        stored.await?;
    }
    usage.await??;

    let end = [Kind::TurnEnd, Kind::RunCompleted].map(|kind| Record::new(kind, &json!({})));
    let end: Vec<_> = end.into_iter().map(|end| Ok(end?.into_entry())).collect::<Done<_>>()?;
    writer.append_all(end).await?;
    Ok(writer.close().await?)
}

/// Appends an entry from a second task.
async fn report_usage(mut writer: AsyncWriter<OpenStore>) -> Done {
    let usage = Record::new(Kind::LlmUsage, &json!({"input_tokens": 5, "output_tokens": 20}))?;
    writer.append(usage.into_entry()).await?;
    Ok(())
}

fn create(url: &str) -> Done<SegmentWriter<OpenStore>> {
    let store = session_store::open_or_create(url)?;
    let start = RestoredState::default().start(None)?.into_entry();
    Ok(SegmentWriter::create(store, SessionId::new(), &[start])?)
}
