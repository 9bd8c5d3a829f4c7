//! Macros that forward the methods of a store to another value. With these macros, references and
//! smart pointers to a store implement the traits of the store.

use std::sync::Arc;

use crate::{PodStore, Store};

/// Forwards methods of [`Store`](crate::Store) to another value.
///
/// A call of the macro lists the methods by name. Deny `clippy::missing_trait_methods` in the
/// wrapper, as the example does. If [`Store`](crate::Store) gains a method, the lint then reports
/// an error until the author of the wrapper has decided whether to forward the method. Without the
/// lint, the wrapper would silently use the provided body, even if the inner store overrides the
/// method.
///
/// ```
/// use session_store_core::{LogEntry, SegmentId, SessionId, Store, StoreError, forward_store};
///
/// /// Refuses to append entries of more than 1 KiB.
/// struct SmallEntries<S>(S);
///
/// #[deny(clippy::missing_trait_methods)]
/// impl<S: Store> Store for SmallEntries<S> {
///     fn append(
///         &self,
///         session_id: SessionId,
///         segment_id: SegmentId,
///         entry: &LogEntry,
///     ) -> Result<(), StoreError> {
///         match entry.as_json().len() as u64 {
///             size @ 1025.. => Err(StoreError::TooLarge { size, limit: 1024 }),
///             _ => self.0.append(session_id, segment_id, entry),
///         }
///     }
///
///     forward_store! { self => self.0;
///         read_all list_sessions list_segments lookup_session_of create_segment exists
///         read_entry_count append_trace truncate capabilities pods maintenance append_all read_page
///         read_page_with read_page_matching head segment_info list_infos append_if truncate_if
///         read_trace_page delete_segment delete_session sync
///     }
/// }
/// ```
#[macro_export]
macro_rules! forward_store {
    ($self:ident => $to:expr; $($method:ident)*) => {
        $($crate::forward_store! { @ $method $self ($to) })*
    };
    (@ append $self:ident ($to:expr)) => {
        $crate::forward_store! { @@ $self ($to) append(entry: &$crate::LogEntry) -> () }
    };
    (@ read_all $self:ident ($to:expr)) => {
        $crate::forward_store! { @@ $self ($to) read_all() -> ::std::vec::Vec<$crate::LogEntry> }
    };
    (@ list_sessions $self:ident ($to:expr)) => {
        fn list_sessions(
            &$self,
        ) -> ::std::result::Result<::std::vec::Vec<$crate::SessionId>, $crate::StoreError> {
            $crate::Store::list_sessions(&$to)
        }
    };
    (@ list_segments $self:ident ($to:expr)) => {
        fn list_segments(
            &$self,
            session_id: $crate::SessionId,
        ) -> ::std::result::Result<::std::vec::Vec<$crate::SegmentId>, $crate::StoreError> {
            $crate::Store::list_segments(&$to, session_id)
        }
    };
    (@ lookup_session_of $self:ident ($to:expr)) => {
        fn lookup_session_of(
            &$self,
            segment_id: $crate::SegmentId,
        ) -> ::std::result::Result<::std::option::Option<$crate::SessionId>, $crate::StoreError> {
            $crate::Store::lookup_session_of(&$to, segment_id)
        }
    };
    (@ create_segment $self:ident ($to:expr)) => {
        $crate::forward_store! { @@ $self ($to) create_segment(entries: &[$crate::LogEntry]) -> () }
    };
    (@ exists $self:ident ($to:expr)) => {
        $crate::forward_store! { @@ $self ($to) exists() -> bool }
    };
    (@ read_entry_count $self:ident ($to:expr)) => {
        $crate::forward_store! { @@ $self ($to) read_entry_count() -> usize }
    };
    (@ append_trace $self:ident ($to:expr)) => {
        $crate::forward_store! { @@ $self ($to) append_trace(entry: &$crate::TraceEntry) -> () }
    };
    (@ truncate $self:ident ($to:expr)) => {
        $crate::forward_store! { @@ $self ($to) truncate(entries_len: usize) -> () }
    };
    (@ capabilities $self:ident ($to:expr)) => {
        fn capabilities(&$self) -> $crate::Capabilities {
            $crate::Store::capabilities(&$to)
        }
    };
    (@ pods $self:ident ($to:expr)) => {
        fn pods(&$self) -> ::std::option::Option<&dyn $crate::PodStore> {
            $crate::Store::pods(&$to)
        }
    };
    (@ maintenance $self:ident ($to:expr)) => {
        fn maintenance(&$self) -> ::std::option::Option<&dyn $crate::Maintenance> {
            $crate::Store::maintenance(&$to)
        }
    };
    (@ append_all $self:ident ($to:expr)) => {
        $crate::forward_store! { @@ $self ($to) append_all(entries: &[$crate::LogEntry]) -> () }
    };
    (@ read_page $self:ident ($to:expr)) => {
        $crate::forward_store! {
            @@ $self ($to) read_page(start: usize, max_bytes: usize) -> $crate::Page
        }
    };
    (@ read_page_with $self:ident ($to:expr)) => {
        $crate::forward_store! {
            @@ $self ($to) read_page_with(request: $crate::PageRequest) -> (
                ::std::vec::Vec<$crate::LogEntry>,
                ::std::option::Option<$crate::Head>
            )
        }
    };
    (@ read_page_matching $self:ident ($to:expr)) => {
        $crate::forward_store! {
            @@ $self ($to) read_page_matching(
                request: $crate::PageRequest,
                matches: &dyn Fn(&str) -> bool
            ) -> (
                ::std::vec::Vec<::std::option::Option<$crate::LogEntry>>,
                ::std::option::Option<$crate::Head>
            )
        }
    };
    (@ head $self:ident ($to:expr)) => {
        $crate::forward_store! { @@ $self ($to) head() -> ::std::option::Option<$crate::Head> }
    };
    (@ segment_info $self:ident ($to:expr)) => {
        $crate::forward_store! {
            @@ $self ($to) segment_info() -> ::std::option::Option<$crate::SegmentInfo>
        }
    };
    (@ list_infos $self:ident ($to:expr)) => {
        fn list_infos(
            &$self,
            options: &$crate::ListOptions,
        ) -> ::std::result::Result<
            ::std::vec::Vec<($crate::SegmentKey, $crate::SegmentInfo)>,
            $crate::StoreError,
        > {
            $crate::Store::list_infos(&$to, options)
        }
    };
    (@ append_if $self:ident ($to:expr)) => {
        $crate::forward_store! {
            @@ $self ($to) append_if(
                expected: ::std::option::Option<$crate::Head>,
                entries: &[$crate::LogEntry]
            ) -> $crate::Head
        }
    };
    (@ truncate_if $self:ident ($to:expr)) => {
        $crate::forward_store! {
            @@ $self ($to) truncate_if(expected: $crate::Head, entries_len: usize) -> $crate::Head
        }
    };
    (@ read_trace_page $self:ident ($to:expr)) => {
        $crate::forward_store! {
            @@ $self ($to) read_trace_page(start: usize, max_bytes: usize) -> $crate::TracePage
        }
    };
    (@ delete_segment $self:ident ($to:expr)) => {
        $crate::forward_store! { @@ $self ($to) delete_segment() -> bool }
    };
    (@ delete_session $self:ident ($to:expr)) => {
        fn delete_session(
            &$self,
            session_id: $crate::SessionId,
        ) -> ::std::result::Result<bool, $crate::StoreError> {
            $crate::Store::delete_session(&$to, session_id)
        }
    };
    (@ sync $self:ident ($to:expr)) => {
        fn sync(&$self) -> ::std::result::Result<(), $crate::StoreError> {
            $crate::Store::sync(&$to)
        }
    };
    // The rule for a method whose first two arguments name a segment.
    (@@ $self:ident ($to:expr) $method:ident($($arg:ident: $type:ty),*) -> $ok:ty) => {
        fn $method(
            &$self,
            session_id: $crate::SessionId,
            segment_id: $crate::SegmentId,
            $($arg: $type),*
        ) -> ::std::result::Result<$ok, $crate::StoreError> {
            $crate::Store::$method(&$to, session_id, segment_id, $($arg),*)
        }
    };
}

/// Forwards methods of [`PodStore`](crate::PodStore) to another value, like
/// [`forward_store!`](crate::forward_store!).
#[macro_export]
macro_rules! forward_pod_store {
    ($self:ident => $to:expr; $($method:ident)*) => {
        $($crate::forward_pod_store! { @ $method $self ($to) })*
    };
    (@ put_pod $self:ident ($to:expr)) => {
        fn put_pod(
            &$self,
            name: &$crate::PodName,
            pod: &$crate::Pod,
        ) -> ::std::result::Result<(), $crate::StoreError> {
            $crate::PodStore::put_pod(&$to, name, pod)
        }
    };
    (@ read_pod $self:ident ($to:expr)) => {
        fn read_pod(
            &$self,
            name: &$crate::PodName,
        ) -> ::std::result::Result<::std::option::Option<$crate::Pod>, $crate::StoreError> {
            $crate::PodStore::read_pod(&$to, name)
        }
    };
    (@ list_pods $self:ident ($to:expr)) => {
        fn list_pods(
            &$self,
        ) -> ::std::result::Result<::std::vec::Vec<$crate::PodName>, $crate::StoreError> {
            $crate::PodStore::list_pods(&$to)
        }
    };
    (@ delete_pod $self:ident ($to:expr)) => {
        fn delete_pod(
            &$self,
            name: &$crate::PodName,
        ) -> ::std::result::Result<bool, $crate::StoreError> {
            $crate::PodStore::delete_pod(&$to, name)
        }
    };
    (@ put_pod_if $self:ident ($to:expr)) => {
        fn put_pod_if(
            &$self,
            name: &$crate::PodName,
            expected: ::std::option::Option<&$crate::Pod>,
            pod: &$crate::Pod,
        ) -> ::std::result::Result<(), $crate::StoreError> {
            $crate::PodStore::put_pod_if(&$to, name, expected, pod)
        }
    };
}

/// Implements the traits for references and smart pointers to a store.
macro_rules! forward_pointers {
    ($($pointer:ty),*) => { $(
        #[deny(clippy::missing_trait_methods)]
        impl<S: Store + ?Sized> Store for $pointer {
            forward_store! { self => **self;
                append read_all list_sessions list_segments lookup_session_of create_segment exists
                read_entry_count append_trace truncate capabilities pods maintenance append_all
                read_page read_page_with read_page_matching head segment_info list_infos append_if
                truncate_if read_trace_page delete_segment delete_session sync
            }
        }

        #[deny(clippy::missing_trait_methods)]
        impl<S: PodStore + ?Sized> PodStore for $pointer {
            forward_pod_store! { self => **self;
                put_pod read_pod list_pods delete_pod put_pod_if
            }
        }
    )* };
}

forward_pointers!(&S, Box<S>, Arc<S>);
