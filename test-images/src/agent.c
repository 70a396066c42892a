/*
 * The first process of a machine that only runs commands: mounts the root file system on the first disk, else on memory
 * of type 12, and then, for each line of words on the serial port, runs the command in it, whose outputs are the port. A
 * line ends in the byte 4, since the port is a terminal in raw mode; the answer ends in the byte 30, the exit code in
 * decimal, and the byte 4.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { WORDS = 32, LINE = 4096, END = 4, CODE = 30 };

static void die(const char *what)
{
	perror(what);
	sleep(1);
	exit(1);
}

static void mount_at(const char *what, const char *where, const char *type, unsigned long flags, const char *data)
{
	mkdir(where, 0755);
	if (mount(what, where, type, flags, data))
		die(where);
}

/* The image below, memory above. */
static void mount_root(void)
{
	mount_at("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mount_at("tmpfs", "/run", "tmpfs", 0, "mode=755");
	mkdir("/run/image", 0755);
	if (mount("/dev/vda", "/run/image", "erofs", MS_RDONLY, NULL))
		mount_at("/dev/pmem0", "/run/image", "erofs", MS_RDONLY, "dax=always");
	mkdir("/run/upper", 0755);
	mkdir("/run/work", 0755);
	mount_at("overlay", "/run/root", "overlay", 0, "lowerdir=/run/image,upperdir=/run/upper,workdir=/run/work");
	mount_at("proc", "/run/root/proc", "proc", 0, NULL);
	mount_at("devtmpfs", "/run/root/dev", "devtmpfs", 0, NULL);
	if (chroot("/run/root") || chdir("/tmp"))
		die("chroot");
}

static void open_port(void)
{
	int port = open("/dev/ttyS0", O_RDWR | O_NOCTTY);
	struct termios mode;
	if (port < 0 || tcgetattr(port, &mode))
		die("/dev/ttyS0");
	cfmakeraw(&mode);
	cfsetspeed(&mode, B115200);
	tcsetattr(port, TCSANOW, &mode);
	for (int fd = 0; fd < 3; fd++)
		dup2(port, fd);
}

static void answer(int code)
{
	char text[16];
	int length = snprintf(text, sizeof text, "%c%d%c", CODE, code, END);
	if (write(1, text, length) != length)
		die("write");
}

static void run(char *line)
{
	char *words[WORDS + 1] = { NULL };
	int count = 0, status;
	for (char *word = strtok(line, " "); word && count < WORDS; word = strtok(NULL, " "))
		words[count++] = word;
	pid_t child = fork();
	if (!child) {
		dup2(open("/dev/null", O_RDONLY), 0);
		execv(words[0], words);
		perror(words[0]);
		_exit(127);
	}
	waitpid(child, &status, 0);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	answer(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

int main(void)
{
	char line[LINE];
	size_t length = 0;
	mount_root();
	open_port();
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	answer(0);
	for (;;) {
		if (read(0, line + length, 1) != 1)
			die("read");
		if (line[length] == END) {
			line[length] = 0;
			length = 0;
			if (*line)
				run(line);
		} else if (length + 1 < sizeof line)
			length++;
	}
}
