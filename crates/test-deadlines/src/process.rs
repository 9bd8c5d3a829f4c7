//! A child process that is killed at its deadline, and when the test ends.

use std::io::Read;
use std::process::{
    Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Output, Stdio,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::DEADLINE;

/// A child process of a test. Dropping it kills the process.
///
/// Another thread kills the process at the deadline. Every read from the process's pipes then ends,
/// and every wait for the process panics. So a test that reads from the pipes directly has a
/// deadline too.
#[derive(Debug)]
pub struct Process {
    child: Arc<Mutex<Child>>,
    is_late: Arc<AtomicBool>,
    deadline: Duration,
    /// Dropping the sender ends the thread that waits for the deadline.
    _alive: Sender<()>,
    /// The process's standard input, if it is a pipe.
    pub stdin: Option<ChildStdin>,
    /// The process's standard output, if it is a pipe.
    pub stdout: Option<ChildStdout>,
    /// The process's standard error, if it is a pipe.
    pub stderr: Option<ChildStderr>,
}

impl Process {
    /// Starts a process that may run for [`DEADLINE`].
    ///
    /// # Panics
    /// If the process cannot be started.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        Self::start_for(command, DEADLINE)
    }

    /// Starts a process that may run for the time `deadline`.
    ///
    /// # Panics
    /// If the process cannot be started.
    #[track_caller]
    pub fn start_for(command: &mut Command, deadline: Duration) -> Self {
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("cannot start {command:?}: {error}"),
        };
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (child, is_late) = (Arc::new(Mutex::new(child)), Arc::new(AtomicBool::new(false)));
        let (alive, ended) = channel::<()>();
        let (watched, late) = (Arc::clone(&child), Arc::clone(&is_late));
        thread::spawn(move || {
            if ended.recv_timeout(deadline) == Err(RecvTimeoutError::Timeout) {
                late.store(true, Ordering::SeqCst);
                // Ignore an error, because it means that the process has already ended.
                let _ = lock(&watched).kill();
            }
        });
        Self { child, is_late, deadline, _alive: alive, stdin, stdout, stderr }
    }

    /// Runs a process without standard input to its end. Returns its output.
    ///
    /// # Panics
    /// If the process cannot be started, or [`DEADLINE`] passes.
    #[track_caller]
    #[must_use]
    pub fn output(command: &mut Command) -> Output {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::start(command).wait_with_output()
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        lock(&self.child).id()
    }

    /// Whether the process has not ended yet.
    ///
    /// # Panics
    /// If the deadline has passed.
    #[track_caller]
    pub fn is_running(&self) -> bool {
        self.ended().is_none()
    }

    /// Sends SIGTERM to the process.
    ///
    /// Tests use this signal and not SIGINT, because a shell starts its background jobs with SIGINT
    /// ignored, and the processes of a test inherit this setting.
    ///
    /// # Panics
    /// If the process has ended.
    #[cfg(unix)]
    #[track_caller]
    pub fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// Sends a signal to the process.
    ///
    /// # Panics
    /// If the process has ended.
    #[cfg(unix)]
    #[track_caller]
    pub fn signal(&self, signal: rustix::process::Signal) {
        let child = lock(&self.child);
        let sent = rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal);
        sent.expect("a process can receive a signal until it is waited for");
    }

    /// Kills the process and waits for its end.
    ///
    /// # Panics
    /// If the deadline has passed.
    #[track_caller]
    pub fn kill(&self) -> ExitStatus {
        // Ignore an error, because it means that the process has already ended.
        let _ = lock(&self.child).kill();
        self.wait()
    }

    /// Waits for the end of the process.
    ///
    /// # Panics
    /// If the deadline passes.
    #[track_caller]
    pub fn wait(&self) -> ExitStatus {
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            // A blocking wait would hold the lock that the thread of the deadline needs.
            thread::sleep(Duration::from_micros(300));
        }
    }

    /// Closes the process's standard input, reads the rest of its output, and waits for its end.
    ///
    /// # Panics
    /// If the deadline passes.
    #[track_caller]
    pub fn wait_with_output(mut self) -> Output {
        drop(self.stdin.take());
        let (mut stdout, stderr) = (Vec::new(), self.stderr.take());
        let errors = thread::spawn(move || read_to_end(stderr));
        stdout.extend(read_to_end(self.stdout.take()));
        let stderr = errors.join().expect("reading does not panic");
        Output { status: self.wait(), stdout, stderr }
    }

    #[track_caller]
    fn ended(&self) -> Option<ExitStatus> {
        let status =
            lock(&self.child).try_wait().expect("the status of a child process can be read");
        let is_late = self.is_late.load(Ordering::SeqCst);
        assert!(!is_late, "the process was killed: it ran for {:?}", self.deadline);
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut child = lock(&self.child);
        // Ignore an error, because it means that the process has already ended.
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn lock(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read_to_end(pipe: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes).expect("the output of a child process can be read");
    }
    bytes
}

/// Ends the calling process with status 1 after [`DEADLINE`]. A child process calls this if its
/// parent cannot use [`Process`] to start it.
pub fn exit_at_deadline() {
    thread::spawn(|| {
        thread::sleep(DEADLINE);
        eprintln!("this process has run for {DEADLINE:?}");
        std::process::exit(1);
    });
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::process::ExitStatusExt;
    use std::panic;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    #[test]
    fn a_read_and_a_wait_end_at_the_deadline() {
        let mut command = shell("echo x; exec sleep 600");
        let mut process = Process::start_for(&mut command, Duration::from_millis(200));
        let mut text = String::new();
        process.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "x\n");
        assert!(panic::catch_unwind(panic::AssertUnwindSafe(|| process.wait())).is_err());
    }

    #[test]
    fn both_outputs_and_the_status_are_returned() {
        let output = Process::start(&mut shell("echo a; echo b >&2; exit 3")).wait_with_output();
        assert_eq!((output.stdout, output.stderr), (b"a\n".to_vec(), b"b\n".to_vec()));
        assert_eq!(output.status.code(), Some(3));
    }

    #[test]
    fn a_process_is_ended_by_a_signal() {
        let process = Process::start(&mut shell("exec sleep 600"));
        assert!(process.is_running());
        process.terminate();
        assert_eq!(process.wait().signal(), Some(15));
    }
}
