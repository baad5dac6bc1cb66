//! The stencil library: machine code for every uop and every choice of its registers, made at build
//! time by the stencil compiler and committed, one file per target.
#![no_std]
