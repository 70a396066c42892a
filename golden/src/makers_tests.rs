use super::*;
use crate::row::Row;

/// The outcomes of two rows of one case, made alike.
fn settled(left: &str, rights: [&str; 2]) -> (Case, [Outcome; 2]) {
    let rows = rights.map(|right| Row::parse(&format!("{left} => {right}")).unwrap());
    let outcomes = rows.each_ref().map(|row| {
        let mut outcome = row.expected.clone().unwrap();
        settle(&row.case, &mut outcome);
        outcome
    });
    (rows.into_iter().next().unwrap().case, outcomes)
}

fn alike(left: &str, one: &str, other: &str) -> bool {
    let (case, [one, other]) = settled(left, [one, other]);
    one == other || both_may(&case, &one, &other)
}

#[test]
fn what_makers_do_is_alike_and_nothing_else() {
    let movd = "0f 7e 10 (movd [rax],mm2) | fsw=800";
    assert!(alike(movd, "#PF(0,w)", "#PF(0,w) fsw=0"));
    assert!(!alike(movd, "#PF(0,w)", "#PF(0,w) rax=1"));
    let masked = "c4 e2 71 2e 10 (vmaskmovps [rax],xmm1,xmm2) | rax=10001ff8 xmm1=80000000800000008000000080000000";
    assert!(alike(masked, "#PF(10002000,w)", "#PF(10002007,w)"));
    assert!(!alike(masked, "#PF(10002000,w)", "#PF(10003000,w)"));
    let sha = "0f 38 c9 08 (sha1msg1 xmm1,[rax]) | rax=10000001";
    assert!(alike(sha, "#GP", "rip=4"));
    assert!(!alike(&sha.replace("10000001", "10000000"), "#GP", "rip=4"));
    let fist = "db 10 (fist dword ptr [rax],st) | fcw=37e";
    assert!(alike(fist, "fsw=80c1", "#PF(0,w)"));
    assert!(!alike(fist, "fsw=80c1", "#PF(4,w)"));
    assert!(!alike(fist, "fsw=41", "#PF(0,w)"));
    let dppd = "66 0f 3a 41 c1 ff (dppd xmm0,xmm1,0xFF) | xmm1=1";
    assert!(alike(dppd, "xmm0=7ff80000000000017ff8000000000001", "xmm0=fff80000000000027ff8000000000003"));
    assert!(!alike(dppd, "xmm0=7ff80000000000017ff8000000000001", "xmm0=0"));
    let gather = "c4 e2 49 90 04 0f (vpgatherdd xmm0,[rdi+xmm1],xmm6) | xmm6=8000000080000001";
    assert!(alike(gather, "#PF(0,r)", "#PF(0,r) xmm6=ffffffffffffffff"));
    assert!(!alike(gather, "#PF(0,r)", "#PF(0,r) xmm6=80000001"));
}
