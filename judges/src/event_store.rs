//! `Events`: a segment as an event store, for the suite of the crate `happenstance-testkit`.

use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_core::Stream;
use happenstance_core::{
    AppendCondition, AppendError, ConditionViolated, Event, EventId, Query, ReadOptions,
    RecordedAt, SendEventStore, SequencePosition, SequencedEvent, StoreId, Tag, Tags,
};
use serde_json::{Value, json};
use session_store::{Head, LogEntry, SegmentId, SegmentKey, SessionId, Store, StoreError};

/// A handle of an event store. Each event is an entry of one segment.
pub struct Events {
    store: Arc<dyn Store>,
    log: SegmentKey,
}

impl Events {
    /// Returns a new address of an event store.
    pub fn new_log() -> SegmentKey {
        SegmentKey::new(SessionId::new(), SegmentId::new())
    }

    /// Creates a handle.
    pub fn new(store: Arc<dyn Store>, log: SegmentKey) -> Self {
        Self { store, log }
    }

    fn stored(&self) -> Result<Vec<SequencedEvent>, StoreError> {
        match self.store.read_all(self.log.session_id, self.log.segment_id) {
            Ok(entries) => {
                Ok((1..).zip(&entries).map(|(n, entry)| self.decode(n, entry)).collect())
            }
            Err(StoreError::NotFound(_)) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    fn count(&self) -> Result<u64, StoreError> {
        Ok(self.stored()?.len() as u64)
    }

    fn id(&self) -> StoreId {
        StoreId::from_bytes(*uuid::Uuid::from(self.log.segment_id).as_bytes())
    }

    fn decode(&self, position: u64, entry: &LogEntry) -> SequencedEvent {
        let value: Value = serde_json::from_str(entry.as_json()).expect("an entry is JSON");
        let bytes = |field: &str| {
            let text = value[field].as_str()?;
            Some(STANDARD.decode(text).expect("the adapter stores Base64"))
        };
        let kind = value["type"].as_str().expect("an event has a type");
        let tags = value["tags"].as_array().expect("an event has tags").iter();
        let tags = tags.map(|tag| Tag::new(tag.as_str().expect("a tag is a text")).expect("valid"));
        let data = bytes("data").expect("an event has data");
        let mut event = Event::new(kind, data).expect("valid").with_tags(tags.collect::<Tags>());
        if let Some(metadata) = bytes("metadata") {
            event = event.with_metadata(metadata);
        }
        let recorded = RecordedAt::from_millis(value["at"].as_i64().expect("an event has a time"));
        let position = self::position(position);
        SequencedEvent::new(position, EventId::new(self.id(), position), recorded, event)
    }

    fn try_append(
        &self,
        entries: &[LogEntry],
        condition: Option<&AppendCondition>,
    ) -> Result<Head, AppendError<StoreError>> {
        let (session, segment) = (self.log.session_id, self.log.segment_id);
        let head = self.store.head(session, segment).map_err(AppendError::Store)?;
        if let Some(condition) = condition {
            let stored = self.stored().map_err(AppendError::Store)?;
            let conflict = stored.iter().find(|event| {
                condition.is_violated_by(event.position, event.event_type(), event.tags())
            });
            if let Some(event) = conflict {
                return Err(ConditionViolated::at(event.position).into());
            }
        }
        crate::pause();
        self.store.append_if(session, segment, head, entries).map_err(AppendError::Store)
    }
}

fn position(n: u64) -> SequencePosition {
    SequencePosition::new(n).expect("positions begin at 1")
}

fn encode(event: &Event, at: u128) -> LogEntry {
    let tags: Vec<_> = event.tags().iter().map(Tag::as_str).collect();
    let metadata = event.metadata().map(|bytes| STANDARD.encode(bytes));
    let value = json!({
        "type": event.event_type().as_str(), "tags": tags, "data": STANDARD.encode(event.data()),
        "metadata": metadata, "at": at as u64,
    });
    LogEntry::from_json(value.to_string()).expect("an object is an entry")
}

impl SendEventStore for Events {
    type Error = StoreError;

    fn read(
        &self,
        query: &Query,
        options: ReadOptions,
    ) -> impl Stream<Item = Result<SequencedEvent, StoreError>> + Send {
        let selected = self.stored().map(|mut events| {
            if options.backwards {
                events.reverse();
            }
            let (from, to) = match options.backwards {
                true => (options.to, options.from),
                false => (options.from, options.to),
            };
            events.retain(|event| {
                query.matches(event.event_type(), event.tags())
                    && from.is_none_or(|from| event.position >= from)
                    && to.is_none_or(|to| event.position <= to)
            });
            events.truncate(options.limit.unwrap_or(usize::MAX));
            events
        });
        let items: Vec<_> = match selected {
            Ok(events) => events.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        };
        futures_lite::stream::iter(items)
    }

    async fn append(
        &self,
        events: &[Event],
        condition: Option<&AppendCondition>,
    ) -> Result<SequencePosition, AppendError<StoreError>> {
        if events.is_empty() {
            return Err(AppendError::NoEvents);
        }
        let now = SystemTime::UNIX_EPOCH.elapsed().expect("the clock is right").as_millis();
        let entries: Vec<_> = events.iter().map(|event| encode(event, now)).collect();
        loop {
            match self.try_append(&entries, condition) {
                Err(AppendError::Store(StoreError::Conflict { .. })) => {}
                result => return result.map(|head| position(head.entries() as u64)),
            }
        }
    }

    async fn head(&self) -> Result<Option<SequencePosition>, StoreError> {
        Ok(SequencePosition::new(self.count()?))
    }

    async fn contains_event_id(&self, id: EventId) -> Result<bool, StoreError> {
        Ok(id.store() == self.id() && id.position().get() <= self.count()?)
    }
}
