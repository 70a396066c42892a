//! Who the program runs as: `user[:group]` of an image's configuration, resolved by the image's own
//! `/etc/passwd` (passwd(5)) and `/etc/group` (group(5)) under the rules of Docker.
//!
//! - A number is an id, whether or not the files know it; any other word must be in them.
//! - Without a group, the group is the user's, and the groups that list the user by name are supplementary. An id
//!   that the files do not know has group 0 and home `/`.
//! - With a group, there is no supplementary group but that one.

use anyhow::{Context, Result, anyhow};
use rustix::fs::{Mode, OFlags, ResolveFlags, open, openat2};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read};

/// A user, as the kernel and the environment need it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Account {
    /// User id.
    pub(crate) uid: u32,
    /// Primary group id.
    pub(crate) gid: u32,
    /// Supplementary group ids; the primary group comes first.
    pub(crate) groups: Vec<u32>,
    /// Home directory.
    pub(crate) home: String,
}

/// Resolves `user[:group]` by the files of a root directory; an empty user is id 0.
pub(crate) fn find(spec: &str, root: &str) -> Result<Account> {
    let database = |path: &str| read_database(root, path).with_context(|| format!("read {path}"));
    resolve(spec, &database("/etc/passwd")?, &database("/etc/group")?)
}

/// An absent file has no entries. Bytes that are no UTF-8 can match no name that is asked for.
fn read_database(root: &str, path: &str) -> io::Result<String> {
    let root = open(root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    // Symbolic links lead to files of that root, as for who is in it.
    let file = openat2(root, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::IN_ROOT);
    let mut file = match file {
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(String::new()),
        file => File::from(file?),
    };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// One line of passwd(5) with valid ids.
struct User<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

impl<'a> User<'a> {
    fn parse(line: &'a str) -> Option<User<'a>> {
        let mut fields = line.trim().split(':');
        let (name, _password, uid, gid) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let home = fields.nth(1).unwrap_or_default();
        Some(User { name, uid: parse_id(uid)?, gid: parse_id(gid)?, home })
    }
}

/// One line of group(5) with a valid id.
struct Group<'a> {
    name: &'a str,
    gid: u32,
    members: &'a str,
}

impl<'a> Group<'a> {
    fn parse(line: &'a str) -> Option<Group<'a>> {
        let mut fields = line.trim().split(':');
        let (name, _password, gid) = (fields.next()?, fields.next()?, fields.next()?);
        Some(Group { name, gid: parse_id(gid)?, members: fields.next().unwrap_or_default() })
    }
}

fn resolve(spec: &str, passwd: &str, group: &str) -> Result<Account> {
    let (user, group_spec) = spec.split_once(':').unwrap_or((spec, ""));
    let user = if user.is_empty() { "0" } else { user };
    let known = passwd.lines().filter_map(User::parse).find(|known| names(user, known.name, known.uid));
    let uid = match &known {
        Some(known) => known.uid,
        None => parse_id(user).ok_or_else(|| unknown("user", user, "/etc/passwd"))?,
    };
    let home = known.as_ref().map(|known| known.home).filter(|home| !home.is_empty()).unwrap_or("/").to_owned();
    let mut groups = group.lines().filter_map(Group::parse);
    if !group_spec.is_empty() {
        let gid = groups.find(|known| names(group_spec, known.name, known.gid)).map(|known| known.gid);
        let gid = gid.or(parse_id(group_spec)).ok_or_else(|| unknown("group", group_spec, "/etc/group"))?;
        return Ok(Account { uid, gid, groups: vec![gid], home });
    }
    let Some(known) = known else { return Ok(Account { uid, gid: 0, groups: vec![0], home }) };
    let mut ids = vec![known.gid];
    for group in groups.filter(|group| group.members.split(',').any(|member| member == known.name)) {
        if !ids.contains(&group.gid) {
            ids.push(group.gid);
        }
    }
    Ok(Account { uid, gid: known.gid, groups: ids, home })
}

/// Whether `word` means this entry: a number by its id, anything else by its name.
fn names(word: &str, name: &str, id: u32) -> bool {
    if word.bytes().all(|byte| byte.is_ascii_digit()) { parse_id(word) == Some(id) } else { word == name }
}

/// An id of the range that Docker accepts, 0 to 2^31 - 1.
fn parse_id(word: &str) -> Option<u32> {
    let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    word.parse().ok().filter(|&id| digits && id <= i32::MAX.unsigned_abs())
}

fn unknown(what: &str, word: &str, file: &str) -> anyhow::Error {
    let (database, most) = (file.trim_start_matches("/etc/"), i32::MAX);
    anyhow!(
        "unable to find {what} {word}: no matching entries in {database} file; expected a name in the image's {file} or an id from 0 to {most}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/sh\n# comment\nbroken:x:y:1\nann:x:1000:1000:Ann,,,:/home/ann:/bin/sh
nohome:x:1001:7\n42:x:5:5::/numeric:\n";
    const GROUP: &str = "root:x:0:\nwheel:x:10:root,ann\nann:x:1000:ann\naudio:x:29:bob,ann\nplain:x:7\n";

    fn account(spec: &str) -> (u32, u32, Vec<u32>, String) {
        let Account { uid, gid, groups, home } = resolve(spec, PASSWD, GROUP).unwrap();
        (uid, gid, groups, home)
    }

    #[test]
    #[rustfmt::skip]
    fn users_and_groups_resolve_as_in_docker() {
        for (spec, uid, gid, groups, home) in [
            ("",             0,    0,    vec![0, 10],        "/root"),
            ("root",         0,    0,    vec![0, 10],        "/root"),
            ("ann",          1000, 1000, vec![1000, 10, 29], "/home/ann"),
            ("1000",         1000, 1000, vec![1000, 10, 29], "/home/ann"),
            ("ann:audio",    1000, 29,   vec![29],           "/home/ann"),
            ("ann:",         1000, 1000, vec![1000, 10, 29], "/home/ann"),
            (":plain",       0,    7,    vec![7],            "/root"),
            ("nohome",       1001, 7,    vec![7],            "/"),
            ("42",           42,   0,    vec![0],            "/"),
            ("4242:77",      4242, 77,   vec![77],           "/"),
            ("2147483647:1", 2147483647, 1, vec![1],         "/"),
        ] {
            assert_eq!(account(spec), (uid, gid, groups, home.into()), "{spec:?}");
        }
    }

    #[test]
    fn unknown_names_and_wild_ids_are_refused() {
        for spec in ["bob", "broken", "ann:nobody", "2147483648", "-1", "+0", "1:99999999999"] {
            assert!(resolve(spec, PASSWD, GROUP).is_err(), "{spec:?}");
        }
        assert_eq!(resolve("", "", "").unwrap().home, "/");
        let error = resolve("ann:bob", PASSWD, GROUP).unwrap_err().to_string();
        assert!(error.starts_with("unable to find group bob: no matching entries in group file; "), "{error}");
    }
}
