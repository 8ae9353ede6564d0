// The rows of the list: each domain with its status, its origins, how they are, and its traffic.
import { useState } from "react";
import { Link } from "react-router";
import { ArrowDownIcon, ArrowUpIcon, LockOnIcon, MoreIcon } from "tdesign-icons-react";
import type { Domain } from "../../api/types";
import { common } from "../../i18n/common";
import { domainTexts } from "../../i18n/domains";
import { short } from "../../i18n/format";
import { useText } from "../../i18n/i18n";
import { Tick } from "../../parts/Field";
import { Menu } from "../../parts/Menu";
import { ProcessingTag } from "../../parts/ProcessingTag";
import { Sparkline } from "../../parts/Sparkline";
import { StateDot } from "../../parts/StateDot";
import { Tag } from "../../parts/Tag";
import { useForbidden } from "../../session/forbidden";
import { DeleteDialog } from "./DeleteDialog";
import { StatusDialog } from "./StatusButton";
import { useTraffic } from "./traffic";

export type Order = "name" | "name_desc" | "newest" | "oldest";

interface Props {
	/** Undefined while they are on their way. */
	items?: readonly Domain[];
	/** How many rows a page has. */
	rows: number;
	/** Addresses that are not usable, by domain; undefined where that is not known. */
	blocked?: ReadonlyMap<string, ReadonlySet<string>>;
	order: Order;
	onOrder: (order: Order) => void;
	selected: ReadonlyMap<string, Domain>;
	onSelect: (selected: ReadonlyMap<string, Domain>) => void;
	/** What is shown is that of the page before. */
	isOld: boolean;
}

const SKELETON = [68, 54, 76, 60, 48, 70, 58, 64];

export function DomainTable({ items, rows, blocked, order, onOrder, selected, onSelect, isOld }: Props) {
	const t = useText(domainTexts);
	const c = useText(common);
	const forbidden = useForbidden("admin");
	const [asked, setAsked] = useState<{ domain: Domain; what: "status" | "delete" }>();
	const here = items?.filter((domain) => selected.has(domain.name)).length ?? 0;

	function selectAll(isOn: boolean) {
		const next = new Map(selected);
		for (const domain of items ?? []) {
			if (isOn) next.set(domain.name, domain);
			else next.delete(domain.name);
		}
		onSelect(next);
	}

	function head(label: string, up: Order, down: Order) {
		const isSorted = order === up || order === down;
		return (
			<th scope="col" aria-sort={order === up ? "ascending" : order === down ? "descending" : undefined}>
				<button
					type="button"
					className="hw-sort"
					title={t("sortBy", { column: label })}
					onClick={() => onOrder(order === up ? down : up)}
				>
					{label}
					{isSorted ? order === up ? <ArrowUpIcon aria-hidden="true" /> : <ArrowDownIcon aria-hidden="true" /> : null}
				</button>
			</th>
		);
	}

	return (
		<div className={`hw-scroll hw-list__table${isOld ? " hw-list__table--old" : ""}`} aria-busy={!items || isOld}>
			<table className="hw-table">
				<caption className="hw-unseen">{t("table")}</caption>
				<thead>
					<tr>
						<th scope="col" className="hw-table__tick">
							<Tick
								aria-label={t("selectAll")}
								checked={Boolean(items?.length) && here === items?.length}
								isPartly={here > 0 && here < (items?.length ?? 0)}
								onChange={selectAll}
								disabled={!items?.length || Boolean(forbidden)}
							/>
						</th>
						{head(t("domain"), "name", "name_desc")}
						<th scope="col">{t("status")}</th>
						<th scope="col">{t("master")}</th>
						<th scope="col">{t("backup")}</th>
						<th scope="col">{t("health")}</th>
						<th scope="col">{t("traffic")}</th>
						{head(t("changed"), "oldest", "newest")}
						<th scope="col">{c("actions")}</th>
					</tr>
				</thead>
				<tbody>
					{items
						? items.map((domain) => (
								<Row
									key={domain.name}
									domain={domain}
									blocked={blocked && (blocked.get(domain.name)?.size ?? 0)}
									isSelected={selected.has(domain.name)}
									forbidden={forbidden}
									onSelect={(isOn) => {
										const next = new Map(selected);
										if (isOn) next.set(domain.name, domain);
										else next.delete(domain.name);
										onSelect(next);
									}}
									onAsk={(what) => setAsked({ domain, what })}
								/>
							))
						: Array.from({ length: Math.min(rows, SKELETON.length) }, (_, row) => (
								// biome-ignore lint/suspicious/noArrayIndexKey: they are all alike
								<tr key={row}>
									<td />
									<td colSpan={8}>
										<span className="hw-loading__row hw-list__wait" style={{ width: `${SKELETON[row] ?? 60}%` }} />
									</td>
								</tr>
							))}
				</tbody>
			</table>
			{asked?.what === "status" && <StatusDialog domain={asked.domain} onClose={() => setAsked(undefined)} />}
			{asked?.what === "delete" && <DeleteDialog domain={asked.domain} onClose={() => setAsked(undefined)} />}
		</div>
	);
}

interface RowProps {
	domain: Domain;
	blocked?: number;
	isSelected: boolean;
	forbidden?: string;
	onSelect: (isOn: boolean) => void;
	onAsk: (what: "status" | "delete") => void;
}

function Row({ domain, blocked, isSelected, forbidden, onSelect, onAsk }: RowProps) {
	const t = useText(domainTexts);
	const { name } = domain;
	const to = `/domains/${encodeURIComponent(name)}/basic`;
	const isOnline = domain.status === "online";
	return (
		<tr className={isSelected ? "hw-table__chosen" : undefined}>
			<td className="hw-table__tick">
				<Tick
					aria-label={t("select", { name })}
					checked={isSelected}
					onChange={onSelect}
					disabled={Boolean(forbidden)}
				/>
			</td>
			<th scope="row" className="hw-list__name">
				<Link to={to}>{name}</Link>
				{domain.kind === "bucket_default" && (
					<span title={t("lockedHint")} className="hw-list__lock">
						<LockOnIcon aria-hidden="true" />
						<span className="hw-unseen">{t("lockedHint")}</span>
					</span>
				)}
			</th>
			<td>
				<span className="hw-list__status">
					<StateDot tone={isOnline ? "good" : "idle"}>{t(isOnline ? "online" : "offline")}</StateDot>
					<ProcessingTag domain={name} />
				</span>
			</td>
			<td>
				<OriginCell origin={domain.origin} />
			</td>
			<td>{domain.backup ? <OriginCell origin={domain.backup} /> : <span className="hw-quiet">–</span>}</td>
			<td>
				{blocked === undefined ? (
					<StateDot tone="idle" isBare>
						{t("healthUnknown")}
					</StateDot>
				) : blocked === 0 ? (
					<StateDot tone={isOnline ? "good" : "idle"} isBare>
						{t("healthGood")}
					</StateDot>
				) : (
					<span title={t("healthSomeHint", { n: blocked })}>
						<StateDot tone="bad">{t("healthSome", { n: blocked })}</StateDot>
					</span>
				)}
			</td>
			<td>
				<TrafficCell name={name} />
			</td>
			<td className="hw-quiet hw-list__revision">{domain.revision}</td>
			<td className="hw-list__actions">
				<Link to={to} aria-label={t("manageOf", { name })}>
					{t("manage")}
				</Link>
				<Menu
					label={t("moreOf", { name })}
					items={[
						{
							key: "status",
							label: t(isOnline ? "stop" : "start"),
							disabled: Boolean(forbidden),
							title: forbidden,
							onSelect: () => onAsk("status"),
						},
						{
							key: "delete",
							label: t("delete"),
							isDangerous: true,
							disabled: Boolean(forbidden),
							title: forbidden,
							onSelect: () => onAsk("delete"),
						},
					]}
				>
					<MoreIcon />
				</Menu>
			</td>
		</tr>
	);
}

function OriginCell({ origin }: { origin: Pick<Domain["origin"], "type" | "addresses" | "bucket"> }) {
	const t = useText(domainTexts);
	if (origin.type !== "self") {
		return (
			<span className="hw-list__origin">
				<Tag tone="brand">{origin.type.toUpperCase()}</Tag>
				<code>{origin.bucket.bucket ?? origin.bucket.endpoint}</code>
			</span>
		);
	}
	const more = origin.addresses.length - 1;
	return (
		<span className="hw-list__origin" title={origin.addresses.join("\n")}>
			<code>{origin.addresses[0]}</code>
			{more > 0 && <span className="hw-quiet">{t("andMore", { n: more })}</span>}
		</span>
	);
}

function TrafficCell({ name }: { name: string }) {
	const t = useText(domainTexts);
	const { data } = useTraffic(name);
	const label = data && (data.total > 0 ? t("requestsOf", { n: data.total }) : t("noRequests"));
	return (
		<span className="hw-list__traffic">
			{data && label ? (
				<>
					<Sparkline values={data.values} label={label} />
					<span className="hw-number hw-quiet">{data.total > 0 ? short(data.total) : "–"}</span>
				</>
			) : null}
		</span>
	);
}
