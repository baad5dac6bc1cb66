//! Clocks: processor time, which is what a thread or the process has really run, whatever else the machine does meanwhile;
//! and a coarse one for those who ask often.

use std::time::Duration;

fn read(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is there to be filled. Without such a clock it stays as it is.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// What this process has run.
pub fn process() -> Duration {
    read(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// A time that moves every few milliseconds, and costs little to read (7 ns where the finest clock takes 34).
pub fn coarse() -> Duration {
    #[cfg(target_os = "linux")]
    let clock = libc::CLOCK_MONOTONIC_COARSE;
    #[cfg(not(target_os = "linux"))]
    let clock = libc::CLOCK_MONOTONIC;
    read(clock)
}

/// Measures what this thread runs from its making on.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Duration);

impl Stopwatch {
    /// Starts.
    pub fn start() -> Stopwatch {
        Stopwatch(read(libc::CLOCK_THREAD_CPUTIME_ID))
    }

    /// Nanoseconds since then. In another thread that is some number or none.
    pub fn nanoseconds(self) -> u64 {
        read(libc::CLOCK_THREAD_CPUTIME_ID).saturating_sub(self.0).as_nanos() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::{Stopwatch, process};

    #[test]
    fn time_passes() {
        let (before, watch) = (process(), Stopwatch::start());
        while watch.nanoseconds() < 1000 {}
        assert!(process() > before);
    }
}
