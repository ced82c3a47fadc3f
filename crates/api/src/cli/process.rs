//! What the process allows itself, before any command runs.

/// Lets files that this process makes be for its owner only, and its memory be in no core dump: it has keys and people's words.
///
/// # Errors
/// Says what the system refuses. The process can go on without.
pub fn harden_process() -> Result<(), String> {
    #[cfg(unix)]
    {
        use rustix::{
            fs::Mode,
            process::{Resource, Rlimit, setrlimit, umask},
        };
        umask(Mode::RWXG | Mode::RWXO);
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        setrlimit(Resource::Core, none).map_err(|e| format!("core dumps cannot be switched off: {e}"))?;
    }
    // Some systems hand dumps to a program, which no limit of size stops. This also keeps other processes of the same user from
    // reading the memory.
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        set_dumpable_behavior(DumpableBehavior::NotDumpable)
            .map_err(|e| format!("core dumps cannot be switched off: {e}"))?;
    }
    Ok(())
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn a_hardened_process_leaves_no_core_dump() {
        harden_process().unwrap();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        assert_eq!(getrlimit(Resource::Core).maximum, Some(0));
    }
}
