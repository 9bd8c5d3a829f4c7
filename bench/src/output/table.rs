//! The results as a table, for a terminal and for a page.

use comfy_table::presets::{ASCII_MARKDOWN, NOTHING};
use comfy_table::{Table, TableStyle};

use crate::measurement::Line;

const HEADER: [&str; 7] =
    ["benchmark", "of", "measured", "half of the rounds", "goal", "reached", "in figures"];

/// Formats the table for a terminal.
pub(crate) fn drawn(lines: &[Line]) -> String {
    table(lines, NOTHING).to_string()
}

/// Formats the table for a Markdown page.
pub(crate) fn markdown(lines: &[Line]) -> String {
    table(lines, ASCII_MARKDOWN).to_string()
}

fn table(lines: &[Line], style: TableStyle) -> Table {
    let mut table = Table::new();
    table.load_style(style).set_header(HEADER).add_rows(lines.iter().map(cells));
    table
}

fn cells(Line { bench, measurement }: &Line) -> [String; HEADER.len()] {
    [
        (*bench).to_owned(),
        measurement.what.clone(),
        measurement.shown(),
        measurement.spread(),
        measurement.goal_shown(),
        measurement.verdict().to_owned(),
        measurement.explained(),
    ]
}
