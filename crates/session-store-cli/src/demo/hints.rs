//! Commands to try next, ready to paste into a shell.

use session_store::StoreUrl;

use crate::demo::sessions::Sessions;

/// Returns command lines for the stores of the demo: the first file store, the database, and the
/// file store with the copy.
pub(crate) fn hints(program: &str, sessions: &Sessions, stores: [&StoreUrl; 3]) -> Vec<String> {
    let Sessions { session_id, root, pod, .. } = sessions;
    let [files, database, files_again] = stores.map(|url| shell_word(&url.to_string()));
    let program = shell_word(program);
    vec![
        format!("{program} ls {database}"),
        format!("{program} ls {database} {session_id}"),
        format!("{program} tree {database} {session_id}"),
        format!("{program} show {database} {root}"),
        format!("{program} show {database} {root} --trace"),
        format!("{program} search {database} changelog"),
        format!("{program} pods show {database} {pod}"),
        format!("{program} verify {files} {files_again}"),
    ]
}

/// Quotes the text as one word of a shell.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/.:-_=+".contains(c);
    if text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("fs:/tmp/a_b-c.1", "fs:/tmp/a_b-c.1")]
    #[case("fs:my logs", "'fs:my logs'")]
    #[case("fs:a;b", "'fs:a;b'")]
    #[case("fs:it's", r"'fs:it'\''s'")]
    fn a_text_becomes_one_shell_word(#[case] text: &str, #[case] word: &str) {
        assert_eq!(shell_word(text), word);
    }
}
