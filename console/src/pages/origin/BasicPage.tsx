// Basic Configuration: what the domain is, and the module Origin server info.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { AddIcon, LockOnIcon, SwapIcon } from "tdesign-icons-react";
import { get, rehearse, request } from "../../api/client";
import { keys, useDomainHealth, useEdges, useStatus } from "../../api/queries";
import type { Domain, DomainHealth } from "../../api/types";
import { common } from "../../i18n/common";
import { ago, duration, moment } from "../../i18n/format";
import { useText } from "../../i18n/i18n";
import { originTexts } from "../../i18n/origin";
import { Alert } from "../../parts/Alert";
import { Button } from "../../parts/Button";
import { Card, Facts } from "../../parts/Card";
import { ConfirmWithDiff } from "../../parts/ConfirmWithDiff";
import { Loading } from "../../parts/Loading";
import { StateDot } from "../../parts/StateDot";
import { Tag } from "../../parts/Tag";
import { useForbidden } from "../../session/forbidden";
import { announce, backTo } from "../domains/actions";
import { OfDomain } from "../domains/OfDomain";
import { StatusButton } from "../domains/StatusButton";
import { Addresses } from "./Addresses";
import { OriginDrawer } from "./OriginDrawer";
import "./origin.css";

type Asked = "origin" | "backup" | "switch" | "remove" | undefined;

export default function BasicPage() {
	const waiting = (
		<>
			<Card>
				<Loading rows={3} />
			</Card>
			<Card>
				<Loading rows={9} />
			</Card>
		</>
	);
	return <OfDomain waiting={waiting}>{(domain) => <Basic domain={domain} />}</OfDomain>;
}

function Basic({ domain }: { domain: Domain }) {
	const t = useText(originTexts);
	const client = useQueryClient();
	const [asked, setAsked] = useState<Asked>();
	const status = useStatus();
	const health = useDomainHealth(domain.name);
	const rules = status.data?.rules ?? "classic";
	const { name } = domain;

	function changed(words: string, revision: number | undefined) {
		announce(
			{ client, name, words, undone: t("undoneShort", { name, revision: domain.revision }) },
			revision,
			backTo(name, domain.revision),
		);
	}

	const cards = { domain, health: health.data, toldAt: health.dataUpdatedAt, onAsk: setAsked, changed };
	return (
		<>
			<DomainInfo domain={domain} />
			<Card
				id="origin-info"
				title={t("originInfo")}
				note={
					<Tag title={t(`rulesHint_${rules}`)} tone={rules === "extended" ? "brand" : "idle"}>
						{t(`rules_${rules}`)}
					</Tag>
				}
			>
				{domain.kind === "bucket_default" && (
					<div className="hw-origins__note">
						<Alert tone="info">{t("lockedHint")}</Alert>
					</div>
				)}
				<div className="hw-origins">
					<MasterCard {...cards} />
					<SwitchIcon domain={domain} onAsk={setAsked} />
					<BackupCard {...cards} rules={rules} />
				</div>
				{domain.backup && (
					<p className="hw-quiet hw-origins__foot">{t("failoverNote", { statuses: domain.failover.statuses })}</p>
				)}
			</Card>
			{(asked === "origin" || asked === "backup") && (
				<OriginDrawer domain={domain} role={asked} rules={rules} onClose={() => setAsked(undefined)} />
			)}
			{asked === "switch" && <SwitchDialog domain={domain} onClose={() => setAsked(undefined)} />}
			{asked === "remove" && <RemoveDialog domain={domain} onClose={() => setAsked(undefined)} />}
		</>
	);
}

function DomainInfo({ domain }: { domain: Domain }) {
	const t = useText(originTexts);
	const edges = useEdges();
	const history = useQuery({
		queryKey: [...keys.history(domain.name), "last"],
		queryFn: ({ signal }) =>
			get("/domains/{name}/history", { path: { name: domain.name }, query: { limit: 1 }, signal }),
	});
	const last = history.data?.items[0];
	const all = edges.data?.items.length ?? 0;
	const done = edges.data?.items.filter((edge) => edge.applied >= domain.revision).length ?? 0;
	const live = !edges.data ? (
		"–"
	) : all === 0 ? (
		t("noEdges")
	) : (
		<StateDot tone={done === all ? "good" : "busy"}>{t("edgesLive", { done, all })}</StateDot>
	);
	return (
		<Card id="domain-info" title={t("domainInfo")} actions={<StatusButton domain={domain} />}>
			<Facts
				rows={[
					[t("acceleratedDomain"), <code key="name">{domain.name}</code>],
					[
						t("state"),
						<StateDot key="state" tone={domain.status === "online" ? "good" : "idle"}>
							{t(domain.status)}
						</StateDot>,
					],
					[t("kind"), t(domain.kind === "bucket_default" ? "kind_bucket_default" : `kind_${domain.origin.type}`)],
					[
						t("lastChange"),
						last ? (
							<span key="last" title={moment(last.at_ms)}>
								{t("byWhom", { ago: ago(last.at_ms), who: last.who })}
							</span>
						) : (
							"–"
						),
					],
					[t("revision"), domain.revision],
					[t("edges"), live],
				]}
			/>
		</Card>
	);
}

interface CardProps {
	domain: Domain;
	health?: DomainHealth;
	toldAt: number;
	onAsk: (what: Asked) => void;
	changed: (words: string, revision: number | undefined) => void;
}

function OriginFacts({ domain, role }: { domain: Domain; role: "origin" | "backup" }) {
	const t = useText(originTexts);
	const origin = role === "origin" ? domain.origin : domain.backup;
	if (!origin) return null;
	const isSelf = origin.type === "self";
	const host = origin.host ?? (domain.name.startsWith("*.") ? t("hostAsked") : t("hostDefault"));
	return (
		<Facts
			rows={[
				[t("type"), t(`type_${origin.type}`)],
				[t("protocol"), t(`protocol_${origin.protocol}`)],
				isSelf && [t("host"), origin.host ? <code>{host}</code> : <span className="hw-quiet">{host}</span>],
				isSelf && [t("policy"), t(`policy_${origin.policy}`)],
				!isSelf && origin.bucket.bucket !== null && [t("bucket"), <code key="b">{origin.bucket.bucket}</code>],
				!isSelf && origin.bucket.region !== null && [t("region"), <code key="r">{origin.bucket.region}</code>],
				!isSelf && origin.bucket.endpoint !== null && [t("endpoint"), <code key="e">{origin.bucket.endpoint}</code>],
				!isSelf && [t("access"), t(`access_${origin.bucket.access}`)],
				[
					t("timeouts"),
					t("timeoutsOf", {
						connect: duration(origin.connect_timeout),
						head: duration(origin.head_timeout),
						idle: duration(origin.idle_timeout),
					}),
				],
				role === "backup" && domain.backup?.latch === "manual" && [t("latch"), t("latch_manual")],
			]}
		/>
	);
}

function MasterCard({ domain, health, toldAt, onAsk, changed }: CardProps) {
	const t = useText(originTexts);
	const c = useText(common);
	const forbidden = useForbidden("admin");
	const isLocked = domain.kind === "bucket_default";
	return (
		<Card
			isInner
			id="master"
			title={t("master")}
			note={
				isLocked ? (
					<Tag title={t("lockedHint")}>
						<LockOnIcon aria-hidden="true" />
						{t("locked")}
					</Tag>
				) : undefined
			}
			actions={
				<Button
					size="small"
					aria-label={t("modifyMaster")}
					disabled={isLocked || Boolean(forbidden)}
					title={isLocked ? t("lockedHint") : forbidden}
					onClick={() => onAsk("origin")}
				>
					{c("modify")}
				</Button>
			}
		>
			<OriginFacts domain={domain} role="origin" />
			{domain.origin.type === "self" && (
				<Addresses
					domain={domain}
					role="origin"
					health={health}
					toldAt={toldAt}
					onChanged={changed}
					label={t("master")}
					mayWeigh={!isLocked}
				/>
			)}
		</Card>
	);
}

function BackupCard({ domain, health, toldAt, onAsk, changed, rules }: CardProps & { rules: "classic" | "extended" }) {
	const t = useText(originTexts);
	const c = useText(common);
	const client = useQueryClient();
	const forbidden = useForbidden("admin");
	const forbiddenToReturn = useForbidden("operator");
	const isLocked = domain.kind === "bucket_default";
	const isClassic = rules === "classic";
	if (!domain.backup) {
		const isBucket = isClassic && domain.origin.type !== "self";
		const isHttps = isClassic && !isBucket && domain.origin.protocol !== "http";
		const why = isLocked
			? t("lockedHint")
			: (forbidden ?? (isBucket ? t("noBackupBucket") : isHttps ? t("noBackupHttps") : undefined));
		return (
			<section className="hw-card hw-card--inner hw-origins__none" aria-label={t("backup")}>
				<p className="hw-origins__none-title">{t("noBackup")}</p>
				<p className="hw-quiet">{isBucket ? t("noBackupBucket") : isHttps ? t("noBackupHttps") : t("noBackupHint")}</p>
				<Button
					theme="primary"
					variant="outline"
					icon={<AddIcon />}
					disabled={Boolean(why)}
					title={why}
					onClick={() => onAsk("backup")}
				>
					{t("addBackup")}
				</Button>
			</section>
		);
	}
	const { name } = domain;
	async function back() {
		const { revision } = await request("post", "/domains/{name}/back", { path: { name }, ifMatch: domain.revision });
		announce({ client, name, words: t("toMasterDone", { name }), undone: "" }, revision);
	}
	const mayStay = domain.backup.latch === "manual" || Number(domain.backup.hold_down_s) > 0;
	return (
		<Card
			isInner
			id="backup"
			title={t("backup")}
			actions={
				<>
					{mayStay && (
						<Button
							size="small"
							title={forbiddenToReturn ?? t("toMasterHint")}
							disabled={Boolean(forbiddenToReturn)}
							onClick={() => void back()}
						>
							{t("toMaster")}
						</Button>
					)}
					<Button
						size="small"
						aria-label={t("modifyBackup")}
						disabled={Boolean(forbidden)}
						title={forbidden}
						onClick={() => onAsk("backup")}
					>
						{c("modify")}
					</Button>
					<Button
						size="small"
						theme="danger"
						variant="outline"
						aria-label={t("removeBackup")}
						disabled={Boolean(forbidden)}
						title={forbidden}
						onClick={() => onAsk("remove")}
					>
						{c("remove")}
					</Button>
				</>
			}
		>
			<OriginFacts domain={domain} role="backup" />
			{domain.backup.type === "self" && (
				<Addresses
					domain={domain}
					role="backup"
					health={health}
					toldAt={toldAt}
					onChanged={changed}
					label={t("backup")}
					mayWeigh
				/>
			)}
		</Card>
	);
}

function SwitchIcon({ domain, onAsk }: { domain: Domain; onAsk: (what: Asked) => void }) {
	const t = useText(originTexts);
	const forbidden = useForbidden("operator");
	const isLocked = domain.kind === "bucket_default";
	const why = !domain.backup ? t("switchNone") : isLocked ? t("lockedHint") : forbidden;
	return (
		<div className="hw-origins__switch">
			<button
				type="button"
				className="hw-switch-icon"
				aria-label={t("switch")}
				title={why ?? t("switch")}
				disabled={Boolean(why)}
				onClick={() => onAsk("switch")}
			>
				<SwapIcon />
			</button>
			<span aria-hidden="true">{t("switch")}</span>
		</div>
	);
}

/** What an origin is called in a sentence: its addresses, or its bucket. */
export function nameOf(origin: Domain["origin"] | Domain["backup"]): string {
	if (!origin) return "";
	if (origin.type === "self") return origin.addresses.join(", ");
	return origin.bucket.bucket ?? origin.bucket.endpoint ?? origin.type.toUpperCase();
}

function SwitchDialog({ domain, onClose }: { domain: Domain; onClose: () => void }) {
	const t = useText(originTexts);
	const client = useQueryClient();
	const { name } = domain;
	const path = { name };
	return (
		<ConfirmWithDiff
			title={t("switchTitle", { name })}
			confirmLabel={t("switch")}
			rehearse={() => rehearse("post", "/domains/{name}/switch", { path, ifMatch: domain.revision })}
			onConfirm={async () => {
				const { revision } = await request("post", "/domains/{name}/switch", { path, ifMatch: domain.revision });
				announce(
					{ client, name, words: t("switched", { name }), undone: t("switchedBack", { name }) },
					revision,
					(made) => request("post", "/domains/{name}/switch", { path, ifMatch: made }),
				);
			}}
			onClose={onClose}
		>
			<p>
				<strong>{t("switchWords1", { backup: nameOf(domain.backup), master: nameOf(domain.origin) })}</strong>
			</p>
			<p>{t("switchWords2")}</p>
			<p>{t("switchWords3")}</p>
		</ConfirmWithDiff>
	);
}

function RemoveDialog({ domain, onClose }: { domain: Domain; onClose: () => void }) {
	const t = useText(originTexts);
	const c = useText(common);
	const client = useQueryClient();
	const { name } = domain;
	const path = { name };
	return (
		<ConfirmWithDiff
			title={t("removeTitle", { name })}
			confirmLabel={c("remove")}
			isDangerous
			rehearse={() => rehearse("delete", "/domains/{name}/backup", { path, ifMatch: domain.revision })}
			onConfirm={async () => {
				const { revision } = await request("delete", "/domains/{name}/backup", { path, ifMatch: domain.revision });
				const undone = t("undoneShort", { name, revision: domain.revision });
				announce({ client, name, words: t("removed", { name }), undone }, revision, backTo(name, domain.revision));
			}}
			onClose={onClose}
		>
			<p>{t("removeWords", { backup: nameOf(domain.backup) })}</p>
		</ConfirmWithDiff>
	);
}
