/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * monitor.c - monitors on chardevs: QMP sessions (greeting, negotiation, one command after
 * the other, events) and the human monitor (a line, its answer).
 *
 * A QMP line ends in CRLF. Events of other threads are handed to the control loop.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/list.h"
#include "base/opt.h"
#include "core/clock.h"
#include "core/loop.h"
#include "core/vm.h"
#include "host/char/chardev.h"
#include "qmp/monitor.h"
#include "qmp/qmp-gen.h"
#include "qmp/wire/qmp.h"

enum { HMP_LINE_MAX = 4096, QMP_MAX_FDS = 32 };

struct monitor {
	struct vm *vm;
	struct chardev *c;
	enum monitor_mode mode;
	bool pretty, open, negotiated, skip_lf;
	struct qmp_frame frame;
	char line[HMP_LINE_MAX];
	size_t line_len;
	struct list link;
};

struct qmp_session {
	struct monitor *m;
};

struct qmp_named_fd {
	char *name;
	int fd;
};

static struct list monitors = LIST_INIT(monitors);
static struct qmp_named_fd qmp_fds[QMP_MAX_FDS];
static struct vm *monitor_vm;
static struct vm_listener monitor_listener;

/* ---- descriptors ---- */

int qmp_session_take_fd(struct qmp_session *s)
{
	return s ? chardev_take_fd(s->m->c) : -1;
}

void qmp_fd_put(const char *name, int fd)
{
	int old = qmp_fd_take(name);

	if (old >= 0) {
		close(old);
	}
	for (int i = 0; i < QMP_MAX_FDS; i++) {
		if (!qmp_fds[i].name) {
			qmp_fds[i] = (struct qmp_named_fd){ strdup(name), fd };
			return;
		}
	}
	close(fd);
}

int qmp_fd_take(const char *name)
{
	for (int i = 0; i < QMP_MAX_FDS; i++) {
		if (qmp_fds[i].name && !strcmp(qmp_fds[i].name, name)) {
			int fd = qmp_fds[i].fd;

			free(qmp_fds[i].name);
			qmp_fds[i].name = NULL;
			return fd;
		}
	}
	return -1;
}

/* ---- output ---- */

/* Takes o. */
static void monitor_send(struct monitor *m, struct opt *o)
{
	char *text = opt_to_json(o);

	opt_free(o);
	if (text) {
		chardev_write(m->c, text, strlen(text));
		chardev_write(m->c, "\r\n", 2);
	}
	free(text);
}

static const char *monitor_class(enum err_class c)
{
	static const char *const names[] = { "GenericError", "CommandNotFound",
		                             "DeviceNotFound", "DeviceNotActive",
		                             "KVMMissingCap" };

	return names[c];
}

/* Takes id and ret. */
static void monitor_reply(struct monitor *m, struct opt *id, int ret_code,
                          struct opt *ret, const struct err *e)
{
	struct opt *o = opt_new_dict();

	if (ret_code < 0) {
		struct opt *d = opt_new_dict();

		opt_free(ret);
		opt_put_str(d, "class", monitor_class(e->cls));
		opt_put_str(d, "desc", e->text[0] ? e->text : strerror(-ret_code));
		opt_put_take(o, "error", d);
	} else {
		opt_put_take(o, "return", ret ? ret : opt_new_dict());
	}
	if (id) {
		opt_put_take(o, "id", id);
	}
	monitor_send(m, o);
}

struct monitor_event {
	struct opt *o;
};

static void monitor_event_deliver(void *opaque)
{
	struct monitor_event *ev = opaque;
	struct monitor *m;

	list_for_each (m, &monitors, link) {
		if (m->mode == MONITOR_CONTROL && m->open && m->negotiated) {
			monitor_send(m, opt_copy(ev->o));
		}
	}
	opt_free(ev->o);
	free(ev);
}

void qmp_emit(const char *event, struct opt *data)
{
	struct monitor_event *ev = malloc(sizeof(*ev));
	uint64_t now = clock_ns(CLOCK_HOST);
	struct opt *ts = opt_new_dict();

	if (!ev) {
		opt_free(data);
		opt_free(ts);
		return;
	}
	ev->o = opt_new_dict();
	opt_put_int(ts, "seconds", (int64_t)(now / NS_PER_S));
	opt_put_int(ts, "microseconds", (int64_t)(now % NS_PER_S / 1000));
	opt_put_take(ev->o, "timestamp", ts);
	opt_put_str(ev->o, "event", event);
	if (data) {
		opt_put_take(ev->o, "data", data);
	}
	if (!monitor_vm || role_current() == ROLE_CONTROL) {
		monitor_event_deliver(ev);
	} else {
		loop_post(monitor_vm->loop, monitor_event_deliver, ev);
	}
}

static int monitor_cause(int cause)
{
	for (int i = 0; qmp_enum_ShutdownCause[i]; i++) {
		if (!strcmp(qmp_enum_ShutdownCause[i],
		            vm_cause_name((enum vm_cause)cause))) {
			return i;
		}
	}
	return 0;
}

static void monitor_cpu_gone(const struct vcpu *c)
{
	struct opt *d = opt_new_dict();

	if (c->id) {
		opt_put_str(d, "device", c->id);
	}
	opt_put_str(d, "path", c->qom_path);
	qmp_emit("DEVICE_DELETED", d);
}

static void monitor_cpu_report(const struct vcpu *c)
{
	struct opt *d = opt_new_dict(), *i = opt_new_dict();
	char slot[16];

	snprintf(slot, sizeof(slot), "%u", c->index);
	if (c->id) {
		opt_put_str(i, "device", c->id);
	}
	opt_put_str(i, "slot", slot);
	opt_put_str(i, "slot-type", "CPU");
	opt_put_int(i, "source", (int64_t)c->ost.event);
	opt_put_int(i, "status", (int64_t)c->ost.status);
	opt_put_take(d, "info", i);
	qmp_emit("ACPI_DEVICE_OST", d);
}

static void monitor_vm_event(struct vm_listener *l, enum vm_event ev, int arg)
{
	bool guest = vm_cause_is_guest((enum vm_cause)arg);

	(void)l;
	switch (ev) {
	case VM_EV_STOP: qmp_event_STOP(); break;
	case VM_EV_RESUME: qmp_event_RESUME(); break;
	case VM_EV_RESET: qmp_event_RESET(guest, monitor_cause(arg)); break;
	case VM_EV_SHUTDOWN: qmp_event_SHUTDOWN(guest, monitor_cause(arg)); break;
	case VM_EV_POWERDOWN: qmp_event_POWERDOWN(); break;
	case VM_EV_WAKEUP: qmp_event_WAKEUP(); break;
	case VM_EV_SUSPEND: qmp_event_SUSPEND(); break;
	case VM_EV_CPU_GONE: monitor_cpu_gone(monitor_vm->vcpus[arg]); break;
	case VM_EV_CPU_REPORT: monitor_cpu_report(monitor_vm->vcpus[arg]); break;
	default: break;
	}
}

/* ---- QMP ---- */

static void monitor_greet(struct monitor *m)
{
	struct opt *o = opt_new_dict(), *q = opt_new_dict(), *v = NULL,
		   *caps = opt_new_list();
	struct qmp_ctx ctx = { .vm = m->vm };
	struct err e = ERR_INIT;

	if (qmp_cmd_query_version(&ctx, &v, &e) == 0) {
		opt_put_take(q, "version", v);
	}
	opt_append_take(caps, opt_new_str("oob"));
	opt_put_take(q, "capabilities", caps);
	opt_put_take(o, "QMP", q);
	monitor_send(m, o);
}

static void monitor_command(struct monitor *m, struct opt *req)
{
	struct qmp_session s = { m };
	struct qmp_ctx ctx = { .vm = m->vm, .session = &s };
	struct err e = ERR_INIT;
	struct opt *id = opt_has(req, "id") ? opt_copy(opt_get(req, "id")) : NULL,
		   *ret = NULL;
	const char *name = opt_get_str(
		req, opt_has(req, "exec-oob") ? "exec-oob" : "execute", NULL);
	struct opt *args = opt_has(req, "arguments") ? opt_get(req, "arguments") : NULL;
	struct opt *empty = opt_new_dict();
	int r;

	for (unsigned i = 0; i < opt_count(req); i++) {
		const char *k = opt_key_at(req, i);

		if (strcmp(k, "id") && strcmp(k, "execute") && strcmp(k, "exec-oob") &&
		    strcmp(k, "arguments") && strcmp(k, "control")) {
			r = err_set(&e, -EINVAL, "QMP input member '%s' is unexpected",
			            k);
			goto out;
		}
	}
	if (!name) {
		r = err_set(&e, -EINVAL, "QMP input lacks member 'execute'");
	} else if (args && opt_kind(args) != OPT_DICT) {
		r = err_set(&e, -EINVAL,
		            "QMP input member 'arguments' must be an object");
	} else if (!m->negotiated && strcmp(name, "qmp_capabilities")) {
		r = err_set_class(
			&e, ERR_COMMAND_NOT_FOUND, -EPERM,
			"Expecting capabilities negotiation with 'qmp_capabilities'");
	} else if (m->negotiated && !strcmp(name, "qmp_capabilities")) {
		r = err_set_class(&e, ERR_COMMAND_NOT_FOUND, -EPERM,
		                  "Capabilities negotiation is already complete, "
		                  "command ignored");
	} else {
		r = qmp_dispatch(&ctx, name, args ? args : empty, &ret, &e);
		if (r == 0 && !m->negotiated) {
			m->negotiated = true;
		}
	}
out:
	monitor_reply(m, id, r, ret, &e);
	opt_free(empty);
}

static void monitor_value(struct monitor *m)
{
	struct err e = ERR_INIT;
	struct opt *req = NULL;

	if (m->frame.overflow) {
		err_set(&e, -E2BIG, "JSON value is too large or too deep");
		monitor_reply(m, NULL, -E2BIG, NULL, &e);
		return;
	}
	if (opt_parse_json(&req, m->frame.buf, &e) < 0) {
		monitor_reply(m, NULL, -EINVAL, NULL, &e);
		return;
	}
	if (opt_kind(req) != OPT_DICT) {
		err_set(&e, -EINVAL, "QMP input must be a JSON object");
		monitor_reply(m, NULL, -EINVAL, NULL, &e);
	} else {
		monitor_command(m, req);
	}
	opt_free(req);
}

/* ---- human monitor ---- */

static void monitor_prompt(struct monitor *m)
{
	static const char prompt[] = "(lodge) ";

	chardev_write(m->c, prompt, sizeof(prompt) - 1);
}

static void monitor_hmp_line(struct monitor *m)
{
	struct qmp_ctx ctx = { .vm = m->vm };
	char *out;

	m->line[m->line_len] = 0;
	m->line_len = 0;
	out = hmp_run(&ctx, m->line);
	for (char *p = out; p && *p;) { /* raw terminals want CR LF */
		size_t n = strcspn(p, "\n");

		chardev_write(m->c, p, n);
		p += n;
		if (*p) {
			chardev_write(m->c, "\r\n", 2);
			p++;
		}
	}
	free(out);
	monitor_prompt(m);
}

static void monitor_hmp_byte(struct monitor *m, char c)
{
	if (c == '\n' && m->skip_lf) {
		m->skip_lf = false;
		return;
	}
	m->skip_lf = c == '\r';
	if (c == '\r' || c == '\n') {
		chardev_write(m->c, "\r\n", 2);
		monitor_hmp_line(m);
	} else if (c == 0x7f || c == '\b') {
		if (m->line_len) {
			m->line_len--;
			chardev_write(m->c, "\b \b", 3);
		}
	} else if (c == 0x15) { /* Ctrl-U */
		while (m->line_len) {
			m->line_len--;
			chardev_write(m->c, "\b \b", 3);
		}
	} else if ((unsigned char)c >= ' ' && m->line_len + 1 < sizeof(m->line)) {
		m->line[m->line_len++] = c;
		chardev_write(m->c, &c, 1);
	}
}

/* ---- chardev front end ---- */

static size_t monitor_can_read(void *opaque)
{
	(void)opaque;
	return 4096;
}

static void monitor_read(void *opaque, const uint8_t *buf, size_t len)
{
	struct monitor *m = opaque;

	for (size_t i = 0; i < len; i++) {
		if (m->mode == MONITOR_READLINE) {
			monitor_hmp_byte(m, (char)buf[i]);
		} else if (qmp_frame_feed(&m->frame, (char)buf[i])) {
			monitor_value(m);
			qmp_frame_reset(&m->frame);
		}
	}
}

static void monitor_event(void *opaque, enum chardev_event ev)
{
	struct monitor *m = opaque;

	if (ev == CHARDEV_OPENED || ev == CHARDEV_MUX_IN) {
		if (ev == CHARDEV_OPENED) {
			m->negotiated = false;
			qmp_frame_reset(&m->frame);
			m->line_len = 0;
		}
		m->open = true;
		if (m->mode == MONITOR_CONTROL) {
			monitor_greet(m);
		} else if (ev == CHARDEV_MUX_IN) {
			static const char hello[] =
				"\r\nlodge monitor - type 'help' for commands\r\n";

			chardev_write(m->c, hello, sizeof(hello) - 1);
			monitor_prompt(m);
		} else if (!chardev_wants_monitor(m->c)) {
			monitor_prompt(
				m); /* behind a console's mux: when it gets the focus */
		}
	} else if (ev == CHARDEV_CLOSED) {
		m->open = false;
	}
}

struct monitor *monitor_new(struct vm *vm, struct chardev *c, enum monitor_mode mode,
                            bool pretty, struct err *e)
{
	struct monitor *m = calloc(1, sizeof(*m));
	struct chardev_front f = { .can_read = monitor_can_read,
		                   .read = monitor_read,
		                   .event = monitor_event,
		                   .opaque = m,
		                   .monitor = mode == MONITOR_READLINE };

	if (!m) {
		err_set(e, -ENOMEM, "monitor: out of memory");
		return NULL;
	}
	m->vm = vm;
	m->c = c;
	m->mode = mode;
	m->pretty = pretty;
	list_add_tail(&monitors, &m->link);
	if (!monitor_vm) {
		monitor_vm = vm;
		monitor_listener.fn = monitor_vm_event;
		vm_add_listener(vm, &monitor_listener);
	}
	if (chardev_attach(c, &f, e) < 0) {
		list_del(&m->link);
		free(m);
		return NULL;
	}
	return m;
}

void monitor_free_all(void)
{
	struct monitor *m, *tmp;

	list_for_each_safe (m, tmp, &monitors, link) {
		list_del(&m->link);
		qmp_frame_fini(&m->frame);
		free(m);
	}
	if (monitor_vm) {
		vm_del_listener(monitor_vm, &monitor_listener);
		monitor_vm = NULL;
	}
}
