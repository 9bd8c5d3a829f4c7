//! A backup as a store that can only be read.

use std::io::{self, Read, Seek};
use std::sync::PoisonError;

use session_store_core::{
    Capabilities, Capability, Finding, Head, LogEntry, Maintenance, Page, PageBudget, Pod, PodName,
    PodStore, SegmentId, SegmentInfo, SegmentKey, SessionId, Severity, Store, StoreError,
    TraceEntry, TracePage,
};

use super::error::BackupError;
use super::file::{File, SegmentFile};
use super::manifest::{Member, Part};
use super::open::Backup;
use super::resume::Place;

impl<R> Backup<R> {
    /// Returns the number of the member that has this file.
    fn find(&self, file: &File) -> Option<usize> {
        let members = &self.manifest.members;
        members.binary_search_by(|member| member.part.file().cmp(file)).ok()
    }

    fn log(&self, session_id: SessionId, segment_id: SegmentId) -> Result<usize, StoreError> {
        let key = SegmentKey { session_id, segment_id };
        let log = self.find(&File::Segment(key, SegmentFile::Log));
        log.ok_or(StoreError::NotFound(segment_id))
    }

    fn member(&self, number: usize) -> &Member {
        &self.manifest.members[number]
    }
}

impl<R: Read + Seek> Backup<R> {
    /// Reads entries from a position on, as many as fit in `max_bytes`.
    fn page<E>(
        &self,
        member: usize,
        start: usize,
        max_bytes: usize,
        parse: fn(Vec<u8>) -> Result<E, StoreError>,
    ) -> Result<Vec<E>, StoreError> {
        let mut entries = Vec::new();
        if start >= self.member(member).total.entries {
            return Ok(entries);
        }
        let known = self.resume.lock().unwrap_or_else(PoisonError::into_inner).find(member, start);
        let first = Place { member, entries: 0, position: self.positions[member] };
        let mut place = known.unwrap_or(first);
        let mut content = self.content_from(member, place.position);
        let mut budget = PageBudget::new(max_bytes);
        while let Some(line) = content.line().map_err(read_error)? {
            if place.entries >= start {
                if !budget.admits(line.len()) {
                    break;
                }
                entries.push(parse(line).map_err(|error| corrupt(place.entries + 1, &error))?);
            }
            place.entries += 1;
            place.position = content.position();
        }
        if place.entries < self.member(member).total.entries {
            self.resume.lock().unwrap_or_else(PoisonError::into_inner).add(place);
        }
        Ok(entries)
    }

    /// Reads the member with this number, which is a pod.
    pub(super) fn pod(&self, number: usize) -> Result<Pod, BackupError> {
        let mut content = self.content(number);
        let line = content.line()?.ok_or_else(|| content.damaged("the pod is missing"))?;
        pod(line).map_err(|error| content.damaged(error.to_string()))
    }
}

/// Parses the line of a pod.
pub(super) fn pod(line: Vec<u8>) -> Result<Pod, StoreError> {
    // A pod is a JSON object, as an entry is. Parsing the line as an entry first checks that the
    // line is UTF-8.
    Pod::from_json(LogEntry::from_utf8(line)?.as_json())
}

fn corrupt(line: usize, error: &StoreError) -> StoreError {
    StoreError::Corrupt { line, message: error.to_string() }
}

fn read_error(error: BackupError) -> StoreError {
    StoreError::Io(match error {
        BackupError::Read(error) => error,
        error => io::Error::new(io::ErrorKind::InvalidData, error),
    })
}

/// Returns the error of every method that writes.
fn read_only<T>(operation: &str) -> Result<T, StoreError> {
    let cause = "a backup can only be read; restore it to a store first (session-store restore)";
    Err(StoreError::io(operation, io::Error::new(io::ErrorKind::Unsupported, cause)))
}

impl<R: Read + Seek + Send> Store for Backup<R> {
    fn append(&self, _: SessionId, _: SegmentId, _: &LogEntry) -> Result<(), StoreError> {
        read_only("append an entry to a backup")
    }

    fn read_all(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Vec<LogEntry>, StoreError> {
        self.page(self.log(session_id, segment_id)?, 0, usize::MAX, LogEntry::from_utf8)
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        Ok(self.sessions.clone())
    }

    fn list_segments(&self, session_id: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        let members = &self.manifest.members;
        let start = members.partition_point(|member| match member.part {
            Part::Log(key) | Part::Trace(key) => key.session_id < session_id,
            Part::Pod { .. } => false,
        });
        let mut segments = Vec::new();
        for member in &members[start..] {
            match member.part {
                Part::Log(key) if key.session_id == session_id => segments.push(key.segment_id),
                Part::Trace(key) if key.session_id == session_id => {}
                _ => break,
            }
        }
        segments.reverse();
        Ok(segments)
    }

    fn lookup_session_of(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError> {
        Ok(self.segments.get(&segment_id).copied())
    }

    fn create_segment(&self, _: SessionId, _: SegmentId, _: &[LogEntry]) -> Result<(), StoreError> {
        read_only("create a segment in a backup")
    }

    fn exists(&self, session_id: SessionId, segment_id: SegmentId) -> Result<bool, StoreError> {
        Ok(self.log(session_id, segment_id).is_ok())
    }

    fn read_entry_count(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<usize, StoreError> {
        let log = self.log(session_id, segment_id)?;
        Ok(self.member(log).total.entries)
    }

    fn append_trace(&self, _: SessionId, _: SegmentId, _: &TraceEntry) -> Result<(), StoreError> {
        read_only("append a trace entry to a backup")
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
            .with(Capability::ReadTraces)
            .with(Capability::Persistent)
            .with(Capability::MultiProcess)
    }

    fn pods(&self) -> Option<&dyn PodStore> {
        Some(self)
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        Some(self)
    }

    fn read_page(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<Page, StoreError> {
        let log = self.log(session_id, segment_id)?;
        let entries = self.page(log, start, max_bytes, LogEntry::from_utf8)?;
        Ok(Page::new(entries, Head::new(self.member(log).total.entries, 0)))
    }

    fn segment_info(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Option<SegmentInfo>, StoreError> {
        let Ok(log) = self.log(session_id, segment_id) else { return Ok(None) };
        let total = self.member(log).total;
        let info = SegmentInfo::new(Head::new(total.entries, 0));
        Ok(Some(info.with_bytes(Some(total.bytes))))
    }

    fn read_trace_page(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<TracePage, StoreError> {
        let key = SegmentKey { session_id, segment_id };
        let Some(trace) = self.find(&File::Segment(key, SegmentFile::Trace)) else {
            return Ok(TracePage::default());
        };
        self.page(trace, start, max_bytes, TraceEntry::from_utf8).map(TracePage::new)
    }
}

impl<R: Read + Seek + Send> PodStore for Backup<R> {
    fn put_pod(&self, _: &PodName, _: &Pod) -> Result<(), StoreError> {
        read_only("write a pod to a backup")
    }

    fn read_pod(&self, name: &PodName) -> Result<Option<Pod>, StoreError> {
        let number = self.find(&Part::Pod { name: name.clone() }.file());
        number.map(|number| self.pod(number).map_err(read_error)).transpose()
    }

    fn list_pods(&self) -> Result<Vec<PodName>, StoreError> {
        let names = self.manifest.members.iter().filter_map(|member| match &member.part {
            Part::Pod { name } => Some(name.clone()),
            _ => None,
        });
        let mut names: Vec<_> = names.collect();
        names.sort();
        Ok(names)
    }

    fn delete_pod(&self, _: &PodName) -> Result<bool, StoreError> {
        read_only("delete a pod of a backup")
    }
}

impl<R: Read + Seek + Send> Maintenance for Backup<R> {
    /// Reports the parts that the backup lacks.
    fn check(&self, report: &mut dyn FnMut(Finding)) -> Result<(), StoreError> {
        for missing in &self.manifest.missing {
            let cause = format!("not in the backup: {}", missing.reason);
            let finding = Finding::new(Severity::Fault, missing.part.to_string(), cause).unlisted();
            report(match missing.raw_path() {
                Some(path) => finding.with_remedy(format!("its file is in the archive: {path}")),
                None => finding,
            });
        }
        Ok(())
    }

    fn repair(&self, _: &mut dyn FnMut(Finding)) -> Result<(), StoreError> {
        read_only("repair a backup")
    }
}
