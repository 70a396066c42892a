//! Which body an instruction has: one line a mnemonic, in the order of SDM volume 1, chapter 5.

use crate::body::arith::{self, xadd};
use crate::body::bits::{self, BitOp};
use crate::body::bmi::LowestBit;
use crate::body::flag_control::{self, CarryOp};
use crate::body::{bmi, control, data, muldiv, shift, sse, stack, strings, system};
use crate::flags::{Condition, FlagOp, bit};
use crate::insn::{Insn, Segment};
use crate::integer::IntegerOp;
use crate::machine::{BinOp, Machine, UnOp};
use crate::width::Width;

/// Carries out one instruction. RIP is advanced by the caller, unless the instruction jumped.
///
/// # Errors
/// What stopped it: a fault, and no state has changed.
#[inline(always)]
#[rustfmt::skip]
pub fn exec<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    use Condition::*;
    use iced_x86::Mnemonic as Mn;
    match insn.mnemonic {
        // 5.1.1 Data transfer
        Mn::Mov                 => data::mov(m, insn),
        Mn::Movzx               => data::movzx(m, insn),
        Mn::Movsx | Mn::Movsxd  => data::movsx(m, insn),
        Mn::Lea                 => data::lea(m, insn),
        Mn::Xchg                => data::xchg(m, insn),
        Mn::Xlatb               => data::xlat(m, insn),
        Mn::Bswap               => muldiv::bswap(m, insn),
        Mn::Movbe               => data::movbe(m, insn),
        Mn::Push                => stack::push(m, insn),
        Mn::Pop                 => stack::pop(m, insn),
        Mn::Cbw                 => { muldiv::extend_accumulator(m, Width::W8, Width::W16); Ok(()) }
        Mn::Cwde                => { muldiv::extend_accumulator(m, Width::W16, Width::W32); Ok(()) }
        Mn::Cdqe                => { muldiv::extend_accumulator(m, Width::W32, Width::W64); Ok(()) }
        Mn::Cwd                 => { muldiv::extend_to_rdx(m, Width::W16); Ok(()) }
        Mn::Cdq                 => { muldiv::extend_to_rdx(m, Width::W32); Ok(()) }
        Mn::Cqo                 => { muldiv::extend_to_rdx(m, Width::W64); Ok(()) }
        Mn::Xadd                => xadd(m, insn),
        Mn::Cmpxchg             => arith::cmpxchg(m, insn),
        Mn::Cmpxchg16b          => arith::cmpxchg16b(m, insn),
        Mn::Cmovo               => bits::cmov(m, insn, O),
        Mn::Cmovno              => bits::cmov(m, insn, No),
        Mn::Cmovb               => bits::cmov(m, insn, B),
        Mn::Cmovae              => bits::cmov(m, insn, Ae),
        Mn::Cmove               => bits::cmov(m, insn, E),
        Mn::Cmovne              => bits::cmov(m, insn, Ne),
        Mn::Cmovbe              => bits::cmov(m, insn, Be),
        Mn::Cmova               => bits::cmov(m, insn, A),
        Mn::Cmovs               => bits::cmov(m, insn, S),
        Mn::Cmovns              => bits::cmov(m, insn, Ns),
        Mn::Cmovp               => bits::cmov(m, insn, P),
        Mn::Cmovnp              => bits::cmov(m, insn, Np),
        Mn::Cmovl               => bits::cmov(m, insn, L),
        Mn::Cmovge              => bits::cmov(m, insn, Ge),
        Mn::Cmovle              => bits::cmov(m, insn, Le),
        Mn::Cmovg               => bits::cmov(m, insn, G),
        // 5.1.2 Binary arithmetic
        Mn::Add                 => arith::add(m, insn),
        Mn::Adc                 => arith::adc(m, insn),
        Mn::Sub                 => arith::sub(m, insn),
        Mn::Sbb                 => arith::sbb(m, insn),
        Mn::Cmp                 => arith::cmp(m, insn),
        Mn::Inc                 => arith::step(m, insn, FlagOp::Inc),
        Mn::Dec                 => arith::step(m, insn, FlagOp::Dec),
        Mn::Neg                 => arith::neg(m, insn),
        Mn::Mul                 => muldiv::mul(m, insn, false),
        Mn::Imul                => muldiv::imul(m, insn),
        Mn::Div                 => muldiv::div(m, insn, false),
        Mn::Idiv                => muldiv::div(m, insn, true),
        Mn::Adcx                => arith::add_with(m, insn, bit::CF),
        Mn::Adox                => arith::add_with(m, insn, bit::OF),
        // 5.1.4 Logic
        Mn::And                 => arith::logic(m, insn, BinOp::And),
        Mn::Or                  => arith::logic(m, insn, BinOp::Or),
        Mn::Xor                 => arith::xor(m, insn),
        Mn::Not                 => arith::not(m, insn),
        Mn::Test                => arith::test(m, insn),
        // 5.1.5 Shifts and rotations
        Mn::Shl | Mn::Sal       => shift::shift(m, insn, FlagOp::Shl),
        Mn::Shr                 => shift::shift(m, insn, FlagOp::Shr),
        Mn::Sar                 => shift::shift(m, insn, FlagOp::Sar),
        Mn::Rol                 => shift::rotate(m, insn, BinOp::Rotl),
        Mn::Ror                 => shift::rotate(m, insn, BinOp::Rotr),
        Mn::Rcl                 => shift::rotate_through_carry(m, insn, BinOp::Rotl),
        Mn::Rcr                 => shift::rotate_through_carry(m, insn, BinOp::Rotr),
        Mn::Shld                => shift::double_shift(m, insn, FlagOp::Shl),
        Mn::Shrd                => shift::double_shift(m, insn, FlagOp::Shr),
        // 5.1.6 Bits and bytes
        Mn::Bt                  => bits::bit_test(m, insn, BitOp::Keep),
        Mn::Bts                 => bits::bit_test(m, insn, BitOp::Set),
        Mn::Btr                 => bits::bit_test(m, insn, BitOp::Reset),
        Mn::Btc                 => bits::bit_test(m, insn, BitOp::Complement),
        Mn::Bsf                 => bits::bit_scan(m, insn, false),
        Mn::Bsr                 => bits::bit_scan(m, insn, true),
        Mn::Popcnt              => bits::popcnt(m, insn),
        Mn::Seto                => bits::set(m, insn, O),
        Mn::Setno               => bits::set(m, insn, No),
        Mn::Setb                => bits::set(m, insn, B),
        Mn::Setae               => bits::set(m, insn, Ae),
        Mn::Sete                => bits::set(m, insn, E),
        Mn::Setne               => bits::set(m, insn, Ne),
        Mn::Setbe               => bits::set(m, insn, Be),
        Mn::Seta                => bits::set(m, insn, A),
        Mn::Sets                => bits::set(m, insn, S),
        Mn::Setns               => bits::set(m, insn, Ns),
        Mn::Setp                => bits::set(m, insn, P),
        Mn::Setnp               => bits::set(m, insn, Np),
        Mn::Setl                => bits::set(m, insn, L),
        Mn::Setge               => bits::set(m, insn, Ge),
        Mn::Setle               => bits::set(m, insn, Le),
        Mn::Setg                => bits::set(m, insn, G),
        // 5.1.7 Control transfer
        Mn::Jmp                 => control::jmp(m, insn),
        Mn::Jo                  => { control::jcc(m, insn, O); Ok(()) }
        Mn::Jno                 => { control::jcc(m, insn, No); Ok(()) }
        Mn::Jb                  => { control::jcc(m, insn, B); Ok(()) }
        Mn::Jae                 => { control::jcc(m, insn, Ae); Ok(()) }
        Mn::Je                  => { control::jcc(m, insn, E); Ok(()) }
        Mn::Jne                 => { control::jcc(m, insn, Ne); Ok(()) }
        Mn::Jbe                 => { control::jcc(m, insn, Be); Ok(()) }
        Mn::Ja                  => { control::jcc(m, insn, A); Ok(()) }
        Mn::Js                  => { control::jcc(m, insn, S); Ok(()) }
        Mn::Jns                 => { control::jcc(m, insn, Ns); Ok(()) }
        Mn::Jp                  => { control::jcc(m, insn, P); Ok(()) }
        Mn::Jnp                 => { control::jcc(m, insn, Np); Ok(()) }
        Mn::Jl                  => { control::jcc(m, insn, L); Ok(()) }
        Mn::Jge                 => { control::jcc(m, insn, Ge); Ok(()) }
        Mn::Jle                 => { control::jcc(m, insn, Le); Ok(()) }
        Mn::Jg                  => { control::jcc(m, insn, G); Ok(()) }
        Mn::Jrcxz | Mn::Jecxz | Mn::Jcxz => { control::jrcxz(m, insn); Ok(()) }
        Mn::Loop                => { control::loop_(m, insn, None); Ok(()) }
        Mn::Loope               => { control::loop_(m, insn, Some(true)); Ok(()) }
        Mn::Loopne              => { control::loop_(m, insn, Some(false)); Ok(()) }
        Mn::Call                => control::call(m, insn),
        Mn::Ret                 => control::ret(m, insn),
        Mn::Enter               => stack::enter(m, insn),
        Mn::Leave               => stack::leave(m, insn),
        // 5.1.8 Strings
        Mn::Movsb | Mn::Movsw | Mn::Movsq => strings::movs(m, insn),
        Mn::Movsd if insn.is_string() => strings::movs(m, insn),
        Mn::Stosb | Mn::Stosw | Mn::Stosd | Mn::Stosq => strings::stos(m, insn),
        Mn::Lodsb | Mn::Lodsw | Mn::Lodsd | Mn::Lodsq => strings::lods(m, insn),
        // 5.1.10 Flag control
        Mn::Clc                 => { flag_control::carry(m, CarryOp::Clear); Ok(()) }
        Mn::Stc                 => { flag_control::carry(m, CarryOp::Set); Ok(()) }
        Mn::Cmc                 => { flag_control::carry(m, CarryOp::Complement); Ok(()) }
        Mn::Lahf                => { flag_control::lahf(m); Ok(()) }
        Mn::Sahf                => { flag_control::sahf(m); Ok(()) }
        Mn::Cld                 => { system::direction(m, false); Ok(()) }
        Mn::Std                 => { system::direction(m, true); Ok(()) }
        Mn::Cli                 => system::cli(m, insn),
        Mn::Sti                 => system::sti(m, insn),
        Mn::Pushfq | Mn::Pushfd | Mn::Pushf => system::pushf(m, insn),
        // 5.1.13 Miscellaneous
        Mn::Nop | Mn::Endbr64 | Mn::Endbr32 | Mn::Rdsspd | Mn::Rdsspq | Mn::Cldemote | Mn::Pause
        | Mn::Prefetch | Mn::Prefetchwt1 | Mn::Prefetchit0 | Mn::Prefetchit1 | Mn::Prefetcht0 | Mn::Prefetcht1 | Mn::Prefetcht2 | Mn::Prefetchnta | Mn::Prefetchw | Mn::Reservednop
        | Mn::Lfence | Mn::Mfence | Mn::Sfence => Ok(()),
        // 5.1.16 BMI1, BMI2, LZCNT
        Mn::Lzcnt               => bits::count_zeros(m, insn, UnOp::Clz),
        Mn::Tzcnt               => bits::count_zeros(m, insn, UnOp::Ctz),
        Mn::Andn                => bmi::andn(m, insn),
        Mn::Bextr               => bmi::bextr(m, insn),
        Mn::Blsi                => bmi::lowest(m, insn, LowestBit::Isolate),
        Mn::Blsmsk              => bmi::lowest(m, insn, LowestBit::Mask),
        Mn::Blsr                => bmi::lowest(m, insn, LowestBit::Reset),
        Mn::Bzhi                => bmi::bzhi(m, insn),
        Mn::Mulx                => bmi::mulx(m, insn),
        Mn::Crc32               => bmi::crc32(m, insn),
        Mn::Pdep                => bmi::by_mask(m, insn, IntegerOp::Deposit),
        Mn::Pext                => bmi::by_mask(m, insn, IntegerOp::Extract),
        Mn::Rorx                => bmi::shift(m, insn, BinOp::Rotr),
        Mn::Sarx                => bmi::shift(m, insn, BinOp::Sar),
        Mn::Shlx                => bmi::shift(m, insn, BinOp::Shl),
        Mn::Shrx                => bmi::shift(m, insn, BinOp::Shr),
        // 5.20 System
        Mn::Swapgs              => system::swapgs(m, insn),
        Mn::Syscall             => system::syscall(m, insn),
        Mn::Sysretq             => system::sysret(m, insn),
        Mn::Rdtsc               => system::rdtsc(m, insn, false),
        Mn::Rdtscp              => system::rdtsc(m, insn, true),
        Mn::Rdfsbase            => system::segment_base(m, insn, Segment::Fs, false),
        Mn::Rdgsbase            => system::segment_base(m, insn, Segment::Gs, false),
        Mn::Wrfsbase            => system::segment_base(m, insn, Segment::Fs, true),
        Mn::Wrgsbase            => system::segment_base(m, insn, Segment::Gs, true),
        // 5.5 to 5.10 SSE
        _ => sse::exec(m, insn),
    }
}
