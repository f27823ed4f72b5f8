/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * schemac.c - the schema compiler (a build-time tool on json-c).
 *
 * Reads qmp/schema/NAME.json: each an array of declarations
 *   { "enum": N, "values": [...] }
 *   { "struct": N, "members": { "name": TYPE, "*optional": TYPE } }
 *   { "command": N, "args": {...}, "returns": TYPE, "open": bool, "features": [...] }
 *   { "event": N, "data": {...} }
 * with "doc" anywhere; TYPE is str int number bool any, a declared name, or [TYPE].
 *
 * Writes a header (argument structs, handler and event prototypes) and a source: the type
 * table that the validator walks, argument extraction, the dispatch table, event
 * functions, and the text of query-qmp-schema.
 *
 *   schemac header|source FILE...
 */
#include "config.h"

#include <ctype.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"

enum { SCHEMA_MAX = 1000 };

struct decl {
	const char *kind, *name;
	struct json_object *o;
};

static struct decl decls[SCHEMA_MAX];
static int n_decls;

static void __noreturn schema_die(const char *what, const char *name)
{
	fprintf(stderr, "schemac: %s: %s\n", what, name);
	exit(1);
}

/* Lives to the end of the program, which is short. */
static const char *schema_ident(const char *name)
{
	char *p = strdup(*name == '*' ? name + 1 : name);

	if (!p) {
		schema_die("out of memory", name);
	}
	for (char *q = p; *q; q++) {
		*q = isalnum((unsigned char)*q) ? *q : '_';
	}
	return p;
}

static struct json_object *schema_get(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	json_object_object_get_ex(o, key, &v);
	return v;
}

static const struct decl *schema_find(const char *kind, const char *name)
{
	for (int i = 0; i < n_decls; i++) {
		if (!strcmp(decls[i].name, name) &&
		    (!kind || !strcmp(decls[i].kind, kind))) {
			return &decls[i];
		}
	}
	return NULL;
}

static bool schema_builtin(const char *t)
{
	return !strcmp(t, "str") || !strcmp(t, "int") || !strcmp(t, "number") ||
	       !strcmp(t, "bool") || !strcmp(t, "any");
}

static void schema_load(const char *file)
{
	static const char *const kinds[] = { "enum", "struct", "command", "event" };
	struct json_object *root = json_object_from_file(file);

	if (!root || !json_object_is_type(root, json_type_array)) {
		schema_die("not a JSON array", file);
	}
	for (size_t i = 0; i < json_object_array_length(root); i++) {
		struct json_object *o = json_object_array_get_idx(root, i);
		struct decl *d = &decls[n_decls++];

		if (n_decls == SCHEMA_MAX) {
			schema_die("too many declarations", file);
		}
		for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
			struct json_object *n = schema_get(o, kinds[k]);

			if (n) {
				d->kind = kinds[k];
				d->name = json_object_get_string(n);
				d->o = o;
			}
		}
		if (!d->kind) {
			schema_die("declaration of no known kind", file);
		}
	}
}

/* "N" of TYPE: index in the type table's naming; arrays carry brackets. */
static const char *schema_type_name(struct json_object *t, bool *array)
{
	const char *n;

	*array = json_object_is_type(t, json_type_array);
	n = json_object_get_string(*array ? json_object_array_get_idx(t, 0) : t);
	if (!schema_builtin(n) && !schema_find("enum", n) &&
	    !schema_find("struct", n)) {
		schema_die("unknown type", n);
	}
	return n;
}

static const char *schema_ctype(const char *n, bool array)
{
	if (array || !strcmp(n, "any") || schema_find("struct", n)) {
		return "struct opt *";
	}
	return !strcmp(n, "str")      ? "const char *"
	       : !strcmp(n, "int")    ? "int64_t "
	       : !strcmp(n, "number") ? "double "
	       : !strcmp(n, "bool")   ? "bool "
	                              : "int ";
}

static void schema_header(void)
{
	printf("/* Made by schemac from qmp/schema. */\n#ifndef LODGE_QMP_GEN_H\n"
	       "#define LODGE_QMP_GEN_H\n\n#include <stdbool.h>\n#include "
	       "<stdint.h>\n\n"
	       "#include \"base/err.h\"\n\nstruct opt;\nstruct qmp_ctx;\n\n");
	for (int i = 0; i < n_decls; i++) {
		const struct decl *d = &decls[i];
		struct json_object *args = schema_get(d->o, "args");
		bool open = json_object_get_boolean(schema_get(d->o, "open"));
		bool array;

		if (!strcmp(d->kind, "enum")) {
			printf("extern const char *const qmp_enum_%s[];\n",
			       schema_ident(d->name));
		} else if (!strcmp(d->kind, "event")) {
			struct json_object *data = schema_get(d->o, "data");

			printf("void qmp_event_%s(", schema_ident(d->name));
			if (!data || !json_object_object_length(data)) {
				printf("void");
			} else {
				bool first = true;

				json_object_object_foreach (data, k, t) {
					const char *n = schema_type_name(t, &array);

					printf("%s%s%s", first ? "" : ", ",
					       schema_ctype(n, array), schema_ident(k));
					first = false;
				}
			}
			printf(");\n");
		} else if (!strcmp(d->kind, "command")) {
			const char *id = schema_ident(d->name);

			if (args && !open) {
				printf("struct qmp_args_%s {\n", id);
				json_object_object_foreach (args, k, t) {
					const char *n = schema_type_name(t, &array);

					printf("\t%s%s;\n", schema_ctype(n, array),
					       schema_ident(k));
					if (*k == '*') {
						printf("\tbool has_%s;\n",
						       schema_ident(k));
					}
				}
				printf("};\n");
			}
			printf("int qmp_cmd_%s(struct qmp_ctx *ctx, ", id);
			if (open) {
				printf("struct opt *args, ");
			} else if (args) {
				printf("const struct qmp_args_%s *a, ", id);
			}
			printf("struct opt **ret, struct err *e);\n");
		}
	}
	printf("\n#endif\n");
}

static void schema_members(const char *what, const char *name, struct json_object *m)
{
	bool array;

	printf("static const struct qmp_member %s_%s[] = {\n", what,
	       schema_ident(name));
	if (m) {
		json_object_object_foreach (m, k, t) {
			const char *n = schema_type_name(t, &array);

			printf("\t{ \"%s\", \"%s\", %d, %d },\n", *k == '*' ? k + 1 : k,
			       n, array, *k == '*');
		}
	}
	printf("\t{ 0 },\n};\n");
}

static void schema_extract(const struct decl *d, struct json_object *args)
{
	const char *id = schema_ident(d->name);
	bool array;

	printf("static int thunk_%s(struct qmp_ctx *ctx, struct opt *o, struct opt "
	       "**ret, "
	       "struct err *e)\n{\n\tstruct qmp_args_%s a = { 0 };\n\n",
	       id, id);
	json_object_object_foreach (args, k, t) {
		const char *n = schema_type_name(t, &array), *f = schema_ident(k);
		const char *key = *k == '*' ? k + 1 : k;

		if (*k == '*') {
			printf("\ta.has_%s = opt_has(o, \"%s\");\n", f, key);
		}
		if (array || !strcmp(n, "any") || schema_find("struct", n)) {
			printf("\ta.%s = opt_get(o, \"%s\");\n", f, key);
		} else if (!strcmp(n, "str")) {
			printf("\ta.%s = opt_get_str(o, \"%s\", NULL);\n", f, key);
		} else if (!strcmp(n, "int")) {
			printf("\tif (opt_get_int(o, \"%s\", 0, &a.%s, e) < 0) {\n"
			       "\t\treturn -EINVAL;\n\t}\n",
			       key, f);
		} else if (!strcmp(n, "number")) {
			printf("\ta.%s = strtod(opt_get_str(o, \"%s\", \"0\"), "
			       "NULL);\n",
			       f, key);
		} else if (!strcmp(n, "bool")) {
			printf("\tif (opt_get_bool(o, \"%s\", false, &a.%s, e) < 0) {\n"
			       "\t\treturn -EINVAL;\n\t}\n",
			       key, f);
		} else {
			printf("\tif (opt_get_enum(o, \"%s\", qmp_enum_%s, -1, &a.%s, "
			       "e) < 0) {\n"
			       "\t\treturn -EINVAL;\n\t}\n",
			       key, schema_ident(n), f);
		}
	}
	printf("\treturn qmp_cmd_%s(ctx, &a, ret, e);\n}\n\n", id);
}

static void schema_event(const struct decl *d)
{
	struct json_object *data = schema_get(d->o, "data");
	bool array, any = data && json_object_object_length(data);

	printf("void qmp_event_%s(", schema_ident(d->name));
	if (!any) {
		printf("void)\n{\n\tqmp_emit(\"%s\", NULL);\n}\n\n", d->name);
		return;
	}
	{
		bool first = true;

		json_object_object_foreach (data, k, t) {
			const char *n = schema_type_name(t, &array);

			printf("%s%s%s", first ? "" : ", ", schema_ctype(n, array),
			       schema_ident(k));
			first = false;
		}
	}
	printf(")\n{\n\tstruct opt *d = opt_new_dict();\n\n");
	{
		json_object_object_foreach (data, k, t) {
			const char *n = schema_type_name(t, &array),
				   *f = schema_ident(k);
			const char *key = *k == '*' ? k + 1 : k;

			if (array || !strcmp(n, "any") || schema_find("struct", n)) {
				printf("\tif (%s) {\n\t\topt_put_take(d, \"%s\", "
				       "%s);\n\t}\n",
				       f, key, f);
			} else if (!strcmp(n, "str")) {
				printf("\tif (%s) {\n\t\topt_put_str(d, \"%s\", "
				       "%s);\n\t}\n",
				       f, key, f);
			} else if (!strcmp(n, "bool")) {
				printf("\topt_put_bool(d, \"%s\", %s);\n", key, f);
			} else if (schema_find("enum", n)) {
				printf("\topt_put_str(d, \"%s\", qmp_enum_%s[%s]);\n",
				       key, schema_ident(n), f);
			} else {
				printf("\topt_put_int(d, \"%s\", (int64_t)%s);\n", key,
				       f);
			}
		}
	}
	printf("\tqmp_emit(\"%s\", d);\n}\n\n", d->name);
}

/* ---- introspection, as C string pieces ---- */

static void schema_c_string(const char *s)
{
	putchar('\t');
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\') {
			putchar('\\');
		}
		putchar(*s);
	}
	printf("\"\n");
}

static void schema_intro_add(struct json_object *list, const char *name,
                             const char *meta, struct json_object *o)
{
	json_object_object_add(o, "name", json_object_new_string(name));
	json_object_object_add(o, "meta-type", json_object_new_string(meta));
	json_object_array_add(list, o);
}

static struct json_object *schema_intro_members(struct json_object *m)
{
	struct json_object *out = json_object_new_array();
	char buf[160];
	bool array;

	if (m) {
		json_object_object_foreach (m, k, t) {
			struct json_object *o = json_object_new_object();
			const char *n = schema_type_name(t, &array);

			snprintf(buf, sizeof(buf), array ? "[%s]" : "%s", n);
			json_object_object_add(
				o, "name",
				json_object_new_string(*k == '*' ? k + 1 : k));
			json_object_object_add(o, "type", json_object_new_string(buf));
			if (*k == '*') {
				json_object_object_add(o, "default", NULL);
			}
			json_object_array_add(out, o);
		}
	}
	return out;
}

static void schema_intro_type(struct json_object *list, const char *n)
{
	static const char *const json_types[][2] = { { "str", "string" },
		                                     { "int", "int" },
		                                     { "number", "number" },
		                                     { "bool", "boolean" },
		                                     { "any", "value" } };
	struct json_object *o = json_object_new_object();
	char arr[160];

	for (size_t i = 0; i < ARRAY_LEN(json_types); i++) {
		if (!strcmp(n, json_types[i][0])) {
			json_object_object_add(
				o, "json-type",
				json_object_new_string(json_types[i][1]));
			schema_intro_add(list, n, "builtin", o);
			goto array;
		}
	}
	if (schema_find("enum", n)) {
		struct json_object *v = schema_get(schema_find("enum", n)->o, "values");
		struct json_object *m = json_object_new_array();

		for (size_t i = 0; i < json_object_array_length(v); i++) {
			struct json_object *e = json_object_new_object();

			json_object_object_add(
				e, "name",
				json_object_get(json_object_array_get_idx(v, i)));
			json_object_array_add(m, e);
		}
		json_object_object_add(o, "members", m);
		json_object_object_add(o, "values", json_object_get(v));
		schema_intro_add(list, n, "enum", o);
	} else {
		json_object_object_add(
			o, "members",
			schema_intro_members(
				schema_get(schema_find("struct", n)->o, "members")));
		schema_intro_add(list, n, "object", o);
	}
array:
	o = json_object_new_object();
	snprintf(arr, sizeof(arr), "[%s]", n);
	json_object_object_add(o, "element-type", json_object_new_string(n));
	schema_intro_add(list, arr, "array", o);
}

static void schema_intro_callable(struct json_object *list, const struct decl *d,
                                  bool cmd)
{
	struct json_object *args = schema_get(d->o, cmd ? "args" : "data");
	struct json_object *ret = schema_get(d->o, "returns"), *o, *f;
	char name[160];
	bool array;

	snprintf(name, sizeof(name), "q_obj_%s-arg", d->name);
	o = json_object_new_object();
	json_object_object_add(o, "members", schema_intro_members(args));
	schema_intro_add(list, name, "object", o);
	o = json_object_new_object();
	json_object_object_add(o, "arg-type", json_object_new_string(name));
	if (cmd) {
		const char *n = ret ? schema_type_name(ret, &array) : NULL;

		snprintf(name, sizeof(name), !n ? "q_empty" : array ? "[%s]" : "%s", n);
		json_object_object_add(o, "ret-type", json_object_new_string(name));
		json_object_object_add(o, "allow-oob", json_object_new_boolean(false));
	}
	f = schema_get(d->o, "features");
	if (f) {
		json_object_object_add(o, "features", json_object_get(f));
	}
	schema_intro_add(list, d->name, cmd ? "command" : "event", o);
}

static void schema_introspection(void)
{
	static const char *const builtins[] = { "str", "int", "number", "bool", "any" };
	struct json_object *list = json_object_new_array(),
			   *o = json_object_new_object();

	json_object_object_add(o, "members", json_object_new_array());
	schema_intro_add(list, "q_empty", "object", o);
	for (size_t i = 0; i < ARRAY_LEN(builtins); i++) {
		schema_intro_type(list, builtins[i]);
	}
	for (int i = 0; i < n_decls; i++) {
		const struct decl *d = &decls[i];

		if (!strcmp(d->kind, "command") || !strcmp(d->kind, "event")) {
			schema_intro_callable(list, d, !strcmp(d->kind, "command"));
		} else {
			schema_intro_type(list, d->name);
		}
	}
	printf("const char *const qmp_schema_text[] = {\n");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *e = json_object_array_get_idx(list, i);

		schema_c_string(
			json_object_to_json_string_ext(e, JSON_C_TO_STRING_PLAIN));
		printf("\t,\n");
	}
	printf("\tNULL,\n};\n");
}

static void schema_source(void)
{
	printf("/* Made by schemac from qmp/schema. */\n#include \"config.h\"\n\n"
	       "#include \"qmp/qmp-gen.h\"\n\n#include <errno.h>\n#include "
	       "<stdlib.h>\n\n"
	       "#include \"base/opt.h\"\n#include \"qmp/wire/qmp.h\"\n\n");
	for (int i = 0; i < n_decls; i++) {
		const struct decl *d = &decls[i];
		struct json_object *v = schema_get(d->o, "values");

		if (!strcmp(d->kind, "enum")) {
			printf("const char *const qmp_enum_%s[] = {\n",
			       schema_ident(d->name));
			for (size_t k = 0; k < json_object_array_length(v); k++) {
				printf("\t\"%s\",\n",
				       json_object_get_string(
					       json_object_array_get_idx(v, k)));
			}
			printf("\tNULL,\n};\n");
		} else if (!strcmp(d->kind, "struct")) {
			schema_members("struct", d->name, schema_get(d->o, "members"));
		} else if (!strcmp(d->kind, "command")) {
			schema_members("args", d->name, schema_get(d->o, "args"));
		}
	}
	printf("\nconst struct qmp_type qmp_types[] = {\n");
	for (int i = 0; i < n_decls; i++) {
		if (!strcmp(decls[i].kind, "enum")) {
			printf("\t{ \"%s\", NULL, qmp_enum_%s },\n", decls[i].name,
			       schema_ident(decls[i].name));
		} else if (!strcmp(decls[i].kind, "struct")) {
			printf("\t{ \"%s\", struct_%s, NULL },\n", decls[i].name,
			       schema_ident(decls[i].name));
		}
	}
	printf("\t{ 0 },\n};\n\n");
	for (int i = 0; i < n_decls; i++) {
		const struct decl *d = &decls[i];
		const char *id = schema_ident(d->name);
		struct json_object *args = schema_get(d->o, "args");

		if (!strcmp(d->kind, "event")) {
			schema_event(d);
		} else if (strcmp(d->kind, "command")) {
			continue;
		} else if (json_object_get_boolean(schema_get(d->o, "open"))) {
			printf("static int thunk_%s(struct qmp_ctx *ctx, struct opt "
			       "*o, struct opt "
			       "**ret, struct err *e)\n{\n\treturn qmp_cmd_%s(ctx, o, "
			       "ret, e);\n}\n\n",
			       id, id);
		} else if (args) {
			schema_extract(d, args);
		} else {
			printf("static int thunk_%s(struct qmp_ctx *ctx, struct opt "
			       "*o, struct opt "
			       "**ret, struct err *e)\n{\n\t(void)o;\n\treturn "
			       "qmp_cmd_%s(ctx, ret, "
			       "e);\n}\n\n",
			       id, id);
		}
	}
	printf("const struct qmp_command qmp_commands[] = {\n");
	for (int i = 0; i < n_decls; i++) {
		const struct decl *d = &decls[i];

		if (!strcmp(d->kind, "command")) {
			printf("\t{ \"%s\", args_%s, %d, thunk_%s },\n", d->name,
			       schema_ident(d->name),
			       json_object_get_boolean(schema_get(d->o, "open")),
			       schema_ident(d->name));
		}
	}
	printf("\t{ 0 },\n};\n\n");
	schema_introspection();
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		schema_die("usage", "schemac header|source FILE...");
	}
	for (int i = 2; i < argc; i++) {
		schema_load(argv[i]);
	}
	if (!strcmp(argv[1], "header")) {
		schema_header();
	} else {
		schema_source();
	}
	return fflush(stdout) ? 1 : 0;
}
