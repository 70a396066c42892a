use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hasher};
use std::sync::{mpsc, Arc, Mutex};
fn fnv(b: &[u8]) -> u64 {
    b.iter().fold(0xcbf29ce484222325, |h, &x| (h ^ u64::from(x)).wrapping_mul(0x100000001b3))
}
fn main() {
    let total = Arc::new(Mutex::new(0u128));
    let (tx, rx) = mpsc::channel();
    let threads: Vec<_> = (0..16u64)
        .map(|t| {
            let (total, tx) = (total.clone(), tx.clone());
            std::thread::spawn(move || {
                for i in 0..200u64 {
                    *total.lock().unwrap() += u128::from(t * i).pow(3);
                    tx.send(t ^ i).unwrap();
                }
            })
        })
        .collect();
    drop(tx);
    for t in threads {
        t.join().unwrap();
    }
    println!("threads {} {}", total.lock().unwrap(), rx.iter().sum::<u64>());
    let mut map: HashMap<String, u64, BuildHasherDefault<DefaultHasher>> = HashMap::default();
    for i in 0..50_000u64 {
        *map.entry((i % 7919).to_string()).or_default() += i;
    }
    let sorted: BTreeMap<_, _> = map.iter().collect();
    println!("map {:016x}", fnv(format!("{sorted:?}").as_bytes()));
    println!("sip {:016x}", {
        let mut h = BuildHasherDefault::<DefaultHasher>::default().build_hasher();
        h.write(b"abc");
        h.finish()
    });
    let mut v: Vec<u64> = (0..200_000u64).map(|i| i.wrapping_mul(0x9e3779b97f4a7c15) >> 7).collect();
    v.sort_unstable();
    println!(
        "sort {:016x}",
        v.iter().enumerate().fold(0u64, |h, (i, x)| h.rotate_left(5) ^ x.wrapping_mul(i as u64))
    );
    let f: f64 = (1..100_000).map(|i| f64::from(i).sin() / f64::from(i).sqrt()).sum();
    println!(
        "float {f:?} {:e} {} {:?} {:?}",
        f * 1e300,
        0.1 + 0.2,
        f as f32,
        (-f).max(f64::NAN).mul_add(0.1, 0.3)
    );
    println!("cast {} {} {} {}", f64::NAN as i32, 1e30 as i64, -1.5 as u8 as i32, (u128::MAX / 7) as f64);
    let matrix: Vec<Vec<f32>> =
        (0..120).map(|i| (0..120).map(|j| ((i * j) % 17) as f32 / 3.0).collect()).collect();
    let trace: f32 = (0..120).map(|i| (0..120).map(|k| matrix[i][k] * matrix[k][i]).sum::<f32>()).sum();
    println!("matrix {trace} {}", u128::MAX.wrapping_mul(12345678901234567890123) / 987654321987654321);
    println!(
        "checked {:?} {:?} {} {}",
        255u8.checked_add(1),
        i64::MIN.overflowing_neg(),
        0xdead_beefu32.leading_zeros(),
        (-7i32).rem_euclid(3)
    );
    let text = "Grüße, Jürgen ❤ ".repeat(500);
    println!(
        "text {:016x} {}",
        fnv(text.to_uppercase().as_bytes()),
        text.chars().rev().filter(|c| c.is_alphabetic()).count()
    );
    std::panic::set_hook(Box::new(|_| {}));
    println!(
        "panic {:?}",
        std::panic::catch_unwind(|| {
            let v: Vec<i32> = Vec::new();
            v[std::hint::black_box(3)]
        })
        .is_err()
    );
    let child = std::process::Command::new("/bin/echo").args(["from", "child"]).output().unwrap();
    print!("{}", String::from_utf8_lossy(&child.stdout));
    std::process::exit(if std::env::args().len() > 1 { 7 } else { 0 });
}
