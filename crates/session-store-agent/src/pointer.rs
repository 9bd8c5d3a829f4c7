//! Changes the pointer of a pod and keeps all other fields of the pod. The pointer is the field
//! `active`. It names the session and the segment of the pod's conversation.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde::{Serialize, Serializer};
use session_store_core::{ActiveSegment, Pod, StoreError};

use crate::json::Json;

/// Returns the pod with another pointer. All other fields keep their text and order.
pub(crate) fn with_pointer(pod: Option<&Pod>, active: ActiveSegment) -> Result<Pod, StoreError> {
    let Some(pod) = pod else { return Ok(Pod::new(active.session_id, active.segment_id)) };
    let mut fields: Fields = pod.decode()?;
    let pointer = Json::encode(&active)?;
    match fields.0.iter_mut().find(|(name, _)| name == "active") {
        Some((_, value)) => *value = pointer,
        None => fields.0.push(("active".to_owned(), pointer)),
    }
    Pod::encode(&fields)
}

/// The fields of an object in their order, with the text of each value.
struct Fields(Vec<(String, Json)>);

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use session_store_core::{SegmentId, SessionId};
    use uuid::Uuid;

    use super::*;

    #[rstest]
    #[case::no_pointer("{\"b\":1.0,\"a\":1e999}", "{\"b\":1.0,\"a\":1e999,\"active\":@}")]
    #[case::null("{\"active\":null,\"x\":\"\\ud800\"}", "{\"active\":@,\"x\":\"\\ud800\"}")]
    #[case::empty("{}", "{\"active\":@}")]
    fn only_the_pointer_changes(#[case] before: &str, #[case] after: &str) {
        // In `after`, `@` is a placeholder for the pointer.
        let session_id = SessionId::from(Uuid::nil());
        let active = ActiveSegment { session_id, segment_id: Some(SegmentId::from(Uuid::nil())) };
        let pod = Pod::from_json(before).unwrap();
        let pointer = serde_json::to_string(&active).unwrap();
        let changed = with_pointer(Some(&pod), active).unwrap();
        assert_eq!(changed.as_json(), after.replace('@', &pointer));
    }
}
