/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c - the program: reads the command line, builds the machine, locks itself up and
 * runs the control loop until the machine ends.
 *
 * Signals: SIGTERM, SIGINT and SIGHUP end the machine cleanly (shutdown cause
 * host-signal); they are read from a signalfd on the control loop. Fatal signals
 * restore the terminal first. Exit status: 0, 1 for what could not be started, or
 * what isa-debug-exit asked for.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/opt.h"
#include "cli/cli.h"
#include "core/loop.h"
#include "core/object.h"
#include "core/role.h"
#include "core/vm.h"
#include "host/char/chardev.h"
#include "main/build.h"
#include "seccomp/sandbox.h"

static struct build main_build;

static __noreturn void die(const struct err *e)
{
	log_error("%s", e->text);
	exit(1);
}

/* ---- signals ---- */

static void main_fatal(int sig)
{
	chardev_restore_tty();
	signal(sig, SIG_DFL);
	raise(sig);
}

static void main_signal(void *opaque, int fd, unsigned revents)
{
	struct vm *vm = opaque;
	struct signalfd_siginfo si;

	(void)revents;
	while (read(fd, &si, sizeof(si)) == sizeof(si)) {
		log_info("terminating on signal %u from pid %u", si.ssi_signo,
		         si.ssi_pid);
		vm_request_shutdown(vm, CAUSE_HOST_SIGNAL);
	}
}

static void main_block_signals(void)
{
	static const int fatal[] = {
		SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT
	};
	struct sigaction sa = { .sa_handler = main_fatal };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL); /* inherited by every thread */
	signal(SIGPIPE, SIG_IGN);
	for (unsigned i = 0; i < ARRAY_LEN(fatal); i++) {
		sigaction(fatal[i], &sa, NULL);
	}
}

static int main_watch_signals(struct vm *vm, struct err *e)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0) {
		return err_set_errno(e, -errno, "cannot make a signalfd");
	}
	if (!loop_watch_new(vm->loop, fd, POLLIN, main_signal, vm)) {
		close(fd);
		return err_set(e, -ENOMEM, "out of memory");
	}
	return 0;
}

/* Ctrl-A x */
static void main_quit_key(void *opaque)
{
	vm_request_shutdown(opaque, CAUSE_HOST_UI);
}

/* ---- background ---- */

/* The parent stays until the child says that everything is up; its errors are on stderr. */
static int main_daemonize(struct err *e)
{
	int p[2];
	pid_t pid;
	char ok = 0;

	if (pipe2(p, O_CLOEXEC) < 0) {
		return err_set_errno(e, -errno, "cannot make a pipe");
	}
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		return err_set_errno(e, -errno, "cannot fork");
	}
	if (pid == 0) {
		close(p[0]);
		setsid();
		return p[1];
	}
	close(p[1]);
	while (read(p[0], &ok, 1) < 0 && errno == EINTR) {
	}
	_exit(ok == 1 ? 0 : 1);
}

static void main_daemon_ready(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char ok = 1;

	if (chdir("/") < 0 || null < 0) {
		log_warn("cannot leave the terminal: %s", strerror(errno));
	}
	for (int i = 0; null >= 0 && i < 3; i++) {
		dup2(null, i);
	}
	if (write(fd, &ok, 1) != 1) {
		exit(1); /* the parent is gone: nobody wants us */
	}
	close(fd);
	if (null > 2) {
		close(null);
	}
}

static const char *main_pidfile;

static void main_unlink_pidfile(void)
{
	if (main_pidfile) {
		unlink(main_pidfile);
	}
}

static int main_write_pidfile(const char *path, struct err *e)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	char text[32];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (fd < 0 || write(fd, text, n) != n) {
		return err_set_errno(e, -errno, "-pidfile: cannot write '%s'", path);
	}
	main_pidfile = realpath(path, NULL); /* we may leave this directory */
	return 0;
}

/* ---- logging options ---- */

static int main_log_options(struct opt *t, struct err *e)
{
	const char *items = opt_get_str(t, "d", NULL),
		   *file = opt_get_str(t, "D", NULL);
	struct opt *trace = opt_get(t, "trace");
	int r = file ? log_set_file(file, e) : 0;

	if (r >= 0 && items) {
		r = log_parse_mask(items, e);
	}
	for (unsigned i = 0; r >= 0 && trace && i < opt_count(trace); i++) {
		r = trace_add_pattern(opt_get_str(opt_at(trace, i), "enable", "*"), e);
	}
	return r;
}

static int main_parse(int argc, char **argv, struct err *e)
{
	if (argc > 1 && strcmp(argv[1], "run") == 0) {
		return cli_parse_run(argc - 1, argv + 1, &main_build.tree, e);
	}
	return cli_parse(argc, argv, &main_build.tree, e);
}

/* ---- sandbox ---- */

/* -sandbox on|off; the finer switches of QEMU's only widen what is denied here anyway. */
static int main_sandbox(struct build *b, struct err *e)
{
	static const char *const finer[] = { "obsolete", "elevateprivileges", "spawn",
		                             "resourcecontrol" };
	struct opt *o = opt_get(b->tree, "sandbox");
	bool on = true;
	int r = 0;

	if (o) {
		for (unsigned i = 0; i < ARRAY_LEN(finer); i++) {
			(void)opt_get(o, finer[i]);
		}
		r = opt_get_bool(o, "enable", true, &on, e);
		r = r < 0 ? r : opt_check_unused(o, "-sandbox", e);
	}
	if (r < 0 || !on) {
		return r;
	}
	r = sandbox_init(e);
	if (r >= 0) {
		role_set_seal(sandbox_seal_thread);
		r = role_seal_all(e);
	}
	return r < 0 ? err_prefix(e, r, "sandbox") : 0;
}

/* ---- life ---- */

static void main_start(struct build *b)
{
	vm_reset(b->vm, CAUSE_NONE);
	if (opt_get(b->tree, "incoming")) {
		vm_set_state(b->vm, RUN_INMIGRATE);
	} else if (!opt_get(b->tree, "S")) {
		vm_cont(b->vm);
	}
}

static int main_end(struct build *b)
{
	int code = b->vm->exit_code;

	chardev_restore_tty();
	main_unlink_pidfile();
	fflush(NULL);
	/* Threads still serve queues: what is left to do is the kernel's work. */
	_exit(code);
}

int main(int argc, char **argv)
{
	struct err e = ERR_INIT;
	const char *pidfile;
	int r, ready = -1;

	role_adopt_main();
	r = main_parse(argc, argv, &e);
	if (r == CLI_DONE) {
		return 0;
	}
	main_build.target = cli_target(argv[0]);
	if (r < 0 || main_log_options(main_build.tree, &e) < 0) {
		die(&e);
	}
	if (opt_get(main_build.tree, "daemonize")) {
		ready = main_daemonize(&e);
		if (ready < 0) {
			die(&e);
		}
	}
	atexit(chardev_restore_tty);
	main_block_signals();
	r = build_vm(&main_build, &e);
	r = r < 0 ? r : main_watch_signals(main_build.vm, &e);
	pidfile = opt_get_str(main_build.tree, "pidfile", NULL);
	if (r >= 0 && pidfile) {
		r = main_write_pidfile(pidfile, &e);
	}
	if (r < 0) {
		die(&e);
	}
	if (ready >= 0) {
		main_daemon_ready(ready);
	}
	chardev_set_quit(main_quit_key, main_build.vm);
	if (main_sandbox(&main_build, &e) < 0) {
		die(&e);
	}
	main_start(&main_build);
	loop_run(main_build.vm->loop);
	return main_end(&main_build);
}
