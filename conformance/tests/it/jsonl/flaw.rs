//! The flaws of a file store.

macro_rules! flaws {
    ($($flaw:ident),* $(,)?) => {
        /// One flaw of a file store.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Flaw {
            $($flaw,)*
        }

        impl Flaw {
            /// Returns the flaw with that name.
            pub(crate) fn named(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($flaw) => Some(Self::$flaw),)*
                    _ => None,
                }
            }

            /// Returns whether a store with the flaw also has pods, deletes, and traces that can be
            /// read. A store with a flaw of logs leaves these out, so that only checks of logs
            /// catch the flaw.
            pub(crate) fn has_more_than_logs(self) -> bool {
                matches!(
                    self,
                    Self::None
                        | Self::TracesGlueTornTails
                        | Self::PutsPodsInPlace
                        | Self::DeletesWholeFolders
                        | Self::DeletesTheLogFirst
                        | Self::ArchivesBeforeItDeletes
                        | Self::CachesTraces
                        | Self::CachesPods
                        | Self::CachesLookups
                )
            }
        }
    };
}

flaws! {
    None,
    GluesTornTails,
    HidesWholeTails,
    TornTailsAreFatal,
    DeletesTornTails,
    RepairsOnRead,
    SkipsBadLines,
    CountsLinesFromZero,
    NumbersEntriesNotLines,
    CountsBlankLines,
    ValidatesOnAppend,
    ValidatesOnCount,
    PagesReadTheWholeLog,
    SplitsOnLineSeparators,
    ListsAnyFile,
    SweepsUnknownFiles,
    DeletesWholeFolders,
    RepairsSweep,
    IgnoresTheFormat,
    OpensWhatIsNotThere,
    OpensOneAtATime,
    LocksNothing,
    LocksItsProcessOnly,
    CountsInItsProcess,
    FindsInItsProcess,
    SwallowsWriteErrors,
    RepeatsAfterAnError,
    TearsAndGlues,
    StopsAfterAnError,
    ReplacesInPlace,
    ComparesBeforeItLocks,
    BatchesForgetTheNewline,
    ChecksCutTails,
    RepairsCutAtBadLines,
    RepairsLeaveBadLines,
    RepairsOneLog,
    SelectedRepairsDoNothing,
    ListsFactsOfSoundLogs,
    DeclaresAtomicBatches,
    WritesBatchesBackwards,
    CreatesInPlace,
    TracesGlueTornTails,
    PutsPodsInPlace,
    DeletesTheLogFirst,
    ArchivesBeforeItDeletes,
    CachesTraces,
    CachesPods,
    CachesLookups,
    ConditionsSwallowErrors,
}
