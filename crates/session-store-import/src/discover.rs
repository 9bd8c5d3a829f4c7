//! Finds the logs in the default folders of the known programs.

use std::path::PathBuf;

use serde::Serialize;

use crate::environment::Environment;
use crate::filter::Filter;
use crate::formats::FORMATS;
use crate::options::Options;
use crate::search::Search;
use crate::unit::{Inspected, inspect};

/// The logs in a default folder of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Discovered {
    /// The format of the program.
    pub format: &'static str,
    /// The folder.
    pub folder: PathBuf,
    /// The number of logs.
    pub logs: usize,
    /// The size of their files.
    pub bytes: u64,
}

/// Returns the default folders that contain logs, in the order of the formats.
#[must_use]
pub fn discover(environment: &Environment) -> Vec<Discovered> {
    let mut found: Vec<Discovered> = Vec::new();
    for format in FORMATS {
        for folder in format.default_folders(environment) {
            let is_new = !found.iter().any(|found| found.folder == folder);
            let discovered = is_new.then(|| look_into(format.name(), folder));
            found.extend(discovered.filter(|discovered| discovered.logs > 0));
        }
    }
    found
}

fn look_into(format: &'static str, folder: PathBuf) -> Discovered {
    let (filter, options) = (Filter::new(), Options::default());
    let mut discovered = Discovered { format, folder, logs: 0, bytes: 0 };
    if discovered.folder.is_dir() {
        let files = Search::new(&filter, None).run(&[discovered.folder.clone()]).files;
        for file in files {
            if !matches!(inspect(&file, &options), Inspected::PassedOver(_)) {
                discovered.logs += 1;
                discovered.bytes += file.bytes;
            }
        }
    }
    discovered
}
