//! The oracle against facts of the manual: that it really runs code, and survives what code may do.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

use golden::compare::{Executor, KnownFailures, compare};
use golden::oracle::Oracle;
use golden::row::Row;

/// Rows whose outputs follow from the manual, not from a blessing.
const FACTS: &str = "\
48 01 d8 (add rax,rbx) | rax=1 rbx=ff => rax=100 flags=PA
f7 f1 (div ecx) | => #DE
0f 0b | => #UD
cc | => #BP rip=1
90 | flags=T => #DB rip=1
89 07 (mov [rdi],eax) | rdi=10001ffe rax=ffffffff => #PF(10002000,w)
89 07 (mov [rdi],eax) | rdi=10003000 => #PF(10003000,wp)
8b 07 (mov eax,[rdi]) | rdi=10002ffe => #PF(10002ffe,r)
8b 07 (mov eax,[rdi]) | rdi=10003ffc [10003ffc]=01020384 => rax=84030201
8b 07 (mov eax,[rdi]) | rdi=8000000000000000 => #GP
58 (pop rax) | rsp=8000000000000000 => #SS
8b 07 (mov eax,[rdi]) | rdi=10000001 flags=K => #AC
eb fe | => timeout
eb 80 | => rip=-7e
f3 aa | rdi=10001ffe rcx=4 rax=7 => #PF(10002000,w) rdi=10002000 rcx=2 [10001ffe]=0707
48 89 e0 (mov rax,rsp) | rsp=1234 => rax=1234
f3 48 0f ae d0 (wrfsbase rax) | rax=1234 fsbase=5 => fsbase=1234
64 8b 04 25 00 00 00 00 | fsbase=10000000 [10000000]=01 => rax=1
0f 5e c1 (divps xmm0,xmm1) | xmm0=3f800000 xmm1=40400000 mxcsr=1f80 => xmm0=ffc00000ffc00000ffc000003eaaaaab mxcsr=1fa1
0f 5e c1 (divps xmm0,xmm1) | mxcsr=1f00 => #XM mxcsr=1f01
d9 e8 (fld1) | => fsw=3800 ftw=80 st0=3fff8000000000000000
0f 77 d9 e8 | fcw=37e fsw=8081 => #MF
";

#[test]
fn facts_of_the_manual_hold() {
    let rows: Vec<Row> = FACTS.lines().map(|line| Row::parse(line).unwrap()).collect();
    let report = compare(&mut Oracle::new().unwrap(), &rows, &KnownFailures::default());
    assert!(report.is_ok() && report.refused.is_empty(), "{report}");
}

#[test]
fn a_case_that_kills_the_worker_is_refused_and_the_next_one_runs() {
    // 0f 05 hidden behind a jump into the middle of an instruction: exit(0).
    let killer = Row::parse("eb 01 b8 0f 05 90 90 90 | rax=3c").unwrap();
    let good = Row::parse("48 ff c0 | => rax=1").unwrap();
    let mut oracle = Oracle::new().unwrap();
    let outcomes = oracle.run_batch(&[good.case.clone(), killer.case, good.case.clone()]);
    assert!(matches!(&outcomes[1].end, golden::End::Refused(_)), "{:?}", outcomes[1].end);
    assert!(golden::compare::agree(&good.case, good.expected.as_ref().unwrap(), &outcomes[2]));
    assert_eq!(outcomes[0], outcomes[2]);
}

#[test]
fn a_wrong_row_fails() {
    let rows = [Row::parse("48 ff c0 | => rax=2").unwrap()];
    let report = compare(&mut Oracle::new().unwrap(), &rows, &KnownFailures::default());
    assert_eq!(report.failed, 1);
    assert_eq!(report.mismatches[0], ["48 ff c0 (inc rax) |", "rax=2", "rax=1"].map(String::from));
}

#[test]
fn no_case_sees_what_an_earlier_one_left() {
    use golden::generate::{Density, Family, Random, Shape, case, codes};
    let mut random = Random::new(11);
    let families = [Family::General, Family::X87, Family::Mmx, Family::Sse];
    let codes = families.iter().flat_map(|family| codes(*family));
    let mut cases: Vec<_> = codes.filter_map(|code| case(code, Shape::Any, Density::Sparse, &mut random)).collect();
    let mut oracle = Oracle::new().unwrap();
    let forward = oracle.run_batch(&cases);
    cases.reverse();
    let mut backward = oracle.run_batch(&cases);
    backward.reverse();
    assert!(forward.len() > 900);
    let different = forward.iter().zip(&backward).position(|(one, two)| one != two);
    assert_eq!(different.map(|n| cases[cases.len() - 1 - n].text()), None);
}
