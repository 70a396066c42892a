//! Faults as rows write them: `#DE`, `#GP(e)`, `#PF(address,access)`.

use crate::case::{Access, Fault};
use anyhow::{Context, Result, bail};

/// Faults without parameters.
#[rustfmt::skip]
const PLAIN: [(&str, Fault); 7] = [
    ("#DE", Fault::Divide),        ("#DB", Fault::Debug), ("#BP", Fault::Breakpoint), ("#UD", Fault::InvalidOpcode),
    ("#MF", Fault::X87),           ("#AC", Fault::Alignment), ("#XM", Fault::Simd),
];

pub(super) fn print(fault: Fault) -> String {
    let coded = |name: &str, code: u16| if code == 0 { name.into() } else { format!("{name}({code:x})") };
    match fault {
        Fault::NotPresent(code) => coded("#NP", code),
        Fault::Stack(code) => coded("#SS", code),
        Fault::Protection(code) => coded("#GP", code),
        Fault::Page { address, access, present } => {
            format!("#PF({address:x},{}{})", letter(access), if present { "p" } else { "" })
        }
        plain => PLAIN.iter().find(|(_, f)| *f == plain).map_or_else(String::new, |(name, _)| (*name).into()),
    }
}

fn letter(access: Access) -> char {
    match access {
        Access::Read => 'r',
        Access::Write => 'w',
        Access::Execute => 'x',
    }
}

pub(super) fn parse(token: &str) -> Result<Fault> {
    if let Some((_, fault)) = PLAIN.iter().find(|(name, _)| *name == token) {
        return Ok(*fault);
    }
    let (name, argument) = token.split_once('(').unwrap_or((token, "0)"));
    let argument = argument.strip_suffix(')').with_context(|| format!("`{token}`: expected `)` at its end"))?;
    if name == "#PF" {
        return page(argument).with_context(|| format!("`{token}`: expected `#PF(address,access)`"));
    }
    let code = u16::from_str_radix(argument, 16).with_context(|| format!("`{token}`: expected an error code"))?;
    Ok(match name {
        "#NP" => Fault::NotPresent(code),
        "#SS" => Fault::Stack(code),
        "#GP" => Fault::Protection(code),
        _ => bail!("`{token}`: expected one of #DE #DB #BP #UD #NP #SS #GP #PF #MF #AC #XM"),
    })
}

fn page(argument: &str) -> Result<Fault> {
    let (address, access) = argument.split_once(',').context("no `,`")?;
    let address = u64::from_str_radix(address, 16)?;
    let (access, present) = access.strip_suffix('p').map_or((access, false), |access| (access, true));
    let access = match access {
        "r" => Access::Read,
        "w" => Access::Write,
        "x" => Access::Execute,
        other => bail!("access `{other}` is none of r, w, x"),
    };
    Ok(Fault::Page { address, access, present })
}
