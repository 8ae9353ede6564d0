// What the API refuses, in the language of the page: problems by their names, places that are at fault by their rules. In
// English the API's own words are shown, which say more.
import type { Refused } from "../api/problem";
import type { ProblemError } from "../api/types";
import { currentLanguage } from "./i18n";

/** By the names of docs/problems.md. */
export const PROBLEMS: Readonly<Record<string, string>> = {
	"bad-request": "请求无效",
	"malformed-json": "请求体不是合法的 JSON",
	unauthenticated: "尚未登录",
	"bad-credentials": "账号或密码错误",
	forbidden: "当前角色无此权限",
	csrf: "会话请求缺少有效的 X-CSRF-Token",
	"password-change-required": "必须先修改密码",
	"not-found": "内容不存在",
	"no-such-domain": "域名不存在",
	"no-backup": "域名没有热备源站",
	"no-such-version": "该版本不存在或已不再保留",
	"no-such-account": "账号不存在",
	"no-such-certificate": "证书不存在",
	"no-such-edge": "节点不存在",
	"method-not-allowed": "不允许使用该方法",
	exists: "已经存在",
	"nothing-to-switch": "没有可切换的热备源站",
	"last-admin": "至少须保留一名管理员",
	"too-many": "数量过多",
	"managed-by-file": "域名由文件管理",
	"rules-broken": "有域名违反规则",
	"precondition-failed": "内容已被他人修改",
	"body-too-large": "请求体过大",
	"unsupported-media-type": "不支持的请求体类型",
	invalid: "违反规则",
	"idempotency-key-reused": "Idempotency-Key 已用于其他请求",
	"precondition-required": "请求须指明所针对的版本",
	"too-many-attempts": "登录尝试过于频繁",
	"store-unavailable": "存储不可用",
	overloaded: "等待的请求过多",
	"no-answer": "节点没有应答",
};

/** By the rules that errors of places name. */
export const RULES: Readonly<Record<string, string>> = {
	R1: "热备源站只能为自有源，且主源站须为自有源（R1）",
	R2: "HTTPS 回源不能与热备源站同时使用（R2）",
	R3: "存储桶默认域名的源站不能修改（R3）",
	address: "地址无效",
	choice: "不在可选值之内",
	"duplicate-field": "字段重复",
	"duplicate-name": "名称重复",
	exists: "已经存在",
	expired: "证书已过期",
	header: "头部规则无效",
	kind: "密钥类型不受支持",
	length: "长度不符合要求",
	limit: "超出数量限制",
	loop: "不能以加速域名自身为源站",
	masked: "已隐藏的密钥须重新填写",
	match: "私钥与证书不匹配",
	missing: "缺少必填内容",
	name: "名称无效",
	names: "证书不含任何域名",
	path: "路径无效",
	pem: "PEM 内容无效",
	range: "超出允许范围",
	"read-only": "该字段不可修改",
	revision: "版本不符",
	single: "同一密钥有多张证书",
	size: "过大",
	status: "状态码无效",
	strength: "密钥强度不足",
	syntax: "格式错误",
	type: "类型不符",
	unchanged: "与原值相同",
	unknown: "未知内容",
	"unknown-field": "未知字段",
	value: "取值无效",
	weight: "权重无效",
};

/** What a refusal is called. */
export function problemTitle(error: Refused): string {
	return (currentLanguage() === "zh-CN" && PROBLEMS[error.problem]) || error.message;
}

/** More of it: the API's own words, which are English, stand behind what it is called. */
export function problemDetail(error: Refused): string {
	const title = PROBLEMS[error.problem];
	return currentLanguage() === "zh-CN" && title ? `${title}（${error.detail}）` : error.detail;
}

/** What is wrong at a place. */
export function errorWords(one: Pick<ProblemError, "rule" | "detail">): string {
	const words = RULES[one.rule];
	if (currentLanguage() !== "zh-CN" || !words) return one.detail;
	return /^R[123]$/.test(one.rule) ? words : `${words}（${one.detail}）`;
}
