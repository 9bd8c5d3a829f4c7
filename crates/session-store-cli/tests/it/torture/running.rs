//! The program at work, which ends with the test whatever happens.

use std::io::Read;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::Duration;

use crate::program::{Ended, program};

pub(super) struct Running(Child);

impl Running {
    pub(super) fn start<S: AsRef<str>>(args: &[S]) -> Self {
        Self(program(args.iter().map(AsRef::as_ref)).spawn().expect("start the program"))
    }

    /// Waits for something that the program brings about, or for its end.
    pub(super) fn wait_for(&mut self, mut reached: impl FnMut() -> bool) {
        while self.0.try_wait().expect("look at the program").is_none() && !reached() {
            thread::sleep(Duration::from_micros(300));
        }
    }

    /// As Ctrl-C does.
    pub(super) fn interrupt(&self) {
        let process = self.0.id().to_string();
        let sent = Command::new("kill").args(["-s", "INT", &process]).status();
        assert!(sent.expect("send a signal").success());
    }

    pub(super) fn kill(mut self) -> ExitStatus {
        self.0.kill().expect("kill the program");
        self.0.wait().expect("wait for the program")
    }

    /// Waits for its end.
    pub(super) fn ended(mut self) -> Ended {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let outputs = (self.0.stdout.take(), self.0.stderr.take());
        let (mut out, mut err) = (outputs.0.expect("a pipe"), outputs.1.expect("a pipe"));
        out.read_to_string(&mut stdout).expect("its output is UTF-8");
        err.read_to_string(&mut stderr).expect("its messages are UTF-8");
        let status = self.0.wait().expect("wait for the program").code();
        Ended { stdout, stderr, status }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended is gone either way.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
