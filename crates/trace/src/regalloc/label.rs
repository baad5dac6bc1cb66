//! Places at the label: where the loop keeps what it carries around.
//!
//! A value that the body's instructions use should be in a register all the way round; one that
//! only snapshots use should be in a slot, or a register that is left over where the value changes in
//! each turn. First the body's need for registers is estimated by a sweep over its instructions; where
//! it exceeds what there is, the entries with the least use go without. Registers are chosen so
//! that the jump into the loop moves little, and values made in the body get hints so that the jump back does not
//! move them either.
//!
//! Where the body is short of registers or makes calls, values that do not change are also saved
//! once before the loop, so that losing their register costs no store in each turn.

use super::moves::Move;
use super::state::{Bank, NO_REG, NO_SLOT, SAVED, State, bank_of, reg_place};
use super::{AllocError, Allocator, has_slot};
use crate::allocated::{Item, LabelEntry, Place};
use crate::ir::{End, Inst, Trace, Val};
use decal_uops::Form;

/// An entry of the label while its place is being chosen.
struct Candidate {
    val: Val,
    /// The value in the first turn: of a phi its entry, else the value itself.
    first: Val,
    /// The phi's value in the next turn.
    next: Option<Val>,
    bank: Bank,
    /// How often the body's instructions use it.
    uses: u32,
    wants_register: bool,
}

impl Allocator<'_> {
    /// Chooses places for the label, moves everything there, and starts the body from there.
    pub(super) fn enter_label(&mut self, interface: &[Val]) -> Result<(), AllocError> {
        let state = &mut self.state;
        let phis = state.trace.phis().count();
        let mut candidates = gather(state, interface);
        let short = choose_who(state, &mut candidates);
        let calls = state.uses.call_between(state.now.saturating_sub(1), state.trace.insts.len() as u32);
        let save_all = short || calls;

        // What does not change and has no register of its own is saved, once.
        for candidate in &candidates[phis..] {
            let is_const = state.consts[candidate.val.index()].is_some();
            if !is_const && (save_all || !candidate.wants_register) {
                state.save(candidate.val)?;
            }
        }
        let places = choose_places(state, &candidates)?;

        let mut moves = Vec::with_capacity(places.len());
        for (candidate, &to) in candidates.iter().zip(&places) {
            let own_slot = to == Place::Spill(state.slot_of[candidate.first.index()]);
            let from = if own_slot { to } else { state.source(candidate.first)? };
            if !matches!(to, Place::Const(_)) {
                moves.push(Move { val: candidate.first, bank: candidate.bank, from, to });
            }
        }
        state.emit_moves(&moves, [0; 2])?;

        // From here on only the label's entries exist.
        for bank in [Bank::Int, Bank::Float] {
            for reg in 0..8 {
                if let Some(val) = state.regs[bank as usize][reg] {
                    state.drop_register(val);
                }
            }
        }
        let label = state.now;
        for candidate in &candidates[..phis] {
            let first = candidate.first;
            if state.uses.last[first.index()] <= label && has_slot(state, first) {
                state.release(first);
            }
        }
        for (index, (candidate, &place)) in candidates.iter().zip(&places).enumerate() {
            let val = candidate.val;
            match place {
                Place::Int(reg) => state.hold(val, Bank::Int, reg.0),
                Place::Float(reg) => state.hold(val, Bank::Float, reg.0),
                Place::Spill(slot) => {
                    state.slot_of[val.index()] = slot;
                    state.pin_slot(slot);
                }
                Place::Const(_) => {}
            }
            let in_register = matches!(place, Place::Int(_) | Place::Float(_));
            state.at_end[candidate.next.unwrap_or(val).index()] |= in_register;
            let slot = Some(state.slot_of[val.index()]).filter(|&slot| in_register && slot != NO_SLOT);
            if let Some(slot) = slot {
                state.pin_slot(slot);
            }
            self.label.push(LabelEntry { val, class: state.class(val), place, phi: index < phis, slot });
        }
        self.keep.extend(interface[phis..].iter());
        // A phi that nothing in the body needs keeps its place only until the next turn's value comes.
        for candidate in &candidates[..phis] {
            if state.uses.last[candidate.val.index()] <= label {
                state.drop_register(candidate.val);
            }
        }
        give_hints(state, &candidates, &places);
        state.items.push(Item::Label);
        Ok(())
    }
}

fn gather(state: &mut State<'_>, interface: &[Val]) -> Vec<Candidate> {
    let trace: &Trace = state.trace;
    let nexts: &[Val] = match &trace.end {
        End::Loop(values) => values,
        _ => &[],
    };
    let mut candidates = Vec::with_capacity(interface.len());
    for (index, &val) in interface.iter().enumerate() {
        let (first, next) = match &trace.insts[val.index()] {
            Inst::Phi { entry, .. } if Some(val.0) >= trace.label => (*entry, nexts.get(index).copied()),
            _ => (val, None),
        };
        state.next_use(val);
        candidates.push(Candidate {
            val,
            first,
            next,
            bank: state.bank(val),
            uses: state.uses.left(val),
            wants_register: state.uses.left(val) > 0,
        });
    }
    candidates
}

/// Decides which entries get registers. True where the body needs more than there are.
fn choose_who(state: &mut State<'_>, candidates: &mut [Candidate]) -> bool {
    let (label, end) = (state.now, state.trace.insts.len() as u32);
    let body = (end - label) as usize + 1;
    let mut short = false;
    // Demand of both banks at each position, first as changes.
    let mut demand = [vec![0i32; body + 1], vec![0i32; body + 1]];
    let mut add = |bank: Bank, from: u32, to: u32| {
        demand[bank as usize][(from - label) as usize] += 1;
        demand[bank as usize][(to - label) as usize] -= 1;
    };
    let mut carried = vec![false; body];
    for candidate in candidates.iter() {
        if let Some(next) = candidate.next
            && next.0 >= label
            && candidate.wants_register
        {
            carried[(next.0 - label) as usize] = true;
        }
    }
    for index in label..end {
        let val = Val(index);
        let is_uop = matches!(state.trace.insts[val.index()], Inst::Uop(_));
        if !is_uop || state.trace.class(val).is_none() {
            continue;
        }
        let last = if carried[(index - label) as usize] { Some(end) } else { state.uses.last_operand(val) };
        if let Some(last) = last {
            add(state.bank(val), index, last.max(index + 1));
        }
    }
    for candidate in candidates.iter().filter(|entry| entry.wants_register) {
        let last = match candidate.next {
            Some(_) => state.uses.last_operand(candidate.val).unwrap_or(end),
            None => end,
        };
        add(candidate.bank, label, last);
    }
    for bank in [Bank::Int, Bank::Float] {
        let mut sum = 0;
        let mut most = 0;
        for change in &demand[bank as usize] {
            sum += change;
            most = most.max(sum);
        }
        let have = state.allowed[bank as usize].count_ones() as i32;
        short |= most > have;
        let mut wanting: Vec<usize> = (0..candidates.len())
            .filter(|&index| candidates[index].bank == bank && candidates[index].wants_register)
            .collect();
        // Those with the least use first: constants, then what does not change, then what does.
        wanting.sort_by_key(|&index| {
            let candidate = &candidates[index];
            let is_const = state.consts[candidate.val.index()].is_some();
            (candidate.next.is_some(), candidate.uses, !is_const)
        });
        let excess = (most - have).max(wanting.len() as i32 - have).max(0) as usize;
        for &index in wanting.iter().take(excess) {
            candidates[index].wants_register = false;
        }
        // Values that change and only snapshots need: a register each, while one is left over.
        let mut left = have - 1 - most;
        for candidate in candidates.iter_mut() {
            if left > 0
                && candidate.bank == bank
                && candidate.next.is_some()
                && !candidate.wants_register
                && excess == 0
            {
                candidate.wants_register = true;
                left -= 1;
            }
        }
    }
    for candidate in candidates {
        if state.random(4) == Some(0) {
            candidate.wants_register = false;
        }
    }
    short
}

/// Chooses a place for each entry.
fn choose_places(state: &mut State<'_>, candidates: &[Candidate]) -> Result<Vec<Place>, AllocError> {
    let mut places: Vec<Option<Place>> = vec![None; candidates.len()];
    let mut free = state.allowed;
    let end = state.trace.insts.len() as u32;
    let before = state.now.saturating_sub(1);
    // Whether an entry outlives a call in the body.
    let across: Vec<bool> = candidates
        .iter()
        .map(|candidate| {
            let last = match candidate.next {
                Some(_) => state.uses.last_operand(candidate.val).unwrap_or(0),
                None => end,
            };
            state.uses.call_between(before, last)
        })
        .collect();
    // First those that can stay where they are.
    for (index, candidate) in candidates.iter().enumerate() {
        let reg = state.reg_of[candidate.first.index()];
        let bank = candidate.bank as usize;
        if !candidate.wants_register || reg == NO_REG || free[bank] & (1 << reg) == 0 {
            continue;
        }
        let survives = candidate.bank == Bank::Int && SAVED & (1 << reg) != 0;
        if candidate.bank == Bank::Float || survives || !across[index] {
            free[bank] &= !(1 << reg);
            places[index] = Some(reg_place(candidate.bank, reg));
        }
    }
    for (index, candidate) in candidates.iter().enumerate() {
        if places[index].is_some() {
            continue;
        }
        let bank = candidate.bank;
        let prefer = state.reg_of[candidate.first.index()];
        let reg = if candidate.wants_register {
            let saved = free[bank as usize] & SAVED;
            if bank == Bank::Int && across[index] && saved != 0 {
                state.choose(saved, bank, prefer, true)
            } else {
                state.choose(free[bank as usize], bank, prefer, across[index])
            }
        } else {
            None
        };
        places[index] = Some(if let Some(reg) = reg {
            free[bank as usize] &= !(1 << reg);
            reg_place(bank, reg)
        } else if let Some(bits) = state.consts[candidate.val.index()] {
            Place::Const(bits)
        } else if candidate.next.is_some() {
            Place::Spill(state.take_slot()?)
        } else {
            state.save(candidate.val)?;
            Place::Spill(state.slot_of[candidate.val.index()])
        });
    }
    Ok(places.into_iter().flatten().collect())
}

/// Tells the values of the next turn where they will be wanted, and the values that they are made
/// from in place, too.
fn give_hints(state: &mut State<'_>, candidates: &[Candidate], places: &[Place]) {
    let trace = state.trace;
    for (candidate, place) in candidates.iter().zip(places) {
        let Some(next) = candidate.next.filter(|next| next.0 >= state.now) else {
            continue;
        };
        match place {
            Place::Int(reg) => state.hint[next.index()] = reg.0,
            Place::Float(reg) => state.hint[next.index()] = reg.0,
            Place::Spill(_) | Place::Const(_) => {}
        }
    }
    for index in (state.now as usize..trace.insts.len()).rev() {
        let Inst::Uop(inst) = &trace.insts[index] else {
            continue;
        };
        match inst.uop.info().form {
            Form::Tied => {
                if let Some(first) = inst.args.first()
                    && first.0 > state.now
                    && state.hint[first.index()] == NO_REG
                    && trace.class(*first).map(bank_of) == inst.uop.info().result.map(bank_of)
                {
                    state.hint[first.index()] = state.hint[index];
                }
            }
            Form::Free | Form::Fixed => {}
        }
    }
}
