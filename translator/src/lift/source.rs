//! What the translator is given: guest code to translate, and what is around it.

use crate::lower::shared::{Shared, SharedType};
use runtime::translated::helpers::Helper;
use x86::Level;

/// Privilege of the code, which selects its TLB and its stamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Privilege {
    /// CPL 0.
    Kernel,
    /// CPL 3.
    User,
}

/// Guest code to translate into one function.
#[derive(Debug, Clone)]
pub struct RegionSource {
    /// Where it runs.
    pub privilege: Privilege,
    /// Number of the region: its slot in the tables of stamps.
    pub index: u32,
    /// What profilers show.
    pub name: String,
    /// Its code. Where blocks overlap in part, control that falls into the middle of one leaves the region.
    pub blocks: Vec<SourceBlock>,
    /// Offsets of its entry points; the number of one is its place here. Offsets that no block starts at are refused.
    pub entries: Vec<i64>,
    /// Callees whose code stands in the place of a call. A callee's frame is its number here plus 1; frame 0 is the region's
    /// own code.
    pub inlined: Vec<Inlined>,
}

/// A callee in the place of one call.
#[derive(Debug, Clone)]
pub struct Inlined {
    /// The frame that calls: 0, or that of a callee further up in the list.
    pub caller: usize,
    /// Offset of the call's instruction.
    pub site: i64,
    /// Offset that it calls.
    pub entry: i64,
    /// The callee's code. What it does not hold is reached as other regions are.
    pub blocks: Vec<SourceBlock>,
}

/// Guest instructions in a row. Control transfers within are allowed: they end a block of the translation.
#[derive(Debug, Clone)]
pub struct SourceBlock {
    /// Offset of the first byte from the region's base.
    pub offset: i64,
    /// Whole instructions.
    pub bytes: Vec<u8>,
    /// How often it ran, where that is known: it costs only speed if it is wrong.
    pub runs: Option<u64>,
}

/// Another region that a static exit goes straight to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    /// The module's index of its function.
    pub function_index: u32,
    /// Its base less the base of the region that leaves.
    pub base_delta: i64,
    /// The entry point.
    pub entry: u32,
}

/// Knows which regions hold which code.
pub trait Targets: Sync {
    /// The region entered at an offset from the base of the region that leaves. It must be of the same privilege.
    fn resolve(&self, offset: i64) -> Option<Chain>;

    /// Offsets that the indirect jump or call at an offset is likely to go to, the likeliest first, with their regions.
    fn guesses(&self, _site: i64) -> Vec<(i64, Chain)> {
        Vec::new()
    }

    /// Offsets that the indirect jump at an offset went to, the most frequent first.
    fn jumps(&self, _site: i64) -> Vec<i64> {
        Vec::new()
    }
}

/// No other region.
#[derive(Debug, Clone, Copy)]
pub struct NoTargets;

impl Targets for NoTargets {
    fn resolve(&self, _offset: i64) -> Option<Chain> {
        None
    }
}

/// Where the runtime's state is, and what the module numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// Linear-memory address of `Cpu`.
    pub cpu: u32,
    /// Of the jump cache.
    pub jump_cache: u32,
    /// Of the kernel regions' stamps.
    pub kernel_stamps: u32,
    /// The function table.
    pub table: u32,
    /// Type index of the first of the types that regions share: see [`crate::lower::shared`].
    pub first_type: u32,
    /// Function index of the first of the functions that they share.
    pub first_shared: u32,
    /// Of the fields of the processor's state that are near while translated code runs ([`crate::lower::state`]), if any are.
    pub near: Option<u32>,
    /// Function indices of the runtime's helpers.
    pub helpers: [u32; Helper::COUNT],
    /// Of what a helper gives beside its result.
    pub result: u32,
}

impl Addresses {
    /// As code made with these options has them.
    pub fn chosen(self, options: &Options) -> Addresses {
        Addresses { near: self.near.filter(|_| options.registers == Registers::Near), ..self }
    }

    /// Type index of a shared type.
    pub(crate) fn ty(&self, ty: SharedType) -> u32 {
        self.first_type + ty as u32
    }

    /// Function index of a shared function.
    pub(crate) fn shared(&self, shared: Shared) -> u32 {
        self.first_shared + shared.number()
    }
}

/// Whether the engine has tail calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TailCalls {
    /// Exits call their target.
    Yes,
    /// Exits return to the dispatcher.
    No,
}

/// What becomes of the guest's CALL and RET.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// Calls and returns, where the engine has tail calls too.
    Paired,
    /// Jumps.
    Chained,
}

/// What becomes of indirect jumps to the region's own entry points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jumps {
    /// They stay in it: [`crate::passes::jumps`].
    Local,
    /// They leave it as others do.
    Chained,
}

/// Who carries out the system instructions that run often: SYSCALL, SYSRET, STI, RDTSC and their like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemCode {
    /// Translated code.
    Translated,
    /// The interpreter.
    Left,
}

/// How accesses of memory are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checks {
    /// Those of a block off one address together: [`crate::passes::group`].
    Grouped,
    /// Each for itself.
    Single,
}

/// Whether what follows a group in a block is written twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twins {
    /// For a group in one page, and for one in two.
    Written,
    /// Once, for both.
    Omitted,
}

/// How the TLB is looked up in the kernel's blocks that never ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColdChecks {
    /// By a call, which takes less room.
    Called,
    /// As in the others.
    Inline,
}

/// Where the accesses of a loop are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoopChecks {
    /// Before it, where addresses move by constants: [`crate::passes::hoist`].
    Hoisted,
    /// In it.
    InPlace,
}

/// What becomes of loops that are entered at several places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peeling {
    /// Short ways to the head are copied: [`crate::passes::reducible`].
    Copied,
    /// A switch leads to each place.
    Omitted,
}

/// Where the registers are between regions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registers {
    /// At the start of linear memory, where their addresses are short: [`crate::lower::state`].
    Near,
    /// Where the runtime has them.
    InPlace,
}

/// What a side exit writes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteBack {
    /// What may differ there from the processor's state, and little else: [`crate::passes::ladder`].
    Ladder,
    /// What may differ at any of the region's.
    All,
}

/// Where variables are loaded from the processor's state, and stored there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// Where that happens least often: [`crate::passes::placement`].
    Cheapest,
    /// Where the region is entered, and where it is left.
    AtEnds,
}

/// Whether the engine is told which branches are hardly ever taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BranchHints {
    /// In the section that engines may read.
    Named,
    /// Not at all.
    Omitted,
}

/// Whether an indirect transfer is compared with where it mostly went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guesses {
    /// Before the jump cache is asked.
    Tried,
    /// Never.
    Omitted,
}

/// How the results of floating-point instructions are tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FloatTests {
    /// Those of a group of instructions together: `lift/group`.
    Grouped,
    /// Each instruction for itself.
    Single,
}

/// Who carries out the instructions that are a function of the runtime: AES, SHA, the x87 unit and their like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Helpers {
    /// The runtime, called by translated code: [`runtime::translated::helpers`].
    Called,
    /// The interpreter.
    Left,
}

/// Where products of 64-bit numbers have their high half from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Products {
    /// Products of 32-bit halves.
    Halves,
    /// The engine, which must have WebAssembly's wide arithmetic.
    Wide,
}

/// Choices at conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How regions follow one another.
    pub tail_calls: TailCalls,
    /// What becomes of CALL and RET.
    pub calls: Calls,
    /// What becomes of indirect jumps to the region's own entry points.
    pub jumps: Jumps,
    /// Who carries out system instructions.
    pub system: SystemCode,
    /// How accesses of memory are checked.
    pub checks: Checks,
    /// Whether what follows a group in a block is written twice.
    pub twins: Twins,
    /// How the TLB is looked up in the kernel's blocks that never ran.
    pub cold_checks: ColdChecks,
    /// Where the accesses of a loop are checked.
    pub loop_checks: LoopChecks,
    /// What becomes of loops that are entered at several places.
    pub peeling: Peeling,
    /// Where the registers are between regions.
    pub registers: Registers,
    /// What a side exit writes back.
    pub write_back: WriteBack,
    /// Where variables are loaded and stored.
    pub placement: Placement,
    /// Whether the engine is told which branches are hardly ever taken.
    pub branch_hints: BranchHints,
    /// Whether indirect transfers try the targets of the profile first.
    pub guesses: Guesses,
    /// How floating-point results are tested.
    pub float_tests: FloatTests,
    /// Who carries out what is a function of the runtime.
    pub helpers: Helpers,
    /// How high halves of products are computed.
    pub products: Products,
    /// The processor that the code runs on: instructions that it lacks are left to the interpreter.
    pub level: Level,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            tail_calls: TailCalls::Yes,
            calls: Calls::Paired,
            jumps: Jumps::Local,
            system: SystemCode::Translated,
            checks: Checks::Grouped,
            twins: Twins::Written,
            cold_checks: ColdChecks::Called,
            loop_checks: LoopChecks::Hoisted,
            peeling: Peeling::Copied,
            registers: Registers::Near,
            write_back: WriteBack::Ladder,
            placement: Placement::Cheapest,
            branch_hints: BranchHints::Named,
            guesses: Guesses::Tried,
            float_tests: FloatTests::Grouped,
            helpers: Helpers::Called,
            products: Products::Halves,
            level: Level::V3,
        }
    }
}
