//! Into a trace and out of it: three small pieces of assembly that all traces share.
//!
//! * [`enter`] is called like a C function. It saves what C functions must keep, puts the context into its
//!   register and calls the trace, with the stack aligned as at the start of any function.
//! * [`leave`] is where every exit's stub jumps to: it saves the allocatable registers into the context and
//!   returns to `enter`.
//! * [`release`] calls a C function of one argument and keeps all registers that values live in. rax and r11 hold the
//!   function and the argument, rax the result.
//!
//! Set a breakpoint on `decal_enter` to stop whenever machine code is entered.

use decal_uops::Context;

/// Runs the code at `entry` until it leaves.
///
/// # Safety
/// `entry` is the entry of assembled code that is still in memory, and everything that its trace takes for
/// granted about the frame, thread and objects in `context` holds.
#[cfg(all(feature = "native", target_arch = "x86_64", target_os = "linux"))]
pub unsafe fn enter(context: &mut Context, entry: u64) {
    prepare(context);
    // SAFETY: the caller's.
    unsafe { decal_enter(context, entry) }
}

/// Fills in what [`enter_again`] expects of a context.
#[cfg(all(feature = "native", target_arch = "x86_64", target_os = "linux"))]
pub fn prepare(context: &mut Context) {
    context.release = release as *const () as u64;
    context.leave = leave as *const () as u64;
}

/// The same as [`enter`] with a context that was prepared.
///
/// # Safety
/// As for [`enter`].
#[cfg(all(feature = "native", target_arch = "x86_64", target_os = "linux"))]
#[inline(always)]
pub unsafe fn enter_again(context: &mut Context, entry: u64) {
    // SAFETY: the caller's.
    unsafe { decal_enter(context, entry) }
}

/// Without machine code there is nothing to enter.
///
/// # Safety
/// None needed.
#[cfg(not(all(feature = "native", target_arch = "x86_64", target_os = "linux")))]
pub unsafe fn enter(_context: &mut Context, _entry: u64) {}

/// As [`enter`].
#[cfg(not(all(feature = "native", target_arch = "x86_64", target_os = "linux")))]
pub fn prepare(_context: &mut Context) {}

/// As [`enter`].
///
/// # Safety
/// None needed.
#[cfg(not(all(feature = "native", target_arch = "x86_64", target_os = "linux")))]
pub unsafe fn enter_again(_context: &mut Context, _entry: u64) {}

#[cfg(all(feature = "native", target_arch = "x86_64", target_os = "linux"))]
mod x86_64 {
    use super::*;
    use decal_uops::offset;

    /// See the module's text.
    #[unsafe(naked)]
    #[unsafe(no_mangle)]
    pub(super) unsafe extern "C" fn decal_enter(context: *mut Context, entry: u64) {
        core::arch::naked_asm!(
            "push rbp",
            "mov rbp, rsp",
            "push rbx",
            "push r12",
            "push r13",
            "push r14",
            "push r15",
            "sub rsp, 8",
            "mov r12, rdi",
            "call rsi",
            "add rsp, 8",
            "pop r15",
            "pop r14",
            "pop r13",
            "pop r12",
            "pop rbx",
            "pop rbp",
            "ret",
        )
    }

    /// See the module's text. Jumped to, not called: the return address is that of `enter`.
    #[unsafe(naked)]
    pub(super) unsafe extern "C" fn leave() {
        core::arch::naked_asm!(
            "mov [r12 + {i}], r13",
            "mov [r12 + {i} + 8], r14",
            "mov [r12 + {i} + 16], r15",
            "mov [r12 + {i} + 24], rdi",
            "mov [r12 + {i} + 32], rsi",
            "mov [r12 + {i} + 40], rdx",
            "mov [r12 + {i} + 48], rcx",
            "mov [r12 + {i} + 56], r8",
            "movsd [r12 + {f}], xmm0",
            "movsd [r12 + {f} + 8], xmm1",
            "movsd [r12 + {f} + 16], xmm2",
            "movsd [r12 + {f} + 24], xmm3",
            "movsd [r12 + {f} + 32], xmm4",
            "movsd [r12 + {f} + 40], xmm5",
            "movsd [r12 + {f} + 48], xmm6",
            "movsd [r12 + {f} + 56], xmm7",
            "ret",
            i = const offset::INT_REGS,
            f = const offset::FLOAT_REGS,
        )
    }

    /// See the module's text.
    #[unsafe(naked)]
    pub(super) unsafe extern "C" fn release() {
        core::arch::naked_asm!(
            "push rbp",
            "mov rbp, rsp",
            "push rdi",
            "push rsi",
            "push rdx",
            "push rcx",
            "push r8",
            "sub rsp, 72",
            "and rsp, -16",
            "movsd [rsp], xmm0",
            "movsd [rsp + 8], xmm1",
            "movsd [rsp + 16], xmm2",
            "movsd [rsp + 24], xmm3",
            "movsd [rsp + 32], xmm4",
            "movsd [rsp + 40], xmm5",
            "movsd [rsp + 48], xmm6",
            "movsd [rsp + 56], xmm7",
            "mov rdi, r11",
            "call rax",
            "movsd xmm0, [rsp]",
            "movsd xmm1, [rsp + 8]",
            "movsd xmm2, [rsp + 16]",
            "movsd xmm3, [rsp + 24]",
            "movsd xmm4, [rsp + 32]",
            "movsd xmm5, [rsp + 40]",
            "movsd xmm6, [rsp + 48]",
            "movsd xmm7, [rsp + 56]",
            "lea rsp, [rbp - 40]",
            "pop r8",
            "pop rcx",
            "pop rdx",
            "pop rsi",
            "pop rdi",
            "pop rbp",
            "ret",
        )
    }
}

#[cfg(all(feature = "native", target_arch = "x86_64", target_os = "linux"))]
use x86_64::{decal_enter, leave, release};
