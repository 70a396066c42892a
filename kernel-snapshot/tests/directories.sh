# What programs do with files, in the directory $1: prints the same in a container and on its host.
cd "$1"
umask 022
exec 2>&1
# Written through a buffer: cat gives a pipe the file's own pages, in which a reader that is late sees what changes later.
show() { sed '' "$1"; }
echo one > a; echo two >> a; show a
mkdir -p d/e; mv a d/b; ln d/b c; show c; stat -c '%n %s %h %F %a' c d/b d
chmod 600 c; stat -c '%n %a' d/b
ln -s d/b relative; show relative; readlink relative; ln -s nowhere dangling; cat dangling
stat -c '%n %s %F' dangling
truncate -s 3 c; show d/b; echo; truncate -s 10 c; wc -c d/b
touch -d '2001-02-03 04:05:06' c; TZ=UTC stat -c '%n %Y' c
mv d moved; ls moved moved/e; mv moved/b over; echo x > target; mv over target; cat c | wc -c
echo exec; exec 3> open; mv open renamed; echo later >&3; exec 3>&-; cat renamed
exec 4<> gone; rm gone; echo hidden >&4; stat -L -c '%s %h' /proc/self/fd/4; exec 4>&-; ls gone
mkdir many; i=0; while [ $i -lt 300 ]; do : > "many/file-with-a-long-name-$i"; i=$((i+1)); done
ls many | wc -l; ls many | tail -n 2; find many -name '*7' | wc -l; rmdir many; rm -r many; ls many
dd if=/dev/zero of=big bs=1M count=3 2>/dev/null; wc -c < big; md5sum big
printf far | dd of=big bs=1 seek=5000000000 conv=notrunc 2>/dev/null; stat -c %s big; tail -c 4 big | md5sum
dd if=big bs=1 skip=5000000001 count=2 2>/dev/null; echo
cp /bin/busybox busybox; ./busybox echo executed; cmp busybox /bin/busybox && echo same
mkdir 'name with space' 'name,comma' 'näme'; ls -d n*; rmdir n*
echo "read me" > file; chmod 444 file; ls -l file | cut -c1-10
rm nothing; mkdir file; cat moved; cd moved && ls -d ../moved; cd ..
ls; rm -rf a c d dangling relative moved target renamed big busybox file; ls
echo end
