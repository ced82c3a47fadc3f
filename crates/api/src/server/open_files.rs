//! The limit of open files, which bounds the number of connections.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that the process needs for something else than connections: databases, logs, listeners.
const RESERVED: u64 = 256;
/// The most connections of a worker.
const MAX_CONNECTIONS: u64 = 25_000;
/// The fewest connections of a worker, however few files may be open.
const MIN_CONNECTIONS: u64 = 64;

/// Raises the limit of open files as far as the system allows, and returns how many connections each worker may have.
/// Where accepting a connection fails for want of a file, the listener rests for a while, and everyone waits.
pub fn max_connections(workers: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised.current,
        // It stays as it is.
        Err(_) => limit.current,
    };
    per_worker(files, workers)
}

/// The connections of each worker, of so many files. `None` means any number.
fn per_worker(files: Option<u64>, workers: usize) -> usize {
    let workers = u64::try_from(workers).unwrap_or(u64::MAX).max(1);
    let each = files.map_or(MAX_CONNECTIONS, |files| files.saturating_sub(RESERVED) / workers);
    usize::try_from(each.clamp(MIN_CONNECTIONS, MAX_CONNECTIONS)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_the_databases() {
        assert_eq!(per_worker(Some(1024), 2), 384);
        assert_eq!(per_worker(Some(1024), 64), 64);
        assert_eq!(per_worker(Some(1_000_000), 2), 25_000);
        assert_eq!(per_worker(None, 4), 25_000);
    }
}
