/* fuzz: origin - a visitor's target reaches a bucket as one path and nothing else, or is not signed
 */
#include "http/uri.h"
#include "origin/bucket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char BUCKET[] = "/bucket";

static struct model_origin origin_of(uint8_t kind)
{
	return (struct model_origin){
	        .type = (kind & 1) != 0 ? MODEL_COS : MODEL_S3,
	        .bucket = {.host = "b.test",
	                .bucket = BUCKET + 1,
	                .is_private = (kind & 2) != 0,
	                .style = (kind & 4) != 0 ? MODEL_STYLE_PATH : MODEL_STYLE_VIRTUAL,
	                .key_id = "id",
	                .secret = "secret",
	                .token = (kind & 8) != 0 ? "token" : NULL},
	};
}

/* What is sent to a private bucket decodes to what was asked for, and has nothing that ends it. */
static void check_target(const struct model_origin *origin, struct str target, struct str sent)
{
	struct str path, query;
	struct text decoded = {0}, wanted = {0};
	http_uri_cut_query(target, &path, &query);
	if (origin->bucket.style == MODEL_STYLE_PATH)
		text_add(&wanted, STR(BUCKET));
	http_uri_decode(path, &wanted);
	CHECK(http_uri_is_plain(sent));
	for (size_t i = 0; i < sent.len; i++)
		CHECK(sent.at[i] > ' ' && sent.at[i] < 0x7f &&
		        strchr("?#+&=;\"<>\\", sent.at[i]) == NULL);
	http_uri_decode(sent, &decoded);
	CHECK(str_is_equal(text_str(&decoded), text_str(&wanted)));
	text_done(&decoded);
	text_done(&wanted);
}

static void try_request(const struct model_origin *origin, uint8_t kind, struct str target)
{
	struct text sent = {0}, lines = {0};
	const struct origin_bucket_request request = {
	        .origin = origin,
	        .method = (kind & 16) != 0 ? HTTP_HEAD : HTTP_GET,
	        .target = target,
	        .range = (kind & 32) != 0 ? STR("bytes=0-1") : STR_EMPTY,
	        .time_s = 1700000000,
	};
	if (!http_uri_is_plain(target))
		return;
	origin_bucket_add_target(origin, target, &sent);
	origin_bucket_add_signature(&request, &lines);
	CHECK((lines.len != 0) == origin_bucket_is_signed(&request));
	CHECK(lines.len <= origin_bucket_signature_bytes(origin));
	if (origin->bucket.is_private)
		check_target(origin, target, text_str(&sent));
	else
		CHECK(lines.len == 0 && str_has_suffix(text_str(&sent), target));
	for (size_t i = 0; i + 1 < lines.len; i++)
		CHECK((lines.at[i] == '\r') == (lines.at[i + 1] == '\n'));
	text_done(&sent);
	text_done(&lines);
}

static void try_skew(struct str text)
{
	int64_t now_s = 0;
	struct str age = text, date = str_cut(&age, '\n');
	if (!origin_bucket_is_skewed(403, date, age, 1700000000, &now_s))
		return;
	CHECK(now_s > 1700000000 + ORIGIN_BUCKET_SKEW_S ||
	        now_s < 1700000000 - ORIGIN_BUCKET_SKEW_S);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct str text = str_make((const char *)data + 1, size - 1);
	const struct model_origin origin = origin_of(data[0]);
	try_request(&origin, data[0], text);
	try_skew(text);
	return 0;
}
