//! The file of `--report`. It is created under a temporary name before the work begins, and renamed
//! when it is complete.

use std::io::{BufWriter, Write};
use std::path::Path;

use serde::Serialize;

use crate::failure::{Context, Failure};
use crate::new_file::{IfExists, NewFile};

/// The file for a report, if the user requested one.
pub(crate) struct ReportFile<'a>(Option<(NewFile<'a>, &'a Path)>);

impl<'a> ReportFile<'a> {
    /// Creates the file. Must be called before the work, so that an unwritable path is reported
    /// before hours of work. An older report is replaced.
    pub(crate) fn create(path: Option<&'a Path>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self(None)) };
        Ok(Self(Some((NewFile::create(path, IfExists::Replace)?, path))))
    }

    /// See [`NewFile::remove_on_signal`].
    pub(crate) fn remove_on_signal(&self) {
        self.0.iter().for_each(|(file, _)| file.remove_on_signal());
    }

    /// Writes the report and gives the file its name.
    pub(crate) fn finish(self, report: &impl Serialize) -> Result<(), Failure> {
        let Some((file, path)) = self.0 else { return Ok(()) };
        let operation = || format!("write the report to {}", path.display());
        let mut writer = BufWriter::new(file.writer());
        serde_json::to_writer(&mut writer, report).context(operation)?;
        writer.write_all(b"\n").and_then(|()| writer.flush()).context(operation)?;
        drop(writer);
        file.finish()
    }
}
