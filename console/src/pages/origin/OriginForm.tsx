// The fields of an origin, of the master or the hot backup; what a rule forbids is explained at the field.
import type { ReactNode } from "react";
import { useText } from "../../i18n/i18n";
import { originTexts } from "../../i18n/origin";
import { Choice, Field, Select, Switch, TextInput } from "../../parts/Field";
import { AddressEditor } from "./AddressEditor";
import type { Draft, Role } from "./draft";

export interface OriginFormProps {
	draft: Draft;
	onChange: (draft: Draft) => void;
	role: Role;
	/** What is wrong at a place of the origin ("/addresses/0"), where it is to be shown. */
	errorOf: (pointer: string) => ReactNode;
	/** A field was left, so that its errors may be shown. */
	onLeave: (pointer: string) => void;
	rules: "classic" | "extended";
	/** The domain has a hot backup, or is to have one. */
	hasBackup: boolean;
	isWildcard: boolean;
	/** Of ids. */
	prefix: string;
	/** Below the choice of the type. */
	typeNote?: ReactNode;
}

type Bucket = Draft["bucket"];
type Tls = Draft["tls"];
type Probe = Draft["probe"];

export function OriginForm(props: OriginFormProps) {
	const { draft, onChange, role, errorOf, onLeave, rules, hasBackup, prefix } = props;
	const t = useText(originTexts);
	const set = (part: Partial<Draft>) => onChange({ ...draft, ...part });
	const setTls = (part: Partial<Tls>) => set({ tls: { ...draft.tls, ...part } });
	const isClassic = rules === "classic";
	const isSelf = draft.type === "self";
	const onlySelf = role === "backup" && isClassic;
	const forbidsHttps = isClassic && hasBackup;

	/** A line of text for a member of the origin. */
	function line(
		label: keyof typeof originTexts,
		pointer: string,
		value: string | number | null | undefined,
		put: (text: string) => void,
		more: {
			hint?: ReactNode;
			placeholder?: string;
			isCode?: boolean;
			isRequired?: boolean;
			inputMode?: "numeric";
		} = {},
	) {
		const { hint, isRequired, ...input } = more;
		return (
			<Field
				label={t(label)}
				id={`${prefix}${pointer.replaceAll("/", "-")}`}
				hint={hint}
				error={errorOf(pointer)}
				isRequired={isRequired}
			>
				<TextInput
					value={String(value ?? "")}
					onChange={put}
					onBlur={() => onLeave(pointer)}
					spellCheck={false}
					autoCapitalize="none"
					{...input}
				/>
			</Field>
		);
	}

	return (
		<div className="hw-form">
			<Field label={t("type")} id={`${prefix}-type`} isGroup error={errorOf("/type")}>
				<Choice
					name={`${prefix}-type`}
					value={draft.type}
					onChange={(type) => {
						set({ type });
						onLeave("/type");
					}}
					options={(["self", "cos", "s3"] as const).map((type) => ({
						value: type,
						label: t(`type_${type}`),
						hint: t(`type_${type}_hint`),
						disabled: onlySelf && type !== "self" && draft.type !== type,
					}))}
				/>
				{onlySelf && <p className="hw-field__hint">{t("r1Backup")}</p>}
			</Field>
			{props.typeNote}
			{isSelf ? (
				<Field
					label={t("addresses")}
					id={`${prefix}-addresses`}
					isGroup
					hint={t("addressesHint")}
					error={errorOf("/addresses")}
				>
					<AddressEditor
						prefix={prefix}
						value={draft.addresses}
						onChange={(addresses) => set({ addresses })}
						errorOf={(index) => {
							// Blank rows are not sent, so what the server counts is without them.
							if (!draft.addresses[index]?.trim()) return undefined;
							const at = draft.addresses.slice(0, index).filter((one) => one.trim()).length;
							return errorOf(`/addresses/${at}`) as string | undefined;
						}}
						onLeave={() => onLeave("/addresses")}
						defaultPort={draft.protocol === "https" ? "443" : draft.protocol === "follow" ? "80 / 443" : "80"}
					/>
				</Field>
			) : (
				<BucketFields {...props} />
			)}
			<Field
				label={t("protocol")}
				id={`${prefix}-protocol`}
				isGroup
				error={errorOf("/protocol")}
				hint={forbidsHttps && draft.protocol === "http" ? t("r2Note") : undefined}
			>
				<Choice
					name={`${prefix}-protocol`}
					value={draft.protocol}
					onChange={(protocol) => {
						set({ protocol });
						onLeave("/protocol");
					}}
					options={(["http", "https", "follow"] as const).map((value) => ({ value, label: t(`protocol_${value}`) }))}
				/>
			</Field>
			{isSelf && (
				<div className="hw-form__pair">
					{line("host", "/host", draft.host, (host) => set({ host }), {
						hint: t("hostHint"),
						placeholder: props.isWildcard ? t("hostAsked") : t("hostDefault"),
						isCode: true,
					})}
					<Field label={t("policy")} id={`${prefix}-policy`} error={errorOf("/policy")}>
						<Select
							value={draft.policy}
							onChange={(policy) => set({ policy })}
							options={(["polling", "least_load", "hash"] as const).map((value) => ({
								value,
								label: t(`policy_${value}`),
							}))}
						/>
					</Field>
				</div>
			)}
			{draft.protocol !== "http" && (
				<fieldset className="hw-form__group">
					<legend>{t("tls")}</legend>
					<div className="hw-form__pair">
						{line("serverName", "/tls/server_name", draft.tls.server_name, (server_name) => setTls({ server_name }), {
							hint: t("serverNameHint"),
							isCode: true,
						})}
						<Field label={t("verify")} id={`${prefix}-verify`}>
							<Switch checked={draft.tls.verify} onChange={(verify) => setTls({ verify })} />
						</Field>
						{line("ca", "/tls/ca", draft.tls.ca, (ca) => setTls({ ca }), { hint: t("caHint"), isCode: true })}
						{line(
							"clientCertificate",
							"/tls/certificate",
							draft.tls.certificate,
							(certificate) => setTls({ certificate }),
							{ isCode: true },
						)}
						{line("clientKey", "/tls/key", draft.tls.key, (key) => setTls({ key }), { isCode: true })}
					</div>
				</fieldset>
			)}
			{role === "backup" && (
				<fieldset className="hw-form__group">
					<legend>{t("staying")}</legend>
					<Field label={t("latch")} id={`${prefix}-latch`} error={errorOf("/latch")}>
						<Select
							value={draft.latch ?? "off"}
							onChange={(latch) => set({ latch })}
							options={(["off", "manual"] as const).map((value) => ({ value, label: t(`latch_${value}`) }))}
						/>
					</Field>
					<div className="hw-form__pair">
						{line("holdDown", "/hold_down_s", draft.hold_down_s, (hold_down_s) => set({ hold_down_s }), {
							inputMode: "numeric",
						})}
						{line("cacheMax", "/cache_max_s", draft.cache_max_s, (cache_max_s) => set({ cache_max_s }), {
							inputMode: "numeric",
							hint: t("noCap"),
						})}
					</div>
				</fieldset>
			)}
			<Advanced {...props} line={line} />
		</div>
	);
}

type Line = (
	label: keyof typeof originTexts,
	pointer: string,
	value: string | number | null | undefined,
	put: (text: string) => void,
	more?: { hint?: ReactNode; placeholder?: string; isCode?: boolean; inputMode?: "numeric" },
) => ReactNode;

const DEEP = [
	"connect_timeout",
	"head_timeout",
	"idle_timeout",
	"keepalive",
	"connections_max",
	"queue_max",
	"queue_s",
	"probe",
];

function Advanced({ draft, onChange, errorOf, line }: OriginFormProps & { line: Line }) {
	const t = useText(originTexts);
	const set = (part: Partial<Draft>) => onChange({ ...draft, ...part });
	const setProbe = (part: Partial<Probe>) => set({ probe: { ...draft.probe, ...part } });
	const isWrong =
		DEEP.some((name) => errorOf(`/${name}`)) ||
		["path", "interval", "timeout", "rise", "fall", "expect", "body_contains"].some((name) =>
			errorOf(`/probe/${name}`),
		);
	return (
		<details className="hw-form__more" open={isWrong || undefined}>
			<summary>{t("advanced")}</summary>
			<div className="hw-form__pair">
				{line(
					"connectTimeout",
					"/connect_timeout",
					draft.connect_timeout,
					(connect_timeout) => set({ connect_timeout }),
					{ hint: "1s–60s" },
				)}
				{line("headTimeout", "/head_timeout", draft.head_timeout, (head_timeout) => set({ head_timeout }), {
					hint: "1s–300s",
				})}
				{line("idleTimeout", "/idle_timeout", draft.idle_timeout, (idle_timeout) => set({ idle_timeout }), {
					hint: "1s–300s",
				})}
				{line("keepalive", "/keepalive", draft.keepalive, (keepalive) => set({ keepalive }), { hint: "0s–1h" })}
				{line(
					"connectionsMax",
					"/connections_max",
					draft.connections_max,
					(connections_max) => set({ connections_max }),
					{ hint: t("noCap"), inputMode: "numeric" },
				)}
				{line("queueMax", "/queue_max", draft.queue_max, (queue_max) => set({ queue_max }), { inputMode: "numeric" })}
				{line("queueS", "/queue_s", draft.queue_s, (queue_s) => set({ queue_s }), { inputMode: "numeric" })}
			</div>
			<div className="hw-form__pair">
				{line("probePath", "/probe/path", draft.probe.path, (path) => setProbe({ path }), {
					hint: t("probePathHint"),
					isCode: true,
				})}
				{draft.probe.path && (
					<>
						{line("probeExpect", "/probe/expect", draft.probe.expect, (expect) => setProbe({ expect }), {
							isCode: true,
						})}
						{line("probeInterval", "/probe/interval", draft.probe.interval, (interval) => setProbe({ interval }), {
							hint: "1s–1h",
						})}
						{line("probeTimeout", "/probe/timeout", draft.probe.timeout, (timeout) => setProbe({ timeout }), {
							hint: "100ms–60s",
						})}
						{line("probeRise", "/probe/rise", draft.probe.rise, (rise) => setProbe({ rise }), { inputMode: "numeric" })}
						{line("probeFall", "/probe/fall", draft.probe.fall, (fall) => setProbe({ fall }), { inputMode: "numeric" })}
						{line("probeBody", "/probe/body_contains", draft.probe.body_contains, (body_contains) =>
							setProbe({ body_contains }),
						)}
					</>
				)}
			</div>
		</details>
	);
}

function BucketFields({ draft, onChange, errorOf, onLeave, prefix }: OriginFormProps) {
	const t = useText(originTexts);
	const bucket = draft.bucket;
	const set = (part: Partial<Bucket>) => onChange({ ...draft, bucket: { ...bucket, ...part } });
	const isCos = draft.type === "cos";
	const isMasked = (value: string | null) => value === "********";

	function line(
		label: keyof typeof originTexts,
		name: keyof Bucket,
		more: { hint?: string; placeholder?: string; isRequired?: boolean } = {},
	) {
		const { placeholder, ...field } = more;
		return (
			<Field label={t(label)} id={`${prefix}-bucket-${name}`} error={errorOf(`/bucket/${name}`)} {...field}>
				<TextInput
					isCode
					value={String(bucket[name] ?? "")}
					onChange={(text) => set({ [name]: text })}
					onBlur={() => onLeave(`/bucket/${name}`)}
					placeholder={placeholder}
					spellCheck={false}
					autoCapitalize="none"
				/>
			</Field>
		);
	}
	function secret(label: "secret" | "token", name: "secret" | "token") {
		const value = bucket[name];
		return (
			<Field
				label={t(label)}
				id={`${prefix}-bucket-${name}`}
				error={errorOf(`/bucket/${name}`)}
				hint={isMasked(value) ? t("secretKept") : undefined}
			>
				<TextInput
					isCode
					type="password"
					autoComplete="new-password"
					value={isMasked(value) ? "" : (value ?? "")}
					placeholder={isMasked(value) ? "********" : undefined}
					onChange={(text) => set({ [name]: text })}
					onBlur={() => onLeave(`/bucket/${name}`)}
				/>
			</Field>
		);
	}

	return (
		<fieldset className="hw-form__group">
			<legend>{t("bucket")}</legend>
			{errorOf("/bucket") && (
				<p className="hw-field__error" role="alert">
					{errorOf("/bucket")}
				</p>
			)}
			<div className="hw-form__pair">
				{line("bucket", "bucket", {
					hint: isCos ? t("bucketCosHint") : undefined,
					placeholder: isCos ? "example-1250000000" : "example",
				})}
				{line("region", "region", {
					hint: t(isCos ? "regionCosHint" : "regionS3Hint"),
					placeholder: isCos ? "ap-guangzhou" : "us-east-1",
				})}
				{line("endpoint", "endpoint", { hint: t("endpointHint") })}
				{!isCos && (
					<Field label={t("style")} id={`${prefix}-bucket-style`} error={errorOf("/bucket/style")}>
						<Select
							value={bucket.style}
							onChange={(style) => set({ style })}
							options={(["virtual", "path"] as const).map((value) => ({ value, label: t(`style_${value}`) }))}
						/>
					</Field>
				)}
			</div>
			<Field
				label={t("access")}
				id={`${prefix}-bucket-access`}
				isGroup
				error={errorOf("/bucket/access")}
				hint={bucket.access === "private" ? t("privateHint") : undefined}
			>
				<Choice
					name={`${prefix}-access`}
					value={bucket.access}
					onChange={(access) => set({ access })}
					options={(["public", "private"] as const).map((value) => ({ value, label: t(`access_${value}`) }))}
				/>
			</Field>
			{bucket.access === "private" && (
				<div className="hw-form__pair">
					{line("keyId", "key_id")}
					{secret("secret", "secret")}
					{secret("token", "token")}
				</div>
			)}
			<div className="hw-form__pair">
				<Field label={t("storeHeaders")} id={`${prefix}-bucket-headers`} error={errorOf("/bucket/store_headers")}>
					<Select
						value={bucket.store_headers}
						onChange={(store_headers) => set({ store_headers })}
						options={(["drop", "meta", "keep"] as const).map((value) => ({ value, label: t(`storeHeaders_${value}`) }))}
					/>
				</Field>
				<Field label={t("stripDisposition")} id={`${prefix}-bucket-disposition`}>
					<Switch checked={bucket.strip_disposition} onChange={(strip_disposition) => set({ strip_disposition })} />
				</Field>
			</div>
		</fieldset>
	);
}
