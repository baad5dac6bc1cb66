//! Room: machine code and metadata together stay below a limit (`DECAL_MEMORY`).
//!
//! Where the limit is reached root traces are freed, with their side traces, before anything new is compiled: first those that
//! were not entered since this was last asked, then those that were entered least. A trace that is under way is never among
//! them, nor the one that is being continued. Where that does not suffice nothing more is compiled. Both have a reason
//! that `explain` prints, and a place that is freed again and again is given up.
//!
//! Cost: a comparison for each trace; a walk over all executors where the limit is reached.

use crate::executor::Executor;
use crate::links;
use crate::location::Location;
use crate::state::Engine;
use std::rc::Rc;

/// What is said of what cannot be compiled.
pub const FULL: &str = "traces have all the memory that they may (DECAL_MEMORY)";

impl Engine {
    /// Takes a new executor into account.
    pub fn admit(&mut self, executor: &Executor) {
        let bytes = executor.metadata_bytes() + executor.native.as_ref().map_or(0, |code| code.size);
        executor.bytes.set(bytes);
        self.in_use += bytes;
    }

    /// Frees traces where there are too many, but not that of `keep`. Whether there is room now.
    pub fn make_room(&mut self, keep: Option<usize>) -> bool {
        let limit = self.options.memory;
        if self.in_use < limit {
            return true;
        }
        // An eighth more, so that it is not asked again at once.
        let enough = limit - limit / 8;
        let mut cold: Vec<(u64, Rc<Executor>)> = Vec::new();
        for root in self.executors.iter().flatten().filter(|executor| executor.is_root() && executor.valid.get()) {
            let entries = root.times_entered();
            let since = entries - root.noted.replace(entries).min(entries);
            if keep != Some(root.id) && !links::is_under_way(root) {
                cold.push((since, Rc::clone(root)));
            }
        }
        cold.sort_by_key(|(since, root)| (*since, root.times_entered(), root.id));
        for (_, root) in cold {
            if self.in_use <= enough {
                break;
            }
            self.log(1, || format!("trace {} is freed, to make room", root.id));
            self.counters.freed += 1;
            let place = (root.code as usize, root.offset);
            self.invalidate(root.id);
            let threshold = self.threshold(root.offset);
            self.locate(place, || Location::new(threshold)).freed(threshold);
        }
        self.in_use < limit
    }
}
