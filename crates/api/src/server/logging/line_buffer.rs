//! Buffers log lines and writes several at once. A system call for each line would cost more than formatting it, and
//! the threads that serve requests would wait for each other.

use std::{
    io::Write,
    mem::take,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How long a line waits for others. Warnings and errors do not wait.
const MAX_WAIT: Duration = Duration::from_millis(20);
/// Bytes that may wait. With more, the thread that logs a line writes them all itself, as slowly as the log is read.
const MAX_BYTES: usize = 64 * 1024;

/// A buffer for log lines with its output.
#[derive(Clone)]
pub struct LineBuffer(Arc<Shared>);

struct Shared {
    waiting: Mutex<Vec<u8>>,
    has_lines: Condvar,
    is_urgent: AtomicBool,
    /// Locked before the waiting lines are taken, so that lines keep their order.
    out: Mutex<Box<dyn Write + Send>>,
}

impl LineBuffer {
    /// Creates a buffer for an output, and starts the thread that writes the waiting lines until the process ends.
    pub fn to(out: impl Write + Send + 'static) -> std::io::Result<Self> {
        let lines = Self(Arc::new(Shared {
            waiting: Mutex::default(),
            has_lines: Condvar::new(),
            is_urgent: AtomicBool::new(false),
            out: Mutex::new(Box::new(out)),
        }));
        let waiting_lines = lines.clone();
        let run = move || loop {
            waiting_lines.wait_for_lines();
            std::thread::sleep(MAX_WAIT);
            waiting_lines.write_waiting();
        };
        std::thread::Builder::new()
            .name("mainstay-log".to_owned())
            .spawn(run)?;
        Ok(lines)
    }

    /// Lets the next line be written at once.
    pub fn hurry(&self) {
        self.0.is_urgent.store(true, Ordering::Release);
    }

    /// Writes the lines that wait.
    pub fn write_waiting(&self) {
        let mut out = lock(&self.0.out);
        let waiting = take(&mut *lock(&self.0.waiting));
        // A log that cannot be written cannot report it either.
        let _ = out.write_all(&waiting).and_then(|()| out.flush());
    }

    fn wait_for_lines(&self) {
        let waiting = lock(&self.0.waiting);
        drop(
            self.0
                .has_lines
                .wait_while(waiting, |waiting| waiting.is_empty())
                .unwrap_or_else(PoisonError::into_inner),
        );
    }
}

impl Write for LineBuffer {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let (is_first, is_full) = {
            let mut waiting = lock(&self.0.waiting);
            let is_first = waiting.is_empty();
            waiting.extend_from_slice(line);
            (is_first, waiting.len() > MAX_BYTES)
        };
        if is_full || self.0.is_urgent.swap(false, Ordering::AcqRel) {
            self.write_waiting();
        } else if is_first {
            self.0.has_lines.notify_one();
        }
        Ok(line.len())
    }

    /// Does nothing, because the logger calls it after each line.
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes the waiting lines when it is dropped, at the end of the program.
pub struct LastLines(pub Option<LineBuffer>);

impl Drop for LastLines {
    fn drop(&mut self) {
        if let Some(lines) = &self.0 {
            lines.write_waiting();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// An output that reports each write.
    struct Reported(mpsc::Sender<Vec<u8>>);

    impl Write for Reported {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.0.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn lines() -> (LineBuffer, mpsc::Receiver<Vec<u8>>) {
        let (reports, writes) = mpsc::channel();
        (LineBuffer::to(Reported(reports)).unwrap(), writes)
    }

    fn log(lines: &mut LineBuffer, line: &str) {
        assert_eq!(lines.write(line.as_bytes()).unwrap(), line.len());
    }

    #[test]
    fn lines_are_written_in_batches_and_in_order() {
        let (mut lines, writes) = lines();
        let expected: String = (0..1000).map(|n| n.to_string() + "\n").collect();
        for line in expected.split_inclusive('\n') {
            log(&mut lines, line);
        }
        let (mut written, mut batches) = (Vec::new(), 0);
        while written.len() < expected.len() {
            written.extend(writes.recv().unwrap());
            batches += 1;
        }
        assert_eq!(String::from_utf8(written).unwrap(), expected);
        assert!(batches < 500, "{batches}");
    }

    #[test]
    fn an_urgent_line_is_written_at_once_behind_those_before_it() {
        let (mut lines, writes) = lines();
        log(&mut lines, "one\n");
        lines.hurry();
        log(&mut lines, "two\n");
        let written: Vec<u8> = writes.try_iter().flatten().collect();
        assert_eq!(written, b"one\ntwo\n");
    }

    #[test]
    fn a_full_buffer_is_written_by_the_thread_that_logs() {
        let (mut lines, writes) = lines();
        log(&mut lines, &"a log that nobody reads ".repeat(MAX_BYTES / 24 + 1));
        assert!(writes.try_recv().unwrap().len() > MAX_BYTES);
    }

    #[test]
    fn the_end_of_the_program_writes_the_waiting_lines() {
        let (mut lines, writes) = lines();
        log(&mut lines, "last\n");
        drop(LastLines(Some(lines)));
        assert_eq!(writes.try_iter().flatten().collect::<Vec<u8>>(), b"last\n");
    }
}
