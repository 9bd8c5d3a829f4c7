//! An application that keeps its own tables with sqlx and its agents' logs in a SQLite store.
//!
//! Cargo links only one version of SQLite into a program. The store accepts the version that sqlx
//! 0.9 uses, so both share it. The two database files are independent.

use session_store::{LogEntry, SegmentId, SessionId, Store, open_or_create};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;

    let options = SqliteConnectOptions::new().filename(folder.path().join("app.db"));
    let pool = SqlitePool::connect_with(options.create_if_missing(true)).await?;
    sqlx::query("CREATE TABLE chats (session TEXT NOT NULL)").execute(&pool).await?;

    let store = open_or_create(&format!("sqlite:{}", folder.path().join("logs.db").display()))?;
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let entry = LogEntry::from_json(r#"{"kind":"user_input","text":"hello"}"#)?;
    // The store is synchronous, so an async program calls it on a thread that may block.
    let count = tokio::task::spawn_blocking(move || {
        store.append(session, segment, &entry)?;
        store.read_entry_count(session, segment)
    })
    .await??;

    sqlx::query("INSERT INTO chats VALUES (?)").bind(session.to_string()).execute(&pool).await?;
    let chats: i64 = sqlx::query_scalar("SELECT count(*) FROM chats").fetch_one(&pool).await?;
    println!("{chats} chat, {count} entry");
    assert_eq!((chats, count), (1, 1));
    Ok(())
}
