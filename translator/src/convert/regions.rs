//! Translated regions in a file of their own, between `translate` and `link`.
//!
//! ```text
//! magic, section "regions" { runtime's SHA-256, instructions of the training run, summary (JSON),
//!                            functions { name, type, body, hints }, bindings { mode, entries, ranges },
//!                            what is known of each (the module's section `prelift.regions`) }
//! ```
//!
//! Bodies hold indices and addresses of the runtime that they were made for, so that it must be linked to the same.

use super::code::Code;
use super::figures::Figures;
use super::module::Plan;
use super::stage::{read_file, seal, unseal};
use crate::link::{Function, Hint, Runtime, TypeIndex};
use crate::lower::shared::SharedType;
use anyhow::{Context, Result, bail, ensure};
use runtime::profile::Mode;
use runtime::snapshot::{CodecError, Reader, Writer};
use runtime::translated::binding::RegionCode;
use sha2::{Digest as _, Sha256};
use std::path::Path;
use wasm_encoder::ValType;
use wasmparser::{BinaryReader, FunctionBody};

const MAGIC: &str = "prelift regions\n";
const VERSION: u16 = 4;
/// A region lies within this many bytes of its base.
const SPAN: u32 = 1 << 31;

/// Code with the training that showed it to be hot.
#[derive(Debug)]
pub struct Regions {
    /// The code.
    pub code: Code,
    /// Instructions of the training run.
    pub trained: u64,
}

/// A function's name, type, body and hints.
type RawFunction = (String, u32, Vec<u8>, Vec<Hint>);

/// A file's contents before they are checked against a runtime.
struct Raw {
    runtime: [u8; 32],
    trained: u64,
    summary: Vec<u8>,
    functions: Vec<RawFunction>,
    bindings: Vec<RegionCode>,
    figures: Vec<u8>,
}

impl Regions {
    /// The file's bytes; `runtime` are the bytes of the module that the code was made for.
    ///
    /// # Errors
    /// If the summary cannot be written as JSON.
    pub fn write(self, runtime: &[u8]) -> Result<Vec<u8>> {
        let Code { functions, bindings, summary, figures, plan } = self.code;
        let first_type = plan.addresses.first_type;
        let functions = functions.into_iter();
        let raw = Raw {
            runtime: Sha256::digest(runtime).into(),
            trained: self.trained,
            summary: serde_json::to_vec(&summary)?,
            functions: functions.map(|f| (f.name, f.ty.0 - first_type, f.code.into_raw_body(), f.hints)).collect(),
            bindings,
            figures: figures.encode(),
        };
        Ok(seal(MAGIC, |writer| writer.section("regions", VERSION, |writer| raw.save(writer))))
    }

    /// Reads the file at `path`, to be linked to the runtime module with these bytes.
    ///
    /// # Errors
    /// If it is no such file or damaged, or made for another runtime.
    pub fn read(path: &Path, module: &[u8], runtime: &Runtime) -> Result<Regions> {
        let bytes = read_file(path)?;
        Regions::parse(&bytes, module, runtime).with_context(|| path.display().to_string())
    }

    fn parse(bytes: &[u8], module: &[u8], runtime: &Runtime) -> Result<Regions> {
        let raw = unseal(bytes, MAGIC, |reader| reader.section("regions", VERSION, Raw::load))?;
        ensure!(
            raw.runtime == <[u8; 32]>::from(Sha256::digest(module)),
            "translated for another runtime module: expected the one that it is linked to"
        );
        let plan = Plan::new(runtime, raw.bindings.len())?;
        let summary = serde_json::from_slice(&raw.summary).context("the regions' summary")?;
        let function = |(name, ty, body, hints): RawFunction| {
            let code = body_of(&body).with_context(|| format!("function {name:?}"))?;
            Ok(Function { name, ty: TypeIndex(plan.addresses.first_type + ty), code, hints })
        };
        let functions = raw.functions.into_iter().map(function).collect::<Result<Vec<_>>>()?;
        ensure!(functions.len() > raw.bindings.len(), "expected a function for each of {} regions", raw.bindings.len());
        let figures = Figures::decode(&raw.figures, 0).context("what is known of each region")?;
        let regions = figures.regions.len();
        ensure!(
            regions == raw.bindings.len() && figures.first_function == plan.first_function,
            "figures of {regions} regions from function {} on: expected {} from {}",
            figures.first_function.0,
            raw.bindings.len(),
            plan.first_function.0
        );
        Ok(Regions { code: Code { functions, bindings: raw.bindings, summary, figures, plan }, trained: raw.trained })
    }
}

impl Raw {
    fn save(&self, to: &mut Writer) {
        to.field(&self.runtime);
        to.field(&self.trained);
        to.bytes(&self.summary);
        to.field(&(self.functions.len() as u32));
        for (name, ty, body, hints) in &self.functions {
            to.bytes(name.as_bytes());
            to.field(ty);
            to.bytes(body);
            save_hints(hints, to);
        }
        to.field(&(self.bindings.len() as u32));
        for region in &self.bindings {
            save_binding(region, to);
        }
        to.bytes(&self.figures);
    }

    fn load(from: &mut Reader<'_>) -> Result<Raw, CodecError> {
        let (runtime, trained, summary) = (from.field()?, from.field()?, from.bytes()?.to_vec());
        let (functions, bindings, figures) = (Vec::new(), Vec::new(), Vec::new());
        let mut raw = Raw { runtime, trained, summary, functions, bindings, figures };
        for _ in 0..from.field::<u32>()? {
            let name = String::from_utf8_lossy(from.bytes()?).into_owned();
            let ty = from.field()?;
            from.check(ty < SharedType::COUNT, "a type of translated code")?;
            let body = from.bytes()?.to_vec();
            let hints = load_hints(body.len(), from)?;
            raw.functions.push((name, ty, body, hints));
        }
        for _ in 0..from.field::<u32>()? {
            raw.bindings.push(load_binding(from)?);
        }
        raw.figures = from.bytes()?.to_vec();
        Ok(raw)
    }
}

fn save_hints(hints: &[Hint], to: &mut Writer) {
    to.field(&(hints.len() as u32));
    for hint in hints {
        to.field(&hint.place);
        to.field(&u8::from(hint.taken));
    }
}

fn load_hints(body: usize, from: &mut Reader<'_>) -> Result<Vec<Hint>, CodecError> {
    let mut hints: Vec<Hint> = Vec::new();
    for _ in 0..from.field::<u32>()? {
        let (place, taken) = (from.field::<u32>()?, from.field::<u8>()?);
        let ascends = hints.last().is_none_or(|last| last.place < place);
        from.check(ascends && (place as usize) < body && taken <= 1, "hints that ascend, within the body, 0 or 1")?;
        hints.push(Hint { place, taken: taken == 1 });
    }
    Ok(hints)
}

fn save_binding(region: &RegionCode, to: &mut Writer) {
    to.field(&(region.mode as u8));
    to.field(&region.home);
    to.field(&(region.entries.len() as u32));
    region.entries.iter().for_each(|entry| to.field(entry));
    to.field(&(region.ranges.len() as u32));
    for (start, bytes) in &region.ranges {
        to.field(start);
        to.bytes(bytes);
    }
}

fn load_binding(from: &mut Reader<'_>) -> Result<RegionCode, CodecError> {
    let mode: u8 = from.field()?;
    from.check(mode <= 1, "0 for the kernel or 1 for user mode")?;
    let mode = if mode == 0 { Mode::Kernel } else { Mode::User };
    let mut region = RegionCode { mode, home: from.field()?, entries: Vec::new(), ranges: Vec::new() };
    for _ in 0..from.field::<u32>()? {
        region.entries.push(from.field()?);
    }
    let mut behind = 0;
    for _ in 0..from.field::<u32>()? {
        let (start, bytes) = (from.field::<u32>()?, from.bytes()?.to_vec());
        let end = start.checked_add(bytes.len() as u32).filter(|end| *end <= SPAN);
        from.check(start >= behind && end.is_some(), "ranges that ascend and do not overlap, within 2 GiB")?;
        behind = end.unwrap_or(SPAN);
        region.ranges.push((start, bytes));
    }
    Ok(region)
}

/// A function body from its bytes. What its operators do is validated with the whole module.
fn body_of(bytes: &[u8]) -> Result<wasm_encoder::Function> {
    let body = FunctionBody::new(BinaryReader::new(bytes, 0));
    let mut locals = Vec::new();
    let mut reader = body.get_locals_reader()?;
    for _ in 0..reader.get_count() {
        let (count, ty) = reader.read()?;
        locals.push((count, value_type(ty)?));
    }
    let mut function = wasm_encoder::Function::new(locals);
    function.raw(bytes[reader.original_position() as usize..].iter().copied());
    Ok(function)
}

fn value_type(ty: wasmparser::ValType) -> Result<ValType> {
    Ok(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(_) => bail!("a local of type {ty}: expected a number or a vector"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::InstructionSink;

    fn raw() -> Raw {
        let mut operators = Vec::new();
        InstructionSink::new(&mut operators).local_get(3).drop().end();
        let mut function = wasm_encoder::Function::new([(2, ValType::I64), (1, ValType::V128)]);
        function.raw(operators);
        Raw {
            runtime: [3; 32],
            trained: 9,
            summary: b"{}".to_vec(),
            functions: vec![("f".into(), 2, function.into_raw_body(), vec![Hint { place: 1, taken: true }])],
            bindings: vec![RegionCode {
                mode: Mode::User,
                home: 0x7000,
                entries: vec![4],
                ranges: vec![(4, vec![0x90, 0xc3])],
            }],
            figures: vec![1, 2],
        }
    }

    fn load(raw: &Raw) -> Result<Raw> {
        let bytes = seal(MAGIC, |writer| writer.section("regions", VERSION, |writer| raw.save(writer)));
        unseal(&bytes, MAGIC, |reader| reader.section("regions", VERSION, Raw::load))
    }

    #[test]
    fn regions_come_back() {
        let back = load(&raw()).unwrap();
        assert_eq!(
            (back.runtime, back.trained, &back.functions, &back.bindings, &back.figures),
            ([3; 32], 9, &raw().functions, &raw().bindings, &vec![1, 2])
        );
        let body = &back.functions[0].2;
        assert_eq!(&body_of(body).unwrap().into_raw_body(), body);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let mut wrong = raw();
        wrong.functions[0].1 = SharedType::COUNT;
        assert!(load(&wrong).is_err());
        let mut wrong = raw();
        wrong.bindings[0].ranges.push((5, vec![0]));
        assert!(load(&wrong).is_err());
        let mut wrong = raw();
        wrong.bindings[0].ranges.push((u32::MAX, vec![0, 0]));
        assert!(load(&wrong).is_err());
        for cut in 0..4 {
            assert!(body_of(&raw().functions[0].2[..cut]).is_err(), "cut at {cut}");
        }
    }
}
