#!/root/busybox sh
# Tries what a container needs of the kernel; the test reads the lines on the console.
b=/root/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs devtmpfs /dev
$b mount -t tmpfs tmpfs /run
cd /run
$b mkdir cgroup pmem disk upper work merged

$b mount -t cgroup2 cgroup2 cgroup
echo "controllers: $($b cat cgroup/cgroup.controllers)"

$b mount -t erofs -o ro,dax=always /dev/pmem0 pmem
echo "pmem: $($b cat pmem/greeting)"
echo "pmem: $(pmem/busybox echo program runs)"

$b mount -t erofs -o ro /dev/vda disk
echo "virtio-blk: $($b cat disk/greeting)"

$b mount -t overlay -o lowerdir=pmem,upperdir=upper,workdir=work overlay merged
$b sed -i 's/$/ and from above/' merged/greeting
echo "overlay: $($b cat merged/greeting)"

for port in /sys/class/virtio-ports/*; do
    echo "port: $($b cat "$port/name")"
    echo "written to the port" > "/dev/${port##*/}"
done
echo done
$b reboot -f
