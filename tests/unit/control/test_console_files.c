/* The files of the console. */
#include "control/console_files.h"

#include "base/limit.h"

#include "console_folder.h"

#include <string.h>

static struct control_console_files *read_good(const struct folder *folder)
{
	struct text why = {0};
	struct control_console_files *files = control_console_files_read(folder->path, &why);
	if (files == NULL)
		fail_msg("%s", text_c(&why));
	assert_int_equal(why.len, 0);
	return files;
}

static void expect_refused(const struct folder *folder, const char *words)
{
	struct text why = {0};
	assert_null(control_console_files_read(folder->path, &why));
	if (strstr(text_c(&why), words) == NULL)
		fail_msg("no \"%s\" in \"%s\"", words, text_c(&why));
	text_done(&why);
}

static const struct control_console_file *find(
        const struct control_console_files *files, const char *path)
{
	return control_console_files_find(files, str_of(path));
}

static void files_are_read_with_what_is_compressed_of_them(void **state)
{
	(void)state;
	struct folder folder;
	folder_init(&folder);
	folder_fill(&folder);
	struct control_console_files *files = read_good(&folder);
	const struct control_console_file *file = find(files, "/assets/main-1.js");
	assert_string_equal(file->media, "text/javascript; charset=utf-8");
	assert_string_equal(text_c(&file->forms[CONTROL_CONSOLE_IDENTITY]->bytes), "main()");
	assert_string_equal(text_c(&file->forms[CONTROL_CONSOLE_GZIP]->bytes), "gz");
	assert_string_equal(text_c(&file->forms[CONTROL_CONSOLE_BROTLI]->bytes), "br!");
	assert_null(find(files, "/assets/main-1.css")->forms[CONTROL_CONSOLE_BROTLI]);
	assert_non_null(find(files, "/assets/main-1.css")->forms[CONTROL_CONSOLE_GZIP]);
	assert_null(find(files, "/index.html")->forms[CONTROL_CONSOLE_GZIP]);
	struct control_console_sum sum = control_console_files_sum(files);
	assert_int_equal(sum.files, 4);
	assert_int_equal(sum.bytes, 15 + 6 + 6 + 2 + 3 + 3 + 3);
	assert_int_equal(sum.left_out, 0);
	/* A reference keeps them. */
	control_console_files_ref(files);
	control_console_files_unref(files);
	assert_non_null(find(files, "/favicon.svg"));
	control_console_files_unref(files);
	control_console_files_unref(NULL);
	folder_done(&folder);
}

static void tags_are_those_of_the_bytes(void **state)
{
	(void)state;
	struct folder folder;
	folder_init(&folder);
	folder_fill(&folder);
	struct control_console_files *before = read_good(&folder);
	folder_write(&folder, "favicon.svg", "<svg >", 0);
	struct control_console_files *after = read_good(&folder);
	const struct control_console_file *file = find(before, "/index.html");
	assert_int_equal(strlen(file->tag), CONTROL_CONSOLE_TAG_BYTES - 1);
	assert_true(file->tag[0] == '"' && file->tag[strlen(file->tag) - 1] == '"');
	assert_string_equal(file->tag, find(after, "/index.html")->tag);
	assert_string_not_equal(
	        find(before, "/favicon.svg")->tag, find(after, "/favicon.svg")->tag);
	file = find(before, "/assets/main-1.js");
	assert_string_not_equal(file->tag, file->forms[CONTROL_CONSOLE_GZIP]->tag);
	control_console_files_unref(before);
	control_console_files_unref(after);
	folder_done(&folder);
}

static void only_whole_paths_of_files_are_found(void **state)
{
	(void)state;
	static const char *const ABSENT[] = {"", "/", "index.html", "/index.html/", "//index.html",
	        "/./index.html", "/assets", "/assets/", "/assets/../index.html", "/INDEX.html",
	        "/index%2ehtml", "/assets/main-1.js.gz", "/assets/main-1.js.br", "/index.htm",
	        "/../../../etc/passwd"};
	struct folder folder;
	folder_init(&folder);
	folder_fill(&folder);
	struct control_console_files *files = read_good(&folder);
	for (size_t i = 0; i < ARRAY_LENGTH(ABSENT); i++)
		if (find(files, ABSENT[i]) != NULL)
			fail_msg("%s is found", ABSENT[i]);
	assert_null(control_console_files_find(files, STR("/index.html\0")));
	struct text longer = {0};
	text_add(&longer, STR("/index.html"));
	while (longer.len < 2 * LIMIT_CONSOLE_PATH_BYTES)
		text_add_char(&longer, '/');
	assert_null(control_console_files_find(files, text_str(&longer)));
	text_done(&longer);
	control_console_files_unref(files);
	folder_done(&folder);
}

static void links_and_what_is_no_file_of_a_console_are_left_out(void **state)
{
	(void)state;
	struct folder folder, elsewhere;
	char target[512];
	folder_init(&folder);
	folder_init(&elsewhere);
	folder_fill(&folder);
	folder_write(&elsewhere, "secret.txt", "a secret", 0);
	strcpy(target, folder_at(&elsewhere, "secret.txt"));
	assert_int_equal(symlink(target, folder_at(&folder, "secret.txt")), 0);
	assert_int_equal(symlink(elsewhere.path, folder_at(&folder, "elsewhere")), 0);
	assert_int_equal(mkfifo(folder_at(&folder, "pipe.txt"), 0600), 0);
	folder_write(&folder, ".hidden.txt", "x", 0);
	folder_write(&folder, "a b.txt", "x", 0);
	folder_write(&folder, "main.js.map", "x", 0);
	folder_write(&folder, "program.php", "x", 0);
	folder_write(&folder, "archive.gz", "x", 0);
	struct control_console_files *files = read_good(&folder);
	assert_int_equal(control_console_files_sum(files).files, 4);
	assert_int_equal(control_console_files_sum(files).left_out, 8);
	assert_null(find(files, "/secret.txt"));
	assert_null(find(files, "/elsewhere/secret.txt"));
	assert_null(find(files, "/pipe.txt"));
	assert_null(find(files, "/.hidden.txt"));
	control_console_files_unref(files);
	folder_done(&folder);
	folder_done(&elsewhere);
}

static void what_is_more_than_the_limits_allow_is_refused(void **state)
{
	(void)state;
	struct folder folder;
	char name[64], large[512];
	struct text why = {0};
	assert_null(control_console_files_read("/nowhere/at/all", &why));
	assert_string_equal(text_c(&why), "/nowhere/at/all: No such file or directory");
	text_done(&why);

	folder_init(&folder);
	expect_refused(&folder, "it has no index.html");
	folder_fill(&folder);
	folder_write(&folder, "large.txt", "", LIMIT_CONSOLE_FILE_BYTES + 1);
	expect_refused(&folder, "/large.txt: it is too large");
	folder_write(&folder, "large.txt", "", LIMIT_CONSOLE_FILE_BYTES);
	control_console_files_unref(read_good(&folder));
	for (unsigned i = 1; i <= LIMIT_CONSOLE_BYTES / LIMIT_CONSOLE_FILE_BYTES; i++) {
		snprintf(name, sizeof(name), "large%u.txt", i);
		strcpy(large, folder_at(&folder, "large.txt"));
		assert_int_equal(link(large, folder_at(&folder, name)), 0);
	}
	expect_refused(&folder, "all files together are too large");
	folder_done(&folder);

	folder_init(&folder);
	folder_fill(&folder);
	folder_make(&folder, "a");
	folder_make(&folder, "a/b");
	folder_make(&folder, "a/b/c");
	control_console_files_unref(read_good(&folder));
	folder_make(&folder, "a/b/c/d");
	expect_refused(&folder, "/a/b/c/d: it lies too deep");
	folder_done(&folder);

	folder_init(&folder);
	folder_fill(&folder);
	for (unsigned i = 0; i < LIMIT_CONSOLE_FILES; i++) {
		snprintf(name, sizeof(name), "%u.txt", i);
		folder_write(&folder, name, "x", 0);
	}
	expect_refused(&folder, "there are too many files");
	folder_done(&folder);
}

static void another_build_looks_otherwise(void **state)
{
	(void)state;
	struct folder folder;
	struct control_console_look first, second;
	folder_init(&folder);
	assert_false(control_console_files_look(folder.path, &first));
	folder_fill(&folder);
	assert_true(control_console_files_look(folder.path, &first));
	assert_true(control_console_files_look(folder.path, &second));
	assert_memory_equal(&first, &second, sizeof(first));
	folder_write(&folder, "index.html", "another one", 0);
	assert_true(control_console_files_look(folder.path, &second));
	assert_memory_not_equal(&first, &second, sizeof(first));
	folder_done(&folder);
}

static void names_of_files_are_told_by_their_extensions(void **state)
{
	(void)state;
	assert_true(control_console_files_is_name(STR("favicon.ico")));
	assert_true(control_console_files_is_name(STR("a.b.woff2")));
	assert_false(control_console_files_is_name(STR(".ico")));
	assert_false(control_console_files_is_name(STR("www.example.com")));
	assert_false(control_console_files_is_name(STR("main.js.map")));
	assert_false(control_console_files_is_name(STR("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(files_are_read_with_what_is_compressed_of_them),
	        cmocka_unit_test(tags_are_those_of_the_bytes),
	        cmocka_unit_test(only_whole_paths_of_files_are_found),
	        cmocka_unit_test(links_and_what_is_no_file_of_a_console_are_left_out),
	        cmocka_unit_test(what_is_more_than_the_limits_allow_is_refused),
	        cmocka_unit_test(another_build_looks_otherwise),
	        cmocka_unit_test(names_of_files_are_told_by_their_extensions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
