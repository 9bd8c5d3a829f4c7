//! Prints the rows of a listing as a table on a terminal, as cells separated by tabs in a pipe, or
//! as JSON.

use std::time::{SystemTime, UNIX_EPOCH};

use comfy_table::CellAlignment;
use comfy_table::presets::NOTHING;
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::content_time::time_in_id;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// The headings of the columns with numbers, which are aligned to the right on a terminal.
const NUMBERS: [&str; 3] = ["SEGMENTS", "ENTRIES", "BYTES"];

/// One row of a listing. Its JSON is its serialized form.
pub(crate) trait Row: Serialize {
    /// The headings of the columns, printed on a terminal.
    const HEADER: &'static [&'static str];

    fn cells(&self) -> Vec<String>;
}

/// Prints rows. On a terminal, the table is printed at the end, because the widths of the columns
/// depend on all rows. Otherwise each row is printed at once.
pub(crate) struct Table<'a> {
    out: &'a mut Output,
    drawn: Option<comfy_table::Table>,
}

impl<'a> Table<'a> {
    pub(crate) fn new(out: &'a mut Output) -> Self {
        let drawn = out.is_terminal() && !out.is_json();
        Self { out, drawn: drawn.then(comfy_table::Table::new) }
    }

    pub(crate) fn row<R: Row>(&mut self, row: &R) -> Result<(), Failure> {
        match &mut self.drawn {
            Some(table) => {
                table.load_style(NOTHING).set_header(R::HEADER.to_vec()).add_row(row.cells());
                for (column, heading) in table.column_iter_mut().zip(R::HEADER) {
                    if NUMBERS.contains(heading) {
                        column.set_cell_alignment(CellAlignment::Right);
                    }
                }
                Ok(())
            }
            None if self.out.is_json() => self.out.json_line(row),
            None => self.out.line(row.cells().join("\t")),
        }
    }

    /// Prints the table.
    pub(crate) fn finish(self) -> Result<Exit, Failure> {
        if let Some(mut table) = self.drawn.filter(|table| !table.is_empty()) {
            for column in table.column_iter_mut() {
                column.set_padding((0, 2));
            }
            self.out.line(table.trim_fmt())?;
        }
        Ok(Exit::Done)
    }
}

/// Returns a cell with a value, or with a question mark if the value is unknown.
pub(crate) fn cell<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "?".to_owned(), |value| value.to_string())
}

/// Returns a cell with a value, or with a dash if there is no value.
pub(crate) fn cell_or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// Returns the creation time of an id in UTC, to the second, if its kind of UUID contains it.
pub(crate) fn created(id: Uuid) -> Option<String> {
    in_seconds(time_in_id(id)?)
}

/// Returns a time in UTC, to the second.
pub(crate) fn in_seconds(time: SystemTime) -> Option<String> {
    let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
    let time = Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?;
    Some(time.to_string())
}

#[cfg(test)]
mod tests {
    use uuid::uuid;

    use super::*;

    #[test]
    fn a_v7_id_contains_its_time_and_a_v4_id_does_not() {
        let v7 = uuid!("017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
        assert_eq!(created(v7).as_deref(), Some("2022-02-22T19:22:22Z"));
        assert_eq!(created(uuid!("0ccf1a04-1b4c-43b6-8aa5-79e41db43a68")), None);
    }
}
