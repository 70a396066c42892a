//! The program's environment: Docker's defaults where they are wanted, replaced or extended by the container's, and `HOME`.

use crate::user::Account;
use channel::Start;

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Variables as `KEY=value`, in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Environment(Vec<String>);

impl Environment {
    /// The value of a variable.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|entry| key_of(entry) == key).and_then(|entry| entry.split_once('=')).map(|(_, value)| value)
    }

    /// All variables.
    pub(crate) fn entries(&self) -> &[String] {
        &self.0
    }

    /// Sets a variable in its old place or at the end; an entry without `=` removes it.
    fn set(&mut self, entry: &str) {
        let place = self.0.iter().position(|old| key_of(old) == key_of(entry));
        match (place, entry.contains('=')) {
            (Some(place), true) => entry.clone_into(&mut self.0[place]),
            (Some(place), false) => drop(self.0.remove(place)),
            (None, true) => self.0.push(entry.to_owned()),
            (None, false) => {}
        }
    }
}

/// The whole environment of a program that runs as `account`.
pub(crate) fn complete(start: &Start, account: &Account) -> Environment {
    let mut environment = Environment(Vec::new());
    if !start.bare_environment {
        environment.set(PATH);
        environment.set(&format!("HOSTNAME={}", start.hostname));
        if start.terminal.is_some() {
            environment.set("TERM=xterm");
        }
    }
    start.env.iter().for_each(|entry| environment.set(entry));
    if environment.get("HOME").is_none_or(str::is_empty) {
        environment.set(&format!("HOME={}", account.home));
    }
    environment
}

fn key_of(entry: &str) -> &str {
    entry.split_once('=').map_or(entry, |(key, _)| key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use channel::WindowSize;

    fn environment(env: &[&str], bare: bool, terminal: bool) -> Vec<String> {
        let start = Start {
            env: env.iter().map(ToString::to_string).collect(),
            hostname: "box".into(),
            bare_environment: bare,
            terminal: terminal.then_some(WindowSize { rows: 24, columns: 80 }),
            ..Start::default()
        };
        let account = Account { uid: 0, gid: 0, groups: vec![0], home: "/root".into() };
        complete(&start, &account).0
    }

    #[test]
    fn defaults_come_first_and_give_way() {
        assert_eq!(environment(&[], false, true), [PATH, "HOSTNAME=box", "TERM=xterm", "HOME=/root"]);
        assert_eq!(
            environment(&["A=1", "PATH=/x", "A=2=3", "HOME=/h", "HOSTNAME"], false, false),
            ["PATH=/x", "A=2=3", "HOME=/h"]
        );
        assert_eq!(environment(&["A=1"], true, true), ["A=1", "HOME=/root"]);
    }

    #[test]
    fn values_are_found_whole() {
        let environment = Environment(vec!["AB=0".into(), "A=1=2".into(), "E=".into()]);
        assert_eq!(["A", "E", "B"].map(|key| environment.get(key)), [Some("1=2"), Some(""), None]);
    }
}
