// Domain Management: the list, by pages that the server makes, so that ten thousand domains are as quick as ten.
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { AddIcon, ChevronLeftIcon, ChevronRightIcon, DownloadIcon, SearchIcon } from "tdesign-icons-react";
import { get } from "../../api/client";
import { keys } from "../../api/queries";
import type { Domain } from "../../api/types";
import { common } from "../../i18n/common";
import { domainTexts } from "../../i18n/domains";
import { number } from "../../i18n/format";
import { useText } from "../../i18n/i18n";
import { shellTexts } from "../../i18n/shell";
import { Button } from "../../parts/Button";
import { tell } from "../../parts/changes";
import { EmptyState } from "../../parts/EmptyState";
import { Select, TextInput } from "../../parts/Field";
import { Menu } from "../../parts/Menu";
import { ProblemAlert } from "../../parts/ProblemAlert";
import { useForbidden } from "../../session/forbidden";
import { Page } from "../../shell/Page";
import { BulkBar } from "./BulkBar";
import { DomainTable, type Order } from "./DomainTable";
import { saveCsv } from "./exports";
import "./domains.css";

const SIZES = ["20", "50", "100"] as const;
const TYPE_PAUSE_MS = 200;

export interface Filter {
	search?: string;
	status?: "online" | "offline";
	type?: "self" | "cos" | "s3";
	backup?: "yes" | "no";
}

function oneOf<V extends string>(value: string | null, allowed: readonly V[]): V | undefined {
	return allowed.includes(value as V) ? (value as V) : undefined;
}

/** What the list shows stands in the address, so that it is there again on the way back. */
function useList() {
	const [words, setWords] = useSearchParams();
	const filter: Filter = {
		search: words.get("search") || undefined,
		status: oneOf(words.get("status"), ["online", "offline"]),
		type: oneOf(words.get("type"), ["self", "cos", "s3"]),
		backup: oneOf(words.get("backup"), ["yes", "no"]),
	};
	const order = oneOf<Order>(words.get("order"), ["name", "name_desc", "newest", "oldest"]) ?? "name";
	const size = Number(oneOf(words.get("size"), SIZES) ?? SIZES[0]);
	const page = Math.max(1, Math.floor(Number(words.get("page")) || 1));
	// Two changes in one moment are both made: the address is that of the first only later.
	const latest = useRef(words);
	useEffect(() => {
		latest.current = words;
	}, [words]);
	function change(next: Record<string, string | undefined>, keepsPage = false) {
		const after = new URLSearchParams(latest.current);
		if (!keepsPage) after.delete("page");
		for (const [name, value] of Object.entries(next)) {
			if (value) after.set(name, value);
			else after.delete(name);
		}
		latest.current = after;
		setWords(after, { replace: true });
	}
	return { filter, order, size, page, change };
}

export default function DomainsPage() {
	const t = useText(domainTexts);
	const s = useText(shellTexts);
	const c = useText(common);
	const navigate = useNavigate();
	const client = useQueryClient();
	const forbidden = useForbidden("admin");
	const { filter, order, size, page, change } = useList();
	const [typed, setTyped] = useState(filter.search ?? "");
	const [selected, setSelected] = useState<ReadonlyMap<string, Domain>>(new Map());
	const skip = (page - 1) * size;

	const list = useQuery({
		queryKey: [...keys.domains, "page", filter, order, size, skip],
		queryFn: ({ signal }) => get("/domains", { query: { ...filter, order, limit: size, skip }, signal }),
		placeholderData: keepPreviousData,
		refetchInterval: 30_000,
	});
	const health = useQuery({
		queryKey: [...keys.health, "all"],
		queryFn: ({ signal }) => get("/health", { query: { limit: 1000 }, signal }),
		refetchInterval: 5000,
	});
	const blocked = useMemo(() => {
		const by = new Map<string, Set<string>>();
		for (const item of health.data?.items ?? []) {
			if (!item.domain) continue;
			const addresses = by.get(item.domain) ?? new Set();
			by.set(item.domain, addresses.add(item.address ?? ""));
		}
		return health.data ? by : undefined;
	}, [health.data]);

	const wanted = typed.trim();
	// biome-ignore lint/correctness/useExhaustiveDependencies: what was typed is asked for once typing pauses
	useEffect(() => {
		if (wanted === (filter.search ?? "")) return;
		const timer = setTimeout(() => change({ search: wanted }), TYPE_PAUSE_MS);
		return () => clearTimeout(timer);
	}, [wanted]);

	const items = useDeferredValue(list.data?.items);
	const total = list.data?.total ?? 0;
	const pages = Math.max(1, Math.ceil(total / size));
	const isFiltered = Boolean(filter.search || filter.status || filter.type || filter.backup);
	useEffect(() => {
		if (list.data && !list.isPlaceholderData && page > pages) change({ page: String(pages) }, true);
	});

	async function exportCsv() {
		try {
			await saveCsv(filter, order);
		} catch (error) {
			tell(t("export"), "failed", String(error));
		}
	}

	return (
		<Page
			title={s("domains")}
			lead={t("lead")}
			actions={
				<>
					<Menu
						label={t("export")}
						className="t-button t-button--theme-default t-button--variant-outline t-size-m hw-plain-button"
						items={[
							{ key: "yaml", label: t("exportYaml"), onSelect: () => void window.open("/api/v1/export", "_self") },
							{ key: "csv", label: t("exportCsv"), onSelect: () => void exportCsv() },
						]}
					>
						<DownloadIcon aria-hidden="true" />
						<span>{t("export")}</span>
					</Menu>
					<Button
						theme="primary"
						icon={<AddIcon />}
						disabled={Boolean(forbidden)}
						title={forbidden}
						onClick={() => navigate("/new-domain")}
					>
						{t("add")}
					</Button>
				</>
			}
		>
			<section className="hw-card hw-list" aria-label={t("table")}>
				<search className="hw-list__tools">
					<div className="hw-list__search">
						<TextInput
							type="search"
							aria-label={t("search")}
							placeholder={t("search")}
							value={typed}
							onChange={setTyped}
							prefix={<SearchIcon />}
							spellCheck={false}
						/>
					</div>
					<Select
						aria-label={t("filterStatus")}
						value={filter.status ?? ""}
						onChange={(status) => change({ status })}
						options={[
							{ value: "", label: t("anyStatus") },
							{ value: "online", label: t("online") },
							{ value: "offline", label: t("offline") },
						]}
					/>
					<Select
						aria-label={t("filterType")}
						value={filter.type ?? ""}
						onChange={(type) => change({ type })}
						options={[
							{ value: "", label: t("anyType") },
							{ value: "self", label: t("typeSelf") },
							{ value: "cos", label: t("typeCos") },
							{ value: "s3", label: t("typeS3") },
						]}
					/>
					<Select
						aria-label={t("filterBackup")}
						value={filter.backup ?? ""}
						onChange={(backup) => change({ backup })}
						options={[
							{ value: "", label: t("anyBackup") },
							{ value: "yes", label: t("withBackup") },
							{ value: "no", label: t("withoutBackup") },
						]}
					/>
					{isFiltered && (
						<Button
							variant="text"
							onClick={() => {
								setTyped("");
								change({ search: undefined, status: undefined, type: undefined, backup: undefined });
							}}
						>
							{t("clearFilters")}
						</Button>
					)}
				</search>
				{selected.size > 0 && <BulkBar selected={selected} onClear={() => setSelected(new Map())} client={client} />}
				{list.error && !list.data ? (
					<ProblemAlert error={list.error} onRetry={() => list.refetch()} />
				) : items && total === 0 ? (
					isFiltered ? (
						<EmptyState title={t("emptyFiltered")}>{t("emptyFilteredHint")}</EmptyState>
					) : (
						<EmptyState
							title={t("empty")}
							action={
								<Button
									theme="primary"
									icon={<AddIcon />}
									disabled={Boolean(forbidden)}
									title={forbidden}
									onClick={() => navigate("/new-domain")}
								>
									{t("add")}
								</Button>
							}
						>
							{t("emptyHint")}
						</EmptyState>
					)
				) : (
					<DomainTable
						items={items}
						rows={size}
						blocked={blocked}
						order={order}
						onOrder={(next) => change({ order: next === "name" ? undefined : next })}
						selected={selected}
						onSelect={setSelected}
						isOld={list.isPlaceholderData}
					/>
				)}
				{total > 0 && (
					<nav className="hw-pager" aria-label={t("pages")}>
						<span className="hw-quiet" role="status">
							{c("of", {
								from: number(Math.min(skip + 1, total)),
								to: number(Math.min(skip + size, total)),
								total: number(total),
							})}
						</span>
						<span className="hw-pager__size">
							<Select
								size="small"
								aria-label={c("perPage")}
								value={String(size) as (typeof SIZES)[number]}
								onChange={(next) => change({ size: next === SIZES[0] ? undefined : next })}
								options={SIZES.map((value) => ({ value, label: `${value} ${c("perPage")}` }))}
							/>
						</span>
						<Button
							variant="text"
							shape="square"
							icon={<ChevronLeftIcon />}
							aria-label={c("previous")}
							disabled={page <= 1}
							onClick={() => change({ page: page > 2 ? String(page - 1) : undefined }, true)}
						/>
						<span className="hw-number">{t("page", { n: number(page), all: number(pages) })}</span>
						<Button
							variant="text"
							shape="square"
							icon={<ChevronRightIcon />}
							aria-label={c("next")}
							disabled={page >= pages}
							onClick={() => change({ page: String(page + 1) }, true)}
						/>
					</nav>
				)}
			</section>
		</Page>
	);
}
