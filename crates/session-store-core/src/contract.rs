//! The contract: what every [`Store`](crate::Store) must do, in numbered clauses.
//!
//! The id of a clause is never reused or renumbered. The word after the colon in a heading names
//! the tests that verify the clauses of its section. A word in parentheses after the id of a clause
//! names the tests of this clause instead. A word in parentheses within a sentence names the tests
//! of this sentence. The words are:
//! - *kit*: a check of the conformance kit, which any store can run,
//! - *torture*: tests of our own backends. These tests kill processes, cut the power, damage the
//!   storage or make system calls fail,
//! - *bench*: the benchmarks, for costs.
//!
//! A clause marked *(cap: X)* binds a store only if the store declares the capability X in
//! [`Store::capabilities`](crate::Store::capabilities).
//! - The capabilities `conditional_append`, `read_traces`, `delete`, `durable_sync` and
//!   `conditional_put` each belong to one or two methods. Without the capability, these methods
//!   return `Unsupported`, and the kit checks that.
//! - The capabilities `epoch`, `atomic_batch`, `persistent` and `multi_process` are guarantees. A
//!   store has the same methods without these capabilities. The capabilities only determine which
//!   checks apply.
//!
//! Terms:
//! - A *session* is a fork tree of *segments*. A *segment* is an append-only log of *entries*.
//! - A *trace* is a separate list of entries for debugging, one for each segment.
//! - A *pod* is a named agent with a pointer to its active session and segment.
//! - A *storage* is the place that holds the data: a folder, a database, a server or memory.
//! - A *handle* is one opened `Store` value. Several handles can use the same storage.
//! - The *head* of a segment describes the end of its log ([H1](#h1)).
//! - A call is *acknowledged* if it returned `Ok`.
//! - A *definite error* is any error except `Indeterminate` and `Partial`.
//! - An entry is *torn* if only a part of its bytes was written, for example because of a crash.
//! - Two calls *overlap* if each call began before the other call returned.
//!
//! # Entries (E): kit
//!
//! - <a id="e1"></a>**E1** A `LogEntry` is one JSON object in UTF-8 on one line. Its text is kept
//!   byte for byte. This includes the key order, the spelling of numbers (`1.0`, `1e999`, 2^53+1,
//!   `u64::MAX`, -0.0), escapes (`\u0000`, a lone `\ud800`), duplicate keys, the difference between
//!   null and a missing key, the difference between NFC and NFD, and U+2028.
//! - <a id="e2"></a>**E2** Building an entry from a Rust value (`Serialize`) fails with `Serde` if
//!   the value does not serialize to an object. The entry is on one line even if the value
//!   contains raw JSON with line breaks.
//! - <a id="e3"></a>**E3** Building an entry from text or bytes accepts exactly one object. JSON
//!   white space around the object is removed. A no-break space or a byte-order mark is not JSON
//!   white space. A run of white space between tokens is removed if it contains a line break.
//!   Nothing else is changed. Any other text (empty, an array, a scalar, trailing bytes, invalid
//!   UTF-8) is an error that names the position in the text.
//! - <a id="e4"></a>**E4** An entry can have any size that the backend can hold, for example `{}`,
//!   64 MiB or 200 levels of nesting. (Decoding has the documented limits of `serde_json`.) Storing
//!   an entry over the limit of a backend fails with `TooLarge`, and nothing is stored. The limit
//!   is the same for every call that stores entries. If an entry of a batch is over the limit, the
//!   batch fails as in A7.
//! - <a id="e5"></a>**E5** Unknown kinds of entries and unknown fields are ordinary data. They are
//!   never rejected and never removed.
//!
//! # Append (A): kit
//!
//! - <a id="a1"></a>**A1** Entries come back in the order in which one writer appended them.
//! - <a id="a2"></a>**A2** Appending to a segment that does not exist creates the segment and its
//!   session. A segment appears together with its first entry. So after a crash, a segment is empty
//!   only if a call created it without entries (torture).
//! - <a id="a3"></a>**A3** An acknowledged append is visible at once to every handle on the same
//!   storage, in this process or (cap: `multi_process`) in another process.
//! - <a id="a4"></a>**A4** Any number of threads, handles and processes can append to one segment
//!   at the same time. Every acknowledged entry is stored exactly once and whole, and the entries
//!   of each writer keep their order.
//! - <a id="a5"></a>**A5** A call that returned a definite error has changed nothing. The next call
//!   works once the cause of the error is gone (a full disk, a file-size limit with SIGXFSZ
//!   ignored, a read-only file, a lost connection). An entry is never joined to a torn entry.
//! - <a id="a6"></a>**A6** If the outcome cannot be known (a lost reply, a killed process, a failed
//!   sync), the error is `Indeterminate`. The entry is then stored once or not at all, never twice.
//!   The library never sends an append again if the entry could then be stored twice.
//! - <a id="a7"></a>**A7** `append_all` stores the entries in order and contiguously. (A store that
//!   uses the provided body is contiguous only without concurrent writers.) (cap: `atomic_batch`)
//!   All entries are stored or none, even after a crash. Without the capability, a failed or killed
//!   call can store only the first entries. These entries remain. The error of a failed call is
//!   then `Partial`, which has the number of stored entries. `Partial` is never transient, because
//!   repeating the call would store the first entries again. An empty slice creates nothing and is
//!   `Ok`.
//! - <a id="a8"></a>**A8** The same segment id in two sessions is two logs. Entries of one log
//!   never appear in the other log. Two ids are distinct if any of their bytes differ.
//!
//! # Read (R): kit
//!
//! - <a id="r1"></a>**R1** `read_all` of an unknown segment is `NotFound(segment)`, and so is
//!   `read_page` with any start. `read_all` of an empty segment is `Ok([])`.
//! - <a id="r2"></a>**R2** Reading changes nothing, not even in the storage, and can be repeated.
//! - <a id="r3"></a>**R3** While writers run, the result of a read is a prefix of the results of
//!   later reads, unless the log is truncated, replaced or deleted. A read never returns a part of
//!   an entry or an entry that is rolled back later.
//! - <a id="r4"></a>**R4** Reading stored bytes that are not an entry fails with
//!   `Corrupt { line, .. }`. `line` is the physical line, counted from 1, and the message names the
//!   segment and the bytes found. Nothing is skipped silently. Other segments stay readable,
//!   listings work, and appends to the damaged segment work. A line of white space is not an entry.
//!   White space and CR around an object are not part of the entry.
//! - <a id="r5"></a>**R5** (file backends) The closing brace of an object commits the entry. The
//!   newline only separates entries. An unterminated last line that is one whole object is an entry
//!   for every operation. It cannot be an incomplete write, because a strict prefix of an object
//!   never is an object. An unterminated last line that does not begin with a whole object is torn:
//!   it is not returned, not counted and not an error. NUL bytes in the last line, and all bytes
//!   after them, are torn too. An unterminated last line with other text after a whole object is
//!   `Corrupt`. A repair never changes what readers see. After an unterminated entry, the next
//!   append writes the missing newline in its own write. After a torn line, the next append first
//!   moves the torn line to a file beside the log. Nothing is deleted. If only the newline of an
//!   entry cannot be written, the append is acknowledged. Another program can write a line in two
//!   writes without the lock of the store. An append between these two writes takes the first half
//!   of the line for a torn line, and moves this half to the file beside the log.
//! - <a id="r6"></a>**R6** `read_page(start, max_bytes)` returns entries from `start` on, and the
//!   head of the log at the same moment. The texts of the entries together have at most `max_bytes`
//!   bytes. If `start` is before the end, the page has at least one entry. Pages in sequence equal
//!   `read_all`, and together read the log once (bench). A page fails only for a bad line inside
//!   the page. Past the end the page is empty, however large `start` is. `read_page_with` returns
//!   the same entries and the same head. If the request does not need a head, `read_page_with` can
//!   return no head. A file backend then reads only the start of a long log.
//! - <a id="r7"></a>**R7** `read_page_matching(request, matches)` returns the page of
//!   `read_page_with(request)`. If `matches` returns false for the stored text of an entry, the
//!   page has `None` in the place of this entry. White space can surround this text. A store need
//!   not check whether a text that does not match is an entry. Without this check, a bad line that
//!   does not match counts as one entry, and the page does not fail.
//! - <a id="r8"></a>**R8** (torture) (file backends) In `read_all`, a handle can leave out the
//!   check of R4 for some lines: the lines that the handle has appended, and the lines that it has
//!   checked in an earlier `read_all`. The log must be the same file with the same epoch, and must
//!   not have become shorter since then. If another program changes such a line in place,
//!   `read_all` can return text that is not JSON. All other reads check every line. `check`,
//!   `migrate`, `verify` and `export` use the other reads, so they find the changed line.
//!
//! # Listing and lookup (L): kit
//!
//! - <a id="l1"></a>**L1** `list_sessions` returns every session that has at least one segment.
//!   Each session is returned once, newest first. The order is by id, in descending order of bytes.
//!   Ids of UUID version 7 therefore sort in order of creation. Any other UUID sorts by its bytes
//!   too.
//! - <a id="l2"></a>**L2** `list_segments(session)` returns the segments of a session in the same
//!   order. An unknown session has the result `Ok([])`.
//! - <a id="l3"></a>**L3** A trace or a pod alone does not create a session or a segment.
//! - <a id="l4"></a>**L4** Foreign data in the storage (stray files, other keys) is ignored and not
//!   changed. A foreign SQLite database or PostgreSQL schema is rejected and not adopted. Triggers,
//!   views and conditions that another program added to an SQLite database have no effect on any
//!   call.
//! - <a id="l5"></a>**L5** `lookup_session_of` returns a session that holds the segment now, or
//!   `None`. The result stays the same as long as that session holds the segment. The result is
//!   correct right after create, append, truncate to 0, reopen and delete, even if other sessions
//!   are created and deleted at the same time.
//! - <a id="l6"></a>**L6** With more than 1,000 sessions, segments, entries or pods, listings and
//!   reads are still complete: nothing is left out at the end of a page.
//! - <a id="l7"></a>**L7** `segment_info` is `None` for an unknown segment. Otherwise it has the
//!   facts of one moment: the head that `head` returns, the size of the log and the time of its
//!   last change. The size is the number of bytes in the texts of all entries, plus one newline for
//!   each entry. For a file backend, the size is the readable length of the file. The time is by
//!   the clock of the storage. It does not go back as long as that clock does not go back. Size and
//!   time are `None` if the store does not know the values. They are never wrong.
//! - <a id="l8"></a>**L8** `list_infos` returns the `segment_info` of every segment that the
//!   listings return, in their order. `after(session)` selects the sessions that follow `session`.
//!   The session itself need not exist. `limit(n)` selects the first n sessions. A session is
//!   always returned with all its segments, so a caller that continues after the last session of
//!   each part sees every segment once. If `segment_info` fails for a segment, `list_infos` fails
//!   with the same error and names the segment. `list_infos` never leaves out such a segment. A
//!   call for a part without the session of this segment succeeds, and `list_sessions` and
//!   `list_segments` return the segment (R4).
//!
//! # Create, exists, count (C): kit
//!
//! - <a id="c1"></a>**C1** `create_segment` stores the entries in order. `[]` creates an empty
//!   segment that exists, is listed, and counts 0. If the process is killed during the
//!   call, a new segment has all its entries or does not exist.
//! - <a id="c2"></a>**C2** On an existing segment, `create_segment` replaces the whole log. Readers
//!   see the old log or the new log, never a mix. This also holds for readers that read page by
//!   page, and after a crash (torture). The segment's trace and the other segments (its siblings)
//!   do not change. The documentation says clearly that the call overwrites.
//! - <a id="c3"></a>**C3** `exists` is true from the first create or append on, also for empty
//!   segments. `exists` creates nothing.
//! - <a id="c4"></a>**C4** `read_entry_count` equals `read_all().len()` whenever no call overlaps
//!   and the log is sound. The call counts lines and does not validate them. Traces do not count.
//!   An unknown segment is `NotFound`.
//! - <a id="c5"></a>**C5** `read_entry_count` counts every acknowledged append of any other writer
//!   at once, so a writer can notice that other writers append to the segment.
//! - <a id="c6"></a>**C6** The cost of `read_entry_count` does not grow with the log (bench). A
//!   handle of a file backend can scan the part of the log that it has not seen yet, but each part
//!   only once. The backend can keep a count beside the log for new handles. Such a count is never
//!   used if the log was truncated, replaced or exchanged after the count was written, or if the
//!   log is shorter.
//!
//! # Truncate (T): kit
//!
//! - <a id="t1"></a>**T1** On a log of `len` entries, `truncate(n)` with n < len keeps the first n
//!   entries byte for byte. n = len changes nothing. n = 0 leaves an empty segment that exists.
//! - <a id="t2"></a>**T2** `truncate(n)` with n > len (also `usize::MAX`) fails with
//!   `Corrupt { line: n, .. }`. The message has both numbers, and nothing is changed.
//! - <a id="t3"></a>**T3** Truncating an unknown segment fails with `NotFound`, and the segment is
//!   not created.
//! - <a id="t4"></a>**T4** Appends after a truncate continue at n. The truncated entries never come
//!   back, not even after a reopen.
//! - <a id="t5"></a>**T5** An append that begins after a truncate returned is kept. An append that
//!   overlaps the truncate is kept or deleted as a whole. The same holds for a call that replaces
//!   or deletes the segment.
//! - <a id="t6"></a>**T6** After a crash during a truncate, the log is unchanged or truncated
//!   (torture). The same holds after a power cut, with each durability, if the store declares
//!   `durable_sync`. An acknowledged truncate is certain to survive a power cut only with the
//!   durability `Power` (S4). Traces, siblings and pods do not change.
//! - <a id="t7"></a>**T7** The provided body of `truncate`, built on `read_all` and
//!   `create_segment`, is correct except for appends that overlap it. Its documentation says so.
//!
//! # Traces (X): kit
//!
//! - <a id="x1"></a>**X1** `append_trace` never changes the segment's log, count, existence or
//!   listing. This also holds if `append_trace` fails.
//! - <a id="x2"></a>**X2** A trace can exist before its segment does. Deleting a segment deletes
//!   its trace.
//! - <a id="x3"></a>**X3** (cap: `read_traces`) The entries of a trace come back in order, byte for
//!   byte, by page as in R6. For a segment without a trace, the page is empty.
//! - <a id="x4"></a>**X4** A1, A3, A4 and A5 hold for traces.
//!
//! # Head and conditional writes (H): kit
//!
//! - <a id="h1"></a>**H1** `head` is `None` for an unknown segment. Otherwise it is a `Head`: the
//!   number of entries and an opaque token, compared as a whole. (cap: epoch) A create, a truncate,
//!   a replacement, and a delete followed by a create each give a new random token. This token was
//!   never used before, not even before the storage was opened again. A backend that has lost its
//!   sidecar data (the data that it keeps beside the logs) also gives a new token. An append can
//!   change the token. If a server can lose acknowledged entries (a Redis failover), each append
//!   also changes the token, so that the loss is noticed.
//! - <a id="h2"></a>**H2** (cap: `conditional_append`) `append_if(expected, entries)` appends if
//!   the head still is `expected`. The call returns the head right after its own append, even if
//!   other writers have changed the log since. `None` expects that the segment does not exist. An
//!   empty segment exists, and a trace alone is not a segment. If the head differs, the call
//!   changes nothing and fails with `Conflict`, which has both heads. Of N writers that expect the
//!   same head, exactly one writer succeeds. Several entries are stored as in A7. With `None` and
//!   no entries, the call creates an empty segment. With a head and no entries, the call only
//!   compares, and returns the head.
//! - <a id="h3"></a>**H3** Without the capability, `append_if` returns `Unsupported`. The library
//!   replaces a conditional append by a check followed by an append only if the caller has
//!   requested that.
//! - <a id="h4"></a>**H4** (cap: epoch) If a log was truncated (also with `truncate_if`) and has
//!   grown back to the old length, an `append_if` or `truncate_if` with the old head is a conflict.
//! - <a id="h5"></a>**H5** After a lost reply, repeating `append_if` with the old head is safe: the
//!   repetition cannot append the entries a second time.
//! - <a id="h6"></a>**H6** (cap: `conditional_append`) `truncate_if(expected, n)` truncates only if
//!   the head still is `expected`, so a writer can remove its own entries without deleting entries
//!   of another writer. The call returns the head right after its own truncate, as in H2. If n
//!   equals the length, the call changes nothing and returns `expected`. If n is larger, the call
//!   fails as in T2.
//!
//! # Deletion (D): kit
//!
//! - <a id="d1"></a>**D1** (cap: delete) `delete_segment` removes the log and the trace.
//!   `delete_session` removes all segments of the session. Both return whether a segment or a trace
//!   was deleted. Listings, lookup and `exists` agree at once that the segment is gone. Deleting a
//!   segment or session that does not exist is `Ok(false)`. An append that begins afterwards
//!   creates a new segment, which is listed. After a crash during a delete, the log is unchanged or
//!   gone. If the log is gone, the trace is gone too (kit, torture).
//!
//! # Pods (P): kit
//!
//! - <a id="p1"></a>**P1** A pod is a name with a pointer to a session and optionally a segment,
//!   and other fields that belong to its owner. Unknown fields are kept. A put creates or replaces
//!   the whole pod. Readers see the old pod or the new pod, also after a crash.
//! - <a id="p2"></a>**P2** If a pod does not exist, reading it is `Ok(None)` and deleting it is
//!   `Ok(false)`. Names are listed in sorted order.
//! - <a id="p3"></a>**P3** A pod name has 1 to 255 bytes, is not `.` or `..`, and does not contain
//!   `/`, `\`, NUL or a control character. Any other name is `InvalidPodName` in every backend, and
//!   touches no storage. Every Unicode name that follows this rule works. Two names are distinct
//!   even if they differ only by case, or only by NFC and NFD, also on a case-insensitive file
//!   system. A file backend puts a pod in the folder with the pod's name, because other programs
//!   look for the pod in this folder. There are file systems that do not permit this name, or do
//!   not distinguish it from the name of another folder. On such a file system, the pod gets a
//!   folder that is named by a hash. If both folders hold a pod of the same name, the folder with
//!   the pod's name counts.
//! - <a id="p4"></a>**P4** (cap: `conditional_put`) `put_pod_if(name, expected, pod)` puts the pod
//!   if the stored pod equals `expected` byte for byte. `None` expects that the pod does not exist.
//!   If the stored pod differs, the call fails with `PodConflict` and changes nothing. Of N writers
//!   that expect the same pod, exactly one writer succeeds. Without the capability the method
//!   returns `Unsupported`.
//!
//! # Handles, restart, durability (S)
//!
//! - <a id="s1"></a>**S1** (kit) Two fresh stores are isolated from each other. A second handle on
//!   the same storage sees the same data.
//! - <a id="s2"></a>**S2** (kit) (cap: persistent) After every handle is dropped, opening the
//!   storage again gives the same data, and appends continue.
//! - <a id="s3"></a>**S3** (kit, torture) (cap: persistent) Killing the process (SIGKILL) at any
//!   point loses no acknowledged change and leaves every segment readable.
//! - <a id="s4"></a>**S4** (torture) (cap: `durable_sync`) With the durability `Power`, every
//!   acknowledged change (also create, truncate, delete and pods) survives a power cut. `sync()`
//!   makes all changes durable that this handle acknowledged before the call. It also makes all
//!   entries and pods durable that this handle has read before the call. A read can return a change
//!   that is not acknowledged yet. A power cut before the next `sync()` can still lose this change.
//!   With the durability `Process`, a power cut can lose changes that no `sync()` made durable.
//!   Even then, a truncation never damages the entries that it keeps. To ensure this, a file
//!   backend needs its sidecar files from the power cut until the next change of the segment. If a
//!   log or pod was being replaced, the old content or the new content remains.
//! - <a id="s5"></a>**S5** (kit) A store is `Send + Sync`. A panic in one thread does not affect
//!   other threads.
//! - <a id="s6"></a>**S6** (kit) (cap: `multi_process`) Processes that open the same new, empty
//!   storage at the same moment all succeed.
//! - <a id="s7"></a>**S7** (kit) Storage in a newer version of the format is rejected with
//!   `NewerFormat` and not misread. Opening a store to read creates nothing. A place without a
//!   store is not an empty store: opening that place fails with `NoStore`. For a file backend, a
//!   store is a directory with the sidecar folder `.session-store`. A directory with a log, a trace
//!   or a pod in the layout of the backend is also a store, because another program can have
//!   written it. For SQLite, a store is a database with the tables of a store. For PostgreSQL, a
//!   store is a schema with the table of the format. For Redis, a store is a prefix with the key of
//!   the format. Opening a place with the option to create a store makes an empty store. This store
//!   can then be opened to read.
//! - <a id="s8"></a>**S8** (torture) If another program removes, moves or replaces a file that an
//!   open handle depends on, the handle notices this before it acknowledges a change. The call
//!   fails and says that the store has to be reopened. Changes of other handles that were
//!   acknowledged meanwhile are not overwritten. A file backend has two exceptions. If another
//!   program moves or replaces a log or a trace, changes of an open handle can go to the old file
//!   for one second. After that, they go to the file that has the name of the log. If another
//!   program moves the folder of the lock files, or removes it under an exclusive handle, the
//!   handle notices this within one second. In the SQLite backend, a change fails if the database
//!   file had several names (hard links) when the handle was opened, and still has them.
//! - <a id="s9"></a>**S9** (torture) (file backends) Below its root, the store follows no symbolic
//!   link, and reads and writes only regular files. A link in the place of a session, a log, a
//!   trace or a pod is not listed. A call that names such a session, log, trace or pod fails with
//!   `Io`, and the target of the link does not change. A FIFO or a device never blocks a call.
//! - <a id="s10"></a>**S10** (torture) A process with the permission to read the storage can open
//!   and read the store, even if it cannot write to the storage. The exception is a store whose
//!   last change has to be completed first. A change fails with the cause that the operating system
//!   gives.
//! - <a id="s11"></a>**S11** (torture) A backend can have an exclusive mode, in which one handle
//!   and its clones make all changes. Opening an exclusive handle fails while another handle is
//!   exclusive, or has made a change and is still open. While an exclusive handle is open, every
//!   change by another handle fails at once and changes nothing. These errors are transient
//!   ([`StoreError::is_transient`](crate::StoreError::is_transient)) and name the storage. Two
//!   handles of one process exclude each other, too. The end of the process ends the mode, also
//!   after SIGKILL. In the file backend, other handles can read at any time. The clauses about
//!   reads (A3, R3, C5) hold for these handles too, also in other processes. But the check (M4) of
//!   another handle can take an entry that is being written for a torn tail. In the SQLite backend,
//!   an exclusive handle excludes reads too: it cannot be opened while another handle is open, and
//!   no other handle can be opened while it is open.
//!
//! # Maintenance (M)
//!
//! - <a id="m1"></a>**M1** (kit) `Maintenance::check` changes nothing. It reports no fault on
//!   a sound store.
//! - <a id="m2"></a>**M2** (kit) `Maintenance::repair` deletes nothing: every entry that could
//!   be read before can be read afterwards, and a sound store does not change. The only exception
//!   is an entry after a line of a file that begins with NUL. The repair moves this entry out of
//!   the log (M5).
//! - <a id="m3"></a>**M3** (kit, torture) `Maintenance::check` compares the listings and lookups
//!   with the stored segments in both directions. A stored segment that a listing or a lookup does
//!   not return is a fault, and so is a listed segment that is not stored. `Maintenance::repair`
//!   corrects the listings as far as the storage contains the necessary data. The listings of a
//!   backend can come from an index that is stored apart from the logs. In such a backend, each
//!   append adds its segment and its session to the index if they are missing there.
//! - <a id="m4"></a>**M4** (torture) `Maintenance::check` of a file backend notes each torn tail
//!   (R5). It also notes a torn tail that an append has moved to the file beside the log. It also
//!   notes each interrupted truncate and each trace without a log. A stored pod that no call
//!   returns is a fault. There are two such cases: the name of the pod's folder is not the name of
//!   a pod, or another folder holds the pod that counts (P3).
//! - <a id="m5"></a>**M5** (torture) If one line of a log holds several entries,
//!   `Maintenance::repair` of a file backend gives each entry a line of its own. A line that begins
//!   with NUL is the rest of an interrupted truncation, so the log ends before this line. The
//!   repair moves this line and all later lines as in M7, and reports the number of entries in the
//!   later lines. Before the repair, a page that starts after this line has these entries (R6).
//!   They can include an entry that was appended after the truncation.
//! - <a id="m6"></a>**M6** (torture) `Maintenance::repair` of the SQLite and PostgreSQL backends
//!   also moves the rows after the last entry, as in M7. If rows before the last entry are missing,
//!   the later entries get smaller positions, so that no gap remains.
//! - <a id="m7"></a>**M7** (kit) `Maintenance::repair` moves every bad text out of its log or
//!   trace. A bad text is a stored text that is not an entry. The text is kept for inspection until
//!   the segment is deleted. The entries keep their bytes and their order. A log that was repaired
//!   has another head, so a write with the old head fails with `Conflict`. Before the repair, a bad
//!   text counts as an entry, and an append to the log works (R4). Other writers can change the log
//!   during the repair. After a crash during the repair, each log is as it was or repaired
//!   (torture).
//! - <a id="m8"></a>**M8** (torture) `Maintenance::repair` of the Redis backend moves up to 1,000
//!   bad texts of a log in one atomic step. If a log has more bad texts, there are several steps.
//!   After a crash between two steps, only a part of the bad texts was moved.
//! - <a id="m9"></a>**M9** (kit) `Maintenance::repair_segments` repairs the logs and traces
//!   of the selected segments as in M2 and M5 to M7. A backend that cannot select segments repairs
//!   the whole storage.
