//! References to sessions and segments on the command line: an id, the first characters of an id,
//! or `latest`.

use std::fmt;
use std::num::NonZero;
use std::str::FromStr;

use session_store::{OpenStore, SegmentId, SegmentKey, SessionId, Store};
use uuid::Uuid;

use crate::failure::{Context, Failure};
use crate::latest::{latest_segment, latest_session};
use crate::listing::{for_each_session, read_session};
use crate::store::{list_segments, list_sessions};

/// The word that refers to the session or segment that was written last.
const LATEST: &str = "latest";

/// The number of ids that the message about an ambiguous prefix lists.
const MAX_CANDIDATES: usize = 10;

/// A reference by which the user names a session or a segment.
#[derive(Clone, Debug)]
pub(crate) enum Reference<T> {
    Id(T),
    Prefix(Prefix),
    Latest,
}

/// The first characters of an id, without hyphens and in lower case.
#[derive(Clone, Debug)]
pub(crate) struct Prefix(String);

/// A segment, or an entry of a segment as `search` prints it: `SESSION:SEGMENT:NUMBER`.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) session: Option<Reference<SessionId>>,
    pub(crate) segment: Reference<SegmentId>,
    /// The number of the entry, counted from 1.
    pub(crate) number: Option<NonZero<usize>>,
}

impl FromStr for Place {
    type Err = &'static str;

    /// Parses a place. The rest of a line of `search`, from a third colon on, is ignored.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((session, rest)) = text.split_once(':') else {
            return Ok(Self { session: None, segment: text.parse()?, number: None });
        };
        let expected = "not SESSION:SEGMENT:NUMBER, as search prints it";
        let mut rest = rest.split(':');
        let (segment, number) = rest.next().zip(rest.next()).ok_or(expected)?;
        let number = number.parse().map_err(|_| expected)?;
        Ok(Self {
            session: Some(session.parse()?),
            segment: segment.parse()?,
            number: Some(number),
        })
    }
}

impl<T: FromStr> FromStr for Reference<T> {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == LATEST {
            return Ok(Self::Latest);
        }
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(id));
        }
        let digits = text.replace('-', "").to_ascii_lowercase();
        if (1..32).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self::Prefix(Prefix(digits)));
        }
        Err("not a UUID, the first characters of one, or `latest`")
    }
}

impl<T: fmt::Display> fmt::Display for Reference<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Prefix(Prefix(digits)) => write!(f, "{digits}…"),
            Self::Latest => f.write_str(LATEST),
        }
    }
}

impl<T: Default> Default for Reference<T> {
    /// Returns the reference to a new id.
    fn default() -> Self {
        Self::Id(T::default())
    }
}

impl<T> Reference<T> {
    /// Returns whether this is a whole id, which can name something that does not exist yet.
    pub(crate) const fn is_id(&self) -> bool {
        matches!(self, Self::Id(_))
    }
}

impl Reference<SessionId> {
    /// Returns the id of the session. A full id is returned without a check. For any other
    /// reference, the store must contain the session.
    pub(crate) fn resolve(&self, store: &OpenStore) -> Result<SessionId, Failure> {
        self.find(store)?
            .ok_or_else(|| Failure::not_found(self.finding(store), "the store does not contain it"))
    }

    /// Returns the id of the session, as [`resolve`](Self::resolve) does, or `None` if the store
    /// does not contain a session for a prefix or for `latest`.
    pub(crate) fn find(&self, store: &OpenStore) -> Result<Option<SessionId>, Failure> {
        match self {
            Self::Id(id) => Ok(Some(*id)),
            Self::Prefix(prefix) => prefix
                .find(list_sessions(store)?)
                .map_err(|cause| Failure::cannot(self.finding(store), cause)),
            Self::Latest => latest_session(store),
        }
    }

    fn finding(&self, store: &OpenStore) -> String {
        format!("find session {self} in {}", store.url())
    }
}

impl Reference<SegmentId> {
    /// Returns the reference to the session with the same id, or the same first characters.
    pub(crate) fn as_session(&self) -> Reference<SessionId> {
        match self {
            Self::Id(id) => Reference::Id(Uuid::from(*id).into()),
            Self::Prefix(prefix) => Reference::Prefix(prefix.clone()),
            Self::Latest => Reference::Latest,
        }
    }

    /// Returns the key of the segment, or `None` if no session contains the segment.
    ///
    /// Without a session, a full id is looked up, and a prefix is compared with all segments.
    /// `latest` is then the latest segment of the latest session. A full id in a given session is
    /// returned even if the session does not contain the segment.
    pub(crate) fn find(
        &self,
        session: Option<&Reference<SessionId>>,
        store: &OpenStore,
    ) -> Result<Option<SegmentKey>, Failure> {
        let session = session.map(|session| session.resolve(store)).transpose()?;
        match self {
            Self::Id(segment_id) => {
                let session = session.map_or_else(
                    || store.lookup_session_of(*segment_id).context(|| self.finding(store)),
                    |session_id| Ok(Some(session_id)),
                )?;
                Ok(session.map(|session_id| SegmentKey::new(session_id, *segment_id)))
            }
            Self::Prefix(prefix) => {
                let keys = keys(session, store)?.into_iter();
                let keys = keys.filter(|key| prefix.matches(&key.segment_id)).collect();
                only(keys).map_err(|cause| Failure::cannot(self.finding(store), cause))
            }
            Self::Latest => {
                match session.map_or_else(|| latest_session(store), |id| Ok(Some(id)))? {
                    Some(session_id) => {
                        let segments = read_session(store, session_id).segments?;
                        Ok(latest_segment(store, &segments))
                    }
                    None => Ok(None),
                }
            }
        }
    }

    /// Returns the key of the segment, as [`find`](Self::find) does. Fails if no session contains
    /// the segment.
    pub(crate) fn resolve(
        &self,
        session: Option<&Reference<SessionId>>,
        store: &OpenStore,
    ) -> Result<SegmentKey, Failure> {
        self.find(session, store)?.ok_or_else(|| self.unknown(store))
    }

    /// Creates the error for a segment that no session contains.
    pub(crate) fn unknown(&self, store: &OpenStore) -> Failure {
        Failure::not_found(self.finding(store), "no session contains it")
    }

    fn finding(&self, store: &OpenStore) -> String {
        format!("find segment {self} in {}", store.url())
    }
}

impl Prefix {
    fn matches(&self, id: &impl fmt::Display) -> bool {
        id.to_string().replace('-', "").starts_with(&self.0)
    }

    fn find<T: fmt::Display>(&self, ids: Vec<T>) -> Result<Option<T>, String> {
        only(ids.into_iter().filter(|id| self.matches(id)).collect())
    }
}

/// Returns the only candidate, or `None` if there are no candidates. Several candidates are an
/// error, and its message lists them.
fn only<T: fmt::Display>(mut candidates: Vec<T>) -> Result<Option<T>, String> {
    if candidates.len() < 2 {
        return Ok(candidates.pop());
    }
    let mut message = format!("{} ids begin with it:", candidates.len());
    for candidate in candidates.iter().take(MAX_CANDIDATES) {
        message += &format!("\n  {candidate}");
    }
    if candidates.len() > MAX_CANDIDATES {
        message += "\n  …";
    }
    Err(message)
}

/// Returns the segments of a session, or of all sessions.
fn keys(session: Option<SessionId>, store: &OpenStore) -> Result<Vec<SegmentKey>, Failure> {
    if let Some(session_id) = session {
        let segments = list_segments(store, session_id)?.into_iter();
        return Ok(segments.map(|segment_id| SegmentKey { session_id, segment_id }).collect());
    }
    let mut keys = Vec::new();
    for_each_session(store, |session| {
        keys.extend(session.segments?.into_iter().map(|segment| segment.key));
        Ok(())
    })?;
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0ccf1a04-1b4c-43b6-8aa5-79e41db43a68", "0ccf1a04-1b4c-43b6-8aa5-79e41db43a68")]
    #[case("0ccf1a041b4c43b68aa579e41db43a68", "0ccf1a04-1b4c-43b6-8aa5-79e41db43a68")]
    #[case("0CCF1A04-1b", "0ccf1a041b…")]
    #[case("7", "7…")]
    #[case("latest", "latest")]
    fn a_reference_is_parsed(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(text.parse::<Reference<SegmentId>>().unwrap().to_string(), shown);
    }

    #[rstest]
    #[case::segment("7", None, "7…", None)]
    #[case::place("0c:7:12", Some("0c…"), "7…", Some(12))]
    #[case::line("0c:7:12:user: a:b", Some("0c…"), "7…", Some(12))]
    fn a_place_is_a_segment_or_the_beginning_of_a_hit(
        #[case] text: &str,
        #[case] session: Option<&str>,
        #[case] segment: &str,
        #[case] number: Option<usize>,
    ) {
        let place: Place = text.parse().unwrap();
        assert_eq!(place.session.map(|session| session.to_string()).as_deref(), session);
        assert_eq!(place.segment.to_string(), segment);
        assert_eq!(place.number.map(NonZero::get), number);
    }

    #[rstest]
    #[case("0c:7")]
    #[case("0c:7:0")]
    #[case("0c:7:x")]
    #[case(":7:1")]
    fn an_incomplete_place_is_refused(#[case] text: &str) {
        assert!(text.parse::<Place>().is_err());
    }

    #[rstest]
    #[case("")]
    #[case("-")]
    #[case("last")]
    #[case("0ccf1a04-1b4c-43b6-8aa5-79e41db43a68f")]
    fn another_text_is_refused(#[case] text: &str) {
        assert!(text.parse::<Reference<SegmentId>>().is_err());
    }
}
