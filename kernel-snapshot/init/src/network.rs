//! The network of the machine, which is the container's unless that has one of its own: loopback up, and Docker's two settings.

use crate::syscalls;
use anyhow::{Context, Result};
use rustix::process::Pid;
use std::fs;
use std::io::ErrorKind;

/// What Docker sets in a container's network namespace: low ports and ping need no privilege.
const SETTINGS: [(&str, &str); 2] =
    [("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0"), ("/proc/sys/net/ipv4/ping_group_range", "0 2147483647")];

/// Brings up the loopback interface of this process's network namespace.
pub(crate) fn raise_loopback() -> Result<()> {
    syscalls::raise_interface(c"lo").context("bring up the interface lo")
}

/// Brings up the machine's network.
pub(crate) fn bring_up() -> Result<()> {
    raise_loopback()?;
    for (path, value) in SETTINGS {
        match fs::write(path, value) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("write {path}"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether something listens on a TCP port, at any address, in the network namespace of a process.
pub(crate) fn listens(process: Pid, port: u16) -> Result<bool> {
    let process = process.as_raw_nonzero();
    for table in ["tcp", "tcp6"].map(|name| format!("/proc/{process}/net/{name}")) {
        match fs::read_to_string(&table) {
            Ok(sockets) if sockets.lines().skip(1).any(|socket| is_listener(socket, port)) => return Ok(true),
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("read {table}"));
            }
            _ => {}
        }
    }
    Ok(false)
}

/// Whether a line of such a table (proc(5): number, local address, remote address, state, in hexadecimal) is of a socket that listens there.
fn is_listener(socket: &str, port: u16) -> bool {
    const LISTEN: &str = "0A";
    let mut fields = socket.split_ascii_whitespace().skip(1);
    let local = fields.next().and_then(|address| u16::from_str_radix(address.rsplit_once(':')?.1, 16).ok());
    local == Some(port) && fields.nth(1) == Some(LISTEN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_port_is_listened_on_or_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let listens = |port| listens(rustix::process::getpid(), port);
        assert!(listens(port).unwrap());
        // A connection's own port is in use, and nobody listens on it.
        let connection = TcpStream::connect(("127.0.0.1", port)).unwrap();
        assert!(!listens(connection.local_addr().unwrap().port()).unwrap());
        drop((connection, listener));
        assert!(!listens(port).unwrap());
    }
}
