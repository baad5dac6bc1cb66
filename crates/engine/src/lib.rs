//! The JIT itself: what happens to a loop from its first backward jump to machine code and back.
//!
//! [`callbacks`] hears of backward jumps and counts them in [`location`]s; a hot one is observed for one pass
//! ([`observe`]), compiled ([`pipeline`]) and becomes an [`executor`], which is entered at the next jump
//! ([`enter`]) and left through [`exit`]s. All that is spent in advance comes from one [`budget`]; what finds none is [`waiting`]. What an executor takes for granted is watched ([`invalidate`]).
//! [`api`] is what the extension module calls; [`stats`] and [`explain`] tell the user what happened.
//!
//! Layouts of CPython are in `decal_cpython`, machine code in `decal_native`, and everything between in
//! `decal_trace`; here is the policy. The state is one [`state::Engine`] behind the GIL, borrowed for short
//! stretches in which no Python code runs.

pub mod api;
mod brief;
mod budget;
mod callbacks;
mod consume;
mod direct;
mod enter;
mod entrance;
mod executor;
mod exit;
mod explain;
mod graves;
mod interpret;
mod invalidate;
mod level;
mod links;
mod location;
mod machine;
mod native;
mod observe;
pub mod options;
mod pace;
mod pipeline;
mod plan;
mod room;
mod starts;
mod state;
pub mod stats;
mod stress;
mod unrolled;
mod verify;
mod waiting;
mod wishes;
mod worth;
