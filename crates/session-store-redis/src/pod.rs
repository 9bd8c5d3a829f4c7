//! `RedisStore` as a `PodStore`: stores the pods in one Redis hash, which maps their names to their
//! JSON texts.
//!
//! A pod is a named agent with a pointer to its active session and segment.

use std::fmt::Display;

use session_store_core::{Pod, PodName, PodStore, StoreError};

use crate::error::RequestError;
use crate::keys::Tag;
use crate::reply::{ChangeReply, byte_string_or_nil, byte_strings};
use crate::script::{Call, DELETE_POD, PUT_POD};
use crate::store::RedisStore;

impl PodStore for RedisStore {
    fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<(), StoreError> {
        self.put(name, "", pod)
    }

    fn read_pod(&self, name: &PodName) -> Result<Option<Pod>, StoreError> {
        self.client.perform(format_args!("read pod {name}"), |client| {
            let mut read = redis::cmd("HGET");
            read.arg(client.keys.pods()).arg(name.as_str());
            let text = byte_string_or_nil(client.command(Tag::Pods, &read)?)?;
            Ok(text.map(|text| parse(name, text)).transpose()?)
        })
    }

    fn list_pods(&self) -> Result<Vec<PodName>, StoreError> {
        self.client.perform("list pods", |client| {
            let mut list = redis::cmd("HKEYS");
            list.arg(client.keys.pods());
            let names = byte_strings(client.command(Tag::Pods, &list)?)?.into_iter();
            // Ignore an invalid name, because another program has stored it (L4).
            let names = names.filter_map(|name| String::from_utf8(name).ok()?.parse().ok());
            let mut names: Vec<_> = names.collect();
            names.sort();
            Ok(names)
        })
    }

    fn put_pod_if(
        &self,
        name: &PodName,
        expected: Option<&Pod>,
        pod: &Pod,
    ) -> Result<(), StoreError> {
        self.put(name, expected.map_or("none", Pod::as_json), pod)
    }

    fn delete_pod(&self, name: &PodName) -> Result<bool, StoreError> {
        self.client.perform(format_args!("delete pod {name}"), |client| {
            let call =
                Call::new(&DELETE_POD, Tag::Pods).keys([client.keys.pods()]).arg(name.as_str());
            Ok(client.change(call)? == ChangeReply::Done)
        })
    }
}

impl RedisStore {
    /// Puts a pod if the stored text is `expected`.
    ///
    /// `expected` is the text of a pod. The word `none` expects that the pod does not exist. An
    /// empty text accepts every stored pod.
    fn put(&self, name: &PodName, expected: &str, pod: &Pod) -> Result<(), StoreError> {
        self.client.perform(format_args!("put pod {name}"), |client| {
            client.check_size(expected)?;
            client.check_size(pod.as_json())?;
            let call = Call::new(&PUT_POD, Tag::Pods).keys([client.keys.pods()]).args([
                name.as_str(),
                pod.as_json(),
                expected,
            ]);
            match client.change(call)? {
                ChangeReply::Done => Ok(()),
                ChangeReply::PodConflict => {
                    Err(StoreError::PodConflict { name: name.to_string() }.into())
                }
                _ => Err(RequestError::UnexpectedReply),
            }
        })
    }
}

fn parse(name: &PodName, text: Vec<u8>) -> Result<Pod, StoreError> {
    let corrupt = |cause: &dyn Display| StoreError::Corrupt {
        line: 1,
        message: format!("the text stored for pod {name} is not a pod: {cause}"),
    };
    let text = String::from_utf8(text).map_err(|error| corrupt(&error))?;
    Pod::from_json(text).map_err(|error| corrupt(&error))
}
