//! A process that holds a password leaves no memory image behind.

/// From here on a crash writes no core dump, and on Linux no other process of the user can look into this one. Where
/// the system does not allow that, nothing is lost but this protection.
#[cfg(unix)]
pub(super) fn forbid() {
    use rustix::process::{Resource, Rlimit, setrlimit};

    if let Err(error) = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }) {
        tracing::debug!(%error, "core dumps cannot be forbidden");
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
    {
        tracing::debug!(%error, "memory images cannot be forbidden");
    }
}

/// Windows Error Reporting keeps no full dumps unless it is told to.
#[cfg(not(unix))]
pub(super) fn forbid() {}

#[cfg(all(test, unix))]
mod tests {
    use rustix::process::{Resource, getrlimit};

    #[test]
    fn no_core_is_left() {
        super::forbid();
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        #[cfg(target_os = "linux")]
        assert_eq!(
            rustix::process::dumpable_behavior().unwrap(),
            rustix::process::DumpableBehavior::NotDumpable
        );
    }
}
