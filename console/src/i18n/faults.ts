// What happened to an attempt or a request, by the names of docs/faults.md.
import { currentLanguage, say, texts } from "./i18n";

export const faultTexts = texts({
	dns: ["the name could not be resolved", "域名无法解析"],
	connect_refused: ["the connection was refused", "连接被拒绝"],
	connect_reset: ["the connection was reset while it was made", "建立连接时被重置"],
	connect_unreachable: ["its network could not be reached", "网络不可达"],
	connect_timeout: ["the connection was not made in time", "连接超时"],
	tls_handshake: ["the TLS handshake failed", "TLS 握手失败"],
	tls_name: ["its certificate could not be verified", "证书校验失败"],
	head_timeout: ["the response head was not whole in time", "响应头超时"],
	reset: ["the connection was reset before the response", "响应前连接被重置"],
	closed: ["the connection was closed before the response", "响应前连接被关闭"],
	malformed: ["the response was malformed", "响应格式错误"],
	status: ["it answered with a status that fails over", "返回了触发切换的状态码"],
	truncated: ["the body ended too early", "响应体提前结束"],
	body_timeout: ["the body fell silent", "响应体传输停滞"],
	changed: ["it has another version of what is being sent", "内容版本已改变"],
	body_rate: ["the body came too slowly", "响应体传输过慢"],
	resume_version: ["nothing tells the version of the body", "响应体没有版本标识"],
	resume_status: ["its answer has no rest of the body", "未返回剩余内容"],
	resume_etag: ["its answer is of another version", "返回了其他版本"],
	resume_coding: ["its answer is coded in another way", "内容编码不同"],
	resume_range: ["its answer is another part", "返回了其他范围"],
	resume_skip: ["it sent all again, which is too long to skip", "返回了完整内容，过长无法跳过"],
	resume_overlap: ["its bytes differ from those that were sent", "内容与已发送的不一致"],
	stale_connection: ["a kept connection had been closed", "保持的连接已被关闭"],
	queue_full: ["too many requests wait for it", "等待队列已满"],
	queue_timeout: ["no connection became free in time", "等待连接超时"],
	all_blocked: ["every address is blocked", "所有地址均被屏蔽"],
	no_address: ["no address is in use", "没有可用地址"],
	not_upgraded: ["it did not change the protocol", "未升级协议"],
	attempts: ["no attempt was left", "尝试次数用尽"],
	budget: ["the time for all attempts was over", "总时限已到"],
	probe: ["a probe found it so", "探测失败"],
});

/** In words; a name that has none here is shown as it is. */
export function faultWords(name: string): string {
	const pair = (faultTexts as Record<string, readonly [string, string]>)[name];
	return pair ? say(pair) : currentLanguage() === "en" ? name.replaceAll("_", " ") : name;
}
