//! Tests that entries are stored byte for byte from each encoding of a file.

use std::io::Write;

use rstest::rstest;
use session_store_import::State;

use crate::logs::{Logs, S};

const LINES: &str = "{\"b\": 1.0,\"a\":1e999,\"a\":\"\\ud800\"}\n{\"u\":\"\u{2028}\",\"n\":-0.0}\n";

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[rstest]
#[case::plain("jsonl", |content: &[u8]| content.to_vec())]
#[case::upper_case("JSONL", |content: &[u8]| content.to_vec())]
#[case::ndjson("ndjson", |content: &[u8]| content.to_vec())]
#[case::gzip("jsonl.gz", gzip)]
#[case::two_gzip_members("jsonl.gz", |content: &[u8]| [gzip(&content[..9]), gzip(&content[9..])].concat())]
#[case::zstd("jsonl.zst", |content: &[u8]| zstd::encode_all(content, 3).unwrap())]
#[case::zstd_without_the_ending("jsonl", |content: &[u8]| zstd::encode_all(content, 3).unwrap())]
fn entries_are_stored_byte_for_byte(
    #[case] extension: &str,
    #[case] encode: impl Fn(&[u8]) -> Vec<u8>,
) {
    let logs = Logs::new();
    logs.put(&format!("{S}.{extension}"), encode(LINES.as_bytes()));
    let imported = logs.import();
    assert_eq!(imported.states(), [State::Imported], "{imported:?}");
    assert_eq!(logs.stored()[0].1, LINES.trim_end().replace('\n', " "));
    assert_eq!(logs.stored()[0].0.session_id.to_string(), S);
}

/// The log is too large to be kept in memory, so the import reads it twice.
#[test]
fn a_large_log_is_stored_whole_and_extended() {
    let line = format!("{{\"a\":\"{}\"}}\n", "x".repeat(100_000));
    let logs = Logs::new();
    let file = format!("{S}.jsonl");
    logs.put(&file, line.repeat(100));
    let imported = logs.import();
    assert_eq!((imported.states(), imported.summary.new), (vec![State::Imported], 100));
    logs.put(&file, line.repeat(120));
    let imported = logs.import();
    assert_eq!((imported.states(), imported.summary.new), (vec![State::Extended], 20));
}

#[test]
fn a_bad_line_at_the_end_of_a_large_log_stores_nothing() {
    let line = format!("{{\"a\":\"{}\"}}\n", "x".repeat(100_000));
    let logs = Logs::new();
    logs.put(&format!("{S}.jsonl"), line.repeat(100) + "[]\n");
    assert_eq!(logs.import().states(), [State::Refused]);
    assert_eq!(logs.stored(), []);
}
