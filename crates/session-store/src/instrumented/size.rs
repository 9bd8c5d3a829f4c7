//! The sizes of arguments and results, which are fields of a span.

use std::io::Read;

use session_store_core::{
    Entry, Head, LogEntry, Page, Pod, PodName, SegmentId, SegmentInfo, SegmentKey, SessionId,
    TraceEntry, TracePage,
};
use tracing::Span;

/// The size of an argument or a result.
#[derive(Clone, Copy)]
pub(super) struct Size {
    /// The number of entries, ids, names or pods.
    count: Option<usize>,
    /// The number of bytes in the texts of the entries or pods.
    bytes: Option<usize>,
}

impl Size {
    pub(super) const NONE: Self = Self { count: None, bytes: None };

    const fn of_count(count: usize) -> Self {
        Self { count: Some(count), bytes: None }
    }

    fn of_entries<'a, E: Entry>(entries: impl IntoIterator<Item = &'a E>) -> Self {
        let sizes = entries.into_iter().map(|entry| entry.as_json().len());
        let (count, bytes) = sizes.fold((0, 0), |(count, bytes), size| (count + 1, bytes + size));
        Self { count: Some(count), bytes: Some(bytes) }
    }

    /// Returns this size. A number that is unknown in this size is taken from `other`.
    pub(super) fn or(self, other: Self) -> Self {
        Self { count: self.count.or(other.count), bytes: self.bytes.or(other.bytes) }
    }

    pub(super) fn record(self, span: &Span) {
        if let Some(count) = self.count {
            span.record("count", count);
        }
        if let Some(bytes) = self.bytes {
            span.record("bytes", bytes);
        }
    }
}

/// A value with a size.
pub(super) trait Measure {
    fn size(&self) -> Size;
}

/// Implements the trait for types. An expression computes the size of each type.
macro_rules! measure {
    ($($type:ty: |$value:pat_param| $size:expr;)*) => { $(
        impl Measure for $type {
            fn size(&self) -> Size {
                let $value = self;
                $size
            }
        }
    )* };
}

measure! {
    (): |()| Size::NONE;
    bool: |_| Size::NONE;
    Head: |_| Size::NONE;
    Option<Head>: |_| Size::NONE;
    Option<SegmentInfo>: |_| Size::NONE;
    Option<SessionId>: |_| Size::NONE;
    usize: |count| Size::of_count(*count);
    Vec<SessionId>: |ids| Size::of_count(ids.len());
    Vec<SegmentId>: |ids| Size::of_count(ids.len());
    Vec<PodName>: |names| Size::of_count(names.len());
    Vec<(SegmentKey, SegmentInfo)>: |infos| Size::of_count(infos.len());
    LogEntry: |entry| Size::of_entries(std::slice::from_ref(entry));
    TraceEntry: |entry| Size::of_entries(std::slice::from_ref(entry));
    [LogEntry]: |entries| Size::of_entries(entries);
    Vec<LogEntry>: |entries| Size::of_entries(entries);
    Page: |page| Size::of_entries(&page.entries);
    (Vec<LogEntry>, Option<Head>): |(entries, _)| Size::of_entries(entries);
    (Vec<Option<LogEntry>>, Option<Head>):
        |(entries, _)| Size::of_entries(entries.iter().flatten());
    TracePage: |page| Size::of_entries(&page.entries);
    Pod: |pod| Size { count: None, bytes: Some(pod.as_json().len()) };
    Option<Box<dyn Read>>: |_| Size::NONE;
    Option<Pod>: |pod| pod.as_ref().map_or(Size::NONE, Measure::size);
}
