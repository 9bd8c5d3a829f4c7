//! Pods: a hash of names and texts.

use redis::Value;
use session_store_core::{Pod, PodName, PodStore, StoreError};

use crate::RedisStore;
use crate::answer::{Answer, optional, texts};
use crate::client::Call;
use crate::keys::Tag;
use crate::script::{DELETE_POD, PUT_POD};

impl PodStore for RedisStore {
    fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<(), StoreError> {
        self.client.check_size(pod.as_json())?;
        let args = vec![name.as_str().as_bytes(), pod.as_json().as_bytes()];
        let call =
            Call { tag: Tag::Pods, program: &PUT_POD, keys: vec![self.client.keys.pods()], args };
        self.client.change(format_args!("put pod {name}"), call).map(drop)
    }

    fn read_pod(&self, name: &PodName) -> Result<Option<Pod>, StoreError> {
        let attempt = format_args!("read pod {name}");
        let mut read = redis::cmd("HGET");
        read.arg(self.client.keys.pods()).arg(name.as_str());
        let value = self.client.command(attempt, Tag::Pods, &read)?;
        let text = optional(value).ok_or_else(|| self.client.unexpected(attempt))?;
        text.map(|text| pod_of(name, text)).transpose()
    }

    fn list_pods(&self) -> Result<Vec<PodName>, StoreError> {
        let attempt = "list pods";
        let mut list = redis::cmd("HKEYS");
        list.arg(self.client.keys.pods());
        let value: Value = self.client.command(attempt, Tag::Pods, &list)?;
        let names = texts(value).ok_or_else(|| self.client.unexpected(attempt))?;
        // A name that no pod can have is not ours (L4).
        let names = names.into_iter().filter_map(|name| String::from_utf8(name).ok()?.parse().ok());
        let mut names: Vec<_> = names.collect();
        names.sort();
        Ok(names)
    }

    fn delete_pod(&self, name: &PodName) -> Result<bool, StoreError> {
        let (keys, args) = (vec![self.client.keys.pods()], vec![name.as_str().as_bytes()]);
        let call = Call { tag: Tag::Pods, program: &DELETE_POD, keys, args };
        let answer = self.client.change(format_args!("delete pod {name}"), call)?;
        Ok(answer == Answer::Done)
    }
}

fn pod_of(name: &PodName, text: Vec<u8>) -> Result<Pod, StoreError> {
    let corrupt = |found: &dyn std::fmt::Display| StoreError::Corrupt {
        line: 1,
        message: format!("what is stored as pod {name} is none: {found}"),
    };
    let text = String::from_utf8(text).map_err(|error| corrupt(&error))?;
    Pod::from_json(text).map_err(|error| corrupt(&error))
}
