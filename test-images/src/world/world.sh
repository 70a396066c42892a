#!/bin/sh
# Prints what a container sees of its world, a section for each kind of thing. Nothing in it depends on time or chance.
# What may differ from run to run and says nothing (inode numbers, dates, free memory) is left out.

section() { echo; echo "[$1]"; }

# Whether a file can be written, and how it is refused.
try_write() {
    error=$( (: >>"$1") 2>&1 ) && echo "$1: can be written" || echo "$1: ${error##*: }"
}

section identity
id
echo "umask $(umask), directory $PWD, host name $(hostname)"
section arguments
for word; do echo "<$word>"; done
section environment
env | grep -v '^_=' | sort

section status
grep -E '^(Uid|Gid|Groups|NSpid|NSsid|Cap|NoNewPrivs|Seccomp:|SigBlk)' /proc/1/status
echo "command line of process 1: $(tr '\0' ' ' </proc/1/cmdline)"
echo "parent, group and session of process 1, its terminal: $(cut -d ' ' -f 4-7 /proc/1/stat)"
echo "oom_score_adj $(cat /proc/1/oom_score_adj)"
section limits
sed 's/  */ /g' /proc/1/limits | sort
section namespaces
for kind in cgroup ipc mnt net pid time user uts; do
    [ "$(readlink /proc/1/ns/$kind)" = "$(readlink /proc/self/ns/$kind)" ] && echo "$kind: process 1's"
done
section 'ids: the mappings of process 1, and owners'
(cd /proc/1 && cat uid_map gid_map setgroups | tr -s ' ' | sed 's/^ //')
stat -c '%u:%g %n' / /bin /etc/passwd /tmp /proc /proc/1/status /proc/1/environ /proc/self/fd /sys
section cgroup
cat /proc/1/cgroup
section 'open files of process 1'
(cd /proc/1/fd && for fd in *; do echo "$fd $(readlink $fd | sed 's/\[.*//')"; done)

section 'mounts: place, options, kind, source, options of the file system'
cut -d ' ' -f 5- /proc/1/mountinfo | sed 's/,\(upper\|work\|lower\)dir=[^,]*//g' | sort
section devices
cd /dev && find . -mindepth 1 | sort | while read file; do
    stat -c '%A %u:%g %t,%T %N' "$file"
done
cd /
section 'masked: readable bytes'
for file in /proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats /proc/sched_debug /proc/scsi \
    /proc/timer_list /proc/timer_stats /sys/devices/virtual/powercap /sys/firmware; do
    if [ -d $file ]; then echo "$file: directory with $(ls -A $file | wc -l) names"
    elif [ -e $file ]; then echo "$file: $(head -c 4096 $file | wc -c)"
    else echo "$file: absent"; fi
done
section 'read-only and not'
for file in /proc/sysrq-trigger /proc/sys/kernel/hostname /proc/sys/vm/drop_caches /sys/kernel/mm/x \
    /sys/fs/cgroup/cgroup.procs /proc/self/comm /dev/null /dev/shm/x /tmp/x /etc/x; do
    [ -e "${file%/*}" ] && try_write $file
done
section 'what needs privilege'
for command in 'mount -t tmpfs none /tmp' 'hostname x' 'mknod /tmp/node c 1 3' 'chown 1:1 /tmp' 'chroot / true'; do
    error=$($command 2>&1 >/dev/null) && echo "$command: done" || echo "$command: ${error##*: }"
done
mknod /tmp/foreign c 1 1 2>/dev/null && try_write /tmp/foreign
rm -f /tmp/node /tmp/foreign /tmp/x /dev/shm/x /etc/x 2>/dev/null
section 'streams opened again'
echo out >/dev/stdout
echo error >/dev/stderr 2>/dev/null && echo 'standard error: done'
echo fd >/proc/self/fd/1
: </dev/stdin && echo 'standard input: done'
section etc
for file in /etc/hostname /etc/hosts /etc/resolv.conf /etc/mtab; do
    [ -e $file ] && stat -c '%A %u:%g %N' $file
done
for file in /etc/hostname /etc/hosts /etc/resolv.conf; do [ ! -e $file ] || cat $file; done
section network
ip address | sed 's/^\([0-9]*: [a-z0-9]*\).*/\1/; s/valid.*//' | grep -v link/ether
cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range
