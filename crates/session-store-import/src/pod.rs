//! Stores a pod from a file. A pod is a named agent with a pointer to its active session.

use std::fs;

use session_store_core::{Pod, PodFolder, PodName, PodStore, Store, StoreError, error_chain};

use crate::options::{OnConflict, Options};
use crate::report::{State, UnitReport};
use crate::unit::Unit;

/// The size of the largest file that is read as a pod, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// Stores a pod if the store does not have it. If the store has a different pod of this name, the
/// options determine the outcome: the stored pod is replaced, or the file is skipped, or a conflict
/// is reported.
pub(crate) fn store(unit: &Unit, to: &dyn Store, options: &Options) -> UnitReport {
    let (name, pod) = match read(unit) {
        Ok(read) => read,
        Err(reason) => return unit.report(State::Refused, reason),
    };
    let (state, reason) = match to.pods() {
        None => (State::Failed, Some("the store does not hold pods".to_owned())),
        Some(pods) => match put(pods, &name, &pod, options) {
            Ok(state) => (state, None),
            Err(StoreError::PodConflict { .. }) => {
                let reason = "the stored pod differs".to_owned();
                match options.on_conflict {
                    OnConflict::Skip => (State::Skipped, Some(reason)),
                    _ => (State::Conflict, Some(reason)),
                }
            }
            Err(error) => (State::Failed, Some(error_chain(&error))),
        },
    };
    UnitReport { pod: Some(name.to_string()), ..unit.report(state, reason) }
}

fn put(
    pods: &dyn PodStore,
    name: &PodName,
    pod: &Pod,
    options: &Options,
) -> Result<State, StoreError> {
    let stored = pods.read_pod(name)?;
    if stored.as_ref() == Some(pod) {
        return Ok(State::Unchanged);
    }
    if stored.is_some() && options.on_conflict != OnConflict::Replace {
        return Err(StoreError::PodConflict { name: name.to_string() });
    }
    if !options.dry_run {
        pods.put_pod_if(name, stored.as_ref(), pod)?;
    }
    Ok(State::Imported)
}

/// Reads a pod and its name. Usually the folder of the file has the name of the pod. If the name of
/// the folder is a hash, a file `name` in the folder contains the name of the pod.
fn read(unit: &Unit) -> Result<(PodName, Pod), String> {
    let path = &unit.file.absolute;
    let folder = path.parent().ok_or("it is not in a folder")?;
    let folder_name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let name = match PodFolder::parse(folder_name) {
        Some(named) if named.is_hashed() => {
            fs::read_to_string(folder.join("name")).map_err(|error| error.to_string())?
        }
        _ => folder_name.to_owned(),
    };
    let name = name.parse::<PodName>().map_err(|error| error.to_string())?;
    if unit.file.bytes > MAX_BYTES {
        return Err("it is too large for a pod".to_owned());
    }
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    Ok((name, Pod::from_json(text).map_err(|error| error.to_string())?))
}
