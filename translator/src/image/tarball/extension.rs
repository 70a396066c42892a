//! What the extended headers before a member (GNU `L` and `K`, PAX `x` and `g`) add to its header.

use std::collections::BTreeMap;
use std::io;

use anyhow::{Context, Result};
use tar::Header;

use super::super::tree::{Meta, Mtime, Xattrs};
use super::sparse::Segment;
use super::{pax, sparse};

/// Records of extended headers by key; of repeated keys the last.
pub(super) type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// What extended headers say about the member that follows them.
#[derive(Default)]
pub(super) struct Extensions {
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    records: Records,
    /// Offsets and lengths of PAX sparse format 0.0, whose keys repeat.
    sparse_pairs: Vec<u64>,
}

impl Extensions {
    /// Takes the body of a GNU long name.
    pub(super) fn set_name(&mut self, body: &[u8]) {
        self.long_name = Some(c_string(body));
    }

    /// Takes the body of a GNU long link target.
    pub(super) fn set_link(&mut self, body: &[u8]) {
        self.long_link = Some(c_string(body));
    }

    /// Adds the records of global headers where the member has none of its own.
    pub(super) fn inherit(&mut self, globals: &Records) {
        for (key, value) in globals {
            self.records.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }

    /// The segments of PAX sparse format 0.0.
    pub(super) fn sparse_pairs(&self) -> Result<Vec<Segment>> {
        sparse::pairs(&self.sparse_pairs)
    }

    /// Adds the records of one extended header.
    pub(super) fn take(&mut self, records: Vec<(&[u8], &[u8])>) -> Result<()> {
        for (key, value) in records {
            if key == b"GNU.sparse.offset" || key == b"GNU.sparse.numbytes" {
                self.sparse_pairs.push(pax::decimal(value).context("sparse map")?);
            }
            self.records.insert(key.to_vec(), value.to_vec());
        }
        Ok(())
    }

    /// A record's value; an empty one takes the record back.
    pub(super) fn text(&self, key: &str) -> Option<&[u8]> {
        self.records.get(key.as_bytes()).map(Vec::as_slice).filter(|value| !value.is_empty())
    }

    /// The member's path, which the header may hold only part of.
    pub(super) fn path(&self, header: &Header) -> Vec<u8> {
        let named = self.text("GNU.sparse.name").or(self.text("path")).or(self.long_name.as_deref());
        named.map_or_else(|| header.path_bytes().into_owned(), <[u8]>::to_vec)
    }

    /// The link's target.
    pub(super) fn link(&self, header: &Header) -> Vec<u8> {
        let named = self.text("linkpath").or(self.long_link.as_deref());
        named.map_or_else(|| header.link_name_bytes().unwrap_or_default().into_owned(), <[u8]>::to_vec)
    }

    /// The real length of a PAX sparse file; `None` for others.
    pub(super) fn sparse_size(&self) -> Result<Option<u64>> {
        let text = self.text("GNU.sparse.realsize").or(self.text("GNU.sparse.size"));
        text.map(pax::decimal).transpose().context("sparse file's size")
    }

    fn number(&self, key: &str, header: io::Result<u64>) -> Result<u32> {
        let number = match self.text(key) {
            Some(text) => pax::decimal(text),
            None => header.map_err(anyhow::Error::from),
        };
        let number = number.with_context(|| key.to_owned())?;
        u32::try_from(number).with_context(|| format!("{key} {number} exceeds 32 bits"))
    }

    /// Owner, mode, time and attributes.
    pub(super) fn meta(&self, header: &Header) -> Result<Meta> {
        let mtime = match self.text("mtime") {
            Some(text) => pax::time(text)?,
            None => Mtime { seconds: header.mtime().context("mtime")? as i64, nanoseconds: 0 },
        };
        let xattr =
            |(key, value): (&Vec<u8>, &Vec<u8>)| Some((key.strip_prefix(b"SCHILY.xattr.")?.to_vec(), value.clone()));
        Ok(Meta {
            mode: (header.mode().context("mode")? & 0o7777) as u16,
            uid: self.number("uid", header.uid())?,
            gid: self.number("gid", header.gid())?,
            mtime,
            xattrs: self.records.iter().filter_map(xattr).collect::<Xattrs>(),
        })
    }
}

/// The bytes before the first NUL.
fn c_string(bytes: &[u8]) -> Vec<u8> {
    bytes.split(|&b| b == 0).next().unwrap_or_default().to_vec()
}
