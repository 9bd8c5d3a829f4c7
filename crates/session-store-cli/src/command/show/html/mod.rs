//! `show --html`: writes the fork tree and the conversations of a session to one page of HTML.
//!
//! The page contains no script and refers to nothing outside of itself. The page is written segment
//! by segment and entry by entry, so a long session needs little memory.

mod entry;
mod style;

use std::io::{BufWriter, Write};
use std::path::Path;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use session_store::{LogEntry, OpenStore, SegmentId, SegmentKey, StoreExt, error_chain};
use session_store_agent::SegmentNode;

use self::entry::{entry, shown, stored};
use self::style::{POLICY, STYLE};
use crate::exit::Exit;
use crate::failure::{Context, Failure, ok_or_report};
use crate::forest::{Forest, Indent, Item, read_tree};
use crate::log_format::LogFormat;
use crate::new_file::{IfExists, NewFile};
use crate::output::Output;
use crate::segment::{lines, reading};
use crate::text::{entries, plural};
use crate::title::{Headline, read_headline};

/// Writes the page of the session that contains the segment. The segment is unfolded, and the
/// others are folded.
///
/// A line that is not an entry is reported, also in the page.
pub(super) fn show(
    store: &OpenStore,
    key: SegmentKey,
    path: &Path,
    force: bool,
    out: &mut Output,
) -> Result<Exit, Failure> {
    if path == Path::new("-") {
        let mut page = Page::read(store, key, |html| out.text(html))?;
        page.write()?;
        return Ok(Exit::Done);
    }
    let file = NewFile::create(path, IfExists::from_force(force))?;
    file.remove_on_signal();
    let mut writer = BufWriter::new(file.writer());
    let writing = || format!("write {}", path.display());
    let mut page =
        Page::read(store, key, |html| writer.write_all(html.as_bytes()).context(writing))?;
    page.write()?;
    let (segments, entries_len) = (page.segments.len(), page.entries);
    writer.flush().context(writing)?;
    drop(writer);
    file.finish()?;
    let segments = plural(segments, "segment", "segments");
    out.line(format_args!("{}: {segments}, {}", path.display(), entries(entries_len)))?;
    Ok(Exit::Done)
}

/// A page, and the destination of its HTML.
struct Page<'a, W> {
    store: &'a OpenStore,
    /// The segment that is unfolded.
    key: SegmentKey,
    segments: Vec<Segment>,
    write: W,
    entries: usize,
}

/// A segment of the session.
struct Segment {
    key: SegmentKey,
    /// The lines of the tree before the segment.
    indent: String,
    facts: String,
    headline: Option<Headline>,
}

impl Segment {
    fn read(store: &OpenStore, key: SegmentKey, node: &SegmentNode, indent: String) -> Self {
        let damage = node.damage.as_ref();
        let headline = ok_or_report(read_headline(store, key)).flatten();
        let facts = damage.map_or_else(|| node.to_string(), |damage| error_chain(damage));
        let id = key.segment_id.to_string();
        let facts = facts.strip_prefix(&id).unwrap_or(&facts).trim().to_owned();
        Self { key, indent, facts, headline }
    }

    fn title(&self) -> String {
        let title = self.headline.as_ref().and_then(|headline| headline.title.as_deref());
        title.map_or_else(|| self.key.segment_id.to_string(), shown)
    }
}

/// Returns the id of a segment in the page.
fn anchor(segment_id: SegmentId) -> String {
    format!("segment-{segment_id}")
}

impl<'a, W: FnMut(&str) -> Result<(), Failure>> Page<'a, W> {
    /// Reads the tree of the session.
    fn read(store: &'a OpenStore, key: SegmentKey, write: W) -> Result<Self, Failure> {
        let forest = Forest::new(vec![read_tree(store, key.session_id)?]);
        let (mut segments, mut indent) = (Vec::new(), Indent::default());
        for visit in forest.depth_first() {
            let line = indent.before(&visit);
            if let Item::Segment(session_id, node) = visit.item {
                let key = SegmentKey::new(session_id, node.segment_id);
                segments.push(Segment::read(store, key, node, line));
            }
        }
        Ok(Self { store, key, segments, write, entries: 0 })
    }

    fn write(&mut self) -> Result<(), Failure> {
        let head = self.head();
        (self.write)(&head.into_string())?;
        for index in 0..self.segments.len() {
            self.segment(index)?;
        }
        (self.write)("</main></body></html>\n")
    }

    /// Returns the page up to the first segment.
    fn head(&self) -> Markup {
        let main = self.segments.iter().find(|segment| segment.key == self.key);
        let title = main.map(Segment::title).unwrap_or_default();
        let agent = main.and_then(|segment| Some(segment.headline.as_ref()?.agent));
        html! {
            (DOCTYPE)
            (PreEscaped("<html lang=\"en\">"))
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            (PreEscaped("<body>"))
            header {
                h1 { (title) }
                p.facts {
                    @if let Some(agent) = agent { (agent) ", " }
                    "session " code { (self.key.session_id) }
                }
            }
            @if self.segments.len() > 1 {
                nav aria-label="Fork tree" {
                    pre.tree {
                        @for segment in &self.segments {
                            (segment.indent)
                            a href={ "#" (anchor(segment.key.segment_id)) } { (segment.title()) }
                            "  " (shown(&segment.facts)) "\n"
                        }
                    }
                }
            }
            (PreEscaped("<main>"))
        }
    }

    fn segment(&mut self, index: usize) -> Result<(), Failure> {
        let Segment { key, ref facts, .. } = self.segments[index];
        let start = html! {
            summary {
                h2 { (self.segments[index].title()) } " "
                small { code { (key.segment_id) } ", " (shown(facts)) }
            }
        };
        let open = if key == self.key { " open" } else { "" };
        // A browser unfolds the segment if the user follows a link to an element inside it.
        let anchor = anchor(key.segment_id);
        (self.write)(&format!(
            "<details class=\"segment\"{open}>{}<div id=\"{anchor}\">",
            start.into_string()
        ))?;
        let segment = self.store.at(key);
        let format = LogFormat::new(segment);
        let mut is_empty = true;
        for line in lines(segment, 0) {
            match line.context(|| reading::<LogEntry>(segment)) {
                Ok(line) => {
                    self.entries += 1;
                    let html = entry(&format.describe(&line)).into_string();
                    is_empty &= html.is_empty();
                    (self.write)(&html)?;
                }
                Err(failure) => {
                    failure.report();
                    let message = shown(&error_chain(&failure));
                    (self.write)(&html! { article.damage { (message) } }.into_string())?;
                }
            }
        }
        if is_empty {
            for line in lines::<LogEntry>(segment, 0).flatten() {
                (self.write)(&stored(line.as_json()).into_string())?;
            }
        }
        (self.write)("</div></details>")
    }
}
