//! `show --text`: prints a log as a conversation, with roles, times, and calls of tools.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use session_store::LogEntry;
use session_store_import::{Description, Role};

use super::Range;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::log_format::{LogFormat, has_words, is_folded, role_name, words_of};
use crate::output::Output;
use crate::pager::Pager;
use crate::segment::{Segment, readable};
use crate::table::in_seconds;
use crate::terminal::visible;
use crate::text::shortened;

/// The number of lines of a tool's result that are shown.
const SHOWN_LINES: usize = 4;

/// The number of characters of a tool's arguments that are shown.
const SHOWN_CHARACTERS: usize = 100;

/// Prints the conversation, in the user's pager if standard output is a terminal.
///
/// An entry without readable content, such as a record of the program's own state, is left out. A
/// line that is not an entry is reported and skipped.
pub(super) fn show(
    segment: Segment<'_>,
    range: Range,
    full: bool,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let view = View { full, styled: out.is_styled() };
    let format = LogFormat::new(segment);
    let lines = range.lines::<LogEntry>(segment)?;
    let mut pager = Pager::start(out);
    for (number, line) in lines {
        if let Some(entry) = readable(segment, line)? {
            pager.write(&view.entry(number, &format.describe(&entry)))?;
        }
    }
    pager.finish()?;
    Ok(Exit::Done)
}

/// How entries are printed.
struct View {
    /// Whether arguments and results of tools are printed whole.
    full: bool,
    /// Whether the output is colored.
    styled: bool,
}

impl View {
    /// Returns the text of an entry with an empty line at its end, or an empty text. Its heading
    /// has the number of the entry, which `search` prints and `--from` takes.
    fn entry(&self, number: usize, description: &Description) -> String {
        let mut text = String::new();
        if let Some(title) = &description.title {
            self.heading(&mut text, Style::new().bold(), &format!("# {}", visible(title)));
            text.push('\n');
        }
        if !has_words(description) {
            return text;
        }
        let color = match description.role {
            Some(Role::User) => AnsiColor::Green,
            Some(Role::Assistant) => AnsiColor::Blue,
            Some(Role::Tool) => AnsiColor::Yellow,
            Some(Role::System) => AnsiColor::Magenta,
            None => AnsiColor::White,
        };
        let name = role_name(description.role);
        let time = description.time.and_then(in_seconds).map(|time| format!("  {time}"));
        let style = Style::new().bold().fg_color(Some(color.into()));
        self.heading(&mut text, style, &format!("{name}{}  #{number}", time.unwrap_or_default()));
        if let Some(said) = words_of(description) {
            self.lines(&mut text, said, !self.full && is_folded(description.role));
        }
        for call in &description.tool_calls {
            let input = visible(&call.input).replace(['\n', '\t'], " ");
            let name = visible(&call.name);
            let call = if input.is_empty() { name.into_owned() } else { format!("{name} {input}") };
            let shown = if self.full { call } else { shortened(&call, SHOWN_CHARACTERS) };
            self.heading(&mut text, Style::new().dimmed(), &format!("  > {shown}"));
        }
        text.push('\n');
        text
    }

    fn heading(&self, text: &mut String, style: Style, heading: &str) {
        let style = if self.styled { style } else { Style::new() };
        writeln!(text, "{style}{heading}{style:#}").expect("writing to a string never fails");
    }

    /// Adds the lines of a text, or only the first ones and the number of the others.
    fn lines(&self, text: &mut String, said: &str, is_folded: bool) {
        let said = visible(said);
        let count = said.lines().count();
        let shown = if is_folded && count > SHOWN_LINES + 1 { SHOWN_LINES } else { count };
        for line in said.lines().take(shown) {
            let line = if is_folded { shortened(line, 2 * SHOWN_CHARACTERS) } else { line.into() };
            text.push_str(format!("  {line}").trim_end());
            text.push('\n');
        }
        if shown < count {
            let more = format!("  … {} more lines", count - shown);
            self.heading(text, Style::new().dimmed(), &more);
        }
    }
}

#[cfg(test)]
mod tests {
    use session_store_import::ToolCall;

    use super::*;

    fn plain(description: &Description, full: bool) -> String {
        View { full, styled: false }.entry(7, description)
    }

    #[test]
    fn a_long_result_of_a_tool_is_folded() {
        let text = (1..=9).map(|n| format!("line {n}\n")).collect::<String>();
        let result =
            Description { role: Some(Role::Tool), text: Some(text), ..Description::default() };
        let folded = plain(&result, false);
        assert_eq!(
            folded,
            "tool  #7\n  line 1\n  line 2\n  line 3\n  line 4\n  … 5 more lines\n\n"
        );
        assert_eq!(plain(&result, true).lines().count(), 11);
    }

    #[test]
    fn a_call_of_a_tool_is_one_line() {
        let input = format!("{{\"text\":\"{}\"}}", "x".repeat(200));
        let call = ToolCall { name: "Write".to_owned(), input };
        let described = Description {
            role: Some(Role::Assistant),
            tool_calls: vec![call],
            ..Description::default()
        };
        let shown = plain(&described, false);
        assert!(shown.starts_with("assistant  #7\n  > Write {\"text\":\"xxx"), "{shown}");
        assert!(shown.ends_with("x…\n\n") && shown.len() < 140, "{shown}");
        assert!(plain(&described, true).contains("xxx\"}\n"));
    }

    #[test]
    fn an_entry_without_text_prints_nothing() {
        assert_eq!(plain(&Description::default(), false), "");
        let title =
            Description { title: Some("Fix\u{1b}[2J".to_owned()), ..Description::default() };
        assert_eq!(plain(&title, false), "# Fix\\u001b[2J\n\n");
    }
}
