//! Stores whose pages have a wrong limit or position, and stores that lose entries of some sizes.

use session_store_core::{
    Entry, LogEntry, Page, SegmentId, SessionId, Store, TraceEntry, TracePage,
};

use super::{broken, entry};
use crate::variant::Result;

/// Returns the limit in bytes for a page of the first entries that together have at most
/// `characters` characters.
fn bytes_for<E: Entry>(entries: &[E], characters: usize) -> usize {
    let mut left = characters;
    let fits = |entry: &&E| {
        let count = entry.as_json().chars().count();
        let fits = count <= left;
        left = left.saturating_sub(count);
        fits
    };
    entries.iter().take_while(fits).map(|entry| entry.as_json().len()).sum()
}

/// Returns the position as it is stored in 32 bits. The largest position stands for no position.
fn in_32_bits(position: usize) -> usize {
    if position == usize::MAX { position } else { position as u32 as usize }
}

broken! {
    /// Ends a page before an entry that would fill the page exactly.
    pages_are_never_full in shared {
        fn read_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<Page> {
            self.inner.read_page(s, g, start, bytes.saturating_sub(1))
        }
    }
    caught by { r6_a_page_can_be_exactly_full r6_sizes_are_bytes }
}

broken! {
    /// Takes the limit of a page for a number of characters instead of bytes.
    pages_count_characters in shared {
        fn read_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<Page> {
            let all = self.inner.read_all(s, g)?;
            if all.iter().all(|entry| entry.as_json().is_ascii()) {
                return self.inner.read_page(s, g, start, bytes);
            }
            let bytes = bytes_for(all.get(start..).unwrap_or_default(), bytes);
            self.inner.read_page(s, g, start, bytes)
        }
    }
    caught by { r6_sizes_are_bytes }
}

broken! {
    /// Stores the start of a page in 32 bits.
    positions_have_32_bits in shared {
        fn read_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<Page> {
            self.inner.read_page(s, g, in_32_bits(start), bytes)
        }
    }
    caught by { r6_large_positions_are_past_the_end }
}

broken! {
    /// Stores the limit of a page in 32 bits.
    limits_have_32_bits in shared {
        fn read_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<Page> {
            self.inner.read_page(s, g, start, bytes as u32 as usize)
        }
    }
    caught by { r6_large_limits_hold_everything }
}

broken! {
    /// Ends a page of a trace before an entry that would fill the page exactly.
    trace_pages_are_never_full in shared {
        fn read_trace_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<TracePage> {
            self.inner.read_trace_page(s, g, start, bytes.saturating_sub(1))
        }
    }
    caught by { x3_a_page_can_be_exactly_full x3_sizes_are_bytes }
}

broken! {
    /// Takes the limit of a page of a trace for a number of characters instead of bytes.
    trace_pages_count_characters in shared {
        fn read_trace_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<TracePage> {
            let all = self.inner.read_trace_page(s, g, 0, usize::MAX)?.entries;
            let bytes = bytes_for(all.get(start..).unwrap_or_default(), bytes);
            self.inner.read_trace_page(s, g, start, bytes)
        }
    }
    caught by { x3_sizes_are_bytes }
}

broken! {
    /// Stores the start of a page of a trace in 32 bits.
    trace_positions_have_32_bits in shared {
        fn read_trace_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<TracePage> {
            self.inner.read_trace_page(s, g, in_32_bits(start), bytes)
        }
    }
    caught by { x3_large_positions_and_limits }
}

broken! {
    /// Stores the limit of a page of a trace in 32 bits.
    trace_limits_have_32_bits in shared {
        fn read_trace_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<TracePage> {
            self.inner.read_trace_page(s, g, start, bytes as u32 as usize)
        }
    }
    caught by { x3_large_positions_and_limits }
}

/// Returns the entry, or `{}` if the size of the entry is exactly `lost`.
fn unless_of_size(given: &LogEntry, lost: usize) -> LogEntry {
    if given.as_json().len() == lost { entry("{}") } else { given.clone() }
}

broken! {
    /// Loses the text of an entry that fills a block exactly.
    loses_what_fills_a_block in shared {
        fn append(&self, s: SessionId, g: SegmentId, given: &LogEntry) -> Result<()> {
            self.inner.append(s, g, &unless_of_size(given, 4_096))
        }
    }
    caught by { e4_sizes_around_powers_of_two }
}

broken! {
    /// append_all stores the length of each entry in 16 bits.
    lengths_in_batches_have_16_bits in shared {
        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            let stored: Vec<_> =
                entries.iter().map(|given| unless_of_size(given, 1 << 16)).collect();
            self.inner.append_all(s, g, &stored)
        }
    }
    caught by { e4_sizes_around_powers_of_two }
}

broken! {
    /// create_segment loses the last entry if the entries fill whole pages of 4 KiB.
    creates_up_to_a_page in shared {
        fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            let size: usize = entries.iter().map(|entry| entry.as_json().len() + 1).sum();
            let is_full = size > 0 && size.is_multiple_of(4_096);
            self.inner.create_segment(s, g, &entries[..entries.len() - usize::from(is_full)])
        }
    }
    caught by { e4_logs_around_powers_of_two }
}

broken! {
    /// Loses an append to a log that ends exactly at a page boundary.
    appends_after_a_full_page_are_lost in shared {
        fn append(&self, s: SessionId, g: SegmentId, given: &LogEntry) -> Result<()> {
            let bytes = self.inner.segment_info(s, g)?.and_then(|info| info.bytes).unwrap_or(0);
            if bytes == 65_536 { Ok(()) } else { self.inner.append(s, g, given) }
        }
    }
    caught by { e4_logs_around_powers_of_two }
}

broken! {
    /// Stores {} in the place of a trace entry that is too long for a column of 64 KiB.
    traces_have_a_column_of_64_kib in shared {
        fn append_trace(&self, s: SessionId, g: SegmentId, given: &TraceEntry) -> Result<()> {
            if given.as_json().len() > 1 << 16 {
                return self.inner.append_trace(s, g, &TraceEntry::from_json("{}")?);
            }
            self.inner.append_trace(s, g, given)
        }
    }
    caught by { x3_sizes_around_powers_of_two }
}
