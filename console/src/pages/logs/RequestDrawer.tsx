// One request: what came of it in words, its attempts one after the other, and all that the log says.
import type { ReactNode } from "react";
import { Link } from "react-router";
import { common } from "../../i18n/common";
import { bytes } from "../../i18n/format";
import { useLanguage, useText } from "../../i18n/i18n";
import { logTexts } from "../../i18n/logs";
import { Button } from "../../parts/Button";
import { Facts } from "../../parts/Card";
import { CopyButton } from "../../parts/CopyButton";
import { Dialog } from "../../parts/Dialog";
import { Tag } from "../../parts/Tag";
import { useSession } from "../../session/session";
import { Timeline } from "./Attempts";
import { type Filter, jsonOf, type LogLine, outcomeOf, toneOfStatus } from "./lines";
import { anyFaultWords, named, took } from "./words";

interface Props {
	line: LogLine;
	onClose: () => void;
	/** Filters by something of this request. */
	onOnly: (part: Partial<Filter>) => void;
}

/** The URL as far as the log knows it: the scheme is no part of a line. */
function urlOf(line: LogLine): string {
	return `${line.host}${line.path}`;
}

export function RequestDrawer({ line, onClose, onOnly }: Props) {
	const t = useText(logTexts);
	const c = useText(common);
	const session = useSession();
	const language = useLanguage();
	const at = new Date(line.time);
	const when = Number.isNaN(at.getTime())
		? line.time
		: new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" }).format(at);
	const outcome = outcomeOf(line);

	const only = (value: string, part: Partial<Filter>): ReactNode => (
		<span className="hw-row">
			{value}
			{value !== "" && (
				<button type="button" className="hw-link hw-only" onClick={() => onOnly(part)}>
					{t("onlyThese")}
					<span className="hw-unseen">: {value}</span>
				</button>
			)}
		</span>
	);

	return (
		<Dialog
			title={t("details", { id: line.id })}
			onClose={onClose}
			isDrawer
			width="large"
			footer={
				<>
					<CopyButton label={t("copyUrl")} text={urlOf(line)} />
					<CopyButton label={t("copyJson")} text={() => jsonOf(line)} />
					<Button theme="primary" onClick={onClose}>
						{c("close")}
					</Button>
				</>
			}
		>
			<div className="hw-request">
				<div className="hw-row">
					<Tag tone={toneOfStatus(line.status)}>{line.status || "—"}</Tag>
					<Tag>{line.cache}</Tag>
					<strong>{line.method}</strong>
					<span className="hw-quiet hw-number">{t("total", { ms: took(line.ms) })}</span>
				</div>
				<code className="hw-request__url">{urlOf(line)}</code>
				{session.may("operator") && line.domain !== "" && line.method === "GET" && (
					<Link
						className="hw-only"
						to={`/purge?${new URLSearchParams({ what: "url", value: `http://${urlOf(line)}` })}`}
					>
						{t("purgeThis")}
					</Link>
				)}
				<p
					className={`hw-request__outcome hw-request__outcome--${outcome === "outFailed" ? "bad" : outcome === "outKept" ? "warn" : "good"}`}
				>
					{t(outcome, { fault: anyFaultWords(line.fault), status: line.status })}
				</p>
			</div>

			{line.attempts.length > 0 && (
				<section className="hw-words" aria-labelledby="attempts-title">
					<h3 id="attempts-title">{t("timeline")}</h3>
					<Timeline line={line} />
				</section>
			)}

			<section className="hw-words" aria-labelledby="facts-title">
				<h3 id="facts-title">{t("facts")}</h3>
				<Facts
					rows={[
						[t("time"), <time key="time" dateTime={line.time}>{`${when} (${line.time.slice(11, 23)} UTC)`}</time>],
						[t("client"), only(line.client, { client: line.client })],
						[t("domain"), only(line.domain, { domain: line.domain })],
						[t("host"), line.host],
						[t("path"), only(line.path.split("?")[0] ?? "", { path: line.path.split("?")[0] ?? "" })],
						[t("protocol"), line.protocol],
						[t("edge"), line.edge],
						[t("end"), named("end", line.end)],
						line.fault !== "none" && [
							t("fault"),
							<span key="fault">
								{anyFaultWords(line.fault)} <code>{line.fault}</code>
							</span>,
						],
						[t("bytesIn"), bytes(line.bytes_in)],
						[t("bytesOut"), bytes(line.bytes_out)],
						[t("id"), <code key="id">{line.id}</code>],
					]}
				/>
			</section>

			<details className="hw-raw">
				<summary>{t("raw")}</summary>
				{/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, also by keyboard */}
				<pre tabIndex={0}>{jsonOf(line)}</pre>
			</details>
		</Dialog>
	);
}
