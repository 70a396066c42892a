//! The module: where everything lies in linear memory, and linking it.
//!
//! ```text
//! runtime, stack, heap │ stamps │ descriptions │ configuration │ origin │ state │ image │ RAM
//! ```
//!
//! The stamps begin as zeros and are no data. Engines map data copy-on-write only while it is dense (`link::layout`).

use super::Summary;
use super::code::Code;
use super::guest::Guest;
use crate::lift::Addresses;
use crate::link::{Additions, FuncIndex, Overlay, Runtime, TypeIndex};
use crate::lower::shared::{SharedType, types};
use anyhow::{Context, Result, ensure};
use runtime::memory::PAGE;
use runtime::translated::abi::{Layout, STAMP_SLOTS};
use runtime::translated::binding;
use runtime::translated::helpers::Helper;
use std::borrow::Cow;

/// What is known before the first region is lowered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) addresses: Addresses,
    pub(super) first_function: FuncIndex,
    first_table_entry: u32,
    layout_symbol: u32,
    kernel_stamps: u64,
    user_stamps: u64,
    after_stamps: u64,
}

impl Plan {
    /// Index of a type that translated code shares.
    pub(super) fn ty(&self, ty: SharedType) -> TypeIndex {
        TypeIndex(self.addresses.ty(ty))
    }

    pub(super) fn new(runtime: &Runtime, regions: usize) -> Result<Plan> {
        let kernel_stamps = runtime.memory_end().next_multiple_of(64);
        let table = regions as u64 * 8;
        let user_stamps = kernel_stamps + table;
        let first_function = runtime.first_function();
        Ok(Plan {
            addresses: Addresses {
                cpu: runtime.address("PRELIFT_CPU")?.0,
                jump_cache: runtime.address("PRELIFT_JUMP_CACHE")?.0,
                kernel_stamps: kernel_stamps as u32,
                table: 0,
                first_type: runtime.first_type().0,
                first_shared: first_function.plus(regions as u32).0,
                helpers: helpers(runtime)?,
                result: runtime.address("PRELIFT_RESULT")?.0,
            },
            first_function,
            first_table_entry: runtime.first_table_entry().0,
            layout_symbol: runtime.address("PRELIFT_LAYOUT")?.0,
            kernel_stamps,
            user_stamps,
            after_stamps: user_stamps + STAMP_SLOTS as u64 * table,
        })
    }
}

/// Function indices of the helpers.
fn helpers(runtime: &Runtime) -> Result<[u32; Helper::COUNT]> {
    let mut indices = [0; Helper::COUNT];
    for (index, helper) in indices.iter_mut().zip(Helper::ALL) {
        *index = runtime.function(helper.signature().0)?.0;
    }
    Ok(indices)
}

/// Places data one after the other.
struct Placer<'a> {
    next: u64,
    data: Vec<Overlay<'a>>,
}

impl<'a> Placer<'a> {
    /// Places bytes at the next multiple of `align`; where that is.
    fn place(&mut self, bytes: Cow<'a, [u8]>, align: u64) -> Result<u32> {
        let address = self.next.next_multiple_of(align);
        self.next = address + bytes.len() as u64;
        ensure!(self.next <= 1 << 32, "the module needs {} bytes of linear memory: expected at most 4 GiB", self.next);
        self.data.push(Overlay { address: address as u32, bytes });
        Ok(address as u32)
    }
}

/// Links translated code, snapshot and root file system to the runtime.
///
/// # Errors
/// If they do not fit into 4 GiB, or the result is not a valid module.
pub fn module(runtime: &Runtime, guest: &Guest, code: Code, summary: &Summary) -> Result<Vec<u8>> {
    let plan = code.plan;
    ensure!(
        guest.snapshot.header.added_size == 0,
        "the snapshot is of a run with --memory, which has added RAM: expected the snapshot of a machine as it was converted"
    );
    let bindings = binding::encode(&code.bindings);
    let config = serde_json::to_vec(&guest.root.image.config)?;
    let state = &guest.snapshot.state;
    let origin = guest.snapshot.header.origin.encode();
    let mut placer = Placer { next: plan.after_stamps, data: Vec::new() };
    let mut layout = Layout {
        magic: Layout::MAGIC,
        first_function: plan.first_table_entry,
        regions: code.bindings.len() as u32,
        kernel_stamps: plan.kernel_stamps as u32,
        user_stamps: plan.user_stamps as u32,
        bindings_size: bindings.len() as u32,
        snapshot_size: state.len() as u32,
        config_size: config.len() as u32,
        image_size: guest.root.layout.size as u32,
        ram_size: guest.snapshot.header.ram_size as u32,
        ..Layout::default()
    };
    layout.bindings = placer.place(bindings.into(), 64)?;
    layout.config = placer.place(config.into(), 64)?;
    layout.origin = placer.place(origin.into(), 64)?;
    layout.snapshot = placer.place(state.as_slice().into(), 64)?;
    layout.image = placer.place(guest.root.bytes()?.into(), PAGE as u64)?;
    layout.ram = placer.next.next_multiple_of(PAGE as u64) as u32;
    for (run, bytes) in guest.snapshot.ram.runs() {
        placer.data.push(Overlay { address: layout.ram + run.gpa().0 as u32, bytes: bytes.into() });
    }
    let memory_end = u64::from(layout.ram) + guest.snapshot.header.ram_size;
    ensure!(memory_end <= 1 << 32, "RAM would end at {memory_end:#x} of linear memory: expected at most 4 GiB");
    placer.data.push(Overlay { address: plan.layout_symbol, bytes: layout_bytes(&layout).into() });
    let additions = Additions {
        types: types().into(),
        functions: code.functions,
        data: placer.data,
        memory_end,
        description: serde_json::to_vec(summary)?.into(),
        figures: code.figures.encode().into(),
    };
    runtime.link(additions).context("link")
}

/// The layout as the runtime reads it.
fn layout_bytes(layout: &Layout) -> Vec<u8> {
    layout.words().into_iter().flat_map(u32::to_le_bytes).collect()
}
