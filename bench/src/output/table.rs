//! The figures as a table, for a terminal and for a page.

use comfy_table::presets::{ASCII_MARKDOWN, NOTHING};
use comfy_table::{Table, TableStyle};

use crate::finding::Finding;

const HEADER: [&str; 7] =
    ["benchmark", "of", "measured", "half of the rounds", "goal", "reached", "in figures"];

/// For a terminal.
pub(crate) fn drawn(findings: &[Finding]) -> String {
    table(findings, NOTHING).to_string()
}

/// For a page.
pub(crate) fn markdown(findings: &[Finding]) -> String {
    table(findings, ASCII_MARKDOWN).to_string()
}

fn table(findings: &[Finding], style: TableStyle) -> Table {
    let mut table = Table::new();
    table.load_style(style).set_header(HEADER).add_rows(findings.iter().map(cells));
    table
}

fn cells(finding: &Finding) -> [String; HEADER.len()] {
    [
        finding.bench.to_owned(),
        finding.what.clone(),
        finding.shown(),
        finding.spread(),
        finding.goal_shown(),
        finding.verdict().to_owned(),
        finding.explained(),
    ]
}
