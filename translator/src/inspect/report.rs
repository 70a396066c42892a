//! All that is shown of a module.

use super::functions::Functions;
use super::parts::{Part, parts};
use super::regions::Regions;
use crate::convert::{self, Figures};
use crate::link::{REGIONS_SECTION, Summary};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use wasmparser::{Parser, Payload};

/// What a module is made of.
#[derive(Debug)]
pub struct Report {
    /// Bytes of the module.
    pub size: u64,
    /// Its sections, and how its data lie.
    pub summary: Summary,
    /// What its `prelift` section says, if it has one in this version's form.
    pub converted: Option<convert::Summary>,
    /// Its sections, code and data with what they hold.
    pub parts: Vec<Part>,
    /// Its regions, if it has the section `prelift.regions`.
    pub regions: Option<Regions>,
}

/// What is said in place of regions.
pub(super) const NO_REGIONS: &str = "the module has no section \"prelift.regions\", which says what is known of each region: \
     convert the image again with this prelift to see the hottest regions and the coverage by binary";

impl Report {
    /// Reads a module.
    ///
    /// # Errors
    /// If it is malformed, or one of the sections that prelift wrote is: with the offset, and what was expected there.
    pub fn read(module: &[u8]) -> Result<Report> {
        let summary = Summary::read(module)?;
        let functions = Functions::read(module)?;
        let figures = figures(module).with_context(|| format!("section {REGIONS_SECTION:?}"))?;
        let regions = figures.map(|figures| Regions::new(figures, &functions)).transpose();
        let regions = regions.with_context(|| format!("section {REGIONS_SECTION:?}"))?;
        let converted = summary.description.clone().and_then(|json| serde_json::from_value(json).ok());
        let parts = parts(&summary, converted.as_ref(), regions.as_ref());
        Ok(Report { size: module.len() as u64, summary, converted, parts, regions })
    }

    /// All of it as JSON.
    pub fn json(&self) -> Value {
        let Summary { sections, layout, memory, description } = &self.summary;
        json!({
            "sections": sections,
            "parts": self.parts,
            "memory": memory,
            "data": { "segments": layout.segments, "bytes": layout.data, "span": layout.span, "mapped": layout.is_mapped() },
            "prelift": description,
            "regions": self.regions,
        })
    }
}

/// The section `prelift.regions`, if the module has it.
fn figures(module: &[u8]) -> Result<Option<Figures>> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CustomSection(custom) = payload?
            && custom.name() == REGIONS_SECTION
        {
            return Figures::decode(custom.data(), custom.data_offset()).map(Some);
        }
    }
    Ok(None)
}
