//! `bothways.cddl`, held against bytes.

use std::collections::BTreeMap;

use cddl::ast::CDDL;
use cddl::cddl_from_str;
use cddl::validator::Validator;
use cddl::validator::cbor::{CBORValidator, Error};
use cddl::validator::cbor_value::decode_cbor;

/// The grammar with each rule that is asked for as its root, parsed once.
#[derive(Default)]
pub(crate) struct Grammar {
    rooted: BTreeMap<&'static str, CDDL<'static>>,
}

impl Grammar {
    /// Says why bytes are no such thing as the rule describes.
    pub(crate) fn check(&mut self, rule: &'static str, bytes: &[u8]) -> Result<(), String> {
        let cddl = self.rooted.entry(rule).or_insert_with(|| rooted_at(rule));
        let value = decode_cbor(bytes).map_err(|error| error.to_string())?;
        let checked: Result<(), Error<std::io::Error>> =
            CBORValidator::new(cddl, value, None).validate();
        checked.map_err(|error| error.to_string())
    }
}

fn rooted_at(rule: &str) -> CDDL<'static> {
    let text = format!("start = {rule}\n{}", include_str!("../../bothways.cddl"));
    // `.regexp` matches from end to end (RFC 8610 §3.8.3); this validator searches, so it is told.
    let anchored = text
        .split(".regexp \"")
        .enumerate()
        .map(|(index, part)| match part.split_once('"') {
            Some((pattern, rest)) if index > 0 => format!(".regexp \"^({pattern})$\"{rest}"),
            _ => part.to_owned(),
        })
        .collect::<String>();
    cddl_from_str(anchored.leak(), true).unwrap()
}
