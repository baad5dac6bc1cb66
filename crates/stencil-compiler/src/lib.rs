//! The stencil compiler: makes the stencil library out of the uop table, at build time.
//!
//! A pipeline of small steps: [`generate`] writes Rust functions, [`compile`] has rustc compile them, [`read`]
//! takes code and relocations out of the objects, [`tidy`] turns each into a stencil and checks it,
//! [`library`] writes them. [`digest`] tells whether there is anything to do, [`show`] makes the result readable.
//!
//! Why Rust functions and no assembler: the meaning of a uop is written once, and the same function
//! is what the trace interpreter runs. The technique is copy and patch (Xu and Kjolstad, OOPSLA 2021); CPython
//! builds its stencils from C in the same way (`Tools/jit`).

pub mod compile;
pub mod digest;
pub mod error;
pub mod generate;
pub mod library;
pub mod model;
pub mod read;
pub mod show;
pub mod tidy;

use crate::error::Error;
use crate::generate::Variant;
use clap::{Parser, ValueEnum};
use decal_uops::{ALL, Uop};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The targets that stencils are made for.
pub const TARGETS: &[&str] = &["x86_64-unknown-linux-gnu"];

/// What to print instead of making a library.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Emit {
    /// The generated Rust source.
    Source,
}

/// Makes the stencil library.
#[derive(Parser, Debug)]
pub struct Args {
    /// Targets (default: all that stencils are made for).
    pub triples: Vec<String>,
    /// Print every command, and bytes saved per uop.
    #[arg(short, long)]
    pub verbose: bool,
    /// Keep sources and objects, and say where.
    #[arg(short, long)]
    pub debug: bool,
    /// Compilers at once.
    #[arg(short, long, default_value_t = 2)]
    pub jobs: usize,
    /// Folder for the library.
    #[arg(short, long)]
    pub output: Option<PathBuf>,
    /// Make it even if nothing has changed.
    #[arg(long)]
    pub force: bool,
    /// Make it elsewhere and compare it with the committed one.
    #[arg(long)]
    pub check: bool,
    /// List all uops with the number and size of their stencils.
    #[arg(long)]
    pub list: bool,
    /// Disassemble a few stencils of a uop, with holes named.
    #[arg(long, value_name = "UOP")]
    pub show: Option<String>,
    /// Print something on the way instead.
    #[arg(long)]
    pub emit: Option<Emit>,
}

/// Runs the stencil compiler. `root` is the repository's folder.
///
/// # Errors
/// [`Error`], whose text is for the person at the terminal.
pub fn run(args: &Args, root: &Path) -> Result<(), Error> {
    let default: Vec<String> = TARGETS.iter().map(|triple| triple.to_string()).collect();
    let triples = if args.triples.is_empty() { &default } else { &args.triples };
    for triple in triples {
        if !TARGETS.contains(&triple.as_str()) {
            return Err(Error::Target(triple.clone()));
        }
        target(args, root, triple)?;
    }
    Ok(())
}

fn target(args: &Args, root: &Path, triple: &str) -> Result<(), Error> {
    if args.emit == Some(Emit::Source) {
        print!("{}", generate::source(&generate::variants()));
        return Ok(());
    }
    let folder = args.output.clone().unwrap_or_else(|| root.join("crates/stencils/library"));
    let path = folder.join(format!("{triple}.bin"));
    let uops = root.join("crates/uops");
    if args.list || args.show.is_some() {
        let library = std::fs::read(&path).map_err(|error| Error::File(path.clone(), error))?;
        if let Some(name) = &args.show {
            let uop = Uop::from_name(name).ok_or_else(|| Error::Uop(name.clone()))?;
            print!("{}", show::uop(&library, uop));
        } else {
            list(&library);
        }
        return Ok(());
    }
    let digest = digest::inputs(&uops, &root.join("crates/stencil-compiler"), triple)?;
    let old = std::fs::read(&path).ok();
    let same = old.as_deref().and_then(decal_stencils::digest) == Some(digest.as_str());
    if same && !args.force && !args.check {
        println!("{triple}: up to date ({digest})");
        return Ok(());
    }
    if args.check && !same {
        return Err(Error::Stale(format!("the stencils for {triple} were made from other inputs")));
    }
    let work = std::env::temp_dir().join(format!("decal-stencils-{}", std::process::id()));
    std::fs::create_dir_all(&work).map_err(|error| Error::File(work.clone(), error))?;
    let result = make(args, &work, &uops, triple, &digest);
    if args.debug {
        println!("sources and objects: {}", work.display());
    } else {
        let _ = std::fs::remove_dir_all(&work);
    }
    let library = result?;
    if args.check {
        if old.as_deref() == Some(library.as_slice()) {
            println!("{triple}: the committed stencils are what the sources make");
            return Ok(());
        }
        return Err(Error::Stale(format!("the stencils for {triple} differ from what the sources make")));
    }
    std::fs::create_dir_all(&folder).map_err(|error| Error::File(folder.clone(), error))?;
    std::fs::write(&path, &library).map_err(|error| Error::File(path.clone(), error))?;
    println!("{triple}: wrote {} ({} bytes)", path.display(), library.len());
    Ok(())
}

fn make(args: &Args, work: &Path, uops: &Path, triple: &str, digest: &str) -> Result<Vec<u8>, Error> {
    let started = std::time::Instant::now();
    let variants = generate::variants();
    eprintln!("{triple}: compiling {} stencils of {} uops", variants.len(), ALL.len());
    let compiler = compile::Compiler { folder: work, uops, triple, jobs: args.jobs, verbose: args.verbose };
    let objects = compiler.run(&variants)?;
    let compiled_in = started.elapsed();
    let mut stencils = BTreeMap::new();
    let mut saved: BTreeMap<Uop, tidy::Saved> = BTreeMap::new();
    for path in &objects {
        for compiled in read::read(path)? {
            let Variant { uop, number } = compiled.variant;
            let (stencil, one) = tidy::tidy(&compiled)?;
            stencils.insert((uop as u8, number), stencil);
            let sum = saved.entry(uop).or_default();
            sum.before += one.before;
            sum.hot += one.hot;
            sum.cold += one.cold;
            sum.inverted += one.inverted;
            sum.jumps += one.jumps;
        }
    }
    let total = saved.values().fold(tidy::Saved::default(), |a, b| tidy::Saved {
        before: a.before + b.before,
        hot: a.hot + b.hot,
        cold: a.cold + b.cold,
        inverted: a.inverted + b.inverted,
        jumps: a.jumps + b.jumps,
    });
    if args.verbose {
        for (uop, s) in &saved {
            eprintln!("{:22} {:6} -> {:6} hot {:6} cold bytes", uop.name(), s.before, s.hot, s.cold);
        }
    }
    eprintln!(
        "{triple}: compiled in {:.1} s; {} bytes became {} hot and {} cold; {} jumps inverted, {} dropped",
        compiled_in.as_secs_f64(),
        total.before,
        total.hot,
        total.cold,
        total.inverted,
        total.jumps
    );
    library::bytes(triple, digest, &stencils)
}

fn list(library: &[u8]) {
    println!("{:22} {:>8} {:>9} {:>9}", "uop", "stencils", "hot bytes", "cold bytes");
    let (mut count, mut bytes) = (0, 0);
    for uop in ALL {
        let keys = decal_stencils::key_count(*uop);
        let found: Vec<_> = (0..keys).filter_map(|number| decal_stencils::stencil(library, *uop, number)).collect();
        let hot: usize = found.iter().map(|stencil| stencil.hot.len()).sum();
        let cold: usize = found.iter().map(|stencil| stencil.cold.len()).sum();
        println!("{:22} {:>8} {:>9} {:>9}", uop.name(), found.len(), hot, cold);
        count += found.len();
        bytes += hot + cold;
    }
    println!("{count} stencils of {} uops, {bytes} bytes of code, {} bytes in the library", ALL.len(), library.len());
}
