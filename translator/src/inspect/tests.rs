//! Reports of small modules, linked here.

use super::*;
use crate::convert::{Figures, RegionFigures, Unlifted};
use crate::discover::{Binary, BinaryId};
use crate::link::{Additions, Function, Hint, Runtime};
use crate::lower::SideExits;
use anyhow::Result;
use runtime::profile::Mode;
use wasm_encoder::FuncType;

/// Bytes of the regions' functions: as many `nop`s, no locals, `end`.
const SIZES: [usize; 3] = [12, 3002, 40];

fn runtime() -> Runtime {
    Runtime::parse(&wat::parse_str("(module (table 0 funcref) (memory 1) (func))").unwrap()).unwrap()
}

fn region(binary: u32, ran: u64, left: u64) -> RegionFigures {
    RegionFigures {
        binary: BinaryId(binary),
        entries: 4,
        instructions: 250,
        guest_bytes: 1000,
        ran,
        left,
        side_exits: SideExits { miss: 5, rare: 0, budget: 2, unlifted: 1 },
        unlifted: vec![Unlifted { mnemonic: "Cpuid".into(), places: 1, ran: left }],
    }
}

/// Three regions: a cold one of the kernel, a hot one of a program, one that could not be translated.
fn figures() -> Figures {
    let binary = |mode, name: &str, ran| Binary { mode, name: name.into(), ran };
    let refused = RegionFigures { entries: 0, unlifted: Vec::new(), ..region(0, 1000, 1000) };
    Figures {
        first_function: runtime().first_function(),
        binaries: vec![binary(Mode::Kernel, "kernel", 3000), binary(Mode::User, "usr/bin/app", 17_000)],
        regions: vec![region(0, 2000, 0), region(1, 16_000, 500), refused],
    }
}

fn module(figures: &[u8]) -> Vec<u8> {
    let runtime = runtime();
    let names = ["kernel:memcpy", "usr/bin/app:operator<#1", "kernel:broken"];
    let function = |(name, size): (&str, usize)| {
        let mut code = wasm_encoder::Function::new([]);
        code.raw(vec![0x01; size - 2]).raw([0x0b]);
        Function { name: name.into(), ty: runtime.first_type(), code, hints: Vec::<Hint>::new() }
    };
    let additions = Additions {
        types: vec![FuncType::new([], [])],
        functions: names.into_iter().zip(SIZES).map(function).collect(),
        description: b"{}"[..].into(),
        figures: figures.to_vec().into(),
        ..Additions::default()
    };
    runtime.link(additions, &tempfile::tempfile().unwrap()).unwrap().to_vec()
}

fn report() -> Report {
    Report::read(&module(&figures().encode())).unwrap()
}

#[test]
fn regions_have_the_names_and_sizes_of_their_functions_hottest_first() {
    let regions = report().regions.unwrap();
    let rows: Vec<_> =
        regions.rows.iter().map(|row| (&*row.function, row.wasm_bytes, row.share, row.cumulative)).collect();
    assert_eq!(rows, [("operator<#1", 3002, 0.8, 0.8), ("memcpy", 12, 0.1, 0.9), ("broken", 40, 0.05, 0.95)]);
    let binaries: Vec<_> = regions.binaries.iter().map(|b| (&*b.name, b.regions, b.wasm_bytes, b.translated)).collect();
    assert_eq!(binaries, [("kernel", 2, 52, 2000), ("usr/bin/app", 1, 3002, 15_500)]);
    assert_eq!((regions.ran, regions.translated()), (20_000, 17_500));
}

#[test]
fn parts_that_are_not_divided_add_up_to_the_sections() {
    let report = report();
    let sum = |parts: &mut dyn Iterator<Item = &Part>| parts.map(|part| part.bytes).sum::<u64>();
    let sections = sum(&mut report.parts.iter().filter(|part| part.section.is_none()));
    assert_eq!(sum(&mut report.parts.iter().filter(|part| !part.divided)), sections);
    let of_code = |part: &&Part| part.section.as_deref() == Some("code");
    let code: Vec<_> = report.parts.iter().filter(of_code).map(|part| (part.bytes, part.items)).collect();
    assert_eq!(code[..2], [(52, Some(2)), (3002, Some(1))], "of the kernel, of programs");
    assert_eq!(code[2].1, Some(1), "the runtime's function");
}

#[test]
fn the_page_has_a_row_for_the_hottest_region() {
    let page = page("a<b.wasm", &report(), None);
    let row = "<tr><td class=\"n\">1</td><td class=\"name\" title=\"operator&lt;#1\">operator&lt;#1</td>\
        <td class=\"name\">usr/bin/app</td>\
        <td class=\"n\">4</td><td class=\"n\">250</td><td class=\"n\">1,000</td><td class=\"n\">3,002</td><td class=\"n\">3.00</td>\
        <td class=\"n\">16,000</td><td class=\"n\">80.00 %</td><td class=\"n\">80.00 %</td>\
        <td class=\"n\">500</td><td class=\"name\" title=\"Cpuid at 1 places, ran 500 times\">Cpuid</td>\
        <td class=\"n\">5</td><td class=\"n\"></td><td class=\"n\">2</td><td class=\"n\">1</td></tr>";
    assert!(page.contains(row), "{page}");
    assert!(page.contains("broken<em> not translated</em>") && page.contains("a&lt;b.wasm"), "{page}");
    for outside in ["http", "src=", "<link", "url(", "import"] {
        assert!(!page.contains(outside), "the page needs {outside:?}");
    }
}

#[test]
fn the_page_shows_a_run() {
    let stats = "{\"translated\":999000,\"interpreted\":1000,\"exits_tlb_miss\":2000,\"unlifted\":{\"Wrmsr\":7}}";
    let page = page("m", &report(), Some(&RunStats::parse(stats).unwrap()));
    for shown in [
        "99.90 %",
        "<td>tlb miss</td><td class=\"faint\">a memory access missed the TLB</td><td class=\"n\">2,000</td><td class=\"n\">500</td>",
        "<td>Wrmsr</td>",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
}

#[test]
fn text_names_binaries_and_the_hottest_regions() {
    let text = text(&report()).unwrap();
    for line in [
        "usr/bin/app                             1       1000       3002          17000     91.18 %",
        "usr/bin/app:operator<#1                                         16000   80.00 %     80.00 %",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn a_module_without_figures_says_what_is_missing() {
    let report = Report::read(&module(&[])).unwrap();
    assert_eq!(report.regions, None);
    let missing = "no section \"prelift.regions\"";
    assert!(text(&report).unwrap().contains(missing));
    assert!(page("m", &report, None).contains("no section &quot;prelift.regions&quot;"));
    // A module of somebody else has none, and needs none.
    let foreign = Report::read(&wat::parse_str("(module)").unwrap()).unwrap();
    assert!(!text(&foreign).unwrap().contains(missing));
}

#[test]
fn a_module_without_regions_is_no_error() {
    let none = Figures { binaries: Vec::new(), regions: Vec::new(), ..figures() };
    let report = Report::read(&module(&none.encode())).unwrap();
    assert!(page("m", &report, None).contains("interprets everything"));
}

#[test]
fn malformed_figures_are_refused_with_their_place_in_the_module() {
    let refuse = |figures: &[u8]| {
        let read: Result<Report> = Report::read(&module(figures));
        format!("{:#}", read.unwrap_err())
    };
    let contents = figures().encode();
    let whole = module(&contents);
    let start = whole.windows(contents.len()).position(|bytes| bytes == contents).unwrap();
    let mut version = contents.clone();
    version[0] = 9;
    let place = format!("section \"prelift.regions\": offset {start:#x}: expected version 1, found 9");
    assert_eq!(refuse(&version), place);
    let cut = refuse(&contents[..contents.len() - 1]);
    assert!(
        cut.starts_with("section \"prelift.regions\": offset 0x")
            && cut.ends_with("expected a region's unlifted mnemonics"),
        "{cut}"
    );
    let many = Figures { regions: vec![region(0, 1, 0); 4], ..figures() };
    assert_eq!(
        refuse(&many.encode()),
        "section \"prelift.regions\": region 3: expected a function of the module for it"
    );
}
