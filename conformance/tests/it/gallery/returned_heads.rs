//! Stores whose conditional writes expect or return the wrong head, and stores that return an old
//! head again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use session_store_core::{
    Capabilities, Capability, Head, ListOptions, LogEntry, Page, SegmentId, SegmentInfo,
    SegmentKey, SessionId, Store, StoreError,
};

use super::broken;
use crate::variant::{Inner, Result};

/// Returns the token of a head.
fn token(head: Head) -> u128 {
    let text = head.to_string();
    let token = text.split_once('@').map(|(_, token)| u128::from_str_radix(token, 16));
    token.and_then(std::result::Result::ok).expect("a head has a token")
}

/// The tokens that a broken store shows in the place of the tokens of the memory store.
#[derive(Default)]
struct Tokens {
    shown: Mutex<BTreeMap<u128, u128>>,
    one_at_a_time: Mutex<()>,
}

impl Tokens {
    fn head(&self, head: Head) -> Head {
        let own = token(head);
        Head::new(head.entries(), self.shown.lock().unwrap().get(&own).copied().unwrap_or(own))
    }

    /// Shows the token of `before` in the place of the token of `after`.
    fn keep(&self, before: Head, after: Head) {
        self.shown.lock().unwrap().insert(token(after), token(before));
    }

    /// Makes a conditional call if `expected` is the shown head. The call gets the head of the
    /// memory store.
    fn if_expected(
        &self,
        (inner, s, g): (&Inner, SessionId, SegmentId),
        expected: Option<Head>,
        call: impl FnOnce(Option<Head>) -> Result<Head>,
    ) -> Result<Head> {
        let _one_at_a_time = self.one_at_a_time.lock().unwrap();
        let own = inner.head(s, g)?;
        let actual = own.map(|head| self.head(head));
        if actual != expected {
            return Err(StoreError::Conflict { expected, actual });
        }
        Ok(self.head(call(own)?))
    }
}

/// Defines the methods that return heads. They return the shown heads.
macro_rules! with_shown_heads {
    () => {
        fn head(&self, s: SessionId, g: SegmentId) -> Result<Option<Head>> {
            Ok(self.inner.head(s, g)?.map(|head| self.tokens.head(head)))
        }

        fn segment_info(&self, s: SessionId, g: SegmentId) -> Result<Option<SegmentInfo>> {
            Ok(self.head(s, g)?.map(SegmentInfo::new))
        }

        fn list_infos(&self, options: &ListOptions) -> Result<Vec<(SegmentKey, SegmentInfo)>> {
            let infos = self.inner.list_infos(options)?.into_iter();
            let shown = |info: SegmentInfo| SegmentInfo::new(self.tokens.head(info.head));
            Ok(infos.map(|(key, info)| (key, shown(info))).collect())
        }

        fn read_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<Page> {
            let page = self.inner.read_page(s, g, start, bytes)?;
            Ok(Page::new(page.entries, self.tokens.head(page.head)))
        }

        fn append_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Option<Head>,
            entries: &[LogEntry],
        ) -> Result<Head> {
            let append = |own| self.inner.append_if(s, g, own, entries);
            self.tokens.if_expected((&self.inner, s, g), expected, append)
        }
    };
}

broken! {
    /// truncate_if does not change the token of the head.
    truncating_conditionally_keeps_the_token in shared {
        with_shown_heads! {}

        fn truncate_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Head,
            len: usize,
        ) -> Result<Head> {
            self.tokens.if_expected((&self.inner, s, g), Some(expected), |own| {
                let before = own.ok_or(StoreError::NotFound(g))?;
                let after = self.inner.truncate_if(s, g, before, len)?;
                self.tokens.keep(self.tokens.head(before), after);
                Ok(after)
            })
        }
    }
    state { tokens: Tokens }
    caught by { h4_regrown_after_truncate_if_is_a_conflict }
}

broken! {
    /// truncate_if to the current length gives the head a new token.
    truncating_to_the_length_moves_the_head in shared {
        fn truncate_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Head,
            len: usize,
        ) -> Result<Head> {
            let head = self.inner.truncate_if(s, g, expected, len)?;
            if head != expected {
                return Ok(head);
            }
            let entries = self.inner.read_all(s, g)?;
            self.inner.create_segment(s, g, &entries)?;
            self.inner.head(s, g)?.ok_or(StoreError::NotFound(g))
        }
    }
    caught by {
        h3_for_every_expected_head
        h6_its_own_length_changes_nothing
    }
}

broken! {
    /// truncate_if past the end fails, but gives the head a new token.
    truncating_past_the_end_moves_the_head in shared {
        fn truncate_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Head,
            len: usize,
        ) -> Result<Head> {
            let result = self.inner.truncate_if(s, g, expected, len);
            if matches!(result, Err(StoreError::Corrupt { .. })) {
                let entries = self.inner.read_all(s, g)?;
                self.inner.create_segment(s, g, &entries)?;
            }
            result
        }
    }
    caught by {
        h3_for_every_expected_head
        h6_past_the_end_changes_nothing
    }
}

broken! {
    /// truncate_if past the end succeeds, and keeps the whole log.
    truncating_conditionally_accepts_any_length in shared {
        fn truncate_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Head,
            len: usize,
        ) -> Result<Head> {
            self.inner.truncate_if(s, g, expected, len.min(expected.entries()))
        }
    }
    caught by { h6_a_writer_rolls_back_its_own h6_past_the_end_changes_nothing }
}

broken! {
    /// truncate_if deletes the segment and creates it again, so the trace is lost.
    truncating_conditionally_takes_the_trace in shared {
        fn truncate_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Head,
            len: usize,
        ) -> Result<Head> {
            let head = self.inner.truncate_if(s, g, expected, len)?;
            let has_trace = !self.inner.read_trace_page(s, g, 0, 1)?.entries.is_empty();
            if head == expected || !has_trace {
                return Ok(head);
            }
            let kept = self.inner.read_all(s, g)?;
            self.inner.delete_segment(s, g)?;
            self.inner.create_segment(s, g, &kept)?;
            self.inner.head(s, g)?.ok_or(StoreError::NotFound(g))
        }
    }
    caught by { h6_other_data_stays }
}

broken! {
    /// append_if with None appends to an existing empty segment.
    none_expects_no_entries in shared {
        fn append_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Option<Head>,
            entries: &[LogEntry],
        ) -> Result<Head> {
            let head = self.inner.head(s, g)?;
            let is_empty = head.is_some_and(|head| head.entries() == 0);
            let expected = if expected.is_none() && is_empty { head } else { expected };
            self.inner.append_if(s, g, expected, entries)
        }
    }
    caught by { h2_none_is_not_an_empty_segment }
}

broken! {
    /// append_if with None returns Conflict if only a trace exists.
    none_expects_no_trace in shared {
        fn append_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Option<Head>,
            entries: &[LogEntry],
        ) -> Result<Head> {
            let has_trace = !self.inner.read_trace_page(s, g, 0, 1)?.entries.is_empty();
            if expected.is_none() && has_trace {
                let actual = self.inner.head(s, g)?.or(Some(Head::new(0, 0)));
                return Err(StoreError::Conflict { expected, actual });
            }
            self.inner.append_if(s, g, expected, entries)
        }
    }
    caught by { h2_a_trace_is_no_segment x2_a_trace_may_come_first }
}

broken! {
    /// append_if without entries creates no segment if only a trace exists.
    only_a_trace_stays_alone in shared {
        fn append_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Option<Head>,
            entries: &[LogEntry],
        ) -> Result<Head> {
            let has_trace = !self.inner.read_trace_page(s, g, 0, 1)?.entries.is_empty();
            if expected.is_none() && has_trace && entries.is_empty() {
                return Ok(Head::new(0, 0));
            }
            self.inner.append_if(s, g, expected, entries)
        }
    }
    caught by { h2_a_trace_is_no_segment }
}

broken! {
    /// append_if appends first and reads the head later, so it returns the head of another write.
    append_if_returns_a_later_head in shared {
        fn append_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Option<Head>,
            entries: &[LogEntry],
        ) -> Result<Head> {
            self.inner.append_if(s, g, expected, entries)?;
            self.inner.wait_for_another_call();
            self.inner.head(s, g)?.ok_or(StoreError::NotFound(g))
        }
    }
    caught by { h2_the_returned_head_is_not_of_a_later_log h2_the_returned_head_is_of_the_call }
}

broken! {
    /// append_if returns the right number of entries, but the token of a later write.
    append_if_returns_a_later_token in shared {
        fn append_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Option<Head>,
            entries: &[LogEntry],
        ) -> Result<Head> {
            let own = self.inner.append_if(s, g, expected, entries)?;
            self.inner.wait_for_another_call();
            let later = self.inner.head(s, g)?.ok_or(StoreError::NotFound(g))?;
            Ok(Head::new(own.entries(), token(later)))
        }
    }
    caught by { h2_the_returned_head_is_not_of_a_later_log }
}

broken! {
    /// truncate_if truncates first and reads the head later. It returns the head of another write.
    truncate_if_returns_a_later_head in shared {
        fn truncate_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Head,
            len: usize,
        ) -> Result<Head> {
            self.inner.truncate_if(s, g, expected, len)?;
            self.inner.wait_for_another_call();
            self.inner.head(s, g)?.ok_or(StoreError::NotFound(g))
        }
    }
    caught by { h6_the_returned_head_is_of_the_call }
}

/// For each storage, the tokens that the open handles have seen, in the order of appearance.
static SEEN: Mutex<BTreeMap<usize, Vec<u128>>> = Mutex::new(BTreeMap::new());

/// Numbers the tokens from 0, each time that the storage is opened.
#[derive(Default)]
struct CountedTokens(Tokens);

impl CountedTokens {
    fn count(&self, inner: &Arc<Inner>, head: Head) -> Head {
        let own = token(head);
        let mut seen = SEEN.lock().unwrap();
        let seen = seen.entry(Arc::as_ptr(inner) as usize).or_default();
        let number = seen.iter().position(|other| *other == own).unwrap_or_else(|| {
            seen.push(own);
            seen.len() - 1
        });
        self.0.shown.lock().unwrap().insert(own, number as u128);
        self.0.head(head)
    }
}

broken! {
    /// Tokens are not random, but the numbers of changes since the storage was opened.
    tokens_count_from_the_opening in for_each_handle {
        fn head(&self, s: SessionId, g: SegmentId) -> Result<Option<Head>> {
            Ok(self.inner.head(s, g)?.map(|head| self.tokens.count(&self.inner, head)))
        }

        fn segment_info(&self, s: SessionId, g: SegmentId) -> Result<Option<SegmentInfo>> {
            Ok(self.head(s, g)?.map(SegmentInfo::new))
        }

        fn list_infos(&self, options: &ListOptions) -> Result<Vec<(SegmentKey, SegmentInfo)>> {
            let infos = self.inner.list_infos(options)?.into_iter();
            let shown = |info: SegmentInfo| {
                SegmentInfo::new(self.tokens.count(&self.inner, info.head))
            };
            Ok(infos.map(|(key, info)| (key, shown(info))).collect())
        }

        fn read_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<Page> {
            let page = self.inner.read_page(s, g, start, bytes)?;
            Ok(Page::new(page.entries, self.tokens.count(&self.inner, page.head)))
        }

        fn capabilities(&self) -> Capabilities {
            let has = |&capability: &Capability| capability != Capability::ConditionalAppend;
            self.inner.declared().iter().filter(has).collect()
        }

        fn append_if(
            &self,
            _: SessionId,
            _: SegmentId,
            _: Option<Head>,
            _: &[LogEntry],
        ) -> Result<Head> {
            let capability = Capability::ConditionalAppend;
            Err(StoreError::Unsupported { operation: "append_if", capability })
        }

        fn truncate_if(&self, _: SessionId, _: SegmentId, _: Head, _: usize) -> Result<Head> {
            let capability = Capability::ConditionalAppend;
            Err(StoreError::Unsupported { operation: "truncate_if", capability })
        }

        fn close(&self) {
            // The storage has one reference, and each handle has one.
            if Arc::strong_count(&self.inner) == 2 {
                SEEN.lock().unwrap().remove(&(Arc::as_ptr(&self.inner) as usize));
            }
        }
    }
    state { tokens: CountedTokens }
    caught by { h1_no_head_comes_back }
}
