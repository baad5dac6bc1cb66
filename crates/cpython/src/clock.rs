//! Clocks: processor time, which is what a thread or the process has really run, whatever else the machine does meanwhile;
//! and a coarse one for those who ask often.

use std::time::{Duration, Instant};

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

/// Measures the parts of something that this thread does. Reading the clock of a stopwatch is a system call, which takes a
/// microsecond on some machines; so that is read at the beginning and at the end, and a fast one, which runs on while the thread
/// has to wait, says how much of it each part has.
#[derive(Debug)]
pub struct Parts<const N: usize> {
    all: Stopwatch,
    last: Instant,
    parts: [Duration; N],
}

impl<const N: usize> Parts<N> {
    /// Starts.
    pub fn start() -> Parts<N> {
        Parts { all: Stopwatch::start(), last: Instant::now(), parts: [Duration::ZERO; N] }
    }

    /// What was done since the start, or since this was said last, belongs to the part with this number.
    pub fn was(&mut self, part: usize) {
        let now = Instant::now();
        if let Some(sum) = self.parts.get_mut(part) {
            *sum += now - self.last;
        }
        self.last = now;
    }

    /// Nanoseconds of each part.
    pub fn finish(self) -> [u64; N] {
        let all = self.all.nanoseconds();
        let passed = self.parts.iter().map(Duration::as_nanos).sum::<u128>().max(1);
        self.parts.map(|part| (u128::from(all) * part.as_nanos() / passed) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::{Parts, Stopwatch, process};

    #[test]
    fn time_passes() {
        let (before, watch) = (process(), Stopwatch::start());
        while watch.nanoseconds() < 1000 {}
        assert!(process() > before);
    }

    #[test]
    fn parts_have_what_they_took() {
        let (mut parts, watch) = (Parts::<3>::start(), Stopwatch::start());
        while watch.nanoseconds() < 100_000 {}
        parts.was(1);
        let [first, second, third] = parts.finish();
        assert!(first == 0 && second >= 100_000 && third == 0);
    }
}
