//! Reads a whole backup and checks it.

use std::io::{Read, Seek};

use session_store_core::{LogEntry, PodName, StoreError, TraceEntry};

use super::error::BackupError;
use super::file::{File, PodFile, SegmentFile};
use super::manifest::{Member, Missing, Part, sums};
use super::open::Backup;
use super::read::{Archive, Content};
use super::store::pod;
use crate::meter::Meter;
use crate::progress::{Phase, Progress};

impl<R: Read + Seek> Backup<R> {
    /// Reads everything in the file: all hashes must be right, every line must be an entry, and the
    /// manifest must list exactly the parts of the archive.
    ///
    /// The seal of the file (a hash of all other bytes) already shows that no byte has changed
    /// since the export. This check also refuses a file that another program has made with a
    /// correct seal and wrong content.
    ///
    /// # Errors
    /// - [`BackupError::Damaged`] with the place of the damage.
    /// - [`BackupError::LineTooLong`]. The limit protects the memory, because a small compressed
    ///   file can contain a line of gigabytes.
    /// - [`BackupError::Read`] if the reader fails.
    pub fn check(&self, mut progress: &mut dyn FnMut(Progress<'_>)) -> Result<(), BackupError> {
        let mut meter = Meter::new(&mut progress);
        let members = &self.manifest.members;
        meter.report(Progress::Begin { phase: Phase::Check, parts: members.len() });
        let mut archive = Archive::new(&self.frames, self.max_line);
        let mut check = Check { meter, name: None };
        let mut raw = self.manifest.missing.iter().filter_map(Missing::raw_file);
        let (mut unread, mut readme, mut manifest) = (members.iter(), None, None);
        while let Some(content) = archive.next()? {
            match content.file {
                File::Readme => readme = Some(content.finish()?.sha256),
                File::Manifest => manifest = Some(content.finish()?.sha256),
                File::Sums => match (readme, manifest) {
                    (Some(readme), Some(manifest)) => {
                        compare_sums(content, sums(readme, &self.manifest, manifest))?;
                    }
                    _ => return Err(content.misplaced()),
                },
                // The manifest lists these files in the same order, with their sizes and hashes.
                File::Damaged(_) => {
                    let file = content.file.clone();
                    if raw.next() != Some((file, content.finish()?)) {
                        let damage = "the manifest does not list it";
                        return Err(BackupError::damaged(File::Manifest.path(), damage));
                    }
                }
                File::Segment(..) | File::Pod(..) => {
                    let Some(member) = check.part(content)? else { continue };
                    let number = members.len() - unread.len();
                    if unread.next() != Some(&member) {
                        let place = format!("{}, line {}", File::Manifest.path(), number + 2);
                        let damage = format!("the backup has {}", member.line());
                        return Err(BackupError::damaged(place, damage));
                    }
                }
            }
        }
        match unread.next() {
            None => Ok(()),
            Some(member) => Err(BackupError::damaged(member.part.file().path(), "it is missing")),
        }
    }
}

fn compare_sums<R: Read + Seek>(
    mut content: Content<'_, R>,
    sums: impl Iterator<Item = String>,
) -> Result<(), BackupError> {
    for sum in sums {
        if content.line()?.as_deref() != Some(sum.as_bytes()) {
            return Err(content.damaged(format!("the backup has {sum}")));
        }
    }
    if content.line()?.is_some() {
        return Err(content.damaged("there is no such file"));
    }
    content.finish().map(drop)
}

/// The state of a check.
struct Check<'a> {
    meter: Meter<'a>,
    /// The name of the pod whose metadata file comes next.
    name: Option<PodName>,
}

impl Check<'_> {
    /// Reads a file of a part. Returns `None` for the file with the name of a pod.
    fn part<R: Read + Seek>(
        &mut self,
        mut content: Content<'_, R>,
    ) -> Result<Option<Member>, BackupError> {
        let name = self.name.take();
        let part = match content.file.clone() {
            File::Segment(key, SegmentFile::Log) => {
                self.lines(&mut content, |line| Ok(LogEntry::from_utf8(line)?.as_json().len()))?;
                Part::Log(key)
            }
            File::Segment(key, SegmentFile::Trace) => {
                self.lines(&mut content, |line| Ok(TraceEntry::from_utf8(line)?.as_json().len()))?;
                Part::Trace(key)
            }
            File::Pod(_, PodFile::Name) => {
                self.name = Some(name_in(&mut content)?);
                return Ok(None);
            }
            File::Pod(folder, PodFile::Metadata) => {
                let pods = self.lines(&mut content, |line| Ok(pod(line)?.as_json().len()))?;
                if pods != 1 {
                    return Err(content.damaged("a pod has one line"));
                }
                let name = folder.plain_name().or(name).filter(|name| name.folder() == folder);
                Part::Pod {
                    name: name.ok_or_else(|| {
                        content.damaged("the name of the pod is missing or wrong")
                    })?,
                }
            }
            File::Readme | File::Damaged(_) | File::Manifest | File::Sums => {
                return Err(content.misplaced());
            }
        };
        let total = content.finish()?;
        self.meter.report(Progress::Done);
        Ok(Some(Member { part, total }))
    }

    /// Parses every line, and returns the number of lines. `parse` returns the length of the text
    /// that it has parsed. This text must be the whole line.
    fn lines<R: Read + Seek>(
        &mut self,
        content: &mut Content<'_, R>,
        parse: fn(Vec<u8>) -> Result<usize, StoreError>,
    ) -> Result<usize, BackupError> {
        let mut lines = 0;
        while let Some(line) = content.line()? {
            let bytes = line.len();
            self.meter.count(bytes);
            match parse(line) {
                Ok(parsed) if parsed == bytes => {}
                Ok(_) => return Err(content.damaged("there is white space around the entry")),
                Err(error) => return Err(content.damaged(error.to_string())),
            }
            lines += 1;
        }
        Ok(lines)
    }
}

fn name_in<R: Read + Seek>(content: &mut Content<'_, R>) -> Result<PodName, BackupError> {
    let name = content.text(PodName::MAX_BYTES)?;
    name.parse().map_err(|error: StoreError| content.damaged(error.to_string()))
}
