//! Rewrites: each way in which the optimizer makes something else of what it was asked for, with its name.
//!
//! Whoever is about to apply a rule asks [`Rewrites::allows`], which counts. So a test can tell which rules it has seen at work,
//! and a search for the one at fault can stop them after any number: what is not rewritten is emitted as it came, which is
//! always right. Rules are listed here and nowhere else; `tests/rules.rs` fails where one of them is not put to the proof.

use crate::opt::Part;

macro_rules! rules {
    ($($(#[doc = $doc:literal])+ $name:ident $text:literal $part:ident;)+) => {
        /// A rule. What it says holds for all operands.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum Rule { $($(#[doc = $doc])+ $name),+ }

        /// All rules, in order.
        pub const RULES: &[Rule] = &[$(Rule::$name),+];

        impl Rule {
            /// Its name, as `cargo xtask bisect` prints it.
            pub const fn name(self) -> &'static str {
                match self { $(Rule::$name => $text),+ }
            }

            /// The part of optimizing that it belongs to.
            pub const fn part(self) -> Part {
                match self { $(Rule::$name => Part::$part),+ }
            }

            /// What it does.
            pub const fn doc(self) -> &'static str {
                match self { $(Rule::$name => concat!($($doc),+)),+ }
            }
        }
    };
}

rules! {
    /// What has constant operands is computed, and a guard on them that holds is left out.
    Constants "constants" Fold;
    /// `a + 0`, `a - 0`, `a | 0`, `a ^ 0`, `a << 0` and `a >> 0` are `a`.
    NeutralZero "neutral zero" Fold;
    /// `a * 1`, `a // 1` and `a ** 1` are `a`.
    NeutralOne "neutral one" Fold;
    /// `a * 0` and `a & 0` are 0.
    AbsorbingZero "absorbing zero" Fold;
    /// `a & -1` is `a`.
    AllOnes "all ones" Fold;
    /// That a constant object is this object is known.
    SameObject "same object" Fold;
    /// That a constant object is not that object is known.
    OtherObject "other object" Fold;
    /// What was computed is not computed again.
    ComputedBefore "computed before" Number;
    /// What was checked is not checked again.
    PassedBefore "passed before" Number;
    /// The type of an object is known.
    TypeKnown "type known" Types;
    /// What memory holds is known.
    LoadedBefore "loaded before" Loads;
    /// `a % 2**n` keeps the lower bits.
    RemainderByMask "remainder by mask" Divide;
    /// `a // 2**n` is a shift.
    QuotientByShift "quotient by shift" Divide;
    /// `a / 2**n` is a product, which is exact as the quotient is.
    ProductForQuotient "product for quotient" Divide;
    /// `a // d` is the upper half of a product.
    QuotientByProduct "quotient by product" Divide;
    /// `a % d` is what such a quotient leaves.
    RemainderByProduct "remainder by product" Divide;
    /// `a >> n` of a constant `n` never leaves the trace.
    ShiftByConstant "shift by constant" Divide;
    /// A sum or a difference that fits is not checked.
    NoOverflow "no overflow" Ranges;
    /// A guard that cannot fail is left out.
    GuardImplied "guard implied" Ranges;
    /// A comparison that comes out the same for all that its operands can be is that.
    ComparisonKnown "comparison known" Ranges;
    /// `abs(a)` of what is not negative is `a`.
    SignKnown "sign known" Ranges;
    /// `min` and `max` of what lies apart are one of them.
    SmallerKnown "smaller known" Ranges;
    /// A remainder of what is smaller than the divisor is that, and so is `a & mask` of what lies within the mask.
    RemainderKnown "remainder known" Ranges;
    /// What was added and is taken away again goes out of a sum.
    TermGone "term gone" Fold;
    /// What is exact as a double is not asked whether it is.
    ExactDouble "exact double" Ranges;
    /// What nobody uses is removed, all of it at once.
    Unused "unused" Dead;
    /// `a ^ 1234567` is `a`. That is wrong: it is there for tests of what finds mistakes, and off otherwise.
    Wrong "wrong" Fold;
}

/// What may be rewritten.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allowed {
    /// Anything at all.
    pub optimize: bool,
    /// All but this part.
    pub without: Option<Part>,
    /// So many times.
    pub limit: u32,
    /// [`Rule::Wrong`] too.
    pub wrong: bool,
}

impl Allowed {
    /// Everything, as often as there is reason to.
    pub const ALL: Allowed = Allowed { optimize: true, without: None, limit: u32::MAX, wrong: false };
    /// Nothing.
    pub const NOTHING: Allowed = Allowed { optimize: false, ..Allowed::ALL };

    /// Whether this part is on.
    pub fn does(self, part: Part) -> bool {
        self.optimize && self.without != Some(part)
    }
}

/// What was rewritten in one trace.
#[derive(Clone, Debug)]
pub struct Rewrites {
    allowed: Allowed,
    done: u32,
    counts: [u32; RULES.len()],
    last: Option<Rule>,
}

impl Rewrites {
    /// Nothing yet.
    pub fn new(allowed: Allowed) -> Rewrites {
        Rewrites { allowed, done: 0, counts: [0; RULES.len()], last: None }
    }

    /// What is allowed.
    pub fn allowed(&self) -> Allowed {
        self.allowed
    }

    /// Whether a rule may be applied here, where it fits. Counts that it is.
    pub fn allows(&mut self, rule: Rule) -> bool {
        let allows = self.allowed.does(rule.part())
            && self.done < self.allowed.limit
            && (rule != Rule::Wrong || self.allowed.wrong);
        if allows {
            self.done += 1;
            self.counts[rule as usize] += 1;
            self.last = Some(rule);
        }
        allows
    }

    /// How many there were.
    pub fn done(&self) -> u32 {
        self.done
    }

    /// How often a rule was applied.
    pub fn count(&self, rule: Rule) -> u32 {
        self.counts[rule as usize]
    }

    /// The rule that was applied last.
    pub fn last(&self) -> Option<Rule> {
        self.last
    }
}
