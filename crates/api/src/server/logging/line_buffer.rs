//! Log lines on their way to standard error, some at once: a system call for each would cost more than making it, and
//! the threads that serve would wait for each other's.

use std::{
    io::Write,
    mem::take,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// A line waits so long for others. Warnings and errors do not wait.
const WAIT: Duration = Duration::from_millis(20);
/// With so many bytes before it, a line is written by who logs it, as slowly as the log is read.
const ROOM: usize = 64 * 1024;

/// Where lines go.
#[derive(Clone)]
pub struct Lines(Arc<Shared>);

struct Shared {
    waiting: Mutex<Vec<u8>>,
    some: Condvar,
    is_urgent: AtomicBool,
    /// Held before what waits is taken, so that lines keep their order.
    out: Mutex<Box<dyn Write + Send>>,
}

impl Lines {
    /// Lines that go there, and the thread that writes those that have waited. It stays until the process ends.
    pub fn to(out: impl Write + Send + 'static) -> std::io::Result<Self> {
        let lines = Self(Arc::new(Shared {
            waiting: Mutex::default(),
            some: Condvar::new(),
            is_urgent: AtomicBool::new(false),
            out: Mutex::new(Box::new(out)),
        }));
        let theirs = lines.clone();
        let run = move || loop {
            theirs.wait_for_some();
            std::thread::sleep(WAIT);
            theirs.write_waiting();
        };
        std::thread::Builder::new()
            .name("mainstay-log".to_owned())
            .spawn(run)?;
        Ok(lines)
    }

    /// The line that comes next does not wait.
    pub fn hurry(&self) {
        self.0.is_urgent.store(true, Ordering::Release);
    }

    /// Writes what waits.
    pub fn write_waiting(&self) {
        let mut out = lock(&self.0.out);
        let waiting = take(&mut *lock(&self.0.waiting));
        // Nobody is left to tell if it cannot be written.
        let _ = out.write_all(&waiting).and_then(|()| out.flush());
    }

    fn wait_for_some(&self) {
        let waiting = lock(&self.0.waiting);
        drop(
            self.0
                .some
                .wait_while(waiting, |waiting| waiting.is_empty())
                .unwrap_or_else(PoisonError::into_inner),
        );
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let (is_first, is_full) = {
            let mut waiting = lock(&self.0.waiting);
            let is_first = waiting.is_empty();
            waiting.extend_from_slice(line);
            (is_first, waiting.len() > ROOM)
        };
        if is_full || self.0.is_urgent.swap(false, Ordering::AcqRel) {
            self.write_waiting();
        } else if is_first {
            self.0.some.notify_one();
        }
        Ok(line.len())
    }

    /// The logger asks for it after each line.
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes what waits when the program ends.
pub struct LastLines(pub Option<Lines>);

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

    /// Tells each piece that was written.
    struct Told(mpsc::Sender<Vec<u8>>);

    impl Write for Told {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.0.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn lines() -> (Lines, mpsc::Receiver<Vec<u8>>) {
        let (told, heard) = mpsc::channel();
        (Lines::to(Told(told)).unwrap(), heard)
    }

    fn log(lines: &mut Lines, line: &str) {
        assert_eq!(lines.write(line.as_bytes()).unwrap(), line.len());
    }

    #[test]
    fn lines_are_written_some_at_once_and_in_order() {
        let (mut lines, heard) = lines();
        let expected: String = (0..1000).map(|n| n.to_string() + "\n").collect();
        for line in expected.split_inclusive('\n') {
            log(&mut lines, line);
        }
        let (mut written, mut pieces) = (Vec::new(), 0);
        while written.len() < expected.len() {
            written.extend(heard.recv().unwrap());
            pieces += 1;
        }
        assert_eq!(String::from_utf8(written).unwrap(), expected);
        assert!(pieces < 500, "{pieces}");
    }

    #[test]
    fn an_urgent_line_is_written_before_its_logger_goes_on_after_those_before_it() {
        let (mut lines, heard) = lines();
        log(&mut lines, "one\n");
        lines.hurry();
        log(&mut lines, "two\n");
        let written: Vec<u8> = heard.try_iter().flatten().collect();
        assert_eq!(written, b"one\ntwo\n");
    }

    #[test]
    fn more_than_there_is_room_for_is_written_by_who_logs_it() {
        let (mut lines, heard) = lines();
        log(&mut lines, &"a log that nobody reads ".repeat(ROOM / 24 + 1));
        assert!(heard.try_recv().unwrap().len() > ROOM);
    }

    #[test]
    fn the_end_writes_what_waits() {
        let (mut lines, heard) = lines();
        log(&mut lines, "last\n");
        drop(LastLines(Some(lines)));
        assert_eq!(heard.try_iter().flatten().collect::<Vec<u8>>(), b"last\n");
    }
}
