/*
 * Both files have keys: they are made for their owner alone, and never written over.
 */
#include "main/identity.h"

#include "base/limit.h"
#include "base/wrap.h"
#include "main/complain.h"
#include "main/file.h"
#include "main/words.h"
#include "model/host.h"
#include "net/tls_issue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum {
	AUTHORITY_DAYS = 7300,
	DAYS = 3650,
	DAYS_MAX = 36500,
};

struct order {
	const char *authority, *out;
	struct words names;
	uint64_t days;
};

static void refuse(struct model_problems *problems, const char *field, const char *rule,
        const char *value, const char *words)
{
	model_problems_add(problems, NULL, 0, field, rule, "\"%s\" %s", value, words);
}

static void take_name(struct order *order, const char *value, struct model_problems *problems)
{
	struct model_host host;
	struct model_why why;
	if (model_host_read(str_of(value), &host, &why))
		words_add(&order->names, str_of(host.name));
	else
		model_problems_add(problems, NULL, 0, "--name", why.rule, "\"%s\" %s%s", value,
		        why.words, why.allowed != NULL ? why.allowed : "");
}

static void take(
        struct order *order, struct str flag, const char *value, struct model_problems *problems)
{
	if (str_is_equal(flag, STR("--authority")))
		order->authority = value;
	else if (str_is_equal(flag, STR("--out")))
		order->out = value;
	else if (str_is_equal(flag, STR("--name")))
		take_name(order, value, problems);
	else if (!str_to_u64(str_of(value), &order->days) || order->days == 0 ||
	         order->days > DAYS_MAX)
		refuse(problems, "--days", "range", value, "is not in 1-36500");
}

static bool is_flag(struct str word)
{
	return str_is_equal(word, STR("--authority")) || str_is_equal(word, STR("--out")) ||
	       str_is_equal(word, STR("--name")) || str_is_equal(word, STR("--days"));
}

static void read_words(char *const *words, struct order *order, struct model_problems *problems)
{
	while (*words != NULL) {
		const char *word = *words++;
		struct str rest = str_of(word), flag = str_cut(&rest, '=');
		const char *value = rest.at;
		if (!is_flag(flag)) {
			refuse(problems, "identity", "unknown-flag", word, "is no flag of it");
			continue;
		}
		if (value == NULL)
			value = *words != NULL ? *words++ : "";
		if (value[0] == '\0')
			refuse(problems, "identity", "syntax", word, "needs a value");
		else
			take(order, flag, value, problems);
	}
	if (problems->total > 0)
		return;
	if (order->authority == NULL)
		model_problems_add(problems, NULL, 0, "--authority", "required",
		        "the file of the fleet's authority; it is made if there is none");
	if (order->names.count == 0)
		model_problems_add(problems, NULL, 0, "--name", "required",
		        "the name of the machine: edge_name of an edge, the host in control of a "
		        "control plane");
	if (order->out == NULL)
		model_problems_add(
		        problems, NULL, 0, "--out", "required", "the file that is to be made");
}

static bool write_all(int fd, struct str content)
{
	while (content.len > 0) {
		ssize_t count = write(fd, content.at, content.len);
		if (count < 0)
			return false;
		content = str_make(content.at + count, content.len - (size_t)count);
	}
	return true;
}

/* Writes a file that was not there; false after a problem. */
static bool write_new(const char *path, struct str content, struct model_problems *problems)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool is_written = fd >= 0 && write_all(fd, content) && fsync(fd) == 0;
	int error = errno;
	if (fd >= 0)
		close(fd);
	if (is_written)
		return true;
	model_problems_add(
	        problems, NULL, 0, path, "file", "it cannot be made: %s", strerrordesc_np(error));
	if (fd >= 0)
		unlink(path);
	return false;
}

/* Reads the authority, or makes it where there is none; false after a problem. */
static bool have_authority(
        const struct order *order, struct text *ret_pem, struct model_problems *problems)
{
	if (access(order->authority, F_OK) == 0 || errno != ENOENT)
		return file_read(order->authority, LIMIT_TLS_FILE_BYTES, ret_pem, problems);
	tls_issue_authority(AUTHORITY_DAYS, ret_pem);
	if (!write_new(order->authority, text_str(ret_pem), problems))
		return false;
	printf("%s is the authority of a new fleet. Who has it can be any machine of it: keep it "
	       "off the edges.\n",
	        order->authority);
	return true;
}

/* It has a key. */
static void forget(struct text *pem)
{
	if (pem->len > 0)
		explicit_bzero(pem->at, pem->len);
	text_done(pem);
}

static bool issue(const struct order *order, struct model_problems *problems)
{
	struct text authority = {0}, pem = {0}, why = {0};
	bool is_made = have_authority(order, &authority, problems);
	if (is_made &&
	        !tls_issue_identity(text_str(&authority), (const char *const *)order->names.list,
	                order->names.count, (unsigned)order->days, &pem, &why)) {
		refuse(problems, "--authority", "certificate", order->authority, text_c(&why));
		is_made = false;
	}
	is_made = is_made && write_new(order->out, text_str(&pem), problems);
	if (is_made)
		printf("%s is the link_identity of %s, for %llu days.\n", order->out,
		        order->names.list[0], (unsigned long long)order->days);
	forget(&authority);
	forget(&pem);
	text_done(&why);
	return is_made;
}

int identity_run(char *const *arguments)
{
	struct model_problems problems = {0};
	struct order order = {.days = DAYS};
	int code = COMPLAIN_EXIT_DONE;
	read_words(arguments + 2, &order, &problems);
	if (problems.total > 0)
		code = complain("identity", &problems);
	else if (!issue(&order, &problems))
		code = (complain("identity", &problems), COMPLAIN_EXIT_FAILED);
	else if (fflush(stdout) != 0)
		code = COMPLAIN_EXIT_FAILED;
	model_problems_done(&problems);
	words_done(&order.names);
	return code;
}

void identity_add_help(struct text *to)
{
	static const char *const FLAGS[][2] = {
	        {"--authority FILE",
	                "the private key and the certificate of the fleet's authority; "
	                "made if it is not there"},
	        {"--name NAME", "a host name or an IP address of the machine; may be given several "
	                        "times. That of an edge is its edge_name, that of a control plane "
	                        "the host in the control of its edges"},
	        {"--out FILE", "what is made: the link_identity of that machine"},
	        {"--days NUMBER", "how long its certificate holds; 1-36500 [3650]"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(FLAGS); i++) {
		text_addf(to, "  %s\n", FLAGS[i][0]);
		wrap_add(to, FLAGS[i][1]);
	}
}
