//! The module: where everything lies in linear memory, and linking it.
//!
//! ```text
//! runtime, stack, heap │ stamps │ descriptions │ configuration │ origin │ state │ image │ RAM
//!                                                                       … │ state │ name of the image's file │ RAM │ room for the image
//! ```
//! An image that is a drive has no room.
//!
//! The stamps begin as zeros and are no data. Engines map data copy-on-write only while it is dense (`link::layout`), so an image
//! outside of the module, which is no data either, comes last: the runtime reads into its room what the guest touches.

use super::Summary;
use super::code::Code;
use super::guest::Guest;
use crate::Mapping;
use crate::lift::Addresses;
use crate::link::{Additions, FuncIndex, Overlay, Piece, Runtime, TypeIndex};
use crate::lower::shared::{Shared, SharedType, types};
use crate::lower::state::NEAR_SIZE;
use anyhow::{Context, Result, ensure};
use runtime::memory::PAGE;
use runtime::translated::abi::{Layout, STAMP_SLOTS};
use runtime::translated::binding;
use runtime::translated::helpers::Helper;
use std::fs::File;

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

    /// The function table's entry of a function that regions share.
    fn table_entry(&self, shared: Shared) -> u32 {
        self.first_table_entry + self.addresses.shared(shared) - self.first_function.0
    }

    pub(super) fn new(runtime: &Runtime, regions: usize) -> Result<Plan> {
        let kernel_stamps = runtime.memory_end().next_multiple_of(64);
        let table = regions as u64 * 8;
        let user_stamps = kernel_stamps + table;
        let first_function = runtime.first_function();
        let first_data = runtime.first_data()?;
        ensure!(
            first_data >= u64::from(NEAR_SIZE),
            "the runtime has data at {first_data:#x} of linear memory: expected none below {NEAR_SIZE:#x}"
        );
        Ok(Plan {
            addresses: Addresses {
                cpu: runtime.address("PRELIFT_CPU")?.0,
                jump_cache: runtime.address("PRELIFT_JUMP_CACHE")?.0,
                kernel_stamps: kernel_stamps as u32,
                table: 0,
                first_type: runtime.first_type().0,
                first_shared: first_function.plus(regions as u32).0,
                near: Some(0),
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
    fn place(&mut self, bytes: impl Into<Piece<'a>>, align: u64) -> Result<u32> {
        let bytes = bytes.into();
        let address = self.room(bytes.len(), align)?;
        self.data.push(Overlay { address, bytes });
        Ok(address)
    }

    /// Keeps room at the next multiple of `align`; where that is.
    fn room(&mut self, size: u64, align: u64) -> Result<u32> {
        let address = self.next.next_multiple_of(align);
        self.next = address + size;
        ensure!(
            self.next <= MOST,
            "the module needs {} MiB of linear memory: expected at most {} MiB: {ADVICE}",
            self.next >> 20,
            MOST >> 20
        );
        Ok(address as u32)
    }
}

/// Most bytes of linear memory at the start: what wasm32 addresses, less the least that the runtime's heap needs.
const MOST: u64 = (4 << 30) - HEAP;
const HEAP: u64 = 64 << 20;
/// What the runtime with its tables and descriptions of regions takes at most, but for the largest of programs.
const OWN: u64 = 64 << 20;
const ADVICE: &str = "a smaller --ram, or an image outside of the module (--external-image), which the guest has as a drive where it is large";

/// Checks, before anything takes long, that RAM and image will have room in linear memory.
///
/// # Errors
/// Where they have not: with the limit and what helps.
pub(super) fn check_room(ram: u64, image: u64) -> Result<()> {
    let (needed, most) = (ram.saturating_add(image), MOST - OWN);
    ensure!(
        needed <= most,
        "RAM of {} MiB and a root file system of {} MiB in memory: expected at most {} MiB together, since wasm32 addresses 4 GiB: {ADVICE}",
        ram >> 20,
        image >> 20,
        most >> 20
    );
    Ok(())
}

/// Links translated code, snapshot and root file system to the runtime: into `file`, which is empty.
///
/// # Errors
/// If they do not fit into 4 GiB, the file cannot be written, or the result is not a valid module.
pub fn module(runtime: &Runtime, guest: &Guest, code: Code, summary: &Summary, file: &File) -> Result<Mapping> {
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
        enter: plan.table_entry(Shared::Enter),
        regions: code.bindings.len() as u32,
        kernel_stamps: plan.kernel_stamps as u32,
        user_stamps: plan.user_stamps as u32,
        bindings_size: bindings.len() as u32,
        snapshot_size: state.len() as u32,
        config_size: config.len() as u32,
        ram_size: guest.snapshot.header.ram_size as u32,
        ..Layout::default()
    };
    let (root, ram_size, drive) = (&guest.root, guest.snapshot.header.ram_size, guest.snapshot.header.drive);
    layout.bindings = placer.place(bindings, 64)?;
    layout.config = placer.place(config, 64)?;
    layout.origin = placer.place(origin, 64)?;
    layout.snapshot = placer.place(state.as_slice(), 64)?;
    ensure!(
        root.outside.is_some() || !drive,
        "the snapshot's guest has its root file system as a drive: expected that outside of the module (--external-image)"
    );
    if drive {
        layout.drive_pages = u32::try_from(root.layout.size / PAGE as u64).context("the root file system's size")?;
    } else {
        layout.image_size = root.layout.size as u32;
    }
    if let Some(name) = &root.outside {
        layout.image_file = placer.place(name.as_bytes(), 64)?;
        layout.image_file_size = name.len() as u32;
        layout.ram = placer.room(ram_size, PAGE as u64)?;
        layout.image = placer.room(layout.image_size.into(), PAGE as u64)?;
    } else {
        layout.image = placer.place(Piece::File(&root.file, root.layout.size), PAGE as u64)?;
        layout.ram = placer.room(ram_size, PAGE as u64)?;
    }
    for (run, bytes) in guest.snapshot.ram.runs() {
        placer.data.push(Overlay { address: layout.ram + run.gpa().0 as u32, bytes: bytes.into() });
    }
    placer.data.push(Overlay { address: plan.layout_symbol, bytes: layout_bytes(&layout).into() });
    let additions = Additions {
        types: types().into(),
        functions: code.functions,
        memory_end: placer.next,
        data: placer.data,
        description: serde_json::to_vec(summary)?.into(),
        figures: code.figures.encode().into(),
    };
    runtime.link(additions, file).context("link")
}

/// The layout as the runtime reads it.
fn layout_bytes(layout: &Layout) -> Vec<u8> {
    layout.words().into_iter().flat_map(u32::to_le_bytes).collect()
}
