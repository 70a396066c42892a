/*
 * The first process of a guest that mounts an EROFS image and lists it on the console, one line a path:
 *
 *   F path mode uid gid links device size seconds.nanoseconds contents attributes
 *
 * and, at the end, "listed" with the number of paths whose contents are mapped as memory (DAX).
 * Contents and attributes are FNV-1a sums. Every path is looked up by name; directories are listed in the kernel's order.
 * The kernel's command line names the device and the mount options: device=/dev/vda options=…
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static char buffer[1 << 16], names[1 << 16];
static int dax_files;

static uint64_t add(uint64_t sum, const void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		sum = (sum ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3ULL;
	return sum;
}

static void fail(const char *what)
{
	printf("failed: %s: %m\n", what);
	fflush(stdout);
	reboot(RB_AUTOBOOT);
}

static uint64_t contents(const char *path, const struct stat *st)
{
	uint64_t sum = 0xcbf29ce484222325ULL;
	ssize_t some;
	if (S_ISLNK(st->st_mode)) {
		some = readlink(path, buffer, sizeof buffer);
		return some < 0 ? 0 : add(sum, buffer, some);
	}
	if (!S_ISREG(st->st_mode))
		return sum;
	int fd = open(path, O_RDONLY);
	while ((some = read(fd, buffer, sizeof buffer)) > 0)
		sum = add(sum, buffer, some);
	if (fd < 0 || some < 0)
		fail(path);
	close(fd);
	return sum;
}

/* Sums commute, since the order of attributes is nobody's promise. */
static uint64_t attributes(const char *path)
{
	ssize_t size = llistxattr(path, names, sizeof names);
	uint64_t total = 0;
	for (ssize_t at = 0; at < size; at += strlen(names + at) + 1) {
		ssize_t value = lgetxattr(path, names + at, buffer, sizeof buffer);
		if (value < 0)
			fail(names + at);
		total += add(add(0xcbf29ce484222325ULL, names + at, strlen(names + at) + 1), buffer, value);
	}
	return total;
}

/* statx(2) without its declarations, which musl lacks: STATX_ATTR_DAX of stx_attributes. */
static int is_dax(const char *path)
{
	uint64_t statx[32] = { 0 };
	if (syscall(SYS_statx, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, 0, statx))
		fail(path);
	return statx[1] >> 21 & 1;
}

static void list(const char *path)
{
	struct stat st;
	if (lstat(path, &st))
		fail(path);
	printf("F %s %o %u %u %lu %u:%u %ld %ld.%09ld %016llx %016llx\n", path + 4, st.st_mode, st.st_uid, st.st_gid,
	       (unsigned long)st.st_nlink, major(st.st_rdev), minor(st.st_rdev), S_ISDIR(st.st_mode) ? 0L : (long)st.st_size,
	       (long)st.st_mtim.tv_sec, (long)st.st_mtim.tv_nsec, (unsigned long long)contents(path, &st),
	       (unsigned long long)attributes(path));
	dax_files += is_dax(path);
	if (!S_ISDIR(st.st_mode))
		return;
	DIR *dir = opendir(path);
	if (!dir)
		fail(path);
	for (struct dirent *entry; (entry = readdir(dir));) {
		char *child;
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (asprintf(&child, "%s/%s", path, entry->d_name) < 0)
			fail(path);
		list(child);
		free(child);
	}
	closedir(dir);
}

int main(void)
{
	mkdir("/dev", 0755);
	mkdir("/mnt", 0755);
	if (mount("dev", "/dev", "devtmpfs", 0, NULL))
		fail("devtmpfs");
	int console = open("/dev/console", O_WRONLY);
	dup2(console, 1);
	const char *device = getenv("device"), *options = getenv("options");
	/* Persistent memory is probed asynchronously. */
	for (int tries = 0; device && access(device, F_OK) && tries < 500; tries++)
		usleep(10000);
	if (!device || mount(device, "/mnt", "erofs", MS_RDONLY, options))
		fail("mount");
	list("/mnt");
	printf("listed %d\n", dax_files);
	fflush(stdout);
	reboot(RB_AUTOBOOT);
	return 0;
}
