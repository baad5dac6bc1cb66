//! Code memory: one range of addresses, so that every jump reaches, in pages that are never writable and
//! executable at once.
//!
//! Two ways to write. Normally the pages at hand are made writable, written, and made executable again
//! (`Protect`). Where the system denies making memory executable afterwards (`PR_SET_MDWE`, some SELinux
//! rules), the range is mapped twice, once to write and once to run (`Twice`); each mapping keeps its
//! rights for good. Where both are denied there is no machine code, with a reason.
//!
//! Making a page of running code writable for a moment is safe here: code runs only while its thread holds the
//! GIL, and so does whoever writes. A thread that is inside a trace further up its own stack comes back to it
//! only after the write is done.
//!
//! A child process that was forked shares memory that is mapped twice with its parent, while pages that change their
//! rights are its own. So a child must neither write to the former nor run what is there, because the parent goes on
//! writing: [`CodeMemory::is_foreign`] tells it to start anew with [`CodeMemory::anew`].
//!
//! Changing rights twice takes some ten microseconds, as long as copying a whole trace. So what belongs together is written together
//! ([`CodeMemory::write_all`]), and pages between the pieces are taken along where they are few.
//!
//! Pieces are handed out first fit in units of 16 bytes; freed pieces are merged with their neighbours.

use std::fmt;

/// Bytes of address space: what a near jump reaches by far.
pub const RANGE: usize = 64 << 20;
/// The largest piece.
pub const LARGEST: usize = (1 << 20) - 1;
const UNIT: usize = 16;

/// Why there is no code memory, or no more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MemoryError {
    /// This build has no machine code for this processor.
    NotBuilt,
    /// The system gave no memory.
    Reserve(i32),
    /// The system denies memory that can be executed, either way.
    Denied(i32),
    /// Access rights could not be changed.
    Protect(i32),
    /// All of the range is in use.
    Full,
    /// A piece of 1 MiB or more.
    TooLarge(usize),
    /// An address outside of the range.
    Place,
    /// Memory that belongs to the process which this one was forked from.
    Foreign,
}

impl fmt::Display for MemoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MemoryError::NotBuilt => f.write_str("this build has no machine code for this processor"),
            MemoryError::Reserve(code) => write!(f, "no memory for code (error {code})"),
            MemoryError::Denied(code) => write!(f, "the system denies executable memory (error {code})"),
            MemoryError::Protect(code) => write!(f, "access rights of code memory could not be changed (error {code})"),
            MemoryError::Full => f.write_str("code memory is full"),
            MemoryError::TooLarge(size) => write!(f, "{size} bytes of code are too many for one trace"),
            MemoryError::Place => f.write_str("address outside of code memory"),
            MemoryError::Foreign => f.write_str("code memory belongs to the parent process"),
        }
    }
}

impl std::error::Error for MemoryError {}

/// Bytes for an offset in the range.
type Piece<'a> = (usize, &'a [u8]);

/// How pages are written and run.
trait Pages: Send {
    /// Address at which the code runs.
    fn base(&self) -> u64;
    /// Writes pieces into the range, in this order.
    fn write(&mut self, pieces: &[Piece<'_>]) -> Result<(), MemoryError>;
    /// The name for status reports.
    fn name(&self) -> &'static str;
    /// Whether processes that are forked share it.
    fn is_shared(&self) -> bool;
}

/// Code memory.
pub struct CodeMemory {
    pages: Box<dyn Pages>,
    /// Free pieces by offset, never adjacent.
    free: Vec<(usize, usize)>,
    used: usize,
    /// How often this process and those before it were forked when it was made.
    forks: u32,
    /// Pieces until one is refused, for tests.
    refuses: Option<u32>,
}

impl fmt::Debug for CodeMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CodeMemory({}, {} bytes used)", self.pages.name(), self.used)
    }
}

impl CodeMemory {
    /// Reserves the range and finds a way that the system allows.
    ///
    /// # Errors
    /// [`MemoryError`] says why there is none.
    pub fn new() -> Result<CodeMemory, MemoryError> {
        if !crate::is_available() {
            return Err(MemoryError::NotBuilt);
        }
        match os::Protect::new() {
            Ok(pages) => Ok(CodeMemory::with(Box::new(pages))),
            Err(_) => CodeMemory::mapped_twice(),
        }
    }

    /// Reserves the range in the way that is meant for systems which deny the other: for tests.
    ///
    /// # Errors
    /// As for [`new`](CodeMemory::new).
    pub fn mapped_twice() -> Result<CodeMemory, MemoryError> {
        if !crate::is_available() {
            return Err(MemoryError::NotBuilt);
        }
        let forks = os::forks()?;
        Ok(CodeMemory { forks, ..CodeMemory::with(Box::new(os::Twice::new()?)) })
    }

    fn with(pages: Box<dyn Pages>) -> CodeMemory {
        CodeMemory { pages, free: vec![(0, RANGE)], used: 0, forks: 0, refuses: None }
    }

    /// Whether it is the parent process's, so that nothing in it may be run, written or freed. Costs next to nothing.
    pub fn is_foreign(&self) -> bool {
        self.pages.is_shared() && os::forks() != Ok(self.forks)
    }

    /// Whether child processes have it, too, so that it has to be asked [whose it is](CodeMemory::is_foreign).
    pub fn is_shared(&self) -> bool {
        self.pages.is_shared()
    }

    /// New memory of the same kind, after a fork.
    ///
    /// # Errors
    /// As for [`new`](CodeMemory::new).
    pub fn anew(&self) -> Result<CodeMemory, MemoryError> {
        if self.pages.is_shared() { CodeMemory::mapped_twice() } else { CodeMemory::new() }
    }

    /// The piece with this number, counted from now on, is refused: for tests.
    pub fn refuse(&mut self, number: u32) {
        self.refuses = Some(number);
    }

    /// How memory is written: `mprotect` or `mapped twice`.
    pub fn kind(&self) -> &'static str {
        self.pages.name()
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Takes a piece; gives the address at which it will run. It is not readable before it was written.
    ///
    /// # Errors
    /// [`MemoryError::TooLarge`], [`MemoryError::Full`].
    pub fn allocate(&mut self, size: usize) -> Result<u64, MemoryError> {
        if size > LARGEST {
            return Err(MemoryError::TooLarge(size));
        }
        if let Some(left) = self.refuses {
            self.refuses = left.checked_sub(1);
            if left == 0 {
                return Err(MemoryError::Full);
            }
        }
        let size = size.max(1).next_multiple_of(UNIT);
        let position = self.free.iter().position(|(_, length)| *length >= size).ok_or(MemoryError::Full)?;
        let (offset, length) = self.free[position];
        if length == size {
            self.free.remove(position);
        } else {
            self.free[position] = (offset + size, length - size);
        }
        self.used += size;
        Ok(self.pages.base() + offset as u64)
    }

    /// Gives a piece back. Nothing may run there, now or later.
    pub fn release(&mut self, address: u64, size: usize) {
        let size = size.max(1).next_multiple_of(UNIT);
        let Some(offset) = self.offset(address, size) else { return };
        self.used -= size;
        let position = self.free.partition_point(|(other, _)| *other < offset);
        self.free.insert(position, (offset, size));
        if let Some((next, length)) = self.free.get(position + 1).copied()
            && offset + size == next
        {
            self.free[position].1 += length;
            self.free.remove(position + 1);
        }
        if position > 0 {
            let (before, length) = self.free[position - 1];
            if before + length == offset {
                self.free[position - 1].1 += self.free[position].1;
                self.free.remove(position);
            }
        }
    }

    fn offset(&self, address: u64, size: usize) -> Option<usize> {
        let offset = usize::try_from(address.checked_sub(self.pages.base())?).ok()?;
        (offset.checked_add(size)? <= RANGE).then_some(offset)
    }

    /// Writes code. The caller holds the GIL, so that nothing runs there meanwhile.
    ///
    /// # Errors
    /// [`MemoryError::Place`], [`MemoryError::Protect`], [`MemoryError::Foreign`].
    pub fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), MemoryError> {
        self.write_all(&[(address, bytes)])
    }

    /// The same for several pieces: in this order, so that a jump may come behind the code that it leads to.
    ///
    /// # Errors
    /// As for [`write`](CodeMemory::write). The pieces behind one that was not written were not either.
    pub fn write_all(&mut self, pieces: &[(u64, &[u8])]) -> Result<(), MemoryError> {
        if self.is_foreign() {
            return Err(MemoryError::Foreign);
        }
        let place = |&(address, bytes): &(u64, _)| Some((self.offset(address, <[u8]>::len(bytes))?, bytes));
        let pieces = pieces.iter().map(place).collect::<Option<Vec<Piece<'_>>>>().ok_or(MemoryError::Place)?;
        self.pages.write(&pieces)
    }
}

mod os {
    use super::{MemoryError, Pages, Piece, RANGE};
    use std::ops::Range;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// How often this process and those before it were forked. Counting starts with the first question.
    static FORKS: AtomicU32 = AtomicU32::new(0);

    extern "C" fn forked() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }

    /// How often this process and those before it were forked, as far as was counted.
    pub(super) fn forks() -> Result<u32, MemoryError> {
        static COUNTING: OnceLock<i32> = OnceLock::new();
        // SAFETY: the function only counts, which a child process may do; this library is never unloaded.
        match COUNTING.get_or_init(|| unsafe { libc::pthread_atfork(None, None, Some(forked)) }) {
            0 => Ok(FORKS.load(Ordering::Relaxed)),
            code => Err(MemoryError::Reserve(*code)),
        }
    }

    fn error() -> i32 {
        std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
    }

    const PAGE: usize = 4096;
    /// So much of the range is made writable at once: changing the rights of a page takes some 80 ns, beginning to some 10 µs.
    const NEAR: usize = 64 * PAGE;

    fn extent(&(offset, bytes): &Piece<'_>) -> Range<usize> {
        offset..offset + bytes.len()
    }

    fn map(rights: i32, flags: i32, file: i32) -> Result<*mut u8, i32> {
        // SAFETY: a fresh mapping at an address of the system's choice disturbs nothing.
        let address = unsafe { libc::mmap(std::ptr::null_mut(), RANGE, rights, flags, file, 0) };
        if address == libc::MAP_FAILED { Err(error()) } else { Ok(address.cast()) }
    }

    fn unmap(address: *mut u8) {
        // SAFETY: the whole range was mapped by `map` and nobody uses it any more.
        unsafe { libc::munmap(address.cast(), RANGE) };
    }

    /// One mapping, whose pages change their rights.
    pub(super) struct Protect {
        base: *mut u8,
    }

    // SAFETY: the mapping belongs to this value alone, wherever it is.
    unsafe impl Send for Protect {}

    impl Protect {
        pub(super) fn new() -> Result<Protect, MemoryError> {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
            let pages = Protect { base: map(libc::PROT_NONE, flags, -1).map_err(MemoryError::Reserve)? };
            // Try once what will be needed again and again.
            pages.rights(0, PAGE, libc::PROT_READ | libc::PROT_WRITE)?;
            pages.rights(0, PAGE, libc::PROT_READ | libc::PROT_EXEC).map_err(|error| match error {
                MemoryError::Protect(code) => MemoryError::Denied(code),
                other => other,
            })?;
            Ok(pages)
        }

        fn rights(&self, offset: usize, size: usize, rights: i32) -> Result<(), MemoryError> {
            let first = offset & !(PAGE - 1);
            let end = (offset + size).next_multiple_of(PAGE);
            // SAFETY: the pages belong to this mapping; what runs there is the argument of the module's text.
            let result = unsafe { libc::mprotect(self.base.add(first).cast(), end - first, rights) };
            if result == 0 { Ok(()) } else { Err(MemoryError::Protect(error())) }
        }
    }

    impl Protect {
        /// The same for all of the range where a part of it cannot be changed: a process may have so many mappings, and all of it
        /// is one. A jump into what is freed must not stay because it could not be written.
        fn change(&self, part: &Range<usize>, rights: i32) -> Result<(), MemoryError> {
            self.rights(part.start, part.len(), rights).or_else(|_| self.rights(0, RANGE, rights))
        }
    }

    impl Pages for Protect {
        fn base(&self) -> u64 {
            self.base as u64
        }

        fn write(&mut self, mut pieces: &[Piece<'_>]) -> Result<(), MemoryError> {
            while let Some(first) = pieces.first() {
                let (mut part, mut count) = (extent(first), 0);
                for piece in pieces {
                    let next = extent(piece);
                    let both = part.start.min(next.start)..part.end.max(next.end);
                    if count > 0 && both.len() > NEAR {
                        break;
                    }
                    (part, count) = (both, count + 1);
                }
                let (now, later) = pieces.split_at(count);
                self.change(&part, libc::PROT_READ | libc::PROT_WRITE)?;
                for (offset, bytes) in now {
                    // SAFETY: the caller checked that the bytes lie in the range, whose pages are writable now.
                    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.base.add(*offset), bytes.len()) };
                }
                self.change(&part, libc::PROT_READ | libc::PROT_EXEC)?;
                pieces = later;
            }
            Ok(())
        }

        fn name(&self) -> &'static str {
            "mprotect"
        }

        fn is_shared(&self) -> bool {
            false
        }
    }

    impl Drop for Protect {
        fn drop(&mut self) {
            unmap(self.base);
        }
    }

    /// A file in memory, mapped twice.
    pub(super) struct Twice {
        write: *mut u8,
        run: *mut u8,
    }

    // SAFETY: as for `Protect`.
    unsafe impl Send for Twice {}

    impl Twice {
        pub(super) fn new() -> Result<Twice, MemoryError> {
            // SAFETY: the name is a C string; the call has no other precondition.
            let file = unsafe { libc::memfd_create(c"decal".as_ptr(), libc::MFD_CLOEXEC) };
            if file < 0 {
                return Err(MemoryError::Reserve(error()));
            }
            let pages = Self::map_file(file);
            // SAFETY: the mappings keep the file alive; the descriptor is ours.
            unsafe { libc::close(file) };
            pages
        }

        fn map_file(file: i32) -> Result<Twice, MemoryError> {
            // SAFETY: the descriptor is ours; the file is sparse, so that its length costs nothing.
            if unsafe { libc::ftruncate(file, RANGE as libc::off_t) } != 0 {
                return Err(MemoryError::Reserve(error()));
            }
            let write =
                map(libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, file).map_err(MemoryError::Reserve)?;
            match map(libc::PROT_READ | libc::PROT_EXEC, libc::MAP_SHARED, file) {
                Ok(run) => Ok(Twice { write, run }),
                Err(code) => {
                    unmap(write);
                    Err(MemoryError::Denied(code))
                }
            }
        }
    }

    impl Pages for Twice {
        fn base(&self) -> u64 {
            self.run as u64
        }

        fn write(&mut self, pieces: &[Piece<'_>]) -> Result<(), MemoryError> {
            for (offset, bytes) in pieces {
                // SAFETY: the caller checked that the bytes lie in the range; this view is always writable.
                unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.write.add(*offset), bytes.len()) };
            }
            Ok(())
        }

        fn name(&self) -> &'static str {
            "mapped twice"
        }

        fn is_shared(&self) -> bool {
            true
        }
    }

    impl Drop for Twice {
        fn drop(&mut self) {
            unmap(self.write);
            unmap(self.run);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// What was written where.
    type Log = Arc<Mutex<Vec<(usize, Vec<u8>)>>>;

    /// Pages that only remember.
    struct Fake(Log);

    impl Pages for Fake {
        fn base(&self) -> u64 {
            0x1000
        }
        fn write(&mut self, pieces: &[Piece<'_>]) -> Result<(), MemoryError> {
            self.0.lock().unwrap().extend(pieces.iter().map(|(offset, bytes)| (*offset, bytes.to_vec())));
            Ok(())
        }
        fn name(&self) -> &'static str {
            "fake"
        }
        fn is_shared(&self) -> bool {
            false
        }
    }

    #[test]
    fn pieces_are_reused_and_merged() {
        let mut memory = CodeMemory::with(Box::new(Fake(Arc::default())));
        let a = memory.allocate(100).unwrap();
        let b = memory.allocate(10).unwrap();
        let c = memory.allocate(16).unwrap();
        assert_eq!((b - a, c - b, memory.used()), (112, 16, 144));
        memory.release(a, 100);
        memory.release(c, 16);
        memory.release(b, 10);
        assert_eq!((memory.used(), memory.free.len()), (0, 1));
        assert_eq!(memory.allocate(LARGEST).unwrap(), a);
        assert_eq!(memory.allocate(LARGEST + 1), Err(MemoryError::TooLarge(LARGEST + 1)));
    }

    #[test]
    fn writes_stay_in_the_range() {
        let log = Log::default();
        let mut memory = CodeMemory::with(Box::new(Fake(Arc::clone(&log))));
        let a = memory.allocate(16).unwrap();
        memory.write(a, &[1, 2]).unwrap();
        assert_eq!(memory.write(a - 1, &[1]), Err(MemoryError::Place));
        assert_eq!(memory.write(a + RANGE as u64 - 1, &[1, 2]), Err(MemoryError::Place));
        assert_eq!(*log.lock().unwrap(), [(0, vec![1, 2])]);
    }

    #[test]
    fn pieces_are_written_in_their_order_or_not_at_all() {
        let log = Log::default();
        let mut memory = CodeMemory::with(Box::new(Fake(Arc::clone(&log))));
        let a = memory.allocate(64).unwrap();
        assert_eq!(memory.write_all(&[(a, &[1]), (a - 1, &[2])]), Err(MemoryError::Place));
        memory.write_all(&[(a + 32, &[1, 2]), (a, &[3])]).unwrap();
        assert_eq!(*log.lock().unwrap(), [(32, vec![1, 2]), (0, vec![3])]);
    }

    #[cfg(all(feature = "native", target_arch = "x86_64", target_os = "linux"))]
    #[test]
    fn pieces_far_apart_are_written_and_run() {
        let mut memory = CodeMemory::with(Box::new(os::Protect::new().unwrap()));
        let [a, far, near] = [64, LARGEST, 64].map(|size| memory.allocate(size).unwrap());
        // mov eax, number; ret
        let code = |number| [0xb8, number, 0, 0, 0, 0xc3];
        let (pieces, expected) = ([(near, code(1)), (a, code(2)), (far, code(3)), (near + 16, code(4))], [1, 2, 3, 4]);
        memory.write_all(&pieces.each_ref().map(|(at, bytes)| (*at, &bytes[..]))).unwrap();
        for ((at, _), expected) in pieces.into_iter().zip(expected) {
            // SAFETY: the bytes are a function of no arguments.
            let run: extern "C" fn() -> i32 = unsafe { std::mem::transmute(at) };
            assert_eq!(run(), expected);
        }
    }

    #[test]
    fn a_full_range_says_so() {
        let mut memory = CodeMemory::with(Box::new(Fake(Arc::default())));
        let mut count = 0;
        while memory.allocate(LARGEST).is_ok() {
            count += 1;
        }
        assert_eq!(count, 64);
        assert_eq!(memory.allocate(LARGEST), Err(MemoryError::Full));
    }

    #[cfg(all(feature = "native", target_arch = "x86_64", target_os = "linux"))]
    #[test]
    fn no_page_is_ever_writable_and_executable() {
        for pages in [Box::new(os::Protect::new().unwrap()) as Box<dyn Pages>, Box::new(os::Twice::new().unwrap())] {
            let mut memory = CodeMemory::with(pages);
            let at = memory.allocate(64).unwrap();
            // mov eax, 7; ret
            memory.write(at, &[0xb8, 7, 0, 0, 0, 0xc3]).unwrap();
            // SAFETY: the bytes are a function of no arguments.
            let run: extern "C" fn() -> i32 = unsafe { std::mem::transmute(at) };
            assert_eq!(run(), 7);
            let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
            assert!(maps.lines().all(|line| !line.split_whitespace().nth(1).unwrap_or("").starts_with("rwx")));
        }
    }
}
