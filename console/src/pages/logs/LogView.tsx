// The tail of the access log with its filters, of one domain or of all. The filters are part of the address.
import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { useSearchParams } from "react-router";
import { ClearIcon, DownloadIcon, PauseIcon, PlayIcon } from "tdesign-icons-react";
import { number } from "../../i18n/format";
import { useText } from "../../i18n/i18n";
import { logTexts } from "../../i18n/logs";
import { Alert } from "../../parts/Alert";
import { Button } from "../../parts/Button";
import { saveFile } from "../../parts/csv";
import { DomainInput } from "../../parts/DomainInput";
import { EmptyState } from "../../parts/EmptyState";
import { Field, Select, TextInput, Tick } from "../../parts/Field";
import { ProblemAlert } from "../../parts/ProblemAlert";
import { StateDot } from "../../parts/StateDot";
import { LogTable } from "./LogTable";
import { type Filter, faultsOf, filterOf, isFiltered, jsonOf, LINES_MAX, type LogLine, queryOf } from "./lines";
import { RequestDrawer } from "./RequestDrawer";
import { Tail } from "./tail";
import "./logs.css";

const TYPED_MS = 400;
const CACHES = ["HIT", "MISS", "REVALIDATED", "STALE", "PASS", "BACKGROUND"] as const;
const CLASSES = ["2xx", "3xx", "4xx", "5xx"] as const;

function useTail(filter: Filter) {
	const [tail] = useState(() => new Tail());
	const key = JSON.stringify(queryOf(filter));
	// biome-ignore lint/correctness/useExhaustiveDependencies: the same filter is the same stream
	useEffect(() => {
		tail.start(filter);
		return () => tail.end();
	}, [tail, key]);
	return { tail, view: useSyncExternalStore(tail.subscribe, tail.now) };
}

export function LogView({ domain }: { domain?: string }) {
	const t = useText(logTexts);
	const [asked, setAsked] = useSearchParams();
	const [typed, setTyped] = useState<Filter>(() => filterOf(asked));
	const [filter, setFilter] = useState<Filter>(typed);
	const [open, setOpen] = useState<LogLine>();
	const faults = faultsOf(typed);
	const isWrong = Object.keys(faults).length > 0;

	// What is typed counts a moment later, where it makes sense; the address has it then.
	useEffect(() => {
		if (isWrong) return;
		const timer = setTimeout(() => {
			setFilter(typed);
			setAsked(queryOf(typed), { replace: true });
		}, TYPED_MS);
		return () => clearTimeout(timer);
	}, [typed, isWrong, setAsked]);

	const wanted = useMemo(() => (domain === undefined ? filter : { ...filter, domain }), [filter, domain]);
	const { tail, view } = useTail(wanted);
	const set = (part: Partial<Filter>) => setTyped((now) => ({ ...now, ...part }));
	const isAny = isFiltered(typed);

	const state =
		view.isPaused && view.state === "live"
			? "statePaused"
			: (`state${view.state[0]?.toUpperCase()}${view.state.slice(1)}` as "stateLive");
	const tone = view.isPaused
		? "warn"
		: view.state === "live"
			? "good"
			: view.state === "refused"
				? "bad"
				: view.state === "lost"
					? "warn"
					: "idle";
	const statuses: readonly string[] = ["", ...CLASSES];

	return (
		<section className="hw-logs">
			<form
				className={`hw-logs__filters${domain === undefined ? "" : " hw-logs__filters--one"}`}
				aria-label={t("filters")}
				onSubmit={(event) => event.preventDefault()}
			>
				{domain === undefined && (
					<Field label={t("domain")} id="log-domain">
						<DomainInput
							value={typed.domain}
							onChange={(value) => set({ domain: value })}
							placeholder={t("anyDomain")}
						/>
					</Field>
				)}
				<Field label={t("status")} id="log-status" error={faults.status && t(faults.status)}>
					<Select
						value={typed.status}
						onChange={(status) => set({ status })}
						options={[
							{ value: "", label: t("anyStatus") },
							...CLASSES.map((one) => ({ value: one as string, label: t(`class${one[0]}` as "class2") })),
							...(statuses.includes(typed.status) ? [] : [{ value: typed.status, label: typed.status }]),
						]}
					/>
				</Field>
				<Field label={t("cache")} id="log-cache">
					<Select
						value={typed.cache}
						onChange={(cache) => set({ cache })}
						options={[
							{ value: "", label: t("anyCache") },
							...CACHES.map((one) => ({ value: one as string, label: one })),
						]}
					/>
				</Field>
				<Field label={t("path")} id="log-path" error={faults.path && t(faults.path)}>
					<TextInput
						value={typed.path}
						onChange={(path) => set({ path })}
						placeholder="/img/"
						spellCheck={false}
						autoCapitalize="none"
					/>
				</Field>
				<Field label={t("client")} id="log-client" error={faults.client && t(faults.client)}>
					<TextInput
						value={typed.client}
						onChange={(client) => set({ client })}
						placeholder={t("clientExample")}
						spellCheck={false}
					/>
				</Field>
				<div className="hw-logs__ticks">
					<Tick checked={typed.backup} onChange={(backup) => set({ backup })}>
						{t("backup")}
					</Tick>
					<Tick checked={typed.retried} onChange={(retried) => set({ retried })}>
						{t("retried")}
					</Tick>
					<Tick checked={typed.failed} onChange={(failed) => set({ failed })}>
						{t("failed")}
					</Tick>
					{isAny && (
						<Button
							size="small"
							variant="text"
							theme="primary"
							onClick={() => setTyped(filterOf(new URLSearchParams()))}
						>
							{t("reset")}
						</Button>
					)}
				</div>
			</form>

			<div className="hw-logs__bar">
				<span role="status">
					<StateDot tone={tone}>{t(state)}</StateDot>
				</span>
				<span className="hw-quiet hw-number hw-logs__rate">
					{t("rate", { rate: number(view.rate, view.rate < 10 ? 1 : 0) })}
				</span>
				{view.edges !== undefined && (
					<span className="hw-quiet hw-logs__edges">
						{view.edges === 1 ? t("fromOne") : t("from", { edges: number(view.edges) })}
					</span>
				)}
				<span className="hw-quiet hw-number">
					{t(view.lines.length >= LINES_MAX ? "keptMost" : "kept", { count: number(view.lines.length) })}
				</span>
				<span className="hw-logs__space" />
				<Button
					icon={<DownloadIcon aria-hidden="true" />}
					disabled={view.lines.length === 0}
					onClick={() =>
						saveFile(
							"access-log.ndjson",
							view.lines.map((line) => jsonOf(line, 0)),
							"application/x-ndjson",
						)
					}
				>
					{t("download")}
				</Button>
				<Button
					icon={<ClearIcon aria-hidden="true" />}
					disabled={view.lines.length === 0 && view.waiting === 0}
					onClick={() => tail.clear()}
				>
					{t("clear")}
				</Button>
				<Button
					theme={view.isPaused ? "primary" : "default"}
					icon={view.isPaused ? <PlayIcon aria-hidden="true" /> : <PauseIcon aria-hidden="true" />}
					onClick={() => tail.pause(!view.isPaused)}
				>
					{view.isPaused
						? view.waiting > 0
							? t("resumeNew", { count: number(view.waiting) })
							: t("resume")
						: t("pause")}
				</Button>
			</div>

			{view.error ? <ProblemAlert error={view.error} onRetry={() => tail.start(wanted)} /> : null}
			{view.leftOut.edges > 0 && (
				<Alert tone="warning">{t("leftOutEdges", { count: number(view.leftOut.edges) })}</Alert>
			)}
			{view.leftOut.page > 0 && <Alert tone="warning">{t("leftOutPage", { count: number(view.leftOut.page) })}</Alert>}

			<LogTable lines={view.lines} hasDomain={domain === undefined || domain.startsWith("*")} onOpen={setOpen}>
				<EmptyState title={t("none")}>{t(isAny ? "noneFilteredHint" : "noneHint")}</EmptyState>
			</LogTable>

			{open && (
				<RequestDrawer
					line={open}
					onClose={() => setOpen(undefined)}
					onOnly={(part) => {
						set(domain === undefined ? part : { ...part, domain: "" });
						setOpen(undefined);
					}}
				/>
			)}
		</section>
	);
}
