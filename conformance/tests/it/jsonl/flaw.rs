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
    ListsFactsOfSoundLogs,
}
