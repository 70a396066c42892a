//! Names of signals, as an image's `StopSignal` and `--stop-signal` give them (signal(7), Linux on x86-64).

/// SIGTERM: what asks a container to stop, unless it names another signal.
pub const TERM: u8 = 15;

/// What [`number`] takes, for messages.
pub const EXPECTED: &str = "a signal, such as SIGQUIT, QUIT, 3 or RTMIN+3";

/// The first real-time signal that programs see (the C library keeps two),
const RT_MIN: u8 = 34;
/// and the last.
const RT_MAX: u8 = 64;

/// Names by number, from 1.
#[rustfmt::skip]
const NAMES: [&str; 31] = [
    "HUP",  "INT",    "QUIT",   "ILL",  "TRAP", "ABRT", "BUS",  "FPE",
    "KILL", "USR1",   "SEGV",   "USR2", "PIPE", "ALRM", "TERM", "STKFLT",
    "CHLD", "CONT",   "STOP",   "TSTP", "TTIN", "TTOU", "URG",  "XCPU",
    "XFSZ", "VTALRM", "PROF",   "WINCH", "IO",  "PWR",  "SYS",
];
/// Other names of some.
const ALIASES: [(&str, u8); 4] = [("IOT", 6), ("CLD", 17), ("POLL", 29), ("UNUSED", 31)];

/// The number of a signal: a number, or a name in any case with or without `SIG`; `RTMIN+n` and `RTMAX-n` are names too.
pub fn number(text: &str) -> Option<u8> {
    if let Ok(number) = text.parse() {
        return (1..=RT_MAX).contains(&number).then_some(number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let plain = NAMES.iter().position(|known| *known == name).and_then(|index| u8::try_from(index + 1).ok());
    plain
        .or_else(|| ALIASES.iter().find(|(alias, _)| *alias == name).map(|&(_, number)| number))
        .or_else(|| real_time(name))
}

fn real_time(name: &str) -> Option<u8> {
    let distance = |text: &str, sign| match text {
        "" => Some(0),
        text => text.strip_prefix(sign)?.parse::<u8>().ok(),
    };
    let number = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(rest), _) => RT_MIN.checked_add(distance(rest, '+')?)?,
        (_, Some(rest)) => RT_MAX.checked_sub(distance(rest, '-')?)?,
        _ => return None,
    };
    (RT_MIN..=RT_MAX).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_dockers() {
        for (text, signal) in [
            ("SIGTERM", 15),
            ("term", 15),
            ("SigQuit", 3),
            ("WINCH", 28),
            ("SYS", 31),
            ("HUP", 1),
            ("IOT", 6),
            ("9", 9),
            ("64", 64),
            ("SIGRTMIN", 34),
            ("RTMIN+3", 37),
            ("SIGRTMAX-14", 50),
            ("RTMAX", 64),
        ] {
            assert_eq!(number(text), Some(signal), "{text}");
        }
        for text in
            ["", "0", "65", "-1", "+", "SIG", "SIGSIGTERM", "RTMIN-1", "RTMIN+31", "RTMIN+x", "RTMAX-31", "TERM "]
        {
            assert_eq!(number(text), None, "{text:?}");
        }
    }
}
