// What is set at run time. What is typed stays until it is saved or discarded, whatever others change meanwhile.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { rehearse, request } from "../../api/client";
import { isRefused } from "../../api/problem";
import { keys } from "../../api/queries";
import { useSettingsAnswer } from "../../api/settings";
import type { Schema } from "../../api/types";
import { common } from "../../i18n/common";
import { say, useText } from "../../i18n/i18n";
import { settingTexts } from "../../i18n/settings";
import { Button } from "../../parts/Button";
import { Card } from "../../parts/Card";
import { ConfirmWithDiff } from "../../parts/ConfirmWithDiff";
import { tell } from "../../parts/changes";
import { Field, Select, TextInput } from "../../parts/Field";
import { Loading } from "../../parts/Loading";
import { ProblemAlert } from "../../parts/ProblemAlert";
import { Tag } from "../../parts/Tag";
import { useNeeds } from "../../session/needs";

type Setting = Schema<"Setting">;
type Patch = NonNullable<Schema<"SettingsPatch">>;
/** What is typed, by name; null is the default put back. */
type Draft = Readonly<Record<string, string | null>>;

/** A text of this area by a name that the server has; undefined of a setting that is newer than this page. */
function named(kind: "set" | "hint" | "choice", name: string): string | undefined {
	const pair = settingTexts[`${kind}_${name}` as keyof typeof settingTexts];
	return pair && say(pair);
}

function faultOf(setting: Setting, typed: string): boolean {
	if (setting.choices) return !setting.choices.includes(typed);
	const value = Number(typed);
	return !/^[0-9]+$/.test(typed) || value < (setting.min ?? 0) || value > (setting.max ?? Number.MAX_SAFE_INTEGER);
}

function Row({
	setting,
	typed,
	onChange,
	reason,
}: {
	setting: Setting;
	typed: string | null | undefined;
	onChange: (value: string | null | undefined) => void;
	reason: string | undefined;
}) {
	const t = useText(settingTexts);
	const { name } = setting;
	const shown = typed === null ? String(setting.default) : (typed ?? String(setting.value));
	const isWrong = typed !== null && typed !== undefined && faultOf(setting, typed);
	const unit = name.endsWith("_days") ? t("unit_days") : name.endsWith("_minutes") ? t("unit_minutes") : "";
	const id = `setting-${name}`;
	const isDefault = typed === null || (typed === undefined && setting.from !== "store");
	return (
		<div className="hw-setting">
			<Field
				label={named("set", name) ?? name}
				id={id}
				hint={named("hint", name) ?? setting.words}
				error={isWrong ? t("faultRange", { min: setting.min ?? 0, max: setting.max ?? "∞" }) : undefined}
				aside={
					<span className="hw-row">
						<Tag tone={isDefault ? "idle" : "brand"}>
							{t(isDefault ? (setting.from === "process" ? "from_process" : "from_default") : "from_store")}
						</Tag>
					</span>
				}
			>
				<div className="hw-setting__control" title={reason}>
					{setting.choices ? (
						<Select
							value={shown}
							disabled={reason !== undefined}
							onChange={(value) => onChange(value === String(setting.value) ? undefined : value)}
							options={setting.choices.map((choice) => ({ value: choice, label: named("choice", choice) ?? choice }))}
						/>
					) : (
						<TextInput
							value={shown}
							disabled={reason !== undefined}
							onChange={(value) => onChange(value === String(setting.value) ? undefined : value.trim())}
							inputMode="numeric"
						/>
					)}
					{unit && <span className="hw-quiet">{unit}</span>}
					{setting.from === "store" && typed !== null && reason === undefined && (
						<Button size="small" variant="text" theme="primary" onClick={() => onChange(null)}>
							{t("toDefault", { value: setting.default })}
						</Button>
					)}
				</div>
			</Field>
		</div>
	);
}

export default function RuntimeTab() {
	const t = useText(settingTexts);
	const c = useText(common);
	const client = useQueryClient();
	const reason = useNeeds("admin");
	const settings = useSettingsAnswer();
	const [draft, setDraft] = useState<Draft>({});
	const [isReview, setIsReview] = useState(false);

	if (settings.isPending) return <Loading rows={8} height={28} />;
	if (settings.isError) return <ProblemAlert error={settings.error} onRetry={() => settings.refetch()} />;
	const { items, etag } = settings.data;
	const changed = items.filter((one) => draft[one.name] !== undefined);
	const isWrong = changed.some((one) => {
		const typed = draft[one.name];
		return typeof typed === "string" && faultOf(one, typed);
	});
	const patch = Object.fromEntries(
		changed.map((one) => {
			const typed = draft[one.name];
			return [one.name, typeof typed === "string" && !one.choices ? Number(typed) : typed];
		}),
	) as Patch;

	async function save() {
		try {
			await request("patch", "/settings", { body: patch, ifMatch: etag });
		} catch (error) {
			// Another was first: what is there now is shown, and what was typed stays.
			if (isRefused(error, "precondition-failed")) await settings.refetch();
			throw error;
		}
		setDraft({});
		tell(t("told_settings"));
		client.invalidateQueries({ queryKey: keys.settings });
		client.invalidateQueries({ queryKey: keys.status });
	}

	return (
		<Card title={t("runtime")} id="runtime">
			<p className="hw-quiet hw-lead">{reason ?? t("runtimeLead")}</p>
			<div className="hw-settings">
				{items.map((setting) => (
					<Row
						key={setting.name}
						setting={setting}
						typed={draft[setting.name]}
						reason={reason}
						onChange={(value) =>
							setDraft((now) => {
								const { [setting.name]: _, ...rest } = now;
								return value === undefined ? rest : { ...rest, [setting.name]: value };
							})
						}
					/>
				))}
			</div>
			{changed.length > 0 && (
				<div className="hw-savebar" role="status">
					<span>{changed.length === 1 ? t("changesOne") : t("changes", { count: changed.length })}</span>
					<span className="hw-row">
						<Button onClick={() => setDraft({})}>{t("discard")}</Button>
						<Button theme="primary" disabled={isWrong} onClick={() => setIsReview(true)}>
							{t("review")}
						</Button>
					</span>
				</div>
			)}
			{isReview && (
				<ConfirmWithDiff
					title={t("saveTitle")}
					rehearse={() => rehearse("patch", "/settings", { body: patch, ifMatch: etag })}
					onConfirm={save}
					onClose={() => setIsReview(false)}
					confirmLabel={c("save")}
				>
					<p>{t("saveHint")}</p>
				</ConfirmWithDiff>
			)}
		</Card>
	);
}
